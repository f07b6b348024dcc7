//! `byleave sign-in`, `sign-out`, `claim` and `change-password`: a person's way in, with a password typed and never an
//! argument.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use byleave_api::byleave::{Claimed, Done, Invitation, PasswordChange, PasswordRequest, SignInRequest, SignedIn};
use clap::Args;

use super::Caller;
use super::credentials::{Kept, SignIns};
use super::fault::{Fault, Outcome};
use super::output::{note, plain};
use super::unseen;

/// What `sign-in` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave sign-in mia@shop.example\n  \
    pass show byleave | byleave sign-in mia@shop.example --password-stdin")]
pub(crate) struct SignIn {
    /// Your e-mail address
    #[arg(value_name = "E-MAIL")]
    user_name: String,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// What `claim` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  byleave claim 5d1f… --server https://byleave.vendor.example\n\n\
    The token is in the invitation that you were sent. It works once. You choose a password of at least 12 characters.")]
pub(crate) struct Claim {
    /// The token of the invitation, or the link with it
    token: String,
    /// Read the new password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// What `change-password` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave change-password\n  \
    printf '%s\\n%s\\n' \"$OLD\" \"$NEW\" | byleave change-password --password-stdin\n\n\
    The new password has at least 12 characters. Everywhere else you are signed out.")]
pub(crate) struct ChangePassword {
    /// Read the present and the new password from standard input, a line each, instead of asking for them
    #[arg(long)]
    password_stdin: bool,
}

/// Signs in and keeps the session's token for later commands.
pub(crate) async fn sign_in(caller: &Caller, args: SignIn) -> Outcome<()> {
    let password = password("Password: ", args.password_stdin)?;
    let request = SignInRequest { user_name: args.user_name, password };
    let signed_in: SignedIn = caller.client.anonymous().post("/session", &request).await?;
    let kept = Kept { user_name: request.user_name, token: signed_in.token };
    SignIns::set(caller.client.server(), Some(kept))?;
    caller.output.print(&signed_in.user, |user| {
        let name = user.user_name.as_deref().unwrap_or("you");
        format!("signed in at {} as {name}, for at most 12 hours", caller.client.server())
    })
}

/// Ends the session and forgets its token.
pub(crate) async fn sign_out(caller: &Caller) -> Outcome<()> {
    let ended = caller.client.delete::<serde_json::Value>("/session").await;
    // Also without an answer nothing shall stay behind here.
    SignIns::set(caller.client.server(), None)?;
    ended?;
    caller.output.print(&serde_json::json!({ "signedOut": true }), |_| "signed out".to_owned())
}

/// Claims an invitation: the first owner's organization begins with that.
pub(crate) async fn claim(caller: &Caller, args: Claim) -> Outcome<()> {
    let client = caller.client.anonymous();
    let path = format!("/invitations/{}", segment(token(&args.token))?);
    let invitation: Invitation = client.get(&path).await?;
    let what = if invitation.password_reset { "a new password" } else { "a place" };
    note(&plain(&format!("{}: {what} in the organization `{}`", invitation.user_name, invitation.organization_name)));
    let password = match args.password_stdin {
        true => password("", true)?,
        false => new_password()?,
    };
    let claimed: Claimed = client.post(&format!("{path}:claim"), &PasswordRequest { password }).await?;
    // Whoever claims is not signed in, so what they had looked at before can be compared from their next command on.
    caller.keep(&claimed.anchors);
    caller.output.print(&claimed, |_| {
        format!("done: now run `byleave sign-in {} --server {}`", invitation.user_name, caller.client.server())
    })
}

/// The token in what people were sent: itself, or the end of a link.
fn token(sent: &str) -> &str {
    match sent.split_once("/invitations/") {
        Some((_, token)) => token.trim_end_matches('/'),
        None => sent,
    }
}

/// Changes the password of who is signed in.
pub(crate) async fn change_password(caller: &Caller, args: ChangePassword) -> Outcome<()> {
    let (present, new) = if args.password_stdin {
        let both = password("", true)?;
        let (present, new) =
            both.split_once('\n').ok_or_else(|| Fault::usage("give two lines: present and new password"))?;
        (present.trim_end_matches('\r').to_owned(), new.to_owned())
    } else {
        (password("Present password: ", false)?, new_password()?)
    };
    let request = PasswordChange { password: present, new_password: new };
    let done: Done = caller.client.post("/session/password", &request).await?;
    caller.take(&done.anchors);
    caller.output.print(&done, |_| "changed; everywhere else you are signed out".to_owned())
}

/// Asks for a new password, twice.
fn new_password() -> Outcome<String> {
    let new = password("Choose a password: ", false)?;
    if new == password("The same again: ", false)? { Ok(new) } else { Err(Fault::usage("the two passwords differ")) }
}

/// Asks for a password without showing it, or reads it from standard input.
pub(crate) fn password(prompt: &str, from_stdin: bool) -> Outcome<String> {
    let text = if from_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the password from standard input")?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else if std::io::stdin().is_terminal() {
        unseen::line(prompt).context("cannot ask for the password")?
    } else {
        return Err(Fault::usage("there is no terminal to ask for the password").advise("give --password-stdin"));
    };
    if text.is_empty() { Err(Fault::usage("the password is empty")) } else { Ok(text) }
}

/// A text that becomes a part of a path: nothing in it may lead elsewhere.
pub(crate) fn segment(text: &str) -> Outcome<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text)
    } else {
        Err(Fault::usage(format!("`{text}` must have only letters, digits, `-` and `_`")))
    }
}

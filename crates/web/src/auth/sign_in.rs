//! Signing in with a password: shared by `POST /session` and the sign-in page.
//!
//! Unknown names, wrong passwords and removed users get one answer after the same work.

use byleave_core::name::UserName;
use byleave_core::time::{BEHIND_ALLOWED, MINUTE, Timestamp};
use byleave_store::StoreError;
use byleave_store::web_session::WebSession;

use crate::app::App;
use crate::auth::password::HashError;
use crate::auth::throttle::TooEarly;
use crate::auth::token::{Token, TokenHash};

/// How long a password given counts as just given, in milliseconds.
pub const FRESH_FOR: i64 = 5 * MINUTE;

/// Whether somebody who gave their password at `fresh_at` must give it again for what needs it.
pub const fn is_fresh(fresh_at: Timestamp, now: Timestamp) -> bool {
    // The store's clock may run a little ahead of the machine's.
    let ago = now.since(fresh_at);
    ago >= -BEHIND_ALLOWED && ago <= FRESH_FOR
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The server cannot hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many failures for this name.
    #[error("too many tries; wait {} seconds", .0.wait_ms / 1000 + 1)]
    TooEarly(TooEarly),
    /// The name or the password is wrong.
    #[error("the user name or the password is wrong")]
    Wrong,
}

/// Signs somebody in: a new token, of which only the hash is kept.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(app: &App, name: &str, password: String) -> Result<(Token, WebSession), SignInError> {
    let now = app.read_clock();
    let _place = app.passwords.stand_in_line().ok_or(SignInError::TooEarly(TooEarly { wait_ms: 1_000 }))?;
    app.throttle.try_once(name, now.since_boot).map_err(SignInError::TooEarly)?;
    let facts = match name.parse::<UserName>() {
        Ok(name) => app.store.sign_in_facts(&name).await?,
        Err(_) => None,
    };
    let (user, hash) = facts.map(|facts| (facts.user, facts.password_hash)).unzip();
    let right = app.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| right) else { return Err(SignInError::Wrong) };
    app.throttle.succeeded(name);
    let token = Token::draw(app.entropy.as_ref());
    match app.store.open_web_session(user, *token.hash().as_bytes(), &now).await {
        Ok(session) => Ok((token, session)),
        Err(StoreError::NotFound(_)) => Err(SignInError::Wrong),
        Err(error) => Err(error.into()),
    }
}

/// Notes that somebody who is signed in gave their password again.
///
/// # Errors
/// [`SignInError`].
pub async fn give_password_again(
    app: &App,
    token: TokenHash,
    session: &WebSession,
    password: String,
) -> Result<WebSession, SignInError> {
    let now = app.read_clock();
    let name = session.user_name.as_str();
    let _place = app.passwords.stand_in_line().ok_or(SignInError::TooEarly(TooEarly { wait_ms: 1_000 }))?;
    app.throttle.try_once(name, now.since_boot).map_err(SignInError::TooEarly)?;
    let hash = app.store.sign_in_facts(&session.user_name).await?.map(|facts| facts.password_hash);
    if !app.passwords.verify(password, hash).await? {
        return Err(SignInError::Wrong);
    }
    app.throttle.succeeded(name);
    Ok(app.store.refresh_web_session(*token.as_bytes(), &now).await?)
}

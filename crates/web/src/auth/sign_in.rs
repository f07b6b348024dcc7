//! Signing in with a password, giving it again and changing it: shared by `/session` of the API and the pages.
//!
//! Unknown names, wrong passwords and removed users get one answer after the same work.

use byleave_core::name::UserName;
use byleave_core::time::{BEHIND_ALLOWED, MINUTE, Timestamp};
use byleave_store::web_session::WebSession;
use byleave_store::{Secret, StoreError, Written};

use crate::app::App;
use crate::auth::line::Place;
use crate::auth::password::{self, HashError, PasswordError};
use crate::auth::throttle::{Origin, TooEarly};
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
    /// Too many tries for this name.
    #[error("too many tries; wait {}", .0.told())]
    TooEarly(TooEarly),
    /// The name or the password is wrong.
    #[error("the user name or the password is wrong")]
    Wrong,
}

/// The name that somebody means who types this to sign in: names are in lower case.
pub fn typed_name(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Signs somebody in who tries from there: a new token, of which only the hash is kept.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(
    app: &App,
    name: &str,
    password: String,
    origin: Origin,
) -> Result<(Token, WebSession), SignInError> {
    let now = app.read_clock();
    let _place = stand_in_line(app, origin)?;
    app.throttle.try_once(name, origin, now.since_boot).map_err(SignInError::TooEarly)?;
    let facts = match name.parse::<UserName>() {
        Ok(name) => app.store.sign_in_facts(&name).await?,
        Err(_) => None,
    };
    let (user, hash) = facts.map(|facts| (facts.user, facts.password_hash)).unzip();
    let right = app.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| right) else { return Err(SignInError::Wrong) };
    app.throttle.succeeded(name, origin);
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
    prove(app, session, password).await?;
    Ok(app.store.refresh_web_session(*token.as_bytes(), &app.read_clock()).await?)
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The present password was not proven, or the server cannot do it.
    #[error(transparent)]
    Proof(#[from] SignInError),
    /// The new password breaks a rule.
    #[error("the new password {0}")]
    Rule(#[from] PasswordError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Proof(error.into())
    }
}

/// Changes the password of somebody who is signed in and gives the present one, however fresh the sign-in. All their
/// other web sessions end.
///
/// # Errors
/// [`ChangeError`].
pub async fn change_password(
    app: &App,
    token: TokenHash,
    session: &WebSession,
    present: String,
    new: String,
) -> Result<Written<()>, ChangeError> {
    password::check(&new, session.user_name.as_str())?;
    if new == present {
        return Err(PasswordError::Same.into());
    }
    let former = prove(app, session, present).await?;
    let hash = app.passwords.hash(new).await.map_err(SignInError::from)?;
    Ok(app.store.set_password(&session.actor, &app.read_clock(), former, hash, Some(*token.as_bytes())).await?)
}

/// Proves that somebody who is signed in knows their password; answers its hash.
async fn prove(app: &App, session: &WebSession, password: String) -> Result<Secret, SignInError> {
    let name = session.user_name.as_str();
    let _place = stand_in_line(app, Origin::Known)?;
    app.throttle.try_once(name, Origin::Known, app.read_clock().since_boot).map_err(SignInError::TooEarly)?;
    let hash = app.store.sign_in_facts(&session.user_name).await?.map(|facts| facts.password_hash);
    let right = app.passwords.verify(password, hash.clone()).await?;
    let hash = hash.filter(|_| right).ok_or(SignInError::Wrong)?;
    app.throttle.succeeded(name, Origin::Known);
    Ok(hash)
}

fn stand_in_line(app: &App, origin: Origin) -> Result<Place, SignInError> {
    app.passwords.stand_in_line(origin).ok_or(SignInError::TooEarly(TooEarly { wait_ms: 1_000 }))
}

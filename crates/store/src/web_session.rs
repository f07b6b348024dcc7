//! Web sessions: a signed-in browser or CLI. 12 hours from signing in, revocable at once; only the SHA-256 of the
//! token is stored.

use byleave_core::actor::Actor;
use byleave_core::id::UserId;
use byleave_core::name::UserName;
use byleave_core::time::{HOUR, Reading, Timestamp};

use crate::error::StoreError;
use crate::store::Store;

/// How long a web session lasts, in milliseconds.
pub const SIGNED_IN_FOR: i64 = 12 * HOUR;

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// The user, as an actor with the present roles.
    pub actor: Actor,
    /// The user.
    pub user: UserId,
    /// Their name.
    pub user_name: UserName,
    /// When they signed in.
    pub signed_in_at: Timestamp,
    /// When they last gave their password.
    pub fresh_at: Timestamp,
    /// When the web session ends by itself.
    pub expires_at: Timestamp,
}

impl Store {
    /// Opens a web session for a user who gave their password. `token_hash` is the SHA-256 of a random token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the user was removed.
    pub async fn open_web_session(
        &self,
        user: UserId,
        token_hash: [u8; 32],
        now: &Reading,
    ) -> Result<WebSession, StoreError> {
        let _ = (user, token_hash, now);
        Err(StoreError::unwritten())
    }

    /// The web session of a token; `None` if it is unknown, closed or over, or the user was removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<Option<WebSession>, StoreError> {
        let _ = (token_hash, now);
        Err(StoreError::unwritten())
    }

    /// Notes that the user gave their password again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such web session.
    pub async fn refresh_web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<WebSession, StoreError> {
        let _ = (token_hash, now);
        Err(StoreError::unwritten())
    }

    /// Closes a web session; an unknown one is closed already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn close_web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<(), StoreError> {
        let _ = (token_hash, now);
        Err(StoreError::unwritten())
    }
}

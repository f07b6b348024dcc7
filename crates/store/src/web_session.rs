//! Web sessions: a signed-in browser or CLI. 12 hours from signing in, revocable at once; only the SHA-256 of the
//! token is stored.

use byleave_core::actor::Actor;
use byleave_core::id::UserId;
use byleave_core::name::UserName;
use byleave_core::time::{HOUR, Reading, Timestamp};

use crate::authority::{self, Holder};
use crate::error::{StoreError, Thing};
use crate::memory::recall;
use crate::row;
use crate::sql::{Sql, query};
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
        let body = self.write("open web session", now, move |tx| {
            let at = tx.at();
            query("DELETE FROM web_sessions WHERE expires_at <= $1").bind(at.millis()).execute(tx.sql)?;
            query(
                "INSERT INTO web_sessions (token_hash, user_id, signed_in_at, fresh_at, expires_at)
                     SELECT $1, id, $3, $3, $4 FROM users WHERE id = $2 AND removed_at IS NULL",
            )
            .bind(token_hash.to_vec())
            .bind(user.to_string())
            .bind(at.millis())
            .bind(at.plus(SIGNED_IN_FOR).millis())
            .execute(tx.sql)?;
            load(tx.sql, token_hash, at)?.ok_or(StoreError::NotFound(Thing::User))
        });
        body.await.map(|written| written.value)
    }

    /// The web session of a token; `None` if it is unknown, closed or over, or the user was removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<Option<WebSession>, StoreError> {
        let mut sql = self.read()?;
        let at = self.judged(&sql, now).at;
        load(&mut sql, token_hash, at)
    }

    /// Notes that the user gave their password again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such web session.
    pub async fn refresh_web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<WebSession, StoreError> {
        let body = self.write("refresh web session", now, move |tx| {
            let at = tx.at();
            query("UPDATE web_sessions SET fresh_at = $2 WHERE token_hash = $1")
                .bind(token_hash.to_vec())
                .bind(at.millis())
                .execute(tx.sql)?;
            load(tx.sql, token_hash, at)?.ok_or(StoreError::NotFound(Thing::User))
        });
        body.await.map(|written| written.value)
    }

    /// Closes a web session; an unknown one is closed already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn close_web_session(&self, token_hash: [u8; 32], now: &Reading) -> Result<(), StoreError> {
        let body = self.write("close web session", now, move |tx| {
            query("DELETE FROM web_sessions WHERE token_hash = $1").bind(token_hash.to_vec()).execute(tx.sql)?;
            Ok(())
        });
        body.await.map(|written| written.value)
    }
}

/// A web session that is not over, of a user who was not removed.
fn load(sql: &mut Sql, token_hash: [u8; 32], at: Timestamp) -> Result<Option<WebSession>, StoreError> {
    let found = recall(sql, |kept| &mut kept.web_sessions, token_hash, |sql| read(sql, token_hash))?;
    Ok(found.filter(|session| session.expires_at > at))
}

/// A web session, over or not, of a user who was not removed.
fn read(sql: &mut Sql, token_hash: [u8; 32]) -> Result<Option<WebSession>, StoreError> {
    let row = query(
        "SELECT users.id, users.organization, users.name, web_sessions.signed_in_at, web_sessions.fresh_at,
                web_sessions.expires_at
         FROM web_sessions JOIN users ON users.id = web_sessions.user_id
         WHERE web_sessions.token_hash = $1 AND users.removed_at IS NULL",
    )
    .bind(token_hash.to_vec())
    .fetch_optional(&mut *sql)?;
    let Some(row) = row else { return Ok(None) };
    let user: UserId = row::text(&row, "id")?;
    let roles = authority::roles(sql, Holder::User(user))?;
    Ok(Some(WebSession {
        actor: Actor::User { id: user, organization: row::text(&row, "organization")?, roles },
        user,
        user_name: row::text(&row, "name")?,
        signed_in_at: row::instant(&row, "signed_in_at")?,
        fresh_at: row::instant(&row, "fresh_at")?,
        expires_at: row::instant(&row, "expires_at")?,
    }))
}

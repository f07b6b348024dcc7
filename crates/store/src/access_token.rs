//! Access tokens of service accounts: an hour, revocable at once; only the SHA-256 of the token is stored.
//!
//! Nothing here compares a secret: the caller gets the hashes and says which of them was right.

use byleave_core::actor::Actor;
use byleave_core::id::{OrgId, SecretId, ServiceAccountId};
use byleave_core::network::Network;
use byleave_core::service_account::token_until;
use byleave_core::time::{Reading, Timestamp};

use crate::account::AccountId;
use crate::authority::{self, Holder};
use crate::error::{StoreError, Thing};
use crate::memory::recall;
use crate::network;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;

/// What verifying a secret needs.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientFacts {
    /// The secrets that are not over, each with the SHA-256 of its text.
    pub secrets: Vec<(SecretId, [u8; 32])>,
}

impl std::fmt::Debug for ClientFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientFacts({} secrets)", self.secrets.len())
    }
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// The account as an actor, with its present roles.
    pub actor: Actor,
    /// From where it is taken; from everywhere if there is none.
    pub networks: Vec<Network>,
}

/// A token as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct IssuedToken {
    facts: TokenFacts,
    /// When it or its secret ends.
    until: Timestamp,
}

impl Store {
    /// What verifying a secret of an account needs. An account that is not there costs the same and has no secrets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn client_facts(&self, account: ServiceAccountId, now: &Reading) -> Result<ClientFacts, StoreError> {
        let mut sql = self.read()?;
        let at = self.judged(&sql, now).at;
        let rows = query(
            "SELECT id, hash FROM service_account_secrets WHERE service_account = $1 AND expires_at > $2 ORDER BY id",
        );
        let rows = rows.bind(account.to_string()).bind(at.millis()).fetch_all(&mut sql)?;
        let secrets = rows.iter().map(|row| Ok((row::text(row, "id")?, row::bytes(row, "hash")?)));
        Ok(ClientFacts { secrets: secrets.collect::<Result<_, StoreError>>()? })
    }

    /// Keeps a new token for a secret that was just verified, and answers when it is issued and when it ends.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the secret was removed or is over.
    pub async fn issue_token(
        &self,
        secret: SecretId,
        token_hash: [u8; 32],
        now: &Reading,
    ) -> Result<(Timestamp, Timestamp), StoreError> {
        let body = self.write("issue token", now, move |tx| {
            let at = tx.at();
            query("DELETE FROM access_tokens WHERE expires_at <= $1").bind(at.millis()).execute(tx.sql)?;
            let row = query("UPDATE service_account_secrets SET used_at = $2 WHERE id = $1 RETURNING expires_at");
            let row = row.bind(secret.to_string()).bind(at.millis()).fetch_optional(tx.sql)?;
            let row = row.ok_or(StoreError::NotFound(Thing::Secret))?;
            let until = token_until(row::instant(&row, "expires_at")?, at);
            let until = until.ok_or(StoreError::NotFound(Thing::Secret))?;
            query("INSERT INTO access_tokens (hash, secret, expires_at) VALUES ($1, $2, $3)")
                .bind(token_hash.to_vec())
                .bind(secret.to_string())
                .bind(until.millis())
                .execute(tx.sql)?;
            Ok((at, until))
        });
        body.await.map(|written| written.value)
    }

    /// Whose a token is; `None` if it is unknown, revoked or over, or its account or secret was removed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn access_token(&self, token_hash: [u8; 32], now: &Reading) -> Result<Option<TokenFacts>, StoreError> {
        let mut sql = self.read()?;
        let at = self.judged(&sql, now).at;
        let found = recall(&mut sql, |kept| &mut kept.tokens, token_hash, |sql| issued(sql, token_hash))?;
        Ok(found.filter(|token| token.until > at).map(|token| token.facts))
    }

    /// Revokes a token of an account. An unknown one, or one of another account, is no matter.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn revoke_token(
        &self,
        account: ServiceAccountId,
        token_hash: [u8; 32],
        now: &Reading,
    ) -> Result<(), StoreError> {
        let body = self.write("revoke token", now, move |tx| {
            query(
                "DELETE FROM access_tokens WHERE hash = $1
                     AND secret IN (SELECT id FROM service_account_secrets WHERE service_account = $2)",
            )
            .bind(token_hash.to_vec())
            .bind(account.to_string())
            .execute(tx.sql)?;
            Ok(())
        });
        body.await.map(|written| written.value)
    }
}

/// A token, over or not, of an account that was not removed.
fn issued(sql: &mut Sql, token_hash: [u8; 32]) -> Result<Option<IssuedToken>, StoreError> {
    let row = query(
        "SELECT service_accounts.id, service_accounts.organization, access_tokens.expires_at,
                service_account_secrets.expires_at AS secret_expires_at
         FROM access_tokens
         JOIN service_account_secrets ON service_account_secrets.id = access_tokens.secret
         JOIN service_accounts ON service_accounts.id = service_account_secrets.service_account
         WHERE access_tokens.hash = $1 AND service_accounts.removed_at IS NULL",
    );
    let Some(row) = row.bind(token_hash.to_vec()).fetch_optional(&mut *sql)? else { return Ok(None) };
    let (id, organization): (ServiceAccountId, OrgId) = (row::text(&row, "id")?, row::text(&row, "organization")?);
    let roles = authority::roles(sql, Holder::ServiceAccount(id))?;
    let networks = network::all(sql, AccountId::ServiceAccount(id))?;
    let facts = TokenFacts {
        actor: Actor::ServiceAccount { id, organization, roles },
        networks: networks.into_iter().map(|row| row.network).collect(),
    };
    let until = row::instant(&row, "expires_at")?.min(row::instant(&row, "secret_expires_at")?);
    Ok(Some(IssuedToken { facts, until }))
}

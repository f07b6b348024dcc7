//! Secrets of service accounts. The caller draws the text, 256 random bits, and shows it once; only its SHA-256 is here,
//! from which nothing can be read back.

use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::id::{SecretId, ServiceAccountId};
use byleave_core::service_account::add_secret;
use byleave_core::setting::SecretHours;
use byleave_core::time::{Reading, Timestamp};

use crate::account::{AccountId, Manager, Through};
use crate::error::{Rule, StoreError, Thing};
use crate::organization;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// A secret to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The SHA-256 of its text.
    pub hash: [u8; 32],
    /// The last four characters of its text.
    pub hint: String,
    /// How long it lasts.
    pub validity: SecretHours,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecret(…)")
    }
}

/// A secret, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its id.
    pub id: SecretId,
    /// The last four characters of its text.
    pub hint: String,
    /// When it was made.
    pub added_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it last got a token.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Adds a secret to a service account.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles of the account, [`StoreError::Refused`] if it
    /// has two secrets, or it would last longer than the organization allows.
    pub async fn add_secret(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        account: ServiceAccountId,
        secret: NewSecret,
    ) -> Result<Written<SecretRow>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("add secret", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            let id = AccountId::ServiceAccount(account);
            manager.own(&id.roles(tx.sql, manager.organization, through)?)?;
            add(tx, &manager, account, &secret)
        });
        body.await
    }

    /// Removes a secret, and the tokens that it got.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles of the account, [`StoreError::NotFound`] if it
    /// has no such secret.
    pub async fn remove_secret(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        account: ServiceAccountId,
        secret: SecretId,
    ) -> Result<Written<()>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("remove secret", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            let id = AccountId::ServiceAccount(account);
            manager.own(&id.roles(tx.sql, manager.organization, through)?)?;
            let removed = query("DELETE FROM service_account_secrets WHERE id = $1 AND service_account = $2")
                .bind(secret.to_string())
                .bind(account.to_string())
                .execute(tx.sql)?;
            if removed == 0 {
                return Err(StoreError::NotFound(Thing::Secret));
            }
            let event = Event::ServiceAccountSecretRemoved { service_account: account, secret };
            tx.append(manager.organization, manager.by, event)?;
            Ok(())
        });
        body.await
    }
}

/// Adds a secret for somebody who may.
pub(crate) fn add(
    tx: &mut Transaction<'_>,
    manager: &Manager,
    account: ServiceAccountId,
    new: &NewSecret,
) -> Result<SecretRow, StoreError> {
    let present = all(tx.sql, account)?.len();
    let (id, at) = (SecretId::from_bytes(tx.random()), tx.at());
    let longest = organization::load(tx.sql, manager.organization)?.longest_secret;
    let added = add_secret(present, new.validity, longest, at);
    let expires_at = added.map_err(|error| StoreError::Refused(Rule::Secret(error)))?;
    query(
        "INSERT INTO service_account_secrets (id, service_account, hash, hint, added_at, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
    )
    .bind(id.to_string())
    .bind(account.to_string())
    .bind(new.hash.to_vec())
    .bind(&new.hint)
    .bind(at.millis())
    .bind(expires_at.millis())
    .execute(tx.sql)?;
    let event = Event::ServiceAccountSecretAdded { service_account: account, secret: id, expires_at };
    tx.append(manager.organization, manager.by.clone(), event)?;
    Ok(SecretRow { id, hint: new.hint.clone(), added_at: at, expires_at, used_at: None })
}

/// The secrets of an account, oldest first; those that ran out are there until they are removed.
pub(crate) fn all(sql: &mut Sql, account: ServiceAccountId) -> Result<Vec<SecretRow>, StoreError> {
    let rows = query(
        "SELECT id, hint, added_at, expires_at, used_at FROM service_account_secrets
         WHERE service_account = $1 ORDER BY added_at, id",
    );
    let rows = rows.bind(account.to_string()).fetch_all(sql)?;
    let read = |row| {
        Ok(SecretRow {
            id: row::text(row, "id")?,
            hint: row::raw(row, "hint")?,
            added_at: row::instant(row, "added_at")?,
            expires_at: row::instant(row, "expires_at")?,
            used_at: row::instant_or_none(row, "used_at")?,
        })
    };
    rows.iter().map(read).collect()
}

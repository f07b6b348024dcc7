//! API keys: what programs of a customer sign in with (HTTP Digest). The HA1 values are as good as a password and are
//! sealed at rest.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{ApiKeyId, OrgId};
use byleave_core::name::Description;
use byleave_core::network::Network;
use byleave_core::policy::Action;
use byleave_core::role::Roles;
use byleave_core::time::{Reading, Timestamp};
use zeroize::Zeroizing;

use crate::account::{AccountId, Through, give};
use crate::authority::{self, Holder};
use crate::error::{Conflict, Rule, StoreError, Thing};
use crate::invitation;
use crate::network;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

/// The two HA1 values of a key: MD5 and SHA-256 over public key, realm and private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// With MD5.
    pub md5: Zeroizing<[u8; 16]>,
    /// With SHA-256.
    pub sha256: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// How long a sealed pair of HA1 values is: nonce, values, tag.
const SEALED: usize = 12 + 48 + 16;

/// A key to be made. The caller draws the texts and shows the private one once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// The public part, which names the key.
    pub public_key: String,
    /// What it is for.
    pub description: Description,
    /// Its roles in the organization.
    pub roles: Roles,
    /// What verifies it.
    pub ha1: Ha1,
}

/// A key as owners see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// The organization.
    pub organization: OrgId,
    /// The public part.
    pub public_key: String,
    /// What it is for.
    pub description: Description,
    /// Its roles.
    pub roles: Roles,
    /// When it was made.
    pub added_at: Timestamp,
}

impl ApiKeyRow {
    /// The tag of what can be changed of it.
    pub fn tag(&self) -> Tag {
        Tag::of(self)
    }
}

/// What verifying a request of a key needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyFacts {
    /// Its id.
    pub id: ApiKeyId,
    /// The organization.
    pub organization: OrgId,
    /// What verifies it.
    pub ha1: Ha1,
}

/// What is changed of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiKeyChange {
    /// Another description.
    pub description: Option<Description>,
    /// Other roles in the organization, or in the project through which the key is reached.
    pub roles: Option<Roles>,
}

impl Store {
    /// Adds a key. Through a project, it has roles in that project only.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles, [`StoreError::Conflict`] if the public part is taken,
    /// [`StoreError::Refused`] for roles that are none.
    pub async fn add_api_key(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        key: NewApiKey,
    ) -> Result<Written<ApiKeyRow>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("add API key", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            if key.roles.is_empty() {
                return Err(StoreError::Refused(Rule::NoRole));
            }
            manager.give(&Roles::default(), &key.roles)?;
            let id = insert(tx, manager.organization, &key)?;
            authority::set_roles(tx.sql, manager.organization, Holder::ApiKey(id), &key.roles)?;
            let event = Event::ApiKeyAdded { api_key: id, public_key: key.public_key, roles: key.roles };
            tx.append(manager.organization, manager.by, event)?;
            load(tx.sql, manager.organization, through, id)
        });
        body.await
    }

    /// The keys that are reached, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn api_keys(&self, actor: &Actor, through: impl Into<Through>) -> Result<Vec<ApiKeyRow>, StoreError> {
        let through = through.into();
        let mut sql = self.read()?;
        let organization = through.read(&mut sql, actor, Action::ReadApiKeys)?;
        let rows =
            query("SELECT id FROM api_keys WHERE organization = $1 AND removed_at IS NULL ORDER BY added_at, id")
                .bind(organization.to_string())
                .fetch_all(&mut sql)?;
        let mut found = Vec::new();
        for row in &rows {
            match load(&mut sql, organization, through, row::text(row, "id")?) {
                Ok(row) => found.push(row),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// One key by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none that is reached, and by role.
    pub async fn api_key_of(
        &self,
        actor: &Actor,
        through: impl Into<Through>,
        key: ApiKeyId,
    ) -> Result<ApiKeyRow, StoreError> {
        let through = through.into();
        let mut sql = self.read()?;
        let organization = through.read(&mut sql, actor, Action::ReadApiKeys)?;
        load(&mut sql, organization, through, key)
    }

    /// Changes description and roles. Who manages a project changes the description only of a key that has no other
    /// roles.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role, [`StoreError::Refused`] for no role at all.
    pub async fn change_api_key(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        key: ApiKeyId,
        change: ApiKeyChange,
    ) -> Result<Written<ApiKeyRow>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("change API key", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            let before = load(tx.sql, manager.organization, through, key)?;
            tx.expect(|| before.tag())?;
            if let Some(description) = change.description.filter(|new| *new != before.description) {
                manager.own(&before.roles)?;
                query("UPDATE api_keys SET description = $2 WHERE id = $1")
                    .bind(key.to_string())
                    .bind(description.as_str())
                    .execute(tx.sql)?;
                let event = Event::ApiKeyDescriptionChanged { api_key: key };
                tx.append(manager.organization, manager.by.clone(), event)?;
            }
            if let Some(roles) = change.roles {
                if roles.is_empty() {
                    return Err(StoreError::Refused(Rule::NoRole));
                }
                give(tx, &manager, through, AccountId::ApiKey(key), &roles)?;
            }
            load(tx.sql, manager.organization, through, key)
        });
        body.await
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] if there is no such key.
    pub async fn remove_api_key(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        key: ApiKeyId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("remove API key", now, move |tx| {
            let through = Through::Organization(organization);
            let manager = through.manage(tx.sql, &actor)?;
            load(tx.sql, organization, through, key)?;
            // The sealed values go at once: nothing needs them any more.
            query("UPDATE api_keys SET removed_at = $2, ha1_sealed = $3 WHERE id = $1")
                .bind(key.to_string())
                .bind(tx.at().millis())
                .bind(Vec::new())
                .execute(tx.sql)?;
            for text in ["DELETE FROM networks WHERE api_key = $1", "DELETE FROM roles WHERE api_key = $1"] {
                query(text).bind(key.to_string()).execute(tx.sql)?;
            }
            invitation::void_made_by(tx, &By::ApiKey(key))?;
            tx.append(organization, manager.by, Event::ApiKeyRemoved { api_key: key })?;
            Ok(())
        });
        body.await
    }

    /// What verifies the key with this public part; `None` if there is none. Whoever asks must not learn by the time that
    /// it takes which keys there are: both read one row and open one sealed text.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn api_key(&self, public_key: &str) -> Result<Option<ApiKeyFacts>, StoreError> {
        let mut sql = self.read()?;
        let row =
            query("SELECT id, organization, ha1_sealed FROM api_keys WHERE public_key = $1 AND removed_at IS NULL")
                .bind(public_key)
                .fetch_optional(&mut sql)?;
        let id = row.as_ref().map_or(Ok(ApiKeyId::from_bytes([0; 12])), |row| row::text(row, "id"))?;
        let sealed = row.as_ref().map_or(Ok(vec![0; SEALED]), |row| row::raw::<Vec<u8>>(row, "ha1_sealed"))?;
        let plain = self.sealing().open(&context(id), &sealed);
        let Some(row) = row else { return Ok(None) };
        Ok(Some(ApiKeyFacts { id, organization: row::text(&row, "organization")?, ha1: read_ha1(&plain?)? }))
    }

    /// The key as an actor with its present roles, and from where it is taken (from everywhere if there is none): for who
    /// has shown its credentials.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn api_key_actor(&self, key: &ApiKeyFacts) -> Result<(Actor, Vec<Network>), StoreError> {
        let mut sql = self.read()?;
        let roles = authority::roles(&mut sql, Holder::ApiKey(key.id))?;
        let networks = network::all(&mut sql, AccountId::ApiKey(key.id))?;
        let actor = Actor::ApiKey { id: key.id, organization: key.organization, roles };
        Ok((actor, networks.into_iter().map(|row| row.network).collect()))
    }
}

fn insert(tx: &mut Transaction<'_>, organization: OrgId, key: &NewApiKey) -> Result<ApiKeyId, StoreError> {
    let taken = query("SELECT id FROM api_keys WHERE public_key = $1").bind(&key.public_key).fetch_optional(tx.sql)?;
    if taken.is_some() {
        return Err(StoreError::Conflict(Conflict::ApiKeyTaken));
    }
    let id = ApiKeyId::from_bytes(tx.random());
    let plain = Zeroizing::new([key.ha1.md5.as_slice(), key.ha1.sha256.as_slice()].concat());
    let sealed = tx.store.sealing().seal(tx.store.entropy(), &context(id), &plain)?;
    query(
        "INSERT INTO api_keys (id, organization, public_key, description, ha1_sealed, added_at, removed_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .bind(&key.public_key)
    .bind(key.description.as_str())
    .bind(sealed)
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    Ok(id)
}

/// A key that was not removed and is reached.
fn load(sql: &mut Sql, organization: OrgId, through: Through, id: ApiKeyId) -> Result<ApiKeyRow, StoreError> {
    let row = query(
        "SELECT public_key, description, added_at FROM api_keys
         WHERE id = $1 AND organization = $2 AND removed_at IS NULL",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut *sql)?;
    let row = row.ok_or(StoreError::NotFound(Thing::ApiKey))?;
    let roles = authority::roles(sql, Holder::ApiKey(id))?;
    if !through.reaches(&roles) {
        return Err(StoreError::NotFound(Thing::ApiKey));
    }
    Ok(ApiKeyRow {
        id,
        organization,
        public_key: row::raw(&row, "public_key")?,
        description: row::text(&row, "description")?,
        roles,
        added_at: row::instant(&row, "added_at")?,
    })
}

fn context(id: ApiKeyId) -> String {
    format!("api key {id} ha1")
}

fn read_ha1(plain: &[u8]) -> Result<Ha1, StoreError> {
    let damaged = || StoreError::corrupt("a sealed key must have 48 bytes");
    let (md5, rest) = plain.split_first_chunk::<16>().ok_or_else(damaged)?;
    let sha256 = <[u8; 32]>::try_from(rest).map_err(|_| damaged())?;
    Ok(Ha1 { md5: Zeroizing::new(*md5), sha256: Zeroizing::new(sha256) })
}

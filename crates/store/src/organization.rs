//! Organizations: who they are, the block, and the longest grant.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::OrgId;
use byleave_core::name::{Contact, OrgName, PublicKey};
use byleave_core::policy::{Action, Refusal, Resource, may};
use byleave_core::setting::SecretHours;
use byleave_core::time::{Reading, Timestamp, Ttl};
use zeroize::Zeroizing;

use crate::authority::{present, require_in_organization};
use crate::error::{StoreError, Thing};
use crate::grant;
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

pub use crate::project::ProjectRow;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: OrgName,
    /// Whether it blocks support.
    pub blocked: bool,
    /// The longest grant that can be given in it.
    pub longest: Ttl,
    /// The longest that a secret of a service account may be valid.
    pub longest_secret: SecretHours,
    /// Where security notices go.
    pub security_contact: Option<Contact>,
    /// Where operational notices go.
    pub operations_contact: Option<Contact>,
    /// When its first owner claimed it; `None` before that.
    pub claimed_at: Option<Timestamp>,
}

impl OrganizationRow {
    /// The tag of its settings.
    pub fn tag(&self) -> Tag {
        Tag::of(self)
    }
}

/// The columns of [`OrganizationRow`], for all or for one.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, blocked, longest_ms, longest_secret_hours, security_contact, operations_contact, claimed_at ",
            "FROM organizations ",
            $rest
        )
    };
}

impl Store {
    /// The public key of the organization's SSH user CA, which its nodes trust. For members and administrators.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn ssh_user_ca(&self, actor: &Actor, id: OrgId) -> Result<PublicKey, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        if !sees(&actor, id) {
            return Err(StoreError::NotFound(Thing::Organization));
        }
        ca_public(&mut sql, id)
    }

    /// The organizations that the actor may know of, by name: a customer's own, all for an administrator.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for an employee.
    pub async fn organizations(&self, actor: &Actor) -> Result<Vec<OrganizationRow>, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        if matches!(actor, Actor::Employee { .. }) {
            return Err(StoreError::Forbidden(Refusal::Forbidden));
        }
        let rows = query(select!("ORDER BY name, id")).fetch_all(&mut sql)?;
        let rows = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().filter(|row| sees(&actor, row.id)).collect())
    }

    /// One organization.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of it.
    pub async fn organization(&self, actor: &Actor, id: OrgId) -> Result<OrganizationRow, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        let row = load(&mut sql, id)?;
        if sees(&actor, id) { Ok(row) } else { Err(StoreError::NotFound(Thing::Organization)) }
    }

    /// Blocks support from the organization. Writes nothing if it is blocked already. Works in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn block(&self, actor: &Actor, now: &Reading, id: OrgId) -> Result<Written<OrganizationRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("block", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::Block, id)?;
            set_blocked(tx, &actor, id, true)
        });
        body.await
    }

    /// Lifts the block. Writes nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn unblock(
        &self,
        actor: &Actor,
        now: &Reading,
        id: OrgId,
    ) -> Result<Written<OrganizationRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("unblock", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::Unblock, id)?;
            set_blocked(tx, &actor, id, false)
        });
        body.await
    }

    /// Sets the longest grant of the organization; grants in force keep their time.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn set_longest_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        id: OrgId,
        longest: Ttl,
    ) -> Result<Written<OrganizationRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("set longest grant", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::SetLongestGrant, id)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
            let before = load(tx.sql, id)?;
            tx.expect(|| before.tag())?;
            set_longest(tx, &before, by, longest)?;
            load(tx.sql, id)
        });
        body.await
    }
}

/// Sets the longest grant. Whoever calls has asked whether the actor may.
pub(crate) fn set_longest(
    tx: &mut Transaction<'_>,
    before: &OrganizationRow,
    by: By,
    longest: Ttl,
) -> Result<(), StoreError> {
    if before.longest != longest {
        query("UPDATE organizations SET longest_ms = $2 WHERE id = $1")
            .bind(before.id.to_string())
            .bind(longest.millis())
            .execute(tx.sql)?;
        tx.append(before.id, by, Event::LongestGrantSet { longest })?;
    }
    Ok(())
}

/// Sets or lifts the block. Whoever calls has asked whether the actor may.
pub(crate) fn set_blocked(
    tx: &mut Transaction<'_>,
    actor: &Actor,
    id: OrgId,
    blocked: bool,
) -> Result<OrganizationRow, StoreError> {
    let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
    if load(tx.sql, id)?.blocked != blocked {
        query("UPDATE organizations SET blocked = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(i64::from(blocked))
            .execute(tx.sql)?;
        let event = if blocked { Event::OrganizationBlocked {} } else { Event::OrganizationUnblocked {} };
        tx.append(id, by, event)?;
        tx.touch_organization(id);
    }
    load(tx.sql, id)
}

/// Whether the actor may know of an organization: a member, or who runs the installation.
fn sees(actor: &Actor, id: OrgId) -> bool {
    may(actor, Action::ReadOrganization, Resource::Organization(id)).is_ok()
        || may(actor, Action::ReadInstallation, Resource::Installation).is_ok()
}

/// One organization.
pub(crate) fn load(sql: &mut Sql, id: OrgId) -> Result<OrganizationRow, StoreError> {
    let row = query(select!("WHERE id = $1")).bind(id.to_string()).fetch_optional(sql)?;
    read(&row.ok_or(StoreError::NotFound(Thing::Organization))?)
}

fn read(row: &Row) -> Result<OrganizationRow, StoreError> {
    Ok(OrganizationRow {
        id: row::text(row, "id")?,
        name: row::text(row, "name")?,
        blocked: row::flag(row, "blocked")?,
        longest: grant::ttl(row)?,
        longest_secret: SecretHours::new(row::raw(row, "longest_secret_hours")?)
            .map_err(|error| StoreError::corrupt(format!("column `longest_secret_hours` {error}")))?,
        security_contact: row::text_or_none(row, "security_contact")?,
        operations_contact: row::text_or_none(row, "operations_contact")?,
        claimed_at: row::instant_or_none(row, "claimed_at")?,
    })
}

/// Makes an organization that nobody has claimed, with its own SSH user CA.
pub(crate) fn create(tx: &mut Transaction<'_>, name: &OrgName) -> Result<OrgId, StoreError> {
    let id = OrgId::from_bytes(tx.random());
    let seed = Zeroizing::new(tx.random::<32>());
    let sealed = tx.store.sealing().seal(tx.store.entropy(), &ca_context(id), seed.as_slice())?;
    query(
        "INSERT INTO organizations (id, name, blocked, longest_ms, ssh_ca, ssh_ca_sealed, created_at, claimed_at)
         VALUES ($1, $2, 0, $3, $4, $5, $6, NULL)",
    )
    .bind(id.to_string())
    .bind(name.as_str())
    .bind(Ttl::MAX.millis())
    .bind(ca_line(&seed)?.as_str())
    .bind(sealed)
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    Ok(id)
}

/// The seed of the organization's SSH user CA.
pub(crate) fn ssh_ca(store: &Store, sql: &mut Sql, id: OrgId) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let row = query("SELECT ssh_ca_sealed FROM organizations WHERE id = $1").bind(id.to_string());
    let row = row.fetch_optional(sql)?.ok_or(StoreError::NotFound(Thing::Organization))?;
    let seed = store.sealing().open(&ca_context(id), &row::raw::<Vec<u8>>(&row, "ssh_ca_sealed")?)?;
    let seed = seed.as_slice().try_into().map_err(|_| StoreError::corrupt("the SSH user CA must have 32 bytes"))?;
    Ok(Zeroizing::new(seed))
}

fn ca_context(id: OrgId) -> String {
    format!("organization {id} ssh user ca")
}

/// The public key of a CA as OpenSSH writes it.
fn ca_line(seed: &[u8; 32]) -> Result<PublicKey, StoreError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| StoreError::corrupt("the seed makes no key"))?;
    let mut blob = Vec::with_capacity(51);
    for field in [b"ssh-ed25519".as_slice(), pair.public_key().as_ref()] {
        blob.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        blob.extend(field);
    }
    let line = format!("ssh-ed25519 {}", STANDARD.encode(blob));
    line.parse().map_err(|error| StoreError::corrupt(format!("the SSH user CA {error}")))
}

/// The public key of the organization's SSH user CA.
pub(crate) fn ca_public(sql: &mut Sql, id: OrgId) -> Result<PublicKey, StoreError> {
    let row = query("SELECT ssh_ca FROM organizations WHERE id = $1").bind(id.to_string());
    row::text(&row.fetch_optional(sql)?.ok_or(StoreError::NotFound(Thing::Organization))?, "ssh_ca")
}

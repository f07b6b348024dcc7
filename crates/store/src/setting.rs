//! Several settings of an organization at once: all of them or none.
//!
//! Each setting asks its own rule and writes its own event; what is set to what it is already writes nothing.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::field::Erasable;
use byleave_core::id::OrgId;
use byleave_core::name::Contact;
use byleave_core::policy::Action;
use byleave_core::setting::SecretHours;
use byleave_core::time::{Reading, Ttl};

use crate::authority::require_in_organization;
use crate::error::{StoreError, Thing};
use crate::organization::{OrganizationRow, load, set_blocked, set_longest};
use crate::sql::query;
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// What is to be set; the rest stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// Whether support is blocked.
    pub blocked: Option<bool>,
    /// The longest grant that can be given.
    pub longest: Option<Ttl>,
    /// The longest that a secret of a service account may be valid.
    pub longest_secret: Option<SecretHours>,
    /// Where security notices go; `Some(None)` removes it.
    pub security_contact: Option<Option<Contact>>,
    /// Where operational notices go; `Some(None)` removes it.
    pub operations_contact: Option<Option<Contact>>,
}

impl SettingsPatch {
    /// Whether it sets anything besides the block.
    pub const fn is_more_than_the_block(&self) -> bool {
        self.longest.is_some() || self.is_more_than_the_grant()
    }

    /// Whether it does nothing but block, which is carried out whatever else has changed.
    const fn only_blocks(&self) -> bool {
        matches!(self.blocked, Some(true)) && !self.is_more_than_the_block()
    }

    /// Whether it sets anything that has to do neither with the block nor with grants.
    pub const fn is_more_than_the_grant(&self) -> bool {
        self.longest_secret.is_some() || self.security_contact.is_some() || self.operations_contact.is_some()
    }
}

impl Store {
    /// Sets what is named. Setting the block works in clock doubt, with whatever comes with it.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Stale`] if the settings are not as expected.
    pub async fn change_settings(
        &self,
        actor: &Actor,
        now: &Reading,
        id: OrgId,
        patch: SettingsPatch,
    ) -> Result<Written<OrganizationRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("change settings", now, move |tx| {
            if patch.only_blocks() {
                tx.expect_nothing();
            }
            if let Some(blocked) = patch.blocked {
                let action = if blocked { Action::Block } else { Action::Unblock };
                require_in_organization(tx.sql, &actor, action, id)?;
            }
            if patch.longest.is_some() {
                require_in_organization(tx.sql, &actor, Action::SetLongestGrant, id)?;
            }
            if patch.is_more_than_the_grant() {
                require_in_organization(tx.sql, &actor, Action::ChangeSettings, id)?;
            }
            require_in_organization(tx.sql, &actor, Action::ReadOrganization, id)?;
            let before = load(tx.sql, id)?;
            tx.expect(|| before.tag())?;
            if let Some(blocked) = patch.blocked {
                set_blocked(tx, &actor, id, blocked)?;
            }
            if patch.is_more_than_the_block() {
                let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
                set_the_rest(tx, id, &by, patch)?;
            }
            load(tx.sql, id)
        });
        body.await
    }
}

fn set_the_rest(tx: &mut Transaction<'_>, id: OrgId, by: &By, patch: SettingsPatch) -> Result<(), StoreError> {
    let before = load(tx.sql, id)?;
    if let Some(longest) = patch.longest {
        set_longest(tx, &before, by.clone(), longest)?;
    }
    if let Some(longest_hours) = patch.longest_secret.filter(|hours| *hours != before.longest_secret) {
        query("UPDATE organizations SET longest_secret_hours = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(longest_hours.hours())
            .execute(tx.sql)?;
        tx.append(id, by.clone(), Event::LongestSecretSet { longest_hours })?;
    }
    if let Some(contact) = patch.security_contact.filter(|contact| *contact != before.security_contact) {
        let sql = "UPDATE organizations SET security_contact = $2 WHERE id = $1";
        let contact = set_contact(tx, id, sql, contact)?;
        tx.append(id, by.clone(), Event::SecurityContactSet { contact })?;
    }
    if let Some(contact) = patch.operations_contact.filter(|contact| *contact != before.operations_contact) {
        let sql = "UPDATE organizations SET operations_contact = $2 WHERE id = $1";
        let contact = set_contact(tx, id, sql, contact)?;
        tx.append(id, by.clone(), Event::OperationsContactSet { contact })?;
    }
    Ok(())
}

/// Writes a contact; the log gets it as a text that can be erased.
fn set_contact(
    tx: &mut Transaction<'_>,
    id: OrgId,
    sql: &'static str,
    contact: Option<Contact>,
) -> Result<Option<Erasable>, StoreError> {
    query(sql).bind(id.to_string()).bind(contact.as_ref().map(Contact::as_str)).execute(tx.sql)?;
    Ok(contact.map(|contact| tx.erasable(&contact)))
}

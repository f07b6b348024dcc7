//! Service accounts: what programs of a customer sign in with (OAuth 2.0 client credentials). Their secrets are in
//! [`crate::secret`], their tokens in [`crate::access_token`].

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{OrgId, ServiceAccountId};
use byleave_core::name::{ServiceAccountDescription, ServiceAccountName};
use byleave_core::policy::Action;
use byleave_core::role::Roles;
use byleave_core::time::{Reading, Timestamp};

use crate::account::{AccountId, Manager, Through, give};
use crate::authority::{self, Holder};
use crate::error::{Rule, StoreError, Thing};
use crate::invitation;
use crate::row;
use crate::secret::{self, NewSecret, SecretRow};
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

/// A service account to be made, with its first secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewServiceAccount {
    /// Its name.
    pub name: ServiceAccountName,
    /// What it is for.
    pub description: ServiceAccountDescription,
    /// Its roles.
    pub roles: Roles,
    /// The first secret.
    pub secret: NewSecret,
}

/// What is changed of a service account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAccountChange {
    /// Another name.
    pub name: Option<ServiceAccountName>,
    /// Another description.
    pub description: Option<ServiceAccountDescription>,
    /// Other roles in the organization, or in the project through which the account is reached.
    pub roles: Option<Roles>,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountRow {
    /// Its id.
    pub id: ServiceAccountId,
    /// The organization.
    pub organization: OrgId,
    /// Its name.
    pub name: ServiceAccountName,
    /// What it is for.
    pub description: ServiceAccountDescription,
    /// Its roles, all of them.
    pub roles: Roles,
    /// Its secrets, oldest first, without their texts.
    pub secrets: Vec<SecretRow>,
    /// When it was made.
    pub added_at: Timestamp,
}

impl ServiceAccountRow {
    /// The tag of what can be changed of it; its secrets come and go by themselves.
    pub fn tag(&self) -> Tag {
        Tag::of(&(&self.id, &self.name, &self.description, &self.roles))
    }
}

impl Store {
    /// Adds a service account with its first secret. Through a project, it has roles in that project only.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles, [`StoreError::Refused`] for roles that are
    /// none.
    pub async fn add_service_account(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        new: NewServiceAccount,
    ) -> Result<Written<ServiceAccountRow>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("add service account", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            if new.roles.is_empty() {
                return Err(StoreError::Refused(Rule::NoRole));
            }
            manager.give(&Roles::default(), &new.roles)?;
            let id = insert(tx, &manager, &new)?;
            authority::set_roles(tx.sql, manager.organization, Holder::ServiceAccount(id), &new.roles)?;
            let added = Event::ServiceAccountAdded { service_account: id, roles: new.roles };
            tx.append(manager.organization, manager.by.clone(), added)?;
            secret::add(tx, &manager, id, &new.secret)?;
            load(tx.sql, manager.organization, through, id)
        });
        body.await
    }

    /// The service accounts that are reached, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn service_accounts(
        &self,
        actor: &Actor,
        through: impl Into<Through>,
    ) -> Result<Vec<ServiceAccountRow>, StoreError> {
        let through = through.into();
        let mut sql = self.read()?;
        let organization = through.read(&mut sql, actor, Action::ReadServiceAccounts)?;
        let rows = query(
            "SELECT id FROM service_accounts WHERE organization = $1 AND removed_at IS NULL ORDER BY added_at, id",
        );
        let mut found = Vec::new();
        for row in rows.bind(organization.to_string()).fetch_all(&mut sql)? {
            match load(&mut sql, organization, through, row::text(&row, "id")?) {
                Ok(row) => found.push(row),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// One service account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none that is reached, and by role.
    pub async fn service_account(
        &self,
        actor: &Actor,
        through: impl Into<Through>,
        id: ServiceAccountId,
    ) -> Result<ServiceAccountRow, StoreError> {
        let through = through.into();
        let mut sql = self.read()?;
        let organization = through.read(&mut sql, actor, Action::ReadServiceAccounts)?;
        load(&mut sql, organization, through, id)
    }

    /// Changes name, description and roles. Who manages a project changes name and description only of an account that has
    /// no other roles.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role, [`StoreError::Refused`] for no role at all.
    pub async fn change_service_account(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        id: ServiceAccountId,
        change: ServiceAccountChange,
    ) -> Result<Written<ServiceAccountRow>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("change service account", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            let before = load(tx.sql, manager.organization, through, id)?;
            tx.expect(|| before.tag())?;
            let name = change.name.unwrap_or_else(|| before.name.clone());
            let description = change.description.unwrap_or_else(|| before.description.clone());
            if name != before.name || description != before.description {
                manager.own(&before.roles)?;
                query("UPDATE service_accounts SET name = $2, description = $3 WHERE id = $1")
                    .bind(id.to_string())
                    .bind(name.as_str())
                    .bind(description.as_str())
                    .execute(tx.sql)?;
                let event = Event::ServiceAccountDetailsChanged { service_account: id };
                tx.append(manager.organization, manager.by.clone(), event)?;
            }
            if let Some(roles) = change.roles {
                if roles.is_empty() {
                    return Err(StoreError::Refused(Rule::NoRole));
                }
                give(tx, &manager, through, AccountId::ServiceAccount(id), &roles)?;
            }
            load(tx.sql, manager.organization, through, id)
        });
        body.await
    }

    /// Removes a service account with its secrets and tokens. The grants it gave stand.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] if there is no such account.
    pub async fn remove_service_account(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: ServiceAccountId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("remove service account", now, move |tx| {
            let through = Through::Organization(organization);
            let manager = through.manage(tx.sql, &actor)?;
            load(tx.sql, organization, through, id)?;
            query("UPDATE service_accounts SET removed_at = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(tx.at().millis())
                .execute(tx.sql)?;
            // Tokens go with their secrets.
            for text in [
                "DELETE FROM service_account_secrets WHERE service_account = $1",
                "DELETE FROM networks WHERE service_account = $1",
                "DELETE FROM roles WHERE service_account = $1",
            ] {
                query(text).bind(id.to_string()).execute(tx.sql)?;
            }
            invitation::void_made_by(tx, &By::ServiceAccount(id))?;
            tx.append(organization, manager.by, Event::ServiceAccountRemoved { service_account: id })?;
            Ok(())
        });
        body.await
    }
}

fn insert(
    tx: &mut Transaction<'_>,
    manager: &Manager,
    new: &NewServiceAccount,
) -> Result<ServiceAccountId, StoreError> {
    let id = ServiceAccountId::from_bytes(tx.random());
    query(
        "INSERT INTO service_accounts (id, organization, name, description, added_at, removed_at)
         VALUES ($1, $2, $3, $4, $5, NULL)",
    )
    .bind(id.to_string())
    .bind(manager.organization.to_string())
    .bind(new.name.as_str())
    .bind(new.description.as_str())
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    Ok(id)
}

/// An account that was not removed and is reached.
pub(crate) fn load(
    sql: &mut Sql,
    organization: OrgId,
    through: Through,
    id: ServiceAccountId,
) -> Result<ServiceAccountRow, StoreError> {
    let row = query(
        "SELECT name, description, added_at FROM service_accounts
         WHERE id = $1 AND organization = $2 AND removed_at IS NULL",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut *sql)?;
    let row = row.ok_or(StoreError::NotFound(Thing::ServiceAccount))?;
    let roles = authority::roles(sql, Holder::ServiceAccount(id))?;
    if !through.reaches(&roles) {
        return Err(StoreError::NotFound(Thing::ServiceAccount));
    }
    Ok(ServiceAccountRow {
        id,
        organization,
        name: row::text(&row, "name")?,
        description: row::text(&row, "description")?,
        roles,
        secrets: secret::all(sql, id)?,
        added_at: row::instant(&row, "added_at")?,
    })
}

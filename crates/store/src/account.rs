//! What API keys and service accounts have in common: through what they are reached, and whose roles they get.
//!
//! An account belongs to an organization and has roles there and in projects of it. Owners of the organization reach all
//! of them; who manages a project reaches those with a role in it, and has a say only in what lies in that project.

use std::collections::BTreeSet;

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{ApiKeyId, OrgId, ProjectId, ServiceAccountId};
use byleave_core::policy::{Action, has_power_over, may_give};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::time::Reading;

use crate::authority::{self, Holder, require_in_organization, require_in_project};
use crate::error::{Rule, StoreError, Thing};
use crate::invitation;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// An API key or a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountId {
    /// An API key.
    ApiKey(ApiKeyId),
    /// A service account.
    ServiceAccount(ServiceAccountId),
}

/// Through what accounts are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// All of an organization.
    Organization(OrgId),
    /// Those with a role in a project.
    Project(ProjectId),
}

impl From<OrgId> for Through {
    fn from(id: OrgId) -> Self {
        Self::Organization(id)
    }
}

impl From<ProjectId> for Through {
    fn from(id: ProjectId) -> Self {
        Self::Project(id)
    }
}

impl Through {
    /// The roles that an account has after these were given: those of the organization or of the project change, all
    /// others stay.
    fn after(self, before: &Roles, given: &Roles) -> Roles {
        match self {
            Self::Organization(_) => before.with_organization(given.organization.clone()),
            Self::Project(id) => before.with_project(id, given.in_project(id)),
        }
    }

    /// Whether an account with these roles is reached.
    pub(crate) fn reaches(self, roles: &Roles) -> bool {
        match self {
            Self::Organization(_) => true,
            Self::Project(id) => !roles.in_project(id).is_empty(),
        }
    }

    /// Refuses unless the actor may see accounts of a kind there, which is the action; answers with the organization.
    pub(crate) fn read(self, sql: &mut Sql, actor: &Actor, action: Action) -> Result<OrgId, StoreError> {
        match self {
            Self::Organization(id) => {
                require_in_organization(sql, actor, action, id)?;
                Ok(id)
            }
            Self::Project(id) => Ok(require_in_project(sql, actor, action, id)?.1),
        }
    }

    /// Refuses unless the actor may manage accounts there.
    pub(crate) fn manage(self, sql: &mut Sql, actor: &Actor) -> Result<Manager, StoreError> {
        let (actor, organization) = match self {
            Self::Organization(id) => (require_in_organization(sql, actor, Action::ManageApiKeys, id)?, id),
            Self::Project(id) => require_in_project(sql, actor, Action::ManageProjectAccounts, id)?,
        };
        let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
        Ok(Manager { actor, by, organization })
    }
}

/// Who manages accounts.
pub(crate) struct Manager {
    actor: Actor,
    /// How the log names them.
    pub(crate) by: By,
    /// The organization.
    pub(crate) organization: OrgId,
}

impl Manager {
    /// Refuses unless they may give these roles.
    pub(crate) fn give(&self, before: &Roles, after: &Roles) -> Result<(), StoreError> {
        may_give(&self.actor, self.organization, before, after)
            .map_err(|refusal| StoreError::refusal(refusal, Thing::Organization))
    }

    /// Refuses unless they have power over all roles of an account.
    pub(crate) fn own(&self, roles: &Roles) -> Result<(), StoreError> {
        has_power_over(&self.actor, self.organization, roles)
            .map_err(|refusal| StoreError::refusal(refusal, Thing::Organization))
    }
}

impl AccountId {
    pub(crate) const fn holder(self) -> Holder {
        match self {
            Self::ApiKey(id) => Holder::ApiKey(id),
            Self::ServiceAccount(id) => Holder::ServiceAccount(id),
        }
    }

    /// It as somebody who causes events.
    pub(crate) const fn by(self) -> By {
        match self {
            Self::ApiKey(id) => By::ApiKey(id),
            Self::ServiceAccount(id) => By::ServiceAccount(id),
        }
    }

    /// What seeing it is.
    pub(crate) const fn read(self) -> Action {
        match self {
            Self::ApiKey(_) => Action::ReadApiKeys,
            Self::ServiceAccount(_) => Action::ReadServiceAccounts,
        }
    }

    const fn thing(self) -> Thing {
        match self {
            Self::ApiKey(_) => Thing::ApiKey,
            Self::ServiceAccount(_) => Thing::ServiceAccount,
        }
    }

    fn roles_changed(self, roles: Roles) -> Event {
        match self {
            Self::ApiKey(api_key) => Event::ApiKeyRolesChanged { api_key, roles },
            Self::ServiceAccount(service_account) => Event::ServiceAccountRolesChanged { service_account, roles },
        }
    }

    /// The roles of an account that is there and reached.
    pub(crate) fn roles(self, sql: &mut Sql, organization: OrgId, through: Through) -> Result<Roles, StoreError> {
        let (text, id) = match self {
            Self::ApiKey(id) => {
                ("SELECT id FROM api_keys WHERE id = $1 AND organization = $2 AND removed_at IS NULL", id.to_string())
            }
            Self::ServiceAccount(id) => (
                "SELECT id FROM service_accounts WHERE id = $1 AND organization = $2 AND removed_at IS NULL",
                id.to_string(),
            ),
        };
        let row = query(text).bind(id).bind(organization.to_string()).fetch_optional(&mut *sql)?;
        let roles = authority::roles(sql, self.holder())?;
        if row.is_some() && through.reaches(&roles) { Ok(roles) } else { Err(StoreError::NotFound(self.thing())) }
    }
}

/// Gives an account roles through the organization or a project. Writes nothing if it has them.
pub(crate) fn give(
    tx: &mut Transaction<'_>,
    manager: &Manager,
    through: Through,
    account: AccountId,
    given: &Roles,
) -> Result<(), StoreError> {
    let before = authority::roles(tx.sql, account.holder())?;
    let after = through.after(&before, given);
    if before == after {
        return Ok(());
    }
    manager.give(&before, &after)?;
    authority::replace_roles(tx.sql, manager.organization, account.holder(), &after)?;
    if !after.has(OrgRole::Owner) {
        invitation::void_made_by(tx, &account.by())?;
    }
    tx.append(manager.organization, manager.by.clone(), account.roles_changed(after))?;
    Ok(())
}

impl Store {
    /// Refuses unless the actor manages the project and its organization has this account, wherever that has roles.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`].
    pub async fn can_be_assigned(
        &self,
        actor: &Actor,
        project: ProjectId,
        account: AccountId,
    ) -> Result<(), StoreError> {
        let mut sql = self.read()?;
        let organization = Through::Project(project).manage(&mut sql, actor)?.organization;
        account.roles(&mut sql, organization, Through::Organization(organization)).map(drop)
    }

    /// Gives an account of the project's organization these roles in the project, in place of those it has there.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor manages the project, [`StoreError::NotFound`] if the organization has
    /// no such account, [`StoreError::Refused`] for no role at all.
    pub async fn assign_account(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        account: AccountId,
        roles: BTreeSet<ProjectRole>,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("assign account", now, move |tx| {
            let through = Through::Project(project);
            let manager = through.manage(tx.sql, &actor)?;
            let everywhere = Through::Organization(manager.organization);
            account.roles(tx.sql, manager.organization, everywhere)?;
            if roles.is_empty() {
                return Err(StoreError::Refused(Rule::NoRole));
            }
            give(tx, &manager, through, account, &Roles::default().with_project(project, roles))
        });
        body.await
    }

    /// Takes all roles in the project from an account. It stays in the organization, with what other roles it has.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor manages the project, [`StoreError::NotFound`] if the account has no
    /// role there.
    pub async fn unassign_account(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        account: AccountId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("unassign account", now, move |tx| {
            let through = Through::Project(project);
            let manager = through.manage(tx.sql, &actor)?;
            account.roles(tx.sql, manager.organization, through)?;
            give(tx, &manager, through, account, &Roles::default())
        });
        body.await
    }
}

//! Whether the actor may, asked inside the transaction: with the roles as they stand there, not as the caller
//! remembers them.

use std::collections::BTreeSet;

use byleave_core::actor::Actor;
use byleave_core::id::{OrgId, ProjectId};
use byleave_core::policy::{Action, Resource, may};
use byleave_core::role::{OrgRole, ProjectRole, Roles};

use crate::error::{Rule, StoreError, Thing};
use crate::memory::recall;
use crate::row;
use crate::sql::{Sql, query};

/// Whose roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// An API key.
    ApiKey(byleave_core::id::ApiKeyId),
    /// An invitation.
    Invitation(byleave_core::id::InvitationId),
    /// A service account.
    ServiceAccount(byleave_core::id::ServiceAccountId),
    /// A user.
    User(byleave_core::id::UserId),
}

impl Holder {
    fn id(self) -> String {
        match self {
            Self::ApiKey(id) => id.to_string(),
            Self::Invitation(id) => id.to_string(),
            Self::ServiceAccount(id) => id.to_string(),
            Self::User(id) => id.to_string(),
        }
    }

    const fn select(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "SELECT project, role FROM roles WHERE api_key = $1",
            Self::Invitation(_) => "SELECT project, role FROM roles WHERE invitation = $1",
            Self::ServiceAccount(_) => "SELECT project, role FROM roles WHERE service_account = $1",
            Self::User(_) => "SELECT project, role FROM roles WHERE user_id = $1",
        }
    }

    const fn present(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "SELECT id FROM api_keys WHERE id = $1 AND organization = $2 AND removed_at IS NULL",
            Self::Invitation(_) => {
                "SELECT id FROM invitations WHERE id = $1 AND organization = $2 AND closed_at IS NULL"
            }
            Self::ServiceAccount(_) => {
                "SELECT id FROM service_accounts WHERE id = $1 AND organization = $2 AND removed_at IS NULL"
            }
            Self::User(_) => "SELECT id FROM users WHERE id = $1 AND organization = $2 AND removed_at IS NULL",
        }
    }

    const fn delete(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "DELETE FROM roles WHERE api_key = $1",
            Self::Invitation(_) => "DELETE FROM roles WHERE invitation = $1",
            Self::ServiceAccount(_) => "DELETE FROM roles WHERE service_account = $1",
            Self::User(_) => "DELETE FROM roles WHERE user_id = $1",
        }
    }

    const fn insert(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "INSERT INTO roles (api_key, project, role) VALUES ($1, $2, $3)",
            Self::Invitation(_) => "INSERT INTO roles (invitation, project, role) VALUES ($1, $2, $3)",
            Self::ServiceAccount(_) => "INSERT INTO roles (service_account, project, role) VALUES ($1, $2, $3)",
            Self::User(_) => "INSERT INTO roles (user_id, project, role) VALUES ($1, $2, $3)",
        }
    }
}

/// The actor with the present roles: none for a user or key that was removed or is of another organization.
pub(crate) fn present(sql: &mut Sql, actor: &Actor) -> Result<Actor, StoreError> {
    Ok(match actor {
        Actor::Administrator | Actor::Employee { .. } | Actor::System => actor.clone(),
        Actor::ApiKey { id, organization, .. } => {
            let roles = present_roles(sql, Holder::ApiKey(*id), *organization)?;
            Actor::ApiKey { id: *id, organization: *organization, roles }
        }
        Actor::ServiceAccount { id, organization, .. } => {
            let roles = present_roles(sql, Holder::ServiceAccount(*id), *organization)?;
            Actor::ServiceAccount { id: *id, organization: *organization, roles }
        }
        Actor::User { id, organization, .. } => {
            let roles = present_roles(sql, Holder::User(*id), *organization)?;
            Actor::User { id: *id, organization: *organization, roles }
        }
    })
}

/// The roles of a holder that was not removed and is of this organization; none of any other.
fn present_roles(sql: &mut Sql, holder: Holder, organization: OrgId) -> Result<Roles, StoreError> {
    let found = recall(
        sql,
        |kept| &mut kept.roles,
        (holder, organization),
        |sql| {
            let row =
                query(holder.present()).bind(holder.id()).bind(organization.to_string()).fetch_optional(&mut *sql)?;
            row.map(|_| roles(sql, holder)).transpose()
        },
    )?;
    Ok(found.unwrap_or_default())
}

/// Refuses unless the actor may, and answers with the actor as they are now.
pub(crate) fn require(
    sql: &mut Sql,
    actor: &Actor,
    action: Action,
    resource: Resource,
    thing: Thing,
) -> Result<Actor, StoreError> {
    let actor = present(sql, actor)?;
    may(&actor, action, resource).map_err(|refusal| StoreError::refusal(refusal, thing))?;
    Ok(actor)
}

/// Refuses unless the actor may do this to an organization that exists.
pub(crate) fn require_in_organization(
    sql: &mut Sql,
    actor: &Actor,
    action: Action,
    id: OrgId,
) -> Result<Actor, StoreError> {
    let exists =
        query("SELECT id FROM organizations WHERE id = $1").bind(id.to_string()).fetch_optional(&mut *sql)?.is_some();
    let actor = require(sql, actor, action, Resource::Organization(id), Thing::Organization)?;
    if exists { Ok(actor) } else { Err(StoreError::NotFound(Thing::Organization)) }
}

/// Refuses unless the actor may do this to a project that exists, and answers with its organization.
pub(crate) fn require_in_project(
    sql: &mut Sql,
    actor: &Actor,
    action: Action,
    id: ProjectId,
) -> Result<(Actor, OrgId), StoreError> {
    let organization = recall(
        sql,
        |kept| &mut kept.projects,
        id,
        |sql| {
            let row =
                query("SELECT organization FROM projects WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
            row.map(|row| row::text(&row, "organization")).transpose()
        },
    )?;
    let organization = organization.ok_or(StoreError::NotFound(Thing::Project))?;
    let actor = require(sql, actor, action, Resource::Project(organization, id), Thing::Project)?;
    Ok((actor, organization))
}

/// The projects of an organization that the actor can read.
pub(crate) fn readable(sql: &mut Sql, actor: &Actor, organization: OrgId) -> Result<BTreeSet<ProjectId>, StoreError> {
    let rows =
        query("SELECT id FROM projects WHERE organization = $1").bind(organization.to_string()).fetch_all(sql)?;
    let ids = rows.iter().map(|row| row::text(row, "id")).collect::<Result<Vec<ProjectId>, _>>()?;
    let can = |id: &ProjectId| may(actor, Action::ReadProject, Resource::Project(organization, *id)).is_ok();
    Ok(ids.into_iter().filter(can).collect())
}

/// The roles of a holder.
pub(crate) fn roles(sql: &mut Sql, holder: Holder) -> Result<Roles, StoreError> {
    let rows = query(holder.select()).bind(holder.id()).fetch_all(sql)?;
    let mut roles = Roles::default();
    for row in &rows {
        match row::text_or_none::<ProjectId>(row, "project")? {
            None => {
                roles.organization.insert(row::text::<OrgRole>(row, "role")?);
            }
            Some(project) => {
                roles.projects.entry(project).or_default().insert(row::text::<ProjectRole>(row, "role")?);
            }
        }
    }
    Ok(roles)
}

/// Gives a holder these roles in place of the former ones, after checking that they are some, in this organization.
pub(crate) fn set_roles(sql: &mut Sql, organization: OrgId, holder: Holder, roles: &Roles) -> Result<(), StoreError> {
    if roles.is_empty() {
        return Err(StoreError::Refused(Rule::NoRole));
    }
    replace_roles(sql, organization, holder, roles)
}

/// Gives a holder these roles in place of the former ones; there may be none left.
pub(crate) fn replace_roles(
    sql: &mut Sql,
    organization: OrgId,
    holder: Holder,
    roles: &Roles,
) -> Result<(), StoreError> {
    check_projects(sql, organization, roles)?;
    query(holder.delete()).bind(holder.id()).execute(&mut *sql)?;
    let in_organization = roles.organization.iter().map(|role| (None, role.as_str()));
    let in_projects = roles
        .projects
        .iter()
        .flat_map(|(project, roles)| roles.iter().map(move |role| (Some(project.to_string()), role.as_str())));
    let all: Vec<(Option<String>, &str)> = in_organization.chain(in_projects).collect();
    for (project, role) in all {
        query(holder.insert()).bind(holder.id()).bind(project).bind(role).execute(&mut *sql)?;
    }
    Ok(())
}

fn check_projects(sql: &mut Sql, organization: OrgId, roles: &Roles) -> Result<(), StoreError> {
    for project in roles.projects.keys() {
        let known = query("SELECT id FROM projects WHERE id = $1 AND organization = $2")
            .bind(project.to_string())
            .bind(organization.to_string())
            .fetch_optional(&mut *sql)?;
        if known.is_none() {
            return Err(StoreError::Refused(Rule::ForeignProject));
        }
    }
    Ok(())
}

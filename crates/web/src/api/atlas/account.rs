//! What the paths of API keys and service accounts share: who may, and which roles are meant.

use std::collections::BTreeSet;
use std::str::FromStr;

use byleave_api::error::ErrorCode;
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};
use byleave_core::role::{ProjectRole, Roles};
use byleave_store::account::Through;

use crate::api::caller::Caller;
use crate::api::error::Failure;

/// Asks before the body is read whether the caller may manage accounts there.
pub(super) async fn manage(caller: &Caller, through: Through) -> Result<(), Failure> {
    match through {
        Through::Organization(id) => caller.may(Action::ManageApiKeys, Resource::Organization(id)),
        Through::Project(id) => {
            let organization = caller.ask(caller.app.store.project(&caller.actor, id)).await?.organization;
            caller.may(Action::ManageProjectAccounts, Resource::Project(organization, id))
        }
    }
}

/// Asks whether the caller may give accounts of the organization roles in any project.
pub(super) fn manage_assignment(caller: &Caller, organization: OrgId) -> Result<(), Failure> {
    caller.may(Action::ManageApiKeys, Resource::Organization(organization))
}

/// Reads roles: of the organization, or in the project.
pub(super) fn given(through: Through, roles: &[String]) -> Result<Roles, Failure> {
    match through {
        Through::Organization(_) => Ok(Roles::in_organization(read(roles)?)),
        Through::Project(id) => Ok(Roles::default().with_project(id, project_roles(roles)?)),
    }
}

/// Reads roles in a project.
pub(super) fn project_roles(roles: &[String]) -> Result<BTreeSet<ProjectRole>, Failure> {
    read(roles)
}

fn read<T: FromStr<Err: ToString> + Ord>(roles: &[String]) -> Result<BTreeSet<T>, Failure> {
    let parse = |(index, role): (usize, &String)| {
        role.parse().map_err(|error: T::Err| {
            Failure::field(ErrorCode::InvalidEnumValue, format!("roles[{index}]"), error.to_string())
                .saying(format!("An invalid enumeration value {role} was specified."), vec![role.clone()])
        })
    };
    roles.iter().enumerate().map(parse).collect()
}

/// The roles that are meant by the path.
pub(super) fn roles_of(through: Through, roles: &Roles) -> Vec<String> {
    match through {
        Through::Organization(_) => roles.organization.iter().map(ToString::to_string).collect(),
        Through::Project(id) => roles.in_project(id).iter().map(ToString::to_string).collect(),
    }
}

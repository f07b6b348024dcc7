//! Roles as Atlas's paths write them, read into ours: roles that Byleave does not have are refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use byleave_api::atlas::{GroupRole, GroupRoleAssignment, OrgUserRoles};
use byleave_api::error::ErrorCode;
use byleave_core::id::{IdError, ProjectId};
use byleave_core::role::{OrgRole, ProjectRole, Roles, RolesChange};

use crate::api::error::Failure;

/// One role.
///
/// # Errors
/// [`Failure`] `INVALID_ENUM_VALUE` naming the field.
pub(super) fn role<T: FromStr<Err: ToString>>(field: &str, word: &str) -> Result<T, Failure> {
    word.parse().map_err(|error: T::Err| {
        let text = format!("An invalid enumeration value {word} was specified.");
        Failure::field(ErrorCode::InvalidEnumValue, field, error.to_string()).saying(text, vec![word.to_owned()])
    })
}

/// Roles in the whole organization: at least one.
///
/// # Errors
/// [`Failure`] naming the field.
pub(super) fn in_organization(field: &str, words: &[String]) -> Result<BTreeSet<OrgRole>, Failure> {
    if words.is_empty() {
        return Err(Failure::field(ErrorCode::ValidationError, field, "must name at least one role"));
    }
    words.iter().enumerate().map(|(index, word)| role(&format!("{field}[{index}]"), word)).collect()
}

/// Roles in single projects.
///
/// # Errors
/// [`Failure`] naming the field.
pub(super) fn in_projects<'a>(
    field: &str,
    inner: &str,
    assignments: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
) -> Result<BTreeMap<ProjectId, BTreeSet<ProjectRole>>, Failure> {
    let mut read = BTreeMap::<ProjectId, BTreeSet<ProjectRole>>::new();
    for (index, (group, words)) in assignments.enumerate() {
        let field = format!("{field}[{index}]");
        let refuse =
            |error: IdError| Failure::field(ErrorCode::InvalidGroupId, format!("{field}.groupId"), error.to_string());
        let project = group.parse().map_err(refuse)?;
        if words.is_empty() {
            let name = format!("{field}.{inner}");
            return Err(Failure::field(ErrorCode::ValidationError, name, "must name at least one role"));
        }
        for (index, word) in words.iter().enumerate() {
            read.entry(project).or_default().insert(role(&format!("{field}.{inner}[{index}]"), word)?);
        }
    }
    Ok(read)
}

/// Roles in the newer form.
///
/// # Errors
/// [`Failure`] naming the field.
pub(super) fn read(roles: &OrgUserRoles) -> Result<RolesChange, Failure> {
    let organization = in_organization("roles.orgRoles", &roles.org_roles)?;
    let projects = roles.group_role_assignments.as_ref().map(|assignments| {
        let pairs = assignments.iter().map(|assignment| (&assignment.group_id, &assignment.group_roles));
        in_projects("roles.groupRoleAssignments", "groupRoles", pairs)
    });
    Ok(RolesChange::Set { organization, projects: projects.transpose()? })
}

/// Roles in the newer form.
pub(super) fn show(roles: &Roles) -> OrgUserRoles {
    let assignment = |(project, roles): (&ProjectId, &BTreeSet<ProjectRole>)| GroupRoleAssignment {
        group_id: project.to_string(),
        group_roles: roles.iter().map(ToString::to_string).collect(),
    };
    OrgUserRoles {
        group_role_assignments: Some(roles.projects.iter().map(assignment).collect()),
        org_roles: roles.organization.iter().map(ToString::to_string).collect(),
    }
}

/// Roles in single projects, in the older form: one by one.
pub(super) fn show_flat(roles: &Roles) -> Vec<GroupRole> {
    let flat = |(project, roles): (&ProjectId, &BTreeSet<ProjectRole>)| {
        let group_id = project.to_string();
        let one = move |role: &ProjectRole| GroupRole { group_id: group_id.clone(), group_role: role.to_string() };
        roles.iter().map(one).collect::<Vec<_>>()
    };
    roles.projects.iter().flat_map(flat).collect()
}

/// Refuses teams, which Byleave does not have.
///
/// # Errors
/// [`Failure`] naming the field.
pub(super) fn refuse_teams(teams: Option<&[String]>) -> Result<(), Failure> {
    match teams {
        None | Some([]) => Ok(()),
        Some(_) => {
            Err(Failure::field(ErrorCode::InvalidAttribute, "teamIds", "must be empty: there are no teams here"))
        }
    }
}

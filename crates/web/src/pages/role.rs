//! Roles for people: what each lets its holder do, in words, and the boxes to choose them.
//!
//! What a role really allows is decided in `byleave_core::policy` and nowhere else.

use std::collections::BTreeMap;

use byleave_core::id::ProjectId;
use byleave_core::name::ProjectName;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use maud::{Markup, html};

use super::form::{Faults, Typed, fault};

/// A role in the whole organization, for people.
pub(super) const fn in_organization(role: OrgRole) -> (&'static str, &'static str) {
    match role {
        OrgRole::Owner => ("Organization owner", "Blocks, grants, revokes, and manages users and API keys."),
        OrgRole::Member => ("Organization member", "Sees the organization, and what project roles add."),
        OrgRole::ReadOnly => ("Organization read only", "Sees all clusters, sessions and activity."),
    }
}

/// A role in one project, for people.
pub(super) const fn in_project(role: ProjectRole) -> (&'static str, &'static str) {
    match role {
        ProjectRole::Owner => ("Project owner", "Grants, revokes, and reads recordings."),
        ProjectRole::ReadOnly => ("Project read only", "Sees the project."),
        ProjectRole::SupportAccessManager => ("Project support access manager", "Grants and revokes."),
    }
}

/// Roles in a sentence.
pub(super) fn roles(roles: &Roles, projects: &BTreeMap<ProjectId, ProjectName>) -> Markup {
    told(roles, |id| projects.get(id).map(ProjectName::as_str))
}

/// Roles in a sentence, with what their projects are called.
pub(super) fn told<'a>(roles: &Roles, name: impl Fn(&ProjectId) -> Option<&'a str>) -> Markup {
    let organization = roles.organization.iter().map(|role| in_organization(*role).0.to_owned());
    let project = roles.projects.iter().flat_map(|(id, roles)| {
        let name = name(id).unwrap_or("a project");
        roles.iter().map(move |role| format!("{} of {name}", in_project(*role).0))
    });
    let all: Vec<String> = organization.chain(project).collect();
    html! { @if all.is_empty() { "no role" } @else { (all.join(", ")) } }
}

/// The value of a project role's box.
fn value(role: ProjectRole, project: ProjectId) -> String {
    format!("{role}:{project}")
}

/// Roles as the boxes hold them.
pub(super) fn typed(roles: &Roles) -> Typed {
    let mut typed = Typed::default();
    for role in &roles.organization {
        typed.push("role", role.as_str());
    }
    for (project, roles) in &roles.projects {
        for role in roles {
            typed.push("role", value(*role, *project));
        }
    }
    typed
}

/// The roles that were chosen, of those that could be.
pub(super) fn chosen(typed: &Typed, projects: &BTreeMap<ProjectId, ProjectName>, faults: &mut Faults) -> Roles {
    let mut roles = Roles::default();
    let given: Vec<&str> = typed.all("role").collect();
    for role in OrgRole::ALL.iter().copied().filter(|role| given.contains(&role.as_str())) {
        roles.organization.insert(role);
    }
    for project in projects.keys().copied() {
        for role in ProjectRole::ALL.iter().copied() {
            if given.iter().any(|text| *text == value(role, project)) {
                roles = roles.with(project, role);
            }
        }
    }
    if roles.is_empty() {
        faults.add("role", "Choose at least one role.");
    }
    roles
}

/// The boxes to choose roles.
pub(super) fn choose(typed: &Typed, projects: &BTreeMap<ProjectId, ProjectName>, faults: &Faults) -> Markup {
    let given: Vec<&str> = typed.all("role").collect();
    let choice = |value: String, (label, does): (&'static str, &'static str)| {
        html! {
            label.choice.plain {
                input type="checkbox" name="role" value=(value) checked[given.contains(&value.as_str())];
                span { (label) span.small.quiet { (does) } }
            }
        }
    };
    html! {
        fieldset #role {
            legend { "Roles in the organization" }
            @for role in OrgRole::ALL { (choice(role.to_string(), in_organization(*role))) }
            (fault("role", faults))
        }
        @for (id, name) in projects {
            details.roles open[ProjectRole::ALL.iter().any(|role| given.contains(&value(*role, *id).as_str()))] {
                summary { "Roles in the project " (name) }
                fieldset aria-label=(format!("Roles in the project {name}")) {
                    @for role in ProjectRole::ALL { (choice(value(*role, *id), in_project(*role))) }
                }
            }
        }
    }
}

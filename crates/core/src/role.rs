//! The roles of customers' people and keys, with Atlas's names.
//!
//! Administrators and employees have no role here, and so no say in consent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::id::ProjectId;

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct RoleError(&'static str);

macro_rules! roles {
    ($(#[$doc:meta])* $name:ident, $all:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every role of this kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Atlas's name of the role.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = RoleError;

            fn from_str(text: &str) -> Result<Self, RoleError> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(RoleError($all)) }
            }
        }
    };
}

roles! {
    /// A role in the whole organization.
    OrgRole, "ORG_OWNER, ORG_MEMBER, ORG_READ_ONLY" {
        /// May do everything a customer may do.
        Owner = "ORG_OWNER",
        /// Sees the organization, and what project roles add.
        Member = "ORG_MEMBER",
        /// Sees everything in the organization.
        ReadOnly = "ORG_READ_ONLY",
    }
}

roles! {
    /// A role in one project.
    ProjectRole, "GROUP_OWNER, GROUP_SUPPORT_ACCESS_MANAGER, GROUP_READ_ONLY" {
        /// May grant and revoke in the project, and read recordings.
        Owner = "GROUP_OWNER",
        /// Sees the project.
        ReadOnly = "GROUP_READ_ONLY",
        /// May grant and revoke in the project.
        SupportAccessManager = "GROUP_SUPPORT_ACCESS_MANAGER",
    }
}

/// A change of the roles of one user or invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolesChange {
    /// This role in the organization besides the others.
    Add(OrgRole),
    /// Not this role in the organization any more.
    Remove(OrgRole),
    /// These roles in place of those in the organization, and of those in projects if some are named.
    Set {
        /// In the whole organization.
        organization: BTreeSet<OrgRole>,
        /// In single projects; `None` keeps those that are.
        projects: Option<BTreeMap<ProjectId, BTreeSet<ProjectRole>>>,
    },
}

impl RolesChange {
    /// What it makes of the roles that are.
    #[must_use]
    pub fn apply(self, roles: &Roles) -> Roles {
        let mut roles = roles.clone();
        match self {
            Self::Add(role) => {
                roles.organization.insert(role);
            }
            Self::Remove(role) => {
                roles.organization.remove(&role);
            }
            Self::Set { organization, projects } => {
                roles.organization = organization;
                roles.projects = projects.unwrap_or(roles.projects);
            }
        }
        roles
    }
}

/// The roles of one user or key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// In the whole organization.
    pub organization: BTreeSet<OrgRole>,
    /// In single projects.
    pub projects: BTreeMap<ProjectId, BTreeSet<ProjectRole>>,
}

impl Roles {
    /// Only these roles in the whole organization.
    pub fn in_organization(roles: impl IntoIterator<Item = OrgRole>) -> Self {
        Self { organization: roles.into_iter().collect(), projects: BTreeMap::new() }
    }

    /// Adds a role in one project.
    #[must_use]
    pub fn with(mut self, project: ProjectId, role: ProjectRole) -> Self {
        self.projects.entry(project).or_default().insert(role);
        self
    }

    /// The same in projects, but these in the whole organization.
    #[must_use]
    pub fn with_organization(&self, roles: BTreeSet<OrgRole>) -> Self {
        Self { organization: roles, projects: self.projects.clone() }
    }

    /// The same elsewhere, but these in one project.
    #[must_use]
    pub fn with_project(&self, project: ProjectId, roles: BTreeSet<ProjectRole>) -> Self {
        let mut changed = self.clone();
        if roles.is_empty() {
            changed.projects.remove(&project);
        } else {
            changed.projects.insert(project, roles);
        }
        changed
    }

    /// The roles in a project.
    pub fn in_project(&self, project: ProjectId) -> BTreeSet<ProjectRole> {
        self.projects.get(&project).cloned().unwrap_or_default()
    }

    /// Whether these include a role in the whole organization.
    pub fn has(&self, role: OrgRole) -> bool {
        self.organization.contains(&role)
    }

    /// Whether these include a role in a project.
    pub fn has_in(&self, project: ProjectId, role: ProjectRole) -> bool {
        self.projects.get(&project).is_some_and(|roles| roles.contains(&role))
    }

    /// Whether there is no role at all.
    pub fn is_empty(&self) -> bool {
        self.organization.is_empty() && self.projects.values().all(BTreeSet::is_empty)
    }
}

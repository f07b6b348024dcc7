//! Who may do what: one total table of role × action × resource.
//!
//! Nothing here knows an administrator or an employee who can consent. The whole table is printed as a golden file by
//! the tests. What may be *reached* on a machine is another question: [`crate::access`].

use std::collections::BTreeSet;

use crate::actor::Actor;
use crate::id::{OrgId, ProjectId};
use crate::role::{OrgRole, ProjectRole, Roles};
use crate::time::{DAY, HOUR};
use crate::word::words;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The installation itself.
    Installation,
    /// An organization.
    Organization(OrgId),
    /// A project of an organization, its clusters, sessions and events included.
    Project(OrgId, ProjectId),
}

words! {
    /// What somebody wants to do.
    Action {
        /// Accept the risk of a node without a passing check.
        AcceptNodeRisk = "accept node risk",
        /// Plan and apply the inventory.
        ApplyInventory = "apply inventory",
        /// Block support from the organization.
        Block = "block",
        /// Set the contacts of the organization and the longest life of a service account's secret.
        ChangeSettings = "change settings",
        /// Have the gateway try a node.
        CheckNode = "check node",
        /// Make a project.
        CreateProject = "create project",
        /// Say no to an access request. Approving one is giving a grant.
        DeclineRequest = "decline request",
        /// End a live session.
        EndSession = "end session",
        /// Give a grant.
        Grant = "grant",
        /// Create an organization with an invitation for its first owner.
        InviteFirstOwner = "invite first owner",
        /// Leave clock doubt, which ends all grants.
        LeaveDoubt = "leave doubt",
        /// Add, change and remove API keys and service accounts of the organization.
        ManageApiKeys = "manage API keys",
        /// Add, disable and key employees.
        ManageEmployees = "manage employees",
        /// Add API keys and service accounts with roles in one project, change and remove those roles.
        ManageProjectAccounts = "manage project keys",
        /// Add users, change their roles, remove them.
        ManageUsers = "manage users",
        /// See API keys with their roles and access lists, of the organization or with a role in a project.
        ReadApiKeys = "read API keys",
        /// Read the state of the installation: inventory, live sessions without their contents, health.
        ReadInstallation = "read installation",
        /// See who is invited to the organization, and the invitations.
        ReadInvitations = "read invitations",
        /// See that an organization exists, its name, members and settings.
        ReadOrganization = "read organization",
        /// Read a project: clusters, grants, feed, sessions.
        ReadProject = "read project",
        /// Read the contents of a recording.
        ReadRecording = "read recording",
        /// See service accounts with their roles and access lists, of the organization or with a role in a project.
        ReadServiceAccounts = "read service accounts",
        /// Begin and go on with the recovery of a lost last owner.
        RecoverOwner = "recover owner",
        /// Make a link with which a user chooses a new password. Only a person does: a key would become one.
        ResetPassword = "reset password",
        /// Resolve an employee identifier to a person.
        ResolveIdentifier = "resolve identifier",
        /// Revoke the grant in force.
        Revoke = "revoke",
        /// Lower or raise the longest grant of the organization, 24 hours at most.
        SetLongestGrant = "set longest grant",
        /// Stop the recovery of a lost last owner.
        StopRecovery = "stop recovery",
        /// Lift the block.
        Unblock = "unblock",
    }
}

impl Action {
    /// Whether a customer's web session must have given its password within 5 minutes. Never for closing the door.
    pub const fn needs_fresh_sign_in(self) -> bool {
        match self {
            Self::AcceptNodeRisk
            | Self::ChangeSettings
            | Self::Grant
            | Self::ManageApiKeys
            | Self::ManageProjectAccounts
            | Self::ManageUsers
            | Self::ResetPassword
            | Self::SetLongestGrant
            | Self::Unblock => true,
            Self::ApplyInventory
            | Self::Block
            | Self::CheckNode
            | Self::CreateProject
            | Self::DeclineRequest
            | Self::EndSession
            | Self::InviteFirstOwner
            | Self::LeaveDoubt
            | Self::ManageEmployees
            | Self::ReadApiKeys
            | Self::ReadInstallation
            | Self::ReadInvitations
            | Self::ReadOrganization
            | Self::ReadProject
            | Self::ReadRecording
            | Self::ReadServiceAccounts
            | Self::RecoverOwner
            | Self::ResolveIdentifier
            | Self::Revoke
            | Self::StopRecovery => false,
        }
    }
}

/// How long an invitation can be claimed, in milliseconds.
pub const INVITED_FOR: i64 = 7 * DAY;

/// How long a link works with which a user chooses a new password, in milliseconds.
pub const RESET_FOR: i64 = HOUR;

/// Why an actor may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They may know of the resource but not do this.
    #[error("your role does not allow this")]
    Forbidden,
    /// They may not even know that the resource exists.
    #[error("no such resource is visible to you")]
    NotVisible,
}

/// Whether the actor may do this to the resource.
///
/// # Errors
/// [`Refusal::NotVisible`] if the actor may not know of the resource, else [`Refusal::Forbidden`].
pub fn may(actor: &Actor, action: Action, resource: Resource) -> Result<(), Refusal> {
    if allowed(actor, action, resource) {
        Ok(())
    } else if visible(actor, resource) {
        Err(Refusal::Forbidden)
    } else {
        Err(Refusal::NotVisible)
    }
}

/// Whether the actor may give an API key or service account these roles in place of the former ones: an owner of the
/// organization any, others only what changes in projects that they manage. Nobody gives a role that they have no power
/// over, and a change of nothing gives no power over an account either.
///
/// # Errors
/// As [`may`].
pub fn may_give(actor: &Actor, organization: OrgId, before: &Roles, after: &Roles) -> Result<(), Refusal> {
    let refused = match may(actor, Action::ManageApiKeys, Resource::Organization(organization)) {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let projects: BTreeSet<ProjectId> = before.projects.keys().chain(after.projects.keys()).copied().collect();
    let mut changed = projects.into_iter().filter(|id| before.in_project(*id) != after.in_project(*id)).peekable();
    if before.organization != after.organization || changed.peek().is_none() {
        return Err(refused);
    }
    let manages = |id| may(actor, Action::ManageProjectAccounts, Resource::Project(organization, id)).is_ok();
    if changed.all(manages) { Ok(()) } else { Err(refused) }
}

/// Whether the actor has power over an API key or service account with these roles: could have given all of them, and so
/// may hold its secrets.
///
/// # Errors
/// As [`may`].
pub fn has_power_over(actor: &Actor, organization: OrgId, roles: &Roles) -> Result<(), Refusal> {
    may_give(actor, organization, &Roles::default(), roles)
}

/// Every actor that belongs to a customer.
macro_rules! customer {
    () => {
        Actor::ApiKey { .. } | Actor::ServiceAccount { .. } | Actor::User { .. }
    };
}

/// Whether the actor may know that the resource exists.
pub fn visible(actor: &Actor, resource: Resource) -> bool {
    match (actor, resource) {
        (Actor::Administrator | Actor::System, _) => true,
        (Actor::Employee { .. }, _) => false,
        (customer!(), Resource::Installation) => false,
        (customer!(), Resource::Organization(_)) => allowed(actor, Action::ReadOrganization, resource),
        (customer!(), Resource::Project(..)) => allowed(actor, Action::ReadProject, resource),
    }
}

fn allowed(actor: &Actor, action: Action, resource: Resource) -> bool {
    match actor {
        Actor::Administrator => administrator(action),
        customer!() => customer(actor, action, resource),
        Actor::Employee { .. } => false,
        Actor::System => matches!(action, Action::ReadInstallation | Action::EndSession),
    }
}

/// What the vendor's administrator may do. Everything that concerns consent is `false`.
const fn administrator(action: Action) -> bool {
    match action {
        Action::ApplyInventory
        | Action::CheckNode
        | Action::EndSession
        | Action::InviteFirstOwner
        | Action::LeaveDoubt
        | Action::ManageEmployees
        | Action::ReadInstallation
        | Action::RecoverOwner
        | Action::ResolveIdentifier => true,
        Action::AcceptNodeRisk
        | Action::Block
        | Action::ChangeSettings
        | Action::CreateProject
        | Action::DeclineRequest
        | Action::Grant
        | Action::ManageApiKeys
        | Action::ManageProjectAccounts
        | Action::ManageUsers
        | Action::ReadApiKeys
        | Action::ReadInvitations
        | Action::ReadOrganization
        | Action::ReadProject
        | Action::ReadRecording
        | Action::ReadServiceAccounts
        | Action::ResetPassword
        | Action::Revoke
        | Action::SetLongestGrant
        | Action::StopRecovery
        | Action::Unblock => false,
    }
}

fn customer(actor: &Actor, action: Action, resource: Resource) -> bool {
    let Some((organization, roles)) = actor.membership() else { return false };
    let (of, project) = match resource {
        Resource::Installation => return false,
        Resource::Organization(id) => (id, None),
        Resource::Project(id, project) => (id, Some(project)),
    };
    if of != organization || roles.is_empty() {
        return false;
    }
    let owner = roles.has(OrgRole::Owner);
    let in_project = |role| project.is_some_and(|id| roles.has_in(id, role));
    let project_owner = in_project(ProjectRole::Owner);
    let manager = in_project(ProjectRole::SupportAccessManager);
    let reader = owner || roles.has(OrgRole::ReadOnly);
    let reads_project = reader && project.is_some() || project_owner || manager || in_project(ProjectRole::ReadOnly);
    match action {
        Action::DeclineRequest | Action::Grant | Action::Revoke | Action::EndSession => {
            owner && project.is_some() || project_owner || manager
        }
        Action::ReadRecording | Action::ManageProjectAccounts => owner && project.is_some() || project_owner,
        Action::ReadApiKeys => reads_project || project.is_none() && !roles.organization.is_empty(),
        Action::ReadProject => reads_project,
        Action::ReadServiceAccounts => reads_project || project.is_none() && reader,
        Action::ReadOrganization | Action::StopRecovery => project.is_none(),
        Action::AcceptNodeRisk
        | Action::Block
        | Action::ChangeSettings
        | Action::CreateProject
        | Action::ManageApiKeys
        | Action::ManageUsers
        | Action::ReadInvitations
        | Action::SetLongestGrant
        | Action::Unblock => owner,
        Action::ResetPassword => owner && matches!(actor, Actor::User { .. }),
        Action::ApplyInventory
        | Action::CheckNode
        | Action::InviteFirstOwner
        | Action::LeaveDoubt
        | Action::ManageEmployees
        | Action::ReadInstallation
        | Action::RecoverOwner
        | Action::ResolveIdentifier => false,
    }
}

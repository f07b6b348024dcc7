//! People of an organization: users, invitations, and their roles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::Link;
use crate::present::present;

/// A user of an organization, or somebody who is invited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgUser {
    /// When they joined; absent while they are invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// The id of the user, or of the invitation.
    pub id: String,
    /// When they were invited; absent once they joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_created_at: Option<String>,
    /// Until when they can join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_expires_at: Option<String>,
    /// Who invited: a user name, or the public part of an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter_username: Option<String>,
    /// Right after inviting: the page where the invited person joins, `rel` `invitation`. It is shown once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// `ACTIVE` or `PENDING`.
    pub org_membership_status: String,
    /// Their roles.
    pub roles: OrgUserRoles,
    /// Always empty: there are no teams here.
    pub team_ids: Vec<String>,
    /// Their name, an e-mail address.
    pub username: String,
}

/// Roles of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrgUserRoles {
    /// In single projects.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub group_role_assignments: Option<Vec<GroupRoleAssignment>>,
    /// In the whole organization.
    pub org_roles: Vec<String>,
}

/// Roles in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRoleAssignment {
    /// The project.
    pub group_id: String,
    /// The roles.
    pub group_roles: Vec<String>,
}

/// Whom an owner invites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrgUserRequest {
    /// Their roles.
    pub roles: OrgUserRoles,
    /// There are no teams here: only the empty list is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub team_ids: Option<Vec<String>>,
    /// Their name, an e-mail address.
    pub username: String,
}

/// What changes of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrgUserUpdate {
    /// Their roles; those in projects stay if none are named.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub roles: Option<OrgUserRoles>,
    /// There are no teams here: only the empty list is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub team_ids: Option<Vec<String>>,
}

/// A role that is given or taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleChange {
    /// The role in the organization.
    pub org_role: String,
}

/// A user of a project, or somebody who is invited to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupUser {
    /// When they joined the organization; absent while they are invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// The id of the user, or of the invitation.
    pub id: String,
    /// When they were invited; absent once they joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_created_at: Option<String>,
    /// Until when they can join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_expires_at: Option<String>,
    /// Who invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter_username: Option<String>,
    /// `ACTIVE` or `PENDING`.
    pub org_membership_status: String,
    /// Their roles in the project.
    pub roles: Vec<String>,
    /// Their name, an e-mail address.
    pub username: String,
}

/// An invitation that nobody has claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationInvitation {
    /// When it was made.
    pub created_at: String,
    /// Until when it can be claimed.
    pub expires_at: String,
    /// The roles they will have in single projects.
    pub group_role_assignments: Vec<GroupRole>,
    /// Its id.
    pub id: String,
    /// Who invited: a user name, or the public part of an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter_username: Option<String>,
    /// This invitation; right after inviting also the page where it is claimed, `rel` `invitation`.
    pub links: Vec<Link>,
    /// The organization.
    pub org_id: String,
    /// Its name.
    pub org_name: String,
    /// The roles they will have in the whole organization.
    pub roles: Vec<String>,
    /// Always empty: there are no teams here.
    pub team_ids: Vec<String>,
    /// Who is invited.
    pub username: String,
}

/// One role in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupRole {
    /// The project.
    pub group_id: String,
    /// The role.
    pub group_role: String,
}

/// Whom an owner invites, in the older form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitationRequest {
    /// The roles they will have in single projects.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub group_role_assignments: Option<Vec<InvitedGroupRoles>>,
    /// The roles they will have in the whole organization.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// There are no teams here: only the empty list is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub team_ids: Option<Vec<String>>,
    /// Their name, an e-mail address.
    pub username: String,
}

/// Roles in one project, in the older form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitedGroupRoles {
    /// The project.
    pub group_id: String,
    /// The roles.
    pub roles: Vec<String>,
}

//! Signing in, organizations, people and keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Anchor;
use crate::present::present;

/// Who signs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignInRequest {
    /// Their name, an e-mail address.
    pub user_name: String,
    /// Their password.
    pub password: String,
}

/// A password alone: to claim an invitation, or to stay signed in for what needs it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordRequest {
    /// The password.
    pub password: String,
}

/// Another password for who is signed in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password.
    pub password: String,
    /// The new one.
    pub new_password: String,
}

/// A web session just opened.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// The bearer token. It is shown once.
    pub token: String,
    /// Who.
    pub user: Me,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// `user`, `apiKey` or `administrator`.
    pub kind: String,
    /// Their id; none for the administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their name, if they are a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Their organization; none for the administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Their roles.
    pub roles: Roles,
    /// Until when a password given counts as just given, if they signed in with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<String>,
}

/// The roles of a user or key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Roles {
    /// In the whole organization: `ORG_OWNER`, `ORG_MEMBER`, `ORG_READ_ONLY`.
    #[serde(default)]
    pub org_roles: Vec<String>,
    /// In single projects.
    #[serde(default)]
    pub group_role_assignments: Vec<GroupRoles>,
}

/// The roles in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupRoles {
    /// The project.
    pub group_id: String,
    /// `GROUP_OWNER`, `GROUP_SUPPORT_ACCESS_MANAGER`, `GROUP_READ_ONLY`.
    pub group_roles: Vec<String>,
}

/// An invitation, as its bearer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// The organization.
    pub org_id: String,
    /// Its name.
    pub organization_name: String,
    /// Who is invited.
    pub user_name: String,
    /// The roles they will have.
    pub roles: Roles,
    /// Whether they claim the organization as its first owner.
    pub first_owner: bool,
    /// Whether they are a user already, who chooses a new password.
    #[serde(default)]
    pub password_reset: bool,
    /// Until when it can be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// An invitation was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// The new user.
    pub user_id: String,
    /// Their organization.
    pub org_id: String,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// What an administrator needs to create an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOrganization {
    /// Its name.
    pub name: String,
    /// The name of its first owner, an e-mail address.
    pub owner_user_name: String,
    /// Whether it shall be made beside another one of the same name; without, that is a conflict.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub another: Option<bool>,
}

/// Whom an administrator invites anew, as long as nobody has claimed the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteOwner {
    /// The name of the first owner, an e-mail address.
    pub owner_user_name: String,
}

/// An invitation that nobody has claimed yet, as owners see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenInvitation {
    /// Its id.
    pub id: String,
    /// Who is invited.
    pub user_name: String,
    /// The roles they will have.
    pub roles: Roles,
    /// Until when it can be claimed.
    pub expires_at: String,
}

/// A link for a new password that can be used, as owners see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordReset {
    /// Its id.
    pub id: String,
    /// Whose password it sets.
    pub user_id: String,
    /// Their name.
    pub user_name: String,
    /// The name of the owner who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
    /// Until when it can be used.
    pub expires_at: String,
}

/// Somebody was invited. The token is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invited {
    /// The organization.
    pub organization_id: String,
    /// The invitation.
    pub invitation_id: String,
    /// The page on which it is claimed, below the server's address.
    pub path: String,
    /// Its whole address, to hand on: below the server's public one, or the one that the caller used.
    #[serde(default)]
    pub url: String,
    /// The single-use token.
    pub token: String,
    /// Until when it can be claimed.
    pub expires_at: String,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// The settings of an organization that are Byleave's own, and the block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether the organization blocks support.
    pub restrict_employee_access: bool,
    /// The longest grant that can be given.
    pub longest_grant_ms: i64,
    /// What was recorded.
    #[serde(default)]
    pub anchors: Vec<Anchor>,
}

/// A partial change of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsPatch {
    /// Whether the organization blocks support.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub restrict_employee_access: Option<bool>,
    /// The longest grant that can be given.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub longest_grant_ms: Option<i64>,
}

/// A customer's person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Their id.
    pub id: String,
    /// Their name, an e-mail address.
    pub user_name: String,
    /// Their roles.
    pub roles: Roles,
    /// The tag of all this, for `If-Match`.
    #[serde(default)]
    pub etag: String,
}

/// A person has other roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolesChanged {
    /// The person.
    #[serde(flatten)]
    pub user: User,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// Whom an owner invites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// Their name, an e-mail address.
    pub user_name: String,
    /// The roles they will have.
    pub roles: Roles,
}

/// New roles of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolesPatch {
    /// The roles they will have instead.
    pub roles: Roles,
}

/// A digest key, without its private part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ByleaveApiKey)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// Its public part, the user name of HTTP Digest.
    pub public_key: String,
    /// What it is for.
    pub description: String,
    /// Its roles.
    pub roles: Roles,
}

/// What an owner needs to make a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    pub description: String,
    /// Its roles.
    pub roles: Roles,
}

/// A key just made. The private part is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyMade {
    /// Its id.
    pub id: String,
    /// Its public part, the user name of HTTP Digest.
    pub public_key: String,
    /// Its private part, the password of HTTP Digest.
    pub private_key: String,
    /// What it is for.
    pub description: String,
    /// Its roles.
    pub roles: Roles,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

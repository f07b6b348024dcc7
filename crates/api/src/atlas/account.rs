//! API keys and service accounts, their secrets and access lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::Link;
use crate::present::present;

/// A service account. Its roles are those in the organization, or in the project of the path.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Its id: the user name of OAuth 2.0 client credentials.
    pub client_id: String,
    /// When it was made.
    pub created_at: String,
    /// What it is for.
    pub description: String,
    /// Its name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its secrets.
    pub secrets: Vec<ServiceAccountSecret>,
}

/// A secret of a service account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSecret {
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
    /// Its id.
    pub id: String,
    /// When it last got a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// Its last characters.
    pub masked_secret_value: String,
    /// Its text, once: in the answer to its making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// What makes a service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountRequest {
    /// What it is for.
    pub description: String,
    /// Its name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// How long its first secret lasts: 8 to 8760.
    pub secret_expires_after_hours: i64,
}

/// A partial change of a service account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountPatch {
    /// What it is for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its name.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its roles.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

/// What makes a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountSecretRequest {
    /// How long it lasts: 8 to 8760.
    pub secret_expires_after_hours: i64,
}

/// Roles for an account in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// The roles.
    pub roles: Vec<String>,
    /// Sent back by clients that read it before; the path names the account.
    #[serde(default, skip_serializing)]
    pub user_id: Option<String>,
}

/// A project in which a service account has roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountGroup {
    /// The project.
    pub group_id: String,
    /// The roles there.
    pub roles: Vec<String>,
}

/// An API key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// What it is for.
    pub desc: String,
    /// Its id.
    pub id: String,
    /// This key.
    pub links: Vec<Link>,
    /// Its private part: whole in the answer to its making, asterisks ever after.
    pub private_key: String,
    /// Its public part.
    pub public_key: String,
    /// Its roles.
    pub roles: Vec<ApiKeyRole>,
}

/// A role of an API key, in the organization or in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyRole {
    /// The project, if it is a role in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The organization, if it is a role there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The role.
    pub role_name: String,
}

/// What makes an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeyRequest {
    /// What it is for.
    pub desc: String,
    /// Its roles.
    pub roles: Vec<String>,
}

/// A partial change of an API key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeyPatch {
    /// What it is for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub desc: Option<String>,
    /// Its roles.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

/// An address or network to be taken from: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessListRequest {
    /// A network in CIDR form.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<String>,
    /// An address.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// An entry of the access list of an API key. How often it was used is not counted here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyAccess {
    /// The network in CIDR form.
    pub cidr_block: String,
    /// When it was added.
    pub created: String,
    /// The address, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// This entry.
    pub links: Vec<Link>,
}

/// An entry of the access list of a service account. How often it was used is not counted here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountAccess {
    /// The network in CIDR form.
    pub cidr_block: String,
    /// When it was added.
    pub created_at: String,
    /// The address, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// What asks for an access token: a form, as RFC 6749 words it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OAuthTokenRequest {
    /// The service account, unless the header names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its secret, unless the header has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Always `client_credentials`.
    pub grant_type: String,
    /// There are no scopes here: only the empty one is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// What revokes an access token: a form, as RFC 7009 words it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OAuthRevokeRequest {
    /// The service account, unless the header names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its secret, unless the header has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The token.
    pub token: String,
    /// Changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type_hint: Option<String>,
}

/// An access token, as RFC 6749 words it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OAuthToken {
    /// The token.
    pub access_token: String,
    /// How many seconds it lasts.
    pub expires_in: i64,
    /// `Bearer`.
    pub token_type: String,
}

/// Why there is no token, as RFC 6749 words it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OAuthError {
    /// For programs.
    pub error: String,
    /// For people.
    pub error_description: String,
}

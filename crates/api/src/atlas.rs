//! The types of the paths that Atlas has, too (`/api/atlas/v2`), limited to the fields that Byleave knows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::Link;

mod history;
mod people;
mod projects;
mod settings;

pub use history::{AccessLog, AccessLogs};
pub use people::{
    GroupRole, GroupRoleAssignment, GroupUser, InvitationRequest, InvitedGroupRoles, OrgUser, OrgUserRequest,
    OrgUserRoles, OrgUserUpdate, OrganizationInvitation, RoleChange,
};
pub use projects::{
    ApiKeyOfCaller, CloudCluster, Group, NewGroup, OrgGroup, ResourceTag, RoleAssignment, SystemStatus,
};
pub use settings::{CustomSessionTimeouts, OrganizationSettings, OrganizationSettingsPatch};

pub mod account;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Always false: organizations are not deleted.
    pub is_deleted: bool,
    /// This organization.
    pub links: Vec<Link>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Always `REPLICASET`: Byleave knows nodes, not shards.
    pub cluster_type: String,
    /// When it came into the inventory.
    pub create_date: String,
    /// Its project.
    pub group_id: String,
    /// Its id.
    pub id: String,
    /// This cluster.
    pub links: Vec<Link>,
    /// The grant in force; absent without one.
    #[serde(rename = "mongoDBEmployeeAccessGrant", default, skip_serializing_if = "Option::is_none")]
    pub mongodb_employee_access_grant: Option<EmployeeAccessGrant>,
    /// Its name.
    pub name: String,
    /// Always false.
    pub paused: bool,
    /// Always empty: Byleave knows no hardware.
    pub replication_specs: Vec<serde_json::Value>,
    /// Always `IDLE`.
    pub state_name: String,
}

/// A grant in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmployeeAccessGrant {
    /// When it ends by itself.
    pub expiration_time: String,
    /// What it is for.
    pub grant_type: String,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// What a customer grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantRequest {
    /// When it shall end by itself: at most 24 hours from now.
    pub expiration_time: String,
    /// What it is for.
    pub grant_type: String,
    /// Sent back by clients that read a grant before; its content is of no use here.
    #[serde(default, skip_serializing)]
    pub links: Option<Vec<Link>>,
}

/// Where the feed can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityFeedLink {
    /// A page of this server, with the filter that was asked for; people have to be signed in there.
    pub link: String,
    /// This path.
    pub links: Vec<Link>,
}

/// An event type that feeds can hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeDetails {
    /// Always false: nothing here raises alerts.
    pub alertable: bool,
    /// What it tells, for people.
    pub description: String,
    /// Atlas's word.
    pub event_type: String,
}

/// An entry of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The API key that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<String>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// When, to the second.
    pub created: String,
    /// The pseudonym of the support engineer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_identifier: Option<String>,
    /// What happened, in Atlas's word.
    pub event_type_name: String,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// Its id.
    pub id: String,
    /// Whether somebody of the vendor caused it.
    pub is_global_admin: bool,
    /// This event.
    pub links: Vec<Link>,
    /// The organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The public part of the API key that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The whole event, if `includeRaw=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<serde_json::Value>,
    /// The person it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_username: Option<String>,
    /// The person who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

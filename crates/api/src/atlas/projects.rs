//! Projects, what is in them at a glance, and the state of the system.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::page::Link;
use crate::present::present;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// How many clusters it has.
    pub cluster_count: u64,
    /// When it was made.
    pub created: String,
    /// Its id.
    pub id: String,
    /// This project.
    pub links: Vec<Link>,
    /// Its name.
    pub name: String,
    /// Its organization.
    pub org_id: String,
}

/// A project to be made. What a client sends back from a project that it read has no say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGroup {
    /// Of no use here.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    pub cluster_count: Option<i64>,
    /// Of no use here.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    pub created: Option<String>,
    /// Of no use here.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    pub id: Option<String>,
    /// Of no use here.
    #[serde(default, deserialize_with = "present", skip_serializing)]
    pub links: Option<Vec<Link>>,
    /// Its name, unique in the organization.
    pub name: String,
    /// Its organization.
    pub org_id: String,
    /// Byleave knows no regions: only `COMMERCIAL_FEDRAMP_REGIONS_ONLY` is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub region_usage_restrictions: Option<String>,
    /// Not kept: only the empty list is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<ResourceTag>>,
    /// There are no alerts here, with default settings or without.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub with_default_alerts_settings: Option<bool>,
}

/// A tag, of which Byleave keeps none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceTag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A project with its clusters at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgGroup {
    /// The clusters, by name.
    pub clusters: Vec<CloudCluster>,
    /// The project.
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Its organization.
    pub org_id: String,
    /// The organization's name.
    pub org_name: String,
}

/// A cluster at a glance: what the inventory says, and nothing of what Byleave cannot know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudCluster {
    /// Its id.
    pub cluster_id: String,
    /// Its name.
    pub name: String,
    /// How many nodes it has.
    pub node_count: u64,
    /// Always `REPLICA_SET`: Byleave knows nodes, not shards.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The state of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemStatus {
    /// The key that asks; null for whoever asks without one.
    #[schema(required)]
    pub api_key: Option<ApiKeyOfCaller>,
    /// Always `MongoDB Atlas`, the only name that typed clients take: whose manner this API follows, not what it is.
    pub app_name: String,
    /// The version of Byleave.
    pub build: String,
    /// This path.
    pub links: Vec<Link>,
    /// Always false.
    pub throttling: bool,
}

/// The key that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyOfCaller {
    /// Its id.
    pub id: String,
    /// Its public part.
    pub public_key: String,
    /// Its roles.
    pub roles: Vec<RoleAssignment>,
}

/// A role, in the organization or in one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RoleOfCaller)]
pub struct RoleAssignment {
    /// The project, for a role in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The organization, for a role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The role.
    pub role_name: String,
}

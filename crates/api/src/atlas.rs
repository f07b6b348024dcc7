//! The types of the paths that Atlas has, too (`/api/atlas/v2`), limited to the fields that Byleave knows.

use serde::{Deserialize, Serialize};

use crate::page::Link;
use crate::present::present;

pub mod account;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The settings of an organization, with what each is in Byleave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSettings {
    /// False: not enforced here.
    pub api_access_list_required: bool,
    /// False: there is nothing of that kind here.
    #[serde(rename = "genAIFeaturesEnabled")]
    pub gen_ai_features_enabled: bool,
    /// False: not enforced here.
    pub multi_factor_auth_required: bool,
    /// Whether the organization blocks support.
    pub restrict_employee_access: bool,
    /// False: there is nothing of that kind here.
    pub streams_cross_group_enabled: bool,
}

/// A partial change of the settings. What Byleave does not enforce is refused by name unless it says what is so anyway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationSettingsPatch {
    /// Not enforced: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub api_access_list_required: Option<bool>,
    /// Not enforced: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_session_timeouts: Option<serde_json::Value>,
    /// Nothing of that kind: only false is taken.
    #[serde(
        rename = "genAIFeaturesEnabled",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub gen_ai_features_enabled: Option<bool>,
    /// Not enforced: refused.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub max_service_account_secret_validity_in_hours: Option<i64>,
    /// Not enforced: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub multi_factor_auth_required: Option<bool>,
    /// Not kept: only null is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations_contact: Option<String>,
    /// Whether the organization blocks support.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub restrict_employee_access: Option<bool>,
    /// Not kept: only the empty text is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub security_contact: Option<String>,
    /// Nothing of that kind: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub streams_cross_group_enabled: Option<bool>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// An entry of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

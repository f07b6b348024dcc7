//! The settings of an organization: what is enforced here, and what Atlas has besides.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::present::{nullable, present};

/// The settings of an organization, with what each is in Byleave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSettings {
    /// False: not enforced here.
    pub api_access_list_required: bool,
    /// False: there is nothing of that kind here.
    #[serde(rename = "genAIFeaturesEnabled")]
    pub gen_ai_features_enabled: bool,
    /// The longest that a secret of a service account may be valid.
    pub max_service_account_secret_validity_in_hours: i64,
    /// False: not enforced here.
    pub multi_factor_auth_required: bool,
    /// Where operational notices go, if anywhere.
    #[schema(required)]
    pub operations_contact: Option<String>,
    /// Whether the organization blocks support.
    pub restrict_employee_access: bool,
    /// Where security notices go; empty for nowhere.
    pub security_contact: String,
    /// False: there is nothing of that kind here.
    pub streams_cross_group_enabled: bool,
}

/// A partial change of the settings. What Byleave does not enforce is refused by name unless it says what is so anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationSettingsPatch {
    /// Not enforced: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub api_access_list_required: Option<bool>,
    /// Not enforced: only null, or no timeout, is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_session_timeouts: Option<CustomSessionTimeouts>,
    /// Nothing of that kind: only false is taken.
    #[serde(
        rename = "genAIFeaturesEnabled",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub gen_ai_features_enabled: Option<bool>,
    /// The longest that a secret of a service account may be valid: 8 to 8760.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub max_service_account_secret_validity_in_hours: Option<i64>,
    /// Not enforced: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub multi_factor_auth_required: Option<bool>,
    /// Where operational notices go; null for nowhere.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    pub operations_contact: Option<Option<String>>,
    /// Whether the organization blocks support.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub restrict_employee_access: Option<bool>,
    /// Where security notices go; empty for nowhere.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub security_contact: Option<String>,
    /// Nothing of that kind: only false is taken.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub streams_cross_group_enabled: Option<bool>,
}

/// How long people stay signed in, in Atlas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomSessionTimeouts {
    /// From signing in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_session_timeout_in_seconds: Option<i64>,
    /// From the last thing they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_session_timeout_in_seconds: Option<i64>,
}

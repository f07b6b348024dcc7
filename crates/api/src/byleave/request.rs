//! Access requests: what employees ask, and how customers answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Anchor, SyncCredential};
use crate::present::present;

/// What an employee asks for. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequest {
    /// Its id.
    pub id: String,
    /// The organization.
    pub org_id: String,
    /// The project.
    pub group_id: String,
    /// The project's name.
    pub group_name: String,
    /// The cluster.
    pub cluster_id: String,
    /// The cluster's name.
    pub cluster_name: String,
    /// The pseudonym of who asks.
    pub employee_identifier: String,
    /// What the grant shall be for.
    pub grant_type: String,
    /// How long it shall last.
    pub duration_ms: i64,
    /// The vendor's reference to a support case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Why, in the words of who asks.
    pub reason: String,
    /// When it was made.
    pub asked_at: String,
    /// When it dies if nobody answers: 4 days later.
    pub dies_at: String,
    /// `waiting`, `approved`, `declined`, `withdrawn`, `died`, or `clock reset`.
    pub status: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The grant that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// Who approved or declined it: `user:<id>`, `api-key:<id>` or `service-account:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How a customer approves: with less than was asked, if they say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestApproval {
    /// What the grant shall be for; what was asked if none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// How long, such as `2h`; what was asked if none, or the organization's longest if that is less.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// With what the gateway signs in to the databases, for a grant of sync data: kept in memory until the grant ends,
    /// and used instead of what an administrator set.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sync_credential: Option<SyncCredential>,
}

/// How a customer declines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRefusal {
    /// Why; whoever asked reads it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A request was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDeclined {
    /// The request.
    pub request: AccessRequest,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

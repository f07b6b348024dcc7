//! Who came in, in the form of Atlas's history of access.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A history of access, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogs {
    /// Session by session, and try by try that was refused.
    pub access_logs: Vec<AccessLog>,
}

/// A session of a support engineer, or a try that was refused. No address: it could tell who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// Whether they came in.
    pub auth_result: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// The project.
    pub group_id: String,
    /// The node, or the cluster's host name where no node was named.
    pub hostname: String,
    /// When, to the second.
    pub timestamp: String,
    /// The pseudonym of the support engineer.
    pub username: String,
}

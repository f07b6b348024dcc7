//! Clusters, grants, sessions, events and evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Anchor;
use crate::present::present;

/// A cluster with its nodes and its grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ByleaveCluster)]
pub struct Cluster {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its project.
    pub group_id: String,
    /// The project's name.
    pub group_name: String,
    /// Its organization.
    pub org_id: String,
    /// The name in `ssh <host>@gateway logs`.
    pub host: String,
    /// The inventory revision.
    pub revision: i64,
    /// Whether its organization blocks support.
    pub blocked: bool,
    /// The databases of App Services sync.
    pub sync_databases: Vec<String>,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// The grant in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its id.
    pub id: String,
    /// The name in `ssh <host>@gateway`.
    pub host: String,
    /// Where its SSH server listens.
    pub address: String,
    /// The host key of that server.
    pub host_key: String,
    /// The revision that brought it in this form.
    pub since: i64,
    /// What its latest check found: `none`, `passed`, `failed`, `risk accepted`.
    pub check: String,
    /// Its logs.
    pub logs: Vec<Log>,
}

/// A log of a node, also as an inventory wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// `database`, `audit` or `other`.
    pub kind: String,
    /// Where it is on its node.
    pub path: String,
}

/// What a customer grants. The server's clock counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ByleaveGrantRequest)]
pub struct GrantRequest {
    /// What it is for.
    pub grant_type: String,
    /// How long, such as `24h` or `1h30m`; the organization's longest if none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// A reference to a support case.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With what the gateway signs in to the databases, for a grant of sync data: kept in memory until the grant ends,
    /// and used instead of what an administrator set.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sync_credential: Option<SyncCredential>,
}

/// With what the gateway signs in to a cluster's databases: a user name and a password, or a certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncCredential {
    /// The user name, of the database `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A certificate chain and its private key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
}

impl std::fmt::Debug for SyncCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncCredential(..)")
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The cluster it is for.
    pub cluster_id: String,
    /// What it is for.
    pub grant_type: String,
    /// Who gave it: `user:<id>` or `api-key:<id>`.
    pub granted_by: String,
    /// When.
    pub granted_at: String,
    /// When it ends by itself.
    pub expires_at: String,
    /// How long that is from now on the server's clock; 0 if it is not in force.
    pub remaining_ms: i64,
    /// `active`, `expired` or `ended`.
    pub status: String,
    /// When it ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// The cluster's inventory revision it was given for.
    pub inventory_revision: i64,
    /// A reference to a support case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Why it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A grant was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// The grant.
    pub grant: Grant,
    /// What is to be known beside it: that support is not blocked, and what that means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// A grant was revoked, or there was none in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// The grant that ended, if one was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Grant>,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// A session of a support engineer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The project.
    pub group_id: String,
    /// The cluster.
    pub cluster_id: String,
    /// The cluster's name.
    pub cluster_name: String,
    /// The name that was asked for in `ssh <host>@gateway`.
    pub host: String,
    /// The node, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// What is open: `node` or `logs`.
    pub wanted: String,
    /// The pseudonym of the support engineer.
    pub employee_identifier: String,
    /// `standing`, or `grant:<id>`.
    pub basis: String,
    /// When it opened.
    pub opened_at: String,
    /// When it ends at the latest.
    pub until: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// How many shells.
    pub shells: i64,
    /// How many commands.
    pub commands: i64,
    /// How many file transfers.
    pub transfers: i64,
    /// How many tries were refused.
    pub refused: i64,
    /// Bytes from the employee to the node.
    pub received_bytes: i64,
    /// Bytes from the node to the employee.
    pub sent_bytes: i64,
    /// SHA-256 of the recording, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_sha256: Option<String>,
    /// Whether some of it was hashed, not recorded.
    pub partly_recorded: bool,
}

/// A session was told to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Whether it was alive.
    pub ended: bool,
}

/// What was recorded of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The session.
    pub session_id: String,
    /// Its parts, one for each channel or stream.
    pub parts: Vec<RecordingPart>,
}

/// A part of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingPart {
    /// Its name.
    pub name: String,
    /// What it is, such as `asciicast` or `stdout`.
    pub kind: String,
    /// The bytes, in base64.
    pub content: String,
}

/// An entry of the full feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ByleaveEvent)]
pub struct Event {
    /// Its place in the log.
    pub index: u64,
    /// Its id.
    pub id: String,
    /// When.
    pub at: String,
    /// Who caused it: `administrator`, `system`, `user:<id>`, `api-key:<id>`, `employee:<identifier>`.
    pub by: String,
    /// The name of that person, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// What happened: a dotted name.
    pub event: String,
    /// The fields of the event.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// What the ids in it are called, also of what was removed since, as far as the reader may know: clusters, projects and
    /// service accounts by their names, nodes by their host names, people by their user names, API keys by their public parts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

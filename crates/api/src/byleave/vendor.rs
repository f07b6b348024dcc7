//! What the vendor's administrator does: employees, inventory, nodes, the clock. Nothing here consents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Anchor, Log, SyncCredential};
use crate::present::present;

/// A support engineer, as the vendor sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Employee {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Whether they may come in at all.
    pub enabled: bool,
    /// Their public keys.
    pub keys: Vec<EmployeeKey>,
}

/// A public key of an employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmployeeKey {
    /// Its id.
    pub id: String,
    /// The key, in one line.
    pub public_key: String,
}

/// Whom an administrator adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEmployee {
    /// Their name.
    pub name: String,
}

/// A public key that an administrator gives to an employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEmployeeKey {
    /// The key as OpenSSH writes it; a comment is dropped.
    pub public_key: String,
}

/// Something was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Its id.
    pub id: String,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// A pseudonym that an administrator wants to resolve. The customer sees that it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolveRequest {
    /// The organization that saw it.
    pub organization_id: String,
    /// The pseudonym.
    pub identifier: String,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// The name of the employee.
    pub name: String,
}

/// The inventory that an administrator wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventoryRequest {
    /// The clusters.
    pub clusters: Vec<InventoryCluster>,
    /// Whether what is not named is removed.
    #[serde(default)]
    pub prune: bool,
}

/// What the gateway is to sign in to a cluster's databases with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncCredentialRequest {
    /// The host name of the cluster.
    pub host: String,
    /// The credential.
    pub credential: SyncCredential,
}

/// A cluster as an inventory names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventoryCluster {
    /// The id of the organization.
    pub organization: String,
    /// The name of the project, made if it is not there.
    pub project: String,
    /// The name.
    pub name: String,
    /// The name in `ssh <host>@gateway logs`.
    pub host: String,
    /// The databases of App Services sync.
    #[serde(default)]
    pub sync_databases: Vec<String>,
    /// The servers that hold them: addresses with ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_servers: Vec<String>,
    /// The one of those servers that is read from; if none is named, whichever is the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_member: Option<String>,
    /// The certificates that vouch for those servers, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_ca: Option<String>,
    /// The nodes.
    #[serde(default)]
    pub nodes: Vec<InventoryNode>,
}

/// A node as an inventory names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InventoryNode {
    /// The name in `ssh <host>@gateway`.
    pub host: String,
    /// Where its SSH server listens.
    pub address: String,
    /// The host key of that server, in one line.
    pub host_key: String,
    /// Its logs.
    #[serde(default)]
    pub logs: Vec<Log>,
}

/// The inventory as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The projects, with clusters or without: the inventory's own, and those that customers made.
    #[serde(default)]
    pub projects: Vec<InventoryProject>,
    /// The clusters that are present.
    pub clusters: Vec<InventoryCluster>,
    /// The nodes that are present, with the ids that checks need.
    pub nodes: Vec<InventoryNodeId>,
}

/// A project that a cluster can be put into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryProject {
    /// The id of the organization.
    pub organization: String,
    /// Its name.
    pub name: String,
}

/// The id of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryNodeId {
    /// The node.
    pub id: String,
    /// Its name.
    pub host: String,
    /// What its latest check found: `none`, `passed`, `failed`, `risk accepted`.
    pub check: String,
}

/// The facts from which `byleave node setup` prepares a node. None of them is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSetup {
    /// The organization's SSH user CA, one OpenSSH line.
    pub ca: String,
    /// The node.
    pub node_id: String,
    /// From where nodes see the gateway.
    pub gateways: Vec<String>,
    /// Where nodes have the `byleave` program.
    pub helper: String,
    /// The paths of its logs.
    pub logs: Vec<String>,
    /// The databases of App Services sync of its cluster, which the gateway's role in the database may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_databases: Vec<String>,
}

/// What an apply would do, or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryPlan {
    /// The changes, in order.
    pub changes: Vec<InventoryChange>,
    /// What is there, not named, and kept because nothing is pruned.
    pub kept: Vec<String>,
    /// In a plan: the tag of the inventory that it was made for. An apply with it in `If-Match` does this plan or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// What was recorded.
    #[serde(default)]
    pub anchors: Vec<Anchor>,
}

/// One change of the inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryChange {
    /// The organization.
    pub org_id: String,
    /// What happens: a dotted event name.
    pub event: String,
    /// The fields of the event.
    pub data: serde_json::Map<String, serde_json::Value>,
}

/// What a check of a node found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// The node.
    pub node_id: String,
    /// Whether nothing was found.
    pub passed: bool,
    /// Line by line.
    pub lines: Vec<NodeReportLine>,
    /// What was recorded.
    #[serde(default)]
    pub anchors: Vec<Anchor>,
}

/// One thing that a check tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReportLine {
    /// What was tried.
    pub name: String,
    /// Whether it was closed, as it must be.
    pub passed: bool,
    /// What was seen.
    pub text: String,
}

/// Why an owner accepts the risk of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RiskRequest {
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is live in the whole installation, and how fast the latest cuts were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The live sessions.
    pub results: Vec<LiveSession>,
    /// The latest cuts since the server started.
    pub cuts: Cuts,
}

/// How long cuts took: from the publication that follows a commit (or from a deadline) to all sockets of a session shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cuts {
    /// How many of them are counted here.
    pub count: usize,
    /// The median, in microseconds.
    pub median_micros: u64,
    /// 99 of 100 were at least this fast, in microseconds.
    pub p99_micros: u64,
    /// The slowest, in microseconds.
    pub worst_micros: u64,
}

/// A live session without its contents, as the administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveSession {
    /// Its id.
    pub id: String,
    /// The organization.
    pub org_id: String,
    /// The cluster.
    pub cluster_id: String,
    /// The name that was asked for.
    pub host: String,
    /// When it opened.
    pub opened_at: String,
    /// When it ends at the latest.
    pub until: String,
}

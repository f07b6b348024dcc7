//! What [`byleave_core::access::decide`] needs, read as of one transaction: the organization, the cluster with its
//! nodes and logs, and the latest grants.
//!
//! A row that does not decode is an error: facts with a gap could end in a yes.

use byleave_core::access::{Facts, GRANTS_FOR};
use byleave_core::event::LogId;
use byleave_core::grant::{Grant, GrantEnd};
use byleave_core::id::{ClusterId, OrgId};
use byleave_core::inventory::{Cluster, Log, LogKind, Node, NodeCheck};
use byleave_core::time::Timestamp;
use byleave_log::leaf::log_text;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::error::StoreError;
use crate::row;

/// The facts of a cluster; `None` if there is none.
pub(crate) async fn load(
    sql: &mut SqliteConnection,
    id: ClusterId,
    at: Timestamp,
) -> Result<Option<Facts>, StoreError> {
    let Some(cluster) = cluster(sql, id).await? else { return Ok(None) };
    let row = sqlx::query("SELECT blocked, claimed_at FROM organizations WHERE id = $1")
        .bind(cluster.organization.to_string())
        .fetch_one(&mut *sql)
        .await?;
    Ok(Some(Facts {
        organization: cluster.organization,
        claimed: row::instant_or_none(&row, "claimed_at")?.is_some(),
        blocked: row::flag(&row, "blocked")?,
        grants: grants_after(sql, id, at.millis() - GRANTS_FOR).await?,
        log_size: log_size(sql, LogId::Organization(cluster.organization)).await?,
        cluster,
    }))
}

/// How many entries a log has.
pub(crate) async fn log_size(sql: &mut SqliteConnection, log: LogId) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT size FROM logs WHERE log = $1").bind(log_text(log)).fetch_optional(sql).await?;
    row.map_or(Ok(0), |row| row::count(&row, "size"))
}

/// The organization of a cluster.
pub(crate) async fn organization_of(
    sql: &mut SqliteConnection,
    cluster: ClusterId,
) -> Result<Option<OrgId>, StoreError> {
    let row = sqlx::query("SELECT organization FROM clusters WHERE id = $1")
        .bind(cluster.to_string())
        .fetch_optional(sql)
        .await?;
    row.map(|row| row::text(&row, "organization")).transpose()
}

/// The grants of a cluster that were given after an instant in milliseconds, oldest first.
pub(crate) async fn grants_after(
    sql: &mut SqliteConnection,
    cluster: ClusterId,
    after: i64,
) -> Result<Vec<Grant>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, cluster, kind, granted_by, granted_at, expires_at, ended_at, end_reason, inventory_revision,
                case_number, reason
         FROM grants WHERE cluster = $1 AND granted_at > $2 ORDER BY number",
    )
    .bind(cluster.to_string())
    .bind(after)
    .fetch_all(sql)
    .await?;
    rows.iter().map(grant).collect()
}

/// Reads a grant.
pub(crate) fn grant(row: &SqliteRow) -> Result<Grant, StoreError> {
    let ended_at = row::instant_or_none(row, "ended_at")?;
    let reason: Option<GrantEnd> = row::field_or_none(row, "end_reason")?;
    let ended = match (ended_at, reason) {
        (Some(at), Some(reason)) => Some((at, reason)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::corrupt("half an end of a grant")),
    };
    Ok(Grant {
        id: row::text(row, "id")?,
        cluster: row::text(row, "cluster")?,
        kind: row::text(row, "kind")?,
        granted_by: row::field(row, "granted_by")?,
        granted_at: row::instant(row, "granted_at")?,
        expires_at: row::instant(row, "expires_at")?,
        ended,
        inventory_revision: row::revision(row, "inventory_revision")?,
        case: row::text_or_none(row, "case_number")?,
        reason: row::text_or_none(row, "reason")?,
    })
}

/// A cluster with everything in it; `None` if there is none.
pub(crate) async fn cluster(sql: &mut SqliteConnection, id: ClusterId) -> Result<Option<Cluster>, StoreError> {
    let row =
        sqlx::query("SELECT id, organization, project, name, host, revision, removed FROM clusters WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *sql)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let databases = sqlx::query("SELECT name, since FROM sync_databases WHERE cluster = $1 ORDER BY position")
        .bind(id.to_string())
        .fetch_all(&mut *sql)
        .await?;
    Ok(Some(Cluster {
        id,
        organization: row::text(&row, "organization")?,
        project: row::text(&row, "project")?,
        name: row::text(&row, "name")?,
        host: row::text(&row, "host")?,
        revision: row::revision(&row, "revision")?,
        sync_databases: databases
            .iter()
            .map(|row| Ok((row::text(row, "name")?, row::revision(row, "since")?)))
            .collect::<Result<_, StoreError>>()?,
        nodes: nodes(sql, id).await?,
        removed: row::flag(&row, "removed")?,
    }))
}

async fn nodes(sql: &mut SqliteConnection, cluster: ClusterId) -> Result<Vec<Node>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, host, address, host_key, since, check_outcome, check_revision, removed
         FROM nodes WHERE cluster = $1 ORDER BY position",
    )
    .bind(cluster.to_string())
    .fetch_all(&mut *sql)
    .await?;
    let logs = sqlx::query(
        "SELECT node_logs.node, node_logs.name, node_logs.kind, node_logs.path, node_logs.since
         FROM node_logs JOIN nodes ON nodes.id = node_logs.node WHERE nodes.cluster = $1 ORDER BY node_logs.name",
    )
    .bind(cluster.to_string())
    .fetch_all(sql)
    .await?;
    let mut nodes = rows.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    for row in &logs {
        let of = row::text(row, "node")?;
        let node = nodes.iter_mut().find(|node| node.id == of).ok_or_else(|| StoreError::corrupt("a stray log"))?;
        node.logs.push(Log {
            name: row::text(row, "name")?,
            kind: row::field::<LogKind>(row, "kind")?,
            path: row::text(row, "path")?,
            since: row::revision(row, "since")?,
        });
    }
    nodes.iter_mut().for_each(|node| node.logs.sort_by(|a, b| a.name.cmp(&b.name)));
    Ok(nodes)
}

/// Reads a node, without its logs.
fn node(row: &SqliteRow) -> Result<Node, StoreError> {
    let outcome: String = row::raw(row, "check_outcome")?;
    let check = match outcome.as_str() {
        "none" => NodeCheck::None,
        "failed" => NodeCheck::Failed,
        "passed" => NodeCheck::Passed { revision: row::revision(row, "check_revision")? },
        "risk accepted" => NodeCheck::RiskAccepted { revision: row::revision(row, "check_revision")? },
        _ => return Err(StoreError::corrupt("column `check_outcome` is not a known word")),
    };
    Ok(Node {
        id: row::text(row, "id")?,
        host: row::text(row, "host")?,
        address: row::text(row, "address")?,
        host_key: row::text(row, "host_key")?,
        since: row::revision(row, "since")?,
        check,
        logs: Vec::new(),
        removed: row::flag(row, "removed")?,
    })
}

/// How a check is stored: the word and the revision.
pub(crate) const fn check_columns(check: NodeCheck) -> (&'static str, Option<i64>) {
    match check {
        NodeCheck::Failed => ("failed", None),
        NodeCheck::None => ("none", None),
        NodeCheck::Passed { revision } => ("passed", Some(revision.number())),
        NodeCheck::RiskAccepted { revision } => ("risk accepted", Some(revision.number())),
    }
}

//! What [`byleave_core::access::decide`] needs, read as of one transaction: the organization, the cluster with its
//! nodes and logs, and the latest grants.
//!
//! A row that does not decode is an error: facts with a gap could end in a yes.

use std::collections::HashMap;

use byleave_core::access::{Facts, GRANTS_FOR};
use byleave_core::event::LogId;
use byleave_core::grant::{Grant, GrantEnd};
use byleave_core::id::{ClusterId, NodeId, OrgId, ProjectId};
use byleave_core::inventory::{Cluster, Log, LogKind, Node, NodeCheck, Revision, SyncSource};
use byleave_core::name::SyncDatabase;
use byleave_core::time::Timestamp;
use byleave_log::leaf::log_text;

use crate::error::StoreError;
use crate::row;
use crate::sql::{Assembly, Row, Sql, query};

/// The facts of a cluster; `None` if there is none.
pub(crate) fn load(sql: &mut Sql, id: ClusterId, at: Timestamp) -> Result<Option<Facts>, StoreError> {
    Ok(all(sql, Which::One(id), at)?.pop())
}

/// The facts of clusters, in the order of [`clusters`].
pub(crate) fn all(sql: &mut Sql, which: Which, at: Timestamp) -> Result<Vec<Facts>, StoreError> {
    let organizations = organizations(sql, which)?;
    let mut grants = grants_of(sql, which, at.millis() - GRANTS_FOR)?;
    let with_all = |cluster: Cluster| {
        let of = organizations.get(&cluster.organization);
        let of = of.ok_or_else(|| StoreError::corrupt("a cluster without its organization"))?;
        Ok(Facts {
            organization: cluster.organization,
            claimed: of.claimed,
            blocked: of.blocked,
            grants: grants.remove(&cluster.id).unwrap_or_default(),
            log_size: of.log_size,
            cluster,
        })
    };
    clusters(sql, which)?.into_iter().map(with_all).collect()
}

/// What the facts of its clusters say of an organization.
struct OfOrganization {
    claimed: bool,
    blocked: bool,
    log_size: u64,
}

/// The organizations of clusters.
fn organizations(sql: &mut Sql, which: Which) -> Result<HashMap<OrgId, OfOrganization>, StoreError> {
    let select = which.select(
        "SELECT DISTINCT organizations.id, organizations.blocked, organizations.claimed_at,
                COALESCE(logs.size, 0) AS size
         FROM clusters JOIN organizations ON organizations.id = clusters.organization
         LEFT JOIN logs ON logs.log = organizations.id",
    );
    let of = |row: &Row| {
        let claimed = row::instant_or_none(row, "claimed_at")?.is_some();
        let of = OfOrganization { claimed, blocked: row::flag(row, "blocked")?, log_size: row::count(row, "size")? };
        Ok((row::text(row, "id")?, of))
    };
    select.build().fetch_all(sql)?.iter().map(of).collect()
}

/// How many entries a log has.
pub(crate) fn log_size(sql: &mut Sql, log: LogId) -> Result<u64, StoreError> {
    let row = query("SELECT size FROM logs WHERE log = $1").bind(log_text(log)).fetch_optional(sql)?;
    row.map_or(Ok(0), |row| row::count(&row, "size"))
}

/// The organization of a cluster.
pub(crate) fn organization_of(sql: &mut Sql, cluster: ClusterId) -> Result<Option<OrgId>, StoreError> {
    let row = query("SELECT organization FROM clusters WHERE id = $1").bind(cluster.to_string()).fetch_optional(sql)?;
    row.map(|row| row::text(&row, "organization")).transpose()
}

/// The grants of clusters that were given after an instant in milliseconds, those of each cluster oldest first.
pub(crate) fn grants(sql: &mut Sql, which: Which, after: i64) -> Result<Vec<Grant>, StoreError> {
    let mut select = which.select(
        "SELECT grants.id, grants.cluster, grants.kind, grants.granted_by, grants.granted_at, grants.expires_at,
                grants.ended_at, grants.end_reason, grants.inventory_revision, grants.case_number, grants.reason
         FROM clusters JOIN grants ON grants.cluster = clusters.id",
    );
    select.push(" AND grants.granted_at > ").push_bind(after).push(" ORDER BY grants.number");
    select.build().fetch_all(sql)?.iter().map(grant).collect()
}

/// The same by cluster.
pub(crate) fn grants_of(sql: &mut Sql, which: Which, after: i64) -> Result<HashMap<ClusterId, Vec<Grant>>, StoreError> {
    let mut of = HashMap::<ClusterId, Vec<Grant>>::new();
    for grant in grants(sql, which, after)? {
        of.entry(grant.cluster).or_default().push(grant);
    }
    Ok(of)
}

/// Reads a grant.
pub(crate) fn grant(row: &Row) -> Result<Grant, StoreError> {
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

/// Which clusters are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// All of the installation, removed ones, too.
    All,
    /// This one, though it was removed.
    One(ClusterId),
    /// Those of an organization, removed ones, too.
    Organization(OrgId),
    /// The present ones of a project.
    Project(ProjectId),
}

impl Which {
    /// A statement about them; it reads from `clusters` and what is joined to it.
    pub(crate) fn select(self, text: &'static str) -> Assembly {
        let mut sql = Assembly::new(text);
        match self {
            Self::All => sql.push(" WHERE TRUE"),
            Self::One(id) => sql.push(" WHERE clusters.id = ").push_bind(id.to_string()),
            Self::Organization(id) => sql.push(" WHERE clusters.organization = ").push_bind(id.to_string()),
            Self::Project(id) => {
                sql.push(" WHERE clusters.removed = 0 AND clusters.project = ").push_bind(id.to_string())
            }
        };
        sql
    }

    const fn order(self) -> &'static str {
        match self {
            Self::All | Self::One(_) | Self::Organization(_) => " ORDER BY created_at, id",
            Self::Project(_) => " ORDER BY name",
        }
    }
}

/// A cluster with everything in it; `None` if there is none.
pub(crate) fn cluster(sql: &mut Sql, id: ClusterId) -> Result<Option<Cluster>, StoreError> {
    Ok(clusters(sql, Which::One(id))?.pop())
}

/// Clusters with everything in them, those of a project by name, others as they came: as many statements for many as
/// for one.
pub(crate) fn clusters(sql: &mut Sql, which: Which) -> Result<Vec<Cluster>, StoreError> {
    let (mut databases, mut nodes) = (sync_databases(sql, which)?, nodes(sql, which)?);
    let mut select = which.select(
        "SELECT id, organization, project, name, host, revision, sync_servers, sync_ca, sync_since,
                sync_member, removed
         FROM clusters",
    );
    select.push(which.order());
    let with_all = |row: &Row| {
        let id = row::text(row, "id")?;
        Ok(Cluster {
            id,
            organization: row::text(row, "organization")?,
            project: row::text(row, "project")?,
            name: row::text(row, "name")?,
            host: row::text(row, "host")?,
            revision: row::revision(row, "revision")?,
            sync_databases: databases.remove(&id).unwrap_or_default(),
            sync_source: sync_source(row)?,
            nodes: nodes.remove(&id).unwrap_or_default(),
            removed: row::flag(row, "removed")?,
        })
    };
    select.build().fetch_all(sql)?.iter().map(with_all).collect()
}

/// From where a cluster's sync data is read.
fn sync_source(row: &Row) -> Result<Option<SyncSource>, StoreError> {
    match (row::text_or_none(row, "sync_servers")?, row::text_or_none(row, "sync_ca")?) {
        (Some(servers), Some(ca)) => {
            let (member, since) = (row::text_or_none(row, "sync_member")?, row::revision(row, "sync_since")?);
            Ok(Some(SyncSource { servers, member, ca, since }))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(StoreError::corrupt("half a source of sync data")),
    }
}

type SyncDatabases = Vec<(SyncDatabase, Revision)>;

/// The sync databases of clusters, in their order.
fn sync_databases(sql: &mut Sql, which: Which) -> Result<HashMap<ClusterId, SyncDatabases>, StoreError> {
    let mut select = which.select(
        "SELECT sync_databases.cluster, sync_databases.name, sync_databases.since
         FROM clusters JOIN sync_databases ON sync_databases.cluster = clusters.id",
    );
    select.push(" ORDER BY sync_databases.position");
    let mut databases = HashMap::<ClusterId, SyncDatabases>::new();
    for row in &select.build().fetch_all(sql)? {
        let of = databases.entry(row::text(row, "cluster")?).or_default();
        of.push((row::text(row, "name")?, row::revision(row, "since")?));
    }
    Ok(databases)
}

/// The nodes of clusters, each with its logs, in their order.
fn nodes(sql: &mut Sql, which: Which) -> Result<HashMap<ClusterId, Vec<Node>>, StoreError> {
    let mut select = which.select(
        "SELECT nodes.cluster, nodes.id, nodes.host, nodes.address, nodes.host_key, nodes.since, nodes.check_outcome,
                nodes.check_revision, nodes.removed
         FROM clusters JOIN nodes ON nodes.cluster = clusters.id",
    );
    select.push(" ORDER BY nodes.position");
    let rows = select.build().fetch_all(sql)?;
    let mut logs = if rows.is_empty() { HashMap::new() } else { logs(sql, which)? };
    let mut nodes = HashMap::<ClusterId, Vec<Node>>::new();
    for row in &rows {
        let mut node = node(row)?;
        node.logs = logs.remove(&node.id).unwrap_or_default();
        node.logs.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.entry(row::text(row, "cluster")?).or_default().push(node);
    }
    if logs.is_empty() { Ok(nodes) } else { Err(StoreError::corrupt("a stray log")) }
}

/// The logs of the nodes of clusters.
fn logs(sql: &mut Sql, which: Which) -> Result<HashMap<NodeId, Vec<Log>>, StoreError> {
    let select = which.select(
        "SELECT node_logs.node, node_logs.name, node_logs.kind, node_logs.path, node_logs.since
         FROM clusters JOIN nodes ON nodes.cluster = clusters.id JOIN node_logs ON node_logs.node = nodes.id",
    );
    let mut logs = HashMap::<NodeId, Vec<Log>>::new();
    for row in &select.build().fetch_all(sql)? {
        logs.entry(row::text(row, "node")?).or_default().push(Log {
            name: row::text(row, "name")?,
            kind: row::field::<LogKind>(row, "kind")?,
            path: row::text(row, "path")?,
            since: row::revision(row, "since")?,
        });
    }
    Ok(logs)
}

/// Reads a node, without its logs.
fn node(row: &Row) -> Result<Node, StoreError> {
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

//! Nodes, what the check of each found, and the risk that an owner accepts.

use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, NodeId, OrgId, ProjectId};
use byleave_core::inventory::{Cluster, Node, NodeCheck, Revision};
use byleave_core::name::{ClusterName, Reason};
use byleave_core::policy::{Action, Resource, may};
use byleave_core::time::{Reading, Timestamp};

use crate::authority::{present, readable, require, require_in_organization};
use crate::error::{Conflict, StoreError, Thing};
use crate::facts::{self, check_columns};
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// What a check of a node found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// Whether it passed.
    pub passed: bool,
    /// How many findings there are.
    pub findings: i64,
    /// The whole report, as the checker wrote it (JSON).
    pub report: String,
}

/// A node with its cluster and latest check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// The organization.
    pub organization: OrgId,
    /// The project.
    pub project: ProjectId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The node.
    pub node: Node,
    /// The latest check and when it was made.
    pub report: Option<(Timestamp, NodeReport)>,
}

impl Store {
    /// One node that is present, for who can read its project and for administrators.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn node(&self, actor: &Actor, id: NodeId) -> Result<NodeRow, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        let row = node_row(&mut sql, id)?;
        let project = Resource::Project(row.organization, row.project);
        let administers = may(&actor, Action::ReadInstallation, Resource::Installation).is_ok();
        if administers || may(&actor, Action::ReadProject, project).is_ok() {
            Ok(row)
        } else {
            Err(StoreError::NotFound(Thing::Node))
        }
    }

    /// The present nodes of an organization with their checks, as far as the actor can read their projects.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn node_checks(&self, actor: &Actor, organization: OrgId) -> Result<Vec<NodeRow>, StoreError> {
        let mut sql = self.read()?;
        let actor = require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        let readable = readable(&mut sql, &actor, organization)?;
        let rows = query(
            "SELECT nodes.id FROM nodes JOIN clusters ON clusters.id = nodes.cluster
             WHERE clusters.organization = $1 AND clusters.removed = 0 AND nodes.removed = 0
             ORDER BY clusters.name, nodes.position",
        )
        .bind(organization.to_string())
        .fetch_all(&mut sql)?;
        let mut found = Vec::new();
        for row in &rows {
            let row = node_row(&mut sql, row::text(row, "id")?)?;
            if readable.contains(&row.project) {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// Records what a check of a node found. `tried` is the node's own revision ([`Node::since`]) when the check began:
    /// a node that changed while it was tried does not count as checked.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] for an unknown node,
    /// [`StoreError::Conflict`] while nobody has claimed the organization.
    pub async fn record_node_check(
        &self,
        actor: &Actor,
        now: &Reading,
        node: NodeId,
        tried: Revision,
        report: NodeReport,
    ) -> Result<Written<NodeRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("record node check", now, move |tx| {
            require(tx.sql, &actor, Action::CheckNode, Resource::Installation, Thing::Node)?;
            let (cluster, _) = cluster_of(tx.sql, node)?;
            // A check before there is a log would be in nobody's evidence.
            if !is_claimed(tx.sql, cluster.organization)? {
                return Err(StoreError::Conflict(Conflict::NotClaimed));
            }
            let revision = tried.min(cluster.revision);
            let check = if report.passed { NodeCheck::Passed { revision } } else { NodeCheck::Failed };
            set_check(tx, node, check)?;
            keep_report(tx, node, &report)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Node))?;
            let event = Event::NodeChecked {
                project: cluster.project,
                cluster: cluster.id,
                node,
                passed: report.passed,
                findings: report.findings,
                revision,
            };
            tx.append(cluster.organization, by, event)?;
            node_row(tx.sql, node)
        });
        body.await
    }

    /// Accepts the risk of a node without a passing check, at its present revision.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] for an unknown node.
    pub async fn accept_node_risk(
        &self,
        actor: &Actor,
        now: &Reading,
        node: NodeId,
        reason: Option<Reason>,
    ) -> Result<Written<NodeRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("accept node risk", now, move |tx| {
            let (cluster, _) = cluster_of(tx.sql, node)?;
            let resource = Resource::Project(cluster.organization, cluster.project);
            require(tx.sql, &actor, Action::AcceptNodeRisk, resource, Thing::Node)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Node))?;
            let revision = cluster.revision;
            set_check(tx, node, NodeCheck::RiskAccepted { revision })?;
            let reason = reason.map(|reason| tx.erasable(&reason));
            let (project, of) = (cluster.project, cluster.id);
            let event = Event::NodeRiskAccepted { project, cluster: of, node, reason, revision };
            tx.append(cluster.organization, by, event)?;
            node_row(tx.sql, node)
        });
        body.await
    }
}

/// The cluster of a node that is present.
fn cluster_of(sql: &mut Sql, id: NodeId) -> Result<(Cluster, Node), StoreError> {
    let row = query("SELECT cluster FROM nodes WHERE id = $1 AND removed = 0")
        .bind(id.to_string())
        .fetch_optional(&mut *sql)?;
    let Some(row) = row else { return Err(StoreError::NotFound(Thing::Node)) };
    let cluster = facts::cluster(sql, row::text(&row, "cluster")?)?;
    let cluster = cluster.filter(|cluster| !cluster.removed).ok_or(StoreError::NotFound(Thing::Node))?;
    let node = cluster.node(id).cloned().ok_or(StoreError::NotFound(Thing::Node))?;
    Ok((cluster, node))
}

fn node_row(sql: &mut Sql, id: NodeId) -> Result<NodeRow, StoreError> {
    let (cluster, node) = cluster_of(sql, id)?;
    let row = query("SELECT checked_at, check_passed, check_findings, check_report FROM nodes WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(sql)?;
    let report = match row::instant_or_none(&row, "checked_at")? {
        Some(at) => {
            let (findings, report) = (row::raw(&row, "check_findings")?, row::raw(&row, "check_report")?);
            Some((at, NodeReport { passed: row::flag(&row, "check_passed")?, findings, report }))
        }
        None => None,
    };
    Ok(NodeRow {
        organization: cluster.organization,
        project: cluster.project,
        cluster: cluster.id,
        cluster_name: cluster.name,
        node,
        report,
    })
}

fn is_claimed(sql: &mut Sql, organization: OrgId) -> Result<bool, StoreError> {
    let row = query("SELECT claimed_at FROM organizations WHERE id = $1").bind(organization.to_string());
    Ok(row::instant_or_none(&row.fetch_one(sql)?, "claimed_at")?.is_some())
}

fn set_check(tx: &mut Transaction<'_>, node: NodeId, check: NodeCheck) -> Result<(), StoreError> {
    let (outcome, revision) = check_columns(check);
    query("UPDATE nodes SET check_outcome = $2, check_revision = $3 WHERE id = $1")
        .bind(node.to_string())
        .bind(outcome)
        .bind(revision)
        .execute(tx.sql)?;
    Ok(())
}

fn keep_report(tx: &mut Transaction<'_>, node: NodeId, report: &NodeReport) -> Result<(), StoreError> {
    query("UPDATE nodes SET checked_at = $2, check_passed = $3, check_findings = $4, check_report = $5 WHERE id = $1")
        .bind(node.to_string())
        .bind(tx.at().millis())
        .bind(i64::from(report.passed))
        .bind(report.findings)
        .bind(&report.report)
        .execute(tx.sql)?;
    Ok(())
}

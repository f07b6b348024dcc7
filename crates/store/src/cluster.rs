//! Clusters and nodes as customers, the gateway and the node check see them.

use byleave_core::actor::Actor;
use byleave_core::grant::Grant;
use byleave_core::id::{ClusterId, NodeId, OrgId, ProjectId};
use byleave_core::inventory::{Cluster, Node};
use byleave_core::name::{ClusterName, ProjectName, Reason};
use byleave_core::time::{Reading, Timestamp, Ttl};

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// A cluster with what is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// The cluster with its nodes and logs; removed nodes included.
    pub cluster: Cluster,
    /// The name of its project.
    pub project_name: ProjectName,
    /// Whether the organization blocks support.
    pub blocked: bool,
    /// The longest grant of the organization.
    pub longest: Ttl,
    /// The grant in force, if any.
    pub grant: Option<Grant>,
    /// When it came into the inventory.
    pub created_at: Timestamp,
}

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
    /// The clusters of a project, by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn clusters(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
    ) -> Result<Vec<ClusterRow>, StoreError> {
        let _ = (actor, now, project);
        Err(StoreError::unwritten())
    }

    /// One cluster of a project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn cluster(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        name: &ClusterName,
    ) -> Result<ClusterRow, StoreError> {
        let _ = (actor, now, project, name);
        Err(StoreError::unwritten())
    }

    /// The clusters of an organization whose projects the actor can read, by project and name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn clusters_of_organization(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<ClusterRow>, StoreError> {
        let _ = (actor, now, organization);
        Err(StoreError::unwritten())
    }

    /// One node that is present, for who can read its project and for administrators.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn node(&self, actor: &Actor, id: NodeId) -> Result<NodeRow, StoreError> {
        let _ = (actor, id);
        Err(StoreError::unwritten())
    }

    /// The present nodes of an organization with their checks, as far as the actor can read their projects.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn node_checks(&self, actor: &Actor, organization: OrgId) -> Result<Vec<NodeRow>, StoreError> {
        let _ = (actor, organization);
        Err(StoreError::unwritten())
    }

    /// Records what a check of a node found.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] for an unknown node.
    pub async fn record_node_check(
        &self,
        actor: &Actor,
        now: &Reading,
        node: NodeId,
        report: NodeReport,
    ) -> Result<Written<NodeRow>, StoreError> {
        let _ = (actor, now, node, report);
        Err(StoreError::unwritten())
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
        let _ = (actor, now, node, reason);
        Err(StoreError::unwritten())
    }
}

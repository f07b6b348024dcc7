//! The inventory: clusters, nodes, host keys, logs and sync databases, and the rule that it cannot widen a consent.
//!
//! [`plan()`] compares what an administrator wants with what is there and answers with events; the new state is what
//! those events make of the old one ([`Cluster::apply`]). A cluster never changes its organization; a node's address
//! and host key belong to one cluster of the installation; what is removed stays as a tombstone; every change carries
//! the cluster's next revision, so that a grant given before does not cover it.
//!
//! This module must never bring back what was removed, nor change anything but by an event that the customer sees.

mod belonging;
mod plan;

use std::collections::BTreeSet;
use std::fmt;

use crate::event::Event;
use crate::id::{ClusterId, NodeId, OrgId, ProjectId};
use crate::name::{
    Address, ClusterName, HostName, LogName, LogPath, ProjectName, PublicKey, SyncCa, SyncDatabase, SyncServers,
};
use crate::word::words;

pub use self::plan::{InventoryError, Plan, Prune, WantedCluster, WantedLog, WantedNode, WantedSource, plan};

/// A revision of one cluster's inventory, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(i64);

impl Revision {
    /// The first revision of a cluster.
    pub const FIRST: Self = Self(1);

    /// The revision of this number; `None` unless positive.
    pub const fn new(number: i64) -> Option<Self> {
        if number >= 1 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

words! {
    /// What a log holds, which decides who may read it.
    LogKind {
        /// Database audit log: not part of a logs-only grant.
        Audit = "audit",
        /// Database log.
        Database = "database",
        /// Search and other cluster logs.
        Other = "other",
    }
}

words! {
    /// How the gateway signs in to a cluster's databases.
    SyncMechanism {
        /// By user name and password.
        Scram = "SCRAM-SHA-256",
        /// By a certificate.
        X509 = "MONGODB-X509",
    }
}

/// From where sync data is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSource {
    /// The servers.
    pub servers: SyncServers,
    /// The one of them that is dialled, whatever its place among them; none is whichever is the primary.
    pub member: Option<Address>,
    /// The certificates that vouch for them.
    pub ca: SyncCa,
    /// The revision that brought it in this form.
    pub since: Revision,
}

/// What the latest `byleave node check` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeCheck {
    /// It failed.
    Failed,
    /// There was none.
    None,
    /// It passed.
    Passed {
        /// The cluster's inventory revision it was made at.
        revision: Revision,
    },
    /// It failed or is missing, and the organization's owner accepted that.
    RiskAccepted {
        /// The cluster's inventory revision it was accepted at.
        revision: Revision,
    },
}

/// A log of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its name, unique on the node.
    pub name: LogName,
    /// What it holds.
    pub kind: LogKind,
    /// Where it is.
    pub path: LogPath,
    /// The revision that brought it in this form.
    pub since: Revision,
}

/// One host of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The name in `ssh <host>@gateway`.
    pub host: HostName,
    /// Where its SSH server listens.
    pub address: Address,
    /// The host key of that server.
    pub host_key: PublicKey,
    /// The revision that brought it in this form.
    pub since: Revision,
    /// What the latest check found.
    pub check: NodeCheck,
    /// Its logs.
    pub logs: Vec<Log>,
    /// Whether it was removed; a tombstone stays.
    pub removed: bool,
}

/// A database deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Its organization, for ever.
    pub organization: OrgId,
    /// Its project.
    pub project: ProjectId,
    /// Its name, unique among the present clusters of the project.
    pub name: ClusterName,
    /// The name in `ssh <host>@gateway logs`.
    pub host: HostName,
    /// The present revision.
    pub revision: Revision,
    /// The databases of App Services sync, each with the revision that brought it.
    pub sync_databases: Vec<(SyncDatabase, Revision)>,
    /// From where they are read; without it nothing can be.
    pub sync_source: Option<SyncSource>,
    /// Its nodes, removed ones included.
    pub nodes: Vec<Node>,
    /// Whether it was removed; a tombstone stays.
    pub removed: bool,
}

impl Cluster {
    /// A node that is present.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id && !node.removed)
    }

    /// The revision that brought a sync database in its present form: the database itself, or from where it is read.
    pub fn sync_since(&self, database: Revision) -> Revision {
        self.sync_source.as_ref().map_or(database, |source| source.since.max(database))
    }

    /// Whether the inventory names sync databases.
    pub fn has_sync_data(&self) -> bool {
        !self.sync_databases.is_empty()
    }

    /// The cluster that a `cluster.added` event makes. `None` for any other event.
    pub fn from_event(organization: OrgId, event: &Event) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "one event of many makes a cluster")]
        match event {
            Event::ClusterAdded { project, cluster, name, host, revision } => Some(Self {
                id: *cluster,
                organization,
                project: *project,
                name: name.clone(),
                host: host.clone(),
                revision: *revision,
                sync_databases: Vec::new(),
                sync_source: None,
                nodes: Vec::new(),
                removed: false,
            }),
            _ => None,
        }
    }

    /// Applies an event of this cluster's inventory; others change nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.cluster() != Some(self.id) {
            return;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "events that are no inventory change nothing here")]
        match event {
            Event::ClusterChanged { host, revision, .. } => {
                self.host = host.clone();
                self.revision = *revision;
            }
            Event::ClusterRemoved { revision, .. } => {
                self.removed = true;
                self.revision = *revision;
            }
            Event::NodeAdded { node, host, address, host_key, revision, .. } => {
                self.nodes.push(Node {
                    id: *node,
                    host: host.clone(),
                    address: address.clone(),
                    host_key: host_key.clone(),
                    since: *revision,
                    check: NodeCheck::None,
                    logs: Vec::new(),
                    removed: false,
                });
                self.revision = self.revision.max(*revision);
            }
            Event::NodeChanged { node, address, host_key, revision, .. } => {
                self.change(*node, *revision, |found| {
                    found.address = address.clone();
                    found.host_key = host_key.clone();
                    found.since = *revision;
                    found.check = NodeCheck::None;
                });
            }
            Event::NodeRemoved { node, revision, .. } => self.change(*node, *revision, |found| found.removed = true),
            Event::LogAdded { node, log, kind, path, revision, .. }
            | Event::LogChanged { node, log, kind, path, revision, .. } => {
                self.change(*node, *revision, |found| {
                    found.logs.retain(|known| known.name != *log);
                    found.logs.push(Log { name: log.clone(), kind: *kind, path: path.clone(), since: *revision });
                    found.logs.sort_by(|a, b| a.name.cmp(&b.name));
                });
            }
            Event::LogRemoved { node, log, revision, .. } => {
                self.change(*node, *revision, |found| found.logs.retain(|known| known.name != *log));
            }
            Event::SyncDatabaseAdded { database, revision, .. } => {
                self.sync_databases.push((database.clone(), *revision));
                self.revision = self.revision.max(*revision);
            }
            Event::SyncDatabaseRemoved { database, revision, .. } => {
                self.sync_databases.retain(|(known, _)| known != database);
                self.revision = self.revision.max(*revision);
            }
            Event::SyncServersSet { servers, member, ca, revision, .. } => {
                let (servers, member, ca) = (servers.clone(), member.clone(), ca.clone());
                self.sync_source = Some(SyncSource { servers, member, ca, since: *revision });
                self.revision = self.revision.max(*revision);
            }
            Event::SyncServersRemoved { revision, .. } => {
                self.sync_source = None;
                self.revision = self.revision.max(*revision);
            }
            Event::NodeChecked { node, passed, revision, .. } => {
                let check = if *passed { NodeCheck::Passed { revision: *revision } } else { NodeCheck::Failed };
                self.set_check(*node, check);
            }
            Event::NodeRiskAccepted { node, revision, .. } => {
                self.set_check(*node, NodeCheck::RiskAccepted { revision: *revision })
            }
            _ => {}
        }
    }

    fn set_check(&mut self, id: NodeId, check: NodeCheck) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            node.check = check;
        }
    }

    fn change(&mut self, id: NodeId, revision: Revision, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.id == id) {
            change(node);
        }
        self.revision = self.revision.max(revision);
    }

    /// The events that make this cluster as it stands, for an organization that is claimed after its inventory was
    /// applied. What was removed before leaves no trace, and neither do checks: none is recorded before there is a log.
    pub fn snapshot(&self) -> Vec<Event> {
        let (project, cluster) = (self.project, self.id);
        if self.removed {
            return Vec::new();
        }
        let mut events = vec![Event::ClusterAdded {
            project,
            cluster,
            name: self.name.clone(),
            host: self.host.clone(),
            revision: self.revision,
        }];
        for node in self.nodes.iter().filter(|node| !node.removed) {
            events.push(node.added(self, node.since));
            events.extend(node.logs.iter().map(|log| log.added(self, node.id, log.since)));
        }
        events.extend(self.sync_databases.iter().map(|(database, revision)| Event::SyncDatabaseAdded {
            project,
            cluster,
            database: database.clone(),
            revision: *revision,
        }));
        events.extend(self.sync_source.iter().map(|source| Event::SyncServersSet {
            project,
            cluster,
            servers: source.servers.clone(),
            member: source.member.clone(),
            ca: source.ca.clone(),
            revision: source.since,
        }));
        events
    }
}

impl Node {
    fn added(&self, of: &Cluster, revision: Revision) -> Event {
        Event::NodeAdded {
            project: of.project,
            cluster: of.id,
            node: self.id,
            host: self.host.clone(),
            address: self.address.clone(),
            host_key: self.host_key.clone(),
            revision,
        }
    }
}

impl Log {
    fn added(&self, of: &Cluster, node: NodeId, revision: Revision) -> Event {
        Event::LogAdded {
            project: of.project,
            cluster: of.id,
            node,
            log: self.name.clone(),
            kind: self.kind,
            path: self.path.clone(),
            revision,
        }
    }
}

/// A project as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its organization.
    pub organization: OrgId,
    /// Its name, unique in the organization.
    pub name: ProjectName,
}

/// The whole inventory of an installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The organizations that exist.
    pub organizations: BTreeSet<OrgId>,
    /// Their projects.
    pub projects: Vec<Project>,
    /// Their clusters, removed ones included.
    pub clusters: Vec<Cluster>,
}

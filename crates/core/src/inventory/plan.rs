//! The planner: what an administrator wants, compared with what is there, and the rules that refuse a trick.
//!
//! It only answers with events, and must never remove what the file does not name unless told to prune. Read
//! `belonging.rs` next (whose an address, host key or host name is), then [`super::Cluster::apply`], the only thing that
//! changes a cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cluster, Inventory, Log, LogKind, Node, NodeCheck, Project, Revision, SyncSource, belonging};
use crate::event::Event;
use crate::id::{ClusterId, NodeId, OrgId, ProjectId};
use crate::name::{
    Address, ClusterName, HostName, LogName, LogPath, ProjectName, PublicKey, SyncCa, SyncDatabase, SyncServers,
};

/// A log as an inventory file wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLog {
    /// Its name.
    pub name: LogName,
    /// What it holds.
    pub kind: LogKind,
    /// Where it is.
    pub path: LogPath,
}

/// A node as an inventory file wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedNode {
    /// The name in `ssh <host>@gateway`.
    pub host: HostName,
    /// Where its SSH server listens.
    pub address: Address,
    /// The host key of that server.
    pub host_key: PublicKey,
    /// Its logs.
    pub logs: Vec<WantedLog>,
}

/// From where sync data is read, as an inventory file wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSource {
    /// The servers.
    pub servers: SyncServers,
    /// The one of them to dial; none is whichever is the primary.
    pub member: Option<Address>,
    /// The certificates that vouch for the servers.
    pub ca: SyncCa,
}

/// A cluster as an inventory file wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCluster {
    /// The organization.
    pub organization: OrgId,
    /// The project, made if it is not there.
    pub project: ProjectName,
    /// The name.
    pub name: ClusterName,
    /// The name in `ssh <host>@gateway logs`.
    pub host: HostName,
    /// The databases of App Services sync.
    pub sync_databases: Vec<SyncDatabase>,
    /// From where they are read.
    pub sync_source: Option<WantedSource>,
    /// The nodes.
    pub nodes: Vec<WantedNode>,
}

impl WantedSource {
    fn is(&self, known: &SyncSource) -> bool {
        self.servers == known.servers && self.member == known.member && self.ca == known.ca
    }
}

/// Whether what the file does not name is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// Keep it.
    Keep,
    /// Remove it.
    Remove,
}

/// Why an inventory is refused. The text names the thing and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// Another node or database server is at this address. It is free again when that is removed; the host key never is.
    #[error("`{host}`: the address `{address}` belongs to another node or database server of the installation")]
    AddressTaken {
        /// The node, or the cluster for a database server.
        host: HostName,
        /// The address.
        address: Address,
    },
    /// Another node has this host key, or another cluster ever had a node with it.
    #[error("node `{host}`: the host key belongs to another node of the installation; a node stays with its cluster")]
    HostKeyTaken {
        /// The node.
        host: HostName,
    },
    /// Another cluster or node has this host name, or one of another organization had it.
    #[error("the host name `{host}` is used by another cluster or node of the installation")]
    HostTaken {
        /// The name.
        host: HostName,
    },
    /// The server to dial is none of the cluster's.
    #[error("cluster `{cluster}`: the member `{address}` must be one of its sync servers")]
    NoMember {
        /// The cluster.
        cluster: ClusterName,
        /// The address.
        address: Address,
    },
    /// The file names something twice.
    #[error("{what} is named twice")]
    Twice {
        /// What.
        what: String,
    },
    /// There is no such organization.
    #[error(
        "cluster `{cluster}`: there is no organization `{organization}`; create it with `byleave organizations invite`"
    )]
    UnknownOrganization {
        /// The cluster.
        cluster: ClusterName,
        /// The organization.
        organization: OrgId,
    },
}

/// What an apply would do, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, each with its organization.
    pub events: Vec<(OrgId, Event)>,
    /// The clusters that change, as they will be.
    pub clusters: Vec<Cluster>,
    /// The projects that will be made.
    pub projects: Vec<Project>,
    /// What is there, not named in the file, and kept because nothing is pruned.
    pub kept: Vec<String>,
}

/// Compares the inventory with what is wanted. `fresh` draws 12 random bytes for each new thing.
///
/// # Errors
/// Every rule that the wanted inventory breaks; nothing is changed then.
pub fn plan(
    current: &Inventory,
    wanted: &[WantedCluster],
    prune: Prune,
    fresh: &mut dyn FnMut() -> [u8; 12],
) -> Result<Plan, Vec<InventoryError>> {
    let known = Known::of(current);
    let mut planner = Planner { current, known, plan: Plan::default(), errors: Vec::new(), prune, fresh };
    planner.check_twice(wanted);
    let mut named = BTreeSet::new();
    for cluster in wanted {
        if let Some(id) = planner.cluster(cluster) {
            named.insert(id);
        }
    }
    planner.rest(&named);
    planner.errors.extend(belonging::check(&current.clusters, &planner.plan.clusters));
    if planner.errors.is_empty() { Ok(planner.plan) } else { Err(planner.errors) }
}

/// What is there, found by name.
struct Known<'a> {
    projects: BTreeMap<(OrgId, ProjectName), ProjectId>,
    clusters: BTreeMap<(ProjectId, &'a ClusterName), &'a Cluster>,
}

impl<'a> Known<'a> {
    fn of(current: &'a Inventory) -> Self {
        let projects = current.projects.iter().map(|it| ((it.organization, it.name.clone()), it.id));
        let present = current.clusters.iter().filter(|cluster| !cluster.removed);
        Self {
            projects: projects.collect(),
            clusters: present.map(|cluster| ((cluster.project, &cluster.name), cluster)).collect(),
        }
    }
}

struct Planner<'a> {
    current: &'a Inventory,
    known: Known<'a>,
    plan: Plan,
    errors: Vec<InventoryError>,
    prune: Prune,
    fresh: &'a mut dyn FnMut() -> [u8; 12],
}

impl Planner<'_> {
    fn check_twice(&mut self, wanted: &[WantedCluster]) {
        let mut seen = BTreeSet::new();
        let mut once = |what: String| {
            if !seen.insert(what.clone()) {
                self.errors.push(InventoryError::Twice { what });
            }
        };
        for cluster in wanted {
            once(format!(
                "cluster `{}` of project `{}` in organization `{}`",
                cluster.name, cluster.project, cluster.organization
            ));
            once(format!("host name `{}`", cluster.host));
            for database in &cluster.sync_databases {
                once(format!(
                    "sync database `{database}` of cluster `{}` of project `{}` in organization `{}`",
                    cluster.name, cluster.project, cluster.organization
                ));
            }
            for address in cluster.sync_source.iter().flat_map(|source| source.servers.addresses()) {
                once(format!("address `{address}`"));
            }
            for node in &cluster.nodes {
                once(format!("host name `{}`", node.host));
                once(format!("address `{}`", node.address));
                once(format!("host key `{}`", node.host_key));
                for log in &node.logs {
                    once(format!("log `{}` of node `{}`", log.name, node.host));
                }
            }
        }
    }

    fn project(&mut self, organization: OrgId, name: &ProjectName) -> ProjectId {
        let key = (organization, name.clone());
        if let Some(id) = self.known.projects.get(&key) {
            return *id;
        }
        let id = ProjectId::from_bytes((self.fresh)());
        self.known.projects.insert(key, id);
        self.plan.projects.push(Project { id, organization, name: name.clone() });
        self.plan.events.push((organization, Event::ProjectAdded { project: id, name: name.clone() }));
        id
    }

    fn cluster(&mut self, wanted: &WantedCluster) -> Option<ClusterId> {
        let organization = wanted.organization;
        if !self.current.organizations.contains(&organization) {
            self.errors.push(InventoryError::UnknownOrganization { cluster: wanted.name.clone(), organization });
            return None;
        }
        let project = self.project(organization, &wanted.project);
        let known = self.known.clusters.get(&(project, &wanted.name));
        let (mut cluster, mut events, revision) = match known {
            Some(cluster) => ((*cluster).clone(), Vec::new(), cluster.revision.next()),
            None => {
                let id = ClusterId::from_bytes((self.fresh)());
                let added = Event::ClusterAdded {
                    project,
                    cluster: id,
                    name: wanted.name.clone(),
                    host: wanted.host.clone(),
                    revision: Revision::FIRST,
                };
                (Cluster::from_event(organization, &added)?, vec![added], Revision::FIRST)
            }
        };
        if cluster.host != wanted.host {
            events.push(Event::ClusterChanged { project, cluster: cluster.id, host: wanted.host.clone(), revision });
        }
        self.nodes(&cluster, wanted, revision, &mut events);
        self.sync_databases(&cluster, wanted, revision, &mut events);
        self.sync_source(&cluster, wanted, revision, &mut events);
        if !events.is_empty() {
            events.iter().for_each(|event| cluster.apply(event));
            self.plan.clusters.push(cluster.clone());
            self.plan.events.extend(events.into_iter().map(|event| (organization, event)));
        }
        Some(cluster.id)
    }

    fn nodes(&mut self, of: &Cluster, wanted: &WantedCluster, revision: Revision, events: &mut Vec<Event>) {
        let (project, cluster) = (of.project, of.id);
        for node in &wanted.nodes {
            let known = of.nodes.iter().find(|known| known.host == node.host && !known.removed);
            match known {
                Some(known) if known.host_key == node.host_key => {
                    if known.address != node.address {
                        events.push(Event::NodeChanged {
                            project,
                            cluster,
                            node: known.id,
                            address: node.address.clone(),
                            host_key: node.host_key.clone(),
                            revision,
                        });
                    }
                    self.logs(of, known, node, revision, events);
                }
                // Another host key is another machine: the tombstone keeps the old key from every other cluster.
                Some(known) => {
                    events.push(Event::NodeRemoved { project, cluster, node: known.id, revision });
                    self.new_node(of, node, &known.logs, revision, events);
                }
                None => self.new_node(of, node, &[], revision, events),
            }
        }
        for known in
            of.nodes.iter().filter(|known| !known.removed && !wanted.nodes.iter().any(|node| node.host == known.host))
        {
            if self.removes(format!("node `{}`", known.host)) {
                events.push(Event::NodeRemoved { project, cluster, node: known.id, revision });
            }
        }
    }

    /// A node that was not there, with its logs and those that it inherits because nothing is pruned.
    fn new_node(
        &mut self,
        of: &Cluster,
        node: &WantedNode,
        inherited: &[Log],
        revision: Revision,
        events: &mut Vec<Event>,
    ) {
        let new = Node {
            id: NodeId::from_bytes((self.fresh)()),
            host: node.host.clone(),
            address: node.address.clone(),
            host_key: node.host_key.clone(),
            since: revision,
            check: NodeCheck::None,
            logs: Vec::new(),
            removed: false,
        };
        events.push(new.added(of, revision));
        let named = |log: &Log| node.logs.iter().any(|wanted| wanted.name == log.name);
        for log in inherited.iter().filter(|log| !named(log)) {
            if !self.removes(format!("log `{}` of node `{}`", log.name, node.host)) {
                events.push(log.added(of, new.id, revision));
            }
        }
        self.logs(of, &new, node, revision, events);
    }

    fn logs(&mut self, of: &Cluster, known: &Node, wanted: &WantedNode, revision: Revision, events: &mut Vec<Event>) {
        let (project, cluster, node) = (of.project, of.id, known.id);
        for log in &wanted.logs {
            let (name, kind, path) = (log.name.clone(), log.kind, log.path.clone());
            match known.logs.iter().find(|k| k.name == log.name) {
                Some(k) if k.kind == log.kind && k.path == log.path => {}
                Some(_) => events.push(Event::LogChanged { project, cluster, node, log: name, kind, path, revision }),
                None => events.push(Event::LogAdded { project, cluster, node, log: name, kind, path, revision }),
            }
        }
        for log in known.logs.iter().filter(|k| !wanted.logs.iter().any(|log| log.name == k.name)) {
            if self.removes(format!("log `{}` of node `{}`", log.name, known.host)) {
                events.push(Event::LogRemoved { project, cluster, node, log: log.name.clone(), revision });
            }
        }
    }

    fn sync_databases(&mut self, of: &Cluster, wanted: &WantedCluster, revision: Revision, events: &mut Vec<Event>) {
        let (project, cluster) = (of.project, of.id);
        for database in wanted
            .sync_databases
            .iter()
            .filter(|database| !of.sync_databases.iter().any(|(known, _)| known == *database))
        {
            events.push(Event::SyncDatabaseAdded { project, cluster, database: database.clone(), revision });
        }
        for (database, _) in of.sync_databases.iter().filter(|(known, _)| !wanted.sync_databases.contains(known)) {
            if self.removes(format!("sync database `{database}` of cluster `{}`", of.name)) {
                events.push(Event::SyncDatabaseRemoved { project, cluster, database: database.clone(), revision });
            }
        }
    }

    fn sync_source(&mut self, of: &Cluster, wanted: &WantedCluster, revision: Revision, events: &mut Vec<Event>) {
        let (project, cluster) = (of.project, of.id);
        match (&of.sync_source, &wanted.sync_source) {
            (_, Some(WantedSource { servers, member: Some(address), .. })) if !servers.holds(address) => {
                self.errors.push(InventoryError::NoMember { cluster: of.name.clone(), address: address.clone() });
            }
            (Some(known), Some(wanted)) if wanted.is(known) => {}
            (_, Some(WantedSource { servers, member, ca })) => {
                let (servers, member, ca) = (servers.clone(), member.clone(), ca.clone());
                events.push(Event::SyncServersSet { project, cluster, servers, member, ca, revision });
            }
            (Some(_), None) => {
                if self.removes(format!("sync servers of cluster `{}`", of.name)) {
                    events.push(Event::SyncServersRemoved { project, cluster, revision });
                }
            }
            (None, None) => {}
        }
    }

    fn removes(&mut self, what: String) -> bool {
        match self.prune {
            Prune::Keep => {
                self.plan.kept.push(what);
                false
            }
            Prune::Remove => true,
        }
    }

    /// Clusters that the file does not name.
    fn rest(&mut self, named: &BTreeSet<ClusterId>) {
        let current = self.current;
        for cluster in current.clusters.iter().filter(|cluster| !cluster.removed && !named.contains(&cluster.id)) {
            if self.removes(format!("cluster `{}` ({})", cluster.name, cluster.host)) {
                let event = Event::ClusterRemoved {
                    project: cluster.project,
                    cluster: cluster.id,
                    revision: cluster.revision.next(),
                };
                let mut removed = cluster.clone();
                removed.apply(&event);
                self.plan.clusters.push(removed);
                self.plan.events.push((cluster.organization, event));
            }
        }
    }
}

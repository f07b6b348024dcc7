//! The inventory as the log tells it, and the rule that it cannot widen a consent.

use byleave_core::event::{Entry, Event};
use byleave_core::id::{NodeId, ProjectId};
use byleave_core::inventory::{Cluster, Revision};
use byleave_core::name::{LogName, PublicKey, SyncDatabase};

use super::organization::{ClusterState, Organization, field};
use super::problem::Problem;

impl Organization {
    /// A new project.
    pub(super) fn add_project(&mut self, id: ProjectId) -> Result<(), Problem> {
        twice(!self.projects.insert(id), "project")
    }

    /// A new cluster.
    pub(super) fn add_cluster(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Some(cluster) = Cluster::from_event(self.id, &entry.event) else { return Ok(()) };
        if self.clusters.contains_key(&cluster.id) {
            return Err(Problem::Twice { what: "cluster" });
        }
        if !self.projects.contains(&cluster.project) {
            return Err(Problem::Unknown { what: "project" });
        }
        if cluster.revision != Revision::FIRST && self.snapshot != Some(entry.at) {
            return Err(Problem::Revision { said: cluster.revision.number(), current: 0 });
        }
        let id = cluster.id;
        let facts = self.facts_of(cluster, entry.index + 1);
        self.clusters.insert(id, ClusterState::new(facts, entry.at));
        Ok(())
    }

    /// A change of a cluster, its nodes, logs or sync databases.
    pub(super) fn change_cluster(&mut self, entry: &Entry) -> Result<(), Problem> {
        let event = &entry.event;
        let state = self.cluster(event)?;
        if state.facts.cluster.removed {
            return Err(Problem::Unknown { what: "cluster" });
        }
        let id = state.facts.cluster.id;
        let revision: Revision = field(event, "revision").ok_or(Problem::Unknown { what: "revision" })?;
        self.check_revision(state, revision, entry)?;
        self.check_reference(state, event)?;
        if state.is_covered_already(revision) {
            return Err(Problem::Widens);
        }
        if let Event::NodeAdded { node, .. } = event {
            self.nodes.insert(*node, id);
        }
        if let Some(key) = field::<PublicKey>(event, "host_key") {
            self.host_keys.insert(key, id);
        }
        self.change(id, entry.at, |state| {
            state.facts.cluster.apply(event);
            state.facts.log_size = entry.index + 1;
            state.revised_at = entry.at;
        });
        Ok(())
    }

    /// What a check of a node found, or that its risk was accepted: changes no revision.
    pub(super) fn check_node(&mut self, entry: &Entry) -> Result<(), Problem> {
        let event = &entry.event;
        let state = self.cluster(event)?;
        let current = state.facts.cluster.revision;
        let revision: Revision = field(event, "revision").ok_or(Problem::Unknown { what: "revision" })?;
        if revision > current {
            return Err(Problem::Revision { said: revision.number(), current: current.number() });
        }
        self.check_reference(state, event)?;
        let id = state.facts.cluster.id;
        self.change(id, entry.at, |state| state.facts.cluster.apply(event));
        Ok(())
    }

    /// A change carries the cluster's next revision; what changes at once shares one. Only the snapshot right after the
    /// claim tells older revisions, when no grant can be there.
    fn check_revision(&self, state: &ClusterState, said: Revision, entry: &Entry) -> Result<(), Problem> {
        let current = state.facts.cluster.revision;
        let sound = said == current.next()
            || said == current && state.revised_at == entry.at
            || said <= current && self.snapshot == Some(entry.at);
        if sound { Ok(()) } else { Err(Problem::Revision { said: said.number(), current: current.number() }) }
    }

    /// What the event adds must not be there, what it changes or removes must.
    #[expect(clippy::wildcard_enum_match_arm, reason = "events without a node, log or sync database refer to none")]
    fn check_reference(&self, state: &ClusterState, event: &Event) -> Result<(), Problem> {
        let cluster = &state.facts.cluster;
        let node = |id: NodeId| cluster.node(id).ok_or(Problem::Unknown { what: "node" });
        let has_log = |id, name: &LogName| node(id).map(|node| node.logs.iter().any(|log| log.name == *name));
        let has_sync = |name: &SyncDatabase| cluster.sync_databases.iter().any(|(known, _)| known == name);
        match event {
            Event::NodeAdded { node, .. } if self.nodes.contains_key(node) => Err(Problem::Twice { what: "node" }),
            Event::NodeAdded { host_key, .. } => self.check_host_key(state, host_key),
            Event::NodeChanged { node: id, host_key, .. } => {
                node(*id)?;
                self.check_host_key(state, host_key)
            }
            Event::NodeRemoved { node: id, .. }
            | Event::NodeChecked { node: id, .. }
            | Event::NodeRiskAccepted { node: id, .. } => node(*id).map(drop),
            Event::LogAdded { node, log, .. } => twice(has_log(*node, log)?, "log"),
            Event::LogChanged { node, log, .. } | Event::LogRemoved { node, log, .. } => {
                unknown(!has_log(*node, log)?, "log")
            }
            Event::SyncDatabaseAdded { database, .. } => twice(has_sync(database), "sync database"),
            Event::SyncDatabaseRemoved { database, .. } => unknown(!has_sync(database), "sync database"),
            Event::SyncServersSet { servers, member: Some(member), .. } => {
                unknown(!servers.holds(member), "sync server to dial")
            }
            Event::SyncServersRemoved { .. } => unknown(cluster.sync_source.is_none(), "sync servers"),
            _ => Ok(()),
        }
    }

    fn check_host_key(&self, state: &ClusterState, key: &PublicKey) -> Result<(), Problem> {
        match self.host_keys.get(key) {
            Some(owner) if *owner != state.facts.cluster.id => Err(Problem::NodeTaken),
            Some(_) | None => Ok(()),
        }
    }
}

fn twice(is: bool, what: &'static str) -> Result<(), Problem> {
    if is { Err(Problem::Twice { what }) } else { Ok(()) }
}

fn unknown(is: bool, what: &'static str) -> Result<(), Problem> {
    if is { Err(Problem::Unknown { what }) } else { Ok(()) }
}

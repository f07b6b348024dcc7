//! The inventory cannot widen a consent: honest changes, tricks, and random histories of both.

use std::collections::{BTreeMap, BTreeSet};

use byleave_core::event::Event;
use byleave_core::field::{Field, Value};
use byleave_core::id::{ClusterId, NodeId, OrgId};
use byleave_core::inventory::{Cluster, Inventory, InventoryError, Node, NodeCheck, Plan, Prune, Revision};
use byleave_core::name::PublicKey;
use byleave_core::sample;
use proptest::prelude::*;

use crate::estate::{Edit, Estate, ORGANIZATIONS, edit, prune};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What must never be forgotten while an inventory changes.
#[derive(Default)]
struct Memory {
    keys: BTreeMap<PublicKey, ClusterId>,
    clusters: BTreeMap<ClusterId, (OrgId, bool, Revision)>,
    nodes: BTreeMap<NodeId, (ClusterId, bool)>,
}

impl Memory {
    fn check(&mut self, inventory: &Inventory) {
        let mut seen = BTreeSet::new();
        let mut once = |what: String| assert!(seen.insert(what.clone()), "{what} is there twice");
        for cluster in &inventory.clusters {
            let known = self.clusters.entry(cluster.id).or_insert((cluster.organization, false, cluster.revision));
            assert_eq!(known.0, cluster.organization, "a cluster never changes its organization");
            assert!(!known.1 || cluster.removed, "a removed cluster does not come back");
            assert!(known.2 <= cluster.revision);
            *known = (cluster.organization, cluster.removed, cluster.revision);
            if !cluster.removed {
                once(format!("host {}", cluster.host));
            }
            for node in &cluster.nodes {
                let gone = node.removed || cluster.removed;
                let known = self.nodes.entry(node.id).or_insert((cluster.id, false));
                assert_eq!(known.0, cluster.id, "a node never changes its cluster");
                assert!(!known.1 || gone, "a removed node does not come back");
                known.1 = gone;
                let owner = self.keys.entry(node.host_key.clone()).or_insert(cluster.id);
                assert_eq!(*owner, cluster.id, "a host key never changes its cluster");
                if !gone {
                    once(format!("host {}", node.host));
                    once(format!("address {}", node.address));
                    once(format!("host key {}", node.host_key));
                }
            }
        }
    }
}

fn revision_of(event: &Event) -> Option<Value> {
    event.fields().remove("revision")
}

/// Each cluster that changed got the next revision, and all its events carry it.
fn check_revisions(before: &[Cluster], plan: &Plan) {
    for cluster in &plan.clusters {
        let old = before.iter().find(|old| old.id == cluster.id).map(|old| old.revision);
        assert_eq!(cluster.revision, old.map_or(Revision::FIRST, Revision::next));
        for (_, event) in plan.events.iter().filter(|(_, event)| event.cluster() == Some(cluster.id)) {
            assert_eq!(revision_of(event), Some(cluster.revision.to_value()), "{}", event.name());
        }
    }
}

fn check_kept(plan: &Plan) {
    let hosts_added: BTreeSet<_> = plan.events.iter().filter_map(|(_, event)| added_host(event)).collect();
    for (_, event) in &plan.events {
        let removes = event.name().ends_with(".removed");
        let Event::NodeRemoved { node, .. } = event else {
            assert!(!removes, "{} without pruning", event.name());
            continue;
        };
        let cluster = plan.clusters.iter().find(|cluster| Some(cluster.id) == event.cluster()).unwrap();
        let host = &cluster.nodes.iter().find(|known| known.id == *node).unwrap().host;
        assert!(hosts_added.contains(host.as_str()), "a node is only removed for one with another host key");
    }
}

fn added_host(event: &Event) -> Option<&str> {
    match event {
        Event::NodeAdded { host, .. } => Some(host.as_str()),
        _ => None,
    }
}

/// The cluster without what was removed and without checks.
fn present(cluster: &Cluster) -> Cluster {
    let nodes = cluster.nodes.iter().filter(|node| !node.removed);
    let nodes = nodes.map(|node| Node { check: NodeCheck::None, ..node.clone() }).collect();
    Cluster { nodes, ..cluster.clone() }
}

fn check_snapshot(cluster: &Cluster) {
    let events = cluster.snapshot();
    let mut made = events.first().and_then(|event| Cluster::from_event(cluster.organization, event));
    made.iter_mut().for_each(|made| events.iter().skip(1).for_each(|event| made.apply(event)));
    assert_eq!(made, (!cluster.removed).then(|| present(cluster)));
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_history_of_the_inventory_moves_a_machine(steps in prop::collection::vec((prop::collection::vec(edit(), 1..4), prune()), 1..14)) {
        let mut estate = Estate::new();
        let mut memory = Memory::default();
        memory.check(&estate.inventory);
        for (edits, prune) in steps {
            let mut next = estate.clone();
            edits.into_iter().for_each(|edit| next.edit(edit));
            let before = next.inventory.clusters.clone();
            let Ok(plan) = next.apply(prune) else { continue };
            check_revisions(&before, &plan);
            if prune == Prune::Keep {
                check_kept(&plan);
            }
            memory.check(&next.inventory);
            next.inventory.clusters.iter().for_each(check_snapshot);
            let again = next.plan(prune).unwrap();
            prop_assert_eq!(&again.events, &vec![], "planning again gives nothing");
            prop_assert!(again.clusters.is_empty() && again.projects.is_empty());
            estate = next;
        }
    }
}

/// Whether these edits, each list applied on its own, are all taken, and the errors of the first that is not.
fn tried(steps: &[&[Edit]], prune: Prune) -> Result<(Estate, Plan), Vec<InventoryError>> {
    let mut estate = Estate::new();
    let mut last = Plan::default();
    for edits in steps {
        edits.iter().for_each(|edit| estate.edit(*edit));
        last = estate.apply(prune)?;
    }
    Ok((estate, last))
}

fn refused(steps: &[&[Edit]], prune: Prune) -> String {
    let errors = tried(steps, prune).map(|(_, plan)| plan.events).expect_err("a trick is refused");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn no_trick_moves_a_machine_to_another_cluster() {
    use Edit::{Cluster, ClusterHost, HostKey, Move, Node, NodeHost, Swap};
    let key_taken = "the host key belongs to another node";
    for prune in [Prune::Keep, Prune::Remove] {
        for (trick, steps) in [
            ("moved to another organization", &[&[Move(0, 0, 2)] as &[Edit]] as &[&[Edit]]),
            ("moved to another cluster of the organization", &[&[Move(0, 0, 1)]]),
            ("swapped at once", &[&[Swap(0, 2)]]),
            ("host key given to another node", &[&[HostKey(2, 0, 0)]]),
            ("host keys swapped at once", &[&[HostKey(2, 0, 0), HostKey(0, 0, 4)]]),
            ("given another key first", &[&[HostKey(0, 0, 9)], &[HostKey(2, 0, 0)]]),
            ("given another key and back", &[&[HostKey(0, 0, 9)], &[HostKey(0, 0, 10)], &[HostKey(2, 0, 9)]]),
        ] {
            assert!(refused(steps, prune).contains(key_taken), "{trick}");
        }
    }
    for (trick, steps) in [
        ("removed, then added elsewhere", &[&[Node(0, 0)] as &[Edit], &[HostKey(2, 0, 0)]] as &[&[Edit]]),
        ("cluster removed, then its key elsewhere", &[&[Cluster(0)], &[HostKey(2, 0, 0)]]),
        ("cluster removed and written again", &[&[Cluster(0)], &[Cluster(0)]]),
    ] {
        assert!(refused(steps, Prune::Remove).contains(key_taken), "{trick}");
    }
    for (trick, steps) in [
        ("host name of another organization's node", &[&[NodeHost(2, 0, 0)] as &[Edit]] as &[&[Edit]]),
        ("of a removed node of another organization", &[&[Node(0, 0)], &[NodeHost(2, 0, 0), HostKey(2, 0, 9)]]),
        ("of its own cluster", &[&[NodeHost(0, 0, 6)]]),
        ("of another cluster of the organization", &[&[NodeHost(0, 0, 7), HostKey(0, 0, 9)]]),
        ("of another organization's cluster", &[&[ClusterHost(2, 0)]]),
        ("swapped with another organization's", &[&[ClusterHost(2, 0), ClusterHost(0, 2)]]),
        ("of a removed cluster of another organization", &[&[Cluster(0)], &[ClusterHost(2, 0)]]),
    ] {
        assert!(refused(steps, Prune::Remove).contains("the host name"), "{trick}");
    }
    let taken = refused(&[&[Edit::Address(2, 0, 0)]], Prune::Remove);
    assert!(taken.contains("address `10.0.0.1:22`"), "{taken}");
}

#[test]
fn a_host_key_that_changes_makes_a_new_unchecked_node() {
    let (estate, plan) = tried(&[&[Edit::Log(0, 0, 0), Edit::HostKey(0, 0, 9)]], Prune::Keep).unwrap();
    let names: Vec<&str> = plan.events.iter().map(|(_, event)| event.name()).collect();
    assert_eq!(names, ["node.removed", "node.added", "log.added", "log.added"]);
    assert_eq!(plan.kept, ["log `mongod` of node `node-0.example`"], "what the file does not name stays");
    let nodes: Vec<_> =
        estate.inventory.clusters[0].nodes.iter().filter(|node| node.host.as_str() == "node-0.example").collect();
    let [old, new] = nodes.as_slice() else { panic!("{nodes:?}") };
    assert!(old.removed && !new.removed && old.id != new.id);
    assert_eq!((new.check, new.since, new.logs.len()), (NodeCheck::None, Revision::FIRST.next(), 2));
}

#[test]
fn a_changed_node_is_unchecked_and_new() {
    let mut cluster = sample::cluster();
    let (project, node, revision) = (sample::PROJECT, sample::NODE, Revision::FIRST.next());
    let (address, host_key) = (sample::text("10.0.0.9:22"), sample::public_key(0));
    cluster.apply(&Event::NodeChanged { project, cluster: cluster.id, node, address, host_key, revision });
    let changed = cluster.node(node).unwrap();
    assert_eq!((changed.check, changed.since, cluster.revision), (NodeCheck::None, revision, revision));
    let other = Event::NodeRemoved { project, cluster: ClusterId::from_bytes([9; 12]), node, revision };
    cluster.apply(&other);
    assert!(cluster.node(node).is_some(), "events of other clusters change nothing");
}

#[test]
fn honest_changes_are_taken() {
    use Edit::{Address, Cluster, ClusterHost, HostKey, Node, Sync};
    for (change, steps, names) in [
        ("nothing", &[&[] as &[Edit]] as &[&[Edit]], &[] as &[&str]),
        ("another address", &[&[Address(0, 0, 8)]], &["node.changed"]),
        (
            "two nodes of a cluster swap addresses",
            &[&[Address(0, 0, 1), Address(0, 1, 0)]],
            &["node.changed", "node.changed"],
        ),
        ("a node removed", &[&[Node(0, 0)]], &["node.removed"]),
        ("a node back in its cluster", &[&[Node(0, 0)], &[Node(0, 0)]], &["node.added", "log.added", "log.added"]),
        ("a removed node's address", &[&[Node(0, 0)], &[Address(2, 0, 0)]], &["node.changed"]),
        ("a cluster renamed", &[&[ClusterHost(0, 5)]], &["cluster.changed"]),
        ("a wider sync pattern", &[&[Sync(0, 0), Sync(0, 1)]], &["sync_database.added", "sync_database.removed"]),
        ("a cluster removed", &[&[Cluster(3)]], &["cluster.removed"]),
        (
            "keys swapped within a cluster",
            &[&[HostKey(3, 0, 7), HostKey(3, 1, 6)]],
            &[
                "node.removed",
                "node.added",
                "log.added",
                "log.added",
                "node.removed",
                "node.added",
                "log.added",
                "log.added",
            ],
        ),
    ] {
        let (_, plan) = tried(steps, Prune::Remove).unwrap_or_else(|errors| panic!("{change}: {errors:?}"));
        assert_eq!(plan.events.iter().map(|(_, event)| event.name()).collect::<Vec<_>>(), names, "{change}");
    }
}

#[test]
fn an_organization_that_does_not_exist_gets_nothing() {
    let mut estate = Estate::new();
    estate.inventory.organizations.remove(&ORGANIZATIONS[1]);
    let errors = estate.plan(Prune::Keep).unwrap_err();
    assert!(errors.iter().all(|error| matches!(error, InventoryError::UnknownOrganization { .. })));
    assert_eq!(errors.len(), 2);
}

#[test]
fn a_log_path_has_one_kind() {
    let mut estate = Estate::new();
    let log = |name, kind| Event::LogAdded {
        project: estate.inventory.clusters[0].project,
        cluster: estate.inventory.clusters[0].id,
        node: estate.inventory.clusters[0].nodes[0].id,
        log: sample::text(name),
        kind,
        path: sample::text("/var/log/mongot.log"),
        revision: Revision::FIRST,
    };
    let old = log("old", byleave_core::inventory::LogKind::Audit);
    estate.inventory.clusters[0].apply(&old);
    estate.edit(Edit::Log(0, 0, 2));
    let errors = estate.plan(Prune::Keep).unwrap_err();
    assert_eq!(errors[0].to_string(), "log path `/var/log/mongot.log` of node `node-0.example` is named twice");
    assert!(estate.plan(Prune::Remove).is_ok());
}

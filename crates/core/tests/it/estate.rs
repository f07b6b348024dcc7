//! Random inventories of two organizations, and random edits of them: honest ones and tricks.

use byleave_core::event::Event;
use byleave_core::id::{ClusterId, OrgId};
use byleave_core::inventory::{
    Cluster, Inventory, InventoryError, LogKind, Plan, Prune, WantedCluster, WantedLog, WantedNode, WantedSource, plan,
};
use byleave_core::sample::{CA, public_key, text};
use proptest::prelude::*;

pub(crate) const ORGANIZATIONS: [OrgId; 2] = [OrgId::from_bytes([0xa1; 12]), OrgId::from_bytes([0xb2; 12])];

/// One change of what is wanted. Small numbers choose the place and the value, so that clashes are frequent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    /// Address of a node.
    Address(usize, usize, u8),
    /// Removes a cluster from the file, or writes it there again.
    Cluster(usize),
    /// Host name of a cluster.
    ClusterHost(usize, u8),
    /// Host key of a node.
    HostKey(usize, usize, u16),
    /// Adds or removes a log.
    Log(usize, usize, u8),
    /// Kind of a node's first log.
    LogKind(usize, usize, u8),
    /// Moves a node to another cluster.
    Move(usize, usize, usize),
    /// Removes a node, or writes it there again.
    Node(usize, usize),
    /// Host name of a node; from 6 on, the name of a cluster.
    NodeHost(usize, usize, u8),
    /// Two clusters swap their nodes.
    Swap(usize, usize),
    /// Adds or removes a sync database.
    Sync(usize, u8),
    /// Sets where a cluster's sync data is read from; from 8 on, nowhere.
    SyncSource(usize, u8),
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let (c, n) = (0..4_usize, 0..2_usize);
    prop_oneof![
        (c.clone(), n.clone(), 0..9_u8).prop_map(|(c, n, v)| Edit::Address(c, n, v)),
        c.clone().prop_map(Edit::Cluster),
        (c.clone(), 0..6_u8).prop_map(|(c, v)| Edit::ClusterHost(c, v)),
        (c.clone(), n.clone(), 0..12_u16).prop_map(|(c, n, v)| Edit::HostKey(c, n, v)),
        (c.clone(), n.clone(), 0..3_u8).prop_map(|(c, n, v)| Edit::Log(c, n, v)),
        (c.clone(), n.clone(), 0..3_u8).prop_map(|(c, n, v)| Edit::LogKind(c, n, v)),
        (c.clone(), n.clone(), c.clone()).prop_map(|(c, n, to)| Edit::Move(c, n, to)),
        (c.clone(), n.clone()).prop_map(|(c, n)| Edit::Node(c, n)),
        (c.clone(), n, 0..8_u8).prop_map(|(c, n, v)| Edit::NodeHost(c, n, v)),
        (c.clone(), c.clone()).prop_map(|(c, to)| Edit::Swap(c, to)),
        (c.clone(), 0..3_u8).prop_map(|(c, v)| Edit::Sync(c, v)),
        (c, 0..10_u8).prop_map(|(c, v)| Edit::SyncSource(c, v)),
    ]
}

pub(crate) fn prune() -> impl Strategy<Value = Prune> {
    prop_oneof![Just(Prune::Keep), Just(Prune::Remove)]
}

fn log(number: u8) -> WantedLog {
    let (name, kind) = match number {
        0 => ("mongod", LogKind::Database),
        1 => ("audit", LogKind::Audit),
        _ => ("mongot", LogKind::Other),
    };
    WantedLog { name: text(name), kind, path: text(&format!("/var/log/{name}.log")) }
}

fn node(number: u16) -> WantedNode {
    WantedNode {
        host: text(&format!("node-{number}.example")),
        address: text(&format!("10.0.0.{}:22", number + 1)),
        host_key: public_key(number),
        logs: vec![log(0), log(1)],
    }
}

/// What the file says, and the installation.
#[derive(Debug, Clone)]
pub(crate) struct Estate {
    /// Every cluster that the file could name, and whether it does.
    wanted: Vec<(bool, WantedCluster)>,
    pub(crate) inventory: Inventory,
    ids: u8,
}

impl Estate {
    /// Two organizations with two clusters each: two in one project, two in a project each.
    pub(crate) fn new() -> Self {
        let cluster = |number: u16| WantedCluster {
            organization: if number < 2 { ORGANIZATIONS[0] } else { ORGANIZATIONS[1] },
            project: text(if number == 3 { "Other" } else { "Shop" }),
            name: text(&format!("Cluster{}", number % 2)),
            host: text(&format!("cluster-{number}.example")),
            sync_databases: vec![text("appsync_1*")],
            sync_source: None,
            nodes: vec![node(2 * number), node(2 * number + 1)],
        };
        let inventory = Inventory { organizations: ORGANIZATIONS.into(), ..Inventory::default() };
        let mut estate = Self { wanted: (0..4).map(|number| (true, cluster(number))).collect(), inventory, ids: 0 };
        estate.apply(Prune::Keep).unwrap();
        estate
    }

    pub(crate) fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Address(c, n, v) => self.node(c, n, |node| node.address = text(&format!("10.0.0.{}:22", v + 1))),
            Edit::Cluster(c) => self.wanted[c].0 ^= true,
            Edit::ClusterHost(c, v) => self.wanted[c].1.host = text(&format!("cluster-{v}.example")),
            Edit::HostKey(c, n, v) => self.node(c, n, |node| node.host_key = public_key(v)),
            Edit::Log(c, n, v) => self.node(c, n, |node| {
                let log = log(v);
                match node.logs.iter().position(|known| known.name == log.name) {
                    Some(place) => drop(node.logs.remove(place)),
                    None => node.logs.push(log),
                }
            }),
            Edit::LogKind(c, n, v) => self.node(c, n, |node| {
                let kind = LogKind::ALL[usize::from(v)];
                node.logs.iter_mut().take(1).for_each(|log| log.kind = kind);
            }),
            Edit::Move(c, n, to) => {
                if n < self.wanted[c].1.nodes.len() {
                    let node = self.wanted[c].1.nodes.remove(n);
                    self.wanted[to].1.nodes.push(node);
                }
            }
            Edit::Node(c, n) => {
                let number = u16::try_from(2 * c + n).unwrap();
                let host = node(number).host;
                let nodes = &mut self.wanted[c].1.nodes;
                match nodes.iter().position(|known| known.host == host) {
                    Some(place) => drop(nodes.remove(place)),
                    None => nodes.push(node(number)),
                }
            }
            Edit::NodeHost(c, n, v) => self.node(c, n, |node| {
                let host = if v < 6 { format!("node-{v}.example") } else { format!("cluster-{}.example", v - 6) };
                node.host = text(&host);
            }),
            Edit::Swap(c, to) => {
                let nodes = std::mem::take(&mut self.wanted[c].1.nodes);
                self.wanted[c].1.nodes = std::mem::replace(&mut self.wanted[to].1.nodes, nodes);
            }
            Edit::Sync(c, v) => {
                let database = text(["appsync_1*", "appsync_*", "state"][usize::from(v)]);
                let databases = &mut self.wanted[c].1.sync_databases;
                match databases.iter().position(|known| *known == database) {
                    Some(place) => drop(databases.remove(place)),
                    None => databases.push(database),
                }
            }
            Edit::SyncSource(c, v) => {
                let (one, other) = (format!("10.0.1.{}:27017", v % 4), format!("10.0.0.{}:22", v + 1));
                let servers = format!("{one},{other}");
                // Now and then a member is chosen, and once one that is none.
                let member =
                    [None, Some(one), Some(other), Some("10.0.1.9:27017".to_owned())][usize::from(v % 4)].clone();
                let (servers, member, ca) = (text(&servers), member.map(|it| text(&it)), text(CA));
                self.wanted[c].1.sync_source = (v < 8).then_some(WantedSource { servers, member, ca });
            }
        }
    }

    fn node(&mut self, cluster: usize, node: usize, change: impl FnOnce(&mut WantedNode)) {
        if let Some(node) = self.wanted[cluster].1.nodes.get_mut(node) {
            change(node);
        }
    }

    pub(crate) fn plan(&mut self, prune: Prune) -> Result<Plan, Vec<InventoryError>> {
        let wanted: Vec<_> =
            self.wanted.iter().filter(|(named, _)| *named).map(|(_, cluster)| cluster.clone()).collect();
        let ids = &mut self.ids;
        plan(&self.inventory, &wanted, prune, &mut || {
            *ids += 1;
            [*ids; 12]
        })
    }

    /// Plans and does what the store does with a plan.
    pub(crate) fn apply(&mut self, prune: Prune) -> Result<Plan, Vec<InventoryError>> {
        let plan = self.plan(prune)?;
        let before = self.inventory.clusters.clone();
        self.inventory.projects.extend(plan.projects.iter().cloned());
        for cluster in &plan.clusters {
            assert_eq!(&by_events(&before, cluster, &plan.events), cluster, "the events make the cluster");
            match self.inventory.clusters.iter_mut().find(|known| known.id == cluster.id) {
                Some(known) => known.clone_from(cluster),
                None => self.inventory.clusters.push(cluster.clone()),
            }
        }
        Ok(plan)
    }
}

/// The cluster that the plan's events make of what was there: what the log's replay sees.
fn by_events(before: &[Cluster], of: &Cluster, events: &[(OrgId, Event)]) -> Cluster {
    let id: ClusterId = of.id;
    let mut made = before.iter().find(|cluster| cluster.id == id).cloned();
    for (organization, event) in events.iter().filter(|(_, event)| event.cluster() == Some(id)) {
        assert_eq!(*organization, of.organization);
        match &mut made {
            Some(cluster) => cluster.apply(event),
            None => made = Cluster::from_event(*organization, event),
        }
    }
    made.unwrap()
}

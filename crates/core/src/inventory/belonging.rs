//! Whose an address, a host key and a host name are, in the whole installation.
//!
//! This must never let a machine pass from one cluster's consent to another's: neither by moving it, nor by removing
//! and adding it again, nor by two clusters that swap within one plan. [`super::plan()`] calls it last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cluster, InventoryError, Node};
use crate::id::{ClusterId, OrgId};
use crate::name::{Address, HostName, PublicKey};

/// The rules that the changed clusters break, against all others (as they were and as they will be) and in themselves.
pub(super) fn check(before: &[Cluster], changed: &[Cluster]) -> Vec<InventoryError> {
    let ids: BTreeSet<ClusterId> = changed.iter().map(|cluster| cluster.id).collect();
    let mut owners = Owners::default();
    for cluster in before {
        // What a changed cluster had before counts as given up by it, so that nothing is swapped within one plan.
        owners.add(cluster, !ids.contains(&cluster.id));
    }
    for cluster in changed {
        owners.add(cluster, true);
    }
    let mut errors = Vec::new();
    for cluster in changed.iter().filter(|cluster| !cluster.removed) {
        owners.check(cluster, &mut errors);
        check_inside(cluster, &mut errors);
    }
    errors
}

/// Who has or had something.
#[derive(Clone, Copy)]
struct Owner {
    cluster: ClusterId,
    organization: OrgId,
    /// Whether it is not removed.
    present: bool,
}

#[derive(Default)]
struct Owners<'a> {
    addresses: BTreeMap<Address, Vec<Owner>>,
    host_keys: BTreeMap<&'a PublicKey, Vec<Owner>>,
    hosts: BTreeMap<&'a HostName, Vec<Owner>>,
}

impl<'a> Owners<'a> {
    fn add(&mut self, cluster: &'a Cluster, still: bool) {
        let owner = |present| Owner { cluster: cluster.id, organization: cluster.organization, present };
        let present = still && !cluster.removed;
        self.hosts.entry(&cluster.host).or_default().push(owner(present));
        for node in &cluster.nodes {
            let owner = owner(present && !node.removed);
            self.hosts.entry(&node.host).or_default().push(owner);
            self.host_keys.entry(&node.host_key).or_default().push(owner);
            self.addresses.entry(node.address.clone()).or_default().push(owner);
        }
        for address in servers(cluster) {
            self.addresses.entry(address).or_default().push(owner(present));
        }
    }

    /// Where the cluster takes what belongs to another one: a host key for ever; a host name as long as it is in use,
    /// and in another organization for ever; an address as long as it is in use.
    fn check(&self, cluster: &Cluster, errors: &mut Vec<InventoryError>) {
        let other = |owner: &&Owner| owner.cluster != cluster.id;
        for host in std::iter::once(&cluster.host).chain(present(cluster).map(|node| &node.host)) {
            let mut others = self.hosts.get(host).into_iter().flatten().filter(other);
            if others.any(|owner| owner.present || owner.organization != cluster.organization) {
                errors.push(InventoryError::HostTaken { host: host.clone() });
            }
        }
        for node in present(cluster) {
            let host = || node.host.clone();
            if self.host_keys.get(&node.host_key).into_iter().flatten().any(|owner| other(&owner)) {
                errors.push(InventoryError::HostKeyTaken { host: host() });
            }
        }
        let of_nodes = present(cluster).map(|node| (&node.host, node.address.clone()));
        for (host, address) in of_nodes.chain(servers(cluster).map(|address| (&cluster.host, address))) {
            let mut others = self.addresses.get(&address).into_iter().flatten().filter(other);
            if others.any(|owner| owner.present) {
                errors.push(InventoryError::AddressTaken { host: host.clone(), address });
            }
        }
    }
}

/// What one cluster must not have twice. A log's path has one kind only, so that an audit log is not also called a
/// database log.
fn check_inside(cluster: &Cluster, errors: &mut Vec<InventoryError>) {
    let (mut addresses, mut host_keys, mut hosts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::from([&cluster.host]));
    for node in present(cluster) {
        if !hosts.insert(&node.host) {
            errors.push(InventoryError::HostTaken { host: node.host.clone() });
        }
        if !host_keys.insert(&node.host_key) {
            errors.push(InventoryError::HostKeyTaken { host: node.host.clone() });
        }
        if !addresses.insert(node.address.clone()) {
            errors.push(InventoryError::AddressTaken { host: node.host.clone(), address: node.address.clone() });
        }
        let mut paths = BTreeSet::new();
        for log in node.logs.iter().filter(|log| !paths.insert(&log.path)) {
            let what = format!("log path `{}` of node `{}`", log.path, node.host);
            errors.push(InventoryError::Twice { what });
        }
    }
    for address in servers(cluster) {
        if !addresses.insert(address.clone()) {
            errors.push(InventoryError::AddressTaken { host: cluster.host.clone(), address });
        }
    }
}

/// Where the cluster's sync data is read from. A server that sync data is read from is no SSH server, and no other
/// cluster's: a credential must go to nobody else.
fn servers(cluster: &Cluster) -> impl Iterator<Item = Address> {
    cluster.sync_source.iter().flat_map(|source| source.servers.addresses())
}

fn present(cluster: &Cluster) -> impl Iterator<Item = &Node> {
    cluster.nodes.iter().filter(|node| !node.removed && !cluster.removed)
}

//! What the model remembers of the inventory: which revision brought each thing in its present form.

use super::*;

impl World {
    pub(super) fn change_inventory(&mut self, edits: Vec<Edit>, prune: Prune) {
        let mut next = self.estate.clone();
        edits.into_iter().for_each(|edit| next.edit(edit));
        let Ok(plan) = next.apply(prune) else { return };
        self.estate = next;
        for removed in plan.clusters.iter().filter(|cluster| cluster.removed) {
            self.end_in_force(removed.id, GrantEnd::ClusterRemoved);
        }
        self.remember_inventory();
    }

    /// Compares forms by itself, so that the revisions of nodes, logs and databases are not taken on trust.
    pub(super) fn remember_inventory(&mut self) {
        let (old, old_sync) = (std::mem::take(&mut self.born), std::mem::take(&mut self.born_sync));
        let old_source = std::mem::take(&mut self.born_source);
        for cluster in self.estate.inventory.clusters.iter().filter(|cluster| !cluster.removed) {
            let revision = cluster.revision.number();
            let since = |place: &(NodeId, String), form: &str| match old.get(place) {
                Some((known, born)) if known == form => *born,
                _ => revision,
            };
            for node in cluster.nodes.iter().filter(|node| !node.removed) {
                let form = format!("{} {} {}", node.host, node.address, node.host_key);
                let place = (node.id, String::new());
                let node_born = since(&place, &form);
                self.born.insert(place, (form, node_born));
                for log in &node.logs {
                    let place = (node.id, log.name.to_string());
                    let form = format!("{} {}", log.kind.as_str(), log.path);
                    self.born.insert(place.clone(), (form.clone(), since(&place, &form)));
                }
            }
            for (database, _) in &cluster.sync_databases {
                let place = (cluster.id, database.to_string());
                let born = old_sync.get(&place).copied().unwrap_or(revision);
                self.born_sync.insert(place, born);
            }
            if let Some(source) = &cluster.sync_source {
                let form = format!("{} {:?} {}", source.servers, source.member, source.ca);
                let born = match old_source.get(&cluster.id) {
                    Some((known, born)) if *known == form => *born,
                    _ => revision,
                };
                self.born_source.insert(cluster.id, (form, born));
            }
        }
    }

    /// The revision that brought what is wanted, by the model's own memory.
    pub(super) fn born(&self, cluster: &Cluster, wanted: &Wanted) -> Option<i64> {
        let of = |node: &NodeId, name: &str| self.born.get(&(*node, name.to_owned())).map(|(_, born)| *born);
        match wanted {
            Wanted::Database | Wanted::LogList => Some(1),
            Wanted::Node(node) => of(node, ""),
            Wanted::Log(node, name) => Some(of(node, name.as_str())?.max(of(node, "")?)),
            Wanted::SyncLogin => self.born_sync(cluster, |_| true),
            Wanted::SyncData(database) => self.born_sync(cluster, |pattern| {
                pattern.strip_suffix('*').map_or(pattern == database, |p| database.starts_with(p))
            }),
        }
    }

    /// The oldest sync database that is meant, but never older than from where it is read.
    pub(super) fn born_sync(&self, cluster: &Cluster, is_meant: impl Fn(&str) -> bool) -> Option<i64> {
        let all = self.born_sync.iter().filter(|((id, pattern), _)| *id == cluster.id && is_meant(pattern));
        let oldest = all.map(|(_, born)| *born).min()?;
        Some(self.born_source.get(&cluster.id).map_or(oldest, |(_, born)| oldest.max(*born)))
    }
}

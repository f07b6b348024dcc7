//! The table of the design once more, written down without looking at `access.rs`, to judge `access.rs` by.

use byleave_core::access::{Asker, Basis, Facts, Wanted};
use byleave_core::grant::{Grant, GrantType};
use byleave_core::inventory::{LogKind, NodeCheck, Revision};
use byleave_core::time::{HOUR, Timestamp};

/// Rows and columns as in the design: not blocked, blocked, LOGS, INFRASTRUCTURE, …AND_SYNC_DATA.
const TABLE: [(&str, [&str; 5]); 6] = [
    ("database log", ["standing", "no", "yes", "yes", "yes"]),
    ("audit log", ["standing", "no", "no", "yes", "yes"]),
    ("other log", ["standing", "no", "no", "yes", "yes"]),
    ("node", ["standing", "no", "no", "yes", "yes"]),
    ("sync data", ["no", "no", "no", "no", "yes"]),
    ("database", ["never", "never", "never", "never", "never"]),
];

/// A row of the table, and the cluster's revision that brought the thing.
type Thing = (&'static str, i64);

/// The thing in the inventory, if it is there.
pub(crate) fn thing(facts: &Facts, wanted: &Wanted) -> Option<Thing> {
    let node = |id| facts.cluster.nodes.iter().find(|node| node.id == id && !node.removed);
    match wanted {
        Wanted::Database => Some(("database", 1)),
        Wanted::LogList => Some(("database log", 1)),
        Wanted::Node(id) => Some(("node", node(*id)?.since.number())),
        Wanted::Log(id, name) => {
            let node = node(*id)?;
            let log = node.logs.iter().find(|log| log.name == *name)?;
            let row = match log.kind {
                LogKind::Audit => "audit log",
                LogKind::Database => "database log",
                LogKind::Other => "other log",
            };
            Some((row, log.since.number().max(node.since.number())))
        }
        Wanted::SyncData(database) => {
            let pattern = |text: &str| match text.split_once('*') {
                Some((begin, _)) => {
                    database.starts_with(begin) && !database.contains(['.', '/', '*', ' ']) && database.len() < 64
                }
                None => text == database,
            };
            let all = facts.cluster.sync_databases.iter().filter(|(name, _)| pattern(name.as_str()));
            Some(("sync data", from_source(facts, all.map(|(_, since)| since.number()).min()?)))
        }
        Wanted::SyncLogin => {
            let all = facts.cluster.sync_databases.iter().map(|(_, since)| since.number());
            Some(("sync data", from_source(facts, all.min()?)))
        }
    }
}

/// What is read from other servers is another thing.
fn from_source(facts: &Facts, since: i64) -> i64 {
    match &facts.cluster.sync_source {
        Some(source) if source.since.number() > since => source.since.number(),
        _ => since,
    }
}

/// The grant in force: given, not ended, not over.
pub(crate) fn in_force(facts: &Facts, now: Timestamp) -> Option<&Grant> {
    let mut found = None;
    for grant in &facts.grants {
        if grant.ended.is_none() && now < grant.expires_at {
            found = Some(grant);
        }
    }
    found
}

/// What the table says: the basis and until when, or no.
pub(crate) fn says(
    facts: &Facts,
    asker: Asker,
    wanted: &Wanted,
    opened_at: Timestamp,
    now: Timestamp,
) -> Option<(Basis, Timestamp)> {
    if asker != Asker::Active || !facts.claimed || facts.cluster.removed {
        return None;
    }
    let (name, since) = thing(facts, wanted)?;
    let (_, row) = TABLE.iter().find(|(row, _)| *row == name).unwrap();
    let grant = in_force(facts, now);
    let column = grant.map(|grant| match grant.kind {
        GrantType::DatabaseLogs => 2,
        GrantType::Infrastructure => 3,
        GrantType::InfrastructureAndSyncData => 4,
    });
    let said = match (grant, column) {
        (Some(grant), Some(column))
            if row.get(column) == Some(&"yes") && grant.inventory_revision.number() >= since =>
        {
            Some((Basis::Grant { id: grant.id }, grant.expires_at))
        }
        _ if !facts.blocked && row.first() == Some(&"standing") => Some((Basis::Standing, opened_at.plus(8 * HOUR))),
        _ => None,
    };
    if facts.blocked && name == "node" && !checked(facts, wanted, since) {
        return None;
    }
    said
}

fn checked(facts: &Facts, wanted: &Wanted, since: i64) -> bool {
    let at: Option<Revision> =
        match facts.cluster.nodes.iter().find(|node| Some(node.id) == wanted.node()).unwrap().check {
            NodeCheck::Failed | NodeCheck::None => None,
            NodeCheck::Passed { revision } | NodeCheck::RiskAccepted { revision } => Some(revision),
        };
    at.is_some_and(|revision| revision.number() >= since)
}

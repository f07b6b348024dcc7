//! What support may reach: the whole table as a golden file, and its hard cases.

use std::fmt::Write;

use byleave_core::access::{Asker, Basis, Denial, Facts, STANDING_FOR, Verdict, Wanted, again, decide};
use byleave_core::event::Event;
use byleave_core::grant::{Grant, GrantEnd, GrantType};
use byleave_core::id::{ClusterId, GrantId, NodeId, OrgId};
use byleave_core::inventory::{NodeCheck, Revision};
use byleave_core::sample::{self, AT, NODE, text};
use byleave_core::session::SessionEnd;
use byleave_core::time::{DAY, Doubt, HOUR, Now, Timestamp};

use crate::oracle;

pub(crate) fn at(at: Timestamp) -> Now {
    Now { at, doubt: None }
}

/// An hour after the sample grants were given.
const LATER: Timestamp = AT.plus(HOUR);

fn log(name: &str) -> Wanted {
    Wanted::Log(NODE, text(name))
}

fn rows() -> [(&'static str, Wanted); 8] {
    [
        ("log list", Wanted::LogList),
        ("database log", log("mongod")),
        ("audit log", log("audit")),
        ("other log", log("mongot")),
        ("node", Wanted::Node(NODE)),
        ("sync data", Wanted::SyncData("appsync_1".into())),
        ("sync log-in", Wanted::SyncLogin),
        ("the database", Wanted::Database),
    ]
}

fn short(kind: GrantType) -> &'static str {
    match kind {
        GrantType::DatabaseLogs => "LOGS",
        GrantType::Infrastructure => "INFRASTRUCTURE",
        GrantType::InfrastructureAndSyncData => "…AND_SYNC_DATA",
    }
}

/// Every state that a cluster's grants can be in.
fn grants() -> Vec<(String, Vec<Grant>)> {
    let mut all = vec![("no grant".to_owned(), vec![])];
    for kind in GrantType::ALL.iter().copied() {
        let active = sample::grant(kind);
        all.push((short(kind).to_owned(), vec![active.clone()]));
        let expired = Grant { expires_at: LATER, ..active.clone() };
        all.push((format!("{} expired", short(kind)), vec![expired]));
        for reason in GrantEnd::ALL.iter().copied() {
            let mut ended = active.clone();
            assert!(ended.end(LATER, reason));
            all.push((format!("{} {}", short(kind), reason.as_str()), vec![ended]));
        }
    }
    all
}

fn outcome(facts: &Facts, asker: Asker, wanted: Wanted, now: Now) -> String {
    let said = oracle::says(facts, asker, &wanted, now.at, now.at).filter(|_| now.doubt.is_none());
    match decide(facts, asker, wanted, now) {
        Ok(permit) => {
            assert_eq!(said, Some((permit.basis(), permit.until())));
            match permit.basis() {
                Basis::Standing => "STANDING".into(),
                Basis::Grant { .. } => "GRANT".into(),
            }
        }
        Err(denial) => {
            assert_eq!(said, None, "{denial}");
            denial.as_str().into()
        }
    }
}

#[test]
fn the_whole_table_of_access_is_as_written_down() {
    let mut text = String::from(
        "What support may reach. STANDING and GRANT are a yes on that basis, until 8 hours after opening or until the\n\
         grant expires; all else is a no, explained below.\n",
    );
    for blocked in [false, true] {
        write!(text, "\n{}\n{:<32}", if blocked { "BLOCKED" } else { "NOT BLOCKED" }, "").unwrap();
        rows().iter().for_each(|(name, _)| write!(text, " {name:<15}").unwrap());
        text.push('\n');
        for (name, grants) in grants() {
            write!(text, "{name:<32}").unwrap();
            for (_, wanted) in rows() {
                let facts = Facts { blocked, grants: grants.clone(), ..sample::facts() };
                let outcome = outcome(&facts, Asker::Active, wanted, at(LATER));
                let outcome = if outcome == "sync data not granted" { "needs a grant" } else { &outcome };
                write!(text, " {outcome:<15}").unwrap();
            }
            text.push('\n');
        }
    }
    text.push_str("\nSPECIAL CASES\n");
    for (case, outcome) in special_cases() {
        writeln!(text, "{case:<100} {outcome}").unwrap();
    }
    text.push_str("\nWHAT A NO SAYS, and whether the employee may read it\n");
    for denial in Denial::ALL {
        writeln!(text, "{:<22} {:<7} {denial}", denial.as_str(), if denial.is_telling() { "told" } else { "not told" })
            .unwrap();
    }
    crate::golden::check("access.txt", &text);
}

/// The sample facts, changed; `granted` blocks the organization and grants that type at the first revision.
fn special(blocked: bool, granted: Option<GrantType>, change: impl FnOnce(&mut Facts)) -> Facts {
    let grants = granted.into_iter().map(sample::grant).collect();
    let mut facts = Facts { blocked, grants, ..sample::facts() };
    change(&mut facts);
    facts
}

const SECOND_REVISION: Revision = Revision::FIRST.next();

/// Lets an inventory event of the second revision happen.
fn happens(event: Event) -> impl Fn(&mut Facts) {
    move |facts| facts.cluster.apply(&event)
}

fn checked(check: NodeCheck) -> impl Fn(&mut Facts) {
    move |facts| facts.cluster.nodes.iter_mut().for_each(|node| node.check = check)
}

fn inventory_cases() -> Vec<(&'static str, Event, Wanted)> {
    let (project, cluster, node, revision) = (sample::PROJECT, sample::CLUSTER, NODE, SECOND_REVISION);
    let new = NodeId::from_bytes([0x44; 12]);
    let (host, address, host_key) = (text("node-2.shop.example"), text("10.0.0.8:22"), sample::public_key(9));
    let path = || text("/var/log/mongodb/new.log");
    let kind = byleave_core::inventory::LogKind::Database;
    vec![
        (
            "node added",
            Event::NodeAdded {
                project,
                cluster,
                node: new,
                host,
                address: text("10.0.0.9:22"),
                host_key: sample::public_key(8),
                revision,
            },
            Wanted::Node(new),
        ),
        (
            "node changed",
            Event::NodeChanged { project, cluster, node, address, host_key, revision },
            Wanted::Node(NODE),
        ),
        (
            "log added",
            Event::LogAdded { project, cluster, node, log: text("new"), kind, path: path(), revision },
            log("new"),
        ),
        (
            "audit log now called database log",
            Event::LogChanged { project, cluster, node, log: text("audit"), kind, path: path(), revision },
            log("audit"),
        ),
        (
            "sync database added",
            Event::SyncDatabaseAdded { project, cluster, database: text("mobilesync_*"), revision },
            Wanted::SyncData("mobilesync_1".into()),
        ),
        (
            "sync servers set",
            Event::SyncServersSet {
                project,
                cluster,
                servers: text("db-0.shop.example:27017"),
                member: None,
                ca: text(sample::CA),
                revision,
            },
            Wanted::SyncData("appsync_1".into()),
        ),
        ("node removed", Event::NodeRemoved { project, cluster, node, revision }, Wanted::Node(NODE)),
        ("node of the log removed", Event::NodeRemoved { project, cluster, node, revision }, log("mongod")),
        ("log removed", Event::LogRemoved { project, cluster, node, log: text("mongod"), revision }, log("mongod")),
        (
            "sync database removed",
            Event::SyncDatabaseRemoved { project, cluster, database: text("appsync_*"), revision },
            Wanted::SyncData("appsync_1".into()),
        ),
        ("cluster removed", Event::ClusterRemoved { project, cluster, revision }, Wanted::Node(NODE)),
        (
            "cluster renamed",
            Event::ClusterChanged { project, cluster, host: text("other.shop.example"), revision },
            Wanted::Node(NODE),
        ),
    ]
}

fn special_cases() -> Vec<(String, String)> {
    let sync = Some(GrantType::InfrastructureAndSyncData);
    let mut all = Vec::new();
    let mut add = |case: &str, facts: Facts, asker, wanted, now| {
        let wanted_text = rows().into_iter().find(|(_, row)| *row == wanted).map_or("new thing", |(name, _)| name);
        let blocked = if facts.blocked { "blocked" } else { "not blocked" };
        let grant = facts.grants.last().map_or("no grant", |grant| short(grant.kind));
        let case = format!("{blocked}, {grant}, {wanted_text}: {case}");
        all.push((case, outcome(&facts, asker, wanted, now)));
    };
    let node = || Wanted::Node(NODE);
    for (blocked, granted) in [(false, None), (true, sync)] {
        for (case, event, wanted) in inventory_cases() {
            let facts = special(blocked, granted, happens(event));
            let after = if granted.is_some() { " after the grant" } else { "" };
            add(&format!("{case}{after}"), facts.clone(), Asker::Active, wanted.clone(), at(LATER));
            if let [grant] = facts.grants.as_slice() {
                let grant = Grant { inventory_revision: SECOND_REVISION, ..grant.clone() };
                let again = Facts { grants: vec![grant], ..facts };
                add(&format!("{case}, granted again"), again, Asker::Active, wanted, at(LATER));
            }
        }
        for (case, check) in [
            ("never checked", NodeCheck::None),
            ("check failed", NodeCheck::Failed),
            ("check passed", NodeCheck::Passed { revision: Revision::FIRST }),
            ("risk accepted", NodeCheck::RiskAccepted { revision: Revision::FIRST }),
        ] {
            add(case, special(blocked, granted, checked(check)), Asker::Active, node(), at(LATER));
            let newer = special(blocked, granted, |facts| {
                facts.cluster.nodes.iter_mut().for_each(|node| node.since = SECOND_REVISION);
                facts.grants.iter_mut().for_each(|grant| grant.inventory_revision = SECOND_REVISION);
                checked(check)(facts);
            });
            add(&format!("{case} before its last change"), newer, Asker::Active, node(), at(LATER));
        }
        let logs = special(blocked, granted, checked(NodeCheck::Failed));
        add("check failed", logs, Asker::Active, log("mongod"), at(LATER));
        let plain = || special(blocked, granted, |_| ());
        add("employee disabled", plain(), Asker::Disabled, node(), at(LATER));
        add("key removed", plain(), Asker::KeyRemoved, node(), at(LATER));
        let unclaimed = special(blocked, granted, |facts| facts.claimed = false);
        add("organization not claimed", unclaimed, Asker::Active, node(), at(LATER));
        for doubt in [Doubt::Behind(HOUR), Doubt::Astray(HOUR)] {
            let now = Now { at: LATER, doubt: Some(doubt) };
            add(&format!("clock in doubt, {doubt}"), plain(), Asker::Active, node(), now);
        }
        let unknown = NodeId::from_bytes([0x45; 12]);
        add("no such node", plain(), Asker::Active, Wanted::Node(unknown), at(LATER));
        add("no such log", plain(), Asker::Active, log("nothing"), at(LATER));
        for database in ["appsync_1.admin", "appsync", "admin", "local", "config", "shop"] {
            add(
                &format!("database `{database}`"),
                plain(),
                Asker::Active,
                Wanted::SyncData(database.into()),
                at(LATER),
            );
        }
    }
    let last = special(true, sync, |_| ());
    add("1 ms before it expires", last.clone(), Asker::Active, node(), at(AT.plus(DAY - 1)));
    add("the moment it expires", last, Asker::Active, node(), at(AT.plus(DAY)));
    all
}

#[test]
fn a_grant_for_another_cluster_or_facts_that_do_not_fit_open_nothing() {
    let grant = Grant { cluster: ClusterId::from_bytes([9; 12]), ..sample::grant(GrantType::Infrastructure) };
    let facts = Facts { blocked: true, grants: vec![grant], ..sample::facts() };
    assert_eq!(decide(&facts, Asker::Active, Wanted::Node(NODE), at(LATER)), Err(Denial::Blocked));
    let facts = Facts { organization: OrgId::from_bytes([9; 12]), ..sample::facts() };
    assert_eq!(decide(&facts, Asker::Active, Wanted::Node(NODE), at(LATER)), Err(Denial::Unknown));
}

/// A second grant of this type in place of the sample's, from [`LATER`] on.
fn replace(facts: &mut Facts, kind: GrantType) {
    facts.grants.iter_mut().for_each(|grant| assert!(grant.end(LATER, GrantEnd::Replaced)));
    let id = GrantId::from_bytes([0x66; 12]);
    facts.grants.push(Grant { id, granted_at: LATER, expires_at: LATER.plus(DAY), ..sample::grant(kind) });
}

/// A session on a node that opened at `AT`, and what becomes of it after a change.
fn after(blocked: bool, granted: Option<GrantType>, now: Timestamp, change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = special(blocked, granted, |_| ());
    let permit = decide(&facts, Asker::Active, Wanted::Node(NODE), at(AT)).unwrap();
    change(&mut facts);
    match again(&facts, Asker::Active, &permit, AT, now) {
        Verdict::Continued(next) => format!("continued until {}", next.until().since(AT) / HOUR),
        Verdict::Cut(end) => end.as_str().to_owned(),
        Verdict::Unchanged(next) => {
            assert_eq!((next.basis(), next.until()), (permit.basis(), permit.until()));
            "unchanged".to_owned()
        }
    }
}

const INFRASTRUCTURE: Option<GrantType> = Some(GrantType::Infrastructure);

fn revoke(facts: &mut Facts) {
    facts.grants.iter_mut().for_each(|grant| {
        grant.end(LATER, GrantEnd::Revoked);
    });
}

#[test]
fn a_revoke_cuts_the_session_on_that_grant_whatever_else_is_open() {
    assert_eq!(after(true, INFRASTRUCTURE, LATER, revoke), "revoked");
    assert_eq!(after(false, INFRASTRUCTURE, LATER, revoke), "revoked", "although standing access covers it");
    let revoked_and_granted = |facts: &mut Facts| {
        revoke(facts);
        facts.grants.push(Grant { id: GrantId::from_bytes([0x66; 12]), ..sample::grant(GrantType::Infrastructure) });
    };
    assert_eq!(after(true, INFRASTRUCTURE, LATER, revoked_and_granted), "revoked", "although granted again at once");
    let replaced_and_revoked = |facts: &mut Facts| {
        replace(facts, GrantType::Infrastructure);
        revoke(facts);
    };
    assert_eq!(after(false, INFRASTRUCTURE, LATER, replaced_and_revoked), "revoked", "although replaced in between");
    assert_eq!(after(false, None, LATER, |facts| replace(facts, GrantType::DatabaseLogs)), "unchanged");
}

#[test]
fn a_replaced_grant_narrows_widens_and_lengthens() {
    let to = |kind| move |facts: &mut Facts| replace(facts, kind);
    assert_eq!(after(true, INFRASTRUCTURE, LATER, to(GrantType::Infrastructure)), "continued until 25");
    assert_eq!(after(true, INFRASTRUCTURE, LATER, to(GrantType::InfrastructureAndSyncData)), "continued until 25");
    assert_eq!(after(true, INFRASTRUCTURE, LATER, to(GrantType::DatabaseLogs)), "replaced");
    assert_eq!(after(false, INFRASTRUCTURE, LATER, to(GrantType::DatabaseLogs)), "continued until 8");
    assert_eq!(after(false, None, LATER, to(GrantType::Infrastructure)), "continued until 25");
    let shorter = |facts: &mut Facts| {
        replace(facts, GrantType::Infrastructure);
        facts.grants.iter_mut().skip(1).for_each(|grant| grant.expires_at = LATER.plus(HOUR));
    };
    assert_eq!(after(true, INFRASTRUCTURE, LATER, shorter), "continued until 2");
    let and_back = |facts: &mut Facts| {
        replace(facts, GrantType::DatabaseLogs);
        facts.grants.iter_mut().for_each(|grant| {
            grant.end(LATER, GrantEnd::Revoked);
        });
        assert_eq!(facts.grants.first().unwrap().ended, Some((LATER, GrantEnd::Replaced)), "what ended stays ended");
        assert_eq!(decide(facts, Asker::Active, Wanted::Node(NODE), at(LATER)), Err(Denial::Blocked));
    };
    assert_eq!(after(true, INFRASTRUCTURE, LATER, and_back), "revoked", "the first grant is not revived");
}

#[test]
fn a_session_ends_for_the_reason_that_a_person_understands() {
    let nothing = |_: &mut Facts| ();
    let blocks = |facts: &mut Facts| facts.blocked = true;
    assert_eq!(after(false, None, LATER, blocks), "blocked");
    assert_eq!(after(false, None, AT.plus(STANDING_FOR - 1), nothing), "unchanged");
    assert_eq!(after(false, None, AT.plus(STANDING_FOR), nothing), "standing limit");
    assert_eq!(after(true, INFRASTRUCTURE, AT.plus(DAY - 1), nothing), "unchanged");
    assert_eq!(after(true, INFRASTRUCTURE, AT.plus(DAY), nothing), "expired");
    assert_eq!(after(false, INFRASTRUCTURE, AT.plus(DAY), nothing), "expired", "too old for standing access");
    let short = |facts: &mut Facts| facts.grants.iter_mut().for_each(|grant| grant.expires_at = LATER);
    assert_eq!(after(false, INFRASTRUCTURE, LATER, short), "continued until 8", "standing access goes on");
    assert_eq!(after(true, INFRASTRUCTURE, LATER, |facts| facts.blocked = false), "unchanged");
    assert_eq!(after(false, INFRASTRUCTURE, LATER, blocks), "unchanged", "the grant covers it");
    assert_eq!(after(true, INFRASTRUCTURE, LATER, checked(NodeCheck::Failed)), "node changed");
    let reset = |facts: &mut Facts| {
        facts.grants.iter_mut().for_each(|grant| assert!(grant.end(LATER, GrantEnd::ClockReset)));
    };
    assert_eq!(after(true, INFRASTRUCTURE, LATER, reset), "clock doubt");
    assert_eq!(
        after(true, INFRASTRUCTURE, LATER, |facts| facts.grants.clear()),
        "expired",
        "nothing known of the grant"
    );
    for (case, event, _) in inventory_cases() {
        let ends = match case {
            "cluster removed" => "cluster removed",
            "node changed" | "node removed" | "node of the log removed" => "node changed",
            _ => "unchanged",
        };
        assert_eq!(after(true, INFRASTRUCTURE, LATER, happens(event.clone())), ends, "{case}");
        assert_eq!(after(false, None, LATER, happens(event)), ends, "{case}");
    }
    let facts = sample::facts();
    let permit = decide(&facts, Asker::Active, Wanted::Node(NODE), at(AT)).unwrap();
    for (asker, end) in [(Asker::Disabled, SessionEnd::EmployeeDisabled), (Asker::KeyRemoved, SessionEnd::KeyRemoved)] {
        assert_eq!(again(&facts, asker, &permit, AT, LATER), Verdict::Cut(end));
    }
}

#[test]
fn nothing_ever_opens_the_database() {
    for blocked in [false, true] {
        for (_, grants) in grants() {
            let facts = Facts { blocked, grants, ..sample::facts() };
            assert_eq!(decide(&facts, Asker::Active, Wanted::Database, at(LATER)), Err(Denial::DatabaseNever));
        }
    }
}

//! What the vendor's own key cannot make true: entries that were not allowed where they stand are found, whoever signed.

use byleave_core::access::Basis;
use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::grant::{GrantEnd, GrantType};
use byleave_core::id::{NodeId, UserId};
use byleave_core::inventory::{LogKind, Revision};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::sample::{self, CLUSTER, NODE, PROJECT, public_key, text};
use byleave_core::session::SessionEnd;
use byleave_core::setting::SecretHours;
use byleave_core::time::{DAY, HOUR, MINUTE, SECOND, Ttl};
use byleave_log::replay::{Problem, Replay};
use byleave_log::verify::{Kind, Report, Verdict, verify};

use crate::story::{
    LOG, MANAGER, MEMBER, OTHER_CLUSTER, Story, by_grant, close, employee, give, grant_id, key, log_added, open, owner,
    read_log, revision, session_id, story,
};

mod account;
mod installation;
mod invitation;
mod password;
mod recovery;
mod request;

/// Appends one entry, signs the log anew with the installation's own key, and verifies it.
fn appended(mut story: Story, after: i64, by: By, event: Event) -> (u64, Report) {
    let index = story.add(after, by, event);
    (index, verify(&story.bundle(), Some(key().verifying_key()), &[]))
}

#[track_caller]
fn assert_refused(story: Story, after: i64, by: By, event: Event, words: &str) {
    let (index, report) = appended(story, after, by, event);
    let found = report.findings.iter().find(|finding| finding.index == Some(index));
    let found = found.unwrap_or_else(|| panic!("entry {index} passed; expected `{words}`\n{report}"));
    assert_eq!(found.kind, Kind::NotAllowed);
    assert!(found.text.contains(words), "`{}` does not say `{words}`", found.text);
    assert_eq!(report.findings.len(), 1, "and nothing else: {report}");
}

#[track_caller]
fn assert_taken(story: Story, after: i64, by: By, event: Event) {
    let (_, report) = appended(story, after, by, event);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
}

fn grant(story: &Story) -> Event {
    give(50, GrantType::DatabaseLogs, story.at.plus(MINUTE + HOUR), 4, None)
}

#[test]
fn a_grant_forged_in_somebodys_name_is_found() {
    let whole = story();
    let gone = By::ApiKey(text("0a0a0a0a0a0a0a0a0a0a0a0a"));
    for (by, words) in [
        (By::Administrator, "an administrator of the vendor can never do this"),
        (By::System, "only a person or key of the customer does"),
        (employee(), "a support engineer of the vendor can never do this"),
        (By::User(UserId::from_bytes([0x99; 12])), "there was no such user at that moment"),
        (By::User(MEMBER), "there was no such user at that moment"),
        (gone, "there was no such API key at that moment"),
    ] {
        assert_refused(whole.clone(), MINUTE, by, grant(&whole), words);
    }
    let before = whole.until("standing session");
    let given = give(50, GrantType::DatabaseLogs, before.at.plus(MINUTE + HOUR), 3, None);
    assert_refused(before, MINUTE, By::User(MEMBER), given, "their roles at that moment did not allow it");
    assert_taken(whole.clone(), MINUTE, By::User(MANAGER), grant(&whole));
}

#[test]
fn what_rests_on_a_forged_grant_is_found_too() {
    let mut whole = story();
    let until = whole.at.plus(2 * MINUTE + HOUR);
    whole.add(MINUTE, owner(), Event::OrganizationBlocked {});
    let forged = whole.add(MINUTE, By::Administrator, give(50, GrantType::DatabaseLogs, until, 4, None));
    let (opened, report) = appended(whole, MINUTE, employee(), open(50, None, by_grant(50), until));
    let indices: Vec<Option<u64>> = report.findings.iter().map(|finding| finding.index).collect();
    assert_eq!(indices, [Some(forged), Some(opened)], "{report}");
}

#[test]
fn only_customers_change_consent() {
    let whole = story();
    let (project, cluster) = (PROJECT, CLUSTER);
    let roles = Roles::in_organization([OrgRole::Owner]);
    let user = UserId::from_bytes([0x77; 12]);
    let name = || sample::erasable("eve@vendor.example");
    let invitation = text("0b0b0b0b0b0b0b0b0b0b0b0b");
    let blocked = story().until("unblock");
    let accepted = Event::NodeRiskAccepted { project, cluster, node: NODE, reason: None, revision: revision(4) };
    let events = [
        Event::OrganizationBlocked {},
        Event::LongestGrantSet { longest: Ttl::MAX },
        Event::LongestSecretSet { longest_hours: SecretHours::MAX },
        Event::SecurityContactSet { contact: None },
        Event::OperationsContactSet { contact: Some(name()) },
        Event::UserInvited { invitation, user_name: name(), roles: roles.clone() },
        Event::InvitationChanged { invitation, roles: roles.clone() },
        Event::InvitationWithdrawn { invitation },
        Event::UserRolesChanged { user: MANAGER, roles: roles.clone() },
        Event::UserRemoved { user: MANAGER },
        Event::ApiKeyAdded { api_key: text("0c0c0c0c0c0c0c0c0c0c0c0c"), public_key: "k".into(), roles: roles.clone() },
        Event::ServiceAccountAdded { service_account: sample::SERVICE_ACCOUNT, roles: roles.clone() },
        Event::ServiceAccountRemoved { service_account: sample::SERVICE_ACCOUNT },
        Event::RecordingRead { project, cluster, session: session_id(3) },
        Event::OrganizationUnblocked {},
        accepted,
        Event::UserAdded { user, user_name: name(), roles: roles.clone() },
    ];
    for event in &events {
        for by in [By::Administrator, employee()] {
            assert_refused(blocked.clone(), MINUTE, by, event.clone(), "can never do this");
        }
        let manager = (By::User(MANAGER), "their roles at that moment did not allow it");
        assert_refused(blocked.clone(), MINUTE, manager.0, event.clone(), manager.1);
    }
    let password = Event::UserPasswordChanged { user: MANAGER };
    for by in [By::Administrator, employee(), owner(), By::System] {
        assert_refused(whole.clone(), MINUTE, by, password.clone(), "only they themselves do");
    }
    assert_taken(whole.clone(), MINUTE, By::User(MANAGER), password);
    let stranger = Event::UserPasswordChanged { user };
    assert_refused(whole.clone(), MINUTE, By::User(user), stranger, "there was no such user at that moment");
    let joined = Event::UserAdded { user, user_name: name(), roles };
    for by in [By::System, By::User(user)] {
        assert_refused(whole.clone(), MINUTE, by, joined.clone(), "no owner had invited");
    }
    let claimed = whole.entries[0].event.clone();
    assert_refused(whole, MINUTE, owner(), claimed, "claimed a second time");
}

#[test]
fn only_the_vendor_changes_the_inventory_and_resolves() {
    let whole = story();
    let added = Event::ProjectAdded { project: text("0f0f0f0f0f0f0f0f0f0f0f0f"), name: text("New") };
    let resolved = Event::IdentifierResolved { identifier: sample::identifier() };
    assert_refused(whole.clone(), MINUTE, employee(), added.clone(), "only an administrator of the vendor does");
    let member = "their roles at that moment did not allow it";
    assert_refused(whole.clone(), MINUTE, By::User(MANAGER), added.clone(), member);
    for by in [owner(), By::Administrator] {
        assert_taken(whole.clone(), MINUTE, by, added.clone());
    }
    for event in [resolved, Event::ClockDoubtLeft { set_back_ms: 1 }] {
        assert_refused(whole.clone(), MINUTE, owner(), event.clone(), "only an administrator of the vendor does");
        assert_refused(whole.clone(), MINUTE, employee(), event.clone(), "only an administrator of the vendor does");
        assert_taken(whole.clone(), MINUTE, By::Administrator, event);
    }
    for event in [open(50, Some(NODE), Basis::Standing, whole.at.plus(MINUTE + 8 * HOUR))] {
        for by in [By::Administrator, By::System, owner()] {
            assert_refused(whole.clone(), MINUTE, by, event.clone(), "only a support engineer does");
        }
    }
    assert_refused(whole, MINUTE, owner(), Event::TimePassed {}, "only Byleave itself does");
}

#[test]
fn a_grant_that_breaks_a_rule_is_found() {
    let whole = story();
    let at = whole.at.plus(MINUTE);
    let logs = GrantType::DatabaseLogs;
    for (event, words) in [
        (give(50, logs, at.plus(DAY + 1), 4, None), "at most 24h"),
        (give(50, logs, at.plus(2 * HOUR + 1), 4, None), "at most 2h"),
        (give(50, logs, at, 4, None), "must lie in the future"),
        (give(50, logs, at.plus(HOUR), 3, None), "another inventory revision"),
        (give(50, logs, at.plus(HOUR), 5, None), "another inventory revision"),
        (give(50, logs, at.plus(HOUR), 4, Some(4)), "said to replace"),
        (give(4, logs, at.plus(HOUR), 4, None), "the grant is there already"),
    ] {
        assert_refused(whole.clone(), MINUTE, owner(), event, words);
    }
    let mut other = whole.clone();
    let Event::GrantGiven { kind, .. } = &grant(&whole) else { panic!("a grant") };
    let given = Event::GrantGiven {
        project: text("222222222222222222222222"),
        cluster: OTHER_CLUSTER,
        grant: grant_id(50),
        kind: GrantType::InfrastructureAndSyncData,
        expires_at: at.plus(HOUR),
        inventory_revision: Revision::FIRST,
        replaced: None,
        case: None,
        reason: None,
    };
    assert_refused(other.clone(), MINUTE, owner(), given, "the inventory names none");
    other.add(MINUTE, owner(), give(50, *kind, at.plus(HOUR), 4, None));
    let again = give(51, *kind, other.at.plus(HOUR), 4, None);
    assert_refused(other, MINUTE, owner(), again, "said to replace no grant");
}

#[test]
fn a_session_without_a_yes_is_found() {
    let whole = story();
    let blocked = whole.until("first grant");
    let until = blocked.at.plus(MINUTE + 8 * HOUR);
    let open_node = || open(50, Some(NODE), Basis::Standing, until);
    assert_refused(blocked.clone(), MINUTE, employee(), open_node(), "blocks support access");
    // The entry that says what a session rests on must say what it rested on.
    let at = |story: &Story| story.at.plus(MINUTE);
    let second = whole.until("node session");
    let standing = open(50, Some(NODE), Basis::Standing, at(&second).plus(8 * HOUR));
    assert_refused(second.clone(), MINUTE, employee(), standing, "said to rest on standing, but it rested on grant:");
    let longer = open(50, Some(NODE), by_grant(2), at(&second).plus(DAY));
    assert_refused(second, MINUTE, employee(), longer, "but it was until");
    let logs_only = whole.until("second grant");
    let expires = at(&whole.until("first grant")).plus(2 * HOUR);
    let node = open(50, Some(NODE), by_grant(1), expires);
    assert_refused(logs_only, MINUTE, employee(), node, "does not cover this");
    let after = whole.until("key's grant");
    let revoked = open(50, Some(NODE), by_grant(2), at(&after).plus(HOUR));
    assert_refused(after, MINUTE, employee(), revoked, "no grant is in force");
    let nobody = NodeId::from_bytes([0x43; 12]);
    let unknown = open(50, Some(nobody), Basis::Standing, at(&whole).plus(8 * HOUR));
    assert_refused(whole.clone(), MINUTE, employee(), unknown, "no such node");
    let Event::SessionOpened { project, cluster, session, node, basis, .. } = open_node() else { panic!("a session") };
    let until = at(&whole).plus(8 * HOUR);
    let strange = Event::SessionOpened { project, cluster, session, wanted: "database".into(), node, basis, until };
    assert_refused(whole, MINUTE, employee(), strange, "no such thing to want");
}

#[test]
fn a_node_that_fails_its_check_takes_no_session_while_blocked() {
    let whole = story();
    let mut story = whole.until("logs session");
    let until = story.at.plus(2 * MINUTE + HOUR);
    story.add(MINUTE, owner(), give(50, GrantType::Infrastructure, until, 3, Some(1)));
    let (project, cluster, node) = (PROJECT, CLUSTER, NODE);
    let failed = Event::NodeChecked { project, cluster, node, passed: false, findings: 2, revision: revision(3) };
    let ahead = Event::NodeChecked { project, cluster, node, passed: true, findings: 0, revision: revision(4) };
    assert_refused(story.clone(), SECOND, By::System, ahead, "at revision 4");
    story.add(SECOND, By::System, failed);
    assert_refused(story, SECOND, employee(), open(50, Some(NODE), by_grant(50), until), "no passing check");
}

#[test]
fn a_session_opens_once_and_closes_once() {
    let whole = story();
    let live = whole.until("end");
    let until = live.at.plus(8 * HOUR);
    assert_refused(
        live.clone(),
        0,
        employee(),
        open(5, Some(NODE), Basis::Standing, until),
        "the session is there already",
    );
    assert_refused(
        live.clone(),
        0,
        employee(),
        open(4, Some(NODE), Basis::Standing, until),
        "the session is there already",
    );
    assert_refused(live.clone(), 0, employee(), close(4, SessionEnd::Stopped), "no such open session");
    assert_refused(live.clone(), 0, employee(), read_log(50, "mongod"), "no such open session");
    let other = By::Employee(text("acme-employee-00000001"));
    assert_refused(live.clone(), 0, other, close(5, SessionEnd::ClosedByEmployee), "another support engineer's");
    let member = close(5, SessionEnd::EndedByCustomer);
    assert_refused(live.clone(), 0, By::User(MEMBER), member.clone(), "their roles");
    assert_refused(live.clone(), 0, By::Administrator, member, "only ends sessions as such");
    assert_taken(live.clone(), 0, By::Administrator, close(5, SessionEnd::EndedByAdministrator));
    let read = Event::RecordingRead { project: PROJECT, cluster: CLUSTER, session: session_id(50) };
    assert_refused(live, 0, owner(), read, "no such session");
}

#[test]
fn a_log_that_was_not_open_is_found() {
    let whole = story();
    let logs_only = whole.until("second grant");
    assert_refused(logs_only.clone(), SECOND, employee(), read_log(2, "audit"), "the log `audit` was read");
    assert_taken(logs_only.clone(), SECOND, employee(), read_log(2, "mongod"));
    assert_refused(logs_only, SECOND, employee(), read_log(2, "nothing"), "the log `nothing` was read");
    // Told just after the revoke it was read before; told much later it was not.
    let mut revoked = whole.until("revoke");
    revoked.add(HOUR, owner(), Event::GrantRevoked { project: PROJECT, cluster: CLUSTER, grant: grant_id(2) });
    assert_taken(revoked.clone(), SECOND, employee(), read_log(2, "audit"));
    assert_refused(revoked, 2 * MINUTE, employee(), read_log(2, "audit"), "the log `audit` was read");
    // The session may live on under a narrower grant, and then reads no more than that.
    let mut narrowed = whole.until("revoke");
    let until = narrowed.at.plus(MINUTE + HOUR);
    narrowed.add(MINUTE, owner(), give(50, GrantType::DatabaseLogs, until, 3, Some(2)));
    let basis = by_grant(50);
    let (project, cluster, session) = (PROJECT, CLUSTER, session_id(2));
    narrowed.add(5, employee(), Event::SessionContinued { project, cluster, session, basis, until });
    assert_taken(narrowed.clone(), 5, employee(), read_log(2, "audit"));
    // A session that opened since never had more.
    let mut later = narrowed.clone();
    later.add(5, employee(), open(50, None, basis, until));
    assert_refused(later, 5, employee(), read_log(50, "audit"), "does not cover this");
    assert_refused(narrowed.clone(), 2 * MINUTE, employee(), read_log(2, "audit"), "does not cover this");
    assert_taken(narrowed, 2 * MINUTE, employee(), read_log(2, "mongod"));
}

#[test]
fn a_session_that_should_have_ended_does_not_go_on() {
    let whole = story();
    let (project, cluster, session) = (PROJECT, CLUSTER, session_id(2));
    let mut revoked = whole.until("revoke");
    revoked.add(HOUR, owner(), Event::GrantRevoked { project, cluster, grant: grant_id(2) });
    let until = revoked.at.plus(2 * SECOND + HOUR);
    let continued = |number| Event::SessionContinued { project, cluster, session, basis: by_grant(number), until };
    assert_refused(revoked.clone(), 5, employee(), continued(2), "had to be ended: revoked");
    revoked.add(SECOND, owner(), give(50, GrantType::Infrastructure, until, 3, None));
    assert_refused(revoked.clone(), SECOND, employee(), continued(50), "had to be ended");
    let Event::LogDownloaded { .. } = read_log(2, "mongod") else { panic!("a download") };
    assert_refused(revoked.clone(), 2 * MINUTE, employee(), read_log(2, "mongod"), "had ended 2m 1s before");
    // Closed late: the store was away, or somebody has to explain it.
    let (index, report) = appended(revoked, 10 * MINUTE, By::System, close(2, SessionEnd::Restart));
    assert_eq!(report.findings, [], "{report}");
    assert!(report.notices.iter().any(|notice| notice.index == Some(index) && notice.text.contains("10m 1s after")));
    let wrong = whole.until("continued");
    let basis = by_grant(1);
    let until = wrong.at.plus(DAY);
    let said = Event::SessionContinued { project, cluster, session, basis, until };
    assert_refused(wrong.clone(), 5, employee(), said, "but it rested on grant:");
    let said = Event::SessionContinued { project, cluster, session, basis: by_grant(2), until: until.plus(1) };
    assert_refused(wrong, 5, employee(), said, "but it was until");
}

#[test]
fn a_change_taken_back_at_once_ends_no_session() {
    let whole = story();
    let mut blocked = whole.until("end");
    blocked.add(MINUTE, owner(), Event::OrganizationBlocked {});
    let mut back = blocked.clone();
    back.add(5, owner(), Event::OrganizationUnblocked {});
    assert_taken(back, 2 * MINUTE, employee(), read_log(5, "mongod"));
    blocked.add(2 * SECOND, owner(), Event::OrganizationUnblocked {});
    assert_refused(blocked.clone(), 2 * MINUTE, employee(), read_log(5, "mongod"), "had ended 2m 2s before");
    let (project, cluster, session, basis) = (PROJECT, CLUSTER, session_id(5), Basis::Standing);
    let until = whole.until("end").at.plus(8 * HOUR);
    let continued = Event::SessionContinued { project, cluster, session, basis, until };
    assert_refused(blocked, SECOND, employee(), continued, "it had to be ended before");
}

#[test]
fn time_goes_back_only_where_doubt_is_left() {
    let whole = story();
    let mut given = whole.clone();
    given.add(MINUTE, owner(), grant(&whole));
    // Expired by the clock that was wrong, in force again by the one that is right, and so ended.
    given.add(HOUR, By::System, Event::GrantExpired { project: PROJECT, cluster: CLUSTER, grant: grant_id(50) });
    let left = |millis| Event::ClockDoubtLeft { set_back_ms: millis };
    assert_refused(given.clone(), -HOUR, By::Administrator, left(HOUR - 1), "dated before");
    assert_refused(given.clone(), -HOUR, By::Administrator, left(-HOUR), "dated before");
    assert_taken(given.clone(), MINUTE, By::Administrator, left(-HOUR));
    given.add(-30 * MINUTE, By::Administrator, left(HOUR));
    let (project, cluster, reason) = (PROJECT, CLUSTER, GrantEnd::ClockReset);
    given.add(0, By::System, Event::GrantEnded { project, cluster, grant: grant_id(50), reason });
    assert_taken(given.clone(), MINUTE, By::System, Event::TimePassed {});
    given.add(0, owner(), Event::OrganizationBlocked {});
    let until = given.at.plus(HOUR);
    let opened = open(50, None, by_grant(50), until);
    assert_refused(given, 0, employee(), opened, "no grant is in force");
}

#[test]
fn what_ends_a_grant_must_be_in_force() {
    let whole = story();
    let (project, cluster) = (PROJECT, CLUSTER);
    let revoke = |number| Event::GrantRevoked { project, cluster, grant: grant_id(number) };
    let expire = |number| Event::GrantExpired { project, cluster, grant: grant_id(number) };
    let end = |number, reason| Event::GrantEnded { project, cluster, grant: grant_id(number), reason };
    assert_refused(whole.clone(), 0, owner(), revoke(2), "not in force");
    assert_refused(whole.clone(), 0, owner(), revoke(50), "no such grant");
    assert_refused(whole.clone(), 0, By::System, expire(3), "not in force");
    assert_refused(whole.clone(), 0, By::System, expire(2), "not in force");
    assert_refused(whole.clone(), 0, By::System, end(3, GrantEnd::ClusterRemoved), "not in force");
    let mut given = whole.clone();
    given.add(MINUTE, owner(), grant(&whole));
    assert_refused(given.clone(), 0, By::System, expire(50), "not in force");
    assert_refused(given.clone(), 0, By::Administrator, end(50, GrantEnd::Revoked), "only revoked or replaced by");
    assert_refused(given.clone(), 0, By::Administrator, revoke(50), "can never do this");
    assert_taken(given.clone(), 0, By::User(MANAGER), revoke(50));
    assert_taken(given.clone(), HOUR, By::System, expire(50));
    given.add(0, By::Administrator, Event::ClusterRemoved { project, cluster, revision: revision(5) });
    assert_taken(given, 0, By::Administrator, end(50, GrantEnd::ClusterRemoved));
}

#[test]
fn the_inventory_cannot_widen_a_consent() {
    let whole = story();
    let mut given = whole.clone();
    let until = given.at.plus(HOUR);
    given.add(0, owner(), give(50, GrantType::Infrastructure, until, 4, None));
    let (project, cluster) = (PROJECT, CLUSTER);
    let node = |number: u8, key, at| Event::NodeAdded {
        project,
        cluster,
        node: NodeId::from_bytes([number; 12]),
        host: text("node-3.shop.example"),
        address: text("10.0.0.9:22"),
        host_key: public_key(key),
        revision: revision(at),
    };
    assert_refused(given.clone(), MINUTE, By::Administrator, node(0x44, 9, 4), "at revision 4");
    assert_refused(given.clone(), MINUTE, By::Administrator, node(0x44, 9, 6), "at revision 6");
    assert_refused(given.clone(), MINUTE, By::Administrator, log_added("more", LogKind::Database, 1), "at revision 1");
    assert_taken(given.clone(), MINUTE, By::Administrator, node(0x44, 9, 5));
    assert_refused(given.clone(), MINUTE, By::Administrator, node(0x42, 9, 5), "the node is there already");
    // Two changes of one moment share a revision, but no grant stands between them.
    let mut same = whole;
    same.add(0, By::Administrator, node(0x44, 9, 5));
    same.add(0, owner(), give(50, GrantType::Infrastructure, until, 5, None));
    let log = Event::LogRemoved { project, cluster, node: NODE, log: text("audit"), revision: revision(5) };
    assert_refused(same.clone(), 0, By::Administrator, log, "covered by a grant that was given before it");
    let moved = Event::NodeAdded {
        project: text("222222222222222222222222"),
        cluster: OTHER_CLUSTER,
        node: NodeId::from_bytes([0x45; 12]),
        host: text("node-9.lab.example"),
        address: text("10.0.0.10:22"),
        host_key: public_key(9),
        revision: revision(2),
    };
    assert_refused(same, MINUTE, By::Administrator, moved, "belongs to another cluster");
}

#[test]
fn the_inventory_refers_to_what_is_there() {
    let whole = story();
    let (project, cluster, node) = (PROJECT, CLUSTER, NODE);
    let absent = NodeId::from_bytes([0x99; 12]);
    let removed = |node| Event::NodeRemoved { project, cluster, node, revision: revision(5) };
    let database = |name| Event::SyncDatabaseAdded { project, cluster, database: text(name), revision: revision(5) };
    let by = || By::Administrator;
    assert_refused(whole.clone(), 0, by(), removed(absent), "no such node");
    assert_refused(whole.clone(), 0, by(), log_added("mongod", LogKind::Audit, 5), "the log is there already");
    let log = Event::LogRemoved { project, cluster, node, log: text("nothing"), revision: revision(5) };
    assert_refused(whole.clone(), 0, by(), log, "no such log");
    assert_refused(whole.clone(), 0, by(), database("appsync_*"), "the sync database is there already");
    assert_taken(whole.clone(), 0, by(), database("appsync_state"));
    let elsewhere = Event::ClusterRemoved { project, cluster: OTHER_CLUSTER, revision: revision(2) };
    assert_refused(whole.clone(), 0, by(), elsewhere, "no such cluster in this project");
    let (name, host) = (text("Late"), text("late.shop.example"));
    let late =
        Event::ClusterAdded { project, cluster: text("999999999999999999999999"), name, host, revision: revision(2) };
    assert_refused(whole, 0, by(), late, "at revision 2");
}

#[test]
fn a_log_begins_with_its_claim_and_time_goes_on() {
    let whole = story();
    let mut headless = Story::new();
    headless.add(0, By::System, Event::TimePassed {});
    let report = verify(&headless.bundle(), Some(key().verifying_key()), &[]);
    assert_eq!(report.findings[0].index, Some(0));
    assert!(report.findings[0].text.contains("does not begin with the claim"), "{report}");
    assert_refused(whole.clone(), -1, By::System, Event::TimePassed {}, "dated before");
    let alien = Event::EmployeeAdded { employee: sample::EMPLOYEE };
    assert_refused(whole.clone(), 0, By::Administrator, alien, "belongs to another log");
    let mut claim = Story::new();
    claim.add(0, By::Administrator, whole.entries[0].event.clone());
    let report = verify(&claim.bundle(), Some(key().verifying_key()), &[]);
    assert!(report.findings[0].text.contains("only the first owner"), "{report}");
    let mut replay = Replay::new(LOG);
    assert_eq!(replay.apply(&whole.entries[1])[0], Problem::OutOfPlace { said: 1, expected: 0 });
}

#[test]
fn replaying_rebuilds_the_state() {
    let whole = story();
    let mut replay = Replay::new(LOG);
    for entry in &whole.entries {
        assert_eq!(replay.apply(entry), [], "entry {}", entry.index);
    }
    let organization = replay.organization().unwrap();
    assert!(organization.claimed() && !organization.blocked());
    assert_eq!(organization.longest().millis(), 2 * HOUR);
    assert_eq!(organization.users().len(), 2);
    assert_eq!(organization.api_keys().len(), 0);
    assert_eq!(organization.live_sessions().collect::<Vec<_>>(), [session_id(9)]);
    let facts = organization.facts().find(|facts| facts.cluster.id == CLUSTER).unwrap();
    assert_eq!(facts.cluster.nodes.len(), 2);
    assert_eq!(facts.cluster.revision, revision(4));
    assert!(facts.grants.iter().all(|grant| !grant.is_active(whole.at)));
}

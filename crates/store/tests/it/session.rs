//! Sessions in the store: decided, logged, followed, closed.

use byleave_core::access::{Basis, Denial, STANDING_FOR, Wanted};
use byleave_core::actor::{Actor, By};
use byleave_core::event::{Event, Forwarding, Side, Tried};
use byleave_core::grant::GrantType;
use byleave_core::identifier::USED_FOR;
use byleave_core::inventory::Prune;
use byleave_core::role::{OrgRole, Roles};
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, SECOND};
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Thing};
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::session::{DeniedTry, LogDownload, SessionQuery, SessionsOf, Shape};

use crate::world::{DAY, World, closed, join, name, open_store, wanted};

#[tokio::test]
async fn a_session_is_logged_before_anybody_learns_of_it() {
    let world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    assert_eq!(opened.basis, Basis::Standing);
    assert_eq!(opened.wanted, Wanted::Node(world.node("a-1.example").await));
    assert_eq!(opened.facts.log_size, opened.log_size);
    let followed = world.store.follow(opened.facts.cluster.id).await.unwrap();
    assert_eq!(followed.borrow().facts, opened.facts, "who follows then has passed it");
    let feed = world.store.events(&world.owner, EventQuery::newest(EventsOf::Project(world.project))).await.unwrap();
    assert_eq!(feed.rows[0].entry.index + 1, opened.log_size);
    assert_eq!(feed.rows[0].entry.by, By::Employee(opened.identifier.clone()));
    let live = SessionQuery { of: SessionsOf::Organization(world.organization), live: true, limit: 10 };
    let rows = world.store.sessions(&world.owner, live).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0], world.store.session(&world.owner, opened.session).await.unwrap());
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::ClosedByEmployee)).await.unwrap();
    let again = world.store.close_session(&world.now, closed(opened.session, SessionEnd::Revoked)).await.unwrap();
    assert_eq!(again.anchors, [], "a second time it writes nothing");
    let row = world.store.session(&world.owner, opened.session).await.unwrap();
    assert_eq!(row.ended, Some((world.now.wall, SessionEnd::ClosedByEmployee)));
    assert_eq!((row.counters.shells, row.recording_sha256), (1, Some([5; 32])));
    assert_eq!(world.store.sessions(&world.owner, live).await.unwrap(), []);
    world.assert_sound().await;
}

#[tokio::test]
async fn closed_and_unknown_targets_look_alike() {
    let world = World::new().await;
    world.block().await;
    assert_eq!(world.denied("nowhere.example", Shape::Node).await, (Denial::Unknown, false));
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (Denial::Blocked, false));
    assert_eq!(world.denied("a.example", Shape::Logs).await, (Denial::Blocked, false));
    assert_eq!(world.denied("a.example", Shape::Node).await, (Denial::Unknown, false));
    world.grant("a", GrantType::DatabaseLogs).await;
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (Denial::NotCovered, true));
    assert_eq!(world.denied("a.example", Shape::Node).await, (Denial::Unknown, true), "its logs are open");
    assert!(world.open("a.example", Shape::Logs).await.is_ok());
    let logs = world.open("a-1.example", Shape::Logs).await.unwrap();
    assert_eq!((logs.wanted, logs.node.unwrap().host.as_str()), (Wanted::LogList, "a-1.example"));
    world.assert_sound().await;
}

#[tokio::test]
async fn the_widest_is_the_node_or_else_its_logs() {
    let world = World::new().await;
    world.block().await;
    assert_eq!(world.denied("a-1.example", Shape::Widest).await, (Denial::Blocked, false));
    world.grant("a", GrantType::DatabaseLogs).await;
    let before = world.feed().await.iter().filter(|name| **name == "session.denied").count();
    let opened = world.open("a-1.example", Shape::Widest).await.unwrap();
    assert_eq!(opened.wanted, Wanted::LogList);
    assert_eq!(world.feed().await.iter().filter(|name| **name == "session.denied").count(), before);
    world.grant("a", GrantType::Infrastructure).await;
    assert!(matches!(world.open("a-1.example", Shape::Widest).await.unwrap().wanted, Wanted::Node(_)));
    assert_eq!(world.open("a.example", Shape::Widest).await.unwrap().wanted, Wanted::LogList);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_blocked_organization_lets_nobody_onto_an_unchecked_node() {
    let world = World::new().await;
    assert!(world.open("b-1.example", Shape::Node).await.is_ok());
    world.block().await;
    world.grant("b", GrantType::Infrastructure).await;
    assert_eq!(world.denied("b-1.example", Shape::Node).await, (Denial::NodeUnchecked, true));
    let node = world.node("b-1.example").await;
    let reason = Some("known appliance".parse().unwrap());
    world.store.accept_node_risk(&world.owner, &world.now, node, reason).await.unwrap();
    assert!(world.open("b-1.example", Shape::Node).await.is_ok());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_denial_is_written_when_it_turns_out_to_be_a_try() {
    let world = World::new().await;
    world.block().await;
    let before = world.feed().await;
    assert!(world.open("a-1.example", Shape::Widest).await.is_err());
    assert_eq!(world.feed().await, before, "who only asks the customer has not tried");
    let tried = world.wants("a-1.example", Shape::Widest);
    world.store.open_denied(&world.now, tried, Denial::Blocked).await.unwrap();
    let after = world.feed().await;
    assert_eq!((after.len(), after.last().copied()), (before.len() + 1, Some("session.denied")));
    let nowhere = world.wants("nowhere.example", Shape::Widest);
    world.store.open_denied(&world.now, nowhere, Denial::Unknown).await.unwrap();
    assert_eq!(world.feed().await, after, "nobody is there to be told");
    world.assert_sound().await;
}

#[tokio::test]
async fn denied_tries_are_folded_by_the_minute() {
    let mut world = World::new().await;
    world.block().await;
    let denials = async |world: &World| {
        let query =
            EventQuery { names: Some(vec!["session.denied"]), ..EventQuery::newest(EventsOf::Project(world.project)) };
        let page = world.store.events(&world.owner, query).await.unwrap();
        let tries = |event: &Event| if let Event::SessionDenied { tries, .. } = event { *tries } else { 0 };
        page.rows.iter().rev().map(|row| tries(&row.entry.event)).collect::<Vec<_>>()
    };
    for _ in 0..5 {
        world.denied("a-1.example", Shape::Node).await;
    }
    assert_eq!(denials(&world).await, [1], "the first at once");
    world.denied("a-2.example", Shape::Node).await;
    assert_eq!(denials(&world).await, [1, 1], "another target is another event");
    world.later(59 * SECOND);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().denied, 0);
    world.later(SECOND);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().denied, 1);
    assert_eq!(denials(&world).await, [1, 1, 4], "the others with their number");
    world.denied("a-1.example", Shape::Node).await;
    world.denied("a-1.example", Shape::Node).await;
    world.later(2 * MINUTE);
    world.denied("a-1.example", Shape::Node).await;
    assert_eq!(denials(&world).await, [1, 1, 4, 1, 1, 1], "without a sweep the next try tells them");
    world.assert_sound().await;
}

#[tokio::test]
async fn what_an_open_session_is_refused_is_folded_like_a_refused_session() {
    let mut world = World::new().await;
    world.block().await;
    world.grant("a", GrantType::DatabaseLogs).await;
    let logs = world.open("a.example", Shape::Logs).await.unwrap();
    let (node, foreign) = (world.node("a-1.example").await, world.node("b-1.example").await);
    let shell =
        DeniedTry { session: logs.session, wanted: Tried::Node, node: None, denial: Denial::NotCovered, tries: 1 };
    let audit = DeniedTry { wanted: Tried::AuditLog, node: Some(node), tries: 3, ..shell };
    for denied in [shell, audit, shell, audit] {
        world.store.session_denied(&world.now, denied).await.unwrap();
    }
    let outside = world.store.session_denied(&world.now, DeniedTry { node: Some(foreign), ..audit }).await;
    assert!(matches!(outside, Err(StoreError::NotFound(Thing::Node))), "{outside:?}");
    world.later(MINUTE);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().denied, 2);
    world.store.close_session(&world.now, closed(logs.session, SessionEnd::ClosedByEmployee)).await.unwrap();
    let late = world.store.session_denied(&world.now, shell).await;
    assert!(matches!(late, Err(StoreError::Conflict(Conflict::SessionEnded))), "{late:?}");
    let query =
        EventQuery { names: Some(vec!["session.denied"]), ..EventQuery::newest(EventsOf::Project(world.project)) };
    let page = world.store.events(&world.owner, query).await.unwrap();
    let told = page.rows.iter().rev().map(|row| {
        let Event::SessionDenied { wanted, node, denial: Denial::NotCovered, tries, .. } = &row.entry.event else {
            panic!("{row:?}");
        };
        (*wanted, *node, *tries)
    });
    let (shell, audit) = ((Tried::Node, None), (Tried::AuditLog, Some(node)));
    let expected = [(shell.0, shell.1, 1), (audit.0, audit.1, 3), (shell.0, shell.1, 1), (audit.0, audit.1, 3)];
    assert_eq!(told.collect::<Vec<_>>(), expected, "the first at once, the others with their number");
    let who = |by: &By| matches!(by, By::Employee(identifier) if *identifier == logs.identifier);
    assert!(page.rows.iter().all(|row| who(&row.entry.by)), "under the pseudonym");
    world.assert_sound().await;
}

#[tokio::test]
async fn an_identifier_is_kept_for_thirty_days() {
    let mut world = World::new().await;
    let first = world.open("a-1.example", Shape::Node).await.unwrap().identifier;
    assert!(first.as_str().starts_with("acme-employee-"));
    world.later(USED_FOR - 1);
    assert_eq!(world.open("a-1.example", Shape::Node).await.unwrap().identifier, first);
    world.later(1);
    let second = world.open("a-1.example", Shape::Node).await.unwrap().identifier;
    assert_ne!(second, first);
    let admin = Actor::Administrator;
    for identifier in [first, second] {
        let name = world.store.resolve_identifier(&admin, &world.now, world.organization, identifier).await.unwrap();
        assert_eq!(name.value.as_str(), "Ada");
        assert_eq!(name.anchors.len(), 1, "the customer sees it");
    }
    let unknown = "acme-employee-00000000".parse().unwrap();
    let unknown = world.store.resolve_identifier(&admin, &world.now, world.organization, unknown).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::Identifier))));
    assert_eq!(world.feed().await.iter().filter(|name| **name == "employee_identifier.resolved").count(), 2);
}

#[tokio::test]
async fn a_session_goes_on_only_on_a_basis_that_holds() {
    let mut world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    let grant = world.grant("a", GrantType::Infrastructure).await;
    let basis = Basis::Grant { id: grant.id };
    let now = world.now.clone();
    world.store.continue_session(&now, opened.session, basis, grant.expires_at).await.unwrap();
    let row = world.store.session(&world.owner, opened.session).await.unwrap();
    assert_eq!((row.basis, row.until), (basis, grant.expires_at));
    world.later(SECOND);
    let wrong = world.store.continue_session(&world.now, opened.session, Basis::Standing, opened.until).await;
    assert!(matches!(wrong, Err(StoreError::Conflict(Conflict::BasisEnded))), "{wrong:?}");
    world.revoke("a").await;
    let late = world.store.continue_session(&world.now, opened.session, basis, grant.expires_at).await;
    assert!(matches!(late, Err(StoreError::Conflict(Conflict::BasisEnded))), "{late:?}");
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::Revoked)).await.unwrap();
    let over = world.store.continue_session(&world.now, opened.session, basis, grant.expires_at).await;
    assert!(matches!(over, Err(StoreError::Conflict(Conflict::SessionEnded))), "{over:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_session_that_must_be_cut_is_not_continued() {
    // The organization does not block, so that standing access would cover each of these.
    let mut world = World::new().await;
    world.grant("a", GrantType::Infrastructure).await;
    world.later(SECOND);
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    assert!(matches!(opened.basis, Basis::Grant { .. }));
    let standing_until = opened.opened_at.plus(STANDING_FOR);
    let refused = async |world: &World, session, basis, until, why: &str| {
        let continued = world.store.continue_session(&world.now, session, basis, until).await;
        assert!(matches!(continued, Err(StoreError::Conflict(Conflict::BasisEnded))), "{why}: {continued:?}");
    };
    world.revoke("a").await;
    refused(&world, opened.session, Basis::Standing, standing_until, "a person's revoke cuts").await;
    let next = world.grant("a", GrantType::Infrastructure).await;
    refused(&world, opened.session, Basis::Grant { id: next.id }, next.expires_at, "also if granted again").await;
    world.revoke("a").await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    let (session, until) = (opened.session, opened.until);
    world.store.continue_session(&world.now, session, Basis::Standing, until).await.unwrap();
    let mut changed = wanted(world.organization);
    changed[0].nodes[0].address = "10.9.9.9:22".parse().unwrap();
    world.store.apply_inventory(&Actor::Administrator, &world.now, &changed, Prune::Keep).await.unwrap();
    refused(&world, session, Basis::Standing, until, "another address is another node").await;
    let opened = world.open("a-2.example", Shape::Node).await.unwrap();
    let (session, until) = (opened.session, opened.until);
    world.store.disable_employee(&Actor::Administrator, &world.now, world.employee).await.unwrap();
    refused(&world, session, Basis::Standing, until, "the employee is disabled").await;
}

#[tokio::test]
async fn what_a_session_did_is_told() {
    let world = World::new().await;
    let opened = world.open("a.example", Shape::Logs).await.unwrap();
    let node = world.node("a-1.example").await;
    let download =
        LogDownload { session: opened.session, node, log: "mongod".parse().unwrap(), bytes: 5, sha256: [1; 32] };
    world.store.log_downloaded(&world.now, download.clone()).await.unwrap();
    for _ in 0..3 {
        let (kind, side) = (Forwarding::Tcp, Side::Employee);
        world.store.forwarding_refused(&world.now, opened.session, kind, side).await.unwrap();
    }
    let (kind, side) = (Forwarding::Tcp, Side::Node);
    world.store.forwarding_refused(&world.now, opened.session, kind, side).await.unwrap();
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::ClosedByNode)).await.unwrap();
    let late = world.store.log_downloaded(&world.now, download).await;
    assert!(matches!(late, Err(StoreError::Conflict(Conflict::SessionEnded))), "{late:?}");
    world.store.read_recording(&world.owner, &world.now, opened.session).await.unwrap();
    let refused = world.store.read_recording(&Actor::Administrator, &world.now, opened.session).await;
    assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{refused:?}");
    let ends = [
        "session.opened",
        "log.downloaded",
        "session.forwarding_refused",
        "session.forwarding_refused",
        "session.closed",
        "recording.read",
    ];
    assert!(world.feed().await.ends_with(&ends), "{:?}", world.feed().await);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_restart_closes_what_was_open() {
    let mut world = World::new().await;
    world.block().await;
    world.grant("a", GrantType::Infrastructure).await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    world.later(10 * SECOND);
    world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
    let row = world.store.session(&world.owner, opened.session).await.unwrap();
    assert_eq!(row.ended, Some((world.now.wall, SessionEnd::Restart)));
    let row = world.store.cluster(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
    assert!(row.grant.is_some(), "the grant stands, no longer and no shorter");
    world.assert_sound().await;
}

#[tokio::test]
async fn certificates_are_for_open_sessions_and_their_nodes_only() {
    let world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    let (own, other) = (world.node("a-1.example").await, world.node("a-2.example").await);
    let facts = world.store.certificate_facts(opened.session, own).await.unwrap();
    assert_eq!((facts.organization, facts.node.id), (world.organization, own));
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(facts.ca.as_slice()).unwrap();
    let public = world.store.ssh_user_ca(&world.owner, world.organization).await.unwrap();
    use base64::Engine as _;
    let blob = base64::engine::general_purpose::STANDARD.decode(public.base64()).unwrap();
    assert!(blob.ends_with(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref()));
    let foreign = world.store.certificate_facts(opened.session, other).await;
    assert!(matches!(foreign, Err(StoreError::NotFound(Thing::Node))));
    let logs = world.open("a.example", Shape::Logs).await.unwrap();
    assert!(world.store.certificate_facts(logs.session, other).await.is_ok(), "logs are of the whole cluster");
    let foreign = world.store.certificate_facts(logs.session, world.node("b-1.example").await).await;
    assert!(matches!(foreign, Err(StoreError::NotFound(Thing::Node))));
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::Stopped)).await.unwrap();
    let late = world.store.certificate_facts(opened.session, own).await;
    assert!(matches!(late, Err(StoreError::Conflict(Conflict::SessionEnded))));
}

#[tokio::test]
async fn an_employee_sees_only_what_is_open_to_them() {
    let mut world = World::new().await;
    let hosts = async |world: &World| {
        let targets = world.store.open_targets(world.employee, &world.now).await.unwrap();
        let all =
            targets.into_iter().map(|target| (target.host.to_string(), target.logs.is_some(), target.nodes.len()));
        all.collect::<Vec<_>>()
    };
    assert_eq!(hosts(&world).await.len(), 3);
    world.block().await;
    assert_eq!(hosts(&world).await, []);
    world.grant("a", GrantType::DatabaseLogs).await;
    assert_eq!(hosts(&world).await, [("a.example".to_owned(), true, 0)]);
    world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(hosts(&world).await, [("a.example".to_owned(), true, 2)]);
    world.later(DAY);
    assert_eq!(hosts(&world).await, []);
}

#[tokio::test]
async fn sessions_are_shown_by_role() {
    let world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    let admin = Actor::Administrator;
    let live = SessionQuery { of: SessionsOf::Installation, live: true, limit: 10 };
    assert_eq!(world.store.sessions(&admin, live).await.unwrap().len(), 1);
    assert!(matches!(world.store.session(&admin, opened.session).await, Err(StoreError::Forbidden(_))));
    assert!(world.store.may_end_session(&admin, opened.session).await.is_ok());
    assert!(world.store.may_end_session(&world.owner, opened.session).await.is_ok());
    let employee = Actor::Employee { id: world.employee };
    assert!(matches!(world.store.session(&employee, opened.session).await, Err(StoreError::NotFound(_))));
    assert!(matches!(world.store.sessions(&world.owner, live).await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn reading_a_recording_is_told_once_in_ten_minutes_for_each_reader_and_session() {
    let mut world = World::new().await;
    let ida = join(&world, "ida@shop.example", Roles::in_organization([OrgRole::Owner])).await;
    let first = world.open("a-1.example", Shape::Node).await.unwrap().session;
    let second = world.open("a-1.example", Shape::Node).await.unwrap().session;
    let read = async |world: &World, by: &Actor, session| {
        world.store.read_recording(by, &world.now, session).await.unwrap().anchors.len()
    };
    let owner = world.owner.clone();
    assert_eq!(read(&world, &owner, first).await, 1);
    assert_eq!(read(&world, &owner, first).await, 0, "told already");
    assert_eq!(read(&world, &owner, second).await, 1, "another session");
    assert_eq!(read(&world, &ida, first).await, 1, "another reader");
    world.later(10 * MINUTE - 1);
    assert_eq!(read(&world, &owner, first).await, 0);
    world.later(1);
    assert_eq!(read(&world, &owner, first).await, 1, "ten minutes are over");
    assert_eq!(world.feed().await.iter().filter(|name| **name == "recording.read").count(), 4);
    world.assert_sound().await;
}

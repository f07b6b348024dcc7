//! The feed: pages, filters, and who sees what.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::GrantType;
use byleave_core::id::ClusterId;
use byleave_core::inventory::Prune;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::session::SessionEnd;
use byleave_core::time::{HOUR, MINUTE};
use byleave_store::StoreError;
use byleave_store::api_key::{Ha1, NewApiKey};
use byleave_store::error::Thing;
use byleave_store::event::{EventQuery, EventRow, EventsOf};
use byleave_store::session::Shape;

use crate::account::service_account;
use crate::world::{World, closed, join, name, request, wanted};

#[tokio::test]
async fn pages_are_newest_first_and_filtered() {
    let mut world = World::new().await;
    let start = world.now.wall;
    world.later(HOUR);
    world.grant("a", GrantType::Infrastructure).await;
    world.grant("b", GrantType::Infrastructure).await;
    world.revoke("a").await;
    let all = EventsOf::Organization(world.organization);
    let events = async |query| world.store.events(&world.owner, query).await.unwrap();
    let everything = events(EventQuery::newest(all)).await;
    assert_eq!(everything.total, everything.rows.len() as u64);
    let indices: Vec<u64> = everything.rows.iter().map(|row| row.entry.index).collect();
    assert_eq!(indices, (0..everything.total).rev().collect::<Vec<_>>());
    let page = events(EventQuery { page: 2, per_page: 2, ..EventQuery::newest(all) }).await;
    assert_eq!((page.total, &page.rows[..]), (everything.total, &everything.rows[2..4]));
    let beyond = events(EventQuery { page: 99, ..EventQuery::newest(all) }).await;
    assert_eq!((beyond.total, beyond.rows.len()), (everything.total, 0));
    let grants = vec!["grant.given", "grant.revoked"];
    let grants = events(EventQuery { names: Some(grants), ..EventQuery::newest(all) }).await;
    assert_eq!((grants.total, grants.rows[0].entry.event.name()), (3, "grant.revoked"));
    let none = events(EventQuery { names: Some(Vec::new()), ..EventQuery::newest(all) }).await;
    assert_eq!(none.total, 0);
    let (a, b) = (world.cluster("a").await.id, world.cluster("b").await.id);
    let given = EventQuery { names: Some(vec!["grant.given"]), ..EventQuery::newest(all) };
    let of_b = events(EventQuery { clusters: Some(vec![b]), ..given.clone() }).await;
    assert_eq!(of_b.total, 1);
    let both = events(EventQuery { clusters: Some(vec![a, b]), per_page: 1, page: 2, ..given.clone() }).await;
    let every = events(EventQuery { per_page: 1, page: 2, ..given.clone() }).await;
    assert_eq!(both, every, "clusters are merged in the order of the log");
    let many = (0..500).map(|number| ClusterId::from_bytes([u8::try_from(number % 251).unwrap(); 12])).chain([b]);
    let many = events(EventQuery { clusters: Some(many.collect()), ..given.clone() }).await;
    assert_eq!(many, of_b, "as many as one likes");
    assert_eq!(events(EventQuery { clusters: Some(Vec::new()), ..given }).await.total, 0);
    let late = events(EventQuery { from: Some(start.plus(1)), ..EventQuery::newest(all) }).await;
    let early = events(EventQuery { before: Some(start.plus(1)), ..EventQuery::newest(all) }).await;
    assert_eq!((late.total, early.total), (3, everything.total - 3));
    let after = events(EventQuery { after: Some(everything.total - 2), ..EventQuery::newest(all) }).await;
    assert_eq!(after.rows[..], everything.rows[..1]);
    let by_name = vec!["grant.given", "grant.revoked", "organization.claimed"];
    let by_name = EventQuery { names: Some(by_name), per_page: 2, ..EventQuery::newest(all) };
    let (one, two) = (events(by_name.clone()).await, events(EventQuery { page: 2, ..by_name }).await);
    let names: Vec<&str> = one.rows.iter().chain(&two.rows).map(|row| row.entry.event.name()).collect();
    assert_eq!(names, ["grant.revoked", "grant.given", "grant.given", "organization.claimed"]);
    assert_eq!((one.total, two.total), (4, 4));
    let after = EventQuery { after: Some(0), per_page: 3, ..EventQuery::newest(all) };
    let mut pages = Vec::new();
    for page in 1..=everything.total as u32 {
        let page = events(EventQuery { page, ..after.clone() }).await;
        assert_eq!(page.total, everything.total - 1);
        pages.extend(page.rows);
    }
    assert_eq!(pages[..], everything.rows[..everything.rows.len() - 1]);
    for row in &everything.rows {
        assert_eq!(world.store.event(&world.owner, all, row.id).await.unwrap(), *row);
    }
    let unknown = world.store.event(&world.owner, all, byleave_core::id::EventId::from_bytes([0; 12])).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::Event))));
}

#[tokio::test]
async fn events_carry_names_and_kept_texts() {
    let world = World::new().await;
    world.grant("a", GrantType::Infrastructure).await;
    let of = EventsOf::Project(world.project);
    let row = world.store.events(&world.owner, EventQuery::newest(of)).await.unwrap().rows.remove(0);
    assert_eq!(row.name_of_cause(), Some("mia@shop.example"));
    let Event::GrantGiven { case, reason, .. } = row.entry.event else { panic!("{:?}", row.entry) };
    assert_eq!((case.unwrap().text(), reason), (Some("CASE-1"), None));
    let roles = Roles::default().with(world.project, ProjectRole::Owner);
    let ha1 = Ha1 { md5: [1; 16].into(), sha256: [2; 32].into() };
    let key = NewApiKey { public_key: "abcdefgh".into(), description: "ci".parse().unwrap(), roles, ha1 };
    let row = world.store.add_api_key(&world.owner, &world.now, world.organization, key).await.unwrap().value;
    let facts = world.store.api_key(&row.public_key).await.unwrap().unwrap();
    assert_eq!((*facts.ha1.md5, *facts.ha1.sha256), ([1; 16], [2; 32]));
    let (actor, networks) = world.store.api_key_actor(&facts).await.unwrap();
    assert_eq!(networks, []);
    let ask = request(GrantType::DatabaseLogs);
    world.store.give_grant(&actor, &world.now, world.project, &name("a"), ask).await.unwrap();
    let row = world.store.events(&actor, EventQuery::newest(of)).await.unwrap().rows.remove(0);
    assert_eq!(row.name_of_cause(), Some("abcdefgh"));
    world.store.remove_api_key(&world.owner, &world.now, world.organization, facts.id).await.unwrap();
    assert_eq!(world.store.api_key("abcdefgh").await.unwrap(), None);
    let gone = world.store.events(&actor, EventQuery::newest(of)).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_member_sees_only_the_projects_they_can_read() {
    let world = World::new().await;
    let member = Roles::in_organization([OrgRole::Member]).with(world.project, ProjectRole::ReadOnly);
    let member = join(&world, "max@shop.example", member).await;
    let all = EventQuery { per_page: 1000, ..EventQuery::newest(EventsOf::Organization(world.organization)) };
    let seen = world.store.events(&member, all.clone()).await.unwrap();
    let everything = world.store.events(&world.owner, all).await.unwrap();
    let of = |project| everything.rows.iter().filter(|row| row.entry.event.project() == Some(project)).count() as u64;
    assert!(of(world.other_project) > 0);
    assert_eq!(seen.total, everything.total - of(world.other_project));
    assert!(seen.rows.iter().all(|row| row.entry.event.project() != Some(world.other_project)));
    let hidden = everything.rows.iter().find(|row| row.entry.event.project() == Some(world.other_project)).unwrap();
    let hidden = world.store.event(&member, EventsOf::Organization(world.organization), hidden.id).await;
    assert!(matches!(hidden, Err(StoreError::NotFound(Thing::Event))));
    let elsewhere = world.store.events(&member, EventQuery::newest(EventsOf::Project(world.other_project))).await;
    assert!(matches!(elsewhere, Err(StoreError::NotFound(Thing::Project))));
    let installation = world.store.events(&member, EventQuery::newest(EventsOf::Installation)).await;
    assert!(matches!(installation, Err(StoreError::NotFound(_))));
    let admin = world.store.events(&Actor::Administrator, EventQuery::newest(EventsOf::Installation)).await.unwrap();
    assert_eq!(admin.rows.last().unwrap().entry.event.name(), "installation.created");
    let refused = EventQuery::newest(EventsOf::Organization(world.organization));
    assert!(matches!(world.store.events(&Actor::Administrator, refused).await, Err(StoreError::Forbidden(_))));
}

#[tokio::test]
async fn an_entry_about_a_session_tells_whose_it_is_whoever_caused_it() {
    let mut world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    world.later(MINUTE);
    world.block().await;
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::Blocked)).await.unwrap();
    let page = world.store.events(&world.owner, EventQuery::newest(EventsOf::Project(world.project))).await.unwrap();
    let of: Vec<_> = page.rows.iter().filter(|row| row.entry.event.session() == Some(opened.session)).collect();
    assert_eq!(of.len(), 2, "it was opened and closed");
    assert!(of.iter().all(|row| row.identifier.as_ref() == Some(&opened.identifier)), "{of:?}");
    assert!(of.iter().any(|row| row.entry.by == By::System), "{of:?}");
}

/// Everything that somebody sees of the organization.
async fn seen(world: &World, by: &Actor) -> Vec<EventRow> {
    let all = EventQuery { per_page: 1000, ..EventQuery::newest(EventsOf::Organization(world.organization)) };
    world.store.events(by, all).await.unwrap().rows
}

/// What the only event of this name that has this id in it calls it.
fn called<'a>(rows: &'a [EventRow], event: &str, id: &impl ToString) -> Option<(&'a str, bool)> {
    let has = |row: &&EventRow| format!("{:?}", row.entry).contains(&id.to_string());
    let mut rows = rows.iter().filter(|row| row.entry.event.name() == event).filter(has);
    let row = rows.next().unwrap_or_else(|| panic!("{event}"));
    assert!(rows.next().is_none(), "{event}");
    row.called(id).map(|called| (called.name.as_str(), called.is_removed))
}

#[tokio::test]
async fn what_was_removed_keeps_its_name_in_past_events() {
    let world = World::new().await;
    let (store, owner, now, org) = (&world.store, &world.owner, &world.now, world.organization);
    world.grant("b", GrantType::Infrastructure).await;
    let max = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Owner])).await;
    let Actor::User { id: user, .. } = max else { panic!("{max:?}") };
    let roles = Roles::default().with(world.project, ProjectRole::Owner);
    let ha1 = Ha1 { md5: [1; 16].into(), sha256: [2; 32].into() };
    let key =
        NewApiKey { public_key: "abcdefgh".into(), description: "ci".parse().unwrap(), roles: roles.clone(), ha1 };
    let key = store.add_api_key(owner, now, org, key).await.unwrap().value.id;
    let account = store.add_service_account(owner, now, org, service_account(roles)).await.unwrap().value.id;
    let (cluster, node) = (world.cluster("b").await.id, world.node("a-2.example").await);
    world.store.block(&max, now, org).await.unwrap();

    let mut left = wanted(org);
    left[0].nodes.pop();
    left.remove(1);
    store.apply_inventory(&Actor::Administrator, now, &left, Prune::Remove).await.unwrap();
    store.remove_user(owner, now, org, user).await.unwrap();
    store.remove_api_key(owner, now, org, key).await.unwrap();
    store.remove_service_account(owner, now, org, account).await.unwrap();

    let rows = seen(&world, owner).await;
    for event in ["cluster.added", "grant.given", "grant.ended", "cluster.removed"] {
        assert_eq!(called(&rows, event, &cluster), Some(("b", true)), "{event}");
    }
    for event in ["node.added", "node.checked", "node.removed"] {
        assert_eq!(called(&rows, event, &node), Some(("a-2.example", true)), "{event}");
    }
    for event in ["user.added", "organization.blocked", "user.removed"] {
        assert_eq!(called(&rows, event, &user), Some(("max@shop.example", true)), "{event}");
    }
    assert_eq!(called(&rows, "api_key.added", &world.project), Some(("Shop", false)), "of a role");
    assert_eq!(called(&rows, "api_key.removed", &key), Some(("abcdefgh", true)));
    assert_eq!(called(&rows, "service_account.removed", &account), Some(("deploy", true)));
    let staying = world.cluster("a").await.id;
    let of_a = rows.iter().find(|row| row.entry.event.cluster() == Some(staying)).unwrap();
    assert_eq!(of_a.called(&staying).map(|called| called.is_removed), Some(false));
    for row in rows.iter().take(5) {
        let one = store.event(owner, EventsOf::Organization(org), row.id).await.unwrap();
        assert_eq!(one.names, row.names);
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn names_tell_no_more_than_the_reader_may_know() {
    let world = World::new().await;
    let (store, owner, now, org) = (&world.store, &world.owner, &world.now, world.organization);
    let reads = Roles::default().with(world.project, ProjectRole::ReadOnly);
    let reader = join(&world, "max@shop.example", reads).await;
    let elsewhere = Roles::default().with(world.other_project, ProjectRole::Owner);
    let account = store.add_service_account(owner, now, org, service_account(elsewhere)).await.unwrap().value.id;
    let (rows, all) = (seen(&world, &reader).await, seen(&world, owner).await);
    assert_eq!(called(&all, "service_account.added", &account), Some(("deploy", false)));
    assert_eq!(called(&rows, "service_account.added", &account), None, "no event names it");
    assert_eq!(called(&all, "service_account.added", &world.other_project), Some(("Bank", false)));
    assert_eq!(called(&rows, "service_account.added", &world.other_project), None, "a project that is not theirs");
    assert_eq!(called(&rows, "user.added", &world.project), Some(("Shop", false)));
}

#[tokio::test]
async fn the_name_of_a_removed_person_does_not_come_back_once_it_is_erased() {
    let world = World::new().await;
    let (store, owner, now, org) = (&world.store, &world.owner, &world.now, world.organization);
    let max = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Owner])).await;
    let Actor::User { id: user, .. } = max else { panic!("{max:?}") };
    let ask = request(GrantType::DatabaseLogs);
    store.give_grant(&max, now, world.project, &name("a"), ask).await.unwrap();
    store.remove_user(owner, now, org, user).await.unwrap();
    let told = async || {
        let (rows, grants) = (seen(&world, owner).await, store.grants(owner, world.project, None, 1).await.unwrap());
        let names = ["user.added", "grant.given", "user.removed"].map(|event| called(&rows, event, &user).is_some());
        (names, grants[0].granted_by_name.is_some())
    };
    assert_eq!(told().await, ([true; 3], true));
    let sql = rusqlite::Connection::open(world.dir.path().join("byleave.db")).unwrap();
    let erased = sql.execute("DELETE FROM disclosures WHERE text = 'max@shop.example'", []).unwrap();
    assert_eq!(erased, 2, "where they were invited, and where they joined");
    assert_eq!(told().await, ([false; 3], false));
}

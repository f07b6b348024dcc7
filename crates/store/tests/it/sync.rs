//! Sync data in the store: when a session for it opens, where it is read from, and who gets the credential.

use byleave_core::access::{Asker, Basis, Denial, Record, Wanted, goes_on};
use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::grant::{GrantType, Request};
use byleave_core::id::GrantId;
use byleave_core::inventory::{InventoryError, Prune, Revision, WantedSource};
use byleave_core::session::SessionEnd;
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::session::Shape;
use byleave_store::sync::SyncCredential;
use zeroize::Zeroizing;

use crate::world::{World, closed, wanted};

const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIBAzCBtqADAgECAhQ=\n-----END CERTIFICATE-----\n";

/// Applies the inventory with these servers for cluster `a`.
async fn read_from(world: &World, servers: Option<&str>, prune: Prune) {
    let mut wanted = wanted(world.organization);
    wanted[0].sync_source = servers.map(source);
    world.store.apply_inventory(&Actor::Administrator, &world.now, &wanted, prune).await.unwrap();
}

/// These servers, of which one may be chosen: it follows an `@`.
fn source(text: &str) -> WantedSource {
    let (servers, member) = text.split_once('@').map_or((text, None), |(servers, member)| (servers, Some(member)));
    let member = member.map(|member| member.parse().unwrap());
    WantedSource { servers: servers.parse().unwrap(), member, ca: CA.parse().unwrap() }
}

fn scram() -> SyncCredential {
    SyncCredential::Scram { user: "gateway".into(), password: Zeroizing::new("a very secret word".into()) }
}

#[tokio::test]
async fn sync_data_opens_under_a_grant_of_it_and_nothing_else() {
    let world = World::new().await;
    assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::SyncDataNotGranted, true));
    world.block().await;
    assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::Blocked, false));
    world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::NotCovered, true));
    assert_eq!(world.denied("b.example", Shape::SyncData).await.0, Denial::Unknown, "it has no sync data");
    let grant = world.grant("a", GrantType::InfrastructureAndSyncData).await;
    for host in ["a.example", "a-1.example"] {
        let opened = world.open(host, Shape::SyncData).await.unwrap();
        assert_eq!((&opened.wanted, &opened.node), (&Wanted::SyncLogin, &None), "{host}");
        assert_eq!(opened.until, grant.expires_at);
        let row = world.store.session(&world.owner, opened.session).await.unwrap();
        assert_eq!(row.wanted, Wanted::SyncLogin);
    }
    let feed = world.store.events(&world.owner, EventQuery::newest(EventsOf::Project(world.project))).await.unwrap();
    let opened = &feed.rows[0].entry.event;
    assert!(matches!(opened, Event::SessionOpened { wanted, node: None, .. } if wanted == "sync data"), "{opened:?}");
    world.revoke("a").await;
    assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::Blocked, false));
    world.assert_sound().await;
}

#[tokio::test]
async fn other_servers_are_not_covered_and_cut_what_is_open() {
    let world = World::new().await;
    read_from(&world, Some("db-0.example:27017"), Prune::Keep).await;
    world.grant("a", GrantType::InfrastructureAndSyncData).await;
    let opened = world.open("a.example", Shape::SyncData).await.unwrap();
    let source = opened.facts.cluster.sync_source.clone().unwrap();
    assert_eq!((source.servers.as_str(), source.since), ("db-0.example:27017", Revision::new(2).unwrap()));
    let (basis, since, opened_at) = (opened.basis, source.since, opened.opened_at);
    let record = Record { basis, wanted: Wanted::SyncLogin, since, opened_at };
    assert!(goes_on(&opened.facts, Asker::Active, &record, world.now.wall).is_ok());
    read_from(&world, Some("db-0.example:27017,db-9.example:27017"), Prune::Keep).await;
    let facts = world.store.follow(opened.facts.cluster.id).await.unwrap().borrow().facts.clone();
    assert_eq!(goes_on(&facts, Asker::Active, &record, world.now.wall), Err(SessionEnd::NodeChanged));
    assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::AddedAfterGrant, true));
    read_from(&world, None, Prune::Keep).await;
    assert!(world.cluster("a").await.sync_source.is_some(), "nothing is removed without being told to");
    read_from(&world, None, Prune::Remove).await;
    assert_eq!(world.cluster("a").await.sync_source, None);
    let feed = world.feed().await;
    let told = |name: &str| feed.iter().filter(|event| **event == name).count();
    assert_eq!((told("sync_servers.set"), told("sync_servers.removed")), (2, 1));
    world.assert_sound().await;
}

#[tokio::test]
async fn another_choice_among_the_servers_is_not_covered_and_cuts_what_is_open() {
    const TWO: &str = "db-0.example:27017,db-9.example:27017";
    let world = World::new().await;
    read_from(&world, Some(TWO), Prune::Keep).await;
    let choices = [Some("db-9.example:27017"), Some("db-0.example:27017"), None];
    for choice in choices {
        world.grant("a", GrantType::InfrastructureAndSyncData).await;
        let opened = world.open("a.example", Shape::SyncData).await.unwrap();
        let (basis, since) = (opened.basis, opened.facts.cluster.sync_source.as_ref().unwrap().since);
        let record = Record { basis, wanted: Wanted::SyncLogin, since, opened_at: opened.opened_at };
        let wanted = choice.map_or_else(|| TWO.to_owned(), |choice| format!("{TWO}@{choice}"));
        read_from(&world, Some(&wanted), Prune::Keep).await;
        let read = world.cluster("a").await.sync_source.unwrap();
        assert_eq!(read.member.as_ref().map(ToString::to_string).as_deref(), choice);
        let facts = world.store.follow(opened.facts.cluster.id).await.unwrap().borrow().facts.clone();
        assert_eq!(goes_on(&facts, Asker::Active, &record, world.now.wall), Err(SessionEnd::NodeChanged));
        assert_eq!(world.denied("a.example", Shape::SyncData).await, (Denial::AddedAfterGrant, true));
        // The same once more is no change.
        read_from(&world, Some(&wanted), Prune::Keep).await;
        assert_eq!(world.cluster("a").await.sync_source.unwrap().since, read.since);
    }
    let mut wanted = wanted(world.organization);
    wanted[0].sync_source = Some(source(&format!("{TWO}@db-8.example:27017")));
    let refused = world.store.apply_inventory(&Actor::Administrator, &world.now, &wanted, Prune::Keep).await;
    let errors = match refused {
        Err(StoreError::Refused(Rule::Inventory(errors))) => errors,
        other => panic!("{other:?}"),
    };
    assert!(matches!(errors[..], [InventoryError::NoMember { .. }]), "{errors:?}");
    assert_eq!(errors[0].to_string(), "cluster `a`: the member `db-8.example:27017` must be one of its sync servers");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_grant_that_came_with_a_credential_has_the_id_it_is_kept_under_and_uses_no_other() {
    let world = World::new().await;
    let host = "a.example".parse().unwrap();
    world.store.set_sync_credential(&Actor::Administrator, &world.now, host, scram()).await.unwrap();
    let plain = world.grant("a", GrantType::InfrastructureAndSyncData).await;
    let opened = world.open("a.example", Shape::SyncData).await.unwrap();
    let id = world.store.new_grant_id();
    assert_ne!(id, plain.id);
    let request = Request { kind: GrantType::InfrastructureAndSyncData, ttl: None, case: None, reason: None };
    let (store, name) = (world.store.supplying(id), "a".parse().unwrap());
    let given = store.give_grant(&world.owner, &world.now, world.project, &name, request).await.unwrap();
    assert_eq!(given.value.id, id);
    let sign_in = world.store.sync_sign_in(opened.session, Basis::Grant { id }).await.unwrap();
    assert_eq!((sign_in.grant, sign_in.credential), (Some(id), None), "the sealed one is not the customer's");
    let standing = world.store.sync_sign_in(opened.session, Basis::Standing).await.unwrap();
    assert_eq!(standing.credential, Some(scram()));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_credential_is_sealed_and_goes_to_an_open_session_for_sync_data_only() {
    let world = World::new().await;
    let set = |actor: Actor, host: &str| {
        let (store, now, host) = (world.store.clone(), world.now.clone(), host.parse().unwrap());
        async move { store.set_sync_credential(&actor, &now, host, scram()).await.map(drop) }
    };
    assert!(set(world.owner.clone(), "a.example").await.is_err(), "customers have no call for it");
    let unknown = set(Actor::Administrator, "nowhere.example").await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::Cluster))), "{unknown:?}");
    set(Actor::Administrator, "a.example").await.unwrap();
    let grant = world.grant("a", GrantType::InfrastructureAndSyncData).await;
    let opened = world.open("a.example", Shape::SyncData).await.unwrap();
    let sign_in = world.store.sync_sign_in(opened.session, opened.basis).await.unwrap();
    assert_eq!((sign_in.grant, sign_in.credential), (Some(grant.id), Some(scram())));
    let standing = world.store.sync_sign_in(opened.session, Basis::Standing).await.unwrap();
    assert_eq!((standing.grant, standing.credential), (None, Some(scram())));
    let elsewhere = Basis::Grant { id: GrantId::from_bytes([7; 12]) };
    let elsewhere = world.store.sync_sign_in(opened.session, elsewhere).await;
    assert!(
        matches!(elsewhere, Err(StoreError::NotFound(Thing::Cluster))),
        "a grant of another cluster: {elsewhere:?}"
    );
    let logs = world.open("a.example", Shape::Logs).await.unwrap();
    let other = world.store.sync_sign_in(logs.session, logs.basis).await;
    assert!(matches!(other, Err(StoreError::NotFound(Thing::Session))), "{other:?}");
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::Revoked)).await.unwrap();
    let ended = world.store.sync_sign_in(opened.session, opened.basis).await;
    assert!(matches!(ended, Err(StoreError::Conflict(Conflict::SessionEnded))), "{ended:?}");
    assert_eq!(world.store.is_in_force(grant.id, &world.now).await.unwrap(), Some(true));
    world.revoke("a").await;
    assert_eq!(world.store.is_in_force(grant.id, &world.now).await.unwrap(), Some(false));
    assert_eq!(world.store.is_in_force(world.store.new_grant_id(), &world.now).await.unwrap(), None);
    assert!(world.feed().await.contains(&"sync_credential.set"));
    world.assert_sound().await;
    world.store.close().await;
    for file in std::fs::read_dir(world.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"very secret"), "the password lies open");
    }
}

//! What is remembered of who may do what is never older than what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use byleave_core::actor::Actor;
use byleave_core::grant::GrantType;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_store::account::AccountId;
use byleave_store::web_session::SIGNED_IN_FOR;

use crate::account::{secret, service_account};
use crate::world::{World, join, name};

const TOKEN: [u8; 32] = [9; 32];

/// Whether somebody can read cluster `a`. Asked twice, so that the second answer can come from memory.
async fn can_read(world: &World, actor: &Actor) -> bool {
    let cluster = name("a");
    let ask = || world.store.cluster_summary(actor, &world.now, world.project, &cluster);
    let (first, second) = (ask().await.is_ok(), ask().await.is_ok());
    assert_eq!(first, second);
    first
}

async fn signed_in(world: &World, token: [u8; 32]) -> Option<Actor> {
    world.store.web_session(token, &world.now).await.unwrap().map(|session| session.actor)
}

#[tokio::test]
async fn a_user_can_do_what_the_last_commit_says() {
    let mut world = World::new().await;
    let (here, there) = (Roles::default().with(world.project, ProjectRole::ReadOnly), world.other_project);
    let leo = join(&world, "leo@shop.example", here.clone()).await;
    let Actor::User { id, .. } = leo else { unreachable!() };
    world.store.open_web_session(id, TOKEN, &world.now).await.unwrap();
    assert_eq!(signed_in(&world, TOKEN).await, Some(leo.clone()));
    assert!(can_read(&world, &leo).await);

    let (owner, organization) = (world.owner.clone(), world.organization);
    let elsewhere = Roles::default().with(there, ProjectRole::ReadOnly);
    world.store.change_roles(&owner, &world.now, organization, id, elsewhere.clone()).await.unwrap();
    let moved = Actor::User { id, organization, roles: elsewhere };
    assert_eq!(signed_in(&world, TOKEN).await, Some(moved));
    assert!(!can_read(&world, &leo).await, "whatever roles they remember themselves");
    world.store.change_roles(&owner, &world.now, organization, id, here).await.unwrap();
    assert!(can_read(&world, &leo).await);

    world.later(SIGNED_IN_FOR - 1);
    assert!(signed_in(&world, TOKEN).await.is_some());
    world.later(1);
    assert_eq!(signed_in(&world, TOKEN).await, None, "what is remembered runs out, too");

    world.store.open_web_session(id, [8; 32], &world.now).await.unwrap();
    assert!(signed_in(&world, [8; 32]).await.is_some());
    world.store.close_web_session([8; 32], &world.now).await.unwrap();
    assert_eq!(signed_in(&world, [8; 32]).await, None);
    world.store.open_web_session(id, [7; 32], &world.now).await.unwrap();
    assert!(signed_in(&world, [7; 32]).await.is_some());
    world.store.remove_user(&owner, &world.now, organization, id).await.unwrap();
    assert_eq!(signed_in(&world, [7; 32]).await, None);
    assert!(!can_read(&world, &leo).await);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_token_is_worth_what_the_last_commit_says() {
    let world = World::new().await;
    let (store, now, owner, organization) = (&world.store, &world.now, &world.owner, world.organization);
    let new = service_account(Roles::in_organization([OrgRole::Owner]));
    let id = store.add_service_account(owner, now, organization, new).await.unwrap().value.id;
    let first = store.client_facts(id, now).await.unwrap().secrets[0].0;
    store.issue_token(first, TOKEN, now).await.unwrap();
    let facts = || async { store.access_token(TOKEN, now).await.unwrap() };
    assert_eq!(facts().await.unwrap().networks, []);
    assert!(can_read(&world, &facts().await.unwrap().actor).await);

    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    store.add_networks(owner, now, organization, AccountId::ServiceAccount(id), networks.clone()).await.unwrap();
    assert_eq!(facts().await.unwrap().networks, networks);
    store.revoke_token(id, TOKEN, now).await.unwrap();
    assert_eq!(facts().await, None);

    store.issue_token(first, TOKEN, now).await.unwrap();
    let actor = facts().await.unwrap().actor;
    store.add_secret(owner, now, organization, id, secret(2)).await.unwrap();
    store.remove_secret(owner, now, organization, id, first).await.unwrap();
    assert_eq!(facts().await, None, "a token goes with its secret");
    assert!(can_read(&world, &actor).await);
    store.remove_service_account(owner, now, organization, id).await.unwrap();
    assert!(!can_read(&world, &actor).await);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_grant_is_seen_at_once_though_nothing_is_forgotten_for_it() {
    let world = World::new().await;
    let given = || async {
        let found = world.store.cluster_summary(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
        let (total, all) = world.store.cluster_summaries(&world.owner, &world.now, world.project, 0, 1).await.unwrap();
        assert_eq!((total, all), (2, vec![found.clone()]), "a page says what the cluster by itself says");
        found.grant
    };
    assert_eq!(given().await, None);
    let first = world.grant("a", GrantType::DatabaseLogs).await;
    assert_eq!(given().await, Some(first));
    let second = world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(given().await, Some(second));
    world.revoke("a").await;
    assert_eq!(given().await, None);
    let (_, rest) = world.store.cluster_summaries(&world.owner, &world.now, world.project, 1, 9).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_who_asks_after_the_answer_gets_in_with_a_closed_web_session() {
    let world = Arc::new(World::new().await);
    let Actor::User { id, .. } = world.owner else { unreachable!() };
    for round in 0..50 {
        let (token, closed) = ([round; 32], Arc::new(AtomicBool::new(false)));
        world.store.open_web_session(id, token, &world.now).await.unwrap();
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (world, closed) = (world.clone(), closed.clone());
            readers.spawn(async move {
                loop {
                    let was_closed = closed.load(Ordering::SeqCst);
                    let found = signed_in(&world, token).await;
                    assert!(found.is_none() || !was_closed, "a web session that was closed before the question");
                    if was_closed {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        world.store.close_web_session(token, &world.now).await.unwrap();
        closed.store(true, Ordering::SeqCst);
        readers.join_all().await;
    }
}

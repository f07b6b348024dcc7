//! The life of a grant in the store.

use byleave_core::grant::{GiveError, GrantEnd, GrantStatus, GrantType, Request};
use byleave_core::role::{ProjectRole, Roles};
use byleave_core::time::{HOUR, Ttl, TtlError};
use byleave_store::StoreError;
use byleave_store::error::{Rule, Thing};

use crate::world::{DAY, World, join, name, request};

#[tokio::test]
async fn a_grant_opens_and_revoking_ends_it() {
    let world = World::new().await;
    world.block().await;
    let grant = world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(grant.expires_at.since(grant.granted_at), DAY);
    let row = world.store.cluster(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
    assert_eq!(row.grant, Some(grant.clone()));
    let revoked = world.revoke("a").await.unwrap();
    assert_eq!((revoked.id, revoked.ended.map(|(_, why)| why)), (grant.id, Some(GrantEnd::Revoked)));
    assert_eq!(world.revoke("a").await, None, "with nothing in force it succeeds");
    let feed = world.feed().await;
    assert_eq!(feed.iter().filter(|name| **name == "grant.revoked").count(), 1, "and writes nothing");
    world.assert_sound().await;
}

#[tokio::test]
async fn granting_again_replaces() {
    let mut world = World::new().await;
    let first = world.grant("a", GrantType::Infrastructure).await;
    world.later(1_000);
    let second = world.grant("a", GrantType::DatabaseLogs).await;
    let history = world.store.grants(&world.owner, world.project, Some(&name("a")), 10).await.unwrap();
    assert_eq!(history.iter().map(|row| row.grant.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!(
        history[1].grant.status(world.now.wall),
        GrantStatus::Ended { at: world.now.wall, reason: GrantEnd::Replaced }
    );
    assert_eq!(history[0].granted_by_name.as_ref().unwrap().as_str(), "mia@shop.example");
    assert_eq!(history[0].grant.case.as_ref().unwrap().as_str(), "CASE-1");
    let one = world.store.grant(&world.owner, world.project, history[0].grant.id).await.unwrap();
    assert_eq!(one.as_ref(), history.first());
    let elsewhere = world.store.grant(&world.owner, world.other_project, history[0].grant.id).await.unwrap();
    assert_eq!(elsewhere, None, "of another project");
    let of_project = world.store.grants(&world.owner, world.project, None, 10).await.unwrap();
    assert_eq!(of_project, history);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_grant_is_never_over_the_longest() {
    let world = World::new().await;
    let hour = Ttl::from_millis(HOUR).unwrap();
    let row = world.store.set_longest_grant(&world.owner, &world.now, world.organization, hour).await.unwrap();
    assert_eq!(row.value.longest, hour);
    let ask = Request { ttl: Some(Ttl::MAX), ..request(GrantType::Infrastructure) };
    let refused = world.store.give_grant(&world.owner, &world.now, world.project, &name("a"), ask).await;
    let Err(StoreError::Refused(Rule::Give(error))) = refused else { panic!("{refused:?}") };
    assert_eq!(error, GiveError::Duration(TtlError::TooLong { limit: HOUR }));
    let grant = world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(grant.expires_at.since(grant.granted_at), HOUR, "none asked for: the longest");
    let ask = request(GrantType::InfrastructureAndSyncData);
    let refused = world.store.give_grant(&world.owner, &world.now, world.project, &name("b"), ask).await;
    assert!(matches!(refused, Err(StoreError::Refused(Rule::Give(GiveError::NoSyncData)))), "{refused:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn managers_grant_in_their_project_only() {
    let world = World::new().await;
    let roles = Roles::default().with(world.project, ProjectRole::SupportAccessManager);
    let manager = join(&world, "max@shop.example", roles).await;
    let ask = || request(GrantType::DatabaseLogs);
    world.store.give_grant(&manager, &world.now, world.project, &name("a"), ask()).await.unwrap();
    let elsewhere = world.store.give_grant(&manager, &world.now, world.other_project, &name("c"), ask()).await;
    assert!(matches!(elsewhere, Err(StoreError::NotFound(Thing::Project))), "{elsewhere:?}");
    let reader = join(&world, "ro@shop.example", Roles::default().with(world.project, ProjectRole::ReadOnly)).await;
    let refused = world.store.give_grant(&reader, &world.now, world.project, &name("a"), ask()).await;
    assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{refused:?}");
    let refused = world.store.revoke_grant(&reader, &world.now, world.project, &name("a")).await;
    assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{refused:?}");
    let unknown = world.store.give_grant(&world.owner, &world.now, world.project, &name("zz"), ask()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::Cluster))), "{unknown:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_grant_outlives_the_role_of_who_gave_it() {
    let world = World::new().await;
    let roles = Roles::default().with(world.project, ProjectRole::Owner);
    let manager = join(&world, "max@shop.example", roles).await;
    let ask = request(GrantType::DatabaseLogs);
    world.store.give_grant(&manager, &world.now, world.project, &name("a"), ask.clone()).await.unwrap();
    let byleave_core::actor::Actor::User { id, .. } = manager.clone() else { unreachable!() };
    world.store.remove_user(&world.owner, &world.now, world.organization, id).await.unwrap();
    let row = world.store.cluster(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
    assert!(row.grant.is_some());
    let late = world.store.give_grant(&manager, &world.now, world.project, &name("a"), ask).await;
    assert!(matches!(late, Err(StoreError::NotFound(_))), "the actor's own roles are not believed: {late:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn expiry_is_told_once() {
    let mut world = World::new().await;
    world.grant("a", GrantType::Infrastructure).await;
    world.later(DAY - 1);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().expired, 0);
    world.later(1);
    let row = world.store.cluster(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
    assert_eq!(row.grant, None, "nothing depends on the sweep");
    let swept = world.store.sweep(&world.now).await.unwrap();
    assert_eq!((swept.expired, swept.time), (1, 0), "an entry was just written");
    assert_eq!(world.store.sweep(&world.now).await.unwrap().expired, 0);
    assert_eq!(world.revoke("a").await, None);
    world.later(HOUR);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().time, 1);
    assert!(world.feed().await.ends_with(&["grant.expired", "time.passed"]));
    world.assert_sound().await;
}

//! Time in the store: the mark, doubt, and how it is left.

use byleave_core::access::Denial;
use byleave_core::actor::Actor;
use byleave_core::grant::{GiveError, GrantEnd, GrantType};
use byleave_core::session::SessionEnd;
use byleave_core::time::{BootId, Doubt, HOUR, MINUTE, SECOND};
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Rule};
use byleave_store::session::Shape;

use crate::world::{DAY, World, closed, name, open_store, request};

/// Sets the wall clock without the boot clock knowing.
fn step(world: &mut World, millis: i64) {
    world.now.wall = world.now.wall.plus(millis);
}

#[tokio::test]
async fn in_doubt_the_door_closes_but_can_still_be_shut() {
    let mut world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    world.grant("a", GrantType::Infrastructure).await;
    step(&mut world, -HOUR);
    let now = world.store.heartbeat(&world.now).await.unwrap();
    assert_eq!(now.doubt, Some(Doubt::Behind(HOUR)));
    assert_eq!(world.store.now(&world.now).await.unwrap(), now);
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (Denial::ClockDoubt, true));
    assert_eq!(world.denied("nowhere.example", Shape::Node).await, (Denial::ClockDoubt, true), "all look alike");
    let ask = request(GrantType::Infrastructure);
    let refused = world.store.give_grant(&world.owner, &world.now, world.project, &name("a"), ask).await;
    assert!(matches!(refused, Err(StoreError::Refused(Rule::Give(GiveError::ClockDoubt)))), "{refused:?}");
    world.later(MINUTE);
    assert!(world.revoke("a").await.is_some());
    world.block().await;
    world.store.close_session(&world.now, closed(opened.session, SessionEnd::Revoked)).await.unwrap();
    let row = world.store.session(&world.owner, opened.session).await.unwrap();
    let ended = row.ended.unwrap().0;
    assert_eq!(ended.since(row.opened_at), MINUTE, "the boot clock carries the time on");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_clock_that_is_right_again_is_trusted_again() {
    let mut world = World::new().await;
    step(&mut world, DAY);
    assert!(world.store.heartbeat(&world.now).await.unwrap().doubt.is_some());
    step(&mut world, -DAY);
    world.later(SECOND);
    assert_eq!(world.store.heartbeat(&world.now).await.unwrap().doubt, None);
    assert!(world.open("a-1.example", Shape::Node).await.is_ok());
    let early = world.store.leave_doubt(&Actor::Administrator, &world.now).await;
    assert!(matches!(early, Err(StoreError::Conflict(Conflict::NotInDoubt))), "{early:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn leaving_doubt_ends_every_grant_even_one_that_would_come_back_to_life() {
    let mut world = World::new().await;
    let short = byleave_core::time::Ttl::from_millis(HOUR).unwrap();
    let ask = byleave_core::grant::Request { ttl: Some(short), ..request(GrantType::Infrastructure) };
    world.store.give_grant(&world.owner, &world.now, world.project, &name("b"), ask).await.unwrap();
    world.later(2 * HOUR);
    assert_eq!(world.store.sweep(&world.now).await.unwrap().expired, 1);
    world.grant("a", GrantType::Infrastructure).await;
    step(&mut world, -3 * HOUR);
    let refused = world.store.leave_doubt(&world.owner, &world.now).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "only an administrator: {refused:?}");
    let left = world.store.leave_doubt(&Actor::Administrator, &world.now).await.unwrap();
    assert_eq!(left.anchors.len(), 2, "in the organization's log and the installation's");
    assert_eq!(world.store.now(&world.now).await.unwrap().doubt, None);
    for cluster in ["a", "b"] {
        let row = world.store.cluster(&world.owner, &world.now, world.project, &name(cluster)).await.unwrap();
        assert_eq!(row.grant, None, "cluster {cluster}");
        let history = world.store.grants(&world.owner, world.project, Some(&name(cluster)), 9).await.unwrap();
        assert_eq!(history[0].grant.ended, Some((world.now.wall, GrantEnd::ClockReset)), "cluster {cluster}");
    }
    let feed = world.feed().await;
    assert!(feed.ends_with(&["clock.doubt_left", "grant.ended", "grant.ended"]), "{feed:?}");
    world.grant("a", GrantType::Infrastructure).await;
    assert!(world.open("a-1.example", Shape::Node).await.is_ok());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_restart_does_not_forget_the_time() {
    let mut world = World::new().await;
    world.later(HOUR);
    world.store.heartbeat(&world.now).await.unwrap();
    step(&mut world, -HOUR);
    world.now.boot = BootId("second".into());
    world.now.since_boot = 5;
    world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
    assert_eq!(world.store.now(&world.now).await.unwrap().doubt, Some(Doubt::Behind(HOUR)));
    assert_eq!(world.denied("a-1.example", Shape::Node).await.0, Denial::ClockDoubt);
    step(&mut world, HOUR + SECOND);
    world.now.since_boot += SECOND;
    assert!(world.open("a-1.example", Shape::Node).await.is_ok());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_reading_that_waited_its_turn_is_not_doubt() {
    let mut world = World::new().await;
    let early = world.now.clone();
    world.later(4 * SECOND);
    world.store.heartbeat(&world.now).await.unwrap();
    world.now = early;
    assert!(world.open("a-1.example", Shape::Node).await.is_ok());
    world.assert_sound().await;
}

#[tokio::test]
async fn a_clock_that_strays_a_little_does_not_run_away() {
    let mut world = World::new().await;
    step(&mut world, 4 * SECOND);
    for _ in 0..60 {
        world.later(SECOND);
        let now = world.store.heartbeat(&world.now).await.unwrap();
        assert_eq!((now.at, now.doubt), (world.now.wall, None));
    }
    step(&mut world, -3 * SECOND);
    let now = world.store.heartbeat(&world.now).await.unwrap();
    assert_eq!(now.at.since(world.now.wall), 3 * SECOND, "a step back is not followed");
    step(&mut world, 5 * SECOND);
    assert!(world.store.heartbeat(&world.now).await.unwrap().doubt.is_some(), "too far off in all");
}

//! Several at once: the order of commits is the order of the log and of what followers see.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use byleave_core::access::{Asker, decide};
use byleave_core::grant::GrantType;
use byleave_core::time::Now;
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::session::{OpenError, SessionQuery, SessionsOf, Shape};

use crate::world::{World, name, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_revokes_and_a_grant_at_once_leave_one_truth() {
    let world = Arc::new(World::new().await);
    for _ in 0..10 {
        world.grant("a", GrantType::DatabaseLogs).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..3 {
            let world = world.clone();
            tasks.spawn(async move {
                let (owner, now, cluster) = (&world.owner, &world.now, name("a"));
                if number == 1 {
                    let ask = request(GrantType::Infrastructure);
                    let given = world.store.give_grant(owner, now, world.project, &cluster, ask).await;
                    given.unwrap().anchors.len()
                } else {
                    world.store.revoke_grant(owner, now, world.project, &cluster).await.unwrap().anchors.len()
                }
            });
        }
        let written: usize = tasks.join_all().await.into_iter().sum();
        assert!((2..=3).contains(&written), "a grant, and one or two revokes that found something: {written}");
    }
    world.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_that_opens_while_support_is_blocked_stays_unseen() {
    let world = Arc::new(World::new().await);
    let (inside, blocking) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (world, inside, blocking) = (world.clone(), inside.clone(), blocking.clone());
        tasks.spawn(async move {
            if number == 25 {
                inside.acquire_many(10).await.unwrap().forget();
                let follower = world.store.follow(world.cluster("a").await.id).await.unwrap();
                blocking.add_permits(24);
                world.block().await;
                assert!(follower.borrow().blocked, "whoever follows learns of it before the owner does");
            } else if number > 25 {
                // Writes come in the order of asking: those that asked before the block would all be in.
                blocking.acquire().await.unwrap().forget();
            }
            match world.open("a-1.example", Shape::Node).await {
                Ok(opened) => {
                    let follower = world.store.follow(opened.facts.cluster.id).await.unwrap();
                    assert!(follower.borrow().log_size >= opened.log_size, "never older than the session itself");
                    inside.add_permits(1);
                    Some((opened, follower))
                }
                Err(OpenError::Denied { .. }) => None,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let opened: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(opened.len() >= 10);
    let now = Now { at: world.now.wall, doubt: None };
    for (opened, follower) in &opened {
        let facts = follower.borrow().clone();
        assert!(decide(&facts, Asker::Active, opened.wanted.clone(), now).is_err(), "the follower knows to cut");
    }
    let feed = world.feed().await;
    let blocked = feed.iter().position(|name| *name == "organization.blocked").unwrap();
    assert!(!feed[blocked..].contains(&"session.opened"));
    assert_eq!(feed.iter().filter(|name| **name == "session.opened").count(), opened.len());
    world.assert_sound().await;
}

/// How often it is looked whether a read keeps the thread.
const TRIES: usize = 8;

type Asked<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[tokio::test]
async fn what_may_take_long_is_not_read_on_the_thread_that_asks() {
    let world = World::new().await;
    let (store, owner, of) = (&world.store, &world.owner, EventsOf::Organization(world.organization));
    // What is read elsewhere can be there by chance before it is asked for, but not each time.
    let mut kept = BTreeMap::new();
    for _ in 0..TRIES {
        let sessions = SessionQuery { of: SessionsOf::Organization(world.organization), live: true, limit: 1 };
        let asked: [(&str, Asked<'_>); 4] = [
            (
                "a page of the feed",
                Box::pin(async { drop(store.events(owner, EventQuery::newest(of)).await.unwrap()) }),
            ),
            ("what comes next", Box::pin(async { drop(store.events_after(owner, of, 0, 1).await.unwrap()) })),
            ("sessions", Box::pin(async { drop(store.sessions(owner, sessions).await.unwrap()) })),
            ("evidence", Box::pin(async { drop(store.evidence(owner, world.organization).await.unwrap()) })),
        ];
        for (what, mut asked) in asked {
            let at_once = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
            *kept.entry(what).or_insert(0) += usize::from(at_once);
            if !at_once {
                asked.await;
            }
        }
    }
    assert!(kept.values().all(|times| *times < TRIES), "who else is on this thread is kept waiting: {kept:?}");
}

#[tokio::test]
async fn followers_know_before_the_caller_does() {
    let world = World::new().await;
    let cluster = world.cluster("a").await.id;
    let follower = world.store.follow(cluster).await.unwrap();
    let elsewhere = world.store.follow(world.cluster("c").await.id).await.unwrap();
    let (cluster_name, ask) = (name("a"), request(GrantType::Infrastructure));
    let given = world.store.give_grant(&world.owner, &world.now, world.project, &cluster_name, ask);
    let given = given.await.unwrap();
    assert_eq!(follower.borrow().grants, [given.value]);
    assert_eq!(follower.borrow().log_size, given.anchors[0].index + 1);
    world.revoke("a").await;
    assert!(follower.borrow().grants[0].ended.is_some());
    world.block().await;
    assert!(follower.borrow().blocked && elsewhere.borrow().blocked);
    drop(follower);
    world.store.unblock(&world.owner, &world.now, world.organization).await.unwrap();
    let again = world.store.follow(cluster).await.unwrap();
    assert!(!again.borrow().blocked, "a follower who comes later starts from what is committed");
    assert!(matches!(
        world.store.follow(byleave_core::id::ClusterId::from_bytes([1; 12])).await,
        Err(byleave_store::StoreError::NotFound(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_stops_nothing_halfway() {
    let world = World::new().await;
    let mut follower = world.store.follow(world.cluster("a").await.id).await.unwrap();
    follower.mark_unchanged();
    {
        let mut block = Box::pin(world.store.block(&world.owner, &world.now, world.organization));
        let started = std::future::poll_fn(|context| std::task::Poll::Ready(block.as_mut().poll(context)));
        assert!(started.await.is_pending());
    }
    follower.changed().await.unwrap();
    assert!(follower.borrow().blocked);
    world.assert_sound().await;
}

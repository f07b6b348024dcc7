//! Requests that were carried out, as the store writes them down.

use std::sync::Arc;

use byleave_core::grant::GrantType;
use byleave_store::StoreError;
use byleave_store::repeat::{Answer, MOST_OF_ONE, Repeat, Ticket};

use crate::world::{DAY, World, name, request};

fn ticket(world: &World, key: &str, body: &str) -> Arc<Ticket> {
    let ticket = Ticket::new(&world.owner.by().unwrap(), key.parse().unwrap(), "POST /grant".into()).unwrap();
    ticket.bring(body.as_bytes());
    Arc::new(ticket)
}

async fn grant(world: &World, ticket: &Arc<Ticket>) -> Result<(), StoreError> {
    let store = world.store.once(ticket.clone());
    let ask = request(GrantType::DatabaseLogs);
    store.give_grant(&world.owner, &world.now, world.project, &name("a"), ask).await.map(drop)
}

async fn repeat(world: &World, ticket: &Arc<Ticket>) -> Repeat {
    match grant(world, ticket).await {
        Err(StoreError::Repeated(repeat)) => repeat,
        other => panic!("{other:?}"),
    }
}

fn raw(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.dir.path().join("byleave.db")).unwrap()
}

#[tokio::test]
async fn a_request_is_written_down_with_what_it_does_and_its_answer_is_sealed() {
    let mut world = World::new().await;
    let first = ticket(&world, "one", "body");
    grant(&world, &first).await.unwrap();
    assert!(first.is_spent());
    let feed = world.feed().await;
    // As after a crash between the commit and the answer.
    assert_eq!(repeat(&world, &ticket(&world, "one", "body")).await, Repeat::NotKept(world.now.wall));
    let answer = Answer { status: 201, media_type: "application/json".into(), body: b"the reason is known".to_vec() };
    world.store.keep_answer(&first, &answer, &world.now).await.unwrap();
    assert_eq!(repeat(&world, &ticket(&world, "one", "body")).await, Repeat::Answered(answer));
    assert_eq!(repeat(&world, &ticket(&world, "one", "another")).await, Repeat::Other);
    assert_eq!(world.feed().await, feed, "nothing was done again");
    let sealed: Vec<u8> = raw(&world).query_row("SELECT answer_sealed FROM repeats", [], |row| row.get(0)).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("reason"), "the answer is not there to be read");
    world.later(DAY);
    grant(&world, &ticket(&world, "one", "another")).await.unwrap();
    world.later(DAY);
    world.store.sweep(&world.now).await.unwrap();
    let left: i64 = raw(&world).query_row("SELECT COUNT(*) FROM repeats", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "what is remembered long enough is forgotten");
    world.assert_sound().await;
}

#[tokio::test]
async fn what_is_refused_is_not_written_down() {
    let world = World::new().await;
    let first = ticket(&world, "one", "body");
    let store = world.store.once(first.clone());
    let ask = request(GrantType::DatabaseLogs);
    let refused = store.give_grant(&world.owner, &world.now, world.project, &name("none"), ask).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    assert!(!first.is_spent());
    grant(&world, &ticket(&world, "one", "another")).await.unwrap();
}

#[tokio::test]
async fn a_caller_is_remembered_for_so_many_requests() {
    let world = World::new().await;
    let caller = ticket(&world, "one", "body").place().0;
    raw(&world)
        .execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2)
             INSERT INTO repeats (caller, key, sha256, at) SELECT ?1, 'k' || n, zeroblob(32), ?3 FROM n",
            (&caller, MOST_OF_ONE, world.now.wall.millis()),
        )
        .unwrap();
    assert_eq!(repeat(&world, &ticket(&world, "one", "body")).await, Repeat::TooMany);
    assert_eq!(repeat(&world, &ticket(&world, "k7", "body")).await, Repeat::Other);
}

//! When the database cannot be trusted or reached: nothing is acknowledged, nothing undecodable is skipped.

use byleave_core::grant::GrantType;
use byleave_store::session::{OpenError, Shape};
use byleave_store::{SealingKey, Store, StoreError};
use rusqlite::Connection;

use crate::world::{World, at, name, open_store};

fn beside(world: &World) -> Connection {
    Connection::open(world.dir.path().join("byleave.db")).unwrap()
}

#[tokio::test]
async fn a_locked_database_is_unavailable_and_comes_back() {
    let world = World::new().await;
    world.grant("a", GrantType::Infrastructure).await;
    let other = beside(&world);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (owner, now) = (&world.owner, &world.now);
    let revoked = world.store.revoke_grant(owner, now, world.project, &name("a")).await;
    assert!(matches!(revoked, Err(StoreError::Unavailable(_))), "{revoked:?}");
    let row = world.store.cluster(owner, now, world.project, &name("a")).await.unwrap();
    assert!(row.grant.is_some(), "reading goes on, and nothing changed");
    let opened = world.open("a-1.example", Shape::Node).await;
    assert!(matches!(opened, Err(OpenError::Store(StoreError::Unavailable(_)))), "{opened:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(world.revoke("a").await.is_some());
    world.assert_sound().await;
}

#[tokio::test]
async fn nothing_is_committed_into_a_file_that_is_gone() {
    let world = World::new().await;
    std::fs::rename(world.dir.path().join("byleave.db"), world.dir.path().join("elsewhere.db")).unwrap();
    let blocked = world.store.block(&world.owner, &world.now, world.organization).await;
    assert!(matches!(blocked, Err(StoreError::Unavailable(_))), "{blocked:?}");
    let beat = world.store.heartbeat(&world.now).await;
    assert!(matches!(beat, Err(StoreError::Unavailable(_))), "{beat:?}");
    std::fs::rename(world.dir.path().join("elsewhere.db"), world.dir.path().join("byleave.db")).unwrap();
    world.block().await;
    world.assert_sound().await;
}

#[tokio::test]
async fn a_row_that_does_not_decode_closes_the_door() {
    let world = World::new().await;
    let other = beside(&world);
    other.execute_batch("UPDATE nodes SET address = 'nowhere' WHERE host = 'a-2.example'").unwrap();
    let opened = world.open("a-1.example", Shape::Node).await;
    assert!(matches!(opened, Err(OpenError::Store(StoreError::Corrupt(_)))), "not even beside it: {opened:?}");
    let listed = world.store.clusters(&world.owner, &world.now, world.project).await;
    assert!(matches!(listed, Err(StoreError::Corrupt(_))), "{listed:?}");
}

#[tokio::test]
async fn the_database_itself_refuses_what_must_never_be() {
    let world = World::new().await;
    world.grant("a", GrantType::Infrastructure).await;
    world.revoke("a").await;
    let other = beside(&world);
    for statement in [
        "UPDATE leaves SET at = at + 1",
        "DELETE FROM leaves",
        "DELETE FROM tree_nodes",
        "UPDATE grants SET ended_at = NULL, end_reason = NULL",
        "UPDATE grants SET expires_at = expires_at + 1",
        "DELETE FROM grants",
        "UPDATE grants SET end_reason = NULL",
        "UPDATE organizations SET blocked = 2",
        "UPDATE organizations SET longest_ms = 86400001",
        "UPDATE roles SET role = 'GROUP_OWNER' WHERE project IS NULL",
        "INSERT INTO roles (role) VALUES ('ORG_OWNER')",
        "UPDATE nodes SET check_outcome = 'passed', check_revision = NULL",
        "UPDATE users SET organization = '000000000000000000000000'",
    ] {
        assert!(other.execute_batch(statement).is_err(), "{statement}");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn every_word_of_the_rules_is_a_word_of_the_schema() {
    let steps = [
        include_str!("../../migrations/sqlite/0001_begin.sql"),
        include_str!("../../migrations/sqlite/0012_sync_ends.sql"),
    ];
    let schema = steps.concat();
    let words = byleave_core::access::Denial::ALL.iter().map(|word| word.as_str());
    let words = words.chain(byleave_core::session::SessionEnd::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::grant::GrantEnd::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::grant::GrantType::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::event::Forwarding::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::event::Side::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::inventory::LogKind::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::role::OrgRole::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(byleave_core::role::ProjectRole::ALL.iter().map(|word| word.as_str()));
    for word in words {
        assert!(schema.contains(&format!("'{word}'")), "{word}");
    }
}

#[tokio::test]
async fn another_sealing_key_opens_nothing() {
    let world = World::new().await;
    let key = SealingKey::from_bytes([8; 32]);
    let options = world.store.options().clone();
    let opened = Store::open(world.dir.path(), options, key, world.entropy.clone(), &world.now).await;
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused() {
    let world = World::new().await;
    let other = beside(&world);
    other
        .execute_batch("INSERT INTO migrations (number, name, sha256, applied_at) VALUES (99, 'later', X'00', 0)")
        .unwrap();
    let opened = open_store(world.dir.path(), world.entropy.clone(), &world.now).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
}

#[tokio::test]
async fn a_schema_of_another_history_is_refused() {
    let world = World::new().await;
    beside(&world).execute_batch("UPDATE migrations SET sha256 = X'00' WHERE number = 2").unwrap();
    let opened = open_store(world.dir.path(), world.entropy.clone(), &world.now).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
}

#[tokio::test]
async fn an_installation_that_was_lost_is_not_made_anew() {
    let world = World::new().await;
    for (name, statement) in [
        ("no file", None),
        ("an empty file", Some("")),
        ("another database", Some("CREATE TABLE something (one)")),
        ("no installation", Some("DELETE FROM installation")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("byleave.db");
        if name == "no installation" {
            world.store.close().await;
            std::fs::copy(world.dir.path().join("byleave.db"), &path).unwrap();
        }
        if let Some(statement) = statement {
            Connection::open(&path).unwrap().execute_batch(statement).unwrap();
        }
        let before = std::fs::read(&path).ok();
        let opened = open_store(dir.path(), world.entropy.clone(), &world.now).await;
        assert!(matches!(opened, Err(StoreError::Unavailable(_) | StoreError::Corrupt(_))), "{name}: {opened:?}");
        assert_eq!(std::fs::read(&path).ok().map(|bytes| bytes.len()), before.map(|bytes| bytes.len()), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("byleave.db"), "this is no database, but long enough to be looked at".repeat(99))
        .unwrap();
    let entropy = World::new().await.entropy;
    let opened = open_store(dir.path(), entropy.clone(), &at(0)).await;
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    let missing = open_store(&dir.path().join("missing"), entropy, &at(0)).await;
    assert!(matches!(missing, Err(StoreError::Unavailable(_))), "{missing:?}");
}

#[tokio::test]
async fn secrets_are_sealed_and_the_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    let facts = world.open("a-1.example", Shape::Node).await.unwrap();
    let seed = world.store.certificate_facts(facts.session, world.node("a-1.example").await).await.unwrap().ca;
    world.store.close().await;
    let bytes = std::fs::read(world.dir.path().join("byleave.db")).unwrap();
    assert!(!bytes.windows(32).any(|window| window == seed.as_slice()));
    for file in ["byleave.db", "byleave.db-wal"] {
        let mode = std::fs::metadata(world.dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    let path = world.dir.path().join("seal.key");
    let made = SealingKey::create(&path, world.entropy.as_ref()).unwrap();
    let again = SealingKey::create(&path, world.entropy.as_ref());
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "a key is never overwritten: {again:?}");
    let read = SealingKey::load(&path).unwrap();
    let sealed = made.seal(world.entropy.as_ref(), "context", b"secret").unwrap();
    assert_eq!(read.open("context", &sealed).unwrap().as_slice(), b"secret");
    assert!(matches!(read.open("another", &sealed), Err(StoreError::Corrupt(_))));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, "short").unwrap();
    assert!(matches!(SealingKey::load(&path), Err(StoreError::Corrupt(_))));
}

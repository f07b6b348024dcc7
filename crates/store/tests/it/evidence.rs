//! Evidence of a long story, proofs between its states, and what the audit finds after tampering.

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_core::grant::GrantType;
use byleave_core::inventory::Prune;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::session::SessionEnd;
use byleave_core::time::{HOUR, MINUTE, SECOND};
use byleave_log::bundle::{Bundle, Rights};
use byleave_log::checkpoint::Checkpoint;
use byleave_log::hash::Hash;
use byleave_log::key::VerifyingKey;
use byleave_log::proof::{Head, is_consistent};
use byleave_log::verify::{Kind, Verdict, verify};
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::session::Shape;
use byleave_store::{Anchor, SealingKey, Store, StoreError};

use crate::world::{DAY, World, closed, join, name, open_store, request, wanted, wanted_node};

/// Much of what can happen; the anchors that a customer kept on the way.
async fn story(world: &mut World) -> Vec<Anchor> {
    let mut anchors = Vec::new();
    let standing = world.open("a-1.example", Shape::Node).await.unwrap();
    let blocked = world.store.block(&world.owner, &world.now, world.organization).await.unwrap();
    anchors.extend(blocked.anchors);
    world.store.close_session(&world.now, closed(standing.session, SessionEnd::Blocked)).await.unwrap();
    world.denied("a-1.example", Shape::Node).await;
    let roles = Roles::in_organization([OrgRole::Member]).with(world.project, ProjectRole::SupportAccessManager);
    let manager = join(world, "max@shop.example", roles).await;
    for round in 0..3 {
        world.later(HOUR);
        let kind = GrantType::ALL[round];
        let ask = request(kind);
        let given = world.store.give_grant(&manager, &world.now, world.project, &name("a"), ask).await.unwrap();
        anchors.extend(given.anchors);
        world.later(MINUTE);
        let opened = world.open("a-1.example", Shape::Widest).await.unwrap();
        world.later(SECOND);
        let written = world.store.revoke_grant(&world.owner, &world.now, world.project, &name("a")).await.unwrap();
        anchors.extend(written.anchors);
        world.store.close_session(&world.now, closed(opened.session, SessionEnd::Revoked)).await.unwrap();
    }
    let mut more = wanted(world.organization);
    more[0].nodes.push(wanted_node("a-3.example", 9));
    more[0].nodes[0].address = "10.9.9.9:2222".parse().unwrap();
    more.remove(1);
    world.store.apply_inventory(&Actor::Administrator, &world.now, &more, Prune::Remove).await.unwrap();
    world.grant("a", GrantType::Infrastructure).await;
    world.later(DAY + MINUTE);
    world.store.sweep(&world.now).await.unwrap();
    let unblocked = world.store.unblock(&world.owner, &world.now, world.organization).await.unwrap();
    anchors.extend(unblocked.anchors);
    world.open("a-3.example", Shape::Node).await.unwrap();
    world.later(SECOND);
    world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
    anchors
}

#[tokio::test]
async fn evidence_of_a_long_story_verifies_with_every_anchor() {
    let mut world = World::new().await;
    let anchors = story(&mut world).await;
    world.assert_sound().await;
    let key = VerifyingKey::parse(&world.store.verifying_key()).unwrap();
    let evidence = world.store.evidence(&world.owner, world.organization).await.unwrap();
    let report = verify(&Bundle::from_json(&evidence).unwrap(), Some(&key), &anchors);
    assert_eq!(report.findings, []);
    assert_eq!((report.verdict, report.anchors), (Verdict::Verified, anchors.len() as u64));
    assert_eq!(report.rights, Some(Rights::Whole), "an owner sees all, and the file says so");
    assert!(!evidence.contains("Ada") && !evidence.contains("192.0.2.1"), "nothing identifies the employee");
}

#[tokio::test]
async fn a_member_exports_what_they_may_see_and_hashes_of_the_rest() {
    let mut world = World::new().await;
    story(&mut world).await;
    let member = Roles::in_organization([OrgRole::Member]).with(world.other_project, ProjectRole::ReadOnly);
    let member = join(&world, "ro@shop.example", member).await;
    let evidence = world.store.evidence(&member, world.organization).await.unwrap();
    let key = VerifyingKey::parse(&world.store.verifying_key()).unwrap();
    let report = verify(&Bundle::from_json(&evidence).unwrap(), Some(&key), &[]);
    assert_eq!((report.verdict, &report.findings), (Verdict::Verified, &Vec::new()));
    assert!(report.hidden > 0 && report.replayed > 0);
    assert_eq!(report.rights, Some(Rights::Projects));
    assert!(!evidence.contains("a-1.example"));
}

/// A log may be longer than memory, and whoever takes it away may lose the right to half-way.
#[tokio::test]
async fn evidence_is_told_piece_by_piece_to_whoever_may_still_read_it() {
    let world = World::new().await;
    let reader = join(&world, "ro@shop.example", Roles::in_organization([OrgRole::Member])).await;
    for _ in 0..260 {
        world.block().await;
        world.store.unblock(&world.owner, &world.now, world.organization).await.unwrap();
    }
    let mut export = world.store.export(&reader, world.organization).await.unwrap();
    let size = world.store.sealed(&reader, LogId::Organization(world.organization)).await.unwrap().size;
    // What comes while it is taken away is not of its checkpoint.
    world.block().await;
    let (mut text, mut longest) = (String::new(), 0);
    while let Some(piece) = export.next_piece().await.unwrap() {
        longest = longest.max(piece.lines().count());
        text.push_str(&piece);
    }
    assert!(size > 520 && longest <= 501, "{longest} of {size} entries are held at once");
    let key = VerifyingKey::parse(&world.store.verifying_key()).unwrap();
    let report = verify(&Bundle::from_json(&text).unwrap(), Some(&key), &[]);
    assert_eq!((report.verdict, report.findings, text.lines().count() as u64), (Verdict::Verified, vec![], size + 6));

    let mut export = world.store.export(&reader, world.organization).await.unwrap();
    export.next_piece().await.unwrap();
    export.next_piece().await.unwrap();
    let Actor::User { id, .. } = reader else { panic!("the reader is a user") };
    world.store.remove_user(&world.owner, &world.now, world.organization, id).await.unwrap();
    assert!(matches!(export.next_piece().await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn every_state_is_proved_to_be_continued() {
    let mut world = World::new().await;
    let anchors = story(&mut world).await;
    let key = VerifyingKey::parse(&world.store.verifying_key()).unwrap();
    let log = LogId::Organization(world.organization);
    for anchor in &anchors {
        let old = anchor.open(&key).unwrap().head();
        let now = world.store.continuation(&world.owner, log, old.size).await.unwrap();
        let new = Checkpoint::open(&now.checkpoint, &key).unwrap().head();
        assert!(is_consistent(old, new, &now.proof));
    }
    let size = world.store.checkpoint(&world.owner, log).await.unwrap().index + 1;
    for from in 0..=size {
        assert!(world.store.continuation(&world.owner, log, from).await.is_ok(), "{from} of {size}");
    }
    let sealed = world.store.sealed(&world.owner, log).await.unwrap();
    let head = Checkpoint::open(&sealed.anchor.checkpoint, &key).unwrap().head();
    assert_eq!((sealed.size, sealed.root), (head.size, head.root.to_base64()));
    let query = EventQuery { per_page: 1, ..EventQuery::newest(EventsOf::Organization(world.organization)) };
    let last = world.store.events(&world.owner, query).await.unwrap();
    assert_eq!(sealed.at, last.rows[0].entry.at);
    assert!(matches!(world.store.sealed(&Actor::Administrator, log).await, Err(StoreError::Forbidden(_))));
    let beyond = world.store.continuation(&world.owner, log, size + 1).await.unwrap();
    let old = Head { size: size + 1, root: Hash::of_nothing() };
    let new = Checkpoint::open(&beyond.checkpoint, &key).unwrap().head();
    assert!(!is_consistent(old, new, &beyond.proof), "a log that became shorter cannot be proved");
    let stranger = world.store.continuation(&Actor::Administrator, log, 1).await;
    assert!(matches!(stranger, Err(StoreError::Forbidden(_))), "{stranger:?}");
    let admin = world.store.checkpoint(&Actor::Administrator, log).await;
    assert!(matches!(admin, Err(StoreError::Forbidden(_))), "{admin:?}");
    assert!(world.store.checkpoint(&Actor::Administrator, LogId::Installation).await.is_ok());
}

#[tokio::test]
async fn tampering_with_the_database_is_found() {
    let statements: &'static [(&'static str, &str)] = &[
        ("UPDATE organizations SET blocked = 1", "the block differs"),
        ("UPDATE organizations SET longest_ms = 5", "the longest grant differs"),
        ("UPDATE roles SET role = 'ORG_READ_ONLY' WHERE user_id IS NOT NULL AND project IS NULL", "the users"),
        ("UPDATE nodes SET address = '10.0.0.99:22' WHERE host = 'a-1.example'", "the inventory of cluster"),
        ("UPDATE sessions SET ended_at = NULL, end_reason = NULL", "the open sessions differ"),
        ("UPDATE logs SET size = size + 1, frontier = X'00' WHERE log <> 'installation'", "frontier"),
        ("UPDATE feed_blocks SET leaves = leaves + 1 WHERE name = 'grant.given'", "the counts for the pages"),
        ("UPDATE disclosures SET text = 'eve@shop.example'", "is not the one that was logged"),
        (
            "DROP TRIGGER leaves_no_update; UPDATE leaves SET leaf = replace(CAST(leaf AS TEXT), '10.9.9.9', '10.9.9.8')",
            "entry",
        ),
        ("DROP TRIGGER grants_no_delete; DELETE FROM sessions; DELETE FROM grants", "the grants of cluster"),
    ];
    for (statement, finding) in statements {
        let mut world = World::new().await;
        let anchors = story(&mut world).await;
        world.grant("a", GrantType::Infrastructure).await;
        let sql = rusqlite::Connection::open(world.dir.path().join("byleave.db")).unwrap();
        sql.execute_batch(statement).unwrap();
        let audit = world.store.audit_state().await.unwrap();
        let outside = Store::examine(world.dir.path(), &SealingKey::from_bytes([7; 32]), &world.now).await.unwrap();
        assert_eq!(outside.audit, audit);
        let found = audit.findings.iter().any(|text| text.contains(finding));
        assert!(found, "{statement}: {:?}", audit.findings);
        if statement.contains("UPDATE leaves") {
            let key = VerifyingKey::parse(&world.store.verifying_key()).unwrap();
            let evidence = world.store.evidence(&world.owner, world.organization).await.unwrap();
            let report = verify(&Bundle::from_json(&evidence).unwrap(), Some(&key), &anchors);
            assert_eq!(report.verdict, Verdict::Failed);
            assert!(report.findings.iter().all(|finding| finding.kind != Kind::Key));
        }
    }
}

//! The database is gone, or is yesterday's.

use std::fs;

use crate::cli::story::copy;
use crate::fault::kill::assert_sound;
use crate::fault::scene::{Scene, verify};

/// Fault: the database file is moved away under the running server.
///
/// Expected: nothing is committed into a file that nobody will find: nobody new gets in, a revoke cuts the live session
/// and says that it is not recorded. With the file back everything works and nothing is missing.
#[test]
fn a_database_that_is_moved_away_closes_the_door() {
    let mut scene = Scene::begin();
    scene.grant();
    let mut live = scene.enter();
    let (database, away) = (scene.server.data().join("byleave.db"), scene.server.data().join("away.db"));
    fs::rename(&database, &away).unwrap();
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    let told = scene.owner.run(&["revoke", "Shop"]).fails(5);
    assert!(told.contains("1 live sessions were ended") && told.contains("the revoke is not recorded"), "{told}");
    assert_ne!(live.ends().code, 0);
    fs::rename(&away, &database).unwrap();
    scene.owner.run(&["revoke", "Shop"]).ok();
    assert_eq!(scene.newest_end(), "revoked");
    scene.assert_evidence();
    scene.server.kill();
    assert_sound(&scene.server.data());
    scene.server.start_again(&[]);
}

/// Fault: the database file was removed while the server was stopped.
///
/// Expected: a new, empty installation: nothing is open to anybody, the customer's credentials are refused, and its log
/// has another key than the one that the customer kept.
#[test]
fn a_database_that_is_removed_opens_nothing_and_is_another_installation() {
    let mut scene = Scene::begin();
    scene.grant();
    let key = fs::read_to_string(scene.log_key()).unwrap();
    scene.server.while_stopped(|data| {
        for name in ["byleave.db", "byleave.db-wal", "byleave.db-shm"] {
            let _not_always_there = fs::remove_file(data.join(name));
        }
    });
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.owner.run(&["grants"]).fails(3);
    assert_ne!(scene.server.anybody().run(&["evidence", "key"]).ok(), key);
}

/// Fault: the backup of yesterday is restored, in which a grant was in force that was revoked since.
///
/// Expected: the customer's next command says that history is not to be believed, and the exported evidence fails
/// against the anchors that were kept, while it would verify without them.
#[test]
fn a_revoked_grant_does_not_revive_unnoticed() {
    let mut scene = Scene::begin();
    scene.grant();
    let backup = tempfile::tempdir().unwrap();
    scene.server.while_stopped(|data| copy(data, backup.path()));
    let before = scene.anchors().with_file_name("before.jsonl");
    fs::copy(scene.anchors(), &before).unwrap();
    scene.owner.run(&["revoke", "Shop"]).ok();
    scene.server.while_stopped(|data| {
        fs::remove_dir_all(data).unwrap();
        copy(backup.path(), data);
    });
    let told = scene.owner.run(&["grants", "--active"]).fails(1);
    assert!(told.contains("not to be believed") && told.contains("older backup"), "{told}");
    let (file, key) = (scene.node.path("evidence.json"), scene.node.path("log.vkey"));
    // Somebody without memory exports: the program that remembers would complain.
    let settings = scene.owner.run(&["evidence", "export", "--to", file.to_str().unwrap()]);
    assert_eq!(settings.code, 1, "{settings:?}");
    fs::write(&key, scene.server.anybody().run(&["evidence", "key"]).ok()).unwrap();
    let ran = verify(&file, &key, &before);
    assert!(ran.code == 0 && ran.out.starts_with("verified"), "the backup itself is sound: {ran:#?}");
    let ran = verify(&file, &key, &scene.anchors());
    assert!(ran.code == 1 && ran.out.contains("wrong"), "{ran:#?}");
}

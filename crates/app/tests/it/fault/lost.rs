//! The database is gone, or is yesterday's.

use std::fs;
use std::path::Path;

use crate::cli::story::copy;
use crate::fault::kill::{Syncs, assert_sound, kill_first_start};
use crate::fault::scene::{Scene, verify};
use crate::server::Server;

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
    scene.is_ready_but(&["store", "lease"]);
    fs::rename(&away, &database).unwrap();
    scene.owner.run(&["revoke", "Shop"]).ok();
    assert_eq!(scene.newest_end(), "revoked");
    scene.assert_evidence();
    scene.server.kill();
    assert_sound(&scene.server.data());
    scene.server.start_again(&[]);
}

/// Fault: the database file was removed, or emptied, while the server was stopped.
///
/// Expected: the server does not start, says what to do, and changes nothing; with the backup back everything is there.
/// A new installation is begun in it only after the old one's keys were moved away.
#[test]
fn a_server_that_lost_its_database_does_not_begin_anew() {
    let mut scene = Scene::begin();
    scene.grant();
    scene.server.kill();
    let (data, backup) = (scene.server.data(), tempfile::tempdir().unwrap());
    copy(&data, backup.path());
    for name in ["byleave.db", "byleave.db-wal", "byleave.db-shm"] {
        fs::remove_file(data.join(name)).unwrap();
    }
    let before = names(&data);
    let told = scene.server.does_not_start();
    assert!(told.contains("byleave.db` is gone") && told.contains("restore") && told.contains("seal.key"), "{told}");
    assert_eq!(names(&data), before, "nothing is made");
    fs::write(data.join("byleave.db"), "").unwrap();
    let told = scene.server.does_not_start();
    assert!(told.contains("no installation"), "{told}");
    copy(backup.path(), &data);
    fs::remove_file(data.join("seal.key")).unwrap();
    let told = scene.server.does_not_start();
    assert!(told.contains("seal.key` is missing") && !data.join("seal.key").exists(), "{told}");
    copy(backup.path(), &data);
    scene.server.start_again(&[]);
    assert_eq!(scene.in_force().len(), 1);
    scene.assert_evidence();
    scene.server.kill();
    for name in before.iter().filter(|name| *name != "lock") {
        fs::rename(data.join(name), backup.path().join(format!("old {name}"))).unwrap();
    }
    for name in ["byleave.db", "byleave.db-wal", "byleave.db-shm"] {
        let _not_always_there = fs::remove_file(data.join(name));
    }
    scene.server.start_again(&[]);
    scene.owner.run(&["grants"]).fails(3);
}

/// What is in a directory.
fn names(directory: &Path) -> Vec<String> {
    let inside = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = inside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Fault: `kill -9` of a first start at each sync, rename, link and removal that it makes: of any file, then of the
/// database's.
///
/// Expected: the next start goes on with it and the installation is whole; once that has started, it is not begun again.
#[test]
fn a_first_start_that_was_killed_goes_on() {
    for syncs in [Syncs::Any, Syncs::Database] {
        let mut kills = 0;
        loop {
            let root = tempfile::tempdir().unwrap();
            let data = root.path().canonicalize().unwrap().join("data");
            let killed = kill_first_start(&data, syncs, kills + 1);
            let server = Server::start_in(root);
            let invited = server.administrator().run(&["organizations", "invite", "Shop", "mia@shop.example"]);
            invited.ok();
            assert!(!data.join("installing").exists());
            drop(server);
            if !killed {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 10, "{syncs:?}: {kills}");
    }
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

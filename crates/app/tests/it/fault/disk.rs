//! No room left: on the disk of the recordings, and on the disk of the database. Both are small file systems in memory
//! that only the server sees, in a mount namespace of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::fault::scene::Scene;

/// Starts the server again where `folder` of its data is a file system of `kib` KiB that holds what was there.
fn start_in_memory(scene: &mut Scene, folder: &str, kib: u32) {
    scene.server.kill();
    let place = scene.server.data().join(folder);
    fs::create_dir_all(&place).unwrap();
    let (place, kept) = (place.display(), scene.node.path("kept"));
    let kept = kept.display();
    let script = format!(
        "set -e; cp -a '{place}' '{kept}'; mount -t tmpfs -o size={kib}k,mode=0700 byleave '{place}'; \
         cp -a '{kept}/.' '{place}'; exec \"$@\""
    );
    let own = if nix::unistd::getuid().is_root() { "-m" } else { "-rm" };
    scene.server.start_again(&["unshare", own, "sh", "-c", &script, "sh"]);
}

/// A path of the data directory, as the server sees it.
fn inside(scene: &Scene, name: &str) -> PathBuf {
    let path = scene.server.data().join(name);
    Path::new(&format!("/proc/{}/root", scene.server.pid())).join(path.strip_prefix("/").unwrap())
}

/// Takes all the room there is.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [64 * 1024, 4096, 1] {
        let chunk = vec![b'x'; size];
        while file.write_all(&chunk).is_ok() {}
    }
}

/// Fault: the disk of the recordings is full while a session sends more than fits.
///
/// Expected: the session ends with `recording failed`; every byte that the engineer got is in the recording; nobody
/// new gets a byte, and the server says that it is not ready; with room again sessions work.
#[test]
fn nothing_is_delivered_that_could_not_be_recorded() {
    let mut scene = Scene::begin();
    start_in_memory(&mut scene, "recordings", 512);
    scene.grant();
    let mut ssh = scene.ssh("echo in; read go; exec seq 1 1000000");
    assert!(ssh.answers("in"), "it does not get in: {:?}", ssh.ends());
    let ended = ssh.ends();
    assert_ne!(ended.code, 0, "{}", ended.told);
    assert_eq!(scene.newest_end(), "recording failed");
    let (session, to) = (scene.sessions()[0]["id"].as_str().unwrap().to_owned(), scene.owner.home().join("recording"));
    scene.owner.run(&["sessions", "recording", &session, "--to", to.to_str().unwrap()]).ok();
    let recorded = fs::read(to.join("1.stdout")).unwrap();
    assert!(recorded.len() > 200_000, "it ended before the disk was full: {}", recorded.len());
    assert!(recorded.starts_with(&ended.heard), "{} delivered, {} recorded", ended.heard.len(), recorded.len());
    fill(&inside(&scene, "recordings/filler"));
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.is_ready_but(&["recordings"]);
    fs::remove_file(inside(&scene, "recordings/filler")).unwrap();
    fs::remove_dir_all(inside(&scene, &format!("recordings/{session}"))).unwrap();
    scene.is_ready_but(&[]);
    scene.enter();
    scene.assert_evidence();
}

/// Fault: the disk of the database is full, so that nothing can be committed, while a session is live.
///
/// Expected: a revoke cuts the session all the same, answers 503 and says what was ended and that it is not recorded;
/// nobody new gets in, also after the server was killed and started; with room again the revoke is recorded.
#[test]
fn a_revoke_that_finds_no_room_cuts_and_says_that_it_is_not_recorded() {
    let mut scene = Scene::begin();
    start_in_memory(&mut scene, "", 16 * 1024);
    scene.grant();
    let mut live = scene.enter();
    fill(&inside(&scene, "filler"));
    let told = scene.owner.run(&["revoke", "Shop"]).fails(5);
    assert!(told.contains("1 live sessions were ended") && told.contains("the revoke is not recorded"), "{told}");
    let ended = live.ends();
    assert!(ended.code != 0 && ended.heard == b"in\n", "{ended:?}");
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.is_ready_but(&["store", "recordings", "lease"]);
    fs::remove_file(inside(&scene, "filler")).unwrap();
    scene.owner.run(&["revoke", "Shop"]).ok();
    assert_eq!(scene.in_force().len(), 0);
    assert_eq!(scene.newest_end(), "revoked");
    scene.grant();
    assert!(scene.enter().answers("the door is held shut no longer"));
    scene.assert_evidence();
}

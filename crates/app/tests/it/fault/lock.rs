//! Another process holds the database.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::fault::scene::Scene;

/// The sqlite3 program in the middle of a write transaction.
struct Holder(Child);

impl Holder {
    fn take(scene: &Scene) -> Self {
        let mut command = Command::new("sqlite3");
        command.arg(scene.server.data().join("byleave.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sqlite3 is needed for this test; install the package sqlite3");
        let script = b".timeout 30000\nBEGIN EXCLUSIVE;\nSELECT 'held';\n";
        child.stdin.as_mut().unwrap().write_all(script).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// Fault: another process locks the database and does not let go.
///
/// Expected: nobody new gets in, live sessions end at their lease, the server says that it is not ready; afterwards
/// everything works again.
#[test]
fn live_sessions_end_at_their_lease_while_the_store_is_locked() {
    let scene = Scene::begin();
    scene.grant();
    let mut live = scene.enter();
    let holder = Holder::take(&scene);
    assert!(live.answers("the lock alone ends nothing"));
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    assert!(refused.told.contains("cannot open a session now"), "{refused:?}");
    scene.is_ready_but(&["store"]);
    let ended = live.ends();
    assert_ne!(ended.code, 0, "{ended:?}");
    scene.is_ready_but(&["store", "lease"]);
    holder.release();
    scene.is_ready_but(&[]);
    assert_eq!(scene.newest_end(), "lease ran out");
    assert!(scene.enter().answers("the door is open again"));
    scene.assert_evidence();
}

/// Fault: the same, and the owner revokes.
///
/// Expected: the live session is cut at once, long before its lease; the answer is 503 and says what was ended and that
/// the revoke is not recorded; nobody gets in; once the store is free the revoke can be recorded, and the latch that
/// held the door shut is gone.
#[test]
fn a_revoke_while_the_store_is_locked_cuts_and_says_that_it_is_not_recorded() {
    let scene = Scene::begin();
    scene.grant();
    let mut live = scene.enter();
    let holder = Holder::take(&scene);
    let told = scene.owner.run(&["revoke", "Shop"]).fails(5);
    assert!(told.contains("1 live sessions were ended") && told.contains("the revoke is not recorded"), "{told}");
    let ended = live.ends();
    assert!(ended.code != 0 && ended.heard == b"in\n", "{ended:?}");
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    let told = scene.owner.run(&["grant", "Shop"]).fails(5);
    assert!(!told.contains("granted"), "{told}");
    holder.release();
    scene.owner.run(&["revoke", "Shop"]).ok();
    assert_eq!(scene.in_force().len(), 0);
    assert_eq!(scene.newest_end(), "revoked");
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    scene.grant();
    assert!(scene.enter().answers("the latch is gone"));
    scene.assert_evidence();
}

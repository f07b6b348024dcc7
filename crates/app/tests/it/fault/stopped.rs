//! The server is stopped while time goes on.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fault::scene::{Scene, Ssh};

/// How long the grant is.
pub(super) const SHORT: &str = "6s";
/// Longer than that.
pub(super) const LONGER: Duration = Duration::from_secs(7);

/// Sessions that print: enough that some always have output between the node's connection and the engineer's.
const SESSIONS: usize = 6;

/// Fault: the whole server process is stopped (SIGSTOP) while sessions that print without pause are live, and goes on
/// (SIGCONT) only after the grant has expired.
///
/// Expected: after it goes on not one byte more reaches an engineer, also none of what was on its way through the server
/// when it stopped; the sessions end as `expired`; so does every session of a machine that was suspended.
#[test]
fn not_one_byte_passes_after_a_stop_across_the_expiry() {
    let scene = Scene::begin();
    scene.owner.run(&["grant", "Shop", "--for", SHORT]).ok();
    let live = printing(&scene);
    nothing_passes_after_a_stop(&scene, live, LONGER, || ());
    assert_eq!(scene.newest_end(), "expired");
    scene.assert_evidence();
}

/// Sessions that print without pause.
pub(super) fn printing(scene: &Scene) -> Vec<Ssh> {
    let mut live: Vec<_> = (0..SESSIONS).map(|_| scene.ssh("while :; do echo tick; done")).collect();
    for session in &mut live {
        assert!(session.hears("tick\n"), "{:?}", session.ends());
    }
    live
}

/// Stops the server while sessions print, does something once nothing has come for a while, and lets it go on: not one byte
/// more reaches an engineer, and the sessions end.
pub(super) fn nothing_passes_after_a_stop(
    scene: &Scene,
    mut live: Vec<Ssh>,
    quiet: Duration,
    meanwhile: impl FnOnce(),
) {
    let server = Pid::from_raw(scene.server.pid());
    kill(server, Signal::SIGSTOP).unwrap();
    // What was sent before the server stopped arrives; then nothing does.
    let mut wait = quiet;
    for session in &mut live {
        session.hears_out(std::mem::take(&mut wait));
        assert!(session.is_running(), "only a live session can show that nothing passes");
    }
    meanwhile();
    kill(server, Signal::SIGCONT).unwrap();
    for session in &mut live {
        assert!(session.hears_nothing_more(), "bytes passed after the end");
        let ended = session.ends();
        assert_ne!(ended.code, 0, "{}", ended.told);
    }
}

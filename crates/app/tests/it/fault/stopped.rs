//! The server is stopped while time goes on.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fault::scene::Scene;

/// How long the grant is.
const SHORT: &str = "6s";
/// Longer than that.
const LONGER: Duration = Duration::from_secs(7);

/// Fault: the whole server process is stopped (SIGSTOP) while a session that prints without pause is live, and goes on
/// (SIGCONT) only after the grant has expired.
///
/// Expected: after it goes on not one byte more reaches the engineer; the session ends as `expired`; so does every
/// session of a machine that was suspended.
#[test]
fn not_one_byte_passes_after_a_stop_across_the_expiry() {
    let scene = Scene::begin();
    scene.owner.run(&["grant", "Shop", "--for", SHORT]).ok();
    let mut live = scene.ssh("while :; do echo tick; done");
    assert!(live.hears("tick\n"), "{:?}", live.ends());
    let server = Pid::from_raw(scene.server.pid());
    kill(server, Signal::SIGSTOP).unwrap();
    // What was on its way when the server stopped arrives; then nothing does, beyond the expiry.
    live.hears_out(LONGER);
    assert!(live.is_running(), "only a live session can show that nothing passes");
    let before = live.heard.len();
    kill(server, Signal::SIGCONT).unwrap();
    let ended = live.ends();
    assert_eq!(ended.heard.len(), before, "{} bytes passed after the expiry", ended.heard.len() - before);
    assert_ne!(ended.code, 0, "{}", ended.told);
    assert_eq!(scene.newest_end(), "expired");
    scene.assert_evidence();
}

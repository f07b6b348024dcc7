//! The clocks of the machine disagree.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::fault::scene::{Scene, Ssh};
use crate::fault::stopped::{LONGER, SHORT, nothing_passes_after_a_stop, printing};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// How long live sessions outlive doubt, and how late an end may be told by a machine that has much to do, in
/// milliseconds.
const LEASE: i64 = 10_000;
const LATE: i64 = 5_000;

/// Until nothing more is on its way to the engineers.
const QUIET: Duration = Duration::from_secs(1);

/// Fault: while the server was stopped, the wall clock was set back an hour, or forward; to the server both look as if the
/// boot clock had been moved, which a time namespace does.
///
/// Expected: nobody gets in and nothing is granted, also under the grant that is in force; what closes the door works; the
/// server says that it is not ready. An administrator leaves doubt, which ends every grant; then all works again.
#[test]
fn a_clock_that_was_turned_while_the_server_was_stopped_opens_nothing_until_every_grant_has_ended() {
    for (boot, closes) in [("3600", "revoke"), ("-3600", "nothing")] {
        let mut scene = Scene::begin();
        scene.owner.run(&["grant", "Shop", "--for", "2h"]).ok();
        scene.server.kill();
        scene.server.start_again(&["unshare", "--time", "--boottime", boot]);
        let refused = scene.ssh("echo in").ends();
        assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
        let told = scene.owner.run(&["grant", "Shop"]);
        assert!(told.code != 0 && told.err.contains("clock"), "{told:?}");
        assert!(!scene.server.is_ready());
        assert_eq!(scene.in_force().len(), 1);
        if closes == "revoke" {
            scene.owner.run(&["revoke", "Shop"]).ok();
        }
        scene.owner.run(&["block"]).ok();
        scene.administrator.run(&["clock", "leave-doubt"]).ok();
        assert_eq!(scene.in_force().len(), 0);
        scene.is_ready_but(&[]);
        scene.grant();
        assert!(scene.enter().answers("the clock is believed again"));
        scene.assert_evidence();
    }
}

/// Fault: the wall clock of a running server is set back an hour while sessions that print are live under a short grant.
///
/// Expected: the grant ends when it would have ended, by the boot clock: not one byte passes after that, also none of what
/// was on its way through the server; the sessions end as `expired`.
#[test]
fn not_one_byte_passes_after_the_expiry_of_a_grant_though_the_wall_clock_was_set_back() {
    let turned = Turned::begin();
    let scene = &turned.scene;
    scene.owner.run(&["grant", "Shop", "--for", SHORT]).ok();
    let live = printing(scene);
    turned.by(-HOUR);
    nothing_passes_after_a_stop(scene, live, LONGER, || ());
    assert_eq!(scene.newest_end(), "expired");
    assert_eq!(turned.grant_left(), None);
    turned.is_in_doubt("behind the latest time recorded");
    turned.by(0);
    turned.assert_trusted();
    scene.assert_evidence();
}

/// Fault: the wall clock of a running server is set back an hour while sessions are live, and later right again.
///
/// Expected: the server is not ready and `doctor` says why; nobody new gets in, nothing is granted; live sessions end within
/// their lease as `clock doubt`; the timer goes on, no grant gets longer. With the clock right again, all works under the
/// same grant.
#[test]
fn a_wall_clock_set_back_under_live_sessions_ends_them_at_their_lease_and_lengthens_nothing() {
    let turned = Turned::begin();
    let scene = &turned.scene;
    scene.grant();
    // They print for longer than any lease, and not for ever.
    let mut live: Vec<_> = (0..3).map(|_| scene.ssh("for i in $(seq 1000); do echo tick; sleep 0.03; done")).collect();
    assert!(live.iter_mut().all(|session| session.hears("tick\n")));
    let (before, left) = (turned.now(), turned.grant_left().unwrap());
    turned.by(-HOUR);
    turned.opens_nothing("behind the latest time recorded");
    for ended in live.iter_mut().map(Ssh::ends) {
        assert_ne!(ended.code, 0, "{}", ended.told);
    }
    assert_eq!(scene.newest_end(), "clock doubt");
    let ended = scene.sessions().iter().map(|session| instant(&session["endedAt"])).max().unwrap();
    assert!((before..before + LEASE + LATE).contains(&ended), "they ended {} ms after the step", ended - before);
    let (now, left_now) = (turned.now(), turned.grant_left().unwrap());
    assert!(now > before && left_now < left, "time stood still: {now} {before}, {left_now} {left}");
    assert!((left - left_now - (now - before)).abs() < LATE, "the timer counts the time that passed");
    turned.by(0);
    turned.assert_trusted();
    assert!(scene.enter().answers("the same grant, the clock right again"));
    scene.assert_evidence();
}

/// Fault: the wall clock of a running server is set forward a day while sessions that print are live, and then right again.
///
/// Expected: a deadline counts by the first of the clocks to reach it, so not one byte passes from then on, also none of what
/// was on its way through the server; the sessions end as `expired`. Nobody gets in and nothing is granted; a revoke works
/// and stays. The grant is neither ended nor lengthened by the clock alone: with the clock right again, it still counts.
#[test]
fn not_one_byte_passes_after_the_wall_clock_was_set_forward_a_day() {
    let turned = Turned::begin();
    let scene = &turned.scene;
    scene.grant();
    let left = turned.grant_left().unwrap();
    nothing_passes_after_a_stop(scene, printing(scene), QUIET, || turned.by(DAY));
    assert_eq!(scene.newest_end(), "expired");
    turned.opens_nothing("off the boot clock");
    turned.by(0);
    turned.assert_trusted();
    assert!(turned.grant_left().unwrap() < left, "the grant is the same, and no longer");
    let mut live = scene.enter();
    turned.by(DAY);
    scene.owner.run(&["revoke", "Shop"]).ok();
    assert_ne!(live.ends().code, 0);
    turned.by(0);
    turned.assert_trusted();
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "a revoke stays, whatever time it was: {refused:?}");
    scene.grant();
    assert!(scene.enter().answers("a new consent"));
    scene.assert_evidence();
}

/// A server whose wall clock we turn while it runs; those of the machine, the node and its clients stay right.
struct Turned {
    scene: Scene,
    offset: File,
}

impl Turned {
    fn begin() -> Self {
        let mut scene = Scene::begin();
        let library = scene.node.path("wall_clock.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/wall_clock.c");
        let mut compiler = Command::new("cc");
        let compiled =
            compiler.args(["-std=c11", "-Wall", "-O2", "-shared", "-fPIC", source, "-o"]).arg(&library).status();
        assert!(compiled.unwrap().success(), "a C compiler is needed for this test; install the package gcc");
        let place = scene.node.path("wall_clock_offset");
        let turned = File::create(&place).unwrap();
        turned.write_all_at(&0_i64.to_ne_bytes(), 0).unwrap();
        scene.server.kill();
        let preload = format!("LD_PRELOAD={}", library.display());
        scene.server.start_again(&["env", &preload, &format!("WALL_CLOCK_OFFSET={}", place.display())]);
        Self { scene, offset: turned }
    }

    /// Turns the server's wall clock this many seconds off what is right.
    fn by(&self, seconds: i64) {
        self.offset.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// What time it is for the server, in milliseconds.
    fn now(&self) -> i64 {
        instant(&self.scene.administrator.run(&["clock", "show", "--output", "json"]).json()["now"])
    }

    /// What is left of the grant in force, in milliseconds, if one is.
    fn grant_left(&self) -> Option<i64> {
        let told = self.scene.owner.run(&["watch", "Shop", "--once", "--output", "json"]).json();
        told["remainingMs"].as_i64().filter(|left| *left > 0)
    }

    /// The server is not ready, and `doctor` says why.
    #[track_caller]
    fn is_in_doubt(&self, why: &str) {
        assert!(!self.scene.server.is_ready());
        let ran = self.scene.server.anybody().run(&["doctor"]);
        let said = ran.out.lines().any(|line| line.starts_with("WRONG  clock: in doubt") && line.contains(why));
        assert!(ran.code == 1 && said, "{ran:#?}");
    }

    /// The same, and nobody new gets in, and nothing is granted.
    #[track_caller]
    fn opens_nothing(&self, why: &str) {
        let refused = self.scene.ssh("echo in").ends();
        assert!(refused.code != 0 && refused.heard.is_empty() && refused.told.contains("clock"), "{refused:?}");
        let told = self.scene.owner.run(&["grant", "Shop", "--for", "2h"]);
        assert!(told.code != 0 && told.err.contains("clock"), "{told:?}");
        self.is_in_doubt(why);
    }

    /// The clock is trusted and the server ready again.
    fn assert_trusted(&self) {
        self.scene.is_ready_but(&[]);
        let told = self.scene.administrator.run(&["clock", "show", "--output", "json"]).json();
        assert_eq!(told["doubt"], Value::Null, "{told}");
    }
}

/// An instant of an answer in milliseconds.
fn instant(told: &Value) -> i64 {
    told.as_str().and_then(|text| text.parse::<byleave_core::time::Timestamp>().ok()).unwrap().millis()
}

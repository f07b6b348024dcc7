//! `kill -9` of the server at every sync of what must be durable.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use byleave_core::time::{BootId, Entropy, Reading, Timestamp};
use byleave_store::{SealingKey, Store, StoreOptions};
use nix::time::{ClockId, clock_gettime};

use crate::cli::story::copy;
use crate::fault::scene::{Scene, Ssh};
use crate::server::{Server, spawn};

/// More syncs than any step makes by far: what is killed more often never ends.
const MOST: usize = 10;

/// Which syncs are counted. strace counts by thread; the store has one thread that writes, recordings have theirs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Syncs {
    /// Those of the database: the commits.
    Database,
    /// Those of any file.
    Any,
}

impl Syncs {
    /// Has strace look at these only.
    fn limit(self, strace: &mut Command, data: &Path) {
        if let Self::Database = self {
            for name in ["byleave.db", "byleave.db-wal", "byleave.db-journal"] {
                strace.arg("-P").arg(data.join(name));
            }
        }
    }
}

/// Starts a server for the first time and kills it at the `nth` change that it makes durable; false if it makes fewer
/// and was stopped once it was ready.
pub(super) fn kill_first_start(data: &Path, syncs: Syncs, nth: usize) -> bool {
    const CALLS: &str = "fsync,fdatasync,rename,linkat,unlink";
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e"]).arg(format!("trace={CALLS}"));
    command.arg("-e").arg(format!("inject={CALLS}:signal=KILL:when={nth}"));
    syncs.limit(&mut command, data);
    let (mut child, said) = spawn(command, data, ["127.0.0.1:0"; 2]);
    // The first word of its log after what the start itself has to say.
    let ready = BufReader::new(said).lines().map_while(Result::ok).any(|line| line.contains("pages="));
    if ready {
        let inside = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let server = nix::unistd::Pid::from_raw(inside.trim().parse().unwrap());
        nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    child.wait().unwrap();
    !ready
}

/// Kills the server when one of its threads begins its `nth` sync from now on.
pub(super) struct Killer(Child);

impl Killer {
    pub(super) fn attach(server: &Server, syncs: Syncs, nth: usize) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"]);
        command.arg(format!("inject=fsync,fdatasync:signal=KILL:when={nth}")).args(["-p", &server.pid().to_string()]);
        syncs.limit(&mut command, &server.data().canonicalize().unwrap());
        let strace = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut strace = strace.expect("strace is needed for this test; install the package strace");
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace cannot attach (as root it can): {line}");
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self(strace)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        // It ends with the server; after a failure the server still runs.
        if std::thread::panicking() {
            let _ended = self.0.kill();
        }
        let _reaped = self.0.wait();
    }
}

/// A step of the main story. Each is made ready without the killer, then done under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Block,
    Grant,
    Open,
    Revoke,
    Close,
}

const STEPS: [Step; 5] = [Step::Block, Step::Grant, Step::Open, Step::Revoke, Step::Close];

impl Step {
    /// Brings the installation to where the step begins.
    fn prepare(self, scene: &Scene) -> Option<Ssh> {
        match self {
            Self::Block => {
                scene.owner.run(&["revoke", "Shop"]).ok();
                scene.owner.run(&["unblock"]).ok();
                None
            }
            Self::Grant => {
                scene.owner.run(&["revoke", "Shop"]).ok();
                None
            }
            Self::Open => {
                scene.grant();
                None
            }
            Self::Revoke | Self::Close => {
                scene.grant();
                Some(scene.enter())
            }
        }
    }

    /// Does the step, to the end of all that it writes or of the server. Answers whether it was acknowledged.
    fn act(self, scene: &Scene, live: &mut Option<Ssh>) -> bool {
        match self {
            Self::Block => scene.owner.run(&["block"]).code == 0,
            Self::Grant => scene.owner.run(&["grant", "Shop", "--for", "1h"]).code == 0,
            Self::Open => {
                let mut ssh = scene.ssh("echo in; exec cat");
                let is_in = ssh.hears("in\n");
                *live = Some(ssh);
                is_in
            }
            Self::Revoke => {
                let revoked = scene.owner.run(&["revoke", "Shop"]).code == 0;
                all_closed(scene);
                revoked
            }
            Self::Close => {
                live.iter_mut().for_each(Ssh::hang_up);
                live.iter_mut().for_each(|ssh| drop(ssh.ends()));
                all_closed(scene)
            }
        }
    }

    /// What must be there after the restart if the step was acknowledged.
    fn assert_kept(self, scene: &Scene) {
        let newest = || scene.sessions()[0]["endReason"].clone();
        match self {
            Self::Block => assert!(scene.is_blocked()),
            Self::Grant => assert_eq!(scene.in_force().len(), 1),
            Self::Open => assert_eq!(newest(), "restart"),
            Self::Revoke => assert_eq!(scene.in_force().len(), 0),
            Self::Close => assert_eq!(newest(), "closed by employee"),
        }
    }
}

/// Waits until every session is recorded as closed; false if the server ended before.
fn all_closed(scene: &Scene) -> bool {
    loop {
        let ran = scene.owner.run(&["sessions", "list", "--output", "json"]);
        if ran.code != 0 {
            return false;
        }
        if ran.json()["results"].as_array().unwrap().is_empty() {
            return true;
        }
    }
}

/// Fault: `kill -9` at each sync that a block, grant, session open, revoke with a live session, and session close make:
/// at the first, second, … of the database and then of any file, until the step is done (the server's heartbeat takes
/// part, so that steps are also killed there), and once more right after the step.
///
/// Expected: nothing is acknowledged before the first sync; after the restart whatever was acknowledged is there and
/// every anchor that was handed out is in the log; the evidence verifies; tables and logs agree; no session is open,
/// and one that the crash left is closed as `restart`.
#[test]
fn a_kill_at_any_sync_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let mut scene = Scene::begin();
    let mut kills = Vec::new();
    for (step, syncs) in STEPS.into_iter().flat_map(|step| [(step, Syncs::Database), (step, Syncs::Any)]) {
        for nth in 1.. {
            assert!(nth < MOST, "{step:?} is never done");
            let outcome = kill_at(&mut scene, step, syncs, nth);
            kills.push((step, syncs, nth, outcome));
            if outcome == Outcome::Survived {
                break;
            }
        }
    }
    eprintln!("{kills:#?}");
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The server was killed before it had answered.
    Killed,
    /// It was killed when it had answered.
    KilledAfterwards,
    /// The step makes fewer syncs; the server was killed right after it.
    Survived,
}

/// Does a step on a server that is killed, starts it again and checks what must hold.
fn kill_at(scene: &mut Scene, step: Step, syncs: Syncs, nth: usize) -> Outcome {
    let mut live = step.prepare(scene);
    let killer = Killer::attach(&scene.server, syncs, nth);
    let acknowledged = step.act(scene, &mut live);
    // Not asked of the kernel: a process that was killed can be there for a moment longer.
    let survived = scene.server.anybody().run(&["evidence", "key"]).code == 0;
    assert!(nth > 1 || !acknowledged && !survived, "{step:?} was acknowledged before anything was synced");
    scene.server.kill();
    drop(killer);
    assert_sound(&scene.server.data());
    scene.server.start_again(&[]);
    assert_eq!(all_open(scene), [""; 0], "{step:?}, sync {nth}");
    if acknowledged {
        step.assert_kept(scene);
    }
    scene.assert_evidence();
    match (survived, acknowledged) {
        (true, _) => Outcome::Survived,
        (false, true) => Outcome::KilledAfterwards,
        (false, false) => Outcome::Killed,
    }
}

/// The sessions that the records call open.
fn all_open(scene: &Scene) -> Vec<String> {
    let sessions = scene.sessions();
    let open = sessions.iter().filter(|session| !session["endedAt"].is_string());
    open.map(ToString::to_string).collect()
}

/// Tables and logs agree, in a copy of what the crash left.
#[track_caller]
pub(super) fn assert_sound(data: &Path) {
    let left = tempfile::tempdir().unwrap();
    copy(data, left.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let audit = runtime.block_on(async {
        let sealing = SealingKey::load(&left.path().join("seal.key")).unwrap();
        let (vendor, slug) = ("Acme".parse().unwrap(), "acme".parse().unwrap());
        let options = StoreOptions { vendor, slug, version: "audit".to_owned() };
        let store = Store::open(left.path(), options, sealing, Arc::new(Random), &now()).await.unwrap();
        store.audit_state().await.unwrap()
    });
    assert!(audit.findings.is_empty() && audit.entries > 0, "{audit:#?}");
}

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

fn now() -> Reading {
    let millis = |clock| {
        let time = clock_gettime(clock).unwrap();
        time.tv_sec() * 1_000 + time.tv_nsec() / 1_000_000
    };
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    Reading {
        wall: Timestamp::from_millis(millis(ClockId::CLOCK_REALTIME)),
        boot: BootId(boot.trim().to_owned()),
        since_boot: millis(ClockId::CLOCK_BOOTTIME),
    }
}

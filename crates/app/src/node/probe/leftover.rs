//! Does anything survive a session? The probe opens one of its own, leaves things behind in every way, and looks.

use std::fs;
use std::process::{Command, Stdio};

use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::report::{Line, Verdict};
use super::super::session::THIS_PROGRAM;
use super::line;

/// Processes that left their session, ignore signals, or lost their parent are gone when the session ends. They get a
/// second to arrive: somebody who means it would wait, too.
pub(super) fn leftovers() -> Line {
    let script = "trap '' HUP TERM; setsid sleep MARK & nohup sleep MARK >/dev/null 2>&1 & \
        (setsid sh -c 'sleep MARK & sleep MARK &' &) ; sleep 1";
    verdict(
        "leftovers",
        script,
        "no process survives: setsid, nohup, double fork and ignored signals tried; files in the home do",
    )
}

/// What a session starts cannot stop or kill the guard that will end it.
pub(super) fn guard() -> Line {
    let script = "guard=$PPID; setsid sh -c \"kill -STOP $guard; kill -KILL $guard; exec sleep MARK\" & \
        for i in 1 2 3 4 5 6 7 8 9 10; do :; done; wait & sleep 0.2; exit 0";
    verdict("guard of the session", script, "a session can neither stop nor kill the guard that ends it")
}

fn verdict(name: &str, script: &str, closed: &str) -> Line {
    // A time that no other process sleeps is the mark by which survivors are known.
    let mark = format!("{}", 8_640_000 + u64::from(std::process::id()) * 97 + name.len() as u64);
    let mut session = Command::new(THIS_PROGRAM);
    session.arg("node-session").env("SSH_ORIGINAL_COMMAND", script.replace("MARK", &mark));
    let status = session.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let survivors = survivors(&mark);
    for pid in &survivors {
        let _may_have_ended = kill(*pid, Signal::SIGKILL);
    }
    match status {
        Err(error) => line(name, Verdict::NotTested, &format!("a session cannot be opened here: {error}")),
        Ok(_) if survivors.is_empty() => line(name, Verdict::Closed, closed),
        Ok(_) => line(name, Verdict::Open, &format!("{} processes survived the end of their session", survivors.len())),
    }
}

fn survivors(mark: &str) -> Vec<Pid> {
    // The tenth of a second lets a process that is still starting show its name; nothing can come into being later.
    let _waited = poll(&mut [], PollTimeout::from(100_u16));
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if words.windows(mark.len()).any(|part| part == mark.as_bytes()) && pid != Pid::this().as_raw() {
            found.push(Pid::from_raw(pid));
        }
    }
    found
}

//! Kills every process that descends from this one, until none is left.
//!
//! The guard is a child subreaper: whatever loses its parent becomes its child, so nobody leaves the tree by a double
//! fork or a new session. `SIGKILL` cannot be ignored and ends stopped processes, too.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// After so many rounds without progress, what is left cannot be killed (a helper of root, or stuck in the kernel).
const ROUNDS: u32 = 200;
/// Between two rounds, if no child ends before.
const PAUSE_MS: u16 = 10;

/// Kills `main` and everything else below this process, and takes in what ended.
///
/// # Errors
/// If processes are left that this account may not kill.
pub(super) fn everything(main: Pid, signals: &SignalFd) -> anyhow::Result<()> {
    // In a process namespace `main` is its first process; the kernel kills the others with it.
    let _ended_already = kill(main, Signal::SIGKILL);
    for _ in 0..ROUNDS {
        for pid in descendants(Pid::this()) {
            let _may_have_ended = kill(pid, Signal::SIGKILL);
        }
        if take_in()? {
            return Ok(());
        }
        let mut watched = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let _interrupted = poll(&mut watched, PollTimeout::from(PAUSE_MS));
        while let Ok(Some(_)) = signals.read_signal() {}
    }
    anyhow::bail!("processes of the session are left that this account cannot kill")
}

/// Takes in every child that has ended; true once there is no child at all.
fn take_in() -> nix::Result<bool> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(false),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// Every living process whose chain of parents leads to `ancestor`.
pub(crate) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![ancestor.as_raw()];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(Pid::from_raw(child));
            open.push(child);
        }
    }
    found
}

/// The parent of a process that is not a zombie.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses can hold anything, also parentheses: the fields go on after the last one.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    if state == "Z" { None } else { fields.next()?.parse().ok() }
}

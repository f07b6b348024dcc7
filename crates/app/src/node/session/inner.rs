//! The process between the guard and the program: it has the session's signals, terminal and namespace.
//!
//! In a process namespace it stays as the first process there and reports how the main process ended; otherwise it
//! becomes the program. Called by the guard only, as `byleave node-session inner …`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, close, getpid, getppid, isatty, setpgid, tcsetpgrp};

use super::namespace;
use super::program::Program;

/// The arguments by which the guard tells the inner process what to do.
pub(super) fn arguments(program: &Program, apart: bool, report: &OwnedFd) -> Vec<OsString> {
    let place = if apart {
        format!("{}:{}:{}", report.as_raw_fd(), program.account.uid, program.account.gid)
    } else {
        format!("-:{}", report.as_raw_fd())
    };
    let mut all: Vec<OsString> = vec![place.into(), program.path.clone().into(), program.name.clone()];
    all.extend(program.arguments.iter().cloned());
    all
}

/// Runs as the inner process; `arguments` are those of [`arguments`].
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    match inner(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("byleave node-session: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn inner(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let [place, path, name, rest @ ..] = arguments else { bail!("this is called by the guard only") };
    let place = place.to_str().context("the place is no text")?;
    let mut command = Command::new(path);
    command.arg0(name).args(rest);
    let numbers: Vec<&str> = place.split(':').collect();
    match numbers.as_slice() {
        ["-", report] => {
            close(report.parse::<i32>()?)?;
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            if getppid() == Pid::from_raw(1) {
                bail!("the guard is gone");
            }
            SigSet::empty().thread_set_mask()?;
            Err(command.exec()).with_context(|| format!("cannot run `{}`", path.display()))
        }
        [report, uid, gid] => first(command, report.parse()?, uid.parse()?, gid.parse()?),
        _ => bail!("this is called by the guard only"),
    }
}

/// The life of the first process of a namespace: while it lives, so may the session; signals cannot reach it from
/// inside. It ends when the main process does, or with the guard.
fn first(mut command: Command, report: i32, uid: u32, gid: u32) -> anyhow::Result<ExitCode> {
    if getpid() != Pid::from_raw(1) {
        bail!("the first process of a session must be the first of its namespace");
    }
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // Opened anew, because the number that was handed over must not reach the program.
    let mut status: File = OpenOptions::new().write(true).open(format!("/proc/self/fd/{report}"))?;
    close(report)?;
    namespace::mount_proc();
    namespace::become_account(uid, gid)?;
    prctl::set_dumpable(false)?;
    take_terminal(&command);
    SigSet::empty().thread_set_mask()?;
    let main = command.spawn().with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
    let main = Pid::from_raw(i32::try_from(main.id())?);
    loop {
        let line = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == main => format!("exit {code}"),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => format!("signal {}", signal as i32),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        status.write_all(line.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
}

/// Gives an interactive shell a process group that it can see: the guard's has no number in the namespace, and shells
/// take that for a broken terminal. Commands stay in the guard's group, where the terminal's stop key finds them
/// without anybody to wake them and so is ignored, as in a direct connection.
fn take_terminal(command: &Command) {
    let input = std::io::stdin();
    if command.get_args().next().is_some() || !isatty(&input).unwrap_or(false) {
        return;
    }
    if setpgid(Pid::from_raw(0), Pid::from_raw(0)).is_ok() {
        let _no_terminal_of_ours = tcsetpgrp(&input, getpid());
    }
}

/// Reads what [`first`] reported.
pub(super) fn parse_report(text: &str) -> Option<ExitStatus> {
    let (kind, number) = text.split_once(' ')?;
    let number: i32 = number.parse().ok()?;
    match kind {
        "exit" => Some(ExitStatus::from_raw((number & 0xff) << 8)),
        "signal" => Some(ExitStatus::from_raw(number & 0x7f)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_gives_back_the_very_ending() {
        assert_eq!(parse_report("exit 7").unwrap().code(), Some(7));
        assert_eq!(parse_report("signal 15").unwrap().signal(), Some(15));
        assert_eq!(parse_report("exit 255").unwrap().code(), Some(255));
        for broken in ["", "exit", "exit x", "none 3"] {
            assert!(parse_report(broken).is_none(), "{broken}");
        }
    }
}

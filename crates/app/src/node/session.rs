//! The forced command `byleave node-session`: runs what the gateway asked for, and takes everything down with it.
//!
//! One process, the *guard*, stands between sshd and the session. It hands its standard streams to the session
//! untouched (no byte passes through it), waits for the session's main process or for the end of the connection,
//! and then kills every process that the session started. Where the kernel lets an ordinary user make one, the
//! session lives in a process namespace of its own: from inside, the guard can be neither seen nor stopped, and the
//! kernel itself kills whatever was left. It must never pass on anything that names an employee: the environment is
//! made anew. Runs single-threaded, before any runtime is started. Read next: `session/program.rs`.

mod inner;
mod kill;
mod namespace;
mod program;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode};

use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{self, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid, pipe2};

pub(crate) use inner::run as run_inner;
pub(crate) use kill::{descendants, parent_of};
use program::Program;
pub(crate) use program::{CHECK, Work};

/// The program file that is running now, whatever became of its path since.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// How the main process of a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Exited(i32),
    Killed(Signal),
    /// The connection ended first.
    Cut,
}

/// Runs the session and returns when nothing of it is left.
pub(crate) fn run(work: &Work) -> ExitCode {
    match guard(work) {
        Ok(ending) => leave(ending),
        Err(error) => {
            eprintln!("byleave node-session: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn guard(work: &Work) -> anyhow::Result<Ending> {
    let parent = getppid();
    let signals = watch_signals().context("cannot watch signals")?;
    prctl::set_pdeathsig(Signal::SIGHUP).context("cannot ask for news of sshd's end")?;
    prctl::set_child_subreaper(true).context("cannot become the reaper of the session")?;
    let program = Program::of(work)?;
    let apart = namespace::enter()?;
    let (status, report) = pipe2(OFlag::O_CLOEXEC)?;
    let mut main = spawn(&program, apart, &report)?;
    drop(report);
    // Without this, the account's other processes could trace the guard where there is no process namespace.
    prctl::set_dumpable(false)?;
    let ending = if getppid() == parent { wait(&signals, &mut main)? } else { Ending::Cut };
    let main_id = Pid::from_raw(i32::try_from(main.id())?);
    kill::everything(main_id, &signals)?;
    Ok(if apart { reported(status, ending) } else { ending })
}

/// Blocks every signal and hands the three that matter to a file: the rest belongs to the session, which sits in the
/// same terminal, and is none of the guard's business.
fn watch_signals() -> nix::Result<SignalFd> {
    SigSet::all().thread_block()?;
    let wanted: SigSet = [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGTERM].into_iter().collect();
    SignalFd::with_flags(&wanted, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

fn spawn(program: &Program, apart: bool, report: &OwnedFd) -> anyhow::Result<Child> {
    fcntl(report, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let mut command = Command::new(THIS_PROGRAM);
    command.arg0("byleave").args(["node-session", "inner"]).args(inner::arguments(program, apart, report));
    command.env_clear().envs(&program.environment);
    command.spawn().context("cannot start the session")
}

/// Waits until the main process has ended or the connection has.
fn wait(signals: &SignalFd, main: &mut Child) -> anyhow::Result<Ending> {
    let main_id = Pid::from_raw(i32::try_from(main.id())?);
    let output = std::io::stdout();
    loop {
        // No event is asked for on standard output: the kernel always tells of a hang-up, and that is what a channel
        // closed by sshd, or the end of sshd, looks like on a socket, a pipe and a terminal.
        let mut watched =
            [PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(output.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            answer => answer?,
        };
        let [_, hangup] = &watched;
        let gone = hangup.revents().is_some_and(|now| now.intersects(PollFlags::POLLHUP | PollFlags::POLLERR));
        let mut told = false;
        while let Some(signal) = signals.read_signal()? {
            told |= i32::try_from(signal.ssi_signo).is_ok_and(|number| number != Signal::SIGCHLD as i32);
        }
        // The end of the main process goes first: a command that has ended has a status, even if sshd is closing too.
        if let Some(ending) = reap(main_id)? {
            return Ok(ending);
        }
        if gone || told {
            return Ok(Ending::Cut);
        }
    }
}

/// Takes in every process that has ended; says how the main one did.
fn reap(main: Pid) -> nix::Result<Option<Ending>> {
    let mut ending = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == main => ending = Some(Ending::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => ending = Some(Ending::Killed(signal)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ending),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the first process of the namespace reported about the main one, for it cannot die of that signal itself.
fn reported(status: OwnedFd, ending: Ending) -> Ending {
    use std::io::Read;
    let mut text = String::new();
    if ending == Ending::Cut || std::fs::File::from(status).read_to_string(&mut text).is_err() {
        return ending;
    }
    inner::parse_report(&text).map_or(Ending::Killed(Signal::SIGKILL), |status| {
        let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
        signal.map_or(Ending::Exited(status.code().unwrap_or(1)), Ending::Killed)
    })
}

/// Ends as the main process ended, so that sshd tells the client exactly that.
fn leave(ending: Ending) -> ExitCode {
    match ending {
        Ending::Exited(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Ending::Cut => ExitCode::from(255),
        Ending::Killed(signal) => die_of(signal),
    }
}

fn die_of(signal: Signal) -> ExitCode {
    if signal == Signal::SIGPIPE {
        // The runtime of Rust ignores this one, and only a fresh program can change that without unsafe code.
        let unblocked = SigSet::empty().thread_set_mask();
        let failed = Command::new("/bin/sh").args(["-c", "kill -PIPE $$"]).exec();
        eprintln!("byleave node-session: {failed}: {unblocked:?}");
    }
    let mut only = SigSet::empty();
    only.add(signal);
    let _unblocked = only.thread_unblock();
    // Deadly by default. The runtime of Rust catches a first SIGSEGV or SIGBUS and then restores the default.
    let _raised = [signal::raise(signal), signal::raise(signal)];
    ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(255))
}

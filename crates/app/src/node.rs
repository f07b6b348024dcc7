//! What runs on a node: setting it up, the forced command of every session, and the check of its walls.
//!
//! None of this talks to a server. The forced command must stay a single-threaded program: `main` starts nothing before
//! it calls [`run_session`]. Read next: `session.rs`, then `setup.rs`, then `check.rs`.

mod check;
mod probe;
pub(crate) mod report;
mod sample;
pub(crate) mod session;
pub(crate) mod setup;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::Global;
pub(crate) use sample::{DATA_DIRECTORY, HELPER, KEY_FILE, LOGS, Ready};

/// The `byleave node` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prepare this machine for support sessions through the gateway, or take that back
    Setup(Box<setup::SetupArgs>),
    /// Try what the sessions' account can reach on this node, and say so line by line
    Check(check::CheckArgs),
}

/// The arguments of the hidden command `byleave node-session`, which sshd and this program itself start.
#[derive(Debug, Args)]
pub(crate) struct NodeSession {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<OsString>,
}

/// A program of the system, found also where its administrator's `PATH` does not look: `nft` lies in `/usr/sbin` on Debian.
pub(crate) fn program(name: &str) -> std::process::Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(folder);
    }
    let mut command = std::process::Command::new(name);
    command.env("PATH", path);
    command
}

/// Runs a `byleave node` command.
pub(crate) fn run(global: &Global, command: Command) -> ExitCode {
    let done = match command {
        Command::Setup(args) => setup::run(*args),
        Command::Check(args) => check::run(&args, global.output),
    };
    crate::finish(done)
}

/// Runs the forced command and the parts that it and the sample node consist of. Nothing may have started a thread
/// before: namespaces can be entered by single-threaded programs only.
pub(crate) fn run_session(args: NodeSession) -> ExitCode {
    let all = args.words;
    let words: Vec<&str> = all.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    match words.as_slice() {
        [] => session::run(&session::Work::of(std::env::var_os("SSH_ORIGINAL_COMMAND"))),
        ["check"] => session::run(&session::Work::Check(None)),
        ["check", _] => session::run(&session::Work::Check(all.get(1).cloned())),
        ["inner", ..] => session::run_inner(all.get(1..).unwrap_or_default()),
        ["probe"] => probe::run(None),
        ["probe", facts] => probe::run(Some(facts)),
        ["as", account, "check", _] => check::run_as(account, all.get(3).cloned()),
        ["sample", stage, directory] => sample::run(stage, directory.as_ref()),
        _ => {
            eprintln!("byleave node-session: this is the forced command of sshd and takes no arguments");
            ExitCode::from(2)
        }
    }
}

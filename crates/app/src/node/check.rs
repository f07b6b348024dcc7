//! `byleave node check`: runs the probe as an account inside a session of its own, and prints its verdicts.
//!
//! It fails if anything is open, or if what matters could not be tried. Read next: `probe.rs`.

use std::ffi::{CString, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use clap::Args;
use nix::unistd::{User, geteuid, initgroups, setgid, setuid};
use owo_colors::OwoColorize;

use super::report::{Report, Verdict};
use super::session::{self, THIS_PROGRAM, Work};
use super::setup::{INFRASTRUCTURE, NODE_FILE, Wanted};
use crate::cli::{Output, tell};

/// The settings of `byleave node check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byleave node check                          as root: try as the account `byleave`\n  \
    byleave node check --output json\n  byleave node check --data-directory /backup --port 27018\n\n\
    Exit code 0: nothing is open; 1: something is open, or one of the data files, the key file, the database's port and\n\
    socket and the outside network could not be tried. Let the database run while you check."
)]
pub(crate) struct CheckArgs {
    /// Try as this account; needs root [default as root: byleave]
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: Option<String>,
    /// A data or backup directory besides those of `/etc/byleave/node.json`; repeat for more
    #[arg(long = "data-directory", value_name = "PATH")]
    data_directories: Vec<PathBuf>,
    /// A key file besides those of `/etc/byleave/node.json`; repeat for more
    #[arg(long = "key-file", value_name = "PATH")]
    key_files: Vec<PathBuf>,
    /// A database port besides those of `/etc/byleave/node.json`; repeat for more
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
}

/// Runs a check on this machine.
///
/// # Errors
/// If the account cannot be used, or the probe did not finish.
pub(crate) fn run(args: &CheckArgs, output: Output) -> anyhow::Result<ExitCode> {
    let facts = serde_json::to_string(&facts(args))?;
    let account = args.account.clone().or_else(|| geteuid().is_root().then(|| INFRASTRUCTURE.to_owned()));
    let mut command = Command::new(THIS_PROGRAM);
    match &account {
        Some(account) => {
            ensure!(geteuid().is_root(), "--as: only root can try as another account");
            command.args(["node-session", "as", account, "check", &facts]);
        }
        None => {
            command.args(["node-session", "check", &facts]);
        }
    }
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run the check")?;
    let report: Report = serde_json::from_slice(&done.stdout).context("the check did not finish")?;
    match output {
        Output::Json => tell(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        Output::Text => tell(&text(&report))?,
    }
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Becomes the account, with its groups, and checks. Called as `byleave node-session as ACCOUNT check FACTS`.
pub(crate) fn run_as(account: &str, facts: Option<OsString>) -> ExitCode {
    match become_account(account) {
        Ok(()) => session::run(&Work::Check(facts)),
        Err(error) => {
            eprintln!("byleave node check: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn become_account(account: &str) -> anyhow::Result<()> {
    let user = User::from_name(account)?.with_context(|| format!("--as: there is no account `{account}` here"))?;
    initgroups(&CString::new(account)?, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    // Giving up root hides a process's own entries in /proc from itself, and the session needs them.
    nix::sys::prctl::set_dumpable(true)?;
    ensure!(std::env::set_current_dir(&user.dir).is_ok() || std::env::set_current_dir("/").is_ok(), "no directory");
    Ok(())
}

/// What setup left on the node, and what the options add.
fn facts(args: &CheckArgs) -> Wanted {
    let mut facts = Wanted::read(NODE_FILE.as_ref()).unwrap_or_default();
    facts.data.extend(args.data_directories.iter().cloned());
    facts.key_files.extend(args.key_files.iter().cloned());
    facts.ports.extend(args.ports.iter().copied());
    facts
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for line in &report.lines {
        let verdict = match line.verdict {
            Verdict::Closed => format!("{}    ", "closed".green()),
            Verdict::NotTested => format!("{}", "not tested".yellow()),
            Verdict::Open => format!("{}      ", "open".red()),
        };
        text.push_str(&format!("{verdict}  {:<24} {}\n", line.name, line.detail));
    }
    let verdict = if report.passes() {
        "passed: nothing is open to"
    } else if report.lines.iter().any(|line| line.verdict == Verdict::Open) {
        "failed: something is open to"
    } else {
        "failed: something that matters could not be tried by"
    };
    text.push_str(&format!("\n{verdict} the account `{}`\n", report.account));
    text
}

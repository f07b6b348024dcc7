//! `byleave node setup`: prepares a stock OpenSSH machine for sessions through the gateway, and takes that back.
//!
//! Without `--apply` it only prints what it would do. With it, the change is shown, tried by sshd on a copy, written
//! with a journal, and made effective. It must never loosen anything that was closed before, and never touch the
//! entries of others. Read next: `setup/plan.rs` for all that is changed.

mod accounts;
mod apply;
mod plan;
mod rights;
mod role;
mod sshd;
mod state;
mod wanted;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use nix::unistd::geteuid;

use crate::cli::tell;

pub(crate) use accounts::{HOME, INFRASTRUCTURE, LOGS};
pub(crate) use plan::Plan;
pub(crate) use sshd::{CA_FILE, PRINCIPALS, principal};
pub(crate) use state::Root;
pub(crate) use wanted::{NODE_FILE, Wanted};

/// The settings of `byleave node setup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave node setup --from node.json            print what would be done\n  \
    byleave node setup --from node.json --apply    do it (as root)\n  \
    byleave node setup --undo                      take everything back\n  \
    byleave node setup --ca ca.pub --node-id 65a0c1f2e4b5a6978812d3f4 --gateway 10.0.0.7 --log /var/log/mongodb/mongod.log")]
pub(crate) struct SetupArgs {
    /// Take the facts from this JSON file, as `byleave nodes setup HOST` prints them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca", "node_id", "gateway"])]
    from: Option<PathBuf>,
    /// The organization's SSH user CA: an OpenSSH line, or a file with one
    #[arg(long, value_name = "LINE|FILE", required_unless_present_any = ["from", "undo"])]
    ca: Option<String>,
    /// The node's id in the inventory
    #[arg(long, value_name = "ID", required_unless_present_any = ["from", "undo"])]
    node_id: Option<String>,
    /// From where the gateway comes: an address or a network; repeat or separate by commas
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', required_unless_present_any = ["from", "undo"])]
    gateway: Vec<String>,
    /// A log file that support may read; repeat for more
    #[arg(long = "log", value_name = "PATH")]
    logs: Vec<PathBuf>,
    /// A data or backup directory that must stay closed; repeat for more
    #[arg(long = "data-directory", value_name = "PATH")]
    data_directories: Vec<PathBuf>,
    /// A key file that must stay closed; repeat for more
    #[arg(long = "key-file", value_name = "PATH")]
    key_files: Vec<PathBuf>,
    /// A database port that must stay closed; repeat for more
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<u16>,
    /// Where this program lies on the node [default: where it lies now]
    #[arg(long, value_name = "PATH")]
    helper: Option<PathBuf>,
    /// Write, instead of only printing
    #[arg(long, conflicts_with = "undo")]
    apply: bool,
    /// Take back everything that setup did
    #[arg(long)]
    undo: bool,
    /// Work on the tree below this directory instead of the running system; programs are not run
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Prints, applies or takes back.
///
/// # Errors
/// If the facts are wrong, sshd refuses them, or something cannot be written.
pub(crate) fn run(args: SetupArgs) -> anyhow::Result<ExitCode> {
    let root = Root::new(&args.root);
    if args.undo {
        must_be_root(&root)?;
        apply::undo(&root)?;
        tell("taken back\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let apply = args.apply;
    let wanted = wanted(args)?;
    let plan = Plan::make(&root, &wanted)?;
    tell(&plan.show().to_string())?;
    sshd::validate(&root, plan.sshd.as_ref(), &wanted)?;
    if let Some(role) = role::snippet(&wanted) {
        tell(&format!("{role}\n"))?;
    }
    if plan.is_empty() {
        tell("nothing to do: this node is set up\n")?;
    } else if apply {
        must_be_root(&root)?;
        check_helper(&root, &wanted.helper)?;
        apply::apply(&root, &plan)?;
        tell("applied; `byleave node setup --undo` takes it back, `byleave node check` tries the walls\n")?;
    } else {
        tell("nothing was written; add --apply to do this\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a machine has nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firewall {
    /// It has.
    There,
    /// It has not; that wall is left out.
    Missing,
}

/// Sets up the running system with these facts, without showing them: for the sample node, which is its own system.
///
/// # Errors
/// As [`run`].
pub(crate) fn apply_quietly(wanted: Wanted, firewall: Firewall) -> anyhow::Result<Plan> {
    let root = Root::new(Path::new("/"));
    let wanted = wanted.checked()?;
    let mut plan = Plan::make(&root, &wanted)?;
    if firewall == Firewall::Missing {
        plan.runs.retain(|run| run.command.first().is_none_or(|program| program != "nft"));
    }
    sshd::validate(&root, plan.sshd.as_ref(), &wanted)?;
    apply::apply(&root, &plan)?;
    Ok(plan)
}

/// The text for sshd with these facts.
pub(crate) fn sshd_blocks(wanted: &Wanted) -> String {
    sshd::blocks(wanted, sshd::Commands::None)
}

fn wanted(args: SetupArgs) -> anyhow::Result<Wanted> {
    let mut wanted = match &args.from {
        Some(path) => Wanted::read(path)?,
        None => Wanted {
            ca: args.ca.unwrap_or_default(),
            node_id: args.node_id.unwrap_or_default(),
            gateways: args.gateway,
            ..Wanted::default()
        },
    };
    wanted.logs.extend(args.logs);
    wanted.data.extend(args.data_directories);
    wanted.key_files.extend(args.key_files);
    wanted.ports.extend(args.ports);
    if let Some(helper) = args.helper {
        wanted.helper = helper;
    } else if wanted.helper.as_os_str().is_empty() {
        wanted.helper = std::env::current_exe().context("cannot tell where this program is; use --helper")?;
    }
    wanted.checked()
}

fn must_be_root(root: &Root) -> anyhow::Result<()> {
    ensure!(!root.is_system() || geteuid().is_root(), "this changes the system and must be done as root");
    Ok(())
}

/// The forced command must be root's alone, all the way down: who could replace it would own every session.
fn check_helper(root: &Root, helper: &Path) -> anyhow::Result<()> {
    if !root.is_system() {
        return Ok(());
    }
    let found =
        helper.metadata().with_context(|| format!("helper: cannot find `{}` on this node", helper.display()))?;
    ensure!(
        found.permissions().mode() & 0o005 == 0o005,
        "helper: `{}` must be readable and executable",
        helper.display()
    );
    for part in helper.ancestors() {
        let found = part.metadata()?;
        let safe = found.uid() == 0 && found.mode() & 0o022 == 0;
        ensure!(safe, "helper: `{}` must belong to root and be writable by nobody else", part.display());
        ensure!(found.mode() & 0o001 == 1, "helper: the account cannot enter `{}`", part.display());
    }
    Ok(())
}

//! `cargo xtask bench`: the same work over three ways in one run, so that only ratios count.
//!
//! `direct` is ssh to an OpenSSH server, `jump` the same through an OpenSSH bastion (`ssh -J`), `byleave` the same
//! through the gateway with recording on. The rounds are interleaved, the figures are medians. Needs root: the server
//! runs in a mount namespace with accounts of its own. Never part of the tests; figures go to docs/benchmarks.md.

mod measure;
mod revoke;
mod table;
mod world;

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use crate::step::{cargo_in, must};
use crate::{need, step};
use world::World;

/// What to measure and how often.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// MiB of one bulk transfer.
    #[arg(long, default_value_t = 1024)]
    pub(crate) mib: usize,
    /// Rounds of bulk transfers and of sftp.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Connections and keystrokes timed, each.
    #[arg(long, default_value_t = 50)]
    pub(crate) tries: usize,
    /// Idle sessions for the memory figure, and live sessions that a revoke cuts.
    #[arg(long, default_value_t = 200)]
    pub(crate) sessions: usize,
    /// Revokes timed.
    #[arg(long, default_value_t = 5)]
    pub(crate) revokes: usize,
    /// Only these: bulk, connect, echo, sftp, memory, revoke; all if none.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
}

/// Measures and prints a Markdown table.
///
/// # Errors
/// If something cannot be set up, or a transfer is not whole.
pub(crate) fn run(root: &Path, args: &BenchArgs) -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "the bench needs root: it gives its server accounts of its own");
    need::ensure(&[need::DEMO])?;
    eprintln!("== building the release");
    must(&mut cargo_in(root, &["build", "--locked", "--release", "--package", "byleave-app"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let mut report = table::Report::default();
    let started = step::now();
    // Memory first, and in a world of its own: a process that has moved bulk data holds more.
    for (name, work) in [
        ("memory", measure::memory as fn(&mut World, &BenchArgs, &mut table::Report) -> Result<()>),
        ("connect", measure::connect),
        ("echo", measure::echo),
        ("bulk", measure::bulk),
        ("sftp", measure::sftp),
        ("revoke", revoke::revoke),
    ] {
        if wanted(name) {
            eprintln!("== {name}");
            let mut world = World::start(&target.join("release/byleave"))?;
            work(&mut world, args, &mut report)?;
        }
    }
    eprintln!("== done in {}", step::Span(started.elapsed()));
    println!("{report}");
    Ok(())
}

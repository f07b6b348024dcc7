//! Developer commands, and what CI runs: `cargo xtask test`, `tidy`, `demo`, `bench`.
//!
//! Nothing here becomes part of the product. It may ask the clock and run programs, which the product's crates may
//! not. Read [`mod@test`] first: it is the list of everything that has to hold before a change lands.

mod bench;
mod demo;
mod need;
mod schemathesis;
mod step;
mod test;
mod tidy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Developer commands of Byleave.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check everything: install what is missing (as root), format, tidy, lints, tests, the demo's story, docs.
    Test,
    /// Try the REST API with calls that Schemathesis makes up from its description.
    Schemathesis,
    /// Check what the compiler does not: direction of dependencies, budgets, clocks, the lock file, words.
    Tidy,
    /// Measure Byleave beside plain ssh and `ssh -J`, as Markdown on standard output (as root)
    Bench(bench::Bench),
    /// Build Byleave and run its demo; arguments go to `byleave demo`.
    Demo {
        /// Arguments for `byleave demo`, such as `--once`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = root().and_then(|root| match Cli::parse().command {
        Command::Test => test::run(&root),
        Command::Schemathesis => schemathesis::build_and_run(&root),
        Command::Tidy => tidy::run(&root),
        Command::Bench(args) => bench::run(&root, &args),
        Command::Demo { args } => demo::run(&root, &args),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace, wherever the command was started. Cargo says where it is; what was compiled in may be another
/// checkout's, where several share a target directory.
fn root() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().map(Path::to_path_buf).context("xtask has to lie in the workspace")
}

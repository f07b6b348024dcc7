//! `cargo xtask test`: everything that has to hold, in one run on a fresh machine.
//!
//! One profile and the same set of features in every step, so that nothing is built twice: the binary that the tests
//! and the demo run is the one that `nextest` built.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step::{self, Step, cargo_in};
use crate::{need, schemathesis, tidy};

/// Installs what is missing, then runs every check.
///
/// # Errors
/// If something cannot be installed, or the names of the steps that failed.
pub(crate) fn run(root: &Path) -> Result<()> {
    need::ensure(&[need::DEMO, need::TEST])?;
    need::ensure_nextest()?;
    need::ensure_python_environments()?;
    need::ensure_foreign(root)?;
    let cargo = |args: &'static [&'static str]| move || step::must(&mut cargo_in(root, args));
    let steps: Vec<Step<'_>> = vec![
        ("format", Box::new(cargo(&["fmt", "--all", "--check"]))),
        ("tidy", Box::new(|| tidy::run(root))),
        (
            "lints",
            Box::new(cargo(&[
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "--deny",
                "warnings",
            ])),
        ),
        ("build", Box::new(cargo(&["nextest", "run", "--locked", "--workspace", "--no-run"]))),
        ("tests", Box::new(|| step::must(&mut tests(root)))),
        ("documented examples", Box::new(cargo(&["test", "--locked", "--workspace", "--doc", "--quiet"]))),
        ("the demo's story", Box::new(|| step::must(Command::new(binary(root)).args(["demo", "--once"])))),
        ("schemathesis", Box::new(|| schemathesis::run(root, &binary(root)))),
        ("documentation", Box::new(|| step::must(&mut documentation(root)))),
    ];
    step::run_all(&steps)
}

/// The product as the tests built it.
pub(crate) fn binary(root: &Path) -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    target.join("debug/byleave")
}

fn tests(root: &Path) -> Command {
    let mut command = cargo_in(root, &["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
    command.env("INSTA_UPDATE", "no");
    command
}

fn documentation(root: &Path) -> Command {
    let mut command = cargo_in(root, &["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    // Private items are documented here, and a command line's help names values as <value>.
    let flags = "--deny warnings --allow rustdoc::private-intra-doc-links --allow rustdoc::invalid-html-tags";
    command.arg("--quiet").env("RUSTDOCFLAGS", flags);
    command
}

//! `cargo xtask demo`: from a fresh checkout to a running Byleave that tells its story.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{self, cargo_in};
use crate::{need, test};

/// Installs or names what is missing, builds with cargo's progress, and becomes `byleave demo`.
///
/// # Errors
/// If something is missing, the build fails, or the demo cannot be started.
pub(crate) fn run(root: &Path, args: &[OsString]) -> Result<()> {
    need::ensure(&[need::DEMO])?;
    step::must(&mut cargo_in(root, &["build", "--locked", "--package", "byleave-app"]))?;
    // Becomes the demo, so that signals and the end of standard input reach it directly.
    let error = Command::new(test::binary(root)).arg("demo").args(args).exec();
    Err(error).context("`byleave demo` cannot be started")
}

//! Steps with a headline and the time they took, and the programs that they run.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// One step: its name and what it does.
pub(crate) type Step<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);

/// Runs every step, also after a failure, and closes with one line.
///
/// # Errors
/// If a step failed: the names of those that did.
pub(crate) fn run_all(steps: &[Step<'_>]) -> Result<()> {
    let begin = now();
    let mut failed = Vec::new();
    for (number, (name, work)) in steps.iter().enumerate() {
        eprintln!("\n== {}/{} {name}", number + 1, steps.len());
        let started = now();
        let outcome = work();
        let took = Span(started.elapsed());
        match outcome {
            Ok(()) => eprintln!("== {name}: ok in {took}"),
            Err(error) => {
                eprintln!("== {name}: FAILED after {took}: {error:#}");
                failed.push(*name);
            }
        }
    }
    let took = Span(begin.elapsed());
    if failed.is_empty() {
        eprintln!("\nall {} steps passed in {took}", steps.len());
        return Ok(());
    }
    bail!("{} of {} steps failed in {took}: {}", failed.len(), steps.len(), failed.join(", "))
}

/// Runs a program with the terminal as its own.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("`{name}` cannot be started"))?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}

/// A cargo command in the workspace. What the cargo that runs us says of this package is kept from it: build scripts
/// that look at such variables would take it for a change, and everything above them would be built again.
pub(crate) fn cargo_in(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(root);
    for (name, _) in std::env::vars_os() {
        let told = |start: &&str| name.to_str().is_some_and(|name| name.starts_with(*start));
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(told) {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// What time it is, for measuring.
#[expect(clippy::disallowed_methods, reason = "developer commands measure how long things take")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets things come to rest before they are measured.
#[expect(clippy::disallowed_methods, reason = "what is measured must be at rest, and nothing tells when it is")]
pub(crate) fn settle(time: Duration) {
    std::thread::sleep(time);
}

/// Waits until something is so, asking often; answers whether it came to be in this time.
pub(crate) fn wait_until(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begin = now();
    loop {
        if is_so() {
            return true;
        }
        if begin.elapsed() > time {
            return false;
        }
        settle(Duration::from_millis(20));
    }
}

/// A span of time for people.
pub(crate) struct Span(pub(crate) Duration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs();
        match seconds / 60 {
            0 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            minutes => write!(f, "{minutes} min {:02} s", seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_and_the_failed_ones_are_named() {
        let ran = std::cell::RefCell::new(Vec::new());
        let step = |name: &'static str, fails: bool| -> Step<'_> {
            let ran = &ran;
            let work = move || {
                ran.borrow_mut().push(name);
                if fails { bail!("broken") } else { Ok(()) }
            };
            (name, Box::new(work))
        };
        let error = run_all(&[step("a", false), step("b", true), step("c", false)]).unwrap_err().to_string();
        assert_eq!(*ran.borrow(), ["a", "b", "c"]);
        assert!(error.starts_with("1 of 3 steps failed") && error.ends_with(": b"), "{error}");
        assert!(run_all(&[step("a", false)]).is_ok());
    }

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(Span(Duration::from_millis(1_250)).to_string(), "1.2 s");
        assert_eq!(Span(Duration::from_secs(125)).to_string(), "2 min 05 s");
    }
}

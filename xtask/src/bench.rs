//! `cargo xtask bench`: Byleave beside plain ssh and `ssh -J`, in one interleaved run on this machine.
//!
//! Four ways to the same work: `direct` (an OpenSSH server), `relay` (through a plain TCP relay: the least that anything
//! between can cost), `jump` (through an OpenSSH bastion, as `ssh -J` does) and `byleave` (a release build with recording
//! on and `session.opened` durable before the first byte). Machines differ,
//! and so do moments: only ratios inside one run mean anything. The order of the ways rotates in each round. Read next:
//! [`rig`] (what is started), then one module for each thing measured.

mod api;
mod echo;
pub(crate) mod http;
mod memory;
mod numbers;
mod relay;
mod revoke;
mod rig;
mod setup;
mod sftp;
mod sync;
mod throughput;
mod wrong_keys;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::need;
use crate::step::{self, Span, cargo_in};
use rig::Rig;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Test {
    /// Download and upload of a gibibyte
    Throughput,
    /// How long `ssh … true` takes
    Setup,
    /// Memory of an idle session
    Memory,
    /// How long a key stroke takes to come back
    Echo,
    /// A thousand small files there and back
    Sftp,
    /// From the revoke to dead sockets, with many live sessions
    Revoke,
    /// A storm of unknown keys: is a known one let in, is the server ready, does it grow
    WrongKeys,
    /// The REST API with 100,000 clusters
    Api,
    /// Sync data: finds, a long cursor, idle connections, the cut of streaming ones
    Sync,
}

/// Memory first: a process that has moved much keeps some of it.
const ALL: &[Test] = &[
    Test::Memory,
    Test::Throughput,
    Test::Setup,
    Test::Echo,
    Test::Sftp,
    Test::Revoke,
    Test::WrongKeys,
    Test::Api,
    Test::Sync,
];

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure; all if none is named
    #[arg(value_enum)]
    tests: Vec<Test>,
    /// Rounds of transfers
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// MiB of each transfer
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// Connections, key strokes: tries of each way
    #[arg(long, default_value_t = 60)]
    tries: usize,
    /// Live sessions of the memory and revoke tests
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    /// How many of the sessions of the revoke test are clients of their own, real `ssh`; the others share one process
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// How often the grant is revoked
    #[arg(long, default_value_t = 50)]
    revokes: usize,
    /// Seconds of the storm of wrong keys
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Organizations of the test of the API
    #[arg(long, default_value_t = 1000)]
    organizations: usize,
    /// Clusters of the test of the API
    #[arg(long, default_value_t = 100_000)]
    clusters: usize,
    /// Events of the largest organization of the test of the API
    #[arg(long, default_value_t = 10_000_000)]
    events: usize,
    /// Keep the organizations and clusters of the test of the API in this folder, or use those that it kept
    #[arg(long, value_name = "FOLDER")]
    estate: Option<PathBuf>,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Measures and prints a Markdown page.
///
/// # Errors
/// If it is not run by root, something cannot be started, or a way does not work.
pub(crate) fn run(root: &Path, args: &Bench) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("run it as root: it starts a node with accounts of its own and reads the memory of other processes");
    }
    need::ensure(&[need::DEMO, need::TEST])?;
    let wanted = if args.tests.is_empty() { ALL } else { &args.tests };
    // All in one go: what they share is built once.
    let product = ["--package", "byleave-app", "--bin", "byleave"];
    let mut needed = if args.binary.is_none() { product.to_vec() } else { Vec::new() };
    let all_are = |some: &[Test]| wanted.iter().all(|test| some.contains(test));
    if !all_are(&[Test::Api, Test::Sync]) {
        needed.extend(["--package", "byleave-gateway", "--examples"]);
    } else if wanted.contains(&Test::Sync) {
        needed.extend(["--package", "byleave-gateway", "--example", "sync_upstream", "--example", "sync_client"]);
    }
    if !needed.is_empty() {
        step::must(cargo_in(root, &["build", "--locked", "--release"]).args(needed))?;
    }
    let binary = args.binary.clone().unwrap_or_else(|| rig::release(root));
    let begin = step::now();
    let mut rig = None;
    for test in wanted {
        let started = step::now();
        let table = if let Test::Api | Test::Sync = test {
            // Nothing else may stand beside it: what is measured is one server.
            drop(rig.take());
            by_itself(root, args, *test, &binary)?
        } else {
            if rig.is_none() {
                let started = rig.insert(Rig::start(&binary)?);
                eprintln!("the ways stand; measuring");
                println!("{}", started.heading()?);
            }
            through(root, args, *test, rig.as_ref().context("no rig stands")?)?
        };
        println!("{table}");
        eprintln!("{test:?}: {}", Span(started.elapsed()));
    }
    eprintln!("measured in {}", Span(begin.elapsed()));
    Ok(())
}

/// Measures what has a server of its own.
fn by_itself(root: &Path, args: &Bench, test: Test, binary: &Path) -> Result<String> {
    if let Test::Sync = test {
        let named = std::env::var_os("BYLEAVE_TEST_PYTHON").map(PathBuf::from);
        if named.is_none() {
            need::ensure_foreign(root)?;
        }
        let programs = sync::Programs {
            byleave: binary,
            upstream: &rig::example(root, "sync_upstream"),
            client: &rig::example(root, "sync_client"),
            python: &named.unwrap_or_else(|| root.join("target/python/bin/python")),
            scripts: &root.join("crates/gateway/tests/programs"),
        };
        return sync::measure(&programs, args.rounds, args.revokes);
    }
    let (organizations, clusters, events) = (args.organizations, args.clusters, args.events);
    api::measure(binary, api::Size { organizations, clusters, events }, args.estate.as_deref())
}

/// Measures what needs the three ways.
fn through(root: &Path, args: &Bench, test: Test, rig: &Rig) -> Result<String> {
    match test {
        Test::Throughput => throughput::measure(rig, args.rounds, args.mib),
        Test::Setup => setup::measure(rig, args.tries),
        Test::Memory => memory::measure(rig, args.sessions),
        Test::Echo => echo::measure(rig, args.tries * 5),
        Test::Sftp => sftp::measure(rig, args.rounds),
        Test::Revoke => revoke::measure(rig, &rig::light_clients(root), args.sessions, args.clients, args.revokes),
        Test::WrongKeys => wrong_keys::measure(rig, &rig::storm(root), args.seconds),
        Test::Api | Test::Sync => bail!("it is measured by itself"),
    }
}

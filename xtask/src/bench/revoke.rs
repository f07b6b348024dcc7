//! From the revoke to dead sockets: many live sessions, some stopped, some in bulk, seen from outside.
//!
//! The time of a session runs from sending the revoke, so it holds the request, the commit with its fsync, and the cut.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::BenchArgs;
use super::table::{Report, Way, quantile};
use super::world::World;
use crate::step::now;

/// How long a cut may take before it counts as missed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Revokes with many sessions open and notes how long each lived on.
pub(crate) fn revoke(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    let (mut delays, mut missed) = (Vec::new(), 0);
    for round in 0..args.revokes {
        if round > 0 {
            world.cli_owner(&["grant", "Bench"])?;
        }
        let mut clients = (0..args.sessions).map(|number| client(world, number)).collect::<Result<Vec<_>>>()?;
        let port = world.gateway_port();
        let mut alive = connections(port)?;
        ensure!(alive.len() >= args.sessions, "only {} of {} sessions are open", alive.len(), args.sessions);
        let started = now();
        let world = &*world;
        std::thread::scope(|scope| -> Result<()> {
            let revoking = scope.spawn(|| world.cli_owner(&["revoke", "Bench"]));
            while !alive.is_empty() && started.elapsed() < PATIENCE {
                let still = connections(port)?;
                let took = started.elapsed().as_secs_f64() * 1e3;
                delays.extend(alive.iter().filter(|one| !still.contains(*one)).map(|_| took));
                alive.retain(|one| still.contains(one));
            }
            missed += alive.len();
            revoking.join().map_err(|_| anyhow::anyhow!("the revoke panicked"))?.map(drop)
        })?;
        for child in &mut clients {
            let _continued = kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGCONT);
            child.kill()?;
            child.wait()?;
        }
    }
    let mut part = |part| quantile(&mut delays, part).unwrap_or_default();
    report.note(format!(
        "Revoke, {} live sessions, {} revokes, from starting `byleave revoke` to the client's socket dead, commit and \
         start of the program included: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms, missed {missed}.",
        args.sessions,
        args.revokes,
        part(0.5),
        part(0.99),
        part(1.0)
    ));
    Ok(())
}

/// A live client: every tenth in bulk, every twentieth stopped in bulk, every twentieth stopped and idle.
fn client(world: &World, number: usize) -> Result<Child> {
    let command = if number % 10 == 0 { "echo r; exec cat /dev/zero" } else { "echo r; exec sleep 600" };
    let mut child = world.ssh(Way::Byleave, command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut ready = [0; 2];
    child.stdout.as_mut().context("no output")?.read_exact(&mut ready)?;
    if number % 20 == 0 || number % 20 == 1 {
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGSTOP)?;
    }
    Ok(child)
}

/// The established connections to a port, seen from the listening side, by the peer's port.
fn connections(port: u16) -> Result<BTreeSet<String>> {
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp")?;
    let established = table.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (here, there, state) = (words.next()?, words.next()?, words.next()?);
        (here == local && state == "01").then(|| there.to_owned())
    });
    Ok(established.collect())
}

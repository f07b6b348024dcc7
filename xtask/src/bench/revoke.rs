//! From the revoke to dead sockets, with many live sessions: idle ones, stopped clients, bulk transfers.
//!
//! Seen from outside, in the kernel's table of connections: the clock starts before the request is sent, so the request,
//! the transaction and its `fsync` are inside. What that costs alone is measured by revokes without sessions.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::http::Owner;
use super::memory::{close, open};
use super::numbers::{median, percentile, table};
use super::rig::Rig;
use crate::step;

/// How many clients are stopped.
const STOPPED: usize = 10;
/// How many receive in bulk.
const BULK: usize = 10;
/// Between two looks at the table, so that looking does not take the processor from what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// After this a session is missed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Measures and tells.
pub(super) fn measure(rig: &Rig, light: &Path, sessions: usize, clients: usize, revokes: usize) -> Result<String> {
    ensure!((BULK + STOPPED / 2..=sessions).contains(&clients), "between 15 and all of the sessions can be `ssh`");
    let owner = Owner::of(&rig.facts)?;
    let mut alone = Vec::new();
    for _ in 0..20 {
        let token = owner.sign_in()?;
        owner.grant(&token)?;
        let begin = step::now();
        owner.revoke(&token)?;
        alone.push(milliseconds(begin));
    }
    let (mut each, mut last, mut missed) = (Vec::new(), Vec::new(), 0);
    for number in 1..=revokes {
        let (times, before) = one(rig, &owner, light, sessions, clients)?;
        missed += before - times.len();
        last.extend(times.last());
        let late = times.last().copied().unwrap_or(f64::NAN);
        eprintln!("  revoke {number}: {} of {before} connections dead, the last after {late:.1} ms", times.len());
        each.extend(times);
    }
    let inside = owner.cuts(&rig.administrator().context("the administrator’s token")?)?;
    let [p50, p99, worst] = inside.map(|each| format!("{each:.2}"));
    let inside = vec!["of it, commit → sockets shut".to_owned(), p50, p99, worst, String::new(), String::new()];
    let row = vec![
        format!("{sessions} sessions, {clients} of them `ssh`, {revokes} revokes"),
        format!("{:.1}", percentile(&each, 0.5)),
        format!("{:.1}", percentile(&each, 0.99)),
        format!("{:.1}", percentile(&last, 1.0)),
        missed.to_string(),
        format!("{:.1}", median(&alone)),
    ];
    let header =
        ["revoke sent → socket dead", "ms, p50", "ms, p99", "ms, worst", "missed", "a revoke alone, ms, median"];
    Ok(table(&header, &[row, inside]))
}

/// Opens sessions under a grant, revokes it, and notes when each connection was gone. Answers also how many there were.
fn one(rig: &Rig, owner: &Owner, light: &Path, sessions: usize, clients: usize) -> Result<(Vec<f64>, usize)> {
    let way = rig.ways.iter().find(|way| way.name == "byleave").context("no such way")?;
    let token = owner.sign_in()?;
    owner.grant(&token)?;
    let mut count = 0;
    let mut others = share(rig, light, sessions - clients)?;
    let mut clients = open(rig, way, clients, &mut || {
        count += 1;
        let work = if count <= BULK { "cat /dev/zero" } else { "cat" };
        format!("echo up; exec {work}")
    })?;
    read_on(&mut clients);
    stop(&clients)?;
    // Opening took a while; signing in anew keeps it out of what is measured.
    let token = owner.sign_in()?;
    let ports = Ports { gateway: rig.gateway_port()?, node: owner.node_port(&token)?, process: rig.byleave };
    let known = ports.alive()?;
    let before = known.len();
    ensure!(before >= sessions * 2, "only {before} connections of {sessions} sessions are there");
    let times = watch(owner, &token, &ports, &known)?;
    for client in &clients {
        signal(client, Signal::SIGCONT)?;
    }
    close(&mut clients);
    close(&mut others);
    Ok((times, before))
}

/// Opens sessions that share one process of a client, so that its end does not take the processor from the cut.
fn share(rig: &Rig, light: &Path, sessions: usize) -> Result<Vec<Child>> {
    let address = format!("{}:{}", rig.ssh_fact("host")?, rig.gateway_port()?);
    let mut command = Command::new(light);
    command.args([&address, rig.ssh_fact("node")?, rig.ssh_fact("identityFile")?, &sessions.to_string()]);
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot run the clients")?;
    let mut said = [0; 3];
    client.stdout.as_mut().context("no output")?.read_exact(&mut said).context("a light session did not open")?;
    Ok(vec![client])
}

/// Lets half of the clients in bulk read on; the other half stalls with a full window.
fn read_on(clients: &mut [Child]) {
    for mut out in clients.iter_mut().take(BULK / 2).filter_map(|client| client.stdout.take()) {
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    }
}

/// Stops some clients: half of them in bulk, half idle.
fn stop(clients: &[Child]) -> Result<()> {
    clients.iter().skip(BULK - STOPPED / 2).take(STOPPED).try_for_each(|client| signal(client, Signal::SIGSTOP))
}

fn signal(client: &Child, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(i32::try_from(client.id())?), signal)?)
}

/// Revokes, and notes when each of these connections was gone, in milliseconds. New ones count for nothing: with them the
/// gateway tidies up after sessions that have ended.
pub(super) fn watch(owner: &Owner, token: &str, ports: &Ports, known: &Connections) -> Result<Vec<f64>> {
    let before = known.len();
    hurry(-20)?;
    let begin = step::now();
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let revoke = scope.spawn(|| owner.revoke(token));
        while times.len() < before && begin.elapsed() < PATIENCE {
            let gone = known.difference(&ports.alive()?).count();
            times.resize(gone.max(times.len()), milliseconds(begin));
            step::settle(LOOK_EVERY);
        }
        revoke.join().map_err(|_| anyhow::anyhow!("the revoke panicked"))?
    })?;
    hurry(0)?;
    Ok(times)
}

/// Sets how urgent this thread is: a thousand processes die of the revoke, and whoever looks on must not wait for them.
fn hurry(nice: i32) -> Result<()> {
    let thread = nix::unistd::gettid().to_string();
    step::must(Command::new("renice").args(["-n", &nice.to_string(), "-p", &thread]).stdout(Stdio::null()))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Connections, by the port of either end.
pub(super) type Connections = BTreeSet<(u16, u16)>;

/// The ports at which Byleave's connections can be told from others.
pub(super) struct Ports {
    pub(super) gateway: u16,
    pub(super) node: u16,
    pub(super) process: u32,
}

impl Ports {
    /// The connections that are alive: those that came to the gateway, and those that it opened to the node.
    pub(super) fn alive(&self) -> Result<Connections> {
        let text = fs::read_to_string(format!("/proc/{}/net/tcp", self.process))?;
        let ends = text.lines().skip(1).filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
            (state == "01").then_some((port(local)?, port(remote)?))
        });
        Ok(ends.filter(|(local, remote)| *local == self.gateway || *remote == self.node).collect())
    }
}

/// The port of an address in the kernel's table.
fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok()
}

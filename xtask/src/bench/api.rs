//! The REST API with 100,000 clusters of 1,000 organizations in the store: reads, lists, grants and revokes, start.
//!
//! The estate is made by the calls that an administrator and owners would make. What a grant and a revoke cost is told
//! beside what the same SQLite takes for the same rows in bare transactions (Python's `sqlite3`, the same pragmas, the
//! same file system). Read next: [`estate`], then [`load`].

mod bare;
mod estate;
mod feed;
mod load;
pub(super) mod wire;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::memory::memory;
use super::numbers::{median, percentile, table};
use crate::step;
use estate::{Estate, Largest, Target};
use load::{Manner, Measured};
use wire::Wire;

/// Connections of the tests that read.
const READERS: usize = 8;
/// How long each load lasts.
const LASTS: Duration = Duration::from_secs(10);
/// How many times a list is asked for.
const LISTS: usize = 50;
/// How many write at the same time.
const WRITERS: [usize; 3] = [1, 4, 16];

/// How large the estate is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) organizations: usize,
    pub(super) clusters: usize,
    pub(super) events: usize,
}

/// Measures and tells. The estate is kept in a folder if one is named, and taken from there if it is there already.
pub(super) fn measure(binary: &Path, size: Size, kept: Option<&Path>) -> Result<String> {
    let mut estate = Estate::make(binary, size, kept)?;
    let mut rows = Vec::new();
    let mut row = |what: &str, measured: String, goal: &str| {
        eprintln!("  {what}: {measured}");
        rows.push(vec![what.to_owned(), measured, goal.to_owned()]);
    };
    let started = estate.restart()?;
    row("start to ready", format!("{:.0} ms", started.as_secs_f64() * 1e3), "≤ 300 ms");
    let (measured, costs) = read(&estate, None)?;
    let rate = measured.rate;
    row("read one cluster with its grant", format!("{rate:.0} a second"), "≥ 10,000 a second");
    row("processor time of it, server / client", format!("{:.0} / {:.0} µs", costs.server, costs.client), "");
    let (half, _) = read(&estate, Some(rate / 2.0))?;
    let (p50, p99) = (median(&half.delays), percentile(&half.delays, 0.99));
    let told = format!("{:.0} a second: p50 {p50:.2} ms, p99 {p99:.2} ms", half.rate);
    row("the same at half of that load", told, "p99 ≤ 5 ms");
    let lists = list(&estate)?;
    row("list of 500 clusters", format!("{:.1} ms, p99 {:.1} ms", median(&lists), percentile(&lists, 0.99)), "≤ 20 ms");
    for writers in WRITERS {
        let before = busy(estate.pid())?;
        let (pairs, rate) = write(&estate, writers)?;
        let server = (busy(estate.pid())? - before) / pairs as f64;
        let told = format!("{rate:.0} pairs a second, {server:.0} µs of the server's each");
        row(&format!("grant and revoke, {writers} at a time"), told, "");
    }
    let kept = memory(&[estate.pid()]);
    row("memory after all of it", format!("{:.0} MiB", kept / 1024), "≤ 100 MiB");
    let database = estate.stop()?;
    let bare = bare::pairs(&database)?;
    row("the same rows in bare transactions", format!("{bare:.0} pairs a second"), "at most twice as fast");
    feed::fill(&database, &estate.largest().organization, size.events)?;
    estate.start()?;
    for (what, measured) in feed::pages(&estate, size.events)? {
        row(&what, measured, "≤ 10 ms");
    }
    let title = format!("{} clusters in {} organizations, {} events", size.clusters, size.organizations, size.events);
    Ok(table(&[&title, "measured", "goal"], &rows))
}

/// What a request takes of a processor, in microseconds.
struct Costs {
    server: f64,
    client: f64,
}

/// Reads clusters all over the estate, as fast as answers come or at a rate.
fn read(estate: &Estate, rate: Option<f64>) -> Result<(Measured, Costs)> {
    let request = |turn: usize| -> Result<Vec<u8>> {
        let target = estate.target(turn.wrapping_mul(7919))?;
        Ok(wire::get(estate.address(), &target.path(), &target.token))
    };
    let requests = (0..estate.targets()).map(request).collect::<Result<Vec<_>>>()?;
    let (server, client) = (estate.pid(), std::process::id());
    let before = (busy(server)?, busy(client)?);
    let measured = load::put(estate.address(), &requests, Manner { connections: READERS, lasts: LASTS, rate })?;
    let answers = measured.delays.len() as f64;
    let costs = Costs { server: (busy(server)? - before.0) / answers, client: (busy(client)? - before.1) / answers };
    Ok((measured, costs))
}

/// How much of the processors a process has taken, in microseconds.
pub(super) fn busy(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = text.rsplit_once(')').context("no name of the process")?.1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * 1e6 / 100.0)
}

/// Lists the largest project.
fn list(estate: &Estate) -> Result<Vec<f64>> {
    let Largest { project, token, .. } = estate.largest();
    let path = format!("/api/atlas/v2/groups/{project}/clusters?itemsPerPage=500");
    let mut wire = Wire::connect(estate.address())?;
    let mut delays = Vec::new();
    for _ in 0..LISTS {
        let begin = step::now();
        let answer = wire.get(&path, token)?;
        delays.push(begin.elapsed().as_secs_f64() * 1e3);
        ensure!(answer.matches("\"connectionStrings\"").count() <= 500, "more than a page came");
    }
    Ok(delays)
}

/// Grants and revokes, each writer on clusters of its own; answers the pairs, and how many a second.
fn write(estate: &Estate, writers: usize) -> Result<(usize, f64)> {
    let begin = step::now();
    let pairs = AtomicUsize::new(0);
    let body = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }).to_string();
    together(writers, |writer| {
        let mut wire = Wire::connect(estate.address())?;
        let mut turn = writer;
        while begin.elapsed() < LASTS {
            let Target { project, cluster, token, .. } = estate.target(turn)?;
            let path = format!("/api/byleave/v1/groups/{project}/clusters/{cluster}");
            wire.post(&format!("{path}:grant"), token, &body)?;
            wire.post(&format!("{path}:revoke"), token, "")?;
            pairs.fetch_add(1, Ordering::Relaxed);
            turn += writers;
        }
        Ok(Vec::new())
    })?;
    let pairs = pairs.into_inner();
    Ok((pairs, pairs as f64 / begin.elapsed().as_secs_f64()))
}

/// Runs the same work on several threads and gathers what they measured.
fn together(threads: usize, work: impl Fn(usize) -> Result<Vec<f64>> + Sync) -> Result<Vec<f64>> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || work(thread))
            })
            .collect();
        let mut all = Vec::new();
        for thread in running {
            all.extend(thread.join().ok().context("a client panicked")??);
        }
        Ok(all)
    })
}

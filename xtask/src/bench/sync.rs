//! Sync data: the same client at the same server of the MongoDB protocol, by itself and through the gateway.
//!
//! Both ways are TLS. Client, gateway and server are processes of their own; the server answers from memory, so what is
//! compared is as little as a server and a client can cost, and the gateway hides behind nothing. A third way is a plain
//! relay, which tells what the gateway's place alone costs. The ways alternate, and beside each rate stands what an
//! operation takes of a processor in each process. Read next: [`house`], then
//! [`foreign`] for programs that are not ours.

mod foreign;
mod house;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::api::busy;
use super::memory::memory;
use super::numbers::{median, percentile, table};
use super::revoke::{self, Ports};
use crate::step;
use house::{Client, House};

/// Connections of the test that asks for one document after another.
const FINDERS: usize = 8;
/// How long each round of it lasts.
const LASTS: f64 = 3.0;
/// How many bytes of documents a cursor reads, and how many cursors in each round.
const SCAN: u64 = 100_000_000;
const CURSORS: usize = 10;
/// How many connections are idle, and how many stream; one session may have 64.
const CONNECTIONS: usize = 50;
const SESSIONS: usize = 4;

/// The programs that take part.
pub(super) struct Programs<'a> {
    pub(super) byleave: &'a Path,
    pub(super) upstream: &'a Path,
    pub(super) client: &'a Path,
    /// Python with pymongo and smongo.
    pub(super) python: &'a Path,
    /// Where the programs in Python are.
    pub(super) scripts: &'a Path,
}

/// Measures and tells.
pub(super) fn measure(programs: &Programs<'_>, rounds: usize, revokes: usize) -> Result<String> {
    let mut rows = Vec::new();
    let mut row = |what: &str, measured: [String; 4], goal: &str| {
        eprintln!("  {what}: {}", measured.join(" | "));
        rows.push([vec![what.to_owned()], measured.to_vec(), vec![goal.to_owned()]].concat());
    };
    let mut house = House::start(programs)?;
    house.restart()?;
    let each = idle(&house)?;
    row("idle connection, KiB", alone(format!("{each:.0}")), "≤ 64");
    let finds = compare(&house, rounds, FINDERS, &format!("find {LASTS}"))?;
    row(&format!("find by `_id`, {FINDERS} connections, a second"), finds.rates(1.0), "≥ 0.8 × direct");
    row("processor time of it, client / gateway / server, µs", finds.costs(1.0), "");
    let scans = compare(&house, rounds, 1, &format!("scan {SCAN} {CURSORS}"))?;
    row("a cursor over 100 MB, MB a second", scans.rates(1e6), "≥ 0.9 × direct");
    row("processor time of it, client / gateway / server, µs a MB", scans.costs(1e6), "");
    let (cut, inside) = cuts(&house, revokes)?;
    let connections = CONNECTIONS * SESSIONS;
    row(&format!("revoke → sockets shut, {connections} connections, in the server"), inside, "p99 ≤ 20 ms");
    row("seen from outside, request included", cut, "none missed");
    drop(house);
    for (what, measured) in foreign::measure(programs, rounds)? {
        row(&what, measured, "");
    }
    Ok(table(&["sync data", "direct", "relay (×)", "byleave", "×", "goal"], &rows))
}

/// A row of what only the gateway has.
fn alone(measured: String) -> [String; 4] {
    [String::new(), String::new(), measured, String::new()]
}

/// What was measured over each way: direct, through a plain relay, through the gateway.
#[derive(Default)]
struct Compared {
    /// How much a second, by round.
    rates: [Vec<f64>; 3],
    /// Processor time of client, gateway and server for each unit.
    costs: [[Vec<f64>; 3]; 3],
}

impl Compared {
    /// The medians, and the ratios of them.
    fn rates(&self, unit: f64) -> [String; 4] {
        let [direct, relay, byleave] = self.rates.each_ref().map(|rates| median(rates) / unit);
        let relayed = format!("{relay:.0} ({:.2})", relay / direct);
        [format!("{direct:.0}"), relayed, format!("{byleave:.0}"), format!("{:.2}", byleave / direct)]
    }

    fn costs(&self, unit: f64) -> [String; 4] {
        let [direct, relay, byleave] = self.costs.each_ref().map(|costs| {
            let each = costs.each_ref().map(|cost| format!("{:.0}", median(cost) * unit));
            each.join(" / ")
        });
        [direct, relay, byleave, String::new()]
    }
}

/// Does the same over each way in turn, on connections that stay.
fn compare(house: &House, rounds: usize, connections: usize, work: &str) -> Result<Compared> {
    let session = house.session()?;
    let ways = [house.direct(), house.relayed()?, session.way.clone()];
    let mut clients: Vec<_> =
        ways.iter().map(|way| house.client(std::slice::from_ref(way), connections)).collect::<Result<_>>()?;
    let mut compared = Compared::default();
    for round in 0..=rounds {
        let (rates, costs) = (compared.rates.iter_mut(), compared.costs.iter_mut());
        let mut ways: Vec<_> = clients.iter_mut().zip(rates).zip(costs).collect();
        ways.rotate_left(round % 3);
        for ((client, rates), costs) in ways {
            let processes = [client.pid(), house.byleave(), house.upstream()];
            let before = processes.map(busy);
            let said = client.tell(work)?;
            // The first round warms up.
            if round == 0 {
                continue;
            }
            let unit = if work.starts_with("find") { "operations" } else { "bytes" };
            let (done, seconds) = (number(&said, unit)?, number(&said, "seconds")?);
            rates.push(done / seconds);
            for ((cost, process), before) in costs.iter_mut().zip(processes).zip(before) {
                cost.push((busy(process)? - before?) / done);
            }
        }
    }
    Ok(compared)
}

fn number(said: &Value, name: &str) -> Result<f64> {
    said.get(name).and_then(Value::as_f64).with_context(|| format!("the client tells no {name}: {said}"))
}

/// What a connection that asked for one document and is idle now costs the gateway, in KiB.
fn idle(house: &House) -> Result<f64> {
    let sessions: Vec<_> = (0..SESSIONS).map(|_| house.session()).collect::<Result<_>>()?;
    let ways: Vec<_> = sessions.iter().map(|session| session.way.clone()).collect();
    step::settle(Duration::from_secs(1));
    let before = memory(&[house.byleave()]);
    let client = house.client(&ways, CONNECTIONS)?;
    step::settle(Duration::from_secs(2));
    let after = memory(&[house.byleave()]);
    drop(client);
    #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
    let each = after.saturating_sub(before) as f64 / (CONNECTIONS * SESSIONS) as f64;
    Ok(each)
}

/// Revokes while every connection streams; tells what was seen from outside, and what the server says of itself.
fn cuts(house: &House, revokes: usize) -> Result<([String; 4], [String; 4])> {
    let (mut each, mut last, mut missed) = (Vec::new(), Vec::new(), 0);
    for number in 1..=revokes {
        house.grant()?;
        let sessions: Vec<_> = (0..SESSIONS).map(|_| house.session()).collect::<Result<_>>()?;
        let ways: Vec<_> = sessions.iter().map(|session| session.way.clone()).collect();
        let mut client = house.client(&ways, CONNECTIONS)?;
        client.begin("stream")?;
        client.expect("streaming")?;
        let token = house.owner().sign_in()?;
        let (gateway, node) = house.ports();
        let ports = Ports { gateway, node, process: house.byleave() };
        let known = ports.alive()?;
        let before = known.len();
        ensure!(before >= 2 * CONNECTIONS * SESSIONS, "only {before} connections are there");
        let times = revoke::watch(house.owner(), &token, &ports, &known)?;
        missed += before - times.len();
        let late = times.last().copied().unwrap_or(f64::NAN);
        eprintln!("  revoke {number}: {} of {before} connections dead, the last after {late:.1} ms", times.len());
        last.push(late);
        each.extend(times);
        let ended = self::ended(&mut client)?;
        ensure!(ended == CONNECTIONS * SESSIONS, "{ended} connections of the client ended");
    }
    house.grant()?;
    let [p50, p99, worst] = house.owner().cuts(house.administrator())?;
    let inside = alone(format!("p50 {p50:.2}, p99 {p99:.2}, worst {worst:.2} ms"));
    let seen = [percentile(&each, 0.5), percentile(&each, 0.99), percentile(&last, 1.0)];
    let [p50, p99, worst] = seen.map(|time| format!("{time:.1}"));
    let told = format!("p50 {p50}, p99 {p99}, worst {worst} ms, {missed} missed");
    Ok((alone(told), inside))
}

/// How many connections of the client saw their end.
fn ended(client: &mut Client) -> Result<usize> {
    let said = client.answer()?;
    let ended = said.get("ended").and_then(Value::as_u64).context("the client tells nothing of its end")?;
    Ok(usize::try_from(ended)?)
}

//! A storm of unknown keys, and what becomes of a known one meanwhile.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::http::Owner;
use super::memory::memory;
use super::numbers::{median, percentile, table};
use super::rig::Rig;
use crate::step;

/// What was seen while it lasted.
#[derive(Default)]
struct Seen {
    /// How long `ssh … true` took, in milliseconds.
    entered: Vec<f64>,
    refused: usize,
    /// How long an answer to `/ready` took, in milliseconds.
    ready: Vec<f64>,
    not_ready: usize,
    /// The largest memory of the server, in KiB.
    most: u64,
}

/// Measures and tells.
pub(super) fn measure(rig: &Rig, program: &Path, seconds: u64) -> Result<String> {
    let owner = Owner::of(&rig.facts)?;
    let way = rig.ways.iter().find(|way| way.name == "byleave").context("no way through byleave")?;
    let server = [rig.byleave];
    let before = memory(&server);
    let mut storm = start(rig, program, seconds)?;
    let begin = step::now();
    let mut seen = Seen::default();
    while storm.try_wait()?.is_none() {
        let asked = step::now();
        match owner.is_ready() {
            Ok(()) => seen.ready.push(asked.elapsed().as_secs_f64() * 1e3),
            Err(_) => seen.not_ready += 1,
        }
        let knocked = step::now();
        if rig.ssh(way, &[], Some("true")).stdin(Stdio::null()).status()?.success() {
            seen.entered.push(knocked.elapsed().as_secs_f64() * 1e3);
        } else {
            seen.refused += 1;
        }
        seen.most = seen.most.max(memory(&server));
    }
    let lasted = begin.elapsed().as_secs_f64();
    let mut said = String::new();
    storm.stdout.take().context("the storm says nothing")?.read_to_string(&mut said)?;
    ensure!(storm.wait()?.success(), "the storm failed: {said}");
    tell(&serde_json::from_str(&said)?, &seen, lasted, [before, memory(&server)])
}

fn start(rig: &Rig, program: &Path, seconds: u64) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg(format!("127.0.0.1:{}", rig.gateway_port()?)).arg(seconds.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the storm")
}

fn tell(storm: &Value, seen: &Seen, lasted: f64, [before, after]: [u64; 2]) -> Result<String> {
    let count =
        |name: &str| storm.get(name).and_then(Value::as_f64).with_context(|| format!("the storm has no {name}"));
    let times = |values: &[f64]| format!("{:.0} / {:.0}", median(values), percentile(values, 1.0));
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("unknown keys a second", format!("{:.0}", count("keys")? / lasted)),
        row("connections a second", format!("{:.0}", (count("connections")? + count("failed")?) / lasted)),
        row("a known key in and out, ms, median / worst", times(&seen.entered)),
        row("known keys let in / kept out", format!("{} / {}", seen.entered.len(), seen.refused)),
        row("`/ready`, ms, median / worst", times(&seen.ready)),
        row("`/ready` yes / no", format!("{} / {}", seen.ready.len(), seen.not_ready)),
        row("server's memory before / most / after, KiB", format!("{before} / {} / {after}", seen.most)),
    ];
    Ok(table(&[&format!("wrong keys for {lasted:.0} s"), ""], &rows))
}

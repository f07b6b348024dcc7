//! A gibibyte down and up, from the moment the remote command runs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, fcntl};

use super::numbers::{median, table, times};
use super::rig::{Rig, Way};
use crate::step;

const MIB: u64 = 1 << 20;

/// What the pipe between a client and this program holds, in bytes: enough that neither waits for the other, which would
/// come to every way alike and hide what the way takes.
const PIPE: i32 = 1 << 20;

/// Measures and tells.
pub(super) fn measure(rig: &Rig, rounds: usize, mib: u64) -> Result<String> {
    let mut rates: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    let mut costs: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for direction in ["down", "up"] {
            for way in rig.round(round) {
                let before = rig.processor_time()?;
                let took = if direction == "down" { down(rig, way, mib)? } else { up(rig, way, mib)? };
                if way.name == "byleave" {
                    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                    let gibibytes = mib as f64 / 1024.0;
                    costs.entry(direction).or_default().push((rig.processor_time()? - before) / gibibytes);
                }
                #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                let rate = mib as f64 / took;
                eprintln!("  {direction} {}: {rate:.0} MiB/s", way.name);
                rates.entry((direction, way.name)).or_default().push(rate);
            }
        }
    }
    let rate = |direction, name| median(rates.get(&(direction, name)).map_or(&[], Vec::as_slice));
    let rows = ["down", "up"].into_iter().flat_map(|direction| rig.ways.iter().map(move |way| (direction, way.name)));
    let rows = rows.map(|(direction, name)| {
        let mine = rate(direction, name);
        let cost = costs.get(direction).filter(|_| name == "byleave");
        vec![
            format!("{mib} MiB {direction}"),
            name.to_owned(),
            format!("{mine:.0}"),
            times(mine, rate(direction, "jump")),
            times(mine, rate(direction, "relay")),
            cost.map_or_else(String::new, |seconds| format!("{:.2}", median(seconds))),
        ]
    });
    Ok(table(
        &["transfer", "way", "MiB/s, median", "×", "× relay", "gateway's CPU, s a GiB"],
        &rows.collect::<Vec<_>>(),
    ))
}

fn down(rig: &Rig, way: &Way, mib: u64) -> Result<f64> {
    let remote = format!("printf R; exec head -c {} /dev/zero", mib * MIB);
    let mut command = rig.ssh(way, &[], Some(&remote));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut out = child.stdout.take().context("ssh has no output")?;
    fcntl(&out, FcntlArg::F_SETPIPE_SZ(PIPE))?;
    let mut buffer = vec![0; 1 << 18];
    out.read_exact(buffer.get_mut(..1).context("no buffer")?)?;
    let (begin, mut got) = (step::now(), 0_u64);
    loop {
        match out.read(&mut buffer)? {
            0 => break,
            count => got += count as u64,
        }
    }
    let took = begin.elapsed().as_secs_f64();
    ensure!(child.wait()?.success() && got == mib * MIB, "{}: {got} bytes came of {}", way.name, mib * MIB);
    Ok(took)
}

fn up(rig: &Rig, way: &Way, mib: u64) -> Result<f64> {
    let mut command = rig.ssh(way, &[], Some("printf R; exec cat >/dev/null"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut input, mut out) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
    fcntl(&input, FcntlArg::F_SETPIPE_SZ(PIPE))?;
    out.read_exact(&mut [0])?;
    let (begin, chunk) = (step::now(), vec![0; 1 << 18]);
    for _ in 0..mib * 4 {
        input.write_all(&chunk)?;
    }
    drop(input);
    ensure!(child.wait()?.success(), "{}: the upload failed", way.name);
    Ok(begin.elapsed().as_secs_f64())
}

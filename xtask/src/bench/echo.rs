//! A key stroke there and back on a terminal, all ways open at once, one key each in turn.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::numbers::{median, percentile, table, times};
use super::rig::{Rig, Way};
use crate::step;

/// Strokes that only warm up.
const WARM: usize = 20;

/// Measures and tells.
pub(super) fn measure(rig: &Rig, strokes: usize) -> Result<String> {
    let mut terminals: BTreeMap<&str, Terminal> = BTreeMap::new();
    for way in &rig.ways {
        terminals.insert(way.name, Terminal::open(rig, way)?);
    }
    let mut took: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..strokes + WARM {
        for way in rig.round(round) {
            step::settle(Duration::from_micros(1_000 + (round as u64 * 379) % 3_000));
            let terminal = terminals.get_mut(way.name).context("no such terminal")?;
            let stroke = terminal.stroke(round)?;
            if round >= WARM {
                took.entry(way.name).or_default().push(stroke);
            }
        }
    }
    let of = |name| took.get(name).map_or(&[][..], Vec::as_slice);
    let rows = rig.ways.iter().map(|way| {
        let (mine, jump) = (median(of(way.name)), median(of("jump")));
        let slow = percentile(of(way.name), 0.99);
        vec![way.name.to_owned(), format!("{mine:.3}"), format!("{slow:.3}"), times(mine, jump)]
    });
    Ok(table(&["key echo", "ms, median", "ms, p99", "×"], &rows.collect::<Vec<_>>()))
}

struct Terminal {
    child: Child,
    input: ChildStdin,
    out: ChildStdout,
}

impl Terminal {
    fn open(rig: &Rig, way: &Way) -> Result<Self> {
        let mut command = rig.ssh(way, &["-tt"], Some("stty raw -echo; printf READY; exec cat"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (input, mut out) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"READY") {
            ensure!(out.read(&mut byte)? == 1, "{}: no terminal: {}", way.name, String::from_utf8_lossy(&said));
            said.extend(byte);
        }
        Ok(Self { child, input, out })
    }

    fn stroke(&mut self, number: usize) -> Result<f64> {
        let key = b'a' + u8::try_from(number % 26)?;
        let begin = step::now();
        self.input.write_all(&[key])?;
        let mut back = [0];
        self.out.read_exact(&mut back)?;
        ensure!(back == [key], "another key came back");
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

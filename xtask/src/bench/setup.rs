//! How long `ssh … true` takes, from start to exit.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Result, ensure};

use super::numbers::{median, percentile, table, times};
use super::rig::Rig;
use crate::step;

/// Measures and tells.
pub(super) fn measure(rig: &Rig, tries: usize) -> Result<String> {
    let mut took: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..tries {
        for way in rig.round(round) {
            let begin = step::now();
            let status = rig.ssh(way, &[], Some("true")).stdin(Stdio::null()).status()?;
            ensure!(status.success(), "{}: ssh true ended with {status}", way.name);
            took.entry(way.name).or_default().push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    let of = |name| took.get(name).map_or(&[][..], Vec::as_slice);
    let rows = rig.ways.iter().map(|way| {
        let (mine, jump) = (median(of(way.name)), median(of("jump")));
        let slow = percentile(of(way.name), 0.99);
        vec![way.name.to_owned(), format!("{mine:.1}"), format!("{slow:.1}"), times(mine, jump)]
    });
    Ok(table(&["`ssh … true`", "ms, median", "ms, p99", "×"], &rows.collect::<Vec<_>>()))
}

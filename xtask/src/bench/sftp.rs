//! A thousand files of 4 KiB, put and got back with `sftp`, and compared.
//!
//! The files lie in memory on both sides: what a disk takes to make a file changes by the hour, comes to every way alike,
//! and would hide what the way takes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::numbers::{median, table, times};
use super::rig::{Rig, Way};
use crate::step;

const FILES: usize = 1_000;

/// Where files lie in memory, on Linux everywhere.
const MEMORY: &str = "/dev/shm";

/// Measures and tells.
pub(super) fn measure(rig: &Rig, rounds: usize) -> Result<String> {
    let local = tempfile::Builder::new().prefix("byleave-bench-").tempdir_in(MEMORY)?;
    let source = local.path().join("files");
    fs::create_dir_all(&source)?;
    for number in 0..FILES {
        // Any bytes, as long as each file has others.
        let content: Vec<u8> = (0..4_096_usize).map(|at| (at * 31 + number * 7 + at / 251) as u8).collect();
        fs::write(source.join(format!("f{number:05}")), content)?;
    }
    let mut took: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for way in rig.round(round) {
            let remote = format!("{MEMORY}/remote-{}-{round}-{}", std::process::id(), way.name);
            let back = local.path().join(format!("back-{round}-{}", way.name));
            fs::create_dir(&back)?;
            let put = sftp(rig, way, &format!("mkdir {remote}\nput -r {} {remote}\n", source.display()))?;
            let get = sftp(rig, way, &format!("get -r {remote}/files {}\n", back.display()))?;
            same(&source, &back.join("files"))?;
            fs::remove_dir_all(&back)?;
            step::must(rig.ssh(way, &[], Some(&format!("rm -rf {remote}"))).stdin(Stdio::null()))?;
            eprintln!("  {}: put {put:.2} s, get {get:.2} s", way.name);
            took.entry(("put", way.name)).or_default().push(put);
            took.entry(("get", way.name)).or_default().push(get);
        }
    }
    let of = |what, name| median(took.get(&(what, name)).map_or(&[], Vec::as_slice));
    let rows = rig.ways.iter().map(|way| {
        let (put, get) = (of("put", way.name), of("get", way.name));
        let (by_put, by_get) = (times(put, of("put", "jump")), times(get, of("get", "jump")));
        vec![way.name.to_owned(), format!("{put:.2}"), by_put, format!("{get:.2}"), by_get]
    });
    Ok(table(&["sftp, 1,000 × 4 KiB", "put s", "× time", "get s", "× time"], &rows.collect::<Vec<_>>()))
}

/// Runs a batch of `sftp` over a way.
fn sftp(rig: &Rig, way: &Way, batch: &str) -> Result<f64> {
    let wrapper = rig.folder().join(format!("sftp-{}", way.name));
    let ssh = rig.ssh(way, &["-s"], Some("sftp"));
    let words = std::iter::once(ssh.get_program()).chain(ssh.get_args()).map(|word| quoted(&word.to_string_lossy()));
    fs::write(&wrapper, format!("#!/bin/sh\nexec {}\n", words.collect::<Vec<_>>().join(" ")))?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let begin = step::now();
    let mut command = Command::new("sftp");
    command.args(["-q", "-b", "-", "-D"]).arg(&wrapper);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("sftp has no input")?.write_all(batch.as_bytes())?;
    ensure!(child.wait()?.success(), "{}: sftp failed", way.name);
    Ok(begin.elapsed().as_secs_f64())
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn same(one: &Path, other: &Path) -> Result<()> {
    for entry in fs::read_dir(one)? {
        let name = entry?.file_name();
        let equal = fs::read(one.join(&name))? == fs::read(other.join(&name)).unwrap_or_default();
        ensure!(equal, "{} came back changed", name.to_string_lossy());
    }
    Ok(())
}

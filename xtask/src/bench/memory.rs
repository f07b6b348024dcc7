//! What an idle session costs in memory: proportional set size of the bastion's processes, and of Byleave's one.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::numbers::{table, times};
use super::rig::{Rig, Way};
use crate::step;

/// How many clients log in at the same time.
const AT_ONCE: usize = 8;

/// Measures and tells.
pub(super) fn measure(rig: &Rig, sessions: usize) -> Result<String> {
    let mut results = Vec::new();
    for way in rig.ways.iter().filter(|way| !["direct", "relay"].contains(&way.name)) {
        // The sample node's processes are children of Byleave, too, and are not the gateway.
        let of = |name: &str| if name == "jump" { family(rig.bastion) } else { vec![rig.byleave] };
        let before = memory(&of(way.name));
        let mut clients = open(rig, way, sessions, &mut || "echo up; exec cat >/dev/null".to_owned())?;
        step::settle(Duration::from_secs(2));
        let loaded = memory(&of(way.name));
        close(&mut clients);
        step::settle(Duration::from_secs(3));
        let after = memory(&of(way.name));
        #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
        let each = (loaded.saturating_sub(before)) as f64 / sessions as f64;
        eprintln!("  {}: {each:.0} KiB a session", way.name);
        results.push((way.name, each, before, after));
    }
    let jump = results.iter().find(|(name, ..)| *name == "jump").map_or(f64::NAN, |(_, each, ..)| *each);
    let rows = results.iter().map(|(name, each, before, after)| {
        let mib = |kib: u64| format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024);
        vec![(*name).to_owned(), format!("{each:.0}"), times(*each, jump), mib(*before), mib(*after)]
    });
    let header = format!("{sessions} idle sessions");
    Ok(table(&[&header, "KiB each", "×", "MiB before", "MiB after all closed"], &rows.collect::<Vec<_>>()))
}

/// Opens sessions, a few at a time; each has said `up` when this returns.
pub(super) fn open(rig: &Rig, way: &Way, sessions: usize, remote: &mut dyn FnMut() -> String) -> Result<Vec<Child>> {
    let mut clients: Vec<Child> = Vec::new();
    while clients.len() < sessions {
        let count = AT_ONCE.min(sessions - clients.len());
        let mut batch = Vec::new();
        for _ in 0..count {
            let mut command = rig.ssh(way, &[], Some(&remote()));
            batch.push(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        }
        for mut client in batch {
            let mut said = [0; 3];
            client
                .stdout
                .as_mut()
                .context("ssh has no output")?
                .read_exact(&mut said)
                .context("a session did not open")?;
            ensure!(&said == b"up\n", "a session did not open");
            clients.push(client);
        }
    }
    Ok(clients)
}

/// Ends clients.
pub(super) fn close(clients: &mut Vec<Child>) {
    for client in clients.iter_mut() {
        let _ = client.kill();
    }
    for mut client in clients.drain(..) {
        let _ = client.wait();
    }
}

/// A process and all below it.
fn family(root: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(of) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(id, _)| *id));
        next += 1;
    }
    family
}

fn parent(id: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The proportional set size of processes, in KiB.
pub(super) fn memory(processes: &[u32]) -> u64 {
    let of = |id: &u32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
    };
    processes.iter().filter_map(of).sum()
}

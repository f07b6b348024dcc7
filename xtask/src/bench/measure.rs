//! The measures that compare the ways: bulk, connection set-up, key echo, many small files, memory.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use super::BenchArgs;
use super::table::{Report, Way};
use super::world::{World, alias};
use crate::step::now;

/// Small files of the sftp measure.
const FILES: usize = 1000;

/// The ways, beginning with another one each round.
fn rotated(round: usize) -> impl Iterator<Item = Way> {
    Way::ALL.into_iter().cycle().skip(round % Way::ALL.len()).take(Way::ALL.len())
}

/// Down and up, from the moment the remote command runs.
pub(crate) fn bulk(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    let bytes = args.mib << 20;
    #[expect(clippy::cast_precision_loss, reason = "far below the precision")]
    let rate = |seconds: f64| args.mib as f64 / seconds;
    for round in 0..args.rounds {
        for way in rotated(round) {
            let mut ssh = world.ssh(way, &format!("head -c {bytes} /dev/zero"));
            let mut child = ssh.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
            let mut output = child.stdout.take().context("no output")?;
            let mut buffer = vec![0; 1 << 18];
            let mut got = output.read(&mut buffer)?;
            let started = now();
            while let Ok(more @ 1..) = output.read(&mut buffer) {
                got += more;
            }
            let took = started.elapsed().as_secs_f64();
            ensure!(child.wait()?.success() && got == bytes, "{way:?} passed {got} of {bytes} bytes down");
            report.add("1 stream down", "MiB/s", way, rate(took));

            let command = format!("echo r; head -c {bytes} | wc -c");
            let mut child = world.ssh(way, &command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let mut output = child.stdout.take().context("no output")?;
            let mut ready = [0; 2];
            output.read_exact(&mut ready)?;
            let started = now();
            let mut input = child.stdin.take().context("no input")?;
            for _ in 0..bytes >> 18 {
                input.write_all(&buffer)?;
            }
            drop(input);
            let mut counted = String::new();
            output.read_to_string(&mut counted)?;
            let took = started.elapsed().as_secs_f64();
            ensure!(child.wait()?.success() && counted.trim() == bytes.to_string(), "{way:?} up: {counted}");
            report.add("1 stream up", "MiB/s", way, rate(took));
        }
    }
    Ok(())
}

/// `ssh … true`, one after another.
pub(crate) fn connect(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    for round in 0..args.tries {
        for way in rotated(round) {
            let started = now();
            ensure!(world.ssh(way, "true").stdin(Stdio::null()).status()?.success(), "{way:?} does not connect");
            report.add("ssh … true", "ms", way, started.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(())
}

/// One byte there and back through a terminal, all ways open at once.
pub(crate) fn echo(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    let mut open = Vec::new();
    for way in Way::ALL {
        let mut ssh = world.client("ssh", way);
        ssh.args(["-tt", alias(way), "stty raw -echo; echo r; exec cat"]);
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (input, mut output) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        let mut byte = [0];
        while byte != [b'r'] {
            output.read_exact(&mut byte)?;
        }
        output.read_exact(&mut byte)?;
        open.push((way, child, input, output));
    }
    for _ in 0..args.tries * 10 {
        for (way, _, input, output) in &mut open {
            let started = now();
            input.write_all(b"x")?;
            input.flush()?;
            let mut byte = [0];
            output.read_exact(&mut byte)?;
            report.add("key echo", "ms", *way, started.elapsed().as_secs_f64() * 1e3);
        }
    }
    open.into_iter().try_for_each(|(_, child, input, _)| end(child, input))
}

fn end(mut child: Child, input: impl Write) -> Result<()> {
    drop(input);
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Many small files there and back.
pub(crate) fn sftp(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    let files = world.path("files");
    fs::create_dir_all(&files)?;
    for number in 0..FILES {
        fs::write(files.join(format!("{number}")), vec![u8::try_from(number % 251)?; 4096])?;
    }
    for round in 0..args.rounds {
        for way in rotated(round) {
            let (name, back) = (format!("up-{way:?}-{round}"), world.path(&format!("back-{way:?}-{round}")));
            for (measure, batch) in [
                ("sftp put 1,000 × 4 KiB", format!("mkdir {name}\nput -r {}/* {name}/\n", files.display())),
                ("sftp get 1,000 × 4 KiB", format!("get -r {name} {}\n", back.display())),
            ] {
                fs::write(world.path("batch"), batch)?;
                let mut sftp = world.client("sftp", way);
                sftp.arg("-q").arg("-b").arg(world.path("batch")).arg(alias(way));
                let started = now();
                ensure!(sftp.stdout(Stdio::null()).status()?.success(), "{way:?}: {measure} failed");
                report.add(measure, "s", way, started.elapsed().as_secs_f64());
            }
            ensure!(fs::read_dir(&back)?.count() == FILES, "{way:?} lost files");
        }
    }
    Ok(())
}

/// What one idle session costs the process in the middle.
pub(crate) fn memory(world: &mut World, args: &BenchArgs, report: &mut Report) -> Result<()> {
    for (way, name) in [(Way::Jump, "bastion"), (Way::Byleave, "gateway")] {
        let process = world.process(name).context("it does not run")?;
        let before = memory_of(process)?;
        let mut open = Vec::new();
        for _ in 0..args.sessions {
            let mut child = world.ssh(way, "echo r; exec cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let mut ready = [0; 2];
            child.stdout.as_mut().context("no output")?.read_exact(&mut ready)?;
            open.push(child);
        }
        let grown = memory_of(process)?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "far below the precision")]
        report.add("idle session", "KiB", way, grown as f64 / args.sessions as f64);
        for mut child in open {
            drop(child.stdin.take());
            child.wait()?;
        }
    }
    Ok(())
}

/// Proportional memory of a process and all its descendants, in KiB.
fn memory_of(process: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let own = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let below: u64 = children.split_ascii_whitespace().filter_map(|child| memory_of(child.parse().ok()?).ok()).sum();
    Ok(own.unwrap_or(0) + below)
}

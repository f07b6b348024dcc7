//! The sample node of the demo and the tests: a real OpenSSH server behind walls that exist only for it.
//!
//! As root it lives in its own mount, network and process namespaces, with its own passwd, shadow and group files, so
//! the machine is untouched and everything is gone when it ends. Connections are accepted outside and handed to
//! `sshd -i` inside, as inetd does: the node's own network is empty but for its loopback. Without root it runs as
//! oneself in a user namespace, and has no wall between accounts. `SampleNode` in the demo starts it; the stages here
//! are programs of their own because namespaces need that. Read next: `sample/scene.rs`.

mod database;
mod network;
mod scene;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{getgid, getuid};
use serde::{Deserialize, Serialize};

pub(crate) use scene::{DATA as DATA_DIRECTORY, KEY_FILE, LOGS};

use super::session::descendants;
use super::setup::{self, Firewall, Wanted};

/// The fake database's port.
pub(crate) const DATABASE_PORT: u16 = 27017;
/// Where the program lies in the node, out of reach of its accounts.
pub(crate) const HELPER: &str = "/run/byleave/byleave";
/// What a node is set up with until it is told whom to trust: a key whose private half nobody has.
const NOBODY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NO_NODE: &str = "000000000000000000000000";
/// How often ended processes are taken in.
const TICK_MS: u16 = 200;

/// What the node says when it is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Whether accounts and files have walls of their own.
    pub(crate) as_root: bool,
    /// Why there is no firewall, if there is none.
    pub(crate) no_firewall: Option<String>,
}

/// Runs a stage: `outer` makes the namespaces, `inner` is the node, `database` plays the database.
pub(crate) fn run(stage: &str, directory: &Path) -> ExitCode {
    let done = match stage {
        "outer" => outer(directory),
        "inner" => inner(directory),
        "database" => database::run(directory),
        _ => Err(anyhow::anyhow!("there is no stage `{stage}`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("byleave sample node: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The files of a sample node: `etc` becomes its `/etc`, `log` its `/var/log`.
fn part(directory: &Path, name: &str) -> PathBuf {
    directory.join(name)
}

fn outer(directory: &Path) -> anyhow::Result<()> {
    let as_root = unshare_all()?;
    scene::prepare(directory, as_root)?;
    scene::enter(directory)?;
    let mut inner = Command::new(HELPER)
        .arg0("byleave-sample-node")
        .args(["node-session", "sample", "inner"])
        .arg(if as_root { "root" } else { "oneself" })
        .spawn()
        .context("cannot start the node")?;
    inner.wait()?;
    Ok(())
}

/// Leaves the machine's namespaces; false if it could only be done as oneself.
fn unshare_all() -> anyhow::Result<bool> {
    let own = CloneFlags::CLONE_NEWNS;
    if getuid().is_root() {
        let walls = own | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUTS;
        unshare(walls).context("root may not make namespaces here; run this outside the container")?;
    } else {
        let (uid, gid) = (getuid(), getgid());
        unshare(own | CloneFlags::CLONE_NEWUSER)
            .context("the sample node needs root, or a kernel that lets users make namespaces")?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    }
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    Ok(getuid().is_root())
}

fn inner(mode: &Path) -> anyhow::Result<()> {
    let as_root = mode == Path::new("root");
    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    prctl::set_child_subreaper(true)?;
    let mut ready = Ready { as_root, no_firewall: None };
    if as_root {
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>)?;
        std::fs::write("/proc/sys/kernel/hostname", "shop-0")?;
        network::make()?;
        database::start()?;
    } else {
        ready.no_firewall = Some("this takes root".to_owned());
    }
    set_up(&mut ready)?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", serde_json::to_string(&ready)?)?;
    output.flush()?;
    serve(&listener)?;
    // As the first process of its namespace, our end is everybody's; else they are ended one by one.
    let waiting = SigSet::empty();
    waiting.thread_set_mask()?;
    while let found @ [_, ..] = descendants(nix::unistd::Pid::this()).as_slice() {
        for pid in found {
            let _may_have_ended = kill(*pid, Signal::SIGKILL);
        }
        while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
        let _a_moment = poll(&mut [], PollTimeout::from(5_u16));
    }
    Ok(())
}

/// Sets the node up with the very code of `byleave node setup`. A machine without nftables loses that wall only.
fn set_up(ready: &mut Ready) -> anyhow::Result<()> {
    let wanted = Wanted {
        ca: NOBODY.to_owned(),
        node_id: NO_NODE.to_owned(),
        gateways: vec![Ipv4Addr::LOCALHOST.to_string()],
        helper: HELPER.into(),
        logs: scene::LOGS.iter().map(|(_, _, path)| PathBuf::from(path)).collect(),
        data: vec![scene::DATA.into()],
        key_files: vec![scene::KEY_FILE.into()],
        ports: vec![DATABASE_PORT],
        sync_databases: Vec::new(),
    };
    if !ready.as_root {
        return scene::set_up_as_oneself(&wanted);
    }
    let firewall = match try_firewall() {
        Ok(()) => Firewall::There,
        Err(reason) => {
            ready.no_firewall = Some(reason.to_string());
            Firewall::Missing
        }
    };
    setup::apply_quietly(wanted, firewall).map(drop)
}

/// Whether this kernel and machine have nftables.
fn try_firewall() -> anyhow::Result<()> {
    let output = super::program("nft").args(["list", "ruleset"]).output().context("nft is not installed")?;
    if !output.status.success() {
        bail!("nft does not work here: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Hands every connection to an sshd of its own, until whoever started the node is gone.
fn serve(listener: &TcpListener) -> anyhow::Result<()> {
    let output = std::io::stdout();
    loop {
        let mut watched =
            [PollFd::new(listener.as_fd(), PollFlags::POLLIN), PollFd::new(output.as_fd(), PollFlags::empty())];
        let _interrupted = poll(&mut watched, PollTimeout::from(TICK_MS));
        let [_, reader] = &watched;
        if reader.revents().is_some_and(|now| now.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)) {
            return Ok(());
        }
        while let Ok((connection, _)) = listener.accept() {
            connection.set_nonblocking(false)?;
            let answers = OwnedFd::from(connection.try_clone()?);
            let started = Command::new("/usr/sbin/sshd")
                .args(["-i", "-e", "-f", "/etc/ssh/sshd_config"])
                .stdin(Stdio::from(OwnedFd::from(connection)))
                .stdout(Stdio::from(answers))
                .spawn();
            if let Err(error) = started {
                eprintln!("byleave sample node: cannot start sshd: {error}");
            }
        }
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(state) if state != WaitStatus::StillAlive) {}
    }
}

/// Reads one line from a stream, byte by byte so that nothing after it is taken.
fn read_line(stream: &mut impl Read) -> std::io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte != [b'\n'] {
        line.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

//! Plays the database of the sample node: listens on its port and its socket as another user, takes connections, and
//! says nothing. It is there to show that it cannot be reached.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::scene::DATABASE_USER;
use super::{DATABASE_PORT, HELPER};

const SOCKET: &str = "/tmp/mongodb-27017.sock";

/// Starts it and waits until it listens.
///
/// # Errors
/// If it cannot be started.
pub(super) fn start() -> anyhow::Result<()> {
    let mut started = Command::new(HELPER)
        .arg0("mongod")
        .args(["node-session", "sample", "database", SOCKET])
        .uid(DATABASE_USER)
        .gid(DATABASE_USER)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the sample database")?;
    let mut output = started.stdout.take().context("no output")?;
    let line = super::read_line(&mut output)?;
    anyhow::ensure!(line == "listening", "the sample database does not listen");
    Ok(())
}

/// Is it.
///
/// # Errors
/// If it cannot listen.
pub(super) fn run(socket: &Path) -> anyhow::Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, DATABASE_PORT))?;
    let socket_listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o700))?;
    port.set_nonblocking(true)?;
    socket_listener.set_nonblocking(true)?;
    println!("listening");
    loop {
        let mut watched =
            [PollFd::new(port.as_fd(), PollFlags::POLLIN), PollFd::new(socket_listener.as_fd(), PollFlags::POLLIN)];
        let _interrupted = poll(&mut watched, PollTimeout::NONE);
        while port.accept().is_ok() {}
        while socket_listener.accept().is_ok() {}
    }
}

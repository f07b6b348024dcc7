//! The programs that tests and demo run, and how they get onto a fresh Debian machine.
//!
//! As root, what is missing is installed; otherwise the command to do so is printed and nothing is changed. Only
//! packages of Debian, crates.io, PyPI and npm, the latter two of fixed versions below `target/`, never a download of
//! another kind.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::step;

/// A program and the Debian package that brings it.
pub(crate) struct Need {
    program: &'static str,
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// What the demo runs: a real OpenSSH server and client, and what a person tries through them.
pub(crate) const DEMO: &[Need] =
    &[need("ssh", "openssh-client"), need("sshd", "openssh-server"), need("nft", "nftables"), need("setfacl", "acl")];

/// What the tests run besides.
pub(crate) const TEST: &[Need] = &[
    need("at", "at"),
    need("chromedriver", "chromium-driver"),
    need("chromium", "chromium"),
    need("crontab", "cron"),
    need("curl", "curl"),
    need("ip", "iproute2"),
    need("nc", "netcat-openbsd"),
    need("npm", "npm"),
    need("openssl", "openssl"),
    need("python3", "python3"),
    need("rsync", "rsync"),
    need("sqlite3", "sqlite3"),
    need("strace", "strace"),
    need("sudo", "sudo"),
];

/// Clients and servers of the MongoDB protocol for the tests of sync data, none of them ours.
const PYTHON: &[&str] = &["pymongo==4.20.1", "smongo==1.2.8", "nx-27017==0.8.1"];
const SHELL: &str = "mongosh@2.12.0";

/// Where Debian puts programs; `/usr/sbin` is not on everybody's `PATH`.
const PLACES: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Makes sure that every program is there.
///
/// # Errors
/// Without root, a list of what to install; as root, what the package manager said.
pub(crate) fn ensure(needs: &[&[Need]]) -> Result<()> {
    let missing = missing(needs, &on_path);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        bail!("these Debian packages are missing; as root, run:\n  apt-get update && apt-get install -y {packages}");
    }
    eprintln!("installing {packages}");
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], missing.as_slice()].concat())
}

/// Makes sure that `cargo nextest` is there.
///
/// # Errors
/// If it is missing and cannot be installed.
pub(crate) fn ensure_nextest() -> Result<()> {
    let known = Command::new(step::cargo()).args(["nextest", "--version"]).output();
    if known.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    eprintln!("installing cargo-nextest (a few minutes)");
    step::must(Command::new(step::cargo()).args(["install", "--locked", "cargo-nextest"]))
}

/// Makes sure that the foreign programs of sync data are there, below `target/`, in these versions.
///
/// # Errors
/// What `pip` or `npm` said.
pub(crate) fn ensure_foreign(root: &Path) -> Result<()> {
    let (python, node) = (root.join("target/python"), root.join("target/node"));
    once(&python, &PYTHON.join(" "), || {
        ensure_venv()?;
        step::must(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
        step::must(Command::new(python.join("bin/pip")).args(["install", "--quiet"]).args(PYTHON))
    })?;
    once(&node, SHELL, || {
        std::fs::create_dir_all(&node)?;
        let args = ["install", "--no-audit", "--no-fund", "--silent", "--prefix"];
        step::must(Command::new("npm").args(args).arg(&node).arg(SHELL))
    })
}

/// Makes sure that `python3 -m venv` works: Debian has that in a package that brings no program.
fn ensure_venv() -> Result<()> {
    let there = Command::new("python3").args(["-c", "import ensurepip"]).output();
    if there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("a Debian package is missing; as root, run:\n  apt-get update && apt-get install -y python3-venv");
    }
    apt(&["update", "-q"])?;
    apt(&["install", "-q", "-y", "--no-install-recommends", "python3-venv"])
}

/// Installs into a directory what its mark does not say is there.
fn once(directory: &Path, what: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let mark = directory.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|there| there == what) {
        return Ok(());
    }
    eprintln!("installing {what}");
    install()?;
    Ok(std::fs::write(mark, what)?)
}

/// Makes sure that Python can make environments, into which `schemathesis` is put.
///
/// # Errors
/// If it cannot, and what brings that cannot be installed.
pub(crate) fn ensure_python_environments() -> Result<()> {
    let known = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if known.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("a Debian package is missing; as root, run:\n  apt-get update && apt-get install -y python3-venv");
    }
    eprintln!("installing python3-venv");
    apt(&["update", "-q"])?;
    apt(&["install", "-q", "-y", "--no-install-recommends", "python3-venv"])
}

/// The packages of the programs that are not there, each once.
fn missing(needs: &[&[Need]], there: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<&str> =
        needs.iter().copied().flatten().filter(|need| !there(need.program)).map(|need| need.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(PLACES.iter().map(|place| Path::new(place).to_path_buf()));
    places.any(|place| place.join(program).is_file())
}

fn apt(args: &[&str]) -> Result<()> {
    step::must(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        let all_but = |gone: &'static str| missing(&[DEMO, TEST], &move |program| program != gone);
        assert_eq!(all_but("sshd"), ["openssh-server"]);
        assert_eq!(all_but("nothing"), [""; 0]);
        assert_eq!(missing(&[DEMO], &|_| false), ["acl", "nftables", "openssh-client", "openssh-server"]);
    }
}

//! Files that must be closed: data, keys, and everything by which a session could change the node.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, User, eaccess};

use super::super::report::{Line, Verdict};
use super::super::setup::HOME;
use super::{line, open_if_any};

/// How many entries of a data directory are tried.
const ENTRIES: usize = 5_000;
/// Who can write one of these can run something as somebody else, or take a wall down.
const SYSTEM: [&str; 26] = [
    "/etc",
    "/etc/byleave",
    "/etc/byleave/ca.pub",
    "/etc/byleave/node.json",
    "/etc/byleave/principals",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/crontab",
    "/etc/group",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/mongod.conf",
    "/etc/pam.d",
    "/etc/passwd",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d",
    "/etc/sudoers.d",
    "/etc/systemd/system",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/sbin",
];
const STARTUP: [&str; 5] = [".bash_profile", ".bashrc", ".bash_login", ".profile", ".bash_logout"];

/// Data and backup directories: nothing in them can be read, and they cannot be written.
pub(super) fn data(directories: &[PathBuf]) -> Line {
    const NAME: &str = "data files";
    if directories.is_empty() {
        return line(NAME, Verdict::NotTested, "no data directory is known here; name one with --data-directory");
    }
    if let Some(path) = missing(directories) {
        return line(NAME, Verdict::NotTested, &format!("{} is not there; name the one that is", path.display()));
    }
    let mut found = Vec::new();
    let mut tried = Vec::new();
    for directory in directories {
        tried.push(directory.display().to_string());
        let mut left = ENTRIES;
        read_below(directory, 3, &mut left, &mut found);
        if may(directory, AccessFlags::W_OK) {
            found.push(format!("{} can be written", directory.display()));
        }
    }
    open_if_any(NAME, &found, &format!("nothing can be read in {}", super::some(&tried)))
}

fn read_below(path: &Path, depth: u32, left: &mut usize, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(path) else {
        if path.is_file() && File::open(path).is_ok() {
            found.push(format!("{} can be read", path.display()));
        }
        return;
    };
    for entry in entries.flatten() {
        *left = left.saturating_sub(1);
        if *left == 0 || found.len() > 20 {
            return;
        }
        let kind = entry.file_type().ok();
        if kind.is_some_and(|kind| kind.is_dir()) {
            if depth > 1 {
                read_below(&entry.path(), depth - 1, left, found);
            }
        } else if kind.is_some_and(|kind| kind.is_file()) && File::open(entry.path()).is_ok() {
            found.push(format!("{} can be read", entry.path().display()));
        }
    }
}

/// A path at which there is nothing, as far as this account can see.
fn missing(paths: &[PathBuf]) -> Option<&PathBuf> {
    let is_missing =
        |path: &&PathBuf| path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    paths.iter().find(is_missing)
}

/// Key files: they cannot be read.
pub(super) fn key_files(paths: &[PathBuf]) -> Line {
    const NAME: &str = "key file";
    if paths.is_empty() {
        return line(NAME, Verdict::NotTested, "no key file is known here; name one with --key-file");
    }
    if let Some(path) = missing(paths) {
        return line(NAME, Verdict::NotTested, &format!("{} is not there; name the one that is", path.display()));
    }
    let readable = paths.iter().filter(|path| File::open(path).is_ok());
    let found: Vec<String> = readable.map(|path| format!("{} can be read", path.display())).collect();
    let tried: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    open_if_any(NAME, &found, &format!("cannot be read: {}", super::some(&tried)))
}

/// `authorized_keys`: the account cannot let itself in by another way.
pub(super) fn authorized_keys(account: Option<&User>) -> Line {
    const NAME: &str = "authorized_keys";
    let Some(account) = account else {
        return line(NAME, Verdict::NotTested, "this account is not in the passwd file");
    };
    let directory = account.dir.join(".ssh");
    let mut found = Vec::new();
    for path in
        [directory.join("authorized_keys"), directory.join("authorized_keys2"), "/root/.ssh/authorized_keys".into()]
    {
        if may(&path, AccessFlags::W_OK) {
            found.push(format!("{} can be written", path.display()));
        }
    }
    if may(&directory, AccessFlags::W_OK) || (!directory.exists() && may(&account.dir, AccessFlags::W_OK)) {
        found.push(format!("{} can be written", directory.display()));
    }
    open_if_any(NAME, &found, &format!("nothing in {} can be written", directory.display()))
}

/// Files of the system, and the start-up files of the account's shell.
pub(super) fn system_files(account: Option<&User>) -> Line {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    paths.extend(fs::read_link(super::super::session::THIS_PROGRAM).ok());
    if let Some(account) = account.filter(|account| account.dir == Path::new(HOME)) {
        paths.extend(STARTUP.iter().map(|name| account.dir.join(name)));
    }
    let writable = paths.iter().filter(|path| may(path, AccessFlags::W_OK));
    let found: Vec<String> = writable.map(|path| format!("{} can be written", path.display())).collect();
    open_if_any("system files", &found, &format!("{} files and directories cannot be written", paths.len()))
}

/// Whether the kernel would let this process use `path` so.
pub(super) fn may(path: &Path, how: AccessFlags) -> bool {
    eaccess(path, how).is_ok()
}

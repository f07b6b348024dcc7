//! Processes of others, what they left when they crashed, and groups that open doors.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::kill;
use nix::unistd::{Group, Pid, User, getgrouplist, getpid, getuid};

use super::super::report::{Line, Verdict};
use super::super::session::{descendants, parent_of};
use super::{line, open_if_any};

/// Groups whose members can become root, read the disk, or reach the database.
const GROUPS: [&str; 15] = [
    "admin",
    "disk",
    "docker",
    "incus",
    "incus-admin",
    "kmem",
    "libvirt",
    "lxd",
    "mongod",
    "mongodb",
    "podman",
    "root",
    "shadow",
    "sudo",
    "wheel",
];

/// How deep below a place of core files is looked: some handlers make a directory for each crash.
const CORE_DEPTH: u32 = 3;

/// Processes that are not of this session: their memory and environment, and whether a signal would be delivered.
/// Those of the account's own number count, too: another session, or somebody with whom it shares its number. Memory
/// is opened, not read; where the file's rights alone forbid that, the name of the program tells: the kernel asks for
/// the right to trace before it tells that.
pub(super) fn of_others() -> Line {
    const NAME: &str = "processes of others";
    let mut found = Vec::new();
    let mut seen = 0_usize;
    let (own, numbers_are_ours) = own_processes();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // The directory's owner can be root for our own processes, too; the status tells whose they are.
        let Some(owner) = owner_of(&entry.path()) else { continue };
        if owner == getuid().as_raw() && owner != 0 && own.contains(&pid) {
            continue;
        }
        seen += 1;
        let path = entry.path();
        if fs::read(path.join("environ")).is_ok_and(|text| !text.is_empty()) {
            found.push(format!("the environment of process {pid} can be read"));
        } else if OpenOptions::new().read(true).write(true).open(path.join("mem")).is_ok() {
            found.push(format!("the memory of process {pid} can be opened"));
        } else if path.join("exe").read_link().is_ok() {
            found.push(format!("process {pid} could be traced"));
        } else if numbers_are_ours && kill(Pid::from_raw(pid), None).is_ok() {
            found.push(format!("process {pid} could be killed"));
        }
    }
    let closed = if seen == 0 {
        "no process of others can be seen".to_owned()
    } else {
        format!("{seen} seen, none can be touched")
    };
    open_if_any(NAME, &found, &closed)
}

/// The processes of this session and those above it, by their numbers in `/proc`; and whether a signal goes by these
/// numbers: where the kernel did not let the session mount a `/proc` of its own, the one there counts otherwise.
fn own_processes() -> (BTreeSet<i32>, bool) {
    let this = fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse().ok());
    let Some(this) = this else { return (BTreeSet::new(), false) };
    let guard = parent_of(this).unwrap_or(this);
    let mut own: BTreeSet<i32> = descendants(Pid::from_raw(guard)).into_iter().map(Pid::as_raw).collect();
    let mut above = Some(guard);
    while let Some(pid) = above.filter(|pid| *pid != 0) {
        own.insert(pid);
        above = parent_of(pid);
    }
    (own, this == getpid().as_raw())
}

fn owner_of(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_ascii_whitespace().next()?.parse().ok())
}

/// Core files: where the kernel or a handler writes them, none of others can be read.
pub(super) fn core_files() -> Line {
    let mut places: Vec<PathBuf> =
        ["/var/lib/systemd/coredump", "/var/crash", "/var/lib/apport/coredump", "/cores"].map(PathBuf::from).into();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    places.extend(Path::new(pattern.trim()).parent().filter(|place| place.is_absolute()).map(Path::to_owned));
    let mut found = Vec::new();
    for place in &places {
        readable_of_others(place, CORE_DEPTH, &mut found);
    }
    open_if_any("core files", &found, "none of others can be read")
}

fn readable_of_others(place: &Path, depth: u32, found: &mut Vec<String>) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let Ok(kind) = entry.metadata() else { continue };
        if kind.is_dir() && depth > 1 {
            readable_of_others(&entry.path(), depth - 1, found);
        } else if kind.is_file() && kind.uid() != getuid().as_raw() && File::open(entry.path()).is_ok() {
            found.push(format!("{} can be read", entry.path().display()));
        }
    }
}

/// Membership in groups that open doors.
pub(super) fn groups(account: Option<&User>) -> Line {
    const NAME: &str = "groups";
    let Some(account) = account else {
        return line(NAME, Verdict::NotTested, "this account is not in the passwd file");
    };
    let Ok(name) = CString::new(account.name.as_str()) else { return line(NAME, Verdict::NotTested, "no such name") };
    let numbers = getgrouplist(&name, account.gid).unwrap_or_default();
    // By the number of each name, not by the name of each number: several groups can share one.
    let is_in = |name: &&str| Group::from_name(name).ok().flatten().is_some_and(|group| numbers.contains(&group.gid));
    let found: Vec<String> = GROUPS.into_iter().filter(is_in).map(str::to_owned).collect();
    open_if_any(NAME, &found, "member of none that opens a door")
}

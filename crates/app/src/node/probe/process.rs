//! Processes of others, what they left when they crashed, and groups that open doors.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::kill;
use nix::unistd::{Group, Pid, User, getgrouplist, getuid};

use super::super::report::{Line, Verdict};
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

/// Processes of other users: their memory and environment, and whether a signal would be delivered. Memory is opened,
/// not read: the kernel asks for the same right as for tracing.
pub(super) fn of_others() -> Line {
    const NAME: &str = "processes of others";
    let mut found = Vec::new();
    let mut seen = 0_usize;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // The directory's owner can be root for our own processes, too; the status tells whose they are.
        let Some(owner) = owner_of(&entry.path()) else { continue };
        if owner == getuid().as_raw() && owner != 0 {
            continue;
        }
        seen += 1;
        let path = entry.path();
        if fs::read(path.join("environ")).is_ok_and(|text| !text.is_empty()) {
            found.push(format!("the environment of process {pid} can be read"));
        } else if OpenOptions::new().read(true).write(true).open(path.join("mem")).is_ok() {
            found.push(format!("the memory of process {pid} can be opened"));
        } else if kill(Pid::from_raw(pid), None).is_ok() {
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
    for file in places.iter().flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten()) {
        let of_others = file.metadata().is_ok_and(|found| found.is_file() && found.uid() != getuid().as_raw());
        if of_others && File::open(file.path()).is_ok() {
            found.push(format!("{} can be read", file.path().display()));
        }
    }
    open_if_any("core files", &found, "none of others can be read")
}

/// Membership in groups that open doors.
pub(super) fn groups(account: Option<&User>) -> Line {
    const NAME: &str = "groups";
    let Some(account) = account else {
        return line(NAME, Verdict::NotTested, "this account is not in the passwd file");
    };
    let Ok(name) = CString::new(account.name.as_str()) else { return line(NAME, Verdict::NotTested, "no such name") };
    let numbers = getgrouplist(&name, account.gid).unwrap_or_default();
    let names = numbers.iter().filter_map(|number| Group::from_gid(*number).ok().flatten()).map(|group| group.name);
    let found: Vec<String> = names.filter(|name| GROUPS.contains(&name.as_str())).collect();
    open_if_any(NAME, &found, "member of none that opens a door")
}

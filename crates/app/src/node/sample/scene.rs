//! The sample node's file system: its own `/etc`, logs, data, and empty directories where sessions can write.
//!
//! Programs and libraries are the machine's, read-only by their owners. Nothing outside the node's directory is ever
//! written: what is mounted here is seen by the node alone.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::unistd::{Gid, Uid, chown, getgid, getuid};

use super::super::setup::{self, CA_FILE, INFRASTRUCTURE, LOGS as LOGS_ACCOUNT, PRINCIPALS, Wanted};
use super::{HELPER, part};

/// The logs: name, kind, path.
pub(crate) const LOGS: [(&str, &str, &str); 2] = [
    ("mongod", "database", "/var/log/mongodb/mongod.log"),
    ("mongod-audit", "audit", "/var/log/mongodb/mongod-audit.log"),
];
/// The database's data directory.
pub(crate) const DATA: &str = "/var/lib/mongodb";
/// The database's key file.
pub(crate) const KEY_FILE: &str = "/etc/mongodb/keyfile";
/// The number of the database's user.
pub(super) const DATABASE_USER: u32 = 27017;
/// What is empty in the node, whatever the machine has there. `/run` comes first: it holds the program.
const EMPTY: [&str; 8] = ["/run", "/home", "/root", "/mnt", "/var/lib", "/var/tmp", "/dev/shm", "/tmp"];
/// What the node takes over from the machine's `/etc`.
const SHARED: [&str; 9] = [
    "ld.so.cache",
    "ld.so.conf",
    "localtime",
    "debian_version",
    "os-release",
    "profile",
    "bash.bashrc",
    "inputrc",
    "mime.types",
];

/// Writes the node's `/etc` and logs into its directory.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn prepare(directory: &Path, as_root: bool) -> anyhow::Result<()> {
    let etc = part(directory, "etc");
    for below in ["ssh/sshd_config.d", "mongodb", "alternatives"] {
        fs::create_dir_all(etc.join(below))?;
    }
    for name in SHARED {
        let _not_on_this_machine = fs::copy(Path::new("/etc").join(name), etc.join(name));
    }
    for entry in fs::read_dir("/etc/alternatives").into_iter().flatten().flatten() {
        if let Ok(target) = fs::read_link(entry.path()) {
            let _there_from_the_last_start = symlink(target, etc.join("alternatives").join(entry.file_name()));
        }
    }
    let (uid, gid) = (getuid(), getgid());
    let own = if as_root {
        String::new()
    } else {
        format!(
            "{INFRASTRUCTURE}:x:{uid}:{gid}:Byleave support access:/tmp:/bin/bash
{LOGS_ACCOUNT}:x:{uid}:{gid}:Byleave support access:/tmp:/bin/bash
"
        )
    };
    let passwd = format!(
        "{own}root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sshd:x:22022:65534::/run/sshd:/usr/sbin/nologin
mongodb:x:{DATABASE_USER}:{DATABASE_USER}::{DATA}:/usr/sbin/nologin
"
    );
    // sshd gives terminals to the group tty where there is one; without root it could not, and would refuse them.
    let tty = if as_root { "tty:x:5:\n" } else { "" };
    let config = "# The sample node's sshd, as distributions ship it.
Include /etc/ssh/sshd_config.d/*.conf
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
X11Forwarding yes
PrintMotd no
Subsystem sftp internal-sftp
";
    let files = [
        ("group", format!("root:x:0:\n{tty}nogroup:x:65534:\nmongodb:x:{DATABASE_USER}:\n"), 0o644),
        ("gshadow", "root:*::\n".to_owned(), 0o600),
        ("hostname", "shop-0\n".to_owned(), 0o644),
        ("hosts", "127.0.0.1 localhost shop-0\n".to_owned(), 0o644),
        ("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n".to_owned(), 0o644),
        ("passwd", passwd, 0o644),
        ("shadow", "root:!*:19000::::::\n".to_owned(), 0o600),
        ("ssh/sshd_config", config.to_owned(), 0o644),
        ("mongodb/keyfile", "bm90IGEga2V5LCBhIHNhbXBsZSBvZiBvbmU=\n".to_owned(), 0o400),
    ];
    for (name, text, mode) in files {
        write(&etc.join(name), &text, mode)?;
    }
    if as_root {
        give_to_database(&etc.join("mongodb/keyfile"))?;
        for (_, _, path) in LOGS {
            let file = Path::new(path).strip_prefix("/var/log")?;
            give_to_database(&part(directory, "log").join(file))?;
        }
    }
    Ok(())
}

/// Puts the node's directories over the machine's, for this process and its children.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn enter(directory: &Path) -> anyhow::Result<()> {
    bind(&part(directory, "etc"), Path::new("/etc"))?;
    bind(&part(directory, "log"), Path::new("/var/log"))?;
    // Opened by its path, and before that is covered: only a file of this mount namespace can be put elsewhere in it.
    let program = File::open(std::env::current_exe()?).context("this program was replaced since it was started")?;
    for place in EMPTY.iter().filter(|place| Path::new(place).is_dir()) {
        let options = if ["/tmp", "/var/tmp", "/dev/shm"].contains(place) { "mode=1777" } else { "mode=0755" };
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("byleave"), *place, Some("tmpfs"), flags, Some(options))
            .with_context(|| format!("cannot cover {place}"))?;
    }
    fs::create_dir_all("/run/sshd")?;
    fs::create_dir_all(Path::new(HELPER).parent().unwrap_or(Path::new("/run")))?;
    File::create(HELPER)?;
    bind(Path::new(&format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&program))), Path::new(HELPER))?;
    if getuid().is_root() {
        write_data()?;
    }
    Ok(std::env::set_current_dir("/")?)
}

fn write_data() -> anyhow::Result<()> {
    let data = Path::new(DATA);
    fs::create_dir_all(data)?;
    write(&data.join("collection-0-4711.wt"), "customers, orders, card numbers\n", 0o600)?;
    write(&data.join("WiredTiger"), "WiredTiger 11.3.0\n", 0o600)?;
    for path in [data.to_owned(), data.join("collection-0-4711.wt"), data.join("WiredTiger")] {
        give_to_database(&path)?;
    }
    Ok(fs::set_permissions(data, fs::Permissions::from_mode(0o755))?)
}

/// What of a setup can be done without root: sshd's part, with both accounts being oneself.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn set_up_as_oneself(wanted: &Wanted) -> anyhow::Result<()> {
    fs::create_dir_all(PRINCIPALS)?;
    let strict = "# Owners outside this namespace have no number inside.\nStrictModes no\n";
    write(
        Path::new("/etc/ssh/sshd_config.d/00-byleave.conf"),
        &format!("{strict}{}", setup::sshd_blocks(wanted)),
        0o600,
    )?;
    write(Path::new(CA_FILE), &format!("{}\n", wanted.ca), 0o644)?;
    for account in [INFRASTRUCTURE, LOGS_ACCOUNT] {
        write(&Path::new(PRINCIPALS).join(account), &setup::principal(&wanted.node_id, account), 0o644)?;
    }
    write(Path::new(setup::NODE_FILE), &String::from_utf8(wanted.to_json()?)?, 0o644)
}

fn bind(what: &Path, at: &Path) -> anyhow::Result<()> {
    mount(Some(what), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("cannot put `{}` over `{}`", what.display(), at.display()))
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let _left_from_the_last_start = fs::remove_file(path);
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

fn give_to_database(path: &Path) -> anyhow::Result<()> {
    let number = (Some(Uid::from_raw(DATABASE_USER)), Some(Gid::from_raw(DATABASE_USER)));
    chown(path, number.0, number.1).with_context(|| format!("cannot give away `{}`", path.display()))
}

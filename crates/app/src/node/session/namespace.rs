//! Process namespaces without root: a wall between the session and its guard that the kernel keeps.
//!
//! The guard makes a user, mount and process namespace and maps itself to root there, which gives it no right outside.
//! The first process inside mounts its own `/proc`, then steps into a second user namespace in which it is the account
//! again, so the session holds no capability of the first. Files, ownership and firewall rules by uid are as before.

use std::fs;

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, getuid};

/// Enters new namespaces; children will live in them. False where the kernel does not allow it.
///
/// # Errors
/// If the way in broke half-way: then there is no way back and no session.
pub(super) fn enter() -> anyhow::Result<bool> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let wanted = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    if unshare(wanted).is_err() {
        return Ok(false);
    }
    map((0, uid), (0, gid)).context("cannot map the account into its namespace")?;
    Ok(true)
}

/// Shows only this namespace's processes in `/proc`. Where the machine hides parts of `/proc` (some containers), the
/// kernel refuses, and the old one stays: then foreign processes can be listed, but still not reached.
pub(super) fn mount_proc() {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _refused = mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>);
}

/// Steps from root of the first namespace back to the account.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn become_account(uid: u32, gid: u32) -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER).context("cannot make the account's namespace")?;
    map((uid, 0), (gid, 0)).context("cannot map the account back")
}

/// Maps one user and one group: (inside, outside).
fn map(user: (u32, u32), group: (u32, u32)) -> std::io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{} {} 1", user.0, user.1))?;
    fs::write("/proc/self/gid_map", format!("{} {} 1", group.0, group.1))
}

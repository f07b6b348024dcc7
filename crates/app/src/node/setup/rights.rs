//! Read rights of `byleave-logs`, for exactly the log files that were named and the directories that lead to them.
//!
//! By access control lists where `setfacl` is there; else by the file's group, if that group could not read it before.
//! A log that is rotated by making a new file loses its right, unless whoever makes it keeps the list; that is told. The
//! directory must never get a default list: it would open every file made in it later, audit logs included.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use nix::unistd::{Gid, chown};
use serde::{Deserialize, Serialize};

use super::accounts::LOGS;
use super::state::Root;

/// One right, as it was and as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Right {
    /// An access control entry; `before` is the list as `getfacl` wrote it.
    List { path: PathBuf, letters: String, before: String },
    /// The file's group and mode.
    Group { path: PathBuf, gid: u32, mode: u32 },
}

impl Right {
    /// The right in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::List { path, letters, .. } => format!("{LOGS} {letters} {}  (access control list)", path.display()),
            Self::Group { path, .. } => format!("{LOGS} r {}  (becomes the file's group)", path.display()),
        }
    }

    /// Gives the right to the account of that number.
    ///
    /// # Errors
    /// If it cannot be given.
    pub(crate) fn give(&self, account: u32) -> anyhow::Result<()> {
        match self {
            Self::List { path, letters, .. } => {
                let entry = format!("u:{account}:{letters}");
                let status = Command::new("setfacl").args(["-m", &entry, "--"]).arg(path).status()?;
                ensure!(status.success(), "setfacl refused `{}`", path.display());
                Ok(())
            }
            Self::Group { path, mode, .. } => set_group(path, account, mode | 0o040),
        }
    }

    /// Puts back what was.
    ///
    /// # Errors
    /// If it cannot be put back.
    pub(crate) fn take_back(&self) -> anyhow::Result<()> {
        match self {
            Self::List { before, .. } => {
                use std::io::Write;
                let mut file = tempfile::NamedTempFile::new()?;
                file.write_all(before.as_bytes())?;
                let status = Command::new("setfacl").arg("--restore").arg(file.path()).status()?;
                ensure!(status.success(), "setfacl could not restore the list");
                Ok(())
            }
            Self::Group { path, gid, mode } => set_group(path, *gid, *mode),
        }
    }
}

fn set_group(path: &Path, gid: u32, mode: u32) -> anyhow::Result<()> {
    chown(path, None, Some(Gid::from_raw(gid))).with_context(|| format!("cannot change `{}`", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Plans the rights that are missing on the running system; says what cannot be given.
///
/// # Errors
/// If access control lists cannot be read.
pub(crate) fn plan(root: &Root, logs: &[PathBuf], notes: &mut Vec<String>) -> anyhow::Result<Vec<Right>> {
    let mut all = Vec::new();
    if !root.is_system() {
        return Ok(all);
    }
    let lists = Command::new("setfacl").arg("--version").output().is_ok_and(|output| output.status.success());
    if lists && !logs.is_empty() {
        notes.push(format!(
            "a rotated log is a new file: in logrotate, `create` without a mode (or `copytruncate`) keeps the right of \
             {LOGS}; anything else needs `setfacl -m u:{LOGS}:r <log>` after it, or setup again"
        ));
    }
    for log in logs {
        if !log.is_file() {
            notes.push(format!("`{}` is not there yet; run setup again when it is", log.display()));
            continue;
        }
        if lists {
            for directory in log.ancestors().skip(1) {
                all.extend(missing_entry(directory, "x", 0o001)?);
            }
            all.extend(missing_entry(log, "r", 0o004)?);
        } else {
            all.extend(missing_group(log, notes)?);
        }
    }
    Ok(all)
}

fn missing_entry(path: &Path, letters: &str, others: u32) -> anyhow::Result<Option<Right>> {
    if path.metadata()?.mode() & others == others {
        return Ok(None);
    }
    let output = Command::new("getfacl").args(["--absolute-names", "--"]).arg(path).output()?;
    let before = String::from_utf8(output.stdout)?;
    let entry = format!("user:{LOGS}:");
    let given = before.lines().any(|line| line.strip_prefix(&entry).is_some_and(|rights| rights.contains(letters)));
    Ok((!given).then(|| Right::List { path: path.to_owned(), letters: letters.to_owned(), before }))
}

fn missing_group(log: &Path, notes: &mut Vec<String>) -> anyhow::Result<Option<Right>> {
    let shut = log.ancestors().skip(1).find(|directory| directory.metadata().is_ok_and(|found| found.mode() & 1 == 0));
    if let Some(directory) = shut {
        notes.push(format!(
            "{LOGS} cannot enter `{}`: install the package acl and run setup again",
            directory.display()
        ));
        return Ok(None);
    }
    let found = log.metadata()?;
    let ours = nix::unistd::Group::from_name(LOGS)?.is_some_and(|group| group.gid.as_raw() == found.gid());
    if found.mode() & 0o004 != 0 || (ours && found.mode() & 0o040 != 0) {
        return Ok(None);
    }
    if found.mode() & 0o070 != 0 {
        notes.push(format!("the group of `{}` has rights that would be lost: install the package acl", log.display()));
        return Ok(None);
    }
    Ok(Some(Right::Group { path: log.to_owned(), gid: found.gid(), mode: found.mode() & 0o7777 }))
}

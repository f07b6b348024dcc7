//! One file, directory or link of the node, before and after: what setup compares, shows, writes and takes back.
//!
//! All paths are as the node sees them; `Root` turns them into paths on this machine, so that a whole setup can be
//! tried on a copy. Nothing here decides what should be written.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::{Gid, Uid, chown, geteuid};
use serde::{Deserialize, Serialize};

/// The directory that stands for `/`.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// The tree below `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Whether this is the running system itself.
    pub(crate) fn is_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where `path` of the node lies on this machine.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether there is something at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.at(Path::new(path)).symlink_metadata().is_ok()
    }
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A directory.
    Directory,
    /// A file with this content.
    File(#[serde(with = "base64_text")] Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
}

/// Content, mode and owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What it is.
    pub(crate) body: Body,
    /// The permission bits.
    pub(crate) mode: u32,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
}

impl State {
    /// A file of root that all can read.
    pub(crate) fn file(content: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::File(content.into()), mode: 0o644, uid: 0, gid: 0 }
    }

    /// A directory of root that all can enter.
    pub(crate) fn directory() -> Self {
        Self { body: Body::Directory, mode: 0o755, uid: 0, gid: 0 }
    }

    /// A symbolic link.
    pub(crate) fn link(target: &str) -> Self {
        Self { body: Body::Link(target.into()), mode: 0o777, uid: 0, gid: 0 }
    }

    /// What lies at `path` now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(root: &Root, path: &Path) -> anyhow::Result<Option<Self>> {
        let real = root.at(path);
        let found = match real.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot look at `{}`", real.display()))?,
        };
        let body = if found.is_dir() {
            Body::Directory
        } else if found.is_symlink() {
            Body::Link(fs::read_link(&real)?)
        } else {
            Body::File(fs::read(&real).with_context(|| format!("cannot read `{}`", real.display()))?)
        };
        Ok(Some(Self { body, mode: found.mode() & 0o7777, uid: found.uid(), gid: found.gid() }))
    }

    /// Puts this at `path`, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, root: &Root, path: &Path) -> anyhow::Result<()> {
        let real = root.at(path);
        self.put(&real).with_context(|| format!("cannot write `{}`", real.display()))
    }

    fn put(&self, real: &Path) -> anyhow::Result<()> {
        match &self.body {
            Body::Directory => {
                if !real.is_dir() {
                    fs::create_dir(real)?;
                }
                self.own(real)
            }
            Body::Link(target) => {
                let _absent = fs::remove_file(real);
                Ok(symlink(target, real)?)
            }
            Body::File(content) => {
                let fresh = real.with_file_name(format!(".{}.byleave", real.file_name().unwrap_or_default().display()));
                let _left_by_a_crash = fs::remove_file(&fresh);
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
                file.write_all(content)?;
                self.own(&fresh)?;
                file.sync_all()?;
                Ok(fs::rename(&fresh, real)?)
            }
        }
    }

    fn own(&self, real: &Path) -> anyhow::Result<()> {
        if geteuid().is_root() {
            chown(real, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        }
        Ok(fs::set_permissions(real, fs::Permissions::from_mode(self.mode))?)
    }

    /// Whether `other` is the same for the purposes of setup: without root, nothing can be given to somebody else.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let owned = !geteuid().is_root() || (self.uid, self.gid) == (other.uid, other.gid);
        let mode = matches!(self.body, Body::Link(_)) || self.mode == other.mode;
        self.body == other.body && mode && owned
    }
}

/// One change of the node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Edit {
    /// The path on the node.
    pub(crate) path: PathBuf,
    /// What was there.
    pub(crate) before: Option<State>,
    /// What shall be there.
    pub(crate) after: State,
}

impl Edit {
    /// The change that leads to `after`; none if it is so already.
    ///
    /// # Errors
    /// If what is there cannot be read.
    pub(crate) fn to(root: &Root, path: &str, after: State) -> anyhow::Result<Option<Self>> {
        let path = PathBuf::from(path);
        let before = State::read(root, &path)?;
        if before.as_ref().is_some_and(|before| before.same(&after)) {
            return Ok(None);
        }
        Ok(Some(Self { path, before, after }))
    }

    /// The change as people read it: only lines that go or come, never the lines around them, which can be secret.
    pub(crate) fn diff(&self) -> String {
        let path = self.path.display();
        let mode = format!("mode {:o}, owner {}:{}", self.after.mode, self.after.uid, self.after.gid);
        let before = match &self.before {
            Some(State { body: Body::File(content), .. }) => String::from_utf8_lossy(content).into_owned(),
            Some(_) | None => String::new(),
        };
        match &self.after.body {
            Body::Directory => format!("directory {path}  ({mode})\n"),
            Body::Link(target) => format!("link {path} -> {}\n", target.display()),
            Body::File(content) => {
                let verb = if self.before.is_some() { "change" } else { "new" };
                let after = String::from_utf8_lossy(content);
                let mut text = format!("{verb} {path}  ({mode})\n");
                let old: Vec<&str> = before.lines().collect();
                let new: Vec<&str> = after.lines().collect();
                old.iter().filter(|line| !new.contains(line)).for_each(|line| text.push_str(&format!("  - {line}\n")));
                new.iter().filter(|line| !old.contains(line)).for_each(|line| text.push_str(&format!("  + {line}\n")));
                text
            }
        }
    }
}

mod base64_text {
    //! Bytes as base64 in JSON.

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

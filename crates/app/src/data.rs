//! The data directory: one place for everything an installation keeps, held by one server at a time.
//!
//! Nothing in it may be readable by others: secrets are sealed, but the key that unseals them lies here too.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use byleave_core::time::Entropy;
use byleave_gateway::key::HostKey;
use nix::fcntl::{Flock, FlockArg};

use crate::entropy::draw;

/// An installation's data directory, locked for as long as this value lives.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Opens the directory, making it (mode 0700) if it is not there, and takes its lock.
    ///
    /// # Errors
    /// If it cannot be made, is open to others, or another server holds it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.with_context(|| format!("cannot make the data directory `{}`", path.display()))?;
        }
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            bail!("the data directory `{path}` is open to others (mode {mode:o}); close it with: chmod 700 '{path}'");
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"))?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, error)) => bail!(
                "the data directory `{}` is in use by another server ({error}); stop that one first",
                path.display()
            ),
        };
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key that seals secrets in the database.
    pub(crate) fn seal_key(&self) -> PathBuf {
        self.path.join("seal.key")
    }

    /// Where recordings lie, one folder a session.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.path.join("recordings")
    }

    /// The administrator's token, made at the first start.
    ///
    /// # Errors
    /// If it can be neither read nor written.
    pub(crate) fn administrator_token(&self, entropy: &dyn Entropy) -> anyhow::Result<String> {
        let path = self.path.join("admin.token");
        if !path.exists() {
            let token = format!("byleave_admin_{}", hex::encode(draw::<32>(entropy)));
            write_secret(&path, &token)?;
        }
        read_secret(&path)
    }

    /// The gateway's host key, made at the first start. Its public part lies beside it, for `known_hosts`.
    ///
    /// # Errors
    /// If it can be neither read nor written.
    pub(crate) fn host_key(&self, entropy: &dyn Entropy) -> anyhow::Result<HostKey> {
        let path = self.path.join("ssh_host_ed25519_key");
        if !path.exists() {
            let key = HostKey::generate(entropy)?;
            write_secret(&path, &key.to_text()?)?;
            fs::write(self.path.join("ssh_host_ed25519_key.pub"), format!("{}\n", key.public()?))?;
        }
        HostKey::parse(&read_secret(&path)?).with_context(|| format!("`{}`", path.display()))
    }
}

/// Writes a secret whole or not at all: to a new file of mode 0600, synced, then renamed.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Reads a secret that nobody else can read.
fn read_secret(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let mode = fs::metadata(path).with_context(|| format!("cannot read `{name}`"))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("`{name}` can be read by others (mode {mode:o}); close it with: chmod 600 '{name}'");
    }
    fs::read_to_string(path).map(|text| text.trim().to_owned()).with_context(|| format!("cannot read `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_data_directory_has_one_server_and_keeps_its_secrets() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let data = DataDir::open(&path).unwrap();
        assert!(DataDir::open(&path).is_err(), "a second server is refused");
        let token = data.administrator_token(&SystemEntropy).unwrap();
        assert_eq!(token, data.administrator_token(&SystemEntropy).unwrap());
        data.host_key(&SystemEntropy).unwrap();
        fs::set_permissions(path.join("admin.token"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(data.administrator_token(&SystemEntropy).unwrap_err().to_string().contains("chmod 600"));
        drop(data);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(DataDir::open(&path).is_err(), "an open directory is refused");
    }
}

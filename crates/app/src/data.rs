//! The data directory: one place for everything an installation keeps, held by one server at a time.
//!
//! Nothing in it may be readable by others: secrets are sealed, but the key that unseals them lies here too. A directory
//! that lost its database must never become a new installation unasked: a first start leaves a mark until its database
//! is there, and only what bears that mark, or is empty, is begun.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use byleave_core::time::Entropy;
use byleave_gateway::key::HostKey;
use byleave_store::{SealingKey, Store};
use nix::fcntl::{Flock, FlockArg};

use crate::entropy::draw;

/// What a first start leaves in the directory until it is done.
const INSTALLING: &str = "installing";

/// What only an installation leaves behind. Where one of these is, a database was.
const TRACES: &[&str] = &["admin.token", "byleave.db-wal", "recordings", "seal.key", "ssh_host_ed25519_key"];

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// An installation that was started before.
    Again,
    /// A new installation, or one whose first start was interrupted.
    First,
}

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

    /// Tells whether an installation begins here, and marks it before anything of it is made.
    ///
    /// # Errors
    /// If the directory had an installation whose database is gone.
    pub(crate) fn start(&self) -> anyhow::Result<Start> {
        let marked = self.installing().try_exists()?;
        if self.path.join(Store::FILE).try_exists()? {
            return Ok(if marked { Start::First } else { Start::Again });
        }
        if !marked {
            let traces = traces(&self.path);
            if !traces.is_empty() {
                bail!("{}", lost(&self.path, &traces));
            }
            File::create(self.installing())?.sync_all()?;
            self.sync()?;
        }
        Ok(Start::First)
    }

    /// Notes that the installation is there. From now on its database is never made again.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        // The database is in the directory for good before the mark is gone.
        self.sync()?;
        fs::remove_file(self.installing())?;
        self.sync()
    }

    fn installing(&self) -> PathBuf {
        self.path.join(INSTALLING)
    }

    fn sync(&self) -> anyhow::Result<()> {
        Ok(File::open(&self.path)?.sync_all()?)
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the key that seals secrets in the database.
    pub(crate) fn seal_key(&self) -> PathBuf {
        self.path.join("seal.key")
    }

    /// The key itself, made at the first start and never again.
    ///
    /// # Errors
    /// If it can be neither read nor written.
    pub(crate) fn sealing_key(&self, start: Start, entropy: &dyn Entropy) -> anyhow::Result<SealingKey> {
        let path = self.seal_key();
        match (path.try_exists()?, start) {
            (true, _) => {
                read_secret(&path)?;
                Ok(SealingKey::load(&path)?)
            }
            (false, Start::First) => Ok(SealingKey::create(&path, entropy)?),
            (false, Start::Again) => bail!(
                "`{}` is missing beside the database; restore it: what was sealed cannot be read without it",
                path.display()
            ),
        }
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

    /// A secret that lies in the directory, if it is there.
    ///
    /// # Errors
    /// If it cannot be read, or others can read it.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.path.join(name);
        if path.try_exists()? { read_secret(&path).map(Some) } else { Ok(None) }
    }

    /// Keeps a secret in the directory.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn keep_secret(&self, name: &str, text: &str) -> anyhow::Result<()> {
        write_secret(&self.path.join(name), text)
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
        }
        let key = HostKey::parse(&read_secret(&path)?).with_context(|| format!("`{}`", path.display()))?;
        let (public, line) = (self.path.join("ssh_host_ed25519_key.pub"), format!("{}\n", key.public()?));
        if fs::read_to_string(&public).ok().as_ref() != Some(&line) {
            fs::write(public, line)?;
        }
        Ok(key)
    }
}

/// What an installation left in a directory.
pub(crate) fn traces(directory: &Path) -> Vec<&'static str> {
    let is_trace = |name: &&str| {
        let path = directory.join(name);
        // A folder for recordings counts once something is in it.
        fs::symlink_metadata(&path).is_ok() && fs::read_dir(&path).map_or(true, |mut inside| inside.next().is_some())
    };
    TRACES.iter().copied().filter(is_trace).collect()
}

/// Whether a first start is under way or was interrupted.
pub(crate) fn is_installing(directory: &Path) -> bool {
    directory.join(INSTALLING).exists()
}

/// What to tell somebody whose database is gone, with what is left of the installation.
pub(crate) fn lost(directory: &Path, traces: &[&str]) -> String {
    let (directory, traces) = (directory.display(), traces.join(", "));
    format!(
        "the database `byleave.db` is gone from `{directory}`, which has had an installation (there is still: {traces}); \
         restore `byleave.db` from the backup; or, to begin a new installation that knows nothing of the old one, \
         its customers, grants and history, move these files away first, or name an empty directory"
    )
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
    fn only_what_is_new_is_begun() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let data = DataDir::open(&path).unwrap();
        fs::write(path.join("byleave.toml"), "").unwrap();
        assert_eq!(data.start().unwrap(), Start::First);
        data.administrator_token(&SystemEntropy).unwrap();
        data.sealing_key(Start::First, &SystemEntropy).unwrap();
        assert_eq!(data.start().unwrap(), Start::First, "it was interrupted");
        fs::write(path.join("byleave.db"), "").unwrap();
        assert_eq!(data.start().unwrap(), Start::First, "it was interrupted later");
        data.settle().unwrap();
        assert_eq!(data.start().unwrap(), Start::Again);
        fs::remove_file(path.join("byleave.db")).unwrap();
        for name in ["admin.token", "seal.key"] {
            let refused = data.start().unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("restore"), "{refused}");
            fs::remove_file(path.join(name)).unwrap();
        }
        fs::create_dir(path.join("recordings")).unwrap();
        fs::write(path.join("recordings/one"), "").unwrap();
        assert!(data.start().unwrap_err().to_string().contains("recordings"));
        assert!(data.sealing_key(Start::Again, &SystemEntropy).is_err(), "a key is made at the first start only");
        fs::remove_file(path.join("recordings/one")).unwrap();
        assert_eq!(data.start().unwrap(), Start::First);
    }

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

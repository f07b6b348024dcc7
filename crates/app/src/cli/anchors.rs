//! Anchors: signed states of the log, kept from each answer, against which every later state is checked.
//!
//! Kept in `$XDG_DATA_HOME/byleave/anchors.jsonl`, one a line, with the log's key as first seen beside them in
//! `log-keys.txt`. A server whose history does not continue what it once vouched for is found out here, at the next
//! command. The check comes after the command: it never stands in the way of a revoke.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use byleave_api::byleave::{Checkpoint as LatestCheckpoint, LogKey};
use byleave_core::event::LogId;
use byleave_log::anchor::Anchor;
use byleave_log::checkpoint::Checkpoint;
use byleave_log::key::VerifyingKey;
use byleave_log::leaf::log_text;
use byleave_log::proof::{Proof, is_consistent};

use super::Caller;
use super::client::Client;
use super::credentials::{folder, private_folder};
use super::fault::{Exit, Fault, Outcome};
use super::output::note;

impl Caller {
    /// Keeps what the server vouched for, and checks that its history continues what was kept before.
    ///
    /// # Errors
    /// If it does not: somebody rewrote history, or the server was restored from a backup.
    pub(super) async fn check_history(&self) -> Outcome<()> {
        let new = self.anchors.take();
        let kept = Kept::open()?;
        let spoken = !new.is_empty();
        let asked = self.asked.borrow().as_deref().and_then(|id| id.parse().ok()).map(LogId::Organization);
        let known = asked.and_then(|log| kept.newest(log));
        if new.is_empty() && known.is_none() {
            return Ok(());
        }
        let key = match self.log_key(&kept).await {
            Err(fault) if new.is_empty() => return spare(fault),
            other => other?,
        };
        for anchor in new {
            let anchor = Anchor::from_json(&serde_json::to_string(&anchor).context("an anchor has no JSON form")?);
            let anchor = anchor.map_err(broken)?;
            let state = anchor.open(&key).map_err(broken)?;
            let before = kept.newest(anchor.log);
            kept.append(&anchor)?;
            // The administrator may not look into a customer's log, and the installation's own has no such proof.
            if anchor.log == LogId::Installation || self.client.is_administrator() || !self.compares.get() {
                continue;
            }
            let latest = match before {
                Some(before) => self.continues(before, &key).await?,
                None => continue,
            };
            if latest.head() != state.head() {
                self.continues(state, &key).await?;
            }
        }
        match known.filter(|_| !spoken && !self.client.is_administrator()) {
            Some(known) => self.continues(known, &key).await.map(|_| ()).or_else(spare),
            None => Ok(()),
        }
    }

    /// Checks that the server's present state continues one that it vouched for.
    async fn continues(&self, before: Checkpoint, key: &VerifyingKey) -> Outcome<Checkpoint> {
        let (log, size) = (log_text(before.origin.log), before.size);
        let answer: LatestCheckpoint = self.client.get(&format!("/organizations/{log}/checkpoint?from={size}")).await?;
        let latest = Checkpoint::open(&answer.checkpoint, key).map_err(broken)?;
        let proof = Proof::from_texts(&answer.consistency).map_err(broken)?;
        if latest.origin == before.origin && is_consistent(before.head(), latest.head(), &proof) {
            Ok(latest)
        } else {
            Err(broken(format!(
                "the log has {} entries now and does not continue the {size} that it had when this machine last looked",
                latest.size
            )))
        }
    }

    /// The key of the server's logs: as first seen, and never silently another one.
    async fn log_key(&self, kept: &Kept) -> Outcome<VerifyingKey> {
        let key = fetch_key(&self.client).await?;
        match kept.key(key.name())? {
            None => kept.keep_key(&key)?,
            Some(known) if known == key => {}
            Some(known) => {
                return Err(broken(format!("the server's log key is `{key}` now; it was `{known}` when first seen")));
            }
        }
        Ok(key)
    }
}

/// The key that a server says it signs its logs with.
pub(super) async fn fetch_key(client: &Client) -> Outcome<VerifyingKey> {
    let answer: LogKey = client.get("/key").await?;
    VerifyingKey::parse(&answer.key).map_err(broken)
}

/// A look at history that could not be taken is told, and is no reason to fail.
fn spare(fault: Fault) -> Outcome<()> {
    match fault.exit {
        Exit::Unavailable | Exit::Denied | Exit::NotFound => {
            note(&format!("note: the log's history could not be checked: {}", fault.text()));
            Ok(())
        }
        Exit::Failure | Exit::ReaderGone | Exit::Usage => Err(fault),
    }
}

fn broken(why: impl std::fmt::Display) -> Fault {
    Fault::new(Exit::Failure, format!("the server's log is not to be believed: {why}")).advise(
        "history was rewritten, or an older backup was restored without saying so: keep your anchors, export the evidence \
         (`byleave evidence export`), verify it with --anchor, and ask the vendor",
    )
}

/// The files in which anchors and keys are kept.
struct Kept {
    folder: PathBuf,
    anchors: Vec<Anchor>,
}

impl Kept {
    fn open() -> anyhow::Result<Self> {
        Self::read(folder("XDG_DATA_HOME", ".local/share")?)
    }

    fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let path = folder.join("anchors.jsonl");
        let text = read(&path)?;
        // A line cut off by a crash was never relied on; it is passed over, not lost: the file is only appended to.
        let anchors = text.lines().filter_map(|line| Anchor::from_json(line).ok()).collect();
        Ok(Self { folder, anchors })
    }

    /// The state of a log with most entries that was kept. Its signature was checked when it was kept.
    fn newest(&self, log: LogId) -> Option<Checkpoint> {
        let states = self.anchors.iter().filter(|anchor| anchor.log == log);
        states.filter_map(|anchor| Checkpoint::read_unverified(&anchor.checkpoint).ok()).max_by_key(|state| state.size)
    }

    fn append(&self, anchor: &Anchor) -> anyhow::Result<()> {
        self.add("anchors.jsonl", &anchor.to_json())
    }

    fn key(&self, name: &str) -> anyhow::Result<Option<VerifyingKey>> {
        let path = self.folder.join("log-keys.txt");
        let text = read(&path)?;
        let line = text.lines().find(|line| line.split('+').next() == Some(name));
        line.map(|line| VerifyingKey::parse(line).with_context(|| format!("`{}` is damaged", path.display())))
            .transpose()
    }

    fn keep_key(&self, key: &VerifyingKey) -> anyhow::Result<()> {
        self.add("log-keys.txt", &key.to_string())
    }

    /// Adds a line, durably. It begins on a line of its own also if the one before was cut off.
    fn add(&self, file: &str, line: &str) -> anyhow::Result<()> {
        private_folder(&self.folder)?;
        let path = self.folder.join(file);
        let cut = read(&path)?;
        let start = if cut.is_empty() || cut.ends_with('\n') { "" } else { "\n" };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        file.write_all(format!("{start}{line}\n").as_bytes())?;
        file.sync_all().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// How many anchors are kept, for `doctor`.
pub(super) fn count() -> anyhow::Result<usize> {
    Ok(Kept::open()?.anchors.len())
}

#[cfg(test)]
mod tests {
    use byleave_core::id::{InstallationId, OrgId};
    use byleave_log::checkpoint::Origin;
    use byleave_log::hash::Hash;
    use byleave_log::key::SigningKey;
    use byleave_log::tree::Frontier;

    use super::*;

    fn anchor(size: u64) -> Anchor {
        let installation = InstallationId::from_bytes([7; 12]);
        let log = LogId::Organization(OrgId::from_bytes([1; 12]));
        let mut tree = Frontier::default();
        for leaf in 0..size {
            tree.append(Hash::of_leaf(&leaf.to_be_bytes()));
        }
        let key = SigningKey::from_bytes(&[3; 32], installation);
        Anchor { log, index: size - 1, checkpoint: Checkpoint::of(Origin { installation, log }, &tree).sign(&key) }
    }

    #[test]
    fn the_newest_kept_state_is_the_longest() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("byleave");
        for size in [1, 5, 3] {
            Kept::read(folder.clone()).unwrap().append(&anchor(size)).unwrap();
        }
        let kept = Kept::read(folder.clone()).unwrap();
        assert_eq!(kept.newest(anchor(1).log).unwrap().size, 5);
        assert_eq!(kept.newest(LogId::Installation).map(|state| state.size), None);
        std::fs::write(folder.join("anchors.jsonl"), format!("{}\n{{\"log\":", anchor(2).to_json())).unwrap();
        Kept::read(folder.clone()).unwrap().append(&anchor(4)).unwrap();
        let kept = Kept::read(folder).unwrap();
        assert_eq!(kept.anchors.len(), 2, "a line cut off by a crash spoils no other");
        assert_eq!(kept.newest(anchor(1).log).unwrap().size, 4);
    }

    #[test]
    fn a_key_is_kept_as_first_seen() {
        let root = tempfile::tempdir().unwrap();
        let kept = Kept::read(root.path().to_owned()).unwrap();
        let key = SigningKey::from_bytes(&[3; 32], InstallationId::from_bytes([7; 12])).verifying_key().clone();
        assert_eq!(kept.key(key.name()).unwrap(), None);
        kept.keep_key(&key).unwrap();
        assert_eq!(kept.key(key.name()).unwrap(), Some(key));
    }
}

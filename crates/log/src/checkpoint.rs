//! Checkpoints: the signed size and root of a log, in the form of C2SP's tlog-checkpoint.
//!
//! The origin is `byleave/<installation id>/<organization id>` (or `…/installation`); one key signs all logs of an
//! installation, and the origin tells them apart. No extension lines are written or taken.

use byleave_core::event::LogId;
use byleave_core::id::InstallationId;

use crate::hash::Hash;
use crate::key::{SigningKey, VerifyingKey, key_name};
use crate::leaf::{log_text, parse_log};
use crate::note::{Note, NoteError};
use crate::proof::{Head, Proof, is_consistent};
use crate::tree::Frontier;

/// What a log is called in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The installation.
    pub installation: InstallationId,
    /// The log.
    pub log: LogId,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", key_name(self.installation), log_text(self.log))
    }
}

impl std::str::FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (installation, log) =
            text.strip_prefix("byleave/").and_then(|rest| rest.split_once('/')).ok_or(CheckpointError::Malformed)?;
        let installation = installation.parse().map_err(|_| CheckpointError::Malformed)?;
        let log = parse_log(log).ok_or(CheckpointError::Malformed)?;
        Ok(Self { installation, log })
    }
}

/// What a checkpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// How many entries it has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// Why a checkpoint is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not of the form.
    #[error("is not a checkpoint of a Byleave log")]
    Malformed,
    /// The signature is missing or wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The key is of another installation than the log.
    #[error("is of another installation than the key")]
    OtherInstallation,
}

impl Checkpoint {
    /// The state of a log.
    pub fn of(origin: Origin, tree: &Frontier) -> Self {
        Self { origin, size: tree.size(), root: tree.root() }
    }

    /// Size and root.
    pub const fn head(&self) -> Head {
        Head { size: self.size, root: self.root }
    }

    /// The three lines that are signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        Note::sign(self.to_text(), key).to_string()
    }

    /// Reads a signed note that this key must have signed.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is not to be believed.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(note.verify(key)?)?;
        if key.name() == key_name(checkpoint.origin.installation) {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherInstallation)
        }
    }

    /// Reads a signed note without believing it.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is no checkpoint at all.
    pub fn read_unverified(note: &str) -> Result<Self, CheckpointError> {
        Self::parse(Note::parse(note)?.unverified())
    }

    /// Whether this is a later (or the same) state of the log that `older` is of: nothing before was touched.
    pub fn extends(&self, older: &Self, proof: &Proof) -> bool {
        self.origin == older.origin && is_consistent(older.head(), self.head(), proof)
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Malformed);
        };
        let size = size.parse().map_err(|_| CheckpointError::Malformed)?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::Malformed)?;
        let read = Self { origin: origin.parse()?, size, root };
        if read.to_text() == text { Ok(read) } else { Err(CheckpointError::Malformed) }
    }
}

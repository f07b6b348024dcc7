//! Anchors: what a customer keeps of each answer, so that history cannot be rewritten behind their back.

use byleave_core::event::LogId;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::VerifyingKey;
use crate::leaf::{LOG_RULE, log_text, parse_log};

/// The place of an entry in a log, and the signed state of the log that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AnchorText", into = "AnchorText")]
pub struct Anchor {
    /// The log.
    pub log: LogId,
    /// The entry.
    pub index: u64,
    /// The signed note.
    pub checkpoint: String,
}

/// Why an anchor is no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// Its checkpoint is not to be believed.
    #[error("the anchor's checkpoint {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The text is no anchor.
    #[error("must be a JSON object with log, index and checkpoint; {0}")]
    Malformed(String),
    /// Its checkpoint does not hold its entry, or is of another log.
    #[error("the anchor's checkpoint is of another log, or of a state before its entry")]
    Mismatch,
}

impl Anchor {
    /// Its form in one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "log": log_text(self.log), "index": self.index, "checkpoint": self.checkpoint }).to_string()
    }

    /// Reads its form in JSON.
    ///
    /// # Errors
    /// [`AnchorError::Malformed`] if the text is no anchor.
    pub fn from_json(text: &str) -> Result<Self, AnchorError> {
        serde_json::from_str(text).map_err(|error| AnchorError::Malformed(error.to_string()))
    }

    /// The state it vouches for, if this key signed it.
    ///
    /// # Errors
    /// [`AnchorError`] if it is not to be believed.
    pub fn open(&self, key: &VerifyingKey) -> Result<Checkpoint, AnchorError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        if checkpoint.origin.log == self.log && checkpoint.size > self.index {
            Ok(checkpoint)
        } else {
            Err(AnchorError::Mismatch)
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorText {
    log: String,
    index: u64,
    checkpoint: String,
}

impl From<Anchor> for AnchorText {
    fn from(anchor: Anchor) -> Self {
        Self { log: log_text(anchor.log), index: anchor.index, checkpoint: anchor.checkpoint }
    }
}

impl TryFrom<AnchorText> for Anchor {
    type Error = String;

    fn try_from(text: AnchorText) -> Result<Self, String> {
        let log = parse_log(&text.log).ok_or_else(|| format!("log {LOG_RULE}"))?;
        Ok(Self { log, index: text.index, checkpoint: text.checkpoint })
    }
}

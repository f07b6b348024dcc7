//! Evidence: what a customer exports and verifies offline, and the check that the tables say what the logs say.

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_core::id::OrgId;

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Anchor;

/// What an audit of the state found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many logs were replayed.
    pub logs: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// Where the tables and the logs differ, or a log breaks a rule. Empty if all is well.
    pub findings: Vec<String>,
}

impl Store {
    /// The log's present checkpoint, with the index of its last entry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the log or it is empty.
    pub async fn checkpoint(&self, actor: &Actor, log: LogId) -> Result<Anchor, StoreError> {
        let _ = (actor, log);
        Err(StoreError::unwritten())
    }

    /// The evidence of an organization as one JSON text; entries of projects that the actor cannot read are hashes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization, [`StoreError::Conflict`] if nobody has
    /// claimed it.
    pub async fn evidence(&self, actor: &Actor, organization: OrgId) -> Result<String, StoreError> {
        let _ = (actor, organization);
        Err(StoreError::unwritten())
    }

    /// Replays all logs and compares what they say with the tables. For `byleave doctor` and the tests.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be read.
    pub async fn audit_state(&self) -> Result<Audit, StoreError> {
        Err(StoreError::unwritten())
    }
}

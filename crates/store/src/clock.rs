//! Time: the high-water mark, doubt and how it is left, and what time alone makes happen.

use byleave_core::actor::Actor;
use byleave_core::time::{Now, Reading};

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// What a sweep wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Grants whose expiry was written to the feed.
    pub expired: usize,
    /// Folded entries of denied tries.
    pub denied: usize,
    /// Hourly time leaves.
    pub time: usize,
}

impl Store {
    /// Judges a reading against the mark without writing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the mark cannot be read.
    pub async fn now(&self, now: &Reading) -> Result<Now, StoreError> {
        let _ = now;
        Err(StoreError::unwritten())
    }

    /// Records the high-water mark, which proves that the store can commit. The application calls it each second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn heartbeat(&self, now: &Reading) -> Result<Now, StoreError> {
        let _ = now;
        Err(StoreError::unwritten())
    }

    /// Writes what time alone makes happen: `grant.expired` once for each grant, denied tries folded by minute, a time
    /// leaf for each log that had no entry for an hour. Nothing depends on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn sweep(&self, now: &Reading) -> Result<Swept, StoreError> {
        let _ = now;
        Err(StoreError::unwritten())
    }

    /// Leaves clock doubt: the mark becomes the wall clock, and every grant in force ends. An administrator's act.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the clock is not in doubt.
    pub async fn leave_doubt(&self, actor: &Actor, now: &Reading) -> Result<Written<()>, StoreError> {
        let _ = (actor, now);
        Err(StoreError::unwritten())
    }
}

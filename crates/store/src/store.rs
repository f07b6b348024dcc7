//! The store itself: opening it, and what it keeps in memory.

use std::path::Path;
use std::sync::Arc;

use byleave_core::name::{VendorName, VendorSlug};
use byleave_core::time::{Entropy, Reading};

use crate::error::StoreError;
use crate::seal::SealingKey;

/// What an installation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The vendor's name on pages.
    pub vendor: VendorName,
    /// The vendor's word in employee identifiers.
    pub slug: VendorSlug,
    /// The version of this program, for `server.started`.
    pub version: String,
}

/// The store. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

impl Store {
    /// The file name of the database in the data directory.
    pub const FILE: &'static str = "byleave.db";

    /// Opens the store in a data directory, making it if there is none; closes sessions that a crash left open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be opened or written, if SQLite is older than 3.51.3 or the schema is
    /// newer than this program; [`StoreError::Corrupt`] if the sealing key is not the one it was made with.
    pub async fn open(
        dir: &Path,
        options: StoreOptions,
        sealing: SealingKey,
        entropy: Arc<dyn Entropy>,
        now: &Reading,
    ) -> Result<Self, StoreError> {
        let _ = (dir, options, sealing, entropy, now);
        Err(StoreError::unwritten())
    }

    /// The key that verifies this installation's checkpoints, as C2SP note vkey text.
    pub fn verifying_key(&self) -> String {
        let _ = &self.inner;
        String::new()
    }

    /// Waits until what is under way has finished, and closes the database.
    pub async fn close(&self) {}
}

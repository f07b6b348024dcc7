//! Secrets: kept out of logs in memory, and sealed under one key outside the database at rest.
//!
//! AES-256-GCM with a random nonce; the context (what the secret is and whose) is authenticated, so that a sealed text
//! cannot be moved to another row. This protects backups, not against root on this host.

use std::path::Path;

use byleave_core::time::Entropy;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// A text that is never printed and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps this text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key under which secrets are sealed at rest.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl SealingKey {
    /// Takes these 32 random bytes as the key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key file, or makes it (mode 0600) if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be read or written, [`StoreError::Corrupt`] if it does not hold
    /// 64 hexadecimal digits.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Self, StoreError> {
        let _ = (path, entropy);
        Err(StoreError::unwritten())
    }

    /// Seals `plain`; `context` must be the same when it is opened.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the cipher refuses, which it does not for texts of sane size.
    pub fn seal(&self, entropy: &dyn Entropy, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let _ = (entropy, context, plain, &self.0);
        Err(StoreError::unwritten())
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for another key, another context or changed bytes.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let _ = (context, sealed);
        Err(StoreError::unwritten())
    }
}

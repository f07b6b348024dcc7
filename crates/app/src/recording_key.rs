//! The keys of recordings: one a session, derived (HKDF-SHA-256, RFC 5869) from the key that seals all secrets.

use std::path::Path;

use anyhow::{Context, ensure};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use byleave_core::id::SessionId;
use zeroize::Zeroizing;

/// What the keys of all recordings come from.
#[derive(Debug, Clone)]
pub(crate) struct RecordingSecret(Prk);

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}

impl RecordingSecret {
    /// Derives it from the sealing key's file.
    ///
    /// # Errors
    /// If the file cannot be read or holds no key.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?);
        let key = Zeroizing::new(hex::decode(text.trim()).with_context(|| format!("`{name}` holds no key"))?);
        ensure!(key.len() == 32, "`{name}` must hold 64 hexadecimal digits");
        Ok(Self(Salt::new(HKDF_SHA256, b"byleave recordings").extract(&key)))
    }

    /// The key of one session's recording. `None` if it cannot be derived, which 32 bytes never run into.
    pub(crate) fn key(&self, session: SessionId) -> Option<Zeroizing<[u8; 32]>> {
        let mut key = Zeroizing::new([0; 32]);
        self.0.expand(&[session.as_bytes()], KeyLength).ok()?.fill(key.as_mut()).ok()?;
        Some(key)
    }
}

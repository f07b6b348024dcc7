//! Secrets: kept out of logs in memory, and sealed under one key outside the database at rest.
//!
//! AES-256-GCM with a random nonce; the context (what the secret is and whose) is authenticated, so that a sealed text
//! cannot be moved to another row. This protects backups, not against root on this host.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use byleave_core::time::Entropy;
use zeroize::Zeroizing;

use crate::error::{Fault, StoreError};

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

    /// Reads the key file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be read, [`StoreError::Corrupt`] if it does not hold 64
    /// hexadecimal digits.
    pub fn load(path: &Path) -> Result<Self, StoreError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| StoreError::Unavailable(Fault::of("the sealing key file cannot be read", error)))?;
        let mut key = Self::from_bytes([0; 32]);
        hex::decode_to_slice(Zeroizing::new(text).trim(), key.0.as_mut_slice())
            .map_err(|_| StoreError::corrupt("the sealing key file must hold 64 hexadecimal digits"))?;
        Ok(key)
    }

    /// Draws a key and writes its file (mode 0600): whole or not at all, and durable before anything is sealed with it.
    /// A key that a power cut loses would lose everything it sealed. A file that is there is kept and refused.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is such a file or it cannot be written.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, StoreError> {
        let key = Self::from_bytes(random(entropy));
        key.write(path)
            .map_err(|error| StoreError::Unavailable(Fault::of("the sealing key file cannot be written", error)))?;
        Ok(key)
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let draft = path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(Zeroizing::new(hex::encode(self.0.as_slice())).as_bytes())?;
        file.sync_all()?;
        // A link, unlike a rename, never takes the place of a key that is there.
        std::fs::hard_link(&draft, path)?;
        std::fs::remove_file(&draft)?;
        match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => std::fs::File::open(dir)?.sync_all(),
            Some(_) | None => Ok(()),
        }
    }

    /// Seals `plain`; `context` must be the same when it is opened.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the cipher refuses, which it does not for texts of sane size.
    pub fn seal(&self, entropy: &dyn Entropy, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let mut sealed = nonce.to_vec();
        let mut text = plain.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
            .map_err(|_| StoreError::corrupt("a secret cannot be sealed"))?;
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for another key, another context or changed bytes.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::corrupt(format!("the sealed secret `{context}` does not open with this key"));
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .cipher()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut text)
            .map_err(|_| damaged())?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn cipher(&self) -> Result<LessSafeKey, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.as_slice())
            .map_err(|_| StoreError::corrupt("the sealing key has the wrong length"))?;
        Ok(LessSafeKey::new(key))
    }
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

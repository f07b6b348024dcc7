//! The key of an installation that signs its checkpoints: Ed25519, named and written as C2SP signed notes want it.
//!
//! The secret half must never be shown or logged; only the store keeps it, sealed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_core::id::InstallationId;
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};

use crate::hash::read_hex;

/// The algorithm byte of Ed25519 in key ids and key texts.
const ED25519: u8 = 1;

/// The name of an installation's key, with which the origins of its logs begin: `byleave/<installation id>`.
pub fn key_name(installation: InstallationId) -> String {
    format!("byleave/{installation}")
}

/// The secret half.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl SigningKey {
    /// Makes the key of these 32 bytes: random ones for a new key, the kept ones for an old one.
    pub fn from_bytes(seed: &[u8; 32], installation: InstallationId) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::new(key_name(installation), key.verifying_key());
        Self { key, public }
    }

    /// The bytes to keep, sealed.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The public half.
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The public half as text, as customers keep it.
    pub fn vkey(&self) -> String {
        self.public.to_string()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// The public half. Its text is the C2SP form `<name>+<key id>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    fn new(name: String, key: ed25519_dalek::VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(&name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        Self { name, id: u32::from_be_bytes([a, b, c, d]), key }
    }

    /// Its name, `byleave/<installation id>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: the beginning of a hash of name and key.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Reads the text of a key.
    ///
    /// # Errors
    /// [`KeyError`] unless it is the one spelling of a sound key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        text.parse()
    }

    pub(crate) fn is_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form at all.
    #[error("must be a key in the form `byleave/<installation id>+<8 hexadecimal digits>+<base64>`")]
    Malformed,
    /// The id does not fit name and key: something was mistyped.
    #[error("the middle part does not fit the rest of the key; part of it was changed or lost")]
    WrongId,
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Malformed);
        };
        let id = read_hex::<4>(id).map(u32::from_be_bytes).ok_or(KeyError::Malformed)?;
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Malformed)?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(KeyError::Malformed) };
        let key: [u8; 32] = key.try_into().map_err(|_| KeyError::Malformed)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Malformed)?;
        let sound = name.strip_prefix("byleave/").is_some_and(|id| id.parse::<InstallationId>().is_ok());
        if !sound || key.is_weak() {
            return Err(KeyError::Malformed);
        }
        let read = Self::new(name.to_owned(), key);
        if read.id == id { Ok(read) } else { Err(KeyError::WrongId) }
    }
}

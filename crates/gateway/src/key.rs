//! The gateway's own host key, and public keys as Byleave writes them.

use byleave_core::name::PublicKey;
use byleave_core::time::Entropy;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{self, HashAlg, LineEnding};
use russh::keys::{PrivateKey, PublicKeyBase64};
use zeroize::Zeroizing;

/// The key by which employees know the gateway.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

/// The text is no private key in OpenSSH form, or of a type the gateway does not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an unencrypted private key of type ssh-ed25519 or ecdsa-sha2-nistp256, -384 or -521 in OpenSSH form")]
pub struct HostKeyError;

impl HostKey {
    /// Makes a new ed25519 key.
    ///
    /// # Errors
    /// [`HostKeyError`] if the key cannot be made.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, HostKeyError> {
        fresh(entropy).map(Self).map_err(|_| HostKeyError)
    }

    /// Reads a key as `ssh-keygen` writes it.
    ///
    /// # Errors
    /// [`HostKeyError`] if the text holds no such key; RSA is not taken, because the library's private RSA
    /// operations leak time.
    pub fn parse(text: &str) -> Result<Self, HostKeyError> {
        let key = PrivateKey::from_openssh(text).map_err(|_| HostKeyError)?;
        if key.is_encrypted() || key.algorithm().is_rsa() { Err(HostKeyError) } else { Ok(Self(key)) }
    }

    /// The key as `ssh-keygen` writes it.
    ///
    /// # Errors
    /// [`HostKeyError`] if it cannot be written.
    pub fn to_text(&self) -> Result<Zeroizing<String>, HostKeyError> {
        self.0.to_openssh(LineEnding::LF).map_err(|_| HostKeyError)
    }

    /// The public key in one line, for `known_hosts`.
    ///
    /// # Errors
    /// [`HostKeyError`] if it is of a type that Byleave does not write.
    pub fn public(&self) -> Result<PublicKey, HostKeyError> {
        public(self.0.public_key()).ok_or(HostKeyError)
    }

    /// Its fingerprint, as `ssh` shows it.
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    pub(crate) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

/// A new ed25519 key.
pub(crate) fn fresh(entropy: &dyn Entropy) -> Result<PrivateKey, ssh_key::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(seed.as_mut());
    PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "")
}

/// The key in Byleave's form; `None` for types that it does not take.
pub(crate) fn public(key: &ssh_key::PublicKey) -> Option<PublicKey> {
    PublicKey::from_line(&format!("{} {}", key.algorithm().as_str(), key.public_key_base64())).ok()
}

//! The client side: the gateway towards the cluster.
//!
//! It must never take a server for the right one before its signature was verified.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::{ScramError, mac, parse, salted, xor};

/// A client that sent its first message.
pub struct Begun {
    password: Zeroizing<String>,
    nonce: String,
    bare: String,
}

/// A client that sent its proof.
#[derive(Debug)]
pub struct Proving {
    signature: [u8; 32],
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Begun(…)")
    }
}

/// Makes the first message. `nonce` is at least 24 random printable characters without a comma.
///
/// # Errors
/// [`ScramError::NotAscii`] if SASLprep would be needed.
pub fn begin(user: &str, password: &str, nonce: &str) -> Result<(Begun, Vec<u8>), ScramError> {
    if !super::plain(user) || !super::plain(password) {
        return Err(ScramError::NotAscii);
    }
    let bare = format!("n={},r={}", parse::escape(user), parse::nonce(nonce)?);
    let message = format!("n,,{bare}").into_bytes();
    Ok((Begun { password: Zeroizing::new(password.to_owned()), nonce: nonce.to_owned(), bare }, message))
}

impl Begun {
    /// Reads the server's challenge and makes the last message.
    ///
    /// # Errors
    /// [`ScramError`] if the challenge does not continue our nonce or asks for too little or too much work.
    pub fn prove(self, challenge: &[u8]) -> Result<(Proving, Vec<u8>), ScramError> {
        let text = parse::text(challenge)?;
        let mut parts = text.split(',');
        let nonce = parse::nonce(parse::attribute(parts.next(), "r")?)?;
        let salt = parse::decode(parse::attribute(parts.next(), "s")?)?;
        let iterations = parse::attribute(parts.next(), "i")?.parse().map_err(|_| ScramError::Message)?;
        if parts.next().is_some() {
            return Err(ScramError::Message);
        }
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salted = Zeroizing::new(salted(&self.password, &salt, iterations)?);
        let mut client_key = mac(salted.as_ref(), b"Client Key");
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let without_proof = format!("c={},r={nonce}", parse::encode(b"n,,"));
        let covered = format!("{},{text},{without_proof}", self.bare);
        let proof = xor(&client_key, &mac(&stored_key, covered.as_bytes()));
        client_key.zeroize();
        let signature = mac(&mac(salted.as_ref(), b"Server Key"), covered.as_bytes());
        Ok((Proving { signature }, format!("{without_proof},p={}", parse::encode(&proof)).into_bytes()))
    }
}

impl Proving {
    /// Reads the server's last message and verifies that it knows the user, too.
    ///
    /// # Errors
    /// [`ScramError::Signature`] if it does not.
    pub fn verify(self, last: &[u8]) -> Result<(), ScramError> {
        let text = parse::text(last)?;
        let signature = parse::decode(parse::attribute(Some(text), "v")?)?;
        if bool::from(signature.as_slice().ct_eq(&self.signature)) { Ok(()) } else { Err(ScramError::Signature) }
    }
}

//! The server side: towards clients of the gateway.
//!
//! It must never tell an unknown name from a wrong password, by words or by work: a name that nobody has gets a mock
//! verifier and goes through the same steps to the same end.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{ScramError, Verifier, mac, parse, xor};

/// Somebody who was sent a challenge.
#[derive(Debug)]
pub struct Challenged {
    user: String,
    verifier: Verifier,
    known: Known,
    nonce: String,
    /// The first two messages, which the proof covers.
    covered: String,
}

/// Somebody who proved that they know the password.
#[derive(Debug, PartialEq, Eq)]
pub struct Proved {
    /// Their name.
    pub user: String,
    /// The server's last message, its own proof.
    pub message: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    No,
    Yes,
}

/// Reads a client's first message and answers with a challenge.
///
/// `nonce` is at least 24 random printable characters without a comma; `find` gives the verifier of a name; `mock_key`
/// is secret, stays the same for the life of the process and makes the salts of names that nobody has.
///
/// # Errors
/// [`ScramError`] if the message is not a first message without channel binding.
pub fn challenge(
    first: &[u8],
    nonce: &str,
    find: impl FnOnce(&str) -> Option<Verifier>,
    mock_key: &[u8; 32],
) -> Result<(Challenged, Vec<u8>), ScramError> {
    let text = parse::text(first)?;
    let bare = match text.split_at_checked(3) {
        Some(("n,,", bare)) => bare,
        Some(("y,,", _)) | None => return Err(ScramError::Binding),
        Some((start, _)) if start.starts_with("p=") => return Err(ScramError::Binding),
        Some(_) => return Err(ScramError::Message),
    };
    let mut parts = bare.split(',');
    let user = parse::unescape(parse::attribute(parts.next(), "n")?)?;
    let theirs = parse::nonce(parse::attribute(parts.next(), "r")?)?;
    if parts.next().is_some() {
        return Err(ScramError::Message);
    }
    let mock = Verifier::mock(&user, mock_key, super::ITERATIONS);
    let (verifier, known) = find(&user).map_or((mock, Known::No), |verifier| (verifier, Known::Yes));
    let nonce = format!("{theirs}{nonce}");
    let message = format!("r={nonce},s={},i={}", parse::encode(&verifier.salt), verifier.iterations);
    let covered = format!("{bare},{message}");
    Ok((Challenged { user, verifier, known, nonce, covered }, message.into_bytes()))
}

impl Challenged {
    /// The name that was given; it proves nothing.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Reads the client's last message and verifies the proof.
    ///
    /// # Errors
    /// [`ScramError`] if the message is malformed or the proof wrong, which is all that nobody's name can get.
    pub fn verify(self, last: &[u8]) -> Result<Proved, ScramError> {
        let text = parse::text(last)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(ScramError::Message)?;
        let mut parts = without_proof.split(',');
        let binding = parse::attribute(parts.next(), "c")?;
        let nonce = parse::attribute(parts.next(), "r")?;
        if parts.next().is_some() {
            return Err(ScramError::Message);
        }
        if parse::decode(binding)? != b"n,," {
            return Err(ScramError::Binding);
        }
        if nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        let proof: [u8; 32] = parse::decode(proof)?.try_into().map_err(|_| ScramError::Message)?;
        let covered = format!("{},{without_proof}", self.covered);
        let signature = mac(&self.verifier.stored_key, covered.as_bytes());
        let key: [u8; 32] = Sha256::digest(xor(&proof, &signature)).into();
        let known = match self.known {
            Known::No => Choice::from(0),
            Known::Yes => Choice::from(1),
        };
        let message = format!("v={}", parse::encode(&mac(&self.verifier.server_key, covered.as_bytes()))).into_bytes();
        if bool::from(key.ct_eq(&self.verifier.stored_key) & known) {
            Ok(Proved { user: self.user, message })
        } else {
            Err(ScramError::Proof)
        }
    }
}

//! SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides as pure state machines.
//!
//! Nonces and salts are arguments. Only the form without channel binding (`n`) is taken. Names and passwords must be
//! printable ASCII, for which SASLprep changes nothing: the gateway makes both itself towards clients; towards the
//! cluster other passwords are refused with a sentence. Secrets are wiped when they are dropped and never printed.
//!
//! Read next: [`server`] (towards clients: only [`Verifier`]s are kept), [`client`] (towards the cluster).

pub mod client;
mod parse;
pub mod server;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// The fewest iterations that are taken, as RFC 7677 asks.
pub const FEWEST_ITERATIONS: u32 = 4096;

/// The most iterations that a server may demand of us: a second of work.
pub const MOST_ITERATIONS: u32 = 1_000_000;

/// What MongoDB uses by default, and the gateway for its one-session users.
pub const ITERATIONS: u32 = 15_000;

/// The longest message that is taken.
const LONGEST: usize = 4096;

/// Why signing in fails. A client is told only that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// A message that is not as the RFC has it, or out of order.
    #[error("the message is not one of SCRAM-SHA-256 at this step")]
    Message,
    /// Channel binding, which is not offered.
    #[error("channel binding is not offered")]
    Binding,
    /// A name or password outside printable ASCII.
    #[error("name and password must be printable ASCII")]
    NotAscii,
    /// A nonce that does not continue ours.
    #[error("the nonce does not continue the one of the other side")]
    Nonce,
    /// Too few or too many iterations.
    #[error("the iterations must be between {FEWEST_ITERATIONS} and {MOST_ITERATIONS}")]
    Iterations,
    /// The client did not prove that it knows the password, or nobody has this name.
    #[error("the proof is wrong")]
    Proof,
    /// The server did not prove that it knows the user.
    #[error("the server's signature is wrong")]
    Signature,
}

/// What a server keeps of a password: enough to verify a proof, not enough to make one.
#[derive(Clone)]
pub struct Verifier {
    salt: [u8; 16],
    iterations: u32,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    /// Makes a verifier of a password and a random salt. The password is not kept.
    ///
    /// # Errors
    /// [`ScramError::NotAscii`] or [`ScramError::Iterations`].
    pub fn new(password: &str, salt: [u8; 16], iterations: u32) -> Result<Self, ScramError> {
        let mut salted = salted(password, &salt, iterations)?;
        let mut client_key = mac(&salted, b"Client Key");
        let server_key = mac(&salted, b"Server Key");
        let stored_key = Sha256::digest(client_key).into();
        salted.zeroize();
        client_key.zeroize();
        Ok(Self { salt, iterations, stored_key, server_key })
    }

    /// A verifier that nothing satisfies, for a name that does not exist: its salt is always the same for that name and
    /// cannot be told from a real one without the gateway's key.
    pub fn mock(user: &str, key: &[u8; 32], iterations: u32) -> Self {
        let salt = mac(key, &[b"salt ", user.as_bytes()].concat());
        let salt = salt.first_chunk().copied().unwrap_or_default();
        let stored_key = mac(key, &[b"stored ", user.as_bytes()].concat());
        let server_key = mac(key, &[b"server ", user.as_bytes()].concat());
        Self { salt, iterations, stored_key, server_key }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stored_key.zeroize();
        self.server_key.zeroize();
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Printable ASCII, which SASLprep leaves as it is.
fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn salted(password: &str, salt: &[u8], iterations: u32) -> Result<[u8; 32], ScramError> {
    if !plain(password) {
        return Err(ScramError::NotAscii);
    }
    if !(FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations) {
        return Err(ScramError::Iterations);
    }
    Ok(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations))
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so the error cannot happen; an empty MAC would satisfy nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|index| a.get(index).copied().unwrap_or_default() ^ b.get(index).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;

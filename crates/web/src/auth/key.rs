//! What programs sign in with, drawn here and shown once: API keys, and secrets and access tokens of service accounts.
//!
//! Secrets and tokens have 256 random bits and only letters, digits and `_`, which no client has to escape; their
//! beginnings tell people and scanners what leaked.

use byleave_core::time::Entropy;
use zeroize::Zeroizing;

use crate::auth::token::Token;

/// What every access token begins with.
pub const ACCESS_TOKEN: &str = "mdb_sa_at_";

/// What every secret of a service account begins with.
pub const SECRET: &str = "mdb_sa_sk_";

/// Draws the secret of a service account.
pub fn draw_secret(entropy: &dyn Entropy) -> Token {
    Token::draw_after(SECRET, entropy)
}

/// Draws an access token.
pub fn draw_access_token(entropy: &dyn Entropy) -> Token {
    Token::draw_after(ACCESS_TOKEN, entropy)
}

/// Draws an API key: eight lower-case letters, and a random UUID, which is what clients expect a key to look like.
pub fn draw_api_key(entropy: &dyn Entropy) -> (String, Zeroizing<String>) {
    let (mut letters, mut uuid) = ([0; 16], Zeroizing::new([0; 16]));
    entropy.fill(&mut letters);
    entropy.fill(uuid.as_mut());
    // Two bytes a letter make all letters equally likely, but for one part in two thousand.
    let letter = |pair: &[u8]| {
        let number = pair.iter().fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte)) % 26;
        char::from(b'a' + u8::try_from(number).unwrap_or_default())
    };
    let public_key = letters.chunks(2).map(letter).collect();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut *uuid;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let mut private_key = Zeroizing::new(hex::encode(*uuid));
    for place in [20, 16, 12, 8] {
        private_key.insert(place, '-');
    }
    (public_key, private_key)
}

//! The server's side of HTTP Digest (RFC 7616) for API keys: one challenge, `qop="auth"`, one algorithm.
//!
//! A nonce carries its own time and an HMAC under a key that is drawn at each start, so that nothing is remembered of
//! nonces that were handed out. What is remembered is which (nonce, count) pairs a right answer used: none is taken
//! twice. Nothing here looks a key up or decides anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_core::time::{Entropy, MINUTE};
use byleave_store::api_key::Ha1;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The realm, fixed for ever: the stored hashes are bound to it.
pub const REALM: &str = "MMS Public API";

/// How long a nonce is taken, in milliseconds.
const NONCE_FOR: i64 = 5 * MINUTE;

/// How many nonces are remembered at once. Only right answers are, so only holders of keys can fill this.
const REMEMBERED: usize = 100_000;

/// The hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The one that all clients know.
    Md5,
    /// For installations whose clients are known to take it.
    Sha256,
}

impl Algorithm {
    /// The name in a challenge.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// What stands for the hash of a key that there is not: as long as one that there is.
    const fn stand_in(self) -> &'static [u8] {
        match self {
            Self::Md5 => &[0; 16],
            Self::Sha256 => &[0; 32],
        }
    }

    /// The hash of a text, in hexadecimal.
    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// Hashes the credentials of a key: with MD5 and with SHA-256.
pub fn ha1(public_key: &str, private_key: &str) -> Ha1 {
    let text = Zeroizing::new(format!("{public_key}:{REALM}:{private_key}"));
    let (md5, sha256) = (Md5::digest(text.as_bytes()), Sha256::digest(text.as_bytes()));
    Ha1 { md5: Zeroizing::new(md5.into()), sha256: Zeroizing::new(sha256.into()) }
}

/// What a client sent in `Authorization: Digest …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public key.
    pub username: String,
    nonce: String,
    uri: String,
    response: String,
    cnonce: String,
    count: String,
}

/// Why credentials are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The nonce is too old or of another start: the client may try again with a new one.
    Stale,
    /// Anything else.
    Wrong,
}

/// Makes challenges and checks answers.
pub struct Digest {
    algorithm: Algorithm,
    key: hmac::Key,
    made: AtomicU64,
    used: Mutex<HashMap<[u8; 24], Counts>>,
}

/// The counts of one nonce that were used: the highest, and a window below it for clients that overtake themselves.
#[derive(Clone, Copy)]
struct Counts {
    highest: u32,
    window: u64,
    made_at: i64,
}

impl Digest {
    /// Draws the key for this start.
    pub fn new(algorithm: Algorithm, entropy: &dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self {
            algorithm,
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            made: AtomicU64::new(0),
            used: Mutex::default(),
        }
    }

    /// The algorithm of this server.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash of a key's credentials that this server's algorithm needs.
    pub fn ha1_of<'a>(&self, ha1: &'a Ha1) -> &'a [u8] {
        match self.algorithm {
            Algorithm::Md5 => ha1.md5.as_slice(),
            Algorithm::Sha256 => ha1.sha256.as_slice(),
        }
    }

    /// The value of `WWW-Authenticate`. `now` is the boot clock in milliseconds.
    pub fn challenge(&self, stale: bool, now: i64) -> String {
        format!(
            r#"Digest realm="{REALM}", domain="", nonce="{}", algorithm={}, qop="auth", stale={stale}"#,
            STANDARD.encode(self.nonce(now)),
            self.algorithm.as_str(),
        )
    }

    /// Checks an answer for a request. `ha1` is that of the key, or nothing if there is no such key; the work is the
    /// same.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        ha1: Option<&[u8]>,
        now: i64,
    ) -> Result<(), Refused> {
        let ha1_text = hex::encode(ha1.unwrap_or(self.algorithm.stand_in()));
        let ha2 = self.algorithm.hash(&format!("{}:{}", request.method, credentials.uri));
        let expected = self
            .algorithm
            .hash(&format!("{ha1_text}:{}:{}:{}:auth:{ha2}", credentials.nonce, credentials.count, credentials.cnonce));
        let right: bool = expected.as_bytes().ct_eq(credentials.response.to_ascii_lowercase().as_bytes()).into();
        let made = self.made_at(&credentials.nonce);
        if !right || ha1.is_none() || credentials.uri != request.target {
            return Err(if made.is_none() { Refused::Stale } else { Refused::Wrong });
        }
        let Some((nonce, made_at)) = made.filter(|(_, at)| (0..=NONCE_FOR).contains(&(now - at))) else {
            return Err(Refused::Stale);
        };
        let count = u32::from_str_radix(&credentials.count, 16).map_err(|_| Refused::Wrong)?;
        self.use_once(nonce, count, made_at, now)
    }

    /// Six bytes of time, four that make it unique, fourteen of HMAC: 32 characters in base64.
    fn nonce(&self, now: i64) -> [u8; 24] {
        let counter = self.made.fetch_add(1, Ordering::Relaxed);
        let mut body = [0; 10];
        let time = now.to_be_bytes();
        let unique = counter.to_be_bytes();
        let from = time.iter().skip(2).chain(unique.iter().skip(4));
        body.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        self.complete(body)
    }

    fn complete(&self, body: [u8; 10]) -> [u8; 24] {
        let tag = hmac::sign(&self.key, &body);
        let mut nonce = [0; 24];
        nonce.iter_mut().zip(body.iter().chain(tag.as_ref())).for_each(|(to, from)| *to = *from);
        nonce
    }

    /// The bytes and time of a nonce that this start made.
    fn made_at(&self, text: &str) -> Option<([u8; 24], i64)> {
        let nonce: [u8; 24] = STANDARD.decode(text).ok()?.try_into().ok()?;
        let body: [u8; 10] = nonce.first_chunk().copied()?;
        let same: bool = self.complete(body).ct_eq(&nonce).into();
        let millis = body.iter().take(6).fold(0, |sum, byte| sum << 8 | i64::from(*byte));
        same.then_some((nonce, millis))
    }

    fn use_once(&self, nonce: [u8; 24], count: u32, made_at: i64, now: i64) -> Result<(), Refused> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= REMEMBERED {
            used.retain(|_, counts| now - counts.made_at <= NONCE_FOR);
        }
        if used.len() >= REMEMBERED && !used.contains_key(&nonce) {
            return Err(Refused::Stale);
        }
        let counts = used.entry(nonce).or_insert(Counts { highest: 0, window: 0, made_at });
        if counts.use_once(count) { Ok(()) } else { Err(Refused::Stale) }
    }
}

impl Counts {
    /// Takes a count that was not used before and is not far below the highest.
    fn use_once(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            let step = count - self.highest;
            self.window = self.window.checked_shl(step).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = 1_u64.checked_shl(self.highest - count).unwrap_or(0);
        let fresh = bit != 0 && self.window & bit == 0;
        self.window |= bit;
        fresh
    }
}

/// What of a request an answer covers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path with its query, as it was sent.
    pub target: &'a str,
}

impl Credentials {
    /// Reads what follows `Digest ` in `Authorization`. Parameters come in any order, quoted or bare; `algorithm` may
    /// be absent. `None` for anything else than one answer with `qop=auth` for this realm.
    pub fn read(text: &str, algorithm: Algorithm) -> Option<Self> {
        let parameters = parameters(text)?;
        let get = |name: &str| parameters.get(name).cloned();
        let same = |name: &str, value: &str| get(name).is_none_or(|given| given.eq_ignore_ascii_case(value));
        let sound = same("algorithm", algorithm.as_str()) && get("qop")? == "auth" && get("realm")? == REALM;
        let count = get("nc")?;
        let sound = sound && count.len() == 8 && count.bytes().all(|b| b.is_ascii_hexdigit());
        sound.then_some(Self {
            username: get("username")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            response: get("response")?,
            cnonce: get("cnonce")?,
            count,
        })
    }
}

/// Splits `name=value, name="quoted value"`. `None` if it is malformed or names something twice.
fn parameters(text: &str) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, left) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, left) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), left)
            }
        };
        let known = found.insert(name.trim().to_ascii_lowercase(), value);
        if known.is_some() || found.len() > 32 {
            return None;
        }
        rest = left.trim_start();
    }
    Some(found)
}

/// The text up to the closing quote, and what follows the comma after it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
    let rest = characters.as_str().trim_start();
    match rest.strip_prefix(',') {
        Some(left) => Some((value, left)),
        None => rest.is_empty().then_some((value, "")),
    }
}

#[cfg(test)]
#[path = "digest/tests.rs"]
mod tests;

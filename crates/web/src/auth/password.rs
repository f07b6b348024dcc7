//! Passwords: argon2id on the blocking pool, a few at a time, so that signing in cannot exhaust the machine.
//!
//! A name that does not exist costs the same work as a wrong password. Nothing here remembers a password.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use byleave_core::time::Entropy;
use byleave_store::Secret;
use tokio::sync::Semaphore;

use crate::auth::line::{Line, Place};
use crate::auth::throttle::Origin;

/// The fewest characters of a password.
pub const SHORTEST: usize = 12;
/// The most characters of a password.
pub const LONGEST: usize = 128;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("must have 12 to 128 characters")]
    Length,
    /// One character, or a short piece, again and again.
    #[error("must not repeat one short piece")]
    Repeated,
    /// It is the one that was to be changed.
    #[error("must differ from the present one")]
    Same,
    /// It is the user name, or the user name with a little around it.
    #[error("must not contain the user name")]
    UserName,
}

/// Checks the rules for a new password.
///
/// # Errors
/// The rule that it breaks.
pub fn check(password: &str, user_name: &str) -> Result<(), PasswordError> {
    let characters: Vec<char> = password.chars().collect();
    if !(SHORTEST..=LONGEST).contains(&characters.len()) {
        return Err(PasswordError::Length);
    }
    let repeats = |length: usize| characters.iter().zip(characters.iter().skip(length)).all(|(a, b)| a == b);
    if (1..=3).any(repeats) {
        return Err(PasswordError::Repeated);
    }
    let lower = password.to_lowercase();
    let local = user_name.split('@').next().unwrap_or_default();
    if lower.contains(user_name) || (local.len() >= 4 && lower.contains(local) && lower.len() < local.len() + 8) {
        return Err(PasswordError::UserName);
    }
    Ok(())
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    line: Line,
    entropy: Arc<dyn Entropy>,
}

/// The hash cannot be made or read: the server's fault, never the password's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed")]
pub struct HashError;

impl Passwords {
    /// Hashes at most this many passwords at once.
    pub fn new(at_once: usize, entropy: Arc<dyn Entropy>) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once.max(1))), line: Line::default(), entropy }
    }

    /// A place in the line of those who sign in from there; `None` if so many wait that waiting makes no sense.
    pub(crate) fn stand_in_line(&self, origin: Origin) -> Option<Place> {
        self.line.stand(origin)
    }

    /// The hash of a new password, in PHC form.
    ///
    /// # Errors
    /// [`HashError`] if the server cannot do it.
    pub async fn hash(&self, password: String) -> Result<Secret, HashError> {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt);
        self.work(move || {
            let hash: PasswordHash =
                hasher()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| HashError)?;
            Ok(Secret::new(hash.to_string()))
        })
        .await
    }

    /// Whether the password is the one of this hash; the same work is done if there is no hash.
    ///
    /// # Errors
    /// [`HashError`] if the server cannot do it.
    pub async fn verify(&self, password: String, hash: Option<Secret>) -> Result<bool, HashError> {
        self.work(move || {
            let Some(hash) = hash else {
                let salt = [0; 16];
                let _: PasswordHash =
                    hasher()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| HashError)?;
                return Ok(false);
            };
            let hash = PasswordHash::new(hash.expose()).map_err(|_| HashError)?;
            Ok(hasher()?.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        // The turn is kept by the work itself: a caller who goes away does not free it before the work is done.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| HashError)?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|_| HashError)?
    }
}

/// 19 MiB, two passes, one lane.
fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| HashError)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(0..).for_each(|(byte, index)| *byte = index);
        }
    }

    #[test]
    fn passwords_keep_their_rules() {
        let name = "mia@shop.example";
        assert_eq!(check("correct horse", name), Ok(()));
        assert_eq!(check("elevenchars", name), Err(PasswordError::Length));
        assert_eq!(check(&"long".repeat(33), name), Err(PasswordError::Length));
        assert_eq!(check("aaaaaaaaaaaaaa", name), Err(PasswordError::Repeated));
        assert_eq!(check("abcabcabcabc", name), Err(PasswordError::Repeated));
        assert_eq!(check("Mia@shop.example1", name), Err(PasswordError::UserName));
        assert_eq!(check("maria1234567", "maria@shop.example"), Err(PasswordError::UserName));
        assert_eq!(check("ünïcödé pässwörd", name), Ok(()));
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_only() {
        let passwords = Passwords::new(1, Arc::new(Counting));
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_eq!(passwords.verify("correct horse".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify("battery staple".into(), Some(hash)).await, Ok(false));
        assert_eq!(passwords.verify("correct horse".into(), None).await, Ok(false));
    }
}

//! Slows down those who try passwords: a few failures for one name are free, then each costs a growing wait.
//!
//! Kept in memory and bounded; a restart forgets it. It never reveals whether a name exists: unknown names are counted
//! like known ones.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// How many failures are free.
const FREE: u32 = 5;
/// The longest wait, in milliseconds.
const LONGEST: i64 = 60_000;
/// How many names are remembered.
const NAMES: usize = 10_000;

/// Remembers failed tries by name.
#[derive(Default)]
pub struct Throttle {
    tries: Mutex<HashMap<[u8; 32], Tries>>,
}

#[derive(Clone, Copy)]
struct Tries {
    failures: u32,
    not_before: i64,
}

/// It is too early for another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooEarly {
    /// How long to wait, in milliseconds.
    pub wait_ms: i64,
}

impl Throttle {
    /// Whether another try for this name may be made; it counts as a failure until [`Throttle::succeeded`] says
    /// otherwise, so that tries at the same moment count, too. `since_boot` is the boot clock in milliseconds.
    ///
    /// # Errors
    /// [`TooEarly`] with the time to wait.
    pub fn try_once(&self, name: &str, since_boot: i64) -> Result<(), TooEarly> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= NAMES {
            tries.retain(|_, tried| tried.not_before + LONGEST > since_boot);
        }
        if tries.len() >= NAMES {
            tries.clear();
        }
        let tried = tries.entry(key(name)).or_insert(Tries { failures: 0, not_before: i64::MIN / 2 });
        if since_boot < tried.not_before {
            return Err(TooEarly { wait_ms: tried.not_before - since_boot });
        }
        if since_boot > tried.not_before.saturating_add(15 * LONGEST) {
            tried.failures = 0;
        }
        tried.failures = tried.failures.saturating_add(1);
        let over = tried.failures.saturating_sub(FREE).min(6);
        let wait = if over == 0 { 0 } else { (1_000 << over).min(LONGEST) };
        tried.not_before = since_boot + wait;
        Ok(())
    }

    /// The try for this name was right: forget the failures.
    pub fn succeeded(&self, name: &str) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(name));
    }
}

fn key(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_get_slower_and_success_forgets() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(throttle.try_once("a", 0), Ok(()));
        }
        assert_eq!(throttle.try_once("a", 0), Ok(()));
        assert_eq!(throttle.try_once("a", 0), Err(TooEarly { wait_ms: 2_000 }));
        assert_eq!(throttle.try_once("b", 0), Ok(()), "others are not touched");
        assert_eq!(throttle.try_once("a", 2_000), Ok(()));
        assert_eq!(throttle.try_once("a", 2_001), Err(TooEarly { wait_ms: 3_999 }));
        throttle.succeeded("a");
        assert_eq!(throttle.try_once("a", 2_001), Ok(()));
    }
}

//! Slows down those who try passwords. A few failures for one name from one address are free, then each costs a growing
//! wait; and all addresses together have so many tries for one name, which come back slowly.
//!
//! So whoever guesses from one address is slow without keeping the name's owner from signing in elsewhere, and whoever
//! guesses from many is slow, too. Only then must the owner wait, unless their browser has signed in before ([`Marks`]).
//!
//! Kept in memory and bounded; a restart forgets it. It never reveals whether a name exists: unknown names are counted
//! like known ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use byleave_core::time::Entropy;
use sha2::{Digest as _, Sha256};

use crate::came::one_of_64;

/// How many failures from one address are free.
const FREE: u32 = 5;
/// The longest wait of one address, in milliseconds.
const LONGEST: i64 = 60_000;
/// How many tries for one name are free, from all addresses of strangers together.
const NAME_FREE: i64 = 50;
/// After how many milliseconds one of them comes back: far sooner than one address may use it up.
const NAME_BACK: i64 = 5_000;
/// How many names, and how many pairs of name and address, are remembered.
const MOST: usize = 10_000;

/// From where somebody tries, as far as that is known before the password is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody who has signed in under this name before, by the mark of their browser or an open session.
    Known,
    /// Anybody at this address; none if that is not known.
    Stranger(Option<IpAddr>),
}

/// Remembers failed tries by name and address, and tries by name.
#[derive(Default)]
pub struct Throttle {
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    pairs: HashMap<[u8; 32], Tries>,
    /// When all tries for a name will have come back.
    names: HashMap<[u8; 32], i64>,
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

impl TooEarly {
    /// How long to wait, in whole seconds.
    pub const fn seconds(self) -> i64 {
        self.wait_ms / 1000 + 1
    }

    /// The same for people.
    pub fn told(self) -> String {
        let seconds = self.seconds();
        format!("{seconds} {}", if seconds == 1 { "second" } else { "seconds" })
    }
}

impl Throttle {
    /// Whether another try for this name may be made from there; it counts as a failure until [`Throttle::succeeded`]
    /// says otherwise, so that tries at the same moment count, too. `since_boot` is the boot clock in milliseconds.
    ///
    /// # Errors
    /// [`TooEarly`] with the time to wait.
    pub fn try_once(&self, name: &str, origin: Origin, since_boot: i64) -> Result<(), TooEarly> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget(since_boot);
        let pair = memory.pairs.get(&pair(name, origin)).copied();
        let mut tried = pair.unwrap_or(Tries { failures: 0, not_before: i64::MIN / 2 });
        let back_at = match origin {
            Origin::Known => None,
            Origin::Stranger(_) => Some(memory.names.get(&key(name)).map_or(since_boot, |at| since_boot.max(*at))),
        };
        let wait_for_name = back_at.map_or(0, |at| at + NAME_BACK - since_boot - NAME_FREE * NAME_BACK);
        let wait_ms = wait_for_name.max(tried.not_before.saturating_sub(since_boot));
        if wait_ms > 0 {
            return Err(TooEarly { wait_ms });
        }
        if since_boot > tried.not_before.saturating_add(15 * LONGEST) {
            tried.failures = 0;
        }
        tried.failures = tried.failures.saturating_add(1);
        let over = tried.failures.saturating_sub(FREE).min(6);
        let wait = if over == 0 { 0 } else { (1_000 << over).min(LONGEST) };
        tried.not_before = since_boot + wait;
        memory.pairs.insert(self::pair(name, origin), tried);
        if let Some(at) = back_at {
            memory.names.insert(key(name), at + NAME_BACK);
        }
        Ok(())
    }

    /// The try for this name was right: forget the failures from there, and give the try back.
    pub fn succeeded(&self, name: &str, origin: Origin) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.pairs.remove(&pair(name, origin));
        if let (Origin::Stranger(_), Some(at)) = (origin, memory.names.get_mut(&key(name))) {
            *at -= NAME_BACK;
        }
    }

    /// Somebody there has shown in another way that they are who has this name: forget the failures from there.
    pub fn forgive(&self, name: &str, origin: Origin) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).pairs.remove(&pair(name, origin));
    }
}

impl Memory {
    fn forget(&mut self, since_boot: i64) {
        if self.pairs.len() >= MOST {
            self.pairs.retain(|_, tried| tried.not_before + LONGEST > since_boot);
        }
        if self.pairs.len() >= MOST {
            self.pairs.clear();
        }
        if self.names.len() >= MOST {
            self.names.retain(|_, at| *at > since_boot);
        }
        if self.names.len() >= MOST {
            self.names.clear();
        }
    }
}

fn key(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

/// The key of a name and an address.
fn pair(name: &str, origin: Origin) -> [u8; 32] {
    let place = match origin {
        Origin::Known => "known".to_owned(),
        Origin::Stranger(None) => "unknown".to_owned(),
        Origin::Stranger(Some(address)) => one_of_64(address).to_string(),
    };
    Sha256::new_with_prefix(key(name)).chain_update(place).finalize().into()
}

/// Makes the mark that a browser keeps of a name under which it has signed in. It opens nothing: with it a password is
/// tried past what strangers have used up. Nobody can make one for a name that they have not signed in under.
pub struct Marks {
    key: hmac::Key,
}

impl Marks {
    /// Draws the key for this start.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) }
    }

    /// The mark of a name.
    pub fn of(&self, name: &str) -> String {
        hex::encode(hmac::sign(&self.key, name.as_bytes()))
    }

    /// What a mark and an address say of who tries this name.
    pub fn origin(&self, name: &str, mark: Option<&str>, address: Option<IpAddr>) -> Origin {
        let tag = mark.and_then(|mark| hex::decode(mark).ok());
        match tag.is_some_and(|tag| hmac::verify(&self.key, name.as_bytes(), &tag).is_ok()) {
            true => Origin::Known,
            false => Origin::Stranger(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Origin {
        Origin::Stranger(Some(address.parse().unwrap()))
    }

    #[test]
    fn tries_get_slower_and_success_forgets() {
        let (throttle, here) = (Throttle::default(), at("192.0.2.1"));
        for _ in 0..5 {
            assert_eq!(throttle.try_once("a", here, 0), Ok(()));
        }
        assert_eq!(throttle.try_once("a", here, 0), Ok(()));
        assert_eq!(throttle.try_once("a", here, 0), Err(TooEarly { wait_ms: 2_000 }));
        assert_eq!(throttle.try_once("b", here, 0), Ok(()), "others are not touched");
        assert_eq!(throttle.try_once("a", here, 2_000), Ok(()));
        assert_eq!(throttle.try_once("a", here, 2_001), Err(TooEarly { wait_ms: 3_999 }));
        throttle.succeeded("a", here);
        for _ in 0..6 {
            assert_eq!(throttle.try_once("a", here, 2_001), Ok(()));
        }
        assert!(throttle.try_once("a", here, 2_001).is_err());
        throttle.forgive("b", here);
        assert!(throttle.try_once("a", here, 2_001).is_err());
        throttle.forgive("a", here);
        assert_eq!(throttle.try_once("a", here, 2_001), Ok(()));
    }

    #[test]
    fn one_address_keeps_nobody_else_from_a_name() {
        let throttle = Throttle::default();
        // An hour of tries from one address, as fast as it may.
        let passed = (0..3_600).filter(|second| throttle.try_once("a", at("192.0.2.1"), second * 1_000).is_ok());
        assert!(passed.count() < 80);
        assert_eq!(throttle.try_once("a", at("192.0.2.2"), 3_600_000), Ok(()));
        assert_eq!(throttle.try_once("a", Origin::Stranger(None), 3_600_000), Ok(()));
    }

    #[test]
    fn addresses_of_one_64_are_one() {
        let throttle = Throttle::default();
        for last in 0..6 {
            assert_eq!(throttle.try_once("a", at(&format!("2001:db8:1:2:{last}::1")), 0), Ok(()));
        }
        assert!(throttle.try_once("a", at("2001:db8:1:2:ffff::"), 0).is_err());
        assert_eq!(throttle.try_once("a", at("2001:db8:1:3::"), 0), Ok(()));
    }

    #[test]
    fn guesses_from_everywhere_are_slow_but_for_who_is_known() {
        let throttle = Throttle::default();
        for last in 0..50 {
            assert_eq!(throttle.try_once("a", at(&format!("192.0.2.{last}")), 0), Ok(()));
        }
        assert_eq!(throttle.try_once("a", at("198.51.100.1"), 0), Err(TooEarly { wait_ms: 5_000 }));
        assert_eq!(throttle.try_once("a", at("198.51.100.1"), 5_000), Ok(()));
        assert_eq!(throttle.try_once("a", at("198.51.100.2"), 5_000), Err(TooEarly { wait_ms: 5_000 }));
        for _ in 0..6 {
            assert_eq!(throttle.try_once("a", Origin::Known, 5_000), Ok(()));
        }
        assert_eq!(throttle.try_once("a", Origin::Known, 5_000), Err(TooEarly { wait_ms: 2_000 }));
    }

    #[test]
    fn a_mark_is_of_one_name_and_one_key() {
        struct Fixed(u8);
        impl Entropy for Fixed {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        let marks = Marks::new(&Fixed(1));
        let mark = marks.of("a");
        assert_eq!(marks.origin("a", Some(&mark), None), Origin::Known);
        for (name, mark) in [("b", Some(mark.as_str())), ("a", None), ("a", Some("")), ("a", Some("00"))] {
            assert_eq!(marks.origin(name, mark, None), Origin::Stranger(None), "{name} {mark:?}");
        }
        assert_eq!(Marks::new(&Fixed(2)).origin("a", Some(&mark), None), Origin::Stranger(None));
    }

    #[test]
    fn one_second_is_no_seconds() {
        assert_eq!(TooEarly { wait_ms: 10 }.told(), "1 second");
        assert_eq!(TooEarly { wait_ms: 1_000 }.told(), "2 seconds");
    }
}

//! Connections that have not authenticated: a bounded number in all and of each address, of which an oldest goes when
//! one more comes.
//!
//! A stranger that dawdles or a thousand wrong keys a second cannot keep a known key out: a crowd of one address pushes
//! out its own oldest and nobody else's, and of many crowds the largest loses first. Memory stays bounded by the
//! number. Addresses are counted as networks give them to one subscriber: IPv4 one by one, IPv6 by /64.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use byleave_core::session::SessionEnd;

use crate::live::Live;

/// The places that one address has at least, however few there are in all.
const EACH_AT_LEAST: usize = 16;
/// One address has this part of all places at most.
const PART: usize = 8;

/// The unauthenticated connections.
#[derive(Clone)]
pub(crate) struct Strangers(Arc<Mutex<Places<Weak<Live>>>>);

/// One of them: the session that they may come to have, and their place until then.
pub(crate) struct Stranger {
    pub(crate) live: Arc<Live>,
    pub(crate) place: Place,
}

/// A place among the strangers; given back when dropped.
pub(crate) struct Place {
    live: Weak<Live>,
    strangers: Strangers,
}

impl Strangers {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Places::new(most))))
    }

    fn places(&self) -> MutexGuard<'_, Places<Weak<Live>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one more in; another goes if there are too many.
    pub(crate) fn admit(&self, live: &Arc<Live>) -> Place {
        let gone = self.places().admit(Source::of(live.from), Arc::downgrade(live));
        if let Some(gone) = gone.and_then(|gone| gone.upgrade()) {
            gone.cut(SessionEnd::ClosedByEmployee);
        }
        Place { live: Arc::downgrade(live), strangers: self.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.strangers.places().queue.retain(|(_, stranger)| !stranger.ptr_eq(&self.live));
    }
}

/// Where a connection comes from, as far as one is told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    V4(Ipv4Addr),
    /// The network part of the address.
    V6([u16; 4]),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// Places, each with who has it, oldest first.
struct Places<T> {
    most: usize,
    each: usize,
    queue: VecDeque<(Source, T)>,
}

impl<T> Places<T> {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, each: EACH_AT_LEAST.max(most / PART).min(most), queue: VecDeque::new() }
    }

    /// Gives the newest place to `one`; answers who lost theirs.
    fn admit(&mut self, source: Source, one: T) -> Option<T> {
        let own = self.queue.iter().filter(|(from, _)| *from == source).count();
        let loser = if own >= self.each {
            Some(source)
        } else if self.queue.len() >= self.most {
            self.largest()
        } else {
            None
        };
        let oldest = loser.and_then(|loser| self.queue.iter().position(|(from, _)| *from == loser));
        let gone = oldest.and_then(|oldest| self.queue.remove(oldest)).map(|(_, gone)| gone);
        self.queue.push_back((source, one));
        gone
    }

    /// Who has the most places; of several, who has waited longest.
    fn largest(&self) -> Option<Source> {
        let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
        for (from, _) in &self.queue {
            *counts.entry(*from).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        self.queue.iter().map(|(from, _)| *from).find(|from| counts.get(from) == Some(&most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_what_one_subscriber_has() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn a_crowd_of_one_address_pushes_out_nobody_else() {
        let mut places = Places::new(512);
        assert_eq!(places.admit(source("192.0.2.1"), 0), None);
        for one in 1..=64 {
            assert_eq!(places.admit(source("192.0.2.66"), one), None);
        }
        for one in 65..10_000 {
            assert_eq!(places.admit(source("192.0.2.66"), one), Some(one - 64), "its own oldest");
        }
        assert_eq!(places.queue.len(), 65);
    }

    #[test]
    fn of_many_crowds_the_largest_loses_and_places_stay_bounded() {
        let mut places = Places::new(40);
        places.admit(source("192.0.2.1"), 0);
        for one in 1..=13 {
            for crowd in 1..=3 {
                assert_eq!(places.admit(source(&format!("198.51.100.{crowd}")), one * 10 + crowd), None);
            }
        }
        for crowd in 1..200 {
            let gone = places.admit(source(&format!("203.0.113.{crowd}")), 1_000 + crowd).unwrap();
            assert_ne!(gone, 0, "who has one place is not the first to go");
            if crowd >= 36 {
                break;
            }
        }
        assert_eq!(places.queue.len(), 40);
        assert_eq!(places.admit(source("203.0.113.250"), 5_000), Some(0), "only where nobody has more, the oldest");
    }

    #[test]
    fn few_places_are_shared_by_all() {
        let mut places = Places::new(0);
        assert_eq!((places.admit(source("::1"), 1), places.admit(source("::1"), 2)), (None, Some(1)));
        let places: Places<()> = Places::new(8);
        assert_eq!((places.most, places.each), (8, 8));
        let places: Places<()> = Places::new(64);
        assert_eq!((places.most, places.each), (64, 16));
    }
}

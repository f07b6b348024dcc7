//! The line of those who wait until their password is looked at, so that one crowd cannot take all of it: an address has
//! a small share, and strangers together leave places to those who have signed in before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::throttle::Origin;
use crate::came::one_of_64;

/// How many may wait.
const PLACES: usize = 64;
/// How many of them may be strangers.
const STRANGERS: usize = 48;
/// How many strangers may wait at one address.
const OF_ONE_ADDRESS: usize = 4;

/// Who waits.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    known: usize,
    strangers: HashMap<Option<IpAddr>, usize>,
}

/// A place in the line; leaving is dropping it.
pub(crate) struct Place {
    line: Line,
    origin: Origin,
}

impl Line {
    /// A place for who comes from there; `None` if so many wait that waiting makes no sense.
    pub(super) fn stand(&self, origin: Origin) -> Option<Place> {
        let mut waiting = self.waiting();
        let strangers: usize = waiting.strangers.values().sum();
        if waiting.known + strangers >= PLACES {
            return None;
        }
        match origin {
            Origin::Known => waiting.known += 1,
            Origin::Stranger(address) => {
                let address = address.map(one_of_64);
                let there = waiting.strangers.get(&address).copied().unwrap_or_default();
                if strangers >= STRANGERS || there >= OF_ONE_ADDRESS {
                    return None;
                }
                waiting.strangers.insert(address, there + 1);
            }
        }
        Some(Place { line: self.clone(), origin })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting();
        match self.origin {
            Origin::Known => waiting.known = waiting.known.saturating_sub(1),
            Origin::Stranger(address) => {
                let address = address.map(one_of_64);
                match waiting.strangers.remove(&address) {
                    None | Some(0 | 1) => {}
                    Some(there) => drop(waiting.strangers.insert(address, there - 1)),
                }
            }
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
    fn one_address_fills_its_share_only() {
        let line = Line::default();
        let crowd = |addresses: [&str; 4]| addresses.map(|address| line.stand(at(address)).unwrap());
        for (addresses, full, free) in [
            (["192.0.2.1"; 4], "192.0.2.1", "192.0.2.2"),
            (["2001:db8::1", "2001:db8::2", "2001:db8::a:1", "2001:db8::b:1"], "2001:db8::3", "2001:db8:0:1::3"),
        ] {
            let mut places = Vec::from(crowd(addresses));
            assert!(line.stand(at(full)).is_none(), "{full}");
            assert!(line.stand(at(free)).is_some(), "{free}");
            places.pop();
            let again = line.stand(at(full));
            assert!(again.is_some() && line.stand(at(full)).is_none(), "who leaves makes place for one");
        }
        assert!(line.waiting().strangers.is_empty() && line.waiting().known == 0, "all have left");
    }

    #[test]
    fn strangers_leave_places_to_who_is_known() {
        let line = Line::default();
        let strangers: Vec<Place> = (0..).map_while(|last| line.stand(at(&format!("192.0.2.{last}")))).collect();
        assert_eq!(strangers.len(), 48);
        assert!(line.stand(Origin::Stranger(None)).is_none());
        let known: Vec<Place> = (0..).map_while(|_| line.stand(Origin::Known)).collect();
        assert_eq!(known.len(), 16);
        drop(strangers);
        assert!(line.stand(at("192.0.2.1")).is_some());
    }
}

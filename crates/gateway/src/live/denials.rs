//! What an open session was refused: told to the control at once, further tries of the same counted and told together.
//!
//! A loop of tries must not become a queue of reports or a row of transactions: however fast it is, each kind is told
//! at most once in [`PACE`], and what is left is told before the session's end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_core::id::NodeId;
use tokio::time::sleep;

use super::{Live, count};
use crate::control::Report;

/// How long tries of one kind are gathered.
const PACE: Duration = Duration::from_secs(1);

/// A kind of try: what for, on which node, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refused {
    pub(crate) wanted: Tried,
    pub(crate) node: Option<NodeId>,
    pub(crate) denial: Denial,
}

/// The kinds that were told a moment ago, and how many tries of each were not told yet.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<BTreeMap<Refused, i64>>);

impl Denials {
    /// Counts a try; answers whether it is the first of its kind since a while.
    fn add(&self, refused: Refused) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(&refused) {
            Some(waiting) => *waiting += 1,
            None => drop(told.insert(refused, 0)),
        }
        told.get(&refused) == Some(&0)
    }

    /// Takes the tries of a kind that were not told; forgets the kind if there are none.
    fn take(&self, refused: Refused) -> i64 {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = told.get_mut(&refused).map(std::mem::take).unwrap_or_default();
        if waiting == 0 {
            told.remove(&refused);
        }
        waiting
    }

    fn kinds(&self) -> Vec<Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

impl Live {
    /// Counts a try that was refused, and sees to it that the control learns of it. What a cut refuses is no try.
    pub(crate) fn deny(self: &Arc<Self>, refused: Refused) {
        if !self.gate.is_open() {
            return;
        }
        count(&self.counts.refused, 1);
        if self.denials.add(refused) {
            self.tell_denied(refused, 1);
            let live = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    sleep(PACE).await;
                    let Some(live) = live.upgrade() else { return };
                    match live.denials.take(refused) {
                        0 => return,
                        tries => live.tell_denied(refused, tries),
                    }
                }
            });
        }
    }

    /// Tells what was not told yet: before the session's end is.
    pub(crate) fn tell_denials(&self) {
        for refused in self.denials.kinds() {
            match self.denials.take(refused) {
                0 => {}
                tries => self.tell_denied(refused, tries),
            }
        }
    }

    fn tell_denied(&self, refused: Refused, tries: i64) {
        let Refused { wanted, node, denial } = refused;
        self.report(Report::Denied { session: self.id, wanted, node, denial, tries });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_tries_the_first_is_told_and_the_rest_are_counted() {
        let denials = Denials::default();
        let node = Refused { wanted: Tried::Node, node: None, denial: Denial::NotCovered };
        let log = Refused { wanted: Tried::Log, ..node };
        assert!(denials.add(node) && denials.add(log));
        assert!((0..10).all(|_| !denials.add(node)));
        assert_eq!((denials.take(node), denials.kinds()), (10, vec![log, node]));
        assert_eq!((denials.take(node), denials.take(log), denials.kinds()), (0, 0, vec![]), "nothing stays behind");
        assert!(denials.add(node), "after a while it is a first one again");
    }
}

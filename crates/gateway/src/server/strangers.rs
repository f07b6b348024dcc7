//! Connections that have not authenticated: a bounded number, of which the oldest goes when one more comes.
//!
//! A stranger that dawdles or a thousand wrong keys a second cannot keep a known key out: who shakes hands normally is
//! never the oldest. Memory stays bounded by the number.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use byleave_core::session::SessionEnd;

use crate::live::Live;

/// The unauthenticated connections, oldest first.
pub(super) struct Strangers {
    most: usize,
    queue: Arc<Mutex<VecDeque<Weak<Live>>>>,
}

/// A place among the strangers; given back when dropped.
pub(super) struct Place {
    live: Weak<Live>,
    queue: Arc<Mutex<VecDeque<Weak<Live>>>>,
}

impl Strangers {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), queue: Arc::default() }
    }

    /// Takes one more in; the oldest goes if there are too many.
    pub(super) fn admit(&self, live: &Arc<Live>) -> Place {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if queue.len() >= self.most { queue.pop_front() } else { None };
        queue.push_back(Arc::downgrade(live));
        drop(queue);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            oldest.cut(SessionEnd::ClosedByEmployee);
        }
        Place { live: Arc::downgrade(live), queue: self.queue.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.retain(|stranger| !stranger.ptr_eq(&self.live));
    }
}

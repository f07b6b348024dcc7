//! Who asked for the end of a session, kept from the asking until the end is written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use byleave_core::actor::By;
use byleave_core::id::SessionId;

/// The people and keys that ended sessions whose end is not written down yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Enders(Arc<Mutex<BTreeMap<SessionId, By>>>);

impl Enders {
    /// Notes who asked. The first one counts, as the first reason does.
    pub(crate) fn note(&self, session: SessionId, by: By) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(session).or_insert(by);
    }

    /// Forgets the session.
    pub(crate) fn forget(&self, session: SessionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }

    /// Who asked, if somebody did.
    pub(crate) fn of(&self, session: SessionId) -> Option<By> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }
}

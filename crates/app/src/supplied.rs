//! Credentials that customers supply with a grant of sync data: kept in memory until the grant ends, never written.
//!
//! After a restart they are gone: the customer grants again. This module must never hand one out for another grant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::id::GrantId;
use byleave_store::sync::SyncCredential;

/// The credentials, by grant. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supplied(Arc<Mutex<BTreeMap<GrantId, SyncCredential>>>);

impl Supplied {
    fn credentials(&self) -> MutexGuard<'_, BTreeMap<GrantId, SyncCredential>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was supplied with a grant.
    pub(crate) fn keep(&self, grant: GrantId, credential: SyncCredential) {
        self.credentials().insert(grant, credential);
    }

    /// What was supplied with this grant.
    pub(crate) fn of(&self, grant: GrantId) -> Option<SyncCredential> {
        self.credentials().get(&grant).cloned()
    }

    /// The grants that something was supplied with.
    pub(crate) fn grants(&self) -> Vec<GrantId> {
        self.credentials().keys().copied().collect()
    }

    /// Wipes what was supplied with a grant that has ended.
    pub(crate) fn forget(&self, grant: GrantId) {
        self.credentials().remove(&grant);
    }
}

//! Credentials that customers supply with a grant of sync data: kept in memory until the grant ends, never written.
//!
//! One is kept before its grant is given, so that nobody who hears of the grant finds none. After a restart they are gone: the
//! customer grants again. This module must never hand one out for another grant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::id::GrantId;
use byleave_store::sync::SyncCredential;

/// How often a grant that is not there is looked for: it may still be on its way into the store.
const LOOKS: u32 = 12;

/// The credentials, by grant. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supplied(Arc<Mutex<BTreeMap<GrantId, Kept>>>);

#[derive(Debug)]
struct Kept {
    credential: SyncCredential,
    /// How often there was no such grant.
    missed: u32,
}

impl Supplied {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<GrantId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is supplied with a grant that will have this id.
    pub(crate) fn keep(&self, grant: GrantId, credential: SyncCredential) {
        self.kept().insert(grant, Kept { credential, missed: 0 });
    }

    /// What was supplied with this grant.
    pub(crate) fn of(&self, grant: GrantId) -> Option<SyncCredential> {
        self.kept().get(&grant).map(|kept| kept.credential.clone())
    }

    /// The grants that something was supplied with.
    pub(crate) fn grants(&self) -> Vec<GrantId> {
        self.kept().keys().copied().collect()
    }

    /// Wipes what was supplied with a grant that has ended.
    pub(crate) fn forget(&self, grant: GrantId) {
        self.kept().remove(&grant);
    }

    /// Notes that there is no such grant. After some time it was not given.
    pub(crate) fn missed(&self, grant: GrantId) {
        let mut all = self.kept();
        let is_gone = all.get_mut(&grant).is_some_and(|kept| {
            kept.missed += 1;
            kept.missed >= LOOKS
        });
        if is_gone {
            all.remove(&grant);
        }
    }
}

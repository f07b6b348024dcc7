//! Who may sign in: one user for each open session for sync data, known by what verifies their secret and no more.
//!
//! A login is worthless from another address, and gone with its session. All connections that signed in with it share
//! what is here: the session with its permits, the state that requests are judged by, and the limits.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::inventory::SyncSource;
use byleave_core::name::Address;
use byleave_wire::answer::Server;
use byleave_wire::scope::Scope;
use byleave_wire::scram::Verifier;
use tokio::sync::Semaphore;

use super::CONNECTIONS;
use crate::control::SyncCredential;
use crate::live::Hold;
use crate::recording::Recorder;
use crate::session::Session;

/// A session for sync data, as its connections share it.
pub(crate) struct Login {
    pub(super) session: Arc<Session>,
    pub(super) verifier: Verifier,
    /// INVARIANT: held only to judge a request or to look through an answer, never across a wait.
    pub(super) scope: Mutex<Scope>,
    pub(super) recorder: Arc<Recorder>,
    /// From where the cluster's sync data is read.
    pub(super) source: SyncSource,
    pub(super) credential: SyncCredential,
    /// TLS towards the cluster: one for all connections, so that each further one can take up where the first was.
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// The server that was found last, and what it said of itself.
    pub(super) found: Mutex<Option<(Address, Server)>>,
    /// Commands that may be under way at once.
    pub(super) at_once: Semaphore,
    pub(super) connections: AtomicUsize,
    /// INVARIANT: one for each database that is open, so that each is decided again.
    pub(super) _holds: Vec<Hold>,
}

impl Login {
    pub(super) fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn found(&self) -> Option<(Address, Server)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_found(&self, address: Address, server: Server) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((address, server));
    }

    /// Takes in one more connection, if there may be one more.
    pub(super) fn connect(self: &Arc<Self>) -> Option<Connected> {
        let taken = self.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, |connections| {
            (connections < CONNECTIONS).then_some(connections + 1)
        });
        taken.ok().map(|_| Connected(self.clone()))
    }
}

/// One connection of a login, until it is dropped.
pub(super) struct Connected(pub(super) Arc<Login>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The logins of a gateway, by user.
#[derive(Default)]
pub(crate) struct Logins(Mutex<BTreeMap<String, Arc<Login>>>);

impl Logins {
    fn logins(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Login>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, user: String, login: Arc<Login>) {
        self.logins().insert(user, login);
    }

    pub(super) fn remove(&self, user: &str) {
        self.logins().remove(user);
    }

    /// The login of this user, if they come from where they are.
    pub(super) fn find(&self, user: &str, from: IpAddr) -> Option<Arc<Login>> {
        let logins = self.logins();
        let login = logins.get(user)?;
        let live = &login.session.live;
        (live.from.to_canonical() == from.to_canonical() && live.gate.is_open()).then(|| login.clone())
    }

    /// The logins of whoever is at this address.
    pub(super) fn at(&self, from: IpAddr) -> Vec<Arc<Login>> {
        let here = |login: &&Arc<Login>| login.session.live.from.to_canonical() == from.to_canonical();
        self.logins().values().filter(here).cloned().collect()
    }
}

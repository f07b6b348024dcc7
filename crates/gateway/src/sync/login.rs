//! Who may sign in: one user for each open session for sync data, known by what verifies their secret and no more.
//!
//! A login is worthless from another address, and gone with its session. All connections that signed in with it share
//! what is here: the session with its permits, the state that requests are judged by, the limits, and what the gateway
//! itself signs in to the cluster with. That belongs to the basis of the session: where it goes on, on another one, the
//! credential of that one is asked for, and what was signed in with the old one is closed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::inventory::SyncSource;
use byleave_core::name::Address;
use byleave_core::session::SessionEnd;
use byleave_wire::answer::Server;
use byleave_wire::scope::Scope;
use byleave_wire::scram::Verifier;
use tokio::sync::Semaphore;

use super::server::{self, ServerError};
use super::{AT_ONCE, CONNECTIONS, CROWD};
use crate::control::{ControlError, SyncCredential};
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
    /// INVARIANT: held only to look or to replace, never across a wait; replaced only by whoever holds `renewing`.
    key: Mutex<Arc<Key>>,
    renewing: tokio::sync::Mutex<()>,
    /// The server that was found last, and what it said of itself.
    pub(super) found: Mutex<Option<(Address, Server)>>,
    /// Commands that may be under way at once.
    pub(super) at_once: Semaphore,
    connections: AtomicUsize,
    /// Connections that are one too many and wait for a place.
    crowd: AtomicUsize,
    /// Commands that the cluster was asked and did not answer.
    pub(super) unanswered: AtomicUsize,
    /// Commands of which the record says that they began.
    begun: AtomicI64,
    /// INVARIANT: one for each database that is open, so that each is decided again.
    pub(super) _holds: Vec<Hold>,
}

/// What the gateway signs in to the cluster with.
pub(super) struct Key {
    /// How often the session had gone on, on another basis, when it was asked for.
    continued: u64,
    /// Which one it is of those that the session had.
    pub(super) serial: u64,
    pub(super) credential: SyncCredential,
    /// TLS towards the cluster: one for all connections, so that each further one can take up where the first was.
    pub(super) tls: Arc<rustls::ClientConfig>,
}

impl Key {
    /// Asks for the credential of the basis on which a session goes on.
    ///
    /// # Errors
    /// [`ServerError`] if there is none, or it cannot be used.
    pub(super) async fn ask(session: &Session, source: &SyncSource) -> Result<Self, ServerError> {
        let live = &session.live;
        // Before the basis: what comes meanwhile is seen later.
        let continued = *live.continued().borrow();
        let (basis, _) = live.until().ok_or(ServerError::NoCredential)?;
        let asked = session.shared.control.sync_credential(live.id, basis).await;
        let credential = asked.map_err(|error| match error {
            ControlError::Refused => ServerError::NoCredential,
            ControlError::Unavailable => ServerError::Late,
        })?;
        let tls = server::tls(source, &credential)?;
        Ok(Self { continued, serial: 0, credential, tls })
    }
}

/// What all connections of a session share from its start on.
pub(super) struct Parts {
    pub(super) session: Arc<Session>,
    pub(super) verifier: Verifier,
    pub(super) scope: Scope,
    pub(super) recorder: Arc<Recorder>,
    pub(super) source: SyncSource,
    pub(super) key: Key,
    pub(super) holds: Vec<Hold>,
}

impl Login {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { session, verifier, scope, recorder, source, key, holds } = parts;
        Self {
            session,
            verifier,
            scope: Mutex::new(scope),
            recorder,
            source,
            key: Mutex::new(Arc::new(key)),
            renewing: tokio::sync::Mutex::default(),
            found: Mutex::default(),
            at_once: Semaphore::new(AT_ONCE),
            connections: AtomicUsize::default(),
            crowd: AtomicUsize::default(),
            unanswered: AtomicUsize::default(),
            begun: AtomicI64::default(),
            _holds: holds,
        }
    }

    fn last_key(&self) -> Arc<Key> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the gateway signs in with now. Where the session has gone on, on another basis, that one's is asked for first:
    /// if it is another, all connections to the cluster are reset and its cursors forgotten; without one the session ends.
    ///
    /// # Errors
    /// [`ServerError`] if there is none, or it cannot be used or asked for.
    pub(super) async fn key(&self) -> Result<Arc<Key>, ServerError> {
        let live = &self.session.live;
        let now = *live.continued().borrow();
        let last = self.last_key();
        if last.continued == now {
            return Ok(last);
        }
        let _renewing = self.renewing.lock().await;
        let last = self.last_key();
        if last.continued == *live.continued().borrow() {
            return Ok(last);
        }
        let asked = Key::ask(&self.session, &self.source).await;
        let key = match asked {
            Ok(asked) if asked.credential == last.credential => {
                Key { serial: last.serial, tls: last.tls.clone(), ..asked }
            }
            Ok(asked) => Key { serial: last.serial.saturating_add(1), ..asked },
            Err(error) => {
                tracing::warn!(session = %live.id, %error, "a session for sync data goes on without a credential");
                live.reset_nodes();
                if !matches!(error, ServerError::Late) {
                    live.cut(SessionEnd::Replaced);
                }
                return Err(error);
            }
        };
        let key = Arc::new(key);
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key.clone();
        if key.serial != last.serial {
            live.reset_nodes();
            self.scope().forget_cursors();
        }
        Ok(key)
    }

    /// Whether what was signed in with this key may still be used.
    pub(super) fn is_last(&self, key: &Key) -> bool {
        self.last_key().serial == key.serial
    }

    /// Sees to it that nothing stays signed in with the credential of a basis that is over, whether somebody asks or not.
    pub(super) async fn follow(&self) {
        let mut continued = self.session.live.continued();
        loop {
            // What went wrong was logged, and ended the session or is tried again with the next command.
            let _key = self.key().await;
            if continued.changed().await.is_err() {
                return;
            }
        }
    }

    pub(super) fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn found(&self) -> Option<(Address, Server)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_found(&self, address: Address, server: Server) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((address, server));
    }

    /// The number of the next command that begins, in the record.
    pub(super) fn next_begun(&self) -> i64 {
        self.begun.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Takes in one more connection, if there may be one more.
    pub(super) fn connect(self: &Arc<Self>) -> Option<Connected> {
        take(&self.connections, CONNECTIONS).then(|| Connected(self.clone()))
    }

    /// Takes in a connection that is one too many, to be told so, if there may be one more of those.
    pub(super) fn crowd(&self) -> Option<Crowded<'_>> {
        take(&self.crowd, CROWD).then_some(Crowded(self))
    }
}

fn take(places: &AtomicUsize, most: usize) -> bool {
    let one_more = |taken| (taken < most).then_some(taken + 1);
    places.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
}

/// A connection that is one too many, until it is dropped.
pub(super) struct Crowded<'a>(&'a Login);

impl Drop for Crowded<'_> {
    fn drop(&mut self) {
        self.0.crowd.fetch_sub(1, Ordering::AcqRel);
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

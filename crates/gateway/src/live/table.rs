//! The table of live sessions and the [`Handle`] by which the application cuts them from any thread.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use byleave_core::access::Basis;
use byleave_core::id::{ClusterId, OrgId, SessionId};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::Timestamp;

use tokio::runtime;

use super::{Ending, Live};
use crate::control::Which;

/// How many delays of cuts are kept.
const DELAYS: usize = 16 * 1024;

/// What a deny latch or a cut covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One cluster.
    Cluster(ClusterId),
    /// All clusters of an organization.
    Organization(OrgId),
}

/// A live session, for the administrator's list. Holds nothing of its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub id: SessionId,
    /// Its organization.
    pub organization: OrgId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Why it is open.
    pub basis: Basis,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends at the latest, or is decided again.
    pub until: Timestamp,
}

/// The live sessions, unauthenticated connections included.
pub(crate) struct Table {
    /// Where last words are said: the thread of the guards.
    guards: runtime::Handle,
    /// INVARIANT: held for short look-ups only.
    live: Mutex<BTreeMap<SessionId, Arc<Live>>>,
    latches: Mutex<BTreeSet<Scope>>,
    delays: Mutex<VecDeque<Duration>>,
}

impl Table {
    pub(crate) fn new(guards: runtime::Handle) -> Arc<Self> {
        Arc::new(Self { guards, live: Mutex::default(), latches: Mutex::default(), delays: Mutex::default() })
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latches(&self) -> MutexGuard<'_, BTreeSet<Scope>> {
        self.latches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, live: Arc<Live>) {
        self.live().insert(live.id, live);
    }

    pub(crate) fn remove(&self, id: SessionId) {
        self.live().remove(&id);
    }

    /// Counts a session among those of its employee; false if they have `most` already.
    pub(crate) fn admit(&self, live: &Live, most: usize) -> bool {
        let Some(who) = live.who() else { return false };
        let all = self.live();
        let theirs = all.values().filter(|other| other.is_admitted() && other.is(Which::Employee(who.employee)));
        let is_room = theirs.count() < most;
        if is_room {
            live.admit();
        }
        is_room
    }

    pub(crate) fn is_latched(&self, organization: OrgId, cluster: ClusterId) -> bool {
        let latches = self.latches();
        latches.contains(&Scope::Cluster(cluster)) || latches.contains(&Scope::Organization(organization))
    }

    /// Ends the sessions an order means; answers how many were open. At once nothing passes any more and the nodes are
    /// reset; the employees are told why first where that delays nothing.
    pub(crate) fn end(&self, which: Which, reason: SessionEnd) -> usize {
        let meant: Vec<_> = self.live().values().filter(|live| live.is(which)).cloned().collect();
        let (open, others): (Vec<_>, Vec<_>) =
            meant.into_iter().partition(|live| live.gate.is_open() && live.opened().is_some());
        let count = open.len();
        let ending = Ending::begin(&open.into_iter().map(|live| (live, reason)).collect::<Vec<_>>());
        // What a guard has begun to cut is cut here too: nobody waits for it.
        others.iter().for_each(|live| live.cut(reason));
        if ending.speaking() > 0 {
            // Where the guards are no more, this drops it, and that resets the employees.
            self.guards.spawn(async move {
                ending.say().await;
                ending.leave().await;
            });
        }
        count
    }

    /// Ends every session, without a word.
    pub(crate) fn end_all(&self, reason: SessionEnd) -> usize {
        self.cut_where(reason, |_| true)
    }

    fn cut_where(&self, reason: SessionEnd, meant: impl Fn(&Live) -> bool) -> usize {
        let meant: Vec<_> = self.live().values().filter(|live| meant(live)).cloned().collect();
        let open = meant.iter().filter(|live| live.gate.is_open() && live.opened().is_some()).count();
        // What a guard has begun to cut is cut here too: nobody waits for it.
        meant.iter().for_each(|live| live.cut(reason));
        open
    }

    pub(crate) fn note_delay(&self, delay: Duration) {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        if delays.len() == DELAYS {
            delays.pop_front();
        }
        delays.push_back(delay);
    }
}

/// The application's hand on the live sessions. Everything here works from any thread and waits for no session.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Table>);

impl Handle {
    /// Cuts the sessions of a scope; answers how many were open.
    pub fn cut(&self, scope: Scope, reason: SessionEnd) -> usize {
        self.0.cut_where(reason, |live| match (live.place(), scope) {
            (Some((_, cluster)), Scope::Cluster(id)) => cluster == id,
            (Some((organization, _)), Scope::Organization(id)) => organization == id,
            (None, Scope::Cluster(_) | Scope::Organization(_)) => false,
        })
    }

    /// Ends the sessions that are meant; answers how many were open.
    pub fn end(&self, which: Which, reason: SessionEnd) -> usize {
        self.0.end(which, reason)
    }

    /// Denies everything new in a scope, in memory, until [`Handle::unlatch`]: for a revoke that cannot be written.
    /// Call it before [`Handle::cut`], so that nothing slips in between.
    pub fn latch(&self, scope: Scope) {
        self.0.latches().insert(scope);
    }

    /// Lifts a latch.
    pub fn unlatch(&self, scope: Scope) {
        self.0.latches().remove(&scope);
    }

    /// The open sessions.
    pub fn live(&self) -> Vec<LiveSession> {
        let live: Vec<_> = self.0.live().values().cloned().collect();
        live.iter().filter_map(|live| row(live)).collect()
    }

    /// What a live session did so far; nothing if it is none.
    pub fn counters(&self, session: SessionId) -> Option<Counters> {
        let live = self.0.live().get(&session).filter(|live| live.opened().is_some()).cloned()?;
        Some(live.counts.read())
    }

    /// How long the latest cuts took, from the publication of a change, or the sight of a deadline, until nothing passed
    /// any more: the node reset, and the employee too or told the last word; oldest first.
    pub fn cut_delays(&self) -> Vec<Duration> {
        self.0.delays.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

fn row(live: &Live) -> Option<LiveSession> {
    let opened = live.opened()?;
    let (basis, until) = live.until()?;
    Some(LiveSession {
        id: live.id,
        organization: opened.facts.organization,
        cluster: opened.facts.cluster.id,
        basis,
        opened_at: opened.opened_at,
        until,
    })
}

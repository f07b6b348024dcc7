//! A live session and the table of all of them: what each holds open, and how it is decided again and cut.
//!
//! [`Live`] is made when a connection is accepted. Once a session is open it holds its permits; everything that lets a
//! byte through asks [`Live::passes`], which compares two clocks and the lease with the nearest deadline and decides
//! again when one has come. Nothing here waits: not for peers, stores, queues, or locks that data holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use byleave_core::access::{Asker, Permit, Published, Verdict, Wanted, again, decide};
use byleave_core::access::{Basis, Denial};
use byleave_core::event::{Forwarding, Side};
use byleave_core::id::{ClusterId, OrgId, SessionId};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{Clock, Now, Reading, Timestamp};
use russh::{ChannelId, server};
use tokio::sync::{Notify, mpsc, watch};

use crate::control::{Control, KnownEmployee, Opened, Report, Which};
use crate::gate::Gate;
use crate::screen::Screen;

mod denials;
mod ending;
mod table;
pub(crate) use denials::Refused;
pub(crate) use ending::Ending;
pub(crate) use table::Table;
pub use table::{Handle, LiveSession, Scope};

/// No deadline.
const NEVER: i64 = i64::MAX;

/// What all sessions of a gateway share.
pub(crate) struct Watch {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Until when live sessions may go on, on the boot clock.
    pub(crate) lease_until: AtomicI64,
}

impl Watch {
    pub(crate) fn now(&self) -> Now {
        self.control.now()
    }

    fn lease_end(&self) -> SessionEnd {
        if self.now().doubt.is_some() { SessionEnd::ClockDoubt } else { SessionEnd::LeaseRanOut }
    }
}

/// One connection of an employee, and the session it becomes.
pub(crate) struct Live {
    pub(crate) id: SessionId,
    pub(crate) from: IpAddr,
    pub(crate) gate: Gate,
    watch: Arc<Watch>,
    who: OnceLock<KnownEmployee>,
    opened: OnceLock<Arc<Opened>>,
    /// INVARIANT: held only to decide, never across a wait or while bytes move.
    held: Mutex<Held>,
    /// The nearest deadline on the wall clock and on the boot clock, or [`NEVER`].
    wall_until: AtomicI64,
    boot_until: AtomicI64,
    end: OnceLock<SessionEnd>,
    /// Why the session will have ended if nothing else ends it: what became of its node.
    node_end: OnceLock<SessionEnd>,
    ended: Notify,
    reports: OnceLock<mpsc::UnboundedSender<Report>>,
    /// How often it went on, on another basis.
    continued: watch::Sender<u64>,
    /// INVARIANT: held while [`Live::open`] makes reports possible, so that no refusal is told twice or never.
    refused: Mutex<BTreeSet<(Forwarding, Side)>>,
    denials: denials::Denials,
    /// Whether it counts among the sessions of its employee.
    admitted: AtomicBool,
    stuck: AtomicBool,
    /// Channels that have something on its way to the employee.
    moving: AtomicI64,
    said: Notify,
    /// The channels that run and how they are told something on the side; never locked across a wait.
    voices: Mutex<BTreeMap<ChannelId, Voice>>,
    pub(crate) counts: Counts,
}

/// What a session did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) shells: AtomicI64,
    pub(crate) commands: AtomicI64,
    pub(crate) transfers: AtomicI64,
    pub(crate) refused: AtomicI64,
    pub(crate) received_bytes: AtomicI64,
    pub(crate) sent_bytes: AtomicI64,
}

impl Counts {
    /// What it is so far.
    pub(crate) fn read(&self) -> Counters {
        let read = |counter: &AtomicI64| counter.load(Ordering::Relaxed);
        Counters {
            shells: read(&self.shells),
            commands: read(&self.commands),
            transfers: read(&self.transfers),
            refused: read(&self.refused),
            received_bytes: read(&self.received_bytes),
            sent_bytes: read(&self.sent_bytes),
        }
    }
}

/// How a channel is told something on the side.
pub(crate) struct Voice {
    /// The connection it is on.
    pub(crate) library: server::Handle,
    /// Where a terminal takes notices; they are recorded and shown in their turn.
    pub(crate) notices: Option<mpsc::Sender<String>>,
    /// What shows there, if it is a terminal that a node draws on.
    pub(crate) screen: Option<Arc<Screen>>,
}

/// Adds to a count.
pub(crate) fn count(counter: &AtomicI64, more: usize) {
    counter.fetch_add(i64::try_from(more).unwrap_or(i64::MAX), Ordering::Relaxed);
}

#[derive(Default)]
struct Held {
    facts: Option<watch::Receiver<Arc<Published>>>,
    opened_at: Option<Timestamp>,
    permits: BTreeMap<u64, Permit>,
    next: u64,
}

/// A permit that is being used; giving it back is dropping this.
#[must_use = "what is open must be held, or it is not decided again"]
pub(crate) struct Hold {
    live: Arc<Live>,
    id: u64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.live.held().permits.remove(&self.id);
    }
}

/// Something of a channel that is on its way to the employee.
#[must_use = "what is dropped has been written"]
pub(crate) struct Moving(Arc<Live>);

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.moving.fetch_sub(1, Ordering::AcqRel);
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("id", &self.id).field("end", &self.end.get()).finish_non_exhaustive()
    }
}

impl Live {
    pub(crate) fn new(id: SessionId, from: IpAddr, watch: Arc<Watch>) -> Arc<Self> {
        Arc::new(Self {
            id,
            from,
            gate: Gate::default(),
            watch,
            who: OnceLock::new(),
            opened: OnceLock::new(),
            held: Mutex::default(),
            wall_until: AtomicI64::new(NEVER),
            boot_until: AtomicI64::new(NEVER),
            end: OnceLock::new(),
            node_end: OnceLock::new(),
            ended: Notify::new(),
            reports: OnceLock::new(),
            continued: watch::Sender::new(0),
            refused: Mutex::default(),
            denials: denials::Denials::default(),
            admitted: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            moving: AtomicI64::new(0),
            said: Notify::new(),
            voices: Mutex::default(),
            counts: Counts::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn voices(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Voice>> {
        self.voices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who authenticated.
    pub(crate) fn identify(&self, who: KnownEmployee) {
        let _ = self.who.set(who);
    }

    pub(crate) fn who(&self) -> Option<KnownEmployee> {
        self.who.get().copied()
    }

    /// Notes that it counts among the sessions of its employee.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Release);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Acquire)
    }

    /// Notes what was opened, and where reports go from now on: first what was refused while it was being opened.
    pub(crate) fn open(&self, opened: Arc<Opened>, reports: mpsc::UnboundedSender<Report>) {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.set(opened));
        drop(self.reports.set(reports));
        for &(forwarding, side) in refused.iter() {
            self.report(Report::ForwardingRefused { session: self.id, forwarding, side });
        }
    }

    pub(crate) fn opened(&self) -> Option<&Arc<Opened>> {
        self.opened.get()
    }

    /// Starts following the facts. Only now can something be permitted.
    pub(crate) fn follow(&self, facts: watch::Receiver<Arc<Published>>, opened_at: Timestamp) {
        let mut held = self.held();
        held.facts = Some(facts);
        held.opened_at = Some(opened_at);
    }

    /// The facts as they are now.
    pub(crate) fn facts(&self) -> Option<Arc<Published>> {
        self.held().facts.as_ref().map(|facts| facts.borrow().clone())
    }

    /// Asks for something of this session: decides on the facts as they are, and holds the permit until it is
    /// dropped.
    ///
    /// # Errors
    /// [`Denial`] says why not; a session that has ended is told that its target is unknown.
    pub(crate) fn permit(self: &Arc<Self>, wanted: Wanted, table: &Table) -> Result<Hold, Denial> {
        let now = self.watch.now();
        let reading = self.watch.clock.read();
        let mut held = self.held();
        let facts = held.facts.as_ref().map(|facts| facts.borrow().clone()).ok_or(Denial::Unknown)?;
        if !self.gate.is_open() || table.is_latched(facts.organization, facts.cluster.id) {
            return Err(Denial::Blocked);
        }
        let permit = decide(&facts, Asker::Active, wanted, now)?;
        let id = held.next;
        held.next += 1;
        held.permits.insert(id, permit);
        self.set_deadline(&held, now.at, &reading);
        drop(held);
        Ok(Hold { live: self.clone(), id })
    }

    /// The basis and end of what is held longest: what a person is told.
    pub(crate) fn until(&self) -> Option<(Basis, Timestamp)> {
        self.held().permits.values().map(|permit| (permit.basis(), permit.until())).min_by_key(|(_, until)| *until)
    }

    /// How often the session went on, on another basis, as it is and as it will be.
    pub(crate) fn continued(&self) -> watch::Receiver<u64> {
        self.continued.subscribe()
    }

    /// Whether a byte may pass now. Decides again if a deadline has come, cuts if the lease has run out.
    pub(crate) fn passes(&self) -> bool {
        if !self.gate.is_open() {
            return false;
        }
        let wall = self.wall_until.load(Ordering::Acquire);
        if wall == NEVER {
            return true;
        }
        let reading = self.watch.clock.read();
        if reading.since_boot >= self.watch.lease_until.load(Ordering::Acquire) {
            self.cut(self.watch.lease_end());
            return false;
        }
        if reading.wall.millis() >= wall || reading.since_boot >= self.boot_until.load(Ordering::Acquire) {
            return self.decide_again().is_ok();
        }
        true
    }

    /// Decides again for all that the session has open, on the facts as they are now, and cuts if one answer is no.
    ///
    /// # Errors
    /// Why it was cut.
    pub(crate) fn decide_again(&self) -> Result<(), SessionEnd> {
        let verdict = self.verdict();
        if let Err(end) = verdict {
            self.cut(end);
        }
        verdict
    }

    /// As [`Live::decide_again`], but leaves the cut to the caller.
    ///
    /// # Errors
    /// Why it must be cut.
    pub(crate) fn verdict(&self) -> Result<(), SessionEnd> {
        let reading = self.watch.clock.read();
        if reading.since_boot >= self.watch.lease_until.load(Ordering::Acquire) && self.opened.get().is_some() {
            return Err(self.watch.lease_end());
        }
        let now = self.watch.now();
        let mut held = self.held();
        let (Some(facts), Some(opened_at)) = (held.facts.as_ref().map(|facts| facts.borrow().clone()), held.opened_at)
        else {
            return Ok(());
        };
        let at = self.furthest(&held, now.at, &reading);
        let mut continued = None;
        for permit in held.permits.values_mut() {
            match again(&facts, Asker::Active, permit, opened_at, at) {
                Verdict::Cut(end) => return Err(end),
                Verdict::Unchanged(next) => *permit = next,
                Verdict::Continued(next) => {
                    continued = Some((next.basis(), next.until()));
                    *permit = next;
                }
            }
        }
        self.set_deadline(&held, now.at, &reading);
        if continued.is_some() {
            // Before anybody can see the new permits.
            self.continued.send_modify(|times| *times = times.saturating_add(1));
        }
        drop(held);
        if let Some((basis, until)) = continued {
            self.report(Report::Continued { session: self.id, basis, until });
        }
        Ok(())
    }

    /// The time to decide by: the first of the clocks to reach a deadline counts.
    fn furthest(&self, held: &Held, now: Timestamp, reading: &Reading) -> Timestamp {
        let at = now.max(reading.wall);
        let nearest = held.permits.values().map(Permit::until).min();
        match nearest {
            Some(until) if reading.since_boot >= self.boot_until.load(Ordering::Acquire) => at.max(until),
            Some(_) | None => at,
        }
    }

    fn set_deadline(&self, held: &Held, now: Timestamp, reading: &Reading) {
        if let Some(until) = held.permits.values().map(Permit::until).min() {
            self.wall_until.store(until.millis(), Ordering::Release);
            self.boot_until.store(reading.since_boot.saturating_add(until.since(now)), Ordering::Release);
        }
    }

    /// Milliseconds to the nearest deadline by the first of the clocks; `None` if there is none.
    pub(crate) fn left(&self) -> Option<i64> {
        let wall = self.wall_until.load(Ordering::Acquire);
        let reading = self.watch.clock.read();
        let boot = self.boot_until.load(Ordering::Acquire);
        (wall != NEVER).then(|| (wall - reading.wall.millis()).min(boot.saturating_sub(reading.since_boot)))
    }

    /// Ends the session now: the first reason stays. Waits for nothing.
    pub(crate) fn cut(&self, reason: SessionEnd) {
        self.shut(reason, 0);
        self.finish();
    }

    /// The first part of a cut: nothing passes any more but a farewell to the employee of at most so many bytes.
    /// [`Live::reset_nodes`] and [`Live::finish`] must follow.
    pub(crate) fn shut(&self, reason: SessionEnd, farewell: u64) {
        let _ = self.end.set(reason);
        self.gate.shut(farewell);
    }

    /// The second part of a cut: resets the connections to nodes.
    pub(crate) fn reset_nodes(&self) {
        self.gate.reset_side(Side::Node);
    }

    /// The last part of a cut: resets what is left, to nodes too if that was not done, and wakes all that wait for the
    /// end.
    pub(crate) fn finish(&self) {
        self.reset_nodes();
        self.gate.reset_side(Side::Employee);
        self.ended.notify_waiters();
    }

    /// Notes why the session will have ended if nothing else ends it first.
    pub(crate) fn node_ended(&self, reason: SessionEnd) {
        let _ = self.node_end.set(reason);
    }

    /// Why it ended; an employee's closed connection if nothing else did.
    pub(crate) fn end(&self) -> SessionEnd {
        let fallback = || self.node_end.get().copied().unwrap_or(SessionEnd::ClosedByEmployee);
        self.end.get().copied().unwrap_or_else(fallback)
    }

    /// Waits until the session is cut.
    pub(crate) async fn ended(&self) {
        let notified = self.ended.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if self.gate.is_open() {
            notified.await;
        }
    }

    /// Tells the control, in order and without waiting. Before the session is open there is nobody to tell.
    pub(crate) fn report(&self, report: Report) {
        if let Some(reports) = self.reports.get() {
            drop(reports.send(report));
        }
    }

    /// Counts a refusal and tells the control of the first of its kind and side. A client asks for forwardings as soon
    /// as it is authenticated; those are told once the session is open.
    pub(crate) fn refuse(&self, forwarding: Forwarding, side: Side) {
        count(&self.counts.refused, 1);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.insert((forwarding, side)) {
            self.report(Report::ForwardingRefused { session: self.id, forwarding, side });
        }
    }

    /// Notes whether the employee's side does not take what is written to it.
    pub(crate) fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::Relaxed);
    }

    /// Notes that something is on its way to the employee, until what this returns is dropped: after it was written to
    /// the socket, not after it was handed to the library.
    pub(crate) fn moving(self: &Arc<Self>) -> Moving {
        self.moving.fetch_add(1, Ordering::AcqRel);
        Moving(self.clone())
    }

    /// Whether nothing is on its way to the employee: then a last word can be said without anything before it.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.stuck.load(Ordering::Relaxed) && self.moving.load(Ordering::Acquire) == 0
    }

    /// Notes that the last word was written.
    pub(crate) fn said(&self) {
        self.said.notify_one();
    }

    /// Waits until the last word was written.
    pub(crate) async fn wait_said(&self) {
        self.said.notified().await;
    }

    /// Whether an order or scope means this session.
    pub(crate) fn is(&self, which: Which) -> bool {
        match which {
            Which::All => true,
            Which::Employee(id) => self.who().is_some_and(|who| who.employee == id),
            Which::Key(id) => self.who().is_some_and(|who| who.key == id),
            Which::Session(id) => self.id == id,
        }
    }

    /// Where the session is, once it is open.
    pub(crate) fn place(&self) -> Option<(OrgId, ClusterId)> {
        self.opened.get().map(|opened| (opened.facts.organization, opened.facts.cluster.id))
    }
}

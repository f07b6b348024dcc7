//! The switch of one session: the raw sockets of its legs, and how all of them are shut at once.
//!
//! A cut works from any thread and waits for nothing: it marks the gate shut, after which no leg reads or writes a
//! byte, and resets the TCP connections through duplicates it owns, which discards what was not sent. This module
//! must never take a lock that is held while data moves.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use byleave_core::event::Side;
use socket2::SockRef;
use tokio::net::TcpStream;

/// A leg of the session, as the gate names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegId(u64);

/// One TCP connection of the session.
#[derive(Debug)]
struct Leg {
    id: LegId,
    side: Side,
    /// A duplicate, so that a cut needs nothing of the task that owns the socket.
    fd: OwnedFd,
}

/// The switch.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shut: AtomicBool,
    /// Bytes that may still be written to the employee after the gate was shut: the farewell, and nothing else.
    farewell: AtomicU64,
    next: AtomicU64,
    /// INVARIANT: held only to add, take or shut legs; never across a wait.
    legs: Mutex<Vec<Leg>>,
}

impl Gate {
    /// Whether bytes may pass.
    pub(crate) fn is_open(&self) -> bool {
        !self.shut.load(Ordering::Acquire)
    }

    /// Adds a leg. On a shut gate the leg is shut at once.
    ///
    /// # Errors
    /// If the operating system gives no duplicate of the socket: such a leg could not be cut, so it must not be used.
    pub(crate) fn add(&self, side: Side, stream: &TcpStream) -> std::io::Result<LegId> {
        let fd = OwnedFd::from(SockRef::from(stream).try_clone()?);
        let id = LegId(self.next.fetch_add(1, Ordering::Relaxed));
        let leg = Leg { id, side, fd };
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_open() {
            legs.push(leg);
        } else {
            leg.reset();
        }
        Ok(id)
    }

    /// Forgets a leg whose socket is being dropped.
    pub(crate) fn forget(&self, id: LegId) {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner).retain(|leg| leg.id != id);
    }

    /// Resets one leg, so that its peer sees the end now.
    pub(crate) fn reset(&self, id: LegId) {
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        legs.iter().filter(|leg| leg.id == id).for_each(Leg::reset);
        legs.retain(|leg| leg.id != id);
    }

    /// Shuts the gate and resets the legs to nodes; the employee's leg stays for a farewell of at most so many bytes,
    /// which [`Gate::shut`] must follow. Answers whether it was open.
    pub(crate) fn shut_nodes(&self, farewell: u64) -> bool {
        self.farewell.store(farewell, Ordering::Release);
        let was_open = !self.shut.swap(true, Ordering::AcqRel);
        self.reset_side(Side::Node);
        was_open
    }

    /// Shuts the gate and resets every leg, those to nodes first.
    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.farewell.store(0, Ordering::Release);
        self.reset_side(Side::Node);
        self.reset_side(Side::Employee);
    }

    fn reset_side(&self, side: Side) {
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        legs.iter().filter(|leg| leg.side == side).for_each(Leg::reset);
        legs.retain(|leg| leg.side != side);
    }

    /// Whether a farewell of this many bytes more may be written now; counts it.
    pub(crate) fn take_farewell(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.farewell.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok()
    }

    /// Whether a farewell may still be written.
    pub(crate) fn has_farewell(&self) -> bool {
        self.farewell.load(Ordering::Acquire) > 0
    }
}

impl Leg {
    /// Ends the connection now: the kernel drops what was not sent and tells the peer with a reset. Dissolving the
    /// association does that at once and from any thread; closing would wait for the last duplicate.
    fn reset(&self) {
        let socket = SockRef::from(&self.fd);
        drop(socket.set_linger(Some(Duration::ZERO)));
        if rustix::net::connect_unspec(&self.fd).is_err() {
            drop(socket.shutdown(std::net::Shutdown::Both));
        }
    }
}

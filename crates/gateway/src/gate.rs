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
    /// INVARIANT: held only to add or take legs; never across a wait or a call of the system.
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
        let late = {
            let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_open() {
                legs.push(leg);
                None
            } else {
                Some(leg)
            }
        };
        if let Some(leg) = late {
            leg.reset();
        }
        Ok(id)
    }

    /// Forgets a leg whose socket is being dropped.
    pub(crate) fn forget(&self, id: LegId) {
        drop(self.take(|leg| leg.id == id));
    }

    /// Resets one leg, so that its peer sees the end now.
    pub(crate) fn reset(&self, id: LegId) {
        self.take(|leg| leg.id == id).iter().for_each(Leg::reset);
    }

    /// Marks the gate shut: from now on nothing passes but a farewell to the employee of at most so many bytes. The legs
    /// must be reset next. Answers whether it was open.
    pub(crate) fn shut(&self, farewell: u64) -> bool {
        self.farewell.store(farewell, Ordering::Release);
        !self.shut.swap(true, Ordering::AcqRel)
    }

    /// Resets every leg of a shut gate on one side. After the employee's side no farewell is left.
    pub(crate) fn reset_side(&self, side: Side) {
        if side == Side::Employee {
            self.farewell.store(0, Ordering::Release);
        }
        self.take(|leg| leg.side == side).iter().for_each(Leg::reset);
    }

    /// Takes legs out. What is then done with them is done without the lock: a thread that is held up with a socket
    /// must not hold up a cut.
    fn take(&self, meant: impl Fn(&Leg) -> bool) -> Vec<Leg> {
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        legs.extract_if(.., |leg| meant(leg)).collect()
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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _};

    use super::*;

    /// A connection: our end, and the peer's.
    async fn connection() -> (TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (ours, listener.accept().unwrap().0)
    }

    fn is_reset(mut peer: &std::net::TcpStream) -> bool {
        peer.set_nonblocking(true).unwrap();
        peer.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }

    #[tokio::test]
    async fn a_side_is_reset_while_its_socket_is_still_held_by_a_task() {
        let gate = Gate::default();
        let ((node, node_peer), (employee, employee_peer)) = (connection().await, connection().await);
        gate.add(Side::Node, &node).unwrap();
        gate.add(Side::Employee, &employee).unwrap();
        assert!(gate.shut(10) && !gate.shut(10), "it is shut once");
        gate.reset_side(Side::Node);
        assert!(is_reset(&node_peer) && !is_reset(&employee_peer), "the employee can still hear a last word");
        assert!(gate.take_farewell(10) && !gate.take_farewell(1), "and no more than that");
        gate.reset_side(Side::Employee);
        assert!(is_reset(&employee_peer));
        let (late, late_peer) = connection().await;
        gate.add(Side::Node, &late).unwrap();
        assert!(is_reset(&late_peer), "a leg that comes late is shut at once");
    }
}

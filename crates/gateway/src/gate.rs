//! The switch of one session: the raw sockets of its legs, and how all of them are shut at once.
//!
//! A cut works from any thread and waits for nothing: it marks the gate shut, after which no leg reads or writes a
//! byte, and resets the TCP connections through duplicates it owns, which discards what was not sent. This module
//! must never take a lock that is held while data moves.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use byleave_core::event::Side;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
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
    fd: Arc<OwnedFd>,
    /// Whether its peer waits for an answer of which no byte was written, where it is one of questions and answers.
    waits: Option<Arc<AtomicBool>>,
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
    pub(crate) fn add(&self, side: Side, stream: &TcpStream, waits: Option<Arc<AtomicBool>>) -> std::io::Result<LegId> {
        let fd = Arc::new(OwnedFd::from(SockRef::from(stream).try_clone()?));
        let id = LegId(self.next.fetch_add(1, Ordering::Relaxed));
        let leg = Leg { id, side, fd, waits };
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

    /// How many of the employee's clients wait for an answer: each can be told why none comes.
    pub(crate) fn waiting(&self) -> usize {
        let legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        legs.iter().filter(|leg| leg.side == Side::Employee && leg.is_waiting() == Some(true)).count()
    }

    /// Resets those of the employee's clients of a shut gate that ask questions and have part of an answer on its way: only
    /// that discards it. Whoever waits for the rest sees the reset.
    pub(crate) fn reset_answered(&self) {
        let unsent: Vec<_> = {
            let legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
            let asks = legs.iter().filter(|leg| leg.side == Side::Employee && leg.waits.is_some());
            asks.map(|leg| (leg.id, leg.fd.clone())).collect()
        };
        let unsent = unsent.iter().filter(|(_, fd)| !is_sent(fd).unwrap_or(false));
        unsent.for_each(|(id, _)| self.reset(*id));
    }

    /// Resets every leg of a shut gate on one side. After the employee's side no farewell is left.
    pub(crate) fn reset_side(&self, side: Side) {
        if side == Side::Employee {
            self.farewell.store(0, Ordering::Release);
        }
        self.take(|leg| leg.side == side).iter().for_each(Leg::reset);
    }

    /// The sockets of one side.
    fn sockets(&self, side: Side) -> Vec<Arc<OwnedFd>> {
        let legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        legs.iter().filter(|leg| leg.side == side).map(|leg| leg.fd.clone()).collect()
    }

    /// Whether the kernel holds bytes for the employee that it has not sent yet: only a reset discards those.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.sockets(Side::Employee).iter().all(|fd| is_sent(fd).unwrap_or(false))
    }

    /// Tells the employee's side that nothing more comes after what was written, and takes its connections out, so that
    /// they last until what this returns is dropped, whatever else ends meanwhile. Nothing is read from them. Clients that
    /// ask questions see the reset only, and not as soon as an answer came: MongoDB's driver for Node.js waits for ever
    /// where it asks in the moment in which it learns of an end.
    pub(crate) fn linger(&self) -> Lingering {
        let legs = self.take(|leg| leg.side == Side::Employee);
        for leg in legs.iter().filter(|leg| leg.waits.is_none()) {
            drop(SockRef::from(&leg.fd).shutdown(std::net::Shutdown::Write));
        }
        Lingering(legs)
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
        self.farewell_left() > 0
    }

    /// How many bytes of a farewell may still be written.
    pub(crate) fn farewell_left(&self) -> u64 {
        self.farewell.load(Ordering::Acquire)
    }
}

/// Connections of a session that has ended, whose peers still have something to read.
#[must_use = "the connections are reset when this is dropped"]
pub(crate) struct Lingering(Vec<Leg>);

impl Drop for Lingering {
    fn drop(&mut self) {
        self.0.iter().for_each(Leg::reset);
    }
}

/// Whether all that was written to a socket has been sent: with the least mark for what is not, it is only then ready
/// for more.
fn is_sent(fd: &OwnedFd) -> std::io::Result<bool> {
    let socket = SockRef::from(fd);
    socket.set_tcp_notsent_lowat(1)?;
    let mut ready = [PollFd::new(fd, PollFlags::OUT)];
    poll(&mut ready, Some(&Timespec::default()))?;
    socket.set_tcp_notsent_lowat(0)?;
    Ok(ready.iter().all(|ready| ready.revents().contains(PollFlags::OUT)))
}

impl Leg {
    /// Whether its peer waits for an answer; `None` where it is none of questions.
    fn is_waiting(&self) -> Option<bool> {
        self.waits.as_ref().map(|waits| waits.load(Ordering::Acquire))
    }

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
    use std::io::{ErrorKind, Read as _, Write as _};

    use super::*;

    /// A connection: our end, and the peer's.
    async fn connection() -> (TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (ours, listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn what_the_kernel_has_not_sent_is_known() {
        let gate = Gate::default();
        let (employee, mut peer) = connection().await;
        gate.add(Side::Employee, &employee, None).unwrap();
        assert!(!gate.has_unsent());
        assert_eq!(employee.try_write(b"some").unwrap(), 4);
        assert!(!gate.has_unsent(), "sent, whether the peer reads it or not");
        let mut written = 4;
        while let Ok(more) = employee.try_write(&[7; 65536]) {
            written += more;
        }
        assert!(gate.has_unsent(), "the peer's window is full");
        let mut all = vec![0; written];
        tokio::task::spawn_blocking(move || peer.read_exact(&mut all)).await.unwrap().unwrap();
        assert!(!gate.has_unsent());
    }

    #[tokio::test]
    async fn who_lingers_can_read_and_write_until_the_reset() {
        let gate = Gate::default();
        let (employee, peer) = connection().await;
        gate.add(Side::Employee, &employee, None).unwrap();
        assert_eq!(employee.try_write(b"bye").unwrap(), 3);
        gate.shut(0);
        let lingering = gate.linger();
        gate.reset_side(Side::Employee);
        drop(employee);
        let mut told = Vec::new();
        (&peer).write_all(b"typed meanwhile").unwrap();
        (&peer).read_to_end(&mut told).unwrap();
        assert_eq!(told, b"bye");
        drop(lingering);
        let write = (0..1000).find_map(|_| (&peer).write_all(b"late").err());
        assert!(write.is_some_and(|error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)));
    }

    #[tokio::test]
    async fn who_asks_questions_sees_no_end_before_the_reset_and_no_rest_of_an_answer() {
        let gate = Gate::default();
        let ((idle, idle_peer), (reads, mut reads_peer)) = (connection().await, connection().await);
        for stream in [&idle, &reads] {
            gate.add(Side::Employee, stream, Some(Arc::default())).unwrap();
        }
        let mut written = 0;
        while let Ok(more) = reads.try_write(&[7; 65536]) {
            written += more;
        }
        reads_peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        gate.shut(0);
        gate.reset_answered();
        let mut come = Vec::new();
        let end = tokio::task::spawn_blocking(move || (reads_peer.read_to_end(&mut come), come.len())).await.unwrap();
        assert!(end.0.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset) && end.1 < written, "{written}");
        let lingering = gate.linger();
        gate.reset_side(Side::Employee);
        idle_peer.set_nonblocking(true).unwrap();
        let seen = (&idle_peer).read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(seen, Err(ErrorKind::WouldBlock), "not even its end");
        drop(lingering);
        assert!(is_reset(&idle_peer));
    }

    fn is_reset(mut peer: &std::net::TcpStream) -> bool {
        peer.set_nonblocking(true).unwrap();
        peer.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }

    #[tokio::test]
    async fn a_side_is_reset_while_its_socket_is_still_held_by_a_task() {
        let gate = Gate::default();
        let ((node, node_peer), (employee, employee_peer)) = (connection().await, connection().await);
        gate.add(Side::Node, &node, None).unwrap();
        gate.add(Side::Employee, &employee, None).unwrap();
        assert!(gate.shut(10) && !gate.shut(10), "it is shut once");
        gate.reset_side(Side::Node);
        assert!(is_reset(&node_peer) && !is_reset(&employee_peer), "the employee can still hear a last word");
        assert!(gate.take_farewell(10) && !gate.take_farewell(1), "and no more than that");
        gate.reset_side(Side::Employee);
        assert!(is_reset(&employee_peer));
        let (late, late_peer) = connection().await;
        gate.add(Side::Node, &late, None).unwrap();
        assert!(is_reset(&late_peer), "a leg that comes late is shut at once");
    }
}

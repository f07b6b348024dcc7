//! A TCP connection that passes bytes only while its session may: the stream that the SSH library reads and writes.
//!
//! Every read and write asks the session first ([`Live::passes`]), so that what the library still holds after a cut,
//! an expiry or a suspend goes nowhere. Small packets go out at once and are acknowledged at once. While data comes in
//! bulk, the read buffer grows and the kernel wakes this process for heaps only (see [`Bulk`]); the buffer is given back
//! when the connection is idle. Must never block.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use byleave_core::event::Side;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetUsize;
use nix::{libc, setsockopt_impl};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::gate::LegId;
use crate::live::Live;

/// The read buffer of a connection where little happens.
const SMALL: usize = 4 * 1024;
/// The read buffer of a connection that carries data in bulk.
const LARGE: usize = 256 * 1024;
/// A read below this is taken for one packet of a conversation, which the peer may be waiting to see acknowledged.
const CONVERSATION: usize = 4 * 1024;
/// A read from this on is one of bulk.
const BULKY: usize = 16 * 1024;
/// How many of those in a row make bulk.
const IN_A_ROW: u32 = 16;
/// How many bytes of bulk the kernel gathers before it wakes this process, and how long that may take. A transfer is the
/// work of three processes, and going from one to another costs more than what they do.
const HEAP: usize = 128 * 1024;
const GATHER_FOR: Duration = Duration::from_millis(1);

/// How many bytes must be there before the kernel tells that there are any (`SO_RCVLOWAT`).
#[derive(Debug, Clone)]
struct ReceiveLowWater;
setsockopt_impl!(ReceiveLowWater, libc::SOL_SOCKET, libc::SO_RCVLOWAT, usize, SetUsize);

/// One leg of a session.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    live: Arc<Live>,
    leg: LegId,
    side: Side,
    buffer: Vec<u8>,
    /// The part of `buffer` that was read and not yet handed on.
    start: usize,
    end: usize,
    bulk: Bulk,
}

/// Whether data comes in bulk. If so, the kernel tells of nothing below a [`HEAP`]; what has not become one in time is the
/// end of the bulk.
#[derive(Debug)]
enum Bulk {
    /// Not yet: so many bulky reads in a row.
    No(u32),
    /// It does, and is being read.
    Flows,
    /// It does, and all of it was read: the kernel gathers the next heap, until then.
    Gathers(Pin<Box<Sleep>>),
}

impl Socket {
    /// Takes over a connection.
    ///
    /// # Errors
    /// If the socket cannot be prepared, or duplicated for the cut.
    pub(crate) fn new(stream: TcpStream, side: Side, live: Arc<Live>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(std::time::Duration::from_secs(60)))?;
        let leg = live.gate.add(side, &stream)?;
        Ok(Self { stream, live, leg, side, buffer: Vec::new(), start: 0, end: 0, bulk: Bulk::No(0) })
    }

    /// Makes the connection a leg of another session: that of whoever has signed in on it.
    ///
    /// # Errors
    /// If the socket cannot be duplicated for the cut: it must then not be used.
    pub(crate) fn join(&mut self, live: Arc<Live>) -> io::Result<()> {
        let leg = live.gate.add(self.side, &self.stream)?;
        self.live.gate.forget(self.leg);
        (self.live, self.leg) = (live, leg);
        Ok(())
    }

    /// How the gate names this leg.
    pub(crate) fn leg(&self) -> LegId {
        self.leg
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Fills the empty buffer from the socket; 0 bytes is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; SMALL];
        }
        let mut buf = ReadBuf::new(&mut self.buffer);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
        let read = buf.filled().len();
        match polled {
            Poll::Pending => {
                self.gather(cx)?;
                if self.buffer.len() == SMALL {
                    self.buffer = Vec::new();
                }
                return Poll::Pending;
            }
            Poll::Ready(result) => result?,
        }
        (self.start, self.end) = (0, read);
        self.heed(read)?;
        if read < CONVERSATION {
            drop(SockRef::from(&self.stream).set_tcp_quickack(true));
        }
        Poll::Ready(Ok(read))
    }

    /// Notes how much a read brought.
    fn heed(&mut self, read: usize) -> io::Result<()> {
        self.bulk = match self.bulk {
            Bulk::No(_) if read < BULKY => Bulk::No(0),
            Bulk::No(count) if count < IN_A_ROW => Bulk::No(count + 1),
            Bulk::No(_) => {
                setsockopt(&self.stream, ReceiveLowWater, &HEAP)?;
                Bulk::Flows
            }
            Bulk::Flows | Bulk::Gathers(_) => Bulk::Flows,
        };
        Ok(())
    }

    /// After nothing could be read: waits for a heap, but not for long. The kernel tells at once of what there is when it
    /// is told to gather no more.
    fn gather(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if matches!(self.bulk, Bulk::Flows) {
            self.bulk = Bulk::Gathers(Box::pin(sleep(GATHER_FOR)));
        }
        if let Bulk::Gathers(time) = &mut self.bulk
            && time.as_mut().poll(cx).is_ready()
        {
            setsockopt(&self.stream, ReceiveLowWater, &1)?;
            self.bulk = Bulk::No(0);
        }
        Ok(())
    }

    /// After a buffer was handed on: more room if it was full, less if most of it was not needed.
    fn resize(&mut self) {
        let size = self.buffer.len();
        if self.end == size && size < LARGE {
            self.buffer = vec![0; (size * 4).min(LARGE)];
        } else if self.end < size / 16 {
            self.buffer = Vec::new();
        }
        (self.start, self.end) = (0, 0);
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.live.passes() {
            if this.side == Side::Employee && this.live.gate.has_farewell() {
                // Nothing more is read, but the last word can still be written; the cut wakes this task.
                if this.stream.poll_read_ready(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if this.buffered().is_empty() && ready!(this.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(()));
        }
        let ready = this.buffered();
        let length = ready.len().min(out.remaining());
        out.put_slice(ready.get(..length).unwrap_or_default());
        this.start += length;
        if this.start == this.end {
            this.resize();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let farewell = !self.live.passes();
        if farewell && (self.side == Side::Node || !self.live.gate.take_farewell(bytes.len())) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if self.side == Side::Employee {
            self.live.set_stuck(polled.is_pending());
            if farewell {
                self.live.said();
            }
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.live.gate.forget(self.leg);
    }
}

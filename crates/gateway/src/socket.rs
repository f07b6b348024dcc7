//! A TCP connection that passes bytes only while its session may: the stream that the SSH library reads and writes.
//!
//! Every read and write asks the session first ([`Live::passes`]), so that what the library still holds after a cut,
//! an expiry or a suspend goes nowhere. Small packets go out at once and are acknowledged at once; the read buffer
//! grows while data comes in [`bulk`] and is given back when the connection is idle. Must never block.

mod bulk;

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use byleave_core::event::Side;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::gate::LegId;
use crate::live::Live;
use bulk::Bulk;

/// The read buffer of a connection where little happens.
const SMALL: usize = 4 * 1024;
/// The read buffer of a connection that carries data in bulk.
const LARGE: usize = 256 * 1024;
/// A read below this is taken for one packet of a conversation, which the peer may be waiting to see acknowledged.
const CONVERSATION: usize = 4 * 1024;

/// When the end of a farewell is looked for again while there is something to be read, which is not.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(10);

/// When a peer learns that a small packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acknowledged {
    /// At once: the peer may hold back its next packet until then, as OpenSSH does at first.
    AtOnce,
    /// With the answer: the peer waits for nothing else.
    WithAnswer,
}

/// One leg of a session.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    live: Arc<Live>,
    leg: LegId,
    side: Side,
    acknowledged: Acknowledged,
    /// Whether the peer waits for an answer of which no byte was written, where it asks questions.
    waits: Option<Arc<AtomicBool>>,
    /// Whether what is written is the last word, in the place of an answer.
    is_last_word: bool,
    /// What was read last.
    buffer: Vec<u8>,
    /// From where on it was not yet handed on.
    start: usize,
    bulk: Bulk,
}

impl Socket {
    /// Takes over a connection.
    ///
    /// # Errors
    /// If the socket cannot be prepared, or duplicated for the cut.
    pub(crate) fn new(stream: TcpStream, side: Side, live: Arc<Live>) -> io::Result<Self> {
        Self::prepared(stream, side, live, None)
    }

    /// The same for a protocol of whole questions and answers, whose peers hold nothing back.
    ///
    /// # Errors
    /// If the socket cannot be prepared, or duplicated for the cut.
    pub(crate) fn of_questions(stream: TcpStream, side: Side, live: Arc<Live>) -> io::Result<Self> {
        Self::prepared(stream, side, live, Some(Arc::default()))
    }

    fn prepared(stream: TcpStream, side: Side, live: Arc<Live>, waits: Option<Arc<AtomicBool>>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(std::time::Duration::from_secs(60)))?;
        let leg = live.gate.add(side, &stream, waits.clone())?;
        let acknowledged = if waits.is_some() { Acknowledged::WithAnswer } else { Acknowledged::AtOnce };
        let (buffer, bulk) = (Vec::new(), Bulk::No(0));
        Ok(Self { stream, live, leg, side, acknowledged, waits, is_last_word: false, buffer, start: 0, bulk })
    }

    /// Notes whether the peer waits for an answer of which no byte was written: a cut may then come in its place.
    pub(crate) fn set_waits(&self, waits: bool) {
        if let Some(flag) = &self.waits {
            flag.store(waits, Ordering::Release);
        }
    }

    /// Lets what is written from now on pass as the last word, as far as there is room for one.
    pub(crate) fn say_last_word(&mut self) {
        self.is_last_word = true;
    }

    /// Resets the connection now: what was not sent is dropped, and the peer sees the end.
    pub(crate) fn reset(&self) {
        self.live.gate.reset(self.leg);
    }

    /// Says how many bytes the answer that is being read still has, TLS around it not counted; 0 between answers. Bulk is
    /// then gathered up to its end and no further: the kernel is not waited for where no more will come.
    ///
    /// # Errors
    /// If the socket takes no options: it is gone.
    pub(crate) fn awaits(&mut self, bytes: usize) -> io::Result<()> {
        self.bulk.awaits(&self.stream, bytes)
    }

    /// Makes the connection a leg of another session: that of whoever has signed in on it.
    ///
    /// # Errors
    /// If the socket cannot be duplicated for the cut: it must then not be used.
    pub(crate) fn join(&mut self, live: Arc<Live>) -> io::Result<()> {
        let leg = live.gate.add(self.side, &self.stream, self.waits.clone())?;
        self.live.gate.forget(self.leg);
        (self.live, self.leg) = (live, leg);
        Ok(())
    }

    /// How the gate names this leg.
    pub(crate) fn leg(&self) -> LegId {
        self.leg
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Fills the empty buffer from the socket; 0 bytes is the end. While there is nothing, there is no small buffer.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.clear();
        self.start = 0;
        let mut is_ready = self.stream.poll_read_ready(cx)?.is_ready();
        if is_ready {
            if self.buffer.capacity() == 0 {
                self.buffer = Vec::with_capacity(SMALL);
            }
            // After less than there is room for, the kernel is not asked once more only to say that there is nothing.
            is_ready = pin!(self.stream.read_buf(&mut self.buffer)).poll(cx)?.is_ready();
        }
        if !is_ready {
            self.bulk.gather(&self.stream, cx)?;
            self.rest();
            return Poll::Pending;
        }
        let read = self.buffer.len();
        self.bulk.heed(&self.stream, read)?;
        if read < CONVERSATION && self.acknowledged == Acknowledged::AtOnce {
            drop(SockRef::from(&self.stream).set_tcp_quickack(true));
        }
        Poll::Ready(Ok(read))
    }

    /// Gives a small buffer back.
    fn rest(&mut self) {
        if self.buffer.capacity() <= SMALL {
            self.buffer = Vec::new();
        }
    }

    /// After a buffer was handed on: more room if it was full, less if most of it was not needed.
    fn resize(&mut self) {
        let (size, read) = (self.buffer.capacity(), self.buffer.len());
        if read == size && size < LARGE {
            self.buffer = Vec::with_capacity((size * 4).min(LARGE));
        } else if read < size / 16 {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
        self.start = 0;
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.live.passes() {
            if this.side == Side::Employee && this.waits.is_none() && this.live.gate.has_farewell() {
                // Nothing more is read, but the last word can still be written; the cut wakes this task.
                if this.stream.poll_read_ready(cx).is_ready() {
                    let waker = cx.waker().clone();
                    tokio::spawn(async move {
                        sleep(LOOK_AGAIN).await;
                        waker.wake();
                    });
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
        if this.start == this.buffer.len() {
            this.resize();
        }
        Poll::Ready(Ok(()))
    }
}

impl Socket {
    /// Whether so many bytes may be written now. What is left to say after a cut is written, too: the farewell.
    fn may_write(&self, bytes: usize) -> io::Result<Passage> {
        if self.live.passes() {
            return Ok(Passage::Open);
        }
        // An answer, however short, is no last word.
        let may_speak = self.side == Side::Employee && (self.waits.is_none() || self.is_last_word);
        if !may_speak || !self.live.gate.take_farewell(bytes) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Passage::Farewell)
    }

    /// Notes what became of a write.
    fn wrote<T>(&self, passage: Passage, polled: Poll<T>) -> Poll<T> {
        if self.side == Side::Employee {
            self.live.set_stuck(polled.is_pending());
            if passage == Passage::Farewell {
                if polled.is_ready() {
                    self.set_waits(false);
                }
                self.live.said();
            }
        }
        polled
    }
}

/// By what right something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Open,
    Farewell,
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let passage = self.may_write(bytes.len())?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(passage, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let passage = self.may_write(slices.iter().map(|slice| slice.len()).sum())?;
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(passage, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
        // Whoever asks once more on a connection that has only said its end may wait for ever.
        if self.waits.is_some() && !self.live.gate.is_open() {
            self.reset();
        }
        self.live.gate.forget(self.leg);
    }
}

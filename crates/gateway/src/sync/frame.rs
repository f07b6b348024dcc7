//! Whole frames from a stream. What was read of a frame stays when waiting for the rest is given up.

use std::io;

use byleave_wire::frame::{FrameError, HEADER, Header, LONGEST_REPLY};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_rustls::{client, server};

use crate::socket::Socket;

/// How much room there is at first: most requests need no more, and an idle connection has none.
const FIRST: usize = 1024;
/// How much room an idle connection may keep for its next answer.
const IDLE: usize = 8 * 1024;
/// How much room is added at once, whatever length a frame claims.
const STEP: usize = 256 * 1024;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The frame cannot be taken.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection broke, or ended inside a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A stream of frames.
pub(super) trait Framed: AsyncRead + Unpin {
    /// Hears how many bytes of a frame are still awaited.
    ///
    /// # Errors
    /// If the connection is gone.
    fn awaits(&mut self, bytes: usize) -> io::Result<()>;
}

impl Framed for client::TlsStream<Socket> {
    fn awaits(&mut self, bytes: usize) -> io::Result<()> {
        self.get_mut().0.awaits(bytes)
    }
}

/// Requests are short: nothing of them is bulk.
impl Framed for server::TlsStream<Socket> {
    fn awaits(&mut self, _bytes: usize) -> io::Result<()> {
        Ok(())
    }
}

/// What was read and is not a frame yet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// The next frame; `None` where the stream ends between frames. May be dropped while it waits.
    ///
    /// # Errors
    /// [`ReadError`]: the connection cannot be read any further.
    pub(super) async fn next(
        &mut self,
        stream: &mut impl Framed,
        longest: usize,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        loop {
            let missing = self.missing(longest)?;
            if missing == 0 {
                return Ok(Some(self.take()?));
            }
            self.buffer.reserve(missing.clamp(FIRST, STEP));
            stream.awaits(missing)?;
            if stream.read_buf(&mut self.buffer).await? == 0 {
                let between = self.buffer.is_empty();
                return if between { Ok(None) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) };
            }
        }
    }

    /// Passes over the next frame, whose header was read and which is longer than is taken here, but not than any message;
    /// what it begins with.
    ///
    /// # Errors
    /// [`ReadError`]: the connection cannot be read any further.
    pub(super) async fn skip(&mut self, stream: &mut impl Framed) -> Result<Vec<u8>, ReadError> {
        let head = self.buffer.first_chunk::<HEADER>().ok_or(FrameError::Truncated)?;
        let mut left = Header::read(head, LONGEST_REPLY)?.length;
        let mut kept = Vec::new();
        loop {
            let rest = self.buffer.split_off(left.min(self.buffer.len()));
            let part = std::mem::replace(&mut self.buffer, rest);
            let room = IDLE.saturating_sub(kept.len()).min(part.len());
            kept.extend_from_slice(part.get(..room).unwrap_or_default());
            left -= part.len();
            if left == 0 {
                return Ok(kept);
            }
            self.buffer = part;
            self.buffer.clear();
            self.buffer.reserve(left.clamp(FIRST, STEP));
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Takes a buffer for the next frame, whose pages the system need not bring again. An empty one gives up what there is.
    pub(super) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.buffer.is_empty() {
            buffer.clear();
            self.buffer = buffer;
        }
    }

    /// Whether there is more room than an idle connection should have.
    pub(super) fn holds_room(&self) -> bool {
        self.buffer.capacity() > IDLE
    }

    /// How many bytes the next frame still needs, as far as that is known.
    fn missing(&self, longest: usize) -> Result<usize, FrameError> {
        match self.buffer.first_chunk::<HEADER>() {
            Some(head) => Ok(Header::read(head, longest)?.length.saturating_sub(self.buffer.len())),
            None => Ok(HEADER - self.buffer.len()),
        }
    }

    /// Takes the frame that is whole; what follows it stays.
    fn take(&mut self) -> Result<Vec<u8>, FrameError> {
        let head = self.buffer.first_chunk::<HEADER>().ok_or(FrameError::Truncated)?;
        let rest = self.buffer.split_off(Header::read(head, usize::MAX)?.length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }
}

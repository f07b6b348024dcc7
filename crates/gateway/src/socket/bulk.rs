//! Data in bulk: the kernel wakes this process for heaps of it only.
//!
//! A transfer is the work of three processes, and going from one to another costs more than what they do: the fewer and
//! the larger its reads, the less of the processors the gateway takes. Must never hold back what no more data follows.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetUsize;
use nix::{libc, setsockopt_impl};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A read from this on is one of bulk.
const BULKY: usize = 16 * 1024;
/// How many of those in a row make bulk.
const IN_A_ROW: u32 = 16;
/// How many bytes of bulk the kernel gathers before it wakes this process, and how long that may take.
const HEAP: usize = 128 * 1024;
const GATHER_FOR: Duration = Duration::from_millis(1);

/// How many bytes must be there before the kernel tells that there are any (`SO_RCVLOWAT`).
#[derive(Debug, Clone)]
struct ReceiveLowWater;
setsockopt_impl!(ReceiveLowWater, libc::SOL_SOCKET, libc::SO_RCVLOWAT, usize, SetUsize);

/// More than what was taken from the kernel and is no whole record of TLS yet: so much less may come than is awaited.
const UNDER_WAY: usize = 17 * 1024;

/// Whether data comes in bulk. If so, the kernel tells of nothing below a [`HEAP`]; what has not become one in time is the
/// end of the bulk.
#[derive(Debug)]
pub(super) enum Bulk {
    /// Not yet: so many bulky reads in a row.
    No(u32),
    /// It does, and is being read.
    Flows,
    /// It does, and all of it was read: the kernel gathers the next heap, until then.
    Gathers(Pin<Box<Sleep>>),
}

impl Bulk {
    /// Notes how much a read brought.
    ///
    /// # Errors
    /// If the socket takes no options: it is gone.
    pub(super) fn heed(&mut self, stream: &TcpStream, read: usize) -> io::Result<()> {
        *self = match self {
            Self::No(_) if read < BULKY => Self::No(0),
            Self::No(count) if *count < IN_A_ROW => Self::No(*count + 1),
            Self::No(_) => {
                setsockopt(stream, ReceiveLowWater, &HEAP)?;
                Self::Flows
            }
            Self::Flows | Self::Gathers(_) => Self::Flows,
        };
        Ok(())
    }

    /// Notes how many bytes are still awaited: the kernel gathers no more than will come.
    ///
    /// # Errors
    /// If the socket takes no options: it is gone.
    pub(super) fn awaits(&mut self, stream: &TcpStream, bytes: usize) -> io::Result<()> {
        if !matches!(self, Self::No(_)) && bytes < HEAP + UNDER_WAY {
            setsockopt(stream, ReceiveLowWater, &1)?;
            *self = Self::No(0);
        }
        Ok(())
    }

    /// After nothing could be read: waits for a heap, but not for long. The kernel tells at once of what there is when it
    /// is told to gather no more.
    ///
    /// # Errors
    /// If the socket takes no options: it is gone.
    pub(super) fn gather(&mut self, stream: &TcpStream, cx: &mut Context<'_>) -> io::Result<()> {
        if matches!(self, Self::Flows) {
            *self = Self::Gathers(Box::pin(sleep(GATHER_FOR)));
        }
        if let Self::Gathers(time) = self
            && time.as_mut().poll(cx).is_ready()
        {
            setsockopt(stream, ReceiveLowWater, &1)?;
            *self = Self::No(0);
        }
        Ok(())
    }
}

//! A load of requests that read: several kept connections, one request at a time on each, all from one thread, so that
//! the client takes as little as it can of the processors that it shares with the server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::step;

/// The largest answer.
const ANSWER: usize = 64 * 1024;

/// What came of a load.
pub(super) struct Measured {
    /// Answers a second.
    pub(super) rate: f64,
    /// How long each took, in milliseconds, from when its request should have been sent.
    pub(super) delays: Vec<f64>,
}

/// How a load is put on.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// How many connections there are.
    pub(super) connections: usize,
    /// For how long.
    pub(super) lasts: Duration,
    /// How many requests a second; as many as are answered if none is given.
    pub(super) rate: Option<f64>,
}

/// Sends the requests in turn.
pub(super) fn put(address: &str, requests: &[Vec<u8>], manner: Manner) -> Result<Measured> {
    let connect = |_| Connection::to(address);
    let mut connections = (0..manner.connections).map(connect).collect::<Result<Vec<_>>>()?;
    let mut turns = requests.iter().cycle();
    let (begin, mut sent, mut delays) = (step::now(), 0_u32, Vec::new());
    loop {
        let now = step::now();
        let is_over = now.duration_since(begin) >= manner.lasts;
        if is_over && connections.iter().all(|connection| connection.due.is_none()) {
            break;
        }
        let due = |sent: u32| manner.rate.map_or(now, |rate| begin + Duration::from_secs_f64(f64::from(sent) / rate));
        for connection in connections.iter_mut().filter(|connection| connection.due.is_none()) {
            if !is_over && due(sent) <= now {
                connection.send(turns.next().context("there is nothing to read")?, due(sent))?;
                sent += 1;
            }
        }
        let is_idle = connections.iter().any(|connection| connection.due.is_none());
        let until = (is_idle && !is_over).then(|| due(sent).saturating_duration_since(now));
        for ready in ready(&connections, until)? {
            let connection = connections.get_mut(ready).context("no such connection")?;
            delays.extend(connection.receive()?.map(|due| due.elapsed().as_secs_f64() * 1e3));
        }
    }
    let rate = f64::from(u32::try_from(delays.len())?) / begin.elapsed().as_secs_f64();
    Ok(Measured { rate, delays })
}

/// Waits until something came; tells on which connections.
fn ready(connections: &[Connection], longest: Option<Duration>) -> Result<Vec<usize>> {
    let waiting = connections.iter().enumerate().filter(|(_, connection)| connection.due.is_some());
    let (numbers, mut polled): (Vec<usize>, Vec<PollFd<'_>>) =
        waiting.map(|(number, it)| (number, PollFd::new(it.stream.as_fd(), PollFlags::POLLIN))).unzip();
    match ppoll(&mut polled, longest.map(TimeSpec::from), None) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => bail!(error),
    }
    let came = |polled: &PollFd<'_>| polled.any().unwrap_or(true);
    Ok(numbers.into_iter().zip(&polled).filter(|(_, polled)| came(polled)).map(|(number, _)| number).collect())
}

/// A kept connection.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    read: usize,
    /// When the request should have been sent whose answer has not come.
    due: Option<Instant>,
}

impl Connection {
    fn to(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, answer: vec![0; ANSWER], read: 0, due: None })
    }

    fn send(&mut self, request: &[u8], due: Instant) -> Result<()> {
        // A request is far smaller than what the kernel takes at once.
        ensure!(self.stream.write(request)? == request.len(), "half a request was sent");
        (self.read, self.due) = (0, Some(due));
        Ok(())
    }

    /// Reads what came; tells when the request was due if that is the whole answer.
    fn receive(&mut self) -> Result<Option<Instant>> {
        let room = self.answer.get_mut(self.read..).context("the answer is too large")?;
        match self.stream.read(room) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => self.read += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => bail!(error),
        }
        let came = self.answer.get(..self.read).unwrap_or_default();
        let Some(length) = length(came)? else { return Ok(None) };
        ensure!(came.len() <= length, "more than an answer came");
        Ok(if came.len() == length { self.due.take() } else { None })
    }
}

/// How long an answer is with its head; `None` if its head has not come whole. It must say that all is well.
fn length(came: &[u8]) -> Result<Option<usize>> {
    let Some(head) = came.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(came.get(..head).unwrap_or_default())?;
    ensure!(text.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(came));
    let field = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let body: usize = field.context("no content-length")?.trim().parse()?;
    Ok(Some(head + body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(length(head.as_bytes()).unwrap(), Some(head.len() + 5));
        assert_eq!(length(&head.as_bytes()[..30]).unwrap(), None);
        assert!(length(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}

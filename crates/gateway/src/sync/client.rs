//! A connection of a client, up to signing in: TLS, hello, SCRAM, and nothing else.
//!
//! Until then it is a stranger: short frames, a time limit, a bounded number. Drivers watch a server on a connection on
//! which they never sign in; such a one may go on as long as somebody at its address has a session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use byleave_core::event::Side;
use byleave_core::id::SessionId;
use byleave_core::session::SessionEnd;
use byleave_wire::answer::{self, Server};
use byleave_wire::frame::{LONGEST_BEFORE_SIGN_IN, LONGEST_REQUEST};
use byleave_wire::judge::{Local, Verdict, judge_before_sign_in};
use byleave_wire::request::{Manner, Request};
use byleave_wire::sign_in::{self, SignIn};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;

use super::frame::{Frames, ReadError};
use super::login::Login;
use super::{SyncDoor, relay};
use crate::server::{Shared, Stranger};
use crate::socket::Socket;

/// What clients are told of a server that is not known yet: as much as any of today's drivers asks for.
const UNKNOWN_SERVER: (i32, &str) = (17, "6.0.0");

/// How much of an answer is encrypted before it is written, so that one call of the system takes many records.
const UNSENT: usize = 256 * 1024;

/// A client's connection.
pub(super) struct Client {
    pub(super) stream: TlsStream<Socket>,
    frames: Frames,
    /// What was read while an earlier request was under way.
    pub(super) ahead: Option<Result<Option<Vec<u8>>, ReadError>>,
    /// The number of the last frame that was sent.
    sent: i32,
}

impl Client {
    /// The number of the next frame.
    pub(super) fn next_id(&mut self) -> i32 {
        self.sent = self.sent.wrapping_add(1);
        self.sent
    }

    /// The next request; nothing once there is none.
    ///
    /// # Errors
    /// [`ReadError`]: the connection cannot be read any further, but for [`Client::skip`].
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        match self.ahead.take() {
            Some(read) => read,
            None => self.frames.next(&mut self.stream, LONGEST_REQUEST).await,
        }
    }

    /// Passes over a message that is longer than a request may be; what it begins with.
    ///
    /// # Errors
    /// [`ReadError`] if it is longer than any message, too, or the connection broke.
    pub(super) async fn skip(&mut self) -> Result<Vec<u8>, ReadError> {
        self.frames.skip(&mut self.stream).await
    }

    /// Waits until the client is gone, while nothing is sent to it. One more request is kept for later.
    pub(super) async fn gone(&mut self) {
        while self.ahead.is_none() {
            match self.frames.next(&mut self.stream, LONGEST_REQUEST).await {
                Ok(None) | Err(ReadError::Io(_)) => return,
                read @ (Ok(Some(_)) | Err(ReadError::Frame(_))) => self.ahead = Some(read),
            }
        }
        std::future::pending().await
    }

    /// Sends a frame, of which each part must be taken within that time: whoever does not read must not hold what an answer
    /// takes. The connection is then reset, as the kernel would go on trying.
    ///
    /// # Errors
    /// If the connection broke, its session was cut, or the client takes nothing.
    pub(super) async fn send(&mut self, frame: &[u8], patience: Duration) -> std::io::Result<()> {
        self.set_waits(false);
        for part in frame.chunks(UNSENT) {
            let sent = async {
                self.stream.write_all(part).await?;
                self.stream.flush().await
            };
            if let Ok(sent) = timeout(patience, sent).await {
                sent?;
            } else {
                self.stream.get_ref().0.reset();
                return Err(std::io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Notes whether the client waits for an answer of which no byte was sent.
    pub(super) fn set_waits(&self, waits: bool) {
        self.stream.get_ref().0.set_waits(waits);
    }

    /// Sends a frame in the place of the answer that a session's end cut off, and waits for the connection's end. Nothing
    /// of another frame may have been sent since the last whole one.
    pub(super) async fn send_last_word(&mut self, frame: &[u8]) {
        self.stream.get_mut().0.say_last_word();
        if self.stream.write_all(frame).await.is_ok() && self.stream.flush().await.is_ok() {
            std::future::pending().await
        }
    }
}

/// One connection from its first byte to its last.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, Stranger { live, place }: Stranger) {
    let Some(door) = &shared.sync else { return };
    let Ok(socket) = Socket::of_questions(stream, Side::Employee, live.clone()) else { return };
    let from = live.from;
    shared.table.add(live.clone());
    let signed_in = tokio::select! {
        biased;
        () = live.ended() => None,
        signed_in = sign_in(&shared, door, socket, from) => signed_in,
    };
    drop(place);
    shared.table.remove(live.id);
    let Some((mut client, login)) = signed_in else { return live.cut(SessionEnd::ClosedByEmployee) };
    let session = login.session.clone();
    // From here on it is the session's: what ends that ends this.
    if client.stream.get_mut().0.join(session.live.clone()).is_err() {
        return;
    }
    let _task = session.tasks.token();
    tokio::select! {
        biased;
        () = session.live.ended() => {}
        () = relay::run(client, login) => {}
    }
}

/// Lets a client sign in; `None` if it did not.
async fn sign_in(shared: &Shared, door: &SyncDoor, socket: Socket, from: IpAddr) -> Option<(Client, Arc<Login>)> {
    let (grace, since) = (shared.config.login_grace, Instant::now());
    let mut stream = timeout(grace, door.acceptor.accept(socket)).await.ok()?.ok()?;
    stream.get_mut().1.set_buffer_limit(Some(UNSENT));
    let mut client = Client { stream, frames: Frames::default(), ahead: None, sent: 0 };
    let mut state = SignIn::default();
    loop {
        let frame = client.frames.next(&mut client.stream, LONGEST_BEFORE_SIGN_IN);
        let frame = timeout(grace, frame).await;
        // Whoever is nobody's may not stay by saying hello again and again.
        if since.elapsed() >= grace && door.logins.at(from).is_empty() {
            return None;
        }
        let Ok(frame) = frame else { continue };
        let frame = frame.ok()??;
        let request = Request::read(&frame, LONGEST_BEFORE_SIGN_IN).ok()?;
        let id = client.next_id();
        let (body, goes_on) = answer(shared, door, &request, &mut state, (id, from));
        client.send(&request.answer(id, &body), shared.config.client_patience).await.ok()?;
        if !goes_on {
            return None;
        }
        if let Some(user) = state.user() {
            let login = door.logins.find(user, from)?;
            return Some((client, login));
        }
    }
}

/// The answer to a stranger, and whether the connection goes on after it.
fn answer(
    shared: &Shared,
    door: &SyncDoor,
    request: &Request<'_>,
    state: &mut SignIn,
    (id, from): (i32, IpAddr),
) -> (Vec<u8>, bool) {
    let (mut named, tried) = (None, state.tried().and_then(|user| user.parse::<SessionId>().ok()));
    let step = match judge_before_sign_in(request) {
        Verdict::Answered(Local::Hello(name, mechanisms)) => {
            let now = shared.watch.clock.read().wall.millis();
            return (answer::hello(name, mechanisms, &server_at(door, from), id, now), true);
        }
        Verdict::Answered(Local::SaslStart(step)) => {
            let find = |user: &str| {
                // Only an id can be a session's: what else is said may be a password in the wrong place.
                named = user.parse::<SessionId>().ok();
                door.logins.find(user, from).map(|login| login.verifier.clone())
            };
            state.start(step, &nonce(shared), find, &door.mock_key)
        }
        Verdict::Answered(Local::SaslContinue(step)) => state.go_on(step),
        Verdict::Refused(refusal) => return (refusal.document(), request.manner != Manner::Unanswered),
        // Nothing else is open before signing in.
        Verdict::Answered(Local::BuildInfo | Local::ConnectionStatus | Local::Done | Local::NoLog)
        | Verdict::Allowed(_)
        | Verdict::Empty(_)
        | Verdict::Lookup(_) => return (sign_in::failed(), false),
    };
    match step {
        Ok(body) => (body, true),
        Err(error) => {
            let session = named.or(tried).map(|id| id.to_string());
            tracing::warn!(%from, session, %error, "a client of sync data could not sign in");
            (sign_in::failed(), false)
        }
    }
}

/// What a client is told of the server behind the gateway, before it is known whose client it is.
fn server_at(door: &SyncDoor, from: IpAddr) -> Server {
    let here = door.logins.at(from);
    let known = here.iter().filter_map(|login| login.found()).map(|(_, server)| server);
    let (max_wire_version, version) = UNKNOWN_SERVER;
    let unknown = || Server { max_wire_version, version: version.to_owned() };
    known.min_by_key(|server| server.max_wire_version).unwrap_or_else(unknown)
}

/// A nonce of printable characters.
pub(super) fn nonce(shared: &Shared) -> String {
    let mut bytes = [0; 24];
    shared.entropy.fill(&mut bytes);
    hex::encode(bytes)
}

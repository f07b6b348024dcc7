//! What passes between a client that has signed in and the cluster: one request at a time, judged whole, recorded before
//! its answer is delivered.
//!
//! One connection of a client has one to the cluster, made when a request needs it. An answer that is not understood ends
//! both; where the cluster hangs up, the next request makes a new one.

use std::sync::Arc;
use std::time::Duration;

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_core::session::SessionEnd;
use byleave_core::time::Timestamp;
use byleave_wire::answer::{self, Code, Server};
use byleave_wire::frame::{FrameError, LONGEST_REQUEST};
use byleave_wire::judge::{Allowed, Empty, Local, Lookup, Record, Refusal, Verdict, judge};
use byleave_wire::reply;
use byleave_wire::request::{Manner, Request};
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::frame::ReadError;
use super::line::Line;
use super::login::Login;
use super::server::{self, Far, ServerError};
use crate::live::{Refused, count};
use crate::server::Shared;

/// How long a connection keeps the room of its last answer.
const AT_REST: Duration = Duration::from_secs(1);

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    GoOn,
}

/// Serves a client until it goes, or its session ends.
pub(super) async fn run(client: Client, login: Arc<Login>) {
    let Some(connected) = login.connect() else { return };
    let shared = login.session.shared.clone();
    let mut relay = Relay { client, login: &connected.0, shared: &shared, far: None };
    loop {
        let then = match relay.next().await {
            Ok(Some(frame)) => relay.take(&frame).await,
            Err(ReadError::Frame(error)) => relay.strange(&relay.begin(), &error),
            Ok(None) | Err(ReadError::Io(_)) => Then::Close,
        };
        if then == Then::Close {
            return;
        }
    }
}

struct Relay<'a> {
    client: Client,
    login: &'a Arc<Login>,
    shared: &'a Arc<Shared>,
    far: Option<Far>,
}

/// A request on its way, for the record.
struct Under {
    at: Timestamp,
    since: Instant,
}

impl Relay<'_> {
    /// The next request; nothing once there is none. Who asks for nothing for a while holds no room for answers.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let Self { client, far, .. } = self;
        loop {
            let frame = client.frames.next(&mut client.stream, LONGEST_REQUEST);
            let holds = far.as_ref().is_some_and(Far::holds_room);
            let frame = if holds { timeout(AT_REST, frame).await } else { Ok(frame.await) };
            match (frame, far.as_mut()) {
                (Ok(frame), _) => return frame,
                (Err(_), Some(far)) => far.rest(),
                (Err(_), None) => {}
            }
        }
    }

    /// Takes one request of the client.
    async fn take(&mut self, frame: &[u8]) -> Then {
        let counts = &self.login.session.live.counts;
        count(&counts.received_bytes, frame.len());
        let under = self.begin();
        let request = match Request::read(frame, LONGEST_REQUEST) {
            Ok(request) => request,
            Err(error) => return self.strange(&under, &error),
        };
        let mut verdict = judge(&request, &self.login.scope());
        loop {
            verdict = match verdict {
                Verdict::Answered(local) => return self.answer_locally(&request, local).await,
                Verdict::Empty(empty) => return self.answer_empty(&request, &under, &empty).await,
                Verdict::Refused(refusal) => return self.refuse(&request, &under, &refusal).await,
                Verdict::Allowed(allowed) => return self.forward(&request, &under, allowed).await,
                Verdict::Lookup(lookup) => match self.look_up(&request, &under, lookup).await {
                    Ok(verdict) => verdict,
                    Err(error) => return self.unreachable(&request, &under, &error).await,
                },
            }
        }
    }

    /// Asks the cluster what it is that a request names.
    async fn look_up(
        &mut self,
        request: &Request<'_>,
        under: &Under,
        lookup: Lookup,
    ) -> Result<Verdict<'static>, ServerError> {
        let login = self.login;
        let turn = login.at_once.acquire().await;
        let record = Record::of(request);
        let unanswered = Unanswered(Some((login.as_ref(), under, &record)));
        let answered = self.ask(lookup.body()).await;
        unanswered.is_over();
        drop(turn);
        let (asked, frame) = answered?;
        Ok(lookup.settle(&frame, asked, &mut login.scope())?)
    }

    /// Says that there is nothing, as a server would: what is not there is not asked for.
    async fn answer_empty(&mut self, request: &Request<'_>, under: &Under, empty: &Empty) -> Then {
        count(&self.login.session.live.counts.commands, 1);
        let line = under.described(&empty.record).number("documents", 0).number("bytes", 0);
        if !self.note(line.number("error", empty.code.map(|code| i64::from(code.number())))) {
            return Then::Close;
        }
        self.answer(request, &empty.body).await
    }

    fn begin(&self) -> Under {
        Under { at: self.shared.watch.clock.read().wall, since: Instant::now() }
    }

    /// A frame that is not understood: what comes after it cannot be told from it.
    fn strange(&self, under: &Under, error: &FrameError) -> Then {
        tracing::info!(session = %self.login.session.live.id, %error, "a frame of a client of sync data is not understood");
        count(&self.login.session.live.counts.refused, 1);
        self.note(under.line().text("command", None).text("refused", "a frame that is not understood"));
        Then::Close
    }

    /// Asks the cluster, on the connection of this client; makes it first if there is none.
    async fn ask(&mut self, body: &[u8]) -> Result<(i32, Vec<u8>), ServerError> {
        let far = match &mut self.far {
            Some(far) => far,
            None => self.far.insert(server::dial(self.shared, self.login).await?),
        };
        far.ask(body).await
    }

    /// It has its turn until the answer is delivered: so many answers are in memory, and no more.
    async fn forward(&mut self, request: &Request<'_>, under: &Under, allowed: Allowed) -> Then {
        let login = self.login;
        let _turn = login.at_once.acquire().await;
        let unanswered = Unanswered(Some((login.as_ref(), under, allowed.record())));
        let answered = self.ask(allowed.body()).await;
        unanswered.is_over();
        let (asked, mut frame) = match answered {
            Ok(answered) => answered,
            Err(error) => return self.unreachable(request, under, &error).await,
        };
        let id = self.client.next_id();
        let passed = reply::pass(&mut frame, &allowed, asked, (id, request.id), &mut self.login.scope());
        let returned = match passed {
            Ok(returned) => returned,
            Err(error) => return self.unreachable(request, under, &error.into()).await,
        };
        count(&self.login.session.live.counts.commands, 1);
        let figure = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let line = under.described(allowed.record()).number("documents", figure(returned.documents));
        let line = line.number("bytes", figure(returned.bytes)).number("error", returned.error.map(i64::from));
        if !self.note(line) {
            return Then::Close;
        }
        let then = self.deliver(&frame).await;
        if let Some(far) = &mut self.far {
            far.reuse(frame);
        }
        then
    }

    async fn refuse(&mut self, request: &Request<'_>, under: &Under, refusal: &Refusal) -> Then {
        let live = &self.login.session.live;
        if refusal.is_reach() {
            // Such a try is an event at once; it counts as refused, too.
            live.deny(Refused { wanted: Tried::SyncData, node: None, denial: Denial::DatabaseNever });
        } else {
            count(&live.counts.refused, 1);
        }
        let line = under.described(&refusal.record).text("refused", refusal.text.as_str());
        if !self.note(line.number("error", i64::from(refusal.code.number()))) || request.manner == Manner::Unanswered {
            return Then::Close;
        }
        self.answer(request, &refusal.document()).await
    }

    async fn answer_locally(&mut self, request: &Request<'_>, local: Local<'_>) -> Then {
        let server = || self.login.found().map(|(_, server)| server);
        let server = || server().unwrap_or_else(|| Server { max_wire_version: 17, version: "6.0.0".to_owned() });
        let body = match local {
            Local::BuildInfo => answer::build_info(&server()),
            Local::ConnectionStatus => answer::connection_status(&self.login.session.live.id.to_string()),
            Local::Done => answer::done(),
            Local::Hello(name, mechanisms) => {
                let now = self.shared.watch.clock.read().wall.millis();
                answer::hello(name, mechanisms, &server(), 1, now)
            }
            Local::NoLog => answer::no_log(),
            Local::SaslContinue(_) | Local::SaslStart(_) => {
                answer::error(Code::Unauthorized, "this connection is signed in already")
            }
        };
        self.answer(request, &body).await
    }

    /// The cluster cannot be asked, or answered what is not understood.
    async fn unreachable(&mut self, request: &Request<'_>, under: &Under, error: &ServerError) -> Then {
        tracing::warn!(session = %self.login.session.live.id, ?error, "the cluster cannot be asked for sync data");
        self.far = None;
        self.note(under.described(&Record::of(request)).text("failed", error.to_string().as_str()));
        let told = self.answer(request, &answer::error(Code::HostUnreachable, &error.to_string())).await;
        match error {
            ServerError::Reply(_) => Then::Close,
            // A driver tries a read once more, on the same connection: then another server is found.
            ServerError::Certificates
            | ServerError::Credential
            | ServerError::Late
            | ServerError::NoPrimary
            | ServerError::NotReadable
            | ServerError::Refused
            | ServerError::Unreachable(_) => told,
        }
    }

    async fn answer(&mut self, request: &Request<'_>, body: &[u8]) -> Then {
        let id = self.client.next_id();
        self.deliver(&request.answer(id, body)).await
    }

    async fn deliver(&mut self, frame: &[u8]) -> Then {
        count(&self.login.session.live.counts.sent_bytes, frame.len());
        match self.client.send(frame).await {
            Ok(()) => Then::GoOn,
            Err(_) => Then::Close,
        }
    }

    /// Records a request. What cannot be recorded ends the session.
    fn note(&self, line: Line) -> bool {
        note(self.login, line)
    }
}

fn note(login: &Login, line: Line) -> bool {
    let noted = login.recorder.command(&line.end());
    if noted.is_err() {
        login.session.live.cut(SessionEnd::RecordingFailed);
    }
    noted.is_ok()
}

/// A command that the cluster was asked and has not answered. Where the session ends meanwhile it is recorded, too: the
/// recording is finished only after its connections.
struct Unanswered<'a>(Option<(&'a Login, &'a Under, &'a Record)>);

impl Unanswered<'_> {
    fn is_over(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some((login, under, record)) = self.0 {
            count(&login.session.live.counts.commands, 1);
            note(login, under.described(record).text("failed", "the session ended before it was answered"));
        }
    }
}

impl Under {
    /// Begins the line of this request.
    fn line(&self) -> Line {
        let micros = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        Line::new().text("at", self.at.to_string().as_str()).number("micros", micros)
    }

    /// The same, with what the request was: names and shape, never values.
    fn described(&self, record: &Record) -> Line {
        let Record { database, collection, command, shape } = record;
        let line = self.line().text("database", database.as_str()).text("collection", collection.as_deref());
        line.text("command", command.as_str()).text("shape", shape.as_str())
    }
}

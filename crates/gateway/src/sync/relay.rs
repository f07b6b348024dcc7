//! What passes between a client that has signed in and the cluster: one request at a time, judged whole, recorded before
//! its answer is delivered.
//!
//! One connection of a client has one to the cluster, made when a request needs it. An answer that is not understood ends
//! both; where the cluster hangs up, the next request makes a new one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_core::session::SessionEnd;
use byleave_core::time::Timestamp;
use byleave_wire::answer::{self, Code, Server};
use byleave_wire::frame::{FrameError, LONGEST_REQUEST};
use byleave_wire::judge::{Allowed, Empty, Expect, Local, Lookup, Record, Refusal, Verdict, judge};
use byleave_wire::reply;
use byleave_wire::request::{Manner, Request};
use byleave_wire::upstream;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::CONNECTIONS;
use super::client::Client;
use super::frame::ReadError;
use super::line::Line;
use super::login::{Connected, Login};
use super::server::{self, Far, ServerError};
use crate::live::{Refused, count};
use crate::server::Shared;
use crate::text;

/// How long an answer is waited for before the client is watched, too: most come sooner.
const SOON: Duration = Duration::from_millis(20);

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
    let mut client = client;
    let Some(connected) = connect(&mut client, &login).await else { return };
    let shared = login.session.shared.clone();
    let mut relay = Relay { client, login: &connected.0, shared: &shared, far: None };
    loop {
        let then = match relay.next().await {
            Ok(Some(frame)) => relay.take(&frame).await,
            Err(ReadError::Frame(FrameError::Length { .. })) => relay.too_long().await,
            Err(ReadError::Frame(error)) => relay.strange(&relay.begin(), &error),
            Ok(None) | Err(ReadError::Io(_)) => Then::Close,
        };
        if then == Then::Close {
            return;
        }
    }
}

/// Gives a connection its place among those of its session. One too many is told so with each request, for a while and
/// until there is one.
async fn connect(client: &mut Client, login: &Arc<Login>) -> Option<Connected> {
    if let Some(connected) = login.connect() {
        return Some(connected);
    }
    let _crowded = login.crowd()?;
    let text = format!(
        "a session has at most {CONNECTIONS} connections; close some, or let clients have fewer by maxPoolSize"
    );
    let until = Instant::now() + login.session.shared.config.login_grace;
    loop {
        let frame = timeout_at(until, client.next()).await.ok()?.ok()??;
        if let Some(connected) = login.connect() {
            client.ahead = Some(Ok(Some(frame)));
            return Some(connected);
        }
        let request = Request::read(&frame, LONGEST_REQUEST).ok()?;
        let id = client.next_id();
        let answer = request.answer(id, &answer::error(Code::TooMany, &text));
        client.send(&answer, login.session.shared.config.client_patience).await.ok()?;
    }
}

/// Waits for a turn, unless the client goes meanwhile.
async fn turn<'l>(client: &mut Client, login: &'l Login) -> Result<SemaphorePermit<'l>, ServerError> {
    tokio::select! {
        biased;
        turn = login.at_once.acquire() => turn.map_err(|_| ServerError::Late),
        () = client.gone() => Err(ServerError::Gone),
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
    /// Its number, once the record says that it began.
    begun: Option<i64>,
}

impl Relay<'_> {
    /// The next request; nothing once there is none. Who asks for nothing for a while holds no room for answers.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let Self { client, far, .. } = self;
        loop {
            let frame = client.next();
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
        let mut under = self.begin();
        let request = match Request::read(frame, LONGEST_REQUEST) {
            Ok(request) => request,
            Err(error) => return self.strange(&under, &error),
        };
        self.client.set_waits(request.manner != Manner::Unanswered);
        let mut verdict = judge(&request, &self.login.scope());
        loop {
            verdict = match verdict {
                Verdict::Answered(local) => return self.answer_locally(&request, local).await,
                Verdict::Empty(empty) => return self.answer_empty(&request, &under, &empty).await,
                Verdict::Refused(refusal) => return self.refuse(&request, &under, &refusal).await,
                Verdict::Allowed(allowed) => return self.forward(&request, &mut under, allowed).await,
                Verdict::Lookup(lookup) => match self.look_up(&request, &mut under, lookup).await {
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
        under: &mut Under,
        lookup: Lookup,
    ) -> Result<Verdict<'static>, ServerError> {
        let login = self.login;
        let turn = turn(&mut self.client, login).await?;
        let record = Record::of(request);
        self.note_begun(under, &record)?;
        let unanswered = Unanswered(Some((login.as_ref(), under, &record)));
        let answered = self.ask(lookup.body()).await;
        unanswered.end();
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
        Under { at: self.shared.watch.clock.read().wall, since: Instant::now(), begun: None }
    }

    /// Records that a command begins, before the cluster hears of it: whatever becomes of this process then, there is a line
    /// of it. What cannot be recorded ends the session.
    fn note_begun(&self, under: &mut Under, record: &Record) -> Result<(), ServerError> {
        if under.begun.is_none() {
            let number = self.login.next_begun();
            let line = Line::new().text("at", under.at.to_string().as_str()).number("begun", number);
            if !self.note(described(line, record)) {
                return Err(ServerError::Gone);
            }
            under.begun = Some(number);
        }
        Ok(())
    }

    /// A frame that is not understood: what comes after it cannot be told from it.
    fn strange(&self, under: &Under, error: &FrameError) -> Then {
        tracing::info!(session = %self.login.session.live.id, %error, "a frame of a client of sync data is not understood");
        count(&self.login.session.live.counts.refused, 1);
        self.note(under.line().text("command", None).text("refused", "a frame that is not understood"));
        Then::Close
    }

    /// A message that is longer than a request may be: it is read to its end, answered, and recorded by what it begins with.
    async fn too_long(&mut self) -> Then {
        let under = self.begin();
        let head = match self.client.skip().await {
            Ok(head) => head,
            Err(ReadError::Frame(error)) => return self.strange(&under, &error),
            Err(ReadError::Io(_)) => return Then::Close,
        };
        let request = match Request::begun(&head) {
            Ok(request) => request,
            Err(error) => return self.strange(&under, &error),
        };
        let verdict = judge(&request, &self.login.scope());
        match verdict {
            Verdict::Refused(refusal) => self.refuse(&request, &under, &refusal).await,
            // Nothing of it can be let through.
            Verdict::Allowed(_) | Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Lookup(_) => Then::Close,
        }
    }

    /// Asks the cluster, on the connection of this client; makes it first if there is none. Whoever hangs up meanwhile frees
    /// their turn, and where the cluster does not answer in time nobody waits any longer: the connection is closed, so
    /// that a server sees it.
    async fn ask(&mut self, body: &[u8]) -> Result<(i32, Vec<u8>), ServerError> {
        let Self { client, login, shared, far } = self;
        if !login.session.live.gate.is_open() {
            return Err(ServerError::Gone);
        }
        if far.as_ref().is_some_and(|far| !far.may_go_on(login)) {
            *far = None;
        }
        login.key().await?;
        let there = match far.take() {
            Some(far) => far,
            None => tokio::select! {
                biased;
                dialled = server::dial(shared, login) => dialled?,
                () = client.gone() => return Err(ServerError::Gone),
            },
        };
        let there = far.insert(there);
        login.unanswered.fetch_add(1, Ordering::AcqRel);
        let asked = {
            let asking = there.ask(body);
            tokio::pin!(asking);
            match timeout(SOON, asking.as_mut()).await {
                Ok(answered) => answered,
                Err(_) => tokio::select! {
                    biased;
                    answered = asking => answered,
                    () = client.gone() => Err(ServerError::Gone),
                    () = sleep(shared.config.answer_patience) => Err(ServerError::Late),
                },
            }
        };
        match asked {
            Ok(answered) => {
                login.unanswered.fetch_sub(1, Ordering::AcqRel);
                Ok(answered)
            }
            Err(error) => {
                *far = None;
                Err(error)
            }
        }
    }

    /// It has its turn until the answer is delivered: so many answers are in memory, and no more.
    async fn forward(&mut self, request: &Request<'_>, under: &mut Under, allowed: Allowed) -> Then {
        let login = self.login;
        let _turn = match turn(&mut self.client, login).await {
            Ok(turn) => turn,
            Err(error) => return self.unreachable(request, under, &error).await,
        };
        if let Err(error) = self.note_begun(under, allowed.record()) {
            return self.unreachable(request, under, &error).await;
        }
        let unanswered = Unanswered(Some((login.as_ref(), under, allowed.record())));
        let answered = match self.make_room(&allowed).await {
            Ok(()) => self.ask(allowed.body()).await,
            Err(error) => Err(error),
        };
        unanswered.end();
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

    /// Before a cursor may be opened: the one that was not used for longest goes where there are too many.
    async fn make_room(&mut self, allowed: &Allowed) -> Result<(), ServerError> {
        if !matches!(allowed.expect(), Expect::Cursor(_)) {
            return Ok(());
        }
        let oldest = self.login.scope().make_room();
        match oldest {
            Some((id, namespace)) => self.ask(&upstream::kill_cursors(&namespace, &[id])).await.map(drop),
            None => Ok(()),
        }
    }

    async fn refuse(&mut self, request: &Request<'_>, under: &Under, refusal: &Refusal) -> Then {
        let live = &self.login.session.live;
        if refusal.is_reach() {
            // Such a try is an event at once; it counts as refused, too.
            live.deny(Refused { wanted: Tried::SyncData, node: None, denial: Denial::DatabaseNever });
        } else {
            count(&live.counts.refused, 1);
        }
        let line = under.described(&refusal.record).text("refused", refusal.recorded.as_str());
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
        self.far = None;
        let live = &self.login.session.live;
        let over = if !live.gate.is_open() {
            Some("the session ended before it was answered")
        } else if matches!(error, ServerError::Gone) {
            Some("the client went before it was answered")
        } else {
            None
        };
        if let Some(failed) = over {
            count(&live.counts.commands, 1);
            self.note(under.described(&Record::of(request)).text("failed", failed));
            self.last_word(request).await;
            return Then::Close;
        }
        tracing::warn!(session = %live.id, ?error, "the cluster cannot be asked for sync data");
        self.note(under.described(&Record::of(request)).text("failed", error.to_string().as_str()));
        let told = self.answer(request, &answer::error(Code::HostUnreachable, &error.to_string())).await;
        match error {
            ServerError::Gone | ServerError::Reply(_) => Then::Close,
            // A driver tries a read once more, on the same connection: then another server is found.
            ServerError::Certificates
            | ServerError::Credential
            | ServerError::Late
            | ServerError::NoCredential
            | ServerError::NoPrimary
            | ServerError::NotReadable
            | ServerError::Refused
            | ServerError::Unreachable(_)
            | ServerError::Untrusted => told,
        }
    }

    /// Tells a client that waits for an answer why its session ended, where there is still room for a last word.
    async fn last_word(&mut self, request: &Request<'_>) {
        let live = &self.login.session.live;
        if live.gate.has_farewell() {
            let told = answer::error(Code::Unauthorized, &text::ended(live.end()));
            let id = self.client.next_id();
            self.client.send_last_word(&request.answer(id, &told)).await;
        }
    }

    async fn answer(&mut self, request: &Request<'_>, body: &[u8]) -> Then {
        let id = self.client.next_id();
        self.deliver(&request.answer(id, body)).await
    }

    async fn deliver(&mut self, frame: &[u8]) -> Then {
        count(&self.login.session.live.counts.sent_bytes, frame.len());
        match self.client.send(frame, self.shared.config.client_patience).await {
            Ok(()) => Then::GoOn,
            Err(error) => {
                if error.kind() == std::io::ErrorKind::TimedOut {
                    tracing::info!(session = %self.login.session.live.id, "a client of sync data does not read its answer");
                }
                Then::Close
            }
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
    fn end(mut self) {
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
        let line = Line::new().text("at", self.at.to_string().as_str());
        let line = match self.begun {
            Some(number) => line.number("ends", number),
            None => line,
        };
        line.number("micros", micros)
    }

    /// The same, with what the request was.
    fn described(&self, record: &Record) -> Line {
        described(self.line(), record)
    }
}

/// Adds what a request was: names and shape, never values.
fn described(line: Line, record: &Record) -> Line {
    let Record { database, collection, command, shape } = record;
    let line = line.text("database", database.as_str()).text("collection", collection.as_deref());
    line.text("command", command.as_str()).text("shape", shape.as_str())
}

//! What the gateway answers by itself: the handshake, signing in, and the small questions of drivers and shells.
//!
//! Nothing of these requests goes to the cluster, so nothing in them can identify an employee there.

use std::fmt;

use super::list::{COMMON, Field};
use super::{Objection, command};
use crate::answer::{Code, HelloName, Mechanisms};
use crate::bson::{Element, Value};
use crate::request::{Manner, Request};

/// A request that the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local<'a> {
    /// [`crate::answer::build_info`].
    BuildInfo,
    /// [`crate::answer::connection_status`].
    ConnectionStatus,
    /// [`crate::answer::done`]: a ping, or the end of the driver's own sessions, which the server never sees.
    Done,
    /// [`crate::answer::hello`].
    Hello(HelloName, Mechanisms),
    /// [`crate::answer::no_log`].
    NoLog,
    /// [`crate::sign_in::SignIn::go_on`].
    SaslContinue(SaslContinue<'a>),
    /// [`crate::sign_in::SignIn::start`].
    SaslStart(SaslStart<'a>),
}

/// The first step of signing in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslStart<'a> {
    /// The client's first message.
    pub payload: &'a [u8],
    /// Whether the client takes the last step without an empty one after it.
    pub ending: Ending,
}

/// How a conversation of signing in ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With one empty exchange.
    EmptyExchange,
    /// With the server's last message.
    Short,
}

/// A further step of signing in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslContinue<'a> {
    /// The number of the conversation.
    pub conversation: i64,
    /// The client's message.
    pub payload: &'a [u8],
}

impl fmt::Debug for SaslStart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaslStart(…)")
    }
}

impl fmt::Debug for SaslContinue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaslContinue(…)")
    }
}

/// What somebody may say who has not signed in.
pub(super) fn before_sign_in<'a>(request: &Request<'a>) -> Result<Local<'a>, Objection> {
    let name = request.command().unwrap_or_default();
    let local = match name {
        "hello" | "isMaster" | "ismaster" => hello(request).map(Some),
        "saslStart" => sasl_start(request).map(Some),
        "saslContinue" => sasl_continue(request).map(Some),
        _closed_or_unknown => Ok(None),
    };
    local?
        .ok_or_else(|| Objection::new(Code::Unauthorized, "sign in first: open are hello, saslStart and saslContinue"))
}

/// What the gateway answers to a session by itself, if this is such a request.
pub(super) fn answers<'a>(request: &Request<'a>) -> Result<Option<Local<'a>>, Objection> {
    let name = request.command().unwrap_or_default();
    Ok(Some(match name {
        "hello" | "isMaster" | "ismaster" => hello(request)?,
        "buildInfo" | "buildinfo" => only(request, &[]).map(|()| Local::BuildInfo)?,
        "connectionStatus" => only(request, &["showPrivileges"]).map(|()| Local::ConnectionStatus)?,
        "endSessions" | "refreshSessions" => end_sessions(request)?,
        "getLog" if first_text(request) == Some("startupWarnings") => only(request, &[]).map(|()| Local::NoLog)?,
        "ping" => only(request, &[]).map(|()| Local::Done)?,
        _for_the_cluster_or_closed => return Ok(None),
    }))
}

fn first_text<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.body.head().ok().flatten().and_then(|element| element.value.text())
}

/// The fields after the command's own, with what every command may carry judged and left out.
fn fields<'a>(request: &Request<'a>) -> Result<Vec<Element<'a>>, Objection> {
    let mut own = Vec::new();
    for element in request.body.elements().skip(1) {
        let element = element?;
        match COMMON.iter().find(|(name, _)| *name == element.name) {
            Some((_, Field::LeftOut)) => command::common(&element)?,
            Some(_) | None => own.push(element),
        }
    }
    match request.manner {
        Manner::Legacy => {}
        Manner::Message | Manner::Unanswered => command::database(request).map(drop)?,
    }
    Ok(own)
}

/// A command that has these fields, whose values mean nothing to our answer.
fn only(request: &Request<'_>, known: &[&str]) -> Result<(), Objection> {
    match fields(request)?.iter().find(|element| !known.contains(&element.name)) {
        Some(element) => Err(command::unknown(request, element.name)),
        None => Ok(()),
    }
}

/// A hello. What it tells of the client is read by nobody; compression is never agreed to.
fn hello<'a>(request: &Request<'a>) -> Result<Local<'a>, Objection> {
    const KNOWN: &[&str] = &[
        "client",
        "compression",
        "helloOk",
        "hostInfo",
        "loadBalanced",
        "maxAwaitTimeMS",
        "saslSupportedMechs",
        "speculativeAuthenticate",
        "topologyVersion",
        "backpressure",
    ];
    let name = match request.command().unwrap_or_default() {
        "hello" => HelloName::Hello,
        _legacy => HelloName::Legacy,
    };
    let mut mechanisms = Mechanisms::NotAsked;
    for element in fields(request)? {
        match element.name {
            "saslSupportedMechs" => mechanisms = Mechanisms::Asked,
            "loadBalanced" if element.value.flag() != Some(false) => {
                return Err(Objection::wrong("loadBalanced", "must be false: this is one server"));
            }
            known if KNOWN.contains(&known) => {}
            other => return Err(command::unknown(request, other)),
        }
    }
    Ok(Local::Hello(name, mechanisms))
}

fn payload<'a>(value: Value<'a>) -> Result<&'a [u8], Objection> {
    value.bytes().ok_or_else(|| Objection::wrong("payload", "must be bytes"))
}

fn sasl_start<'a>(request: &Request<'a>) -> Result<Local<'a>, Objection> {
    let (mut mechanism, mut first, mut ending) = (None, None, Ending::EmptyExchange);
    if command::database(request)? != "admin" {
        return Err(Objection::new(Code::AuthenticationFailed, "sign in at the database `admin`"));
    }
    for element in fields(request)? {
        match element.name {
            "mechanism" => mechanism = element.value.text(),
            "payload" => first = Some(payload(element.value)?),
            "options" => ending = options(element.value)?,
            "autoAuthorize" if element.value.flag().is_some() => {}
            other => return Err(command::unknown(request, other)),
        }
    }
    match (mechanism, first) {
        (Some("SCRAM-SHA-256"), Some(payload)) => Ok(Local::SaslStart(SaslStart { payload, ending })),
        (_, None) => Err(Objection::wrong("payload", "must be there")),
        (_, Some(_)) => Err(Objection::wrong("mechanism", "must be SCRAM-SHA-256")),
    }
}

fn options(value: Value<'_>) -> Result<Ending, Objection> {
    let options = value.document().ok_or_else(|| Objection::wrong("options", "must be a document"))?;
    let mut ending = Ending::EmptyExchange;
    for element in options.elements() {
        let element = element?;
        match (element.name, element.value.flag()) {
            ("skipEmptyExchange", Some(true)) => ending = Ending::Short,
            ("skipEmptyExchange", Some(false)) => {}
            (other, _) => return Err(Objection::option("signing in", other)),
        }
    }
    Ok(ending)
}

fn sasl_continue<'a>(request: &Request<'a>) -> Result<Local<'a>, Objection> {
    let (mut conversation, mut next) = (None, None);
    for element in fields(request)? {
        match element.name {
            "conversationId" => conversation = element.value.whole(),
            "payload" => next = Some(payload(element.value)?),
            other => return Err(command::unknown(request, other)),
        }
    }
    match (conversation, next) {
        (Some(conversation), Some(payload)) => Ok(Local::SaslContinue(SaslContinue { conversation, payload })),
        (_, _) => Err(Objection::wrong("conversationId", "and `payload` must be there")),
    }
}

/// The end of sessions of the driver: a list of ids, which the server never learned.
fn end_sessions<'a>(request: &Request<'a>) -> Result<Local<'a>, Objection> {
    let listed = request.body.head()?.and_then(|element| element.value.array()).is_some();
    only(request, &["writeConcern"])?;
    if listed { Ok(Local::Done) } else { Err(Objection::wrong("endSessions", "must be a list of sessions")) }
}

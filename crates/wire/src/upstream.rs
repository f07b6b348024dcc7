//! The gateway's own words towards the cluster: hello, signing in, the end of a session; and what it reads of the
//! answers.
//!
//! It must never send anything that a client said.

use crate::bson::{BsonError, Document, Value};
use crate::builder::Builder;
use crate::reply::{self, ReplyError};
use crate::scope::{Namespace, Scope};

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The newest wire version that it speaks.
    pub max_wire_version: i32,
    /// Its place in the cluster.
    pub place: Place,
}

/// The place of a server in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It takes writes, so it has the newest data.
    Primary,
    /// It follows a primary.
    Secondary,
    /// It cannot be read now.
    Neither,
}

/// A step of signing in, as the server answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslStep {
    /// The number of the conversation.
    pub conversation: i32,
    /// Whether the server is done.
    pub done: bool,
    /// Its message.
    pub payload: Vec<u8>,
}

/// The gateway's hello. `application` is the session's id and nothing else.
pub fn hello(application: &str) -> Vec<u8> {
    let driver = Builder::new().string("name", "byleave").string("version", "1");
    let system = Builder::new().string("type", "Linux");
    let client = Builder::new()
        .document("application", Builder::new().string("name", application))
        .document("driver", driver)
        .document("os", system);
    Builder::new().int32("hello", 1).document("client", client).string("$db", "admin").finish()
}

/// The question for the server's release.
pub fn build_info() -> Vec<u8> {
    Builder::new().int32("buildInfo", 1).string("$db", "admin").finish()
}

/// The first step of signing in by SCRAM-SHA-256, at the database that holds the user.
pub fn sasl_start(database: &str, payload: &[u8]) -> Vec<u8> {
    Builder::new()
        .int32("saslStart", 1)
        .string("mechanism", "SCRAM-SHA-256")
        .binary("payload", 0, payload)
        .document("options", Builder::new().flag("skipEmptyExchange", true))
        .string("$db", database)
        .finish()
}

/// A further step of signing in.
pub fn sasl_continue(database: &str, conversation: i32, payload: &[u8]) -> Vec<u8> {
    Builder::new()
        .int32("saslContinue", 1)
        .int32("conversationId", conversation)
        .binary("payload", 0, payload)
        .string("$db", database)
        .finish()
}

/// Signs in by the certificate of the TLS connection.
pub fn x509() -> Vec<u8> {
    Builder::new().int32("authenticate", 1).string("mechanism", "MONGODB-X509").string("$db", "$external").finish()
}

/// Kills cursors of one namespace.
pub fn kill_cursors(namespace: &Namespace, cursors: &[i64]) -> Vec<u8> {
    Builder::new()
        .string("killCursors", &namespace.collection)
        .int64s("cursors", cursors)
        .string("$db", &namespace.database)
        .finish()
}

/// Ends at once what the server still does for its own session, and the cursors that came of it.
pub fn kill_session(scope: &Scope) -> Vec<u8> {
    let id = Builder::new().binary("id", 4, scope.lsid());
    Builder::new().array("killSessions", Builder::new().document("0", id)).string("$db", "admin").finish()
}

/// Ends the server's own session, and with it whatever it still does for it.
pub fn end_session(scope: &Scope) -> Vec<u8> {
    let id = Builder::new().binary("id", 4, scope.lsid());
    let sessions = Builder::new().document("0", id);
    Builder::new().array("endSessions", sessions).string("$db", "admin").finish()
}

/// Reads an answer: its body if the server said `ok`, else why not.
fn body(frame: &[u8], asked: i32) -> Result<Result<Document<'_>, String>, ReplyError> {
    let body = reply::body(frame, asked)?;
    let ok = body.get("ok")?.and_then(Value::flag).ok_or(ReplyError::Shape("ok"))?;
    if ok {
        return Ok(Ok(body));
    }
    let text = body.get("errmsg")?.and_then(Value::text).unwrap_or("no reason given");
    Ok(Err(text.chars().take(500).collect()))
}

/// Reads the answer to [`hello`].
///
/// # Errors
/// [`ReplyError`] if it is not understood; the inner text if the server refused.
pub fn greeting(frame: &[u8], asked: i32) -> Result<Result<Greeting, String>, ReplyError> {
    let body = match body(frame, asked)? {
        Ok(body) => body,
        Err(text) => return Ok(Err(text)),
    };
    let flag = |name| -> Result<bool, BsonError> { Ok(body.get(name)?.and_then(Value::flag).unwrap_or_default()) };
    let place = match (flag("isWritablePrimary")? || flag("ismaster")?, flag("secondary")?) {
        (true, _) => Place::Primary,
        (false, true) => Place::Secondary,
        (false, false) => Place::Neither,
    };
    let version = body.get("maxWireVersion")?.and_then(Value::whole).and_then(|version| i32::try_from(version).ok());
    Ok(Ok(Greeting { max_wire_version: version.ok_or(ReplyError::Shape("maxWireVersion"))?, place }))
}

/// Reads the answer to [`build_info`]: the server's release.
///
/// # Errors
/// As [`greeting`].
pub fn version(frame: &[u8], asked: i32) -> Result<Result<String, String>, ReplyError> {
    let body = match body(frame, asked)? {
        Ok(body) => body,
        Err(text) => return Ok(Err(text)),
    };
    let version = body.get("version")?.and_then(Value::text).ok_or(ReplyError::Shape("version"))?;
    Ok(Ok(version.chars().take(32).collect()))
}

/// Reads the answer to a step of signing in.
///
/// # Errors
/// As [`greeting`].
pub fn sasl_step(frame: &[u8], asked: i32) -> Result<Result<SaslStep, String>, ReplyError> {
    let body = match body(frame, asked)? {
        Ok(body) => body,
        Err(text) => return Ok(Err(text)),
    };
    let conversation = body.get("conversationId")?.and_then(Value::whole).and_then(|id| i32::try_from(id).ok());
    let payload = match body.get("payload")? {
        Some(Value::Binary(_, bytes)) => bytes.to_vec(),
        Some(_) | None => return Err(ReplyError::Shape("payload")),
    };
    Ok(Ok(SaslStep {
        conversation: conversation.ok_or(ReplyError::Shape("conversationId"))?,
        done: body.get("done")?.and_then(Value::flag).ok_or(ReplyError::Shape("done"))?,
        payload,
    }))
}

/// Reads the answer to a command of the gateway of which only the success matters.
///
/// # Errors
/// As [`greeting`].
pub fn done(frame: &[u8], asked: i32) -> Result<Result<(), String>, ReplyError> {
    Ok(body(frame, asked)?.map(drop))
}

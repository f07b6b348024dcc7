//! The closed list: what a request may be, and nothing else says yes.
//!
//! [`judge`] looks at a whole request and answers with a [`Verdict`]. It must never let a byte of the request through
//! that it did not compare with the list: what goes on is written anew by [`command`], field by field, from the tables
//! in [`list`]. An operator, stage, option or type that is not on a list is refused by its name.
//!
//! A yes is a value: only this module makes an [`Allowed`], and for a collection that the server has not yet said to be
//! a collection only [`Lookup::settle`] gives it out. (A view of MongoDB reads other namespaces. It cannot leave its
//! database, which is open; it is refused all the same, since only what was asked for by name is read.)
//!
//! Read next: [`list`] (the tables), [`command`] (one command by its table), [`query`], [`expression`] and [`stage`] (what
//! is inside), [`local`] (what the gateway answers by itself).

mod command;
mod expression;
mod field;
mod list;
mod local;
mod lookup;
mod query;
mod stage;

use crate::answer::{self, Code};
use crate::bson::{BsonError, short};
use crate::request::{Manner, Request};
use crate::scope::{Namespace, Scope};
use crate::shape;

pub use local::{Ending, Local, SaslContinue, SaslStart};
pub use lookup::Lookup;

/// The judgement of one request.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Verdict<'a> {
    /// It goes on, in these words.
    Allowed(Allowed),
    /// The gateway answers by itself; nothing goes to the cluster.
    Answered(Local<'a>),
    /// Nothing is there to be read: the gateway says so by itself, and nothing more goes to the cluster.
    Empty(Empty),
    /// It goes on if the server says that its database is there and its collection is one; ask it first.
    Lookup(Lookup),
    /// It does not go on.
    Refused(Refusal),
}

/// What a record holds of a request: names and shape, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The database, as the client named it; bounded and printable.
    pub database: String,
    /// The collection, if the command has one.
    pub collection: Option<String>,
    /// The command.
    pub command: String,
    /// The shape of the command, see [`shape`](mod@shape).
    pub shape: String,
}

impl Record {
    /// What is recorded of a request that the gateway answered by itself.
    pub fn of(request: &Request<'_>) -> Self {
        record(request, request.command().unwrap_or_default())
    }
}

/// A request that goes on: made by [`judge`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct Allowed {
    body: Vec<u8>,
    record: Record,
    expect: Expect,
}

impl std::fmt::Debug for Allowed {
    /// Tells what is recorded, and no value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allowed").field("record", &self.record).field("expect", &self.expect).finish_non_exhaustive()
    }
}

impl Allowed {
    /// The command as it goes to the server, to be framed by [`crate::frame::message`].
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What is recorded.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What the server's answer has to look like.
    pub const fn expect(&self) -> &Expect {
        &self.expect
    }
}

/// The answer to a request for what is not there.
#[derive(Clone, PartialEq, Eq)]
pub struct Empty {
    /// The code, where a server answers by an error.
    pub code: Option<Code>,
    /// The answer to the client.
    pub body: Vec<u8>,
    /// What is recorded.
    pub record: Record,
}

impl std::fmt::Debug for Empty {
    /// Tells what is recorded, and no more.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Empty").field("record", &self.record).finish_non_exhaustive()
    }
}

/// What the answer to an allowed request has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// A first batch, and perhaps a cursor of this namespace.
    Cursor(Namespace),
    /// The names of databases, of which only the open ones are passed on.
    Databases,
    /// The explanation of a command about this namespace.
    Explanation(Namespace),
    /// What became of these cursors.
    Killed(Vec<i64>),
    /// The next batch of a cursor.
    Next(i64, Namespace),
    /// A count.
    Number,
    /// Figures about this collection or database.
    Statistics(Namespace),
    /// The values of a field.
    Values,
}

/// A request that does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The code that the client gets.
    pub code: Code,
    /// Why, for the client; says what is open where the request asked for something else.
    pub text: String,
    /// Why, for the record: names that are known to us, and nothing else that the client said.
    pub recorded: String,
    /// Whether somebody reached for what is not open.
    reach: Reach,
    /// What is recorded of the try.
    pub record: Record,
}

impl Refusal {
    /// Whether somebody reached for what is not open, with a collection or without: what programs ask by themselves when
    /// they connect is no reach, nor is a name that no server knows or a field that is wrong.
    pub fn is_reach(&self) -> bool {
        let Record { database, collection, command, .. } = &self.record;
        let asked = (command.as_str(), database.as_str(), collection.as_deref().unwrap_or_default());
        self.reach == Reach::Yes && !list::BY_THEMSELVES.contains(&command.as_str()) && !list::LOOKS.contains(&asked)
    }

    /// The answer to the client.
    pub fn document(&self) -> Vec<u8> {
        answer::error(self.code, &self.text)
    }
}

/// Why a part of a request does not pass. Becomes a [`Refusal`] with what is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Objection {
    code: Code,
    text: String,
    /// What is recorded in place of the text, where that says what the client said.
    recorded: Option<String>,
    reach: Reach,
}

/// Whether what was asked for is more than there is to read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    No,
    Yes,
}

impl Objection {
    /// A text that names nothing but what we know.
    fn new(code: Code, text: impl Into<String>) -> Self {
        let reach = if code == Code::Unauthorized { Reach::Yes } else { Reach::No };
        Self { code, text: text.into(), recorded: None, reach }
    }

    /// The same, with what is recorded in its place.
    fn about(code: Code, text: impl Into<String>, recorded: impl Into<String>) -> Self {
        Self { recorded: Some(recorded.into()), ..Self::new(code, text) }
    }

    /// The same, if this name is none that we know.
    fn naming(name: &str, code: Code, text: String, recorded: &str) -> Self {
        if list::is_known(name) { Self::new(code, text) } else { Self::about(code, text, recorded) }
    }

    /// Something that exists in MongoDB or may exist one day, and is not open here.
    fn closed(what: &str, name: &str) -> Self {
        let text = format!("the {what} `{}` is not open to support", short(name));
        Self::naming(name, Code::Unauthorized, text, &format!("the {what} is not open to support"))
    }

    /// An option of something that is open: how it is read, not what.
    fn option(of: &str, name: &str) -> Self {
        let what = if of.is_empty() { "option".to_owned() } else { format!("option of {of}") };
        Self { reach: Reach::No, ..Self::closed(&what, name) }
    }

    fn wrong(name: &str, rule: &str) -> Self {
        let text = format!("the field `{}` {rule}", short(name));
        Self::naming(name, Code::BadValue, text, &format!("a field {rule}"))
    }
}

impl From<BsonError> for Objection {
    fn from(error: BsonError) -> Self {
        let text = error.to_string();
        match error {
            BsonError::Bool
            | BsonError::Index
            | BsonError::Length
            | BsonError::Terminator
            | BsonError::Type(_)
            | BsonError::Utf8 => Self::new(Code::InvalidBson, text),
            BsonError::Count | BsonError::Size => Self::new(Code::TooLarge, text),
            BsonError::Depth => Self::new(Code::Overflow, text),
            BsonError::Duplicate(name) => {
                Self::naming(&name, Code::Unauthorized, text, "a field must not be there twice")
            }
            BsonError::Obsolete(_) => Self::about(Code::BadValue, text, "a field has an element type that is obsolete"),
            BsonError::Script(name) => {
                Self::naming(&name, Code::Unauthorized, text, "a field must not hold JavaScript")
            }
        }
    }
}

/// Judges a request of somebody who has not signed in: only a hello and the steps of signing in pass.
pub fn judge_before_sign_in<'a>(request: &Request<'a>) -> Verdict<'a> {
    let verdict = whole(request).and_then(|()| local::before_sign_in(request));
    verdict.map_or_else(|objection| Verdict::Refused(refuse(request, objection)), Verdict::Answered)
}

/// Judges a request of a session.
pub fn judge<'a>(request: &Request<'a>, scope: &Scope) -> Verdict<'a> {
    let verdict = whole(request).and_then(|()| match local::answers(request)? {
        Some(local) => Ok(Verdict::Answered(local)),
        None => command::judge(request, scope),
    });
    verdict.unwrap_or_else(|objection| Verdict::Refused(refuse(request, objection)))
}

/// What holds for every request, whatever the command.
fn whole(request: &Request<'_>) -> Result<(), Objection> {
    if let Some(fault) = &request.fault {
        return Err(fault.clone().into());
    }
    if let Some(sequence) = request.sequences.first() {
        return Err(Objection::closed("document sequence", sequence.name));
    }
    match request.manner {
        Manner::Legacy | Manner::Message => Ok(()),
        // Drivers say so when they close, and do not wait.
        Manner::Unanswered if request.command().unwrap_or_default() == "endSessions" => Ok(()),
        Manner::Unanswered => {
            Err(Objection::new(Code::Unauthorized, "a command that wants no answer is not open to support"))
        }
    }
}

fn refuse(request: &Request<'_>, objection: Objection) -> Refusal {
    refusal(objection, Record::of(request))
}

fn refusal(objection: Objection, record: Record) -> Refusal {
    let Objection { code, text, recorded, reach } = objection;
    let recorded = recorded.unwrap_or_else(|| text.clone());
    Refusal { code, text, recorded, reach, record }
}

/// What is recorded of a request that has this command.
fn record(request: &Request<'_>, command: &str) -> Record {
    let text = |name| request.body.get(name).ok().flatten().and_then(crate::bson::Value::text).map(short);
    let head = request.body.head().ok().flatten();
    // The first value of another command may be anything, so it is no name to record.
    let named = head.filter(|element| command::names_collection(element.name));
    let named = named.and_then(|element| element.value.text()).map(short);
    let cursor = (command == "getMore").then(|| text("collection")).flatten();
    Record {
        database: text("$db").unwrap_or_default(),
        collection: named.or(cursor),
        command: short(command),
        shape: shape::of(request.body),
    }
}

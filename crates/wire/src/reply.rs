//! What the cluster answers, before it goes to a client: bounded, compared with what was asked, stripped, counted.
//!
//! It must never let through a cursor or batch of another namespace, or what tells the cluster's shape and time. The
//! documents in a batch are the customer's and pass as they are: each is bounded by its length and counted, not read.
//! Fields are cut out of the frame in place, so that a batch of 16 MiB is not copied.

mod rebuild;
mod strip;

use crate::bson::{BsonError, Document, Element, Value, short};
use crate::frame::{self, FrameError, HEADER, LONGEST_REPLY, Message};
use crate::judge::{Allowed, Expect};
use crate::scope::{Namespace, Scope};

use strip::{Cuts, Keep};

/// Where the body of a frame with one section begins: after header, flags and the section's kind.
const BODY: usize = HEADER + 4 + 1;

/// Why an answer of the cluster does not pass. Both connections are closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A document that cannot be read.
    #[error(transparent)]
    Bson(#[from] BsonError),
    /// A frame that cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A cursor that is not the one asked for.
    #[error("the server answered with a cursor of `{0}`, which was not asked for")]
    Namespace(String),
    /// An answer to something else.
    #[error("the server answered request {0}, which was not asked")]
    Other(i32),
    /// Not the answer that the command has.
    #[error("the server's answer has no usable `{0}`")]
    Shape(&'static str),
}

/// What an answer brought: counts, never documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returned {
    /// Documents (for `distinct`: values) in the answer.
    pub documents: u64,
    /// Bytes of the frame that goes to the client.
    pub bytes: u64,
    /// The error code, if the server refused.
    pub error: Option<i32>,
}

/// Takes a whole frame of the cluster in answer to an allowed request, makes of it the frame for the client, and keeps
/// the session's cursors in step.
///
/// `asked` is the id under which the request went to the cluster; `(id, answers)` are those towards the client.
///
/// # Errors
/// [`ReplyError`] if anything in it is not understood; the frame is then worthless.
pub fn pass(
    frame: &mut Vec<u8>,
    allowed: &Allowed,
    asked: i32,
    (id, answers): (i32, i32),
    scope: &mut Scope,
) -> Result<Returned, ReplyError> {
    let body = body(frame, asked)?;
    let end = BODY.saturating_add(body.as_bytes().len());
    let mut returned = Returned::default();
    let ok = body.get("ok")?.and_then(Value::flag).ok_or(ReplyError::Shape("ok"))?;
    let written = if ok {
        match allowed.expect() {
            Expect::Cursor(_) | Expect::Next(..) | Expect::Number | Expect::Values | Expect::Killed(_) => {
                let (cuts, cursor) = cuts(body, allowed.expect(), &mut returned)?;
                if let Some(cursor) = cursor {
                    cursor.settle(allowed.expect(), scope)?;
                }
                if let Expect::Killed(ids) = allowed.expect() {
                    ids.iter().for_each(|id| scope.drop_cursor(*id));
                }
                Written::InPlace(cuts)
            }
            Expect::Databases => Written::Anew(rebuild::databases(body, scope, &mut returned)?),
            Expect::Explanation(of) => Written::Anew(rebuild::explanation(body, of)?),
            Expect::Statistics(of) => Written::Anew(rebuild::statistics(body, of)?),
        }
    } else {
        let (code, document) = rebuild::error(body)?;
        returned.error = Some(code);
        if let Expect::Next(id, _) = allowed.expect()
            && code == 43
        {
            scope.drop_cursor(*id);
        }
        Written::Anew(document)
    };
    match written {
        Written::Anew(document) => *frame = frame::message(id, answers, &document),
        Written::InPlace(cuts) => {
            // A checksum, if there is one.
            frame.truncate(end);
            cuts.apply(frame);
            readdress(frame, id, answers);
        }
    }
    returned.bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
    Ok(returned)
}

enum Written {
    Anew(Vec<u8>),
    InPlace(Cuts),
}

/// Writes the header anew and clears the flags.
fn readdress(frame: &mut [u8], id: i32, answers: i32) {
    let header = frame::Header { length: frame.len(), id, answers, operation: frame::Operation::Message };
    if let Some(head) = frame.first_chunk_mut::<HEADER>() {
        *head = header.write();
    }
    if let Some(flags) = frame.get_mut(HEADER..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *flags = [0; 4];
    }
}

/// The one body of an answer to what was asked.
pub(crate) fn body(frame: &[u8], asked: i32) -> Result<Document<'_>, ReplyError> {
    let message = Message::read(frame, LONGEST_REPLY)?;
    if message.header.answers != asked {
        return Err(ReplyError::Other(message.header.answers));
    }
    if message.flags.has_more_to_come() || !message.sequences.is_empty() {
        return Err(ReplyError::Shape("body"));
    }
    Ok(message.body)
}

/// The cursor of an answer.
struct Cursor {
    id: i64,
    /// `database.collection`.
    namespace: String,
}

impl Cursor {
    /// Compares with what was asked and keeps the session's cursors in step.
    fn settle(self, expect: &Expect, scope: &mut Scope) -> Result<(), ReplyError> {
        let Some((database, collection)) = self.namespace.split_once('.') else {
            return Err(ReplyError::Namespace(short(&self.namespace)));
        };
        let wrong = || ReplyError::Namespace(short(&self.namespace));
        match expect {
            Expect::Cursor(asked) => {
                // Older servers name the command in the namespace of a cursor over indexes.
                let older = collection.strip_prefix("$cmd.listIndexes.");
                if asked.database != database || (asked.collection != collection && older != Some(&asked.collection)) {
                    return Err(wrong());
                }
                if self.id != 0 {
                    let (database, collection) = (database.to_owned(), collection.to_owned());
                    scope.hold_cursor(self.id, Namespace { database, collection });
                }
            }
            Expect::Next(id, asked) => {
                let same = asked.database == database && asked.collection == collection;
                if !same || (self.id != 0 && self.id != *id) {
                    return Err(wrong());
                }
                match self.id {
                    0 => scope.drop_cursor(*id),
                    // Where it was forgotten meanwhile it stays so.
                    _ if scope.cursor(*id).is_some() => scope.hold_cursor(*id, asked.clone()),
                    _ => {}
                }
            }
            Expect::Databases
            | Expect::Explanation(_)
            | Expect::Killed(_)
            | Expect::Number
            | Expect::Statistics(_)
            | Expect::Values => return Err(wrong()),
        }
        Ok(())
    }
}

/// What stays of an answer, by what was asked; all else is cut.
fn stays(expect: &Expect) -> &'static [&'static str] {
    match expect {
        Expect::Cursor(_) | Expect::Next(..) => &["cursor", "ok"],
        Expect::Killed(_) => &["cursorsAlive", "cursorsKilled", "cursorsNotFound", "cursorsUnknown", "ok"],
        Expect::Number => &["n", "ok"],
        Expect::Values => &["ok", "values"],
        Expect::Databases | Expect::Explanation(_) | Expect::Statistics(_) => &["ok"],
    }
}

fn cuts(body: Document<'_>, expect: &Expect, returned: &mut Returned) -> Result<(Cuts, Option<Cursor>), ReplyError> {
    let stays = stays(expect);
    let (mut cuts, mut cursor) = (Cuts::default(), None);
    let mut seen = 0_usize;
    cuts.document(body, BODY, &mut |cuts, element, end| {
        if !stays.contains(&element.name) {
            return Ok(Keep::No);
        }
        seen = seen.saturating_add(1);
        match (element.name, element.value) {
            ("cursor", Value::Document(inner)) => {
                let at = end.saturating_sub(inner.as_bytes().len());
                let (found, lost) = read_cursor(cuts, inner, at, expect, returned)?;
                cursor = Some(found);
                Ok(if lost == 0 { Keep::Yes } else { Keep::Shorter(lost) })
            }
            ("cursor", _) => Err(ReplyError::Shape("cursor")),
            ("values", Value::Array(values)) => {
                returned.documents = count(values, |_| true)?;
                Ok(Keep::Yes)
            }
            ("values", _) => Err(ReplyError::Shape("values")),
            (_stays, _) => Ok(Keep::Yes),
        }
    })?;
    match expect {
        Expect::Cursor(_) | Expect::Next(..) if cursor.is_none() => return Err(ReplyError::Shape("cursor")),
        Expect::Number | Expect::Values if seen != stays.len() => return Err(ReplyError::Shape("n")),
        Expect::Cursor(_)
        | Expect::Databases
        | Expect::Explanation(_)
        | Expect::Killed(_)
        | Expect::Next(..)
        | Expect::Number
        | Expect::Statistics(_)
        | Expect::Values => {}
    }
    Ok((cuts, cursor))
}

fn read_cursor<'a>(
    cuts: &mut Cuts,
    document: Document<'a>,
    at: usize,
    expect: &Expect,
    returned: &mut Returned,
) -> Result<(Cursor, usize), ReplyError> {
    let batch = match expect {
        Expect::Next(..) => "nextBatch",
        Expect::Cursor(_)
        | Expect::Databases
        | Expect::Explanation(_)
        | Expect::Killed(_)
        | Expect::Number
        | Expect::Statistics(_)
        | Expect::Values => "firstBatch",
    };
    let (mut id, mut namespace, mut documents) = (None, None, None);
    let mut read = |_: &mut Cuts, element: &Element<'a>, _| {
        Ok(match (element.name, element.value) {
            ("id", value) => {
                id = value.whole();
                Keep::Yes
            }
            ("ns", Value::String(text)) => {
                namespace = Some(text.to_owned());
                Keep::Yes
            }
            (name, Value::Array(array)) if name == batch => {
                documents = Some(count(array, |value| value.document().is_some())?);
                Keep::Yes
            }
            ("partialResultsReturned", Value::Bool(_)) => Keep::Yes,
            (_other, _) => Keep::No,
        })
    };
    let lost = cuts.document(document, at, &mut read)?;
    returned.documents = documents.ok_or(ReplyError::Shape("batch"))?;
    let id = id.ok_or(ReplyError::Shape("id"))?;
    Ok((Cursor { id, namespace: namespace.ok_or(ReplyError::Shape("ns"))? }, lost))
}

/// Counts the elements of an array, each of which must be as expected.
fn count(array: Document<'_>, expected: impl Fn(Value<'_>) -> bool) -> Result<u64, ReplyError> {
    let mut count = 0_u64;
    for element in array.elements() {
        if !expected(element?.value) {
            return Err(ReplyError::Shape("batch"));
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A collection.
    Collection,
    /// A database.
    Database,
    /// Nothing.
    Missing,
    /// Something else, such as a view.
    Other(String),
    /// The server does not say.
    Refused,
}

/// Reads the answer to the question whether there is a database.
pub(crate) fn database(frame: &[u8], asked: i32, database: &str) -> Result<Kind, ReplyError> {
    let body = body(frame, asked)?;
    if body.get("ok")?.and_then(Value::flag) != Some(true) {
        return Ok(Kind::Refused);
    }
    let list = body.get("databases")?.and_then(Value::array).ok_or(ReplyError::Shape("databases"))?;
    for one in list.elements() {
        let one = one?.value.document().ok_or(ReplyError::Shape("databases"))?;
        if one.get("name")?.and_then(Value::text) == Some(database) {
            return Ok(Kind::Database);
        }
    }
    Ok(Kind::Missing)
}

/// Reads the answer to the question what a name stands for.
pub(crate) fn kind(frame: &[u8], asked: i32, namespace: &Namespace) -> Result<Kind, ReplyError> {
    let body = body(frame, asked)?;
    if body.get("ok")?.and_then(Value::flag) != Some(true) {
        return Ok(Kind::Refused);
    }
    let cursor = body.get("cursor")?.and_then(Value::document).ok_or(ReplyError::Shape("cursor"))?;
    let batch = cursor.get("firstBatch")?.and_then(Value::array).ok_or(ReplyError::Shape("batch"))?;
    if cursor.get("id")?.and_then(Value::whole) != Some(0) {
        return Err(ReplyError::Shape("id"));
    }
    for one in batch.elements() {
        let one = one?.value.document().ok_or(ReplyError::Shape("batch"))?;
        if one.get("name")?.and_then(Value::text) != Some(&namespace.collection) {
            continue;
        }
        let options = one.get("options")?.and_then(Value::document);
        let views = options.map(|options| options.get("viewOn")).transpose()?.flatten().is_some();
        return Ok(match one.get("type")?.and_then(Value::text) {
            Some("collection") if !views => Kind::Collection,
            Some("collection") => Kind::Other("view".to_owned()),
            Some(other) => Kind::Other(short(other)),
            None => Kind::Other("thing of unknown type".to_owned()),
        });
    }
    Ok(Kind::Missing)
}

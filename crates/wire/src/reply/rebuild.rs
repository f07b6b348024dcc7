//! Small answers that are written anew: errors, names of databases, figures, explanations.
//!
//! It must never copy what names a host, a member, a shard, the cluster's time, or a database that is not open.

use super::{ReplyError, Returned};
use crate::bson::{Document, Element, Value};
use crate::builder::Builder;
use crate::scope::Scope;

/// The longest text of an error that is passed on, in characters.
const TEXT: usize = 1000;

/// How deep a small answer may be: as deep as a server can store. An explanation is deeper than what it explains.
const DEPTH: usize = 200;

/// What tells the shape or time of a cluster, wherever it stands.
const TELLING: &[&str] = &[
    "$clusterTime",
    "$configTime",
    "$configServerState",
    "$gleStats",
    "$topologyTime",
    "connectionString",
    "electionId",
    "lastCommittedOpTime",
    "operationTime",
    "primary",
    "raw",
    "serverInfo",
    "serverParameters",
    "shards",
    "topologyVersion",
];

/// The error of a server: its code and text, and nothing else that it says beside.
pub(super) fn error(body: Document<'_>) -> Result<(i32, Vec<u8>), ReplyError> {
    let code = body.get("code")?.and_then(Value::whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(1);
    let text = body.get("errmsg")?.and_then(Value::text).unwrap_or("the server gave no reason");
    let text: String = text.chars().take(TEXT).collect();
    let name = body.get("codeName")?.and_then(Value::text).unwrap_or("InternalError");
    let name: String = name.chars().take(64).collect();
    let document =
        Builder::new().double("ok", 0.0).string("errmsg", &text).int32("code", code).string("codeName", &name);
    Ok((code, document.finish()))
}

/// The databases that are open, of those that the server names.
pub(super) fn databases(body: Document<'_>, scope: &Scope, returned: &mut Returned) -> Result<Vec<u8>, ReplyError> {
    let list = body.get("databases")?.and_then(Value::array).ok_or(ReplyError::Shape("databases"))?;
    let (mut open, mut count) = (Builder::new(), 0_u64);
    for one in list.elements() {
        let one = one?.value.document().ok_or(ReplyError::Shape("databases"))?;
        let name = one.get("name")?.and_then(Value::text).ok_or(ReplyError::Shape("name"))?;
        if !scope.covers(name) {
            continue;
        }
        let mut shown = Builder::new();
        for element in one.elements() {
            let element = element?;
            if matches!(element.name, "name" | "sizeOnDisk" | "empty") && plain(element.value) {
                shown = shown.copy(&element);
            }
        }
        open = open.document(&count.to_string(), shown);
        count = count.saturating_add(1);
    }
    returned.documents = count;
    Ok(Builder::new().array("databases", open).double("ok", 1.0).finish())
}

fn plain(value: Value<'_>) -> bool {
    value.document().is_none() && value.array().is_none()
}

/// Figures about a collection or database.
pub(super) fn statistics(body: Document<'_>) -> Result<Vec<u8>, ReplyError> {
    without(body, DEPTH).map(Builder::finish)
}

/// The explanation of a command.
pub(super) fn explanation(body: Document<'_>) -> Result<Vec<u8>, ReplyError> {
    without(body, DEPTH).map(Builder::finish)
}

/// Copies a document without what tells the shape or time of the cluster, at any depth.
fn without(document: Document<'_>, depth: usize) -> Result<Builder, ReplyError> {
    let depth = depth.checked_sub(1).ok_or(crate::bson::BsonError::Depth)?;
    let mut out = Builder::new();
    for element in document.elements() {
        let element = element?;
        if tells(&element) {
            continue;
        }
        out = match element.value {
            Value::Document(inner) => out.document(element.name, without(inner, depth)?),
            Value::Array(inner) => out.array(element.name, without(inner, depth)?),
            Value::Binary(..)
            | Value::Bool(_)
            | Value::DateTime(_)
            | Value::Decimal(_)
            | Value::Double(_)
            | Value::Int32(_)
            | Value::Int64(_)
            | Value::MaxKey
            | Value::MinKey
            | Value::Null
            | Value::ObjectId(_)
            | Value::Obsolete
            | Value::Regex(..)
            | Value::Script
            | Value::String(_)
            | Value::Timestamp(_) => out.copy(&element),
        };
    }
    Ok(out)
}

/// A host is left out where it is a text; a field of that name in a filter is explained by a document.
fn tells(element: &Element<'_>) -> bool {
    TELLING.contains(&element.name) || (matches!(element.name, "host" | "me") && element.value.text().is_some())
}

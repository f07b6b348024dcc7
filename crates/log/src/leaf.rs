//! The canonical bytes of an entry: one JSON object with sorted keys and no spaces, of which there is exactly one
//! spelling.
//!
//! `{"at":…,"by":…,"data":{…},"event":…,"index":…,"log":…,"v":1}`; in `data`, a field is a text, a whole number, `true`
//! or `false`, `null`, a list of texts, or `{"sha256":"…"}` for a text that may be erased. Numbers are never fractions.
//! These bytes are hashed into the tree, so a change here breaks every log: the golden file of the tests fixes them.

use std::collections::BTreeMap;

use byleave_core::actor::By;
use byleave_core::event::{Entry, Event, EventError, LogId};
use byleave_core::field::{Erasable, Field, Value};
use byleave_core::time::Timestamp;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::hash::{Hash, read_hex};

/// The version of the format, as it stands in each leaf.
pub const VERSION: i64 = 1;

/// The bytes of an entry.
pub fn encode(entry: &Entry) -> Vec<u8> {
    let mut text = String::with_capacity(512);
    text.push_str("{\"at\":");
    write_text(&mut text, &entry.at.to_string());
    text.push_str(",\"by\":");
    write_value(&mut text, &entry.by.to_value());
    text.push_str(",\"data\":{");
    for (position, (name, value)) in entry.event.fields().into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write_text(&mut text, name);
        text.push(':');
        write_value(&mut text, &value);
    }
    text.push_str("},\"event\":");
    write_text(&mut text, entry.event.name());
    text.push_str(&format!(",\"index\":{},\"log\":", entry.index));
    write_text(&mut text, &log_text(entry.log));
    text.push_str(&format!(",\"v\":{VERSION}}}"));
    text.into_bytes()
}

/// Why bytes are no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// A part of the entry beside its event breaks its rule.
    #[error("`{key}` {rule}")]
    Key {
        /// Which.
        key: &'static str,
        /// What it must be.
        rule: String,
    },
    /// The event breaks a rule.
    #[error(transparent)]
    Event(#[from] EventError),
    /// They are no JSON object of this form.
    #[error("is not a JSON object with the keys at, by, data, event, index, log and v")]
    Malformed,
    /// They say an entry in another spelling than the one that is logged.
    #[error("is not written in the one form that is logged")]
    NotCanonical,
    /// They are of a later version of the format.
    #[error("is in version {0} of the format, which this program does not know")]
    Version(i64),
}

/// Reads an entry from exactly the bytes that [`encode`] makes of it.
///
/// # Errors
/// [`LeafError`] for anything else.
pub fn decode(leaf: &[u8]) -> Result<Entry, LeafError> {
    let Ok(Json::Object(mut object)) = serde_json::from_slice(leaf) else { return Err(LeafError::Malformed) };
    let mut take = |key: &'static str| object.remove(key).ok_or(LeafError::Malformed);
    let version = whole("v", &take("v")?)?;
    if version != VERSION {
        return Err(LeafError::Version(version));
    }
    let at: Timestamp = field("at", take("at")?)?;
    let by: By = field("by", take("by")?)?;
    let name: String = field("event", take("event")?)?;
    let log: String = field("log", take("log")?)?;
    let log = parse_log(&log).ok_or(LeafError::Key { key: "log", rule: LOG_RULE.into() })?;
    let index = u64::try_from(whole("index", &take("index")?)?).map_err(|_| LeafError::Malformed)?;
    let Json::Object(data) = take("data")? else { return Err(LeafError::Malformed) };
    if !object.is_empty() {
        return Err(LeafError::Malformed);
    }
    let fields = data
        .into_iter()
        .map(|(name, value)| read_value(value).map(|value| (name, value)))
        .collect::<Option<BTreeMap<String, Value>>>()
        .ok_or(LeafError::Malformed)?;
    let entry = Entry { log, index, at, by, event: Event::from_fields(&name, fields)? };
    if encode(&entry) == leaf { Ok(entry) } else { Err(LeafError::NotCanonical) }
}

/// The hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::of_leaf(leaf)
}

/// How leaves, origins and anchors name a log: `installation` or the organization's id.
pub fn log_text(log: LogId) -> String {
    match log {
        LogId::Installation => "installation".into(),
        LogId::Organization(id) => id.to_string(),
    }
}

/// What a log's name must be.
pub const LOG_RULE: &str = "must be `installation` or the id of an organization";

/// Reads the name of a log.
pub fn parse_log(text: &str) -> Option<LogId> {
    if text == "installation" { Some(LogId::Installation) } else { text.parse().ok().map(LogId::Organization) }
}

/// What a leaf holds of an erasable text: SHA-256(salt ‖ text).
pub fn digest(erasable: &Erasable) -> [u8; 32] {
    match erasable {
        Erasable::Erased { digest } => *digest,
        Erasable::Kept { salt, text } => Sha256::new().chain_update(salt).chain_update(text).finalize().into(),
    }
}

/// A text beside a leaf that holds only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The field of the event.
    pub field: String,
    /// The 16 random bytes hashed with it.
    pub salt: [u8; 16],
    /// The text.
    pub text: String,
}

/// The erasable texts that an event still has at hand, to be kept beside its leaf.
pub fn disclosures(event: &Event) -> Vec<Disclosure> {
    let kept = |(field, value): (&'static str, Value)| match value {
        Value::Erasable(Erasable::Kept { salt, text }) => Some(Disclosure { field: field.to_owned(), salt, text }),
        Value::Erasable(Erasable::Erased { .. })
        | Value::Absent
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Text(_)
        | Value::Texts(_) => None,
    };
    event.fields().into_iter().filter_map(kept).collect()
}

/// Why a text does not belong to a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// The event cannot be put together again.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event has no erasable text in this field.
    #[error("the entry has no text in `{field}` that could be told beside it")]
    NoSuchField {
        /// The field.
        field: String,
    },
    /// The hash of salt and text is another one.
    #[error("the text of `{field}` is not the one that was logged")]
    Differs {
        /// The field.
        field: String,
    },
}

/// Puts texts back into an event that was read from a leaf, after checking each against its hash.
///
/// # Errors
/// [`DisclosureError`] if a text does not belong to the event.
pub fn disclose(event: &Event, disclosures: &[Disclosure]) -> Result<Event, DisclosureError> {
    if disclosures.is_empty() {
        return Ok(event.clone());
    }
    let mut fields: BTreeMap<String, Value> =
        event.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for Disclosure { field, salt, text } in disclosures {
        let Some(Value::Erasable(logged)) = fields.get_mut(field) else {
            return Err(DisclosureError::NoSuchField { field: field.clone() });
        };
        let told = Erasable::Kept { salt: *salt, text: text.clone() };
        if digest(&told) != digest(logged) {
            return Err(DisclosureError::Differs { field: field.clone() });
        }
        *logged = told;
    }
    Ok(Event::from_fields(event.name(), fields)?)
}

fn write_value(to: &mut String, value: &Value) {
    match value {
        Value::Absent => to.push_str("null"),
        Value::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Value::Erasable(erasable) => {
            to.push_str("{\"sha256\":");
            write_text(to, &hex::encode(digest(erasable)));
            to.push('}');
        }
        Value::Int(value) => to.push_str(&value.to_string()),
        Value::Text(text) => write_text(to, text),
        Value::Texts(texts) => {
            to.push('[');
            for (position, text) in texts.iter().enumerate() {
                if position > 0 {
                    to.push(',');
                }
                write_text(to, text);
            }
            to.push(']');
        }
    }
}

/// Escapes only what JSON demands, each character in its shortest form.
fn write_text(to: &mut String, text: &str) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\u{8}' => to.push_str("\\b"),
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\u{c}' => to.push_str("\\f"),
            '\r' => to.push_str("\\r"),
            '\0'..='\u{1f}' => to.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => to.push(other),
        }
    }
    to.push('"');
}

fn field<T: Field>(key: &'static str, value: Json) -> Result<T, LeafError> {
    let value = read_value(value).ok_or(LeafError::Malformed)?;
    T::from_value(value).map_err(|rule| LeafError::Key { key, rule })
}

fn whole(key: &'static str, value: &Json) -> Result<i64, LeafError> {
    value.as_i64().ok_or(LeafError::Key { key, rule: "must be a whole number".into() })
}

fn read_value(value: Json) -> Option<Value> {
    match value {
        Json::Array(items) => {
            let text = |item| if let Json::String(text) = item { Some(text) } else { None };
            items.into_iter().map(text).collect::<Option<_>>().map(Value::Texts)
        }
        Json::Bool(value) => Some(Value::Bool(value)),
        Json::Null => Some(Value::Absent),
        Json::Number(number) => number.as_i64().map(Value::Int),
        Json::Object(object) => {
            let digest = object.get("sha256")?.as_str().and_then(read_hex)?;
            (object.len() == 1).then_some(Value::Erasable(Erasable::Erased { digest }))
        }
        Json::String(text) => Some(Value::Text(text)),
    }
}

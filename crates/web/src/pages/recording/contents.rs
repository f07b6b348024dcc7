//! A recording taken apart for people: its channels, their parts, and whether all of it is what the log vouches for.
//!
//! The hash of the table of contents stands in the session's `session.closed`, and the table holds the hash of every
//! part; here both are compared with what was handed out. Nothing here decides who may read.

use crate::door::RecordingPart;
use byleave_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The name of the table of contents.
const TABLE: &str = "contents.json";

/// A recording.
pub(super) struct Contents {
    pub(super) seal: Seal,
    pub(super) channels: Vec<Channel>,
    /// The table of contents, to be handed out.
    pub(super) table: Option<RecordingPart>,
}

/// What the log says of a recording or a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// It is not what the log has the hash of.
    Broken,
    /// It has the hash that the log vouches for.
    Holds,
    /// There is no hash to compare with: the session is not over, or the gateway was stopped.
    None,
}

/// One channel.
pub(super) struct Channel {
    pub(super) entry: Entry,
    pub(super) parts: Vec<Part>,
    /// The names of parts that were kept and are not there.
    pub(super) missing: Vec<String>,
    /// What a transfer did, besides the files that it moved.
    pub(super) steps: Vec<String>,
}

/// One part.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) stream: Stream,
    /// Its bytes, or the first of them.
    pub(super) content: Vec<u8>,
    /// How many were kept.
    pub(super) kept: u64,
    /// How many bytes there were, if that is known.
    pub(super) bytes: Option<u64>,
    pub(super) sha256: String,
    pub(super) seal: Seal,
}

/// What a part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Commands,
    Input,
    Errors,
    Notes,
    Other,
    Output,
    Terminal,
}

impl Stream {
    fn of(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "cast")) => Self::Terminal,
            Some((_, "commands")) => Self::Commands,
            Some((_, "stdin")) => Self::Input,
            Some((_, "stdout")) => Self::Output,
            Some((_, "stderr")) => Self::Errors,
            Some((_, "json")) => Self::Notes,
            Some(_) | None => Self::Other,
        }
    }
}

/// What the gateway wrote of a channel.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) channel: u64,
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) command: Option<String>,
    pub(super) millis: Option<i64>,
    pub(super) exit: Option<Exit>,
    #[serde(default)]
    pub(super) partly_recorded: bool,
    #[serde(default)]
    pub(super) files: Vec<File>,
    /// What a transfer changed on the node besides the bytes of files.
    #[serde(default)]
    changes: Vec<Map<String, Value>>,
    /// How many files and changes the gateway's tables had no room for: only the notes tell of them.
    #[serde(default)]
    pub(super) more_files: usize,
    #[serde(default)]
    pub(super) more_changes: usize,
    #[serde(default)]
    parts: Vec<Listed>,
}

impl Entry {
    /// When it began.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.at.parse().ok()
    }
}

impl Entry {
    /// What a transfer changed besides, each as what was done, to what, and the size that it set.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.changes.iter().filter_map(Change::of).collect()
    }
}

/// A change of names or attributes, or a copy that the node made by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) what: String,
    pub(super) paths: Vec<String>,
    pub(super) size: Option<u64>,
}

impl Change {
    fn of(written: &Map<String, Value>) -> Option<Self> {
        let (what, paths) = written.iter().find(|(name, _)| *name != "size")?;
        let paths = match paths {
            Value::Array(paths) => paths.iter().map(path).collect(),
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => vec![path(paths)],
        };
        Some(Self { what: what.clone(), paths, size: written.get("size").and_then(Value::as_u64) })
    }
}

/// A path; one of an open file that the gateway did not know the name of has none.
fn path(value: &Value) -> String {
    if value.is_null() { "(not known)".to_owned() } else { text(value) }
}

/// How a command ended.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Exit {
    pub(super) status: Option<i64>,
    pub(super) signal: Option<String>,
}

/// A file that was moved.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct File {
    pub(super) file: String,
    pub(super) direction: String,
    pub(super) bytes: u64,
    pub(super) sha256: Option<String>,
}

/// A part as the table of contents has it.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    recorded_bytes: u64,
    sha256: String,
}

#[derive(Deserialize)]
struct Table {
    channels: Vec<Entry>,
}

impl Contents {
    /// Takes a recording apart. `vouched` is the hash that the log has of its table of contents.
    pub(super) fn read(mut parts: Vec<RecordingPart>, vouched: Option<[u8; 32]>) -> Self {
        let table = parts.iter().position(|part| part.name == TABLE).map(|place| parts.remove(place));
        let seal = match (&table, vouched) {
            (Some(table), Some(hash)) if table.sha256 == hash => Seal::Holds,
            (_, Some(_)) => Seal::Broken,
            (_, None) => Seal::None,
        };
        let listed = table.as_ref().and_then(|table| serde_json::from_slice::<Table>(&table.content).ok());
        let mut entries = listed.map(|table| table.channels).unwrap_or_default();
        let mut notes = Vec::new();
        for part in parts.iter().filter(|part| Stream::of(&part.name) == Stream::Notes) {
            let written = Notes::read(&part.content);
            // What has no place in the table (yet) is told as far as it was written.
            let known = |entry: &Entry| entries.iter().any(|listed| listed.channel == entry.channel);
            entries.extend(written.entry.filter(|entry| !known(entry)));
            notes.push((part.name.clone(), written.steps));
        }
        entries.sort_by_key(|entry| entry.channel);
        let channels = entries.into_iter().map(|entry| Channel::of(entry, &mut parts, &mut notes, seal)).collect();
        Self { seal, channels, table }
    }
}

impl Channel {
    fn of(entry: Entry, all: &mut Vec<RecordingPart>, notes: &mut Vec<(String, Vec<String>)>, seal: Seal) -> Self {
        let prefix = format!("{}.", entry.channel);
        let own = all.extract_if(.., |part| part.name.starts_with(&prefix));
        let parts: Vec<Part> = own.map(|part| Part::of(part, &entry, seal)).collect();
        let kept = entry.parts.iter().filter(|listed| listed.recorded_bytes > 0).map(|listed| listed.name.clone());
        let missing = kept.filter(|name| parts.iter().all(|part| part.name != *name)).collect();
        let steps = notes.extract_if(.., |(name, _)| name.starts_with(&prefix)).flat_map(|(_, steps)| steps).collect();
        Self { entry, parts, missing, steps }
    }
}

impl Part {
    /// Whether all that was kept is at hand.
    pub(super) fn is_whole(&self) -> bool {
        u64::try_from(self.content.len()).is_ok_and(|held| held == self.kept)
    }

    fn of(part: RecordingPart, entry: &Entry, table: Seal) -> Self {
        let hash = hex::encode(part.sha256);
        let listed = entry.parts.iter().find(|listed| listed.name == part.name);
        let seal = match listed {
            Some(listed) if listed.sha256 == hash => table,
            Some(_) => Seal::Broken,
            None => Seal::None,
        };
        let (stream, bytes) = (Stream::of(&part.name), listed.map(|listed| listed.bytes));
        Self { name: part.name, stream, content: part.content, kept: part.bytes, bytes, sha256: hash, seal }
    }
}

/// The notes of a channel: its entry as first written, what happened, and its entry as it was at the end.
struct Notes {
    entry: Option<Entry>,
    steps: Vec<String>,
}

impl Notes {
    fn read(content: &[u8]) -> Self {
        let (mut entry, mut steps) = (None, Vec::new());
        for line in content.split(|byte| *byte == b'\n') {
            if let Ok(whole) = serde_json::from_slice::<Entry>(line) {
                entry = Some(whole);
            } else if let Ok(step) = serde_json::from_slice::<Map<String, Value>>(line) {
                steps.extend(tell(&step));
            }
        }
        Self { entry, steps }
    }
}

/// A step of a transfer in words, such as `rename a b`; files that were moved are told elsewhere.
fn tell(step: &Map<String, Value>) -> Option<String> {
    if step.contains_key("file") {
        return None;
    }
    let words = step.iter().map(|(name, value)| match value {
        Value::Bool(true) => format!("({name})"),
        Value::Bool(false) => String::new(),
        Value::Array(values) => format!("{name} {}", values.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => format!("{name} {}", text(value)),
    });
    Some(words.collect::<Vec<_>>().join(" ").trim().to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    fn part(name: &str, content: &str) -> RecordingPart {
        let (content, sha256) = (content.as_bytes().to_vec(), sha256(content.as_bytes()));
        RecordingPart { name: name.to_owned(), kind: String::new(), bytes: content.len() as u64, content, sha256 }
    }

    fn hash(text: &str) -> String {
        hex::encode(sha256(text.as_bytes()))
    }

    fn table(stdout: &str) -> String {
        table_of(stdout, stdout.len())
    }

    fn table_of(stdout: &str, bytes: usize) -> String {
        format!(
            "{{\"version\":1,\"channels\":[{{\"channel\":1,\"kind\":\"command\",\"at\":\"2026-11-04T08:05:26Z\",\
             \"command\":\"ls\",\"millis\":7,\"exit\":{{\"status\":0}},\"parts\":[{{\"name\":\"1.stdout\",\"bytes\":{bytes},\
             \"recorded_bytes\":3,\"sha256\":\"{}\"}}]}}]}}",
            hash(stdout)
        )
    }

    #[test]
    fn a_changed_part_or_table_is_seen() {
        let vouched = Some(sha256(table("a b").as_bytes()));
        let read = |table: String, stdout: &str| {
            Contents::read(vec![part("contents.json", &table), part("1.stdout", stdout)], vouched)
        };
        let sound = read(table("a b"), "a b");
        assert_eq!((sound.seal, sound.channels[0].parts[0].seal), (Seal::Holds, Seal::Holds));
        let part_changed = read(table("a b"), "a c");
        assert_eq!((part_changed.seal, part_changed.channels[0].parts[0].seal), (Seal::Holds, Seal::Broken));
        let both_changed = read(table("a c"), "a c");
        assert_eq!((both_changed.seal, both_changed.channels[0].parts[0].seal), (Seal::Broken, Seal::Broken));
        let of_more =
            |stdout| Contents::read(vec![part("contents.json", &table_of("a b", 20)), part("1.stdout", stdout)], None);
        assert_eq!(
            of_more("a c").channels[0].parts[0].seal,
            Seal::Broken,
            "of a longer stream, too, what is kept is checked"
        );
        assert_eq!(of_more("a b").channels[0].parts[0].seal, of_more("a b").seal);
        let dropped = Contents::read(vec![part("1.stdout", "a b")], vouched);
        assert_eq!(dropped.seal, Seal::Broken, "the table is missing");
        let dropped = Contents::read(vec![part("contents.json", &table("a b"))], vouched);
        assert_eq!((dropped.seal, dropped.channels[0].missing.as_slice()), (Seal::Holds, &["1.stdout".to_owned()][..]));
    }

    #[test]
    fn what_a_transfer_changed_is_told() {
        let entry = r#"{"channel":1,"kind":"transfer","at":"2026-11-04T08:05:26Z","changes":[
            {"rename":["/a","/b"]},{"set attributes":["/b"],"size":7},{"copy data":["/a",null]},{"extension":"x@y"}]}"#;
        let entry: Entry = serde_json::from_str(entry).unwrap();
        let change = |what: &str, paths: &[&str], size| Change {
            what: what.to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            size,
        };
        assert_eq!(
            entry.changes(),
            [
                change("rename", &["/a", "/b"], None),
                change("set attributes", &["/b"], Some(7)),
                change("copy data", &["/a", "(not known)"], None),
                change("extension", &["x@y"], None),
            ]
        );
    }

    #[test]
    fn a_channel_without_a_place_in_the_table_is_told_from_its_notes() {
        let notes = "{\"channel\":2,\"kind\":\"transfer\",\"at\":\"2026-11-04T08:05:26Z\",\"command\":\"sftp\"}\n\
                     {\"open\":\"/tmp/f\",\"write\":true}\n{\"rename\":[\"a\",\"b\"]}\n{\"file\":\"/tmp/f\",\"bytes\":1}\n{\"cut";
        let contents = Contents::read(vec![part("2.json", notes), part("1.stdout", "stray")], None);
        assert_eq!(contents.seal, Seal::None);
        let [channel] = contents.channels.as_slice() else { panic!("one channel") };
        assert_eq!((channel.entry.kind.as_str(), channel.entry.millis), ("transfer", None));
        assert_eq!(channel.steps, ["open /tmp/f (write)", "rename a b"]);
        assert_eq!(channel.parts.len(), 1);
    }
}

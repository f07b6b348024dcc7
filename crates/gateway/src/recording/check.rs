//! Compares a finished recording with the hash of its table of contents, which stands in the log.
//!
//! It only reads, and holds no more than a frame and the table of contents.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

use super::file::Stream;
use super::read::{Frames, ReadError};
use super::{CONTENTS, into_array, sha256};
use crate::control::RecordingKey;

/// Why a recording is not the one that the log names.
#[derive(Debug, thiserror::Error)]
pub enum Unlike {
    /// A file is not there.
    #[error("`{name}` is gone")]
    Gone {
        /// The file.
        name: String,
    },
    /// A file is damaged, or was changed by somebody who has the key.
    #[error("`{name}` was changed")]
    Changed {
        /// The file.
        name: String,
    },
    /// A file cannot be read.
    #[error("`{name}` cannot be read")]
    Unreadable {
        /// The file.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// The table of contents of a recording, which is the one that the log names.
#[derive(Debug)]
pub struct Contents {
    channels: Vec<Channel>,
}

/// A channel: its number, and the hash of each part by name.
#[derive(Debug)]
struct Channel {
    number: u32,
    parts: BTreeMap<String, String>,
}

impl Contents {
    /// Reads the table of contents in a directory, and sees that all files are there that it names.
    ///
    /// # Errors
    /// [`Unlike`] if it has not this hash, or a file is missing.
    pub fn open(directory: &Path, key: &RecordingKey, hash: &[u8; 32]) -> Result<Self, Unlike> {
        let mut text = Vec::new();
        each_frame(directory, CONTENTS, key, |_, bytes| text.extend_from_slice(bytes))?;
        let changed = || Unlike::Changed { name: name(CONTENTS) };
        if sha256(&text) != *hash {
            return Err(changed());
        }
        let contents = Self { channels: channels(&text).ok_or_else(changed)? };
        for channel in &contents.channels {
            let name = name(channel.number);
            let about = std::fs::metadata(directory.join(&name));
            about.map_err(|error| unlike(name, ReadError::Unreadable(error)))?;
        }
        Ok(contents)
    }

    /// Reads every file to its end and compares each part with its hash. Answers how many bytes were recorded.
    ///
    /// # Errors
    /// [`Unlike`] names the first file that is not as it was written.
    pub fn compare(&self, directory: &Path, key: &RecordingKey) -> Result<u64, Unlike> {
        let mut all = 0;
        for channel in &self.channels {
            let mut hashes = BTreeMap::<Stream, Context>::new();
            all += each_frame(directory, channel.number, key, |stream, bytes| {
                hashes.entry(stream).or_insert_with(|| Context::new(&SHA256)).update(bytes);
            })?;
            let hash_of = |stream: &Stream| {
                let hash = hashes.get(stream).cloned().unwrap_or_else(|| Context::new(&SHA256));
                hex::encode(into_array(&hash.finish()))
            };
            let part = |stream: &Stream| format!("{}.{}", channel.number, stream.suffix());
            // The note is what the table of contents says itself.
            let streams = Stream::ALL.iter().filter(|stream| !matches!(stream, Stream::End | Stream::Note));
            for stream in streams {
                let is_as_named = match channel.parts.get(&part(stream)) {
                    Some(named) => *named == hash_of(stream),
                    None => !hashes.contains_key(stream),
                };
                if !is_as_named {
                    return Err(Unlike::Changed { name: name(channel.number) });
                }
            }
        }
        Ok(all)
    }
}

/// The channels that a table of contents names.
fn channels(text: &[u8]) -> Option<Vec<Channel>> {
    let contents: Value = serde_json::from_slice(text).ok()?;
    let part = |part: &Value| Some((part.get("name")?.as_str()?.to_owned(), part.get("sha256")?.as_str()?.to_owned()));
    let channel = |channel: &Value| {
        let number = channel.get("channel")?.as_u64()?;
        let parts = channel.get("parts")?.as_array()?.iter().map(part);
        Some(Channel { number: u32::try_from(number).ok()?, parts: parts.collect::<Option<_>>()? })
    };
    contents.get("channels")?.as_array()?.iter().map(channel).collect()
}

/// Reads a file, which must say itself where it ends. Answers how many bytes were in it.
fn each_frame(
    directory: &Path,
    number: u32,
    key: &RecordingKey,
    mut frame: impl FnMut(Stream, &[u8]),
) -> Result<u64, Unlike> {
    let failed = |error| unlike(name(number), error);
    let (mut frames, mut all, mut last) = (Frames::open(directory, number, key).map_err(failed)?, 0, None);
    while let Some((stream, bytes)) = frames.next().map_err(failed)? {
        all += bytes.len() as u64;
        last = Some(stream);
        frame(stream, &bytes);
    }
    match last {
        Some(Stream::End) => Ok(all),
        Some(Stream::Cast | Stream::Stdin | Stream::Stdout | Stream::Stderr | Stream::Note | Stream::Commands)
        | None => Err(Unlike::Changed { name: name(number) }),
    }
}

fn unlike(name: String, error: ReadError) -> Unlike {
    match error {
        ReadError::Damaged { .. } => Unlike::Changed { name },
        ReadError::Unreadable(error) if error.kind() == ErrorKind::NotFound => Unlike::Gone { name },
        ReadError::Unreadable(source) => Unlike::Unreadable { name, source },
    }
}

/// The name of a file by its number.
fn name(number: u32) -> String {
    if number == CONTENTS { "contents.rec".to_owned() } else { format!("{number}.rec") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use zeroize::Zeroizing;

    use super::super::file::Writer;
    use super::*;

    /// A recording of one command, and the hash of its contents.
    fn recorded(directory: &Path, key: &RecordingKey) -> [u8; 32] {
        let writer = Writer::create(&directory.join("1.rec"), 1, key).unwrap();
        writer.write(Stream::Stdout, b"hello ").unwrap();
        writer.write(Stream::Stdout, b"there").unwrap();
        writer.write(Stream::Note, b"{}\n").unwrap();
        writer.end().unwrap();
        let parts = serde_json::json!([{ "name": "1.stdout", "sha256": hex::encode(sha256(b"hello there")) }]);
        let text = serde_json::json!({ "version": 1, "channels": [{ "channel": 1, "parts": parts }] }).to_string();
        let writer = Writer::create(&directory.join("contents.rec"), CONTENTS, key).unwrap();
        writer.write(Stream::Note, text.as_bytes()).unwrap();
        writer.end().unwrap();
        sha256(text.as_bytes())
    }

    /// What is found wrong with a recording that was spoiled.
    fn found(spoil: impl FnOnce(&Path, &RecordingKey)) -> String {
        let directory = tempfile::tempdir().unwrap();
        let key = RecordingKey(Zeroizing::new([1; 32]));
        let hash = recorded(directory.path(), &key);
        spoil(directory.path(), &key);
        let contents = Contents::open(directory.path(), &key, &hash);
        let compared = contents.and_then(|contents| contents.compare(directory.path(), &key));
        compared.map_or_else(|error| error.to_string(), |bytes| format!("{bytes} bytes"))
    }

    #[test]
    fn a_recording_that_is_not_the_one_of_the_log_is_told() {
        assert_eq!(found(|_, _| ()), "14 bytes");
        assert_eq!(found(|place, _| fs::remove_dir_all(place).unwrap()), "`contents.rec` is gone");
        assert_eq!(found(|place, _| fs::remove_file(place.join("1.rec")).unwrap()), "`1.rec` is gone");
        let flip = |name: &'static str, at: usize| {
            move |place: &Path, _: &RecordingKey| {
                let mut bytes = fs::read(place.join(name)).unwrap();
                bytes[at] ^= 1;
                fs::write(place.join(name), bytes).unwrap();
            }
        };
        assert_eq!(found(flip("1.rec", 20)), "`1.rec` was changed");
        assert_eq!(found(flip("contents.rec", 20)), "`contents.rec` was changed");
        let cut = |place: &Path, _: &RecordingKey| {
            let bytes = fs::read(place.join("1.rec")).unwrap();
            fs::write(place.join("1.rec"), &bytes[..bytes.len() - 21]).unwrap();
        };
        assert_eq!(found(cut), "`1.rec` was changed", "its last frame is gone");
        // Whoever has the key can write what opens, but not what has the hash.
        let forge = |place: &Path, key: &RecordingKey| {
            fs::remove_file(place.join("1.rec")).unwrap();
            let writer = Writer::create(&place.join("1.rec"), 1, key).unwrap();
            writer.write(Stream::Stdout, b"nothing to see").unwrap();
            writer.end().unwrap();
        };
        assert_eq!(found(forge), "`1.rec` was changed");
    }
}

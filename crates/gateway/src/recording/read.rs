//! Takes a recording apart again, for those who may read it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use ring::aead::Aad;

use super::CONTENTS;
use super::file::{LARGEST, MARK, Stream, cipher, nonce};
use crate::control::RecordingKey;

/// One part of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPart {
    /// Its name, such as `1.cast`; the table of contents is `contents.json`.
    pub name: String,
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file was changed, cut short in the middle of a frame, or is sealed under another key.
    #[error("the recording's file `{name}` is damaged")]
    Damaged {
        /// The file.
        name: String,
    },
    /// There is no recording, or it cannot be opened.
    #[error("the recording cannot be read")]
    Unreadable(#[from] io::Error),
}

/// Reads a session's recording from its directory. What a crash cut short is read as far as it was written.
///
/// # Errors
/// [`ReadError`] if it is not there or damaged.
pub fn read(directory: &Path, key: &RecordingKey) -> Result<Vec<RecordingPart>, ReadError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".rec")) {
            numbers.extend(if stem == "contents" { Some(CONTENTS) } else { stem.parse().ok() });
        }
    }
    numbers.sort_unstable_by_key(|number| number.wrapping_add(1));
    let mut parts = Vec::new();
    for number in numbers {
        let stem = if number == CONTENTS { "contents".to_owned() } else { number.to_string() };
        let sealed = fs::read(directory.join(format!("{stem}.rec")))?;
        let streams = unseal(&sealed, number, key).ok_or_else(|| ReadError::Damaged { name: format!("{stem}.rec") })?;
        parts.extend(streams.into_iter().filter(|(stream, _)| *stream != Stream::End).map(|(stream, content)| {
            RecordingPart { name: format!("{stem}.{}", stream.suffix()), kind: media_type(stream), content }
        }));
    }
    Ok(parts)
}

const fn media_type(stream: Stream) -> &'static str {
    match stream {
        Stream::Cast => "application/x-asciicast",
        Stream::Stdin | Stream::Stdout | Stream::Stderr | Stream::End => "application/octet-stream",
        Stream::Note | Stream::Commands => "application/json",
    }
}

/// The streams of a file; `None` if a frame does not open. A last frame that was not written whole is left out.
fn unseal(sealed: &[u8], number: u32, key: &RecordingKey) -> Option<BTreeMap<Stream, Vec<u8>>> {
    let key = cipher(key).ok()?;
    let mut rest = sealed.strip_prefix(&MARK)?;
    let mut streams: BTreeMap<Stream, Vec<u8>> = BTreeMap::new();
    for frame in 0.. {
        let Some((head, tail)) = rest.split_first_chunk::<4>() else { break };
        let length = usize::try_from(u32::from_be_bytes(*head)).ok().filter(|length| *length <= LARGEST)?;
        let Some((body, after)) = tail.split_at_checked(length) else { break };
        let mut body = body.to_vec();
        let plain = key.open_in_place(nonce(number, frame), Aad::empty(), &mut body).ok()?;
        let (tag, bytes) = plain.split_first()?;
        let stream = Stream::ALL.into_iter().find(|stream| stream.tag() == *tag)?;
        streams.entry(stream).or_default().extend_from_slice(bytes);
        rest = after;
    }
    Some(streams)
}

#[cfg(test)]
mod tests {
    use super::super::file::Writer;
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_changed_moved_or_dropped_frame_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let key = RecordingKey(Zeroizing::new([1; 32]));
        let path = directory.path().join("1.rec");
        let writer = Writer::create(&path, 1, &key).unwrap();
        writer.write(Stream::Stdout, b"secret one").unwrap();
        writer.write(Stream::Stdout, b"secret two").unwrap();
        writer.end().unwrap();
        let parts = read(directory.path(), &key).unwrap();
        assert_eq!(parts[0].name, "1.stdout");
        assert_eq!(parts[0].content, b"secret onesecret two");
        let sealed = fs::read(&path).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let frame = 4 + 1 + 10 + 16;
        let mut dropped = sealed.clone();
        dropped.drain(8..8 + frame);
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        for bad in [dropped, changed, sealed[1..].to_vec()] {
            assert!(unseal(&bad, 1, &key).is_none());
        }
        assert!(unseal(&sealed, 2, &key).is_none(), "another file's");
        assert!(unseal(&sealed, 1, &RecordingKey(Zeroizing::new([2; 32]))).is_none(), "another key's");
        assert_eq!(unseal(&sealed[..sealed.len() - 3], 1, &key).unwrap()[&Stream::Stdout].len(), 20, "cut short");
    }
}

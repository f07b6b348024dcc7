//! Takes a recording apart again, for those who may read it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::path::Path;

use aws_lc_rs::aead::{Aad, LessSafeKey};
use aws_lc_rs::digest::{Context, SHA256};

use super::file::{LARGEST, MARK, Stream, cipher, nonce};
use super::{CONTENTS, into_array};
use crate::control::RecordingKey;

/// One part of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPart {
    /// Its name, such as `1.cast`; the table of contents is `contents.json`.
    pub name: String,
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes, or the first of them.
    pub content: Vec<u8>,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of all of them.
    pub sha256: [u8; 32],
}

/// How much of a recording is taken into memory. All of it is read and hashed, whatever its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Of one stream that was recorded.
    pub part: usize,
    /// Of all parts together.
    pub all: usize,
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
pub fn read(directory: &Path, key: &RecordingKey, most: Most) -> Result<Vec<RecordingPart>, ReadError> {
    let (mut parts, mut room) = (Vec::new(), most.all);
    for number in numbers(directory)? {
        let mut frames = Frames::open(directory, number, key)?;
        let mut streams = BTreeMap::<Stream, (RecordingPart, Context)>::new();
        while let Some((stream, bytes)) = frames.next()? {
            let begin = || (empty(&frames.stem, stream), Context::new(&SHA256));
            let (part, hash) = streams.entry(stream).or_insert_with(begin);
            hash.update(&bytes);
            part.bytes += bytes.len() as u64;
            let left =
                if stream == Stream::Note { room } else { room.min(most.part.saturating_sub(part.content.len())) };
            let kept = bytes.get(..left).unwrap_or(&bytes);
            room -= kept.len();
            part.content.extend_from_slice(kept);
        }
        streams.remove(&Stream::End);
        let hashed =
            |(part, hash): (RecordingPart, Context)| RecordingPart { sha256: into_array(&hash.finish()), ..part };
        parts.extend(streams.into_values().map(hashed));
    }
    Ok(parts)
}

/// The numbers of the files of a recording: first the table of contents.
fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".rec")) {
            numbers.extend(if stem == "contents" { Some(CONTENTS) } else { stem.parse().ok() });
        }
    }
    numbers.sort_unstable_by_key(|number| number.wrapping_add(1));
    Ok(numbers)
}

fn empty(stem: &str, stream: Stream) -> RecordingPart {
    let name = format!("{stem}.{}", stream.suffix());
    RecordingPart { name, kind: media_type(stream), content: Vec::new(), bytes: 0, sha256: [0; 32] }
}

const fn media_type(stream: Stream) -> &'static str {
    match stream {
        Stream::Cast => "application/x-asciicast",
        Stream::Stdin | Stream::Stdout | Stream::Stderr | Stream::End => "application/octet-stream",
        Stream::Note | Stream::Commands => "application/json",
    }
}

/// One part of a recording, piece by piece.
pub struct PartReader {
    frames: Frames,
    stream: Stream,
}

impl PartReader {
    /// Opens a part by its name; `None` if no part can have this name.
    ///
    /// # Errors
    /// [`ReadError`] if its file is not there or damaged.
    pub fn open(directory: &Path, key: &RecordingKey, name: &str) -> Result<Option<Self>, ReadError> {
        let Some((stem, suffix)) = name.rsplit_once('.') else { return Ok(None) };
        let stream = Stream::ALL.into_iter().find(|stream| *stream != Stream::End && stream.suffix() == suffix);
        let number = if stem == "contents" { Some(CONTENTS) } else { stem.parse().ok() };
        let (Some(stream), Some(number)) = (stream, number) else { return Ok(None) };
        Ok(Some(Self { frames: Frames::open(directory, number, key)?, stream }))
    }

    /// The next piece; `None` after the last one.
    ///
    /// # Errors
    /// [`ReadError`] if the file is damaged.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        while let Some((stream, bytes)) = self.frames.next()? {
            if stream == self.stream {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// The frames of a file, in their order. A last one that was not written whole is left out.
pub(super) struct Frames {
    file: BufReader<File>,
    stem: String,
    number: u32,
    key: LessSafeKey,
    frame: u64,
}

impl Frames {
    pub(super) fn open(directory: &Path, number: u32, key: &RecordingKey) -> Result<Self, ReadError> {
        let stem = if number == CONTENTS { "contents".to_owned() } else { number.to_string() };
        let file = BufReader::new(File::open(directory.join(format!("{stem}.rec")))?);
        let mut frames = Self { file, stem, number, key: cipher(key)?, frame: 0 };
        let mut mark = [0; MARK.len()];
        match frames.whole(&mut mark)? && mark == MARK {
            true => Ok(frames),
            false => Err(frames.damaged()),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<(Stream, Vec<u8>)>, ReadError> {
        let mut head = [0; 4];
        if !self.whole(&mut head)? {
            return Ok(None);
        }
        let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if length > LARGEST {
            return Err(self.damaged());
        }
        let mut body = vec![0; length];
        if !self.whole(&mut body)? {
            return Ok(None);
        }
        let opened = self.key.open_in_place(nonce(self.number, self.frame), Aad::empty(), &mut body);
        let opened = opened.ok().and_then(|plain| plain.split_first());
        let known = opened.and_then(|(tag, bytes)| {
            let stream = Stream::ALL.into_iter().find(|stream| stream.tag() == *tag)?;
            Some((stream, bytes.to_vec()))
        });
        self.frame += 1;
        known.map(Some).ok_or_else(|| self.damaged())
    }

    /// Fills a buffer; `false` if the file ends before.
    fn whole(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn damaged(&self) -> ReadError {
        ReadError::Damaged { name: format!("{}.rec", self.stem) }
    }
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
        let whole = Most { part: 100, all: 100 };
        let parts = read(directory.path(), &key, whole).unwrap();
        assert_eq!(parts[0].name, "1.stdout");
        assert_eq!(parts[0].content, b"secret onesecret two");
        let sealed = fs::read(&path).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let frame = 4 + 1 + 10 + 16;
        let mut dropped = sealed.clone();
        dropped.drain(8..8 + frame);
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        let read_as = |name: &str, bytes: &[u8], key: &RecordingKey| {
            let other = tempfile::tempdir().unwrap();
            fs::write(other.path().join(name), bytes).unwrap();
            read(other.path(), key, whole)
        };
        for bad in [dropped, changed, sealed[1..].to_vec()] {
            assert!(matches!(read_as("1.rec", &bad, &key), Err(ReadError::Damaged { .. })));
        }
        assert!(read_as("2.rec", &sealed, &key).is_err(), "another file's");
        assert!(read_as("1.rec", &sealed, &RecordingKey(Zeroizing::new([2; 32]))).is_err(), "another key's");
        let cut = read_as("1.rec", &sealed[..sealed.len() - 3], &key).unwrap();
        assert_eq!(cut[0].bytes, 20, "cut short");
    }

    #[test]
    fn however_long_a_recording_is_no_more_of_it_is_held_than_was_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let key = RecordingKey(Zeroizing::new([1; 32]));
        let piece = [b'x'; 1000];
        for number in 1..=3 {
            let writer = Writer::create(&directory.path().join(format!("{number}.rec")), number, &key).unwrap();
            for _ in 0..50 {
                writer.write(Stream::Stdout, &piece).unwrap();
                writer.write(Stream::Stderr, b"e").unwrap();
            }
            writer.end().unwrap();
        }
        let parts = read(directory.path(), &key, Most { part: 1500, all: 3600 }).unwrap();
        let held: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.content.len(), part.bytes)).collect();
        let expected = [
            ("1.stdout", 1500, 50_000),
            ("1.stderr", 50, 50),
            ("2.stdout", 1500, 50_000),
            ("2.stderr", 50, 50),
            ("3.stdout", 500, 50_000),
            ("3.stderr", 0, 50),
        ];
        assert_eq!(held, expected);
        let all = aws_lc_rs::digest::digest(&SHA256, &piece.repeat(50));
        assert_eq!(parts[4].sha256.as_slice(), all.as_ref(), "what is not held is hashed all the same");
        let mut part = PartReader::open(directory.path(), &key, "3.stdout").unwrap().unwrap();
        let mut taken = Vec::new();
        while let Some(piece) = part.next_piece().unwrap() {
            taken.push(piece.len());
        }
        assert_eq!(taken, [1000; 50], "and can be taken piece by piece");
        for wrong in ["3", "3.end", "x.stdout", "../3.stdout"] {
            assert!(PartReader::open(directory.path(), &key, wrong).unwrap().is_none(), "{wrong}");
        }
        assert!(matches!(PartReader::open(directory.path(), &key, "4.stdout"), Err(ReadError::Unreadable(_))));
    }
}

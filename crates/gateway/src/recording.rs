//! Recordings: what a session showed, ran and moved, written before it is delivered, encrypted at rest.
//!
//! A session's directory holds one file a channel (`1.rec`, `2.rec`, …) and, once it has ended, `contents.rec`: the
//! table of contents, whose hash is in the session's `session.closed`. It names every part with its hash, so that a
//! part that was handed out can be checked against the log. Parts are an asciicast of a terminal (output and sizes,
//! never what was typed), the streams of a command (up to [`WHOLE`] bytes each way, with SHA-256 of what is kept and, if
//! more passed, BLAKE3 of all of it), and what a transfer moved. [`read()`] takes a directory apart again,
//! [`Contents`] compares one with its hash in the log.
//!
//! This module must never lose a failure: what cannot be written is not delivered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use byleave_core::id::SessionId;
use serde_json::{Value, json};

use crate::control::RecordingKey;

mod cast;
mod channel;
mod check;
mod file;
mod read;
mod sum;
pub(crate) use channel::{Kind, Recorder};
pub use check::{Contents, Unlike};
pub(crate) use file::Files;
pub use read::{Most, PartReader, ReadError, RecordingPart, read};

/// How many bytes of a command's streams are kept each way; beyond, they are only hashed.
pub const WHOLE: u64 = 16 * 1024 * 1024;

/// The file number of the table of contents.
const CONTENTS: u32 = u32::MAX;

/// What cannot be recorded must not be delivered.
#[derive(Debug, thiserror::Error)]
#[error("the session cannot be recorded")]
pub(crate) struct Failed(#[from] io::Error);

/// The recording of one session.
pub(crate) struct Recording {
    directory: PathBuf,
    key: RecordingKey,
    files: Arc<Files>,
    next: AtomicU32,
    partly: AtomicBool,
    /// One entry a channel, when it has ended; never locked across a wait.
    entries: Mutex<Vec<(u32, Value)>>,
}

/// What is reported of a finished recording.
pub(crate) struct Finished {
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) partly: bool,
}

impl Recording {
    pub(crate) fn new(recordings: &Path, session: SessionId, key: RecordingKey, files: Arc<Files>) -> Self {
        Self {
            directory: recordings.join(session.to_string()),
            key,
            files,
            next: AtomicU32::new(1),
            partly: AtomicBool::new(false),
            entries: Mutex::default(),
        }
    }

    /// Starts a file for one more channel.
    fn start(&self) -> Result<(u32, file::Writer), Failed> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number == 1 {
            create_private(&self.directory)?;
        }
        let writer = file::Writer::create(&self.directory.join(format!("{number}.rec")), number, &self.key)?;
        self.files.add(&writer);
        self.files.name(&self.directory, &writer)?;
        if let (1, Some(recordings)) = (number, self.directory.parent()) {
            self.files.name(recordings, &writer)?;
        }
        Ok((number, writer))
    }

    fn finish_channel(&self, number: u32, entry: Value, partly: bool) {
        self.partly.fetch_or(partly, Ordering::Relaxed);
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push((number, entry));
    }

    /// Writes the table of contents, durably. Blocks: not for a thread that relays.
    ///
    /// # Errors
    /// [`Failed`] if it cannot be written.
    pub(crate) fn finish(&self) -> Result<Finished, Failed> {
        let mut entries = std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        let partly = self.partly.load(Ordering::Relaxed);
        if entries.is_empty() {
            return Ok(Finished { sha256: None, partly });
        }
        entries.sort_by_key(|(number, _)| *number);
        let channels: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
        let contents = json!({ "version": 1, "channels": channels }).to_string();
        let writer = file::Writer::create(&self.directory.join("contents.rec"), CONTENTS, &self.key)?;
        writer.write(file::Stream::Note, contents.as_bytes())?;
        writer.end()?;
        writer.sync()?;
        // Also the session's own name: it may have been shorter than the second after which names are made durable.
        for directory in [Some(self.directory.as_path()), self.directory.parent()].into_iter().flatten() {
            fs::File::open(directory)?.sync_all()?;
        }
        Ok(Finished { sha256: Some(sha256(contents.as_bytes())), partly })
    }
}

fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    into_array(&digest::digest(&digest::SHA256, bytes))
}

/// The 32 bytes of a SHA-256.
pub(crate) fn into_array(digest: &digest::Digest) -> [u8; 32] {
    let mut array = [0; 32];
    array.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    array
}

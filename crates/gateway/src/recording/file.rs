//! The encrypted file of one channel: frames in order, each sealed by itself.
//!
//! Layout: an 8-byte mark, then frames of a 4-byte length (big-endian, of what follows) and the sealed bytes: one byte
//! that names the stream, and the stream's bytes, under AES-256-GCM with the session's key. The nonce is the file's
//! number and the frame's: a frame cannot be moved, dropped or repeated unseen, and the last one says that it is the
//! last. Each frame is handed to the kernel before the call returns; [`Files`] makes it durable each second.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::control::RecordingKey;

/// What every file begins with.
pub(super) const MARK: [u8; 8] = *b"byl-rec1";
/// The largest sealed frame that a reader takes.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// What a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Cast,
    Stdin,
    Stdout,
    Stderr,
    Note,
    End,
    Commands,
}

impl Stream {
    pub(super) const ALL: [Self; 7] =
        [Self::Cast, Self::Stdin, Self::Stdout, Self::Stderr, Self::Note, Self::End, Self::Commands];

    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Cast => 1,
            Self::Stdin => 2,
            Self::Stdout => 3,
            Self::Stderr => 4,
            Self::Note => 5,
            Self::End => 6,
            Self::Commands => 7,
        }
    }

    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Cast => "cast",
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Note => "json",
            Self::End => "end",
            Self::Commands => "commands",
        }
    }
}

/// The nonce of a frame.
pub(super) fn nonce(file: u32, frame: u64) -> Nonce {
    let mut bytes = [0; 12];
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&file.to_be_bytes());
    tail.copy_from_slice(&frame.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// The key as the cipher takes it.
pub(super) fn cipher(key: &RecordingKey) -> io::Result<LessSafeKey> {
    let unbound = UnboundKey::new(&AES_256_GCM, key.0.as_ref()).map_err(|_| io::Error::other("no cipher"))?;
    Ok(LessSafeKey::new(unbound))
}

/// A file that is being written.
pub(super) struct Writer {
    number: u32,
    file: Arc<Dirty>,
    state: Mutex<State>,
}

struct State {
    key: LessSafeKey,
    frame: u64,
    buffer: Vec<u8>,
}

/// A file and whether it holds what is not durable yet.
pub(super) struct Dirty {
    file: File,
    is_dirty: AtomicBool,
    has_failed: AtomicBool,
}

impl Writer {
    pub(super) fn create(path: &Path, number: u32, key: &RecordingKey) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&MARK)?;
        let file = Arc::new(Dirty { file, is_dirty: AtomicBool::new(true), has_failed: AtomicBool::new(false) });
        let state = State { key: cipher(key)?, frame: 0, buffer: Vec::new() };
        Ok(Self { number, file, state: Mutex::new(state) })
    }

    /// Writes a frame. When this returns the kernel has it.
    pub(super) fn write(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if self.file.has_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("the recording failed before"));
        }
        let written = self.seal(stream, bytes);
        if written.is_err() {
            self.file.has_failed.store(true, Ordering::Release);
        }
        written
    }

    fn seal(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { key, frame, buffer } = &mut *state;
        buffer.clear();
        let length = u32::try_from(1 + bytes.len() + AES_256_GCM.tag_len()).map_err(io::Error::other)?;
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.push(stream.tag());
        buffer.extend_from_slice(bytes);
        let plain = buffer.get_mut(4..).unwrap_or_default();
        let tag = key
            .seal_in_place_separate_tag(nonce(self.number, *frame), Aad::empty(), plain)
            .map_err(|_| io::Error::other("cannot be sealed"))?;
        buffer.extend_from_slice(tag.as_ref());
        *frame += 1;
        (&self.file.file).write_all(buffer)?;
        self.file.is_dirty.store(true, Ordering::Release);
        if buffer.capacity() > 64 * 1024 {
            *buffer = Vec::new();
        }
        Ok(())
    }

    /// Writes the last frame.
    pub(super) fn end(&self) -> io::Result<()> {
        self.write(Stream::End, &[])
    }

    /// Makes all of it durable. Blocks.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Dirty {
    fn sync(&self) -> io::Result<()> {
        if self.is_dirty.swap(false, Ordering::AcqRel)
            && let Err(error) = self.file.sync_data()
        {
            self.has_failed.store(true, Ordering::Release);
            return Err(error);
        }
        Ok(())
    }
}

/// The files of a gateway that are being written.
#[derive(Default)]
pub(crate) struct Files {
    written: Mutex<Vec<Weak<Dirty>>>,
    /// Directories that hold a name which is not durable yet, each with the file that it is for.
    named: Mutex<Vec<(File, Arc<Dirty>)>>,
}

impl Files {
    pub(super) fn add(&self, writer: &Writer) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&writer.file));
    }

    /// Notes that a name in `directory` was made for this file: a power loss must not take it away.
    pub(super) fn name(&self, directory: &Path, writer: &Writer) -> io::Result<()> {
        let named = (File::open(directory)?, writer.file.clone());
        self.named.lock().unwrap_or_else(PoisonError::into_inner).push(named);
        Ok(())
    }

    /// Makes durable what was written and named since the last call. Blocks; a file that fails takes no further frame.
    pub(crate) fn sync(&self) {
        let named = std::mem::take(&mut *self.named.lock().unwrap_or_else(PoisonError::into_inner));
        for (directory, file) in named {
            if let Err(error) = directory.sync_all() {
                file.has_failed.store(true, Ordering::Release);
                tracing::error!(%error, "the name of a recording cannot be made durable");
            }
        }
        let mut known = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|file| file.strong_count() > 0);
        let files: Vec<_> = known.iter().filter_map(Weak::upgrade).collect();
        drop(known);
        for file in files {
            if let Err(error) = file.sync() {
                tracing::error!(%error, "a recording cannot be made durable");
            }
        }
    }
}

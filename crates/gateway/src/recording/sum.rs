//! A stream's length and hashes.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use serde_json::{Value, json};

use super::file::Stream;
use super::{WHOLE, into_array};

/// Messages of bulk that are handed over at once, as a thread is woken for each heap. They have up to 32 KiB.
const HEAP: usize = 8;
/// Heaps that may wait. Whoever hands over one more waits: what waits longer leaves the processor's cache, and so does the
/// memory that new messages get.
const HEAPS: usize = 1;

/// A stream's length and hashes: of what is kept, and of all that passed. What is kept of bulk is little of it, so the
/// hash of the whole is one that bulk hardly feels.
pub(super) struct Sum {
    bytes: u64,
    kept: u64,
    hash: Context,
    whole: Option<Whole>,
}

/// The hash of all that passed.
enum Whole {
    Here(Box<blake3::Hasher>),
    Elsewhere(Bulk),
}

/// Hashes on a thread of its own, from [`WHOLE`] bytes on: the one that relays bulk has enough to do.
struct Bulk {
    heap: Vec<Bytes>,
    heaps: SyncSender<Vec<Bytes>>,
    hashing: JoinHandle<blake3::Hash>,
}

impl Default for Sum {
    fn default() -> Self {
        Self { bytes: 0, kept: 0, hash: Context::new(&SHA256), whole: None }
    }
}

impl Sum {
    /// Counts and hashes what is kept.
    pub(super) fn keep(&mut self, kept: &[u8]) {
        self.kept += kept.len() as u64;
        self.hash.update(kept);
    }

    /// Counts what passes.
    pub(super) fn pass(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Counts and hashes what passes, kept or not. What is never kept whole is known by this.
    pub(super) fn pass_hashed(&mut self, bytes: &Bytes) {
        self.bytes += bytes.len() as u64;
        let mut whole = self.whole.take().unwrap_or_else(|| Whole::Here(Box::default()));
        if let (Whole::Here(hasher), true) = (&whole, self.bytes > WHOLE)
            && let Ok(bulk) = Bulk::start(hasher)
        {
            whole = Whole::Elsewhere(bulk);
        }
        match &mut whole {
            Whole::Here(hasher) => drop(hasher.update(bytes)),
            Whole::Elsewhere(bulk) => bulk.add(bytes),
        }
        self.whole = Some(whole);
    }

    /// What is written about the stream. Blocks until all is hashed.
    pub(super) fn part(self, number: u32, stream: Stream) -> Value {
        let mut part = json!({
            "name": format!("{number}.{}", stream.suffix()),
            "bytes": self.bytes,
            "recorded_bytes": self.kept,
            "sha256": hex::encode(into_array(&self.hash.finish())),
        });
        let whole = self.whole.filter(|_| self.kept < self.bytes).and_then(Whole::finish);
        if let (Some(whole), Some(part)) = (whole, part.as_object_mut()) {
            part.insert("whole_blake3".to_owned(), whole.to_hex().as_str().into());
        }
        part
    }
}

impl Whole {
    fn finish(self) -> Option<blake3::Hash> {
        match self {
            Self::Here(hasher) => Some(hasher.finalize()),
            Self::Elsewhere(bulk) => bulk.finish(),
        }
    }
}

impl Bulk {
    /// Goes on from what was hashed so far.
    fn start(so_far: &blake3::Hasher) -> std::io::Result<Self> {
        let mut hasher = so_far.clone();
        let (heaps, arriving) = sync_channel::<Vec<Bytes>>(HEAPS);
        let hashing = thread::Builder::new().name("bulk-hash".to_owned()).spawn(move || {
            for bytes in arriving.into_iter().flatten() {
                hasher.update(&bytes);
            }
            hasher.finalize()
        })?;
        Ok(Self { heap: Vec::new(), heaps, hashing })
    }

    fn add(&mut self, bytes: &Bytes) {
        self.heap.push(bytes.clone());
        if self.heap.len() == HEAP {
            // It ends only when this is dropped.
            let _ = self.heaps.send(std::mem::take(&mut self.heap));
        }
    }

    fn finish(self) -> Option<blake3::Hash> {
        let _ = self.heaps.send(self.heap);
        drop(self.heaps);
        self.hashing.join().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_elsewhere_is_hashed_whole_and_in_order() {
        let bytes: Vec<u8> = (0..WHOLE + 1_234_567).map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes()[0]).collect();
        for piece in [4_099, 32 * 1024] {
            let mut sum = Sum::default();
            sum.keep(&bytes[..1024]);
            for piece in bytes.chunks(piece) {
                sum.pass_hashed(&Bytes::copy_from_slice(piece));
            }
            assert!(matches!(sum.whole, Some(Whole::Elsewhere(_))), "bulk is hashed elsewhere");
            let part = sum.part(7, Stream::Stdout);
            assert_eq!(
                (part["bytes"].as_u64(), part["recorded_bytes"].as_u64()),
                (Some(bytes.len() as u64), Some(1024))
            );
            assert_eq!(part["whole_blake3"], blake3::hash(&bytes).to_hex().as_str());
        }
    }
}

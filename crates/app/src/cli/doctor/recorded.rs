//! Whether the recordings are those that the logs name.
//!
//! Of every recording the table of contents is compared with its hash in the log, and that its files are there. The newest
//! are read to the last byte, as far as a bound, or all of them if that is asked for.

use std::io::{IsTerminal, Write};
use std::path::Path;

use byleave_gateway::control::RecordingKey;
use byleave_gateway::recording::{Contents, Unlike};
use byleave_store::condition::Recorded;

use super::Finding;
use crate::control::Chain;
use crate::recording_key::RecordingSecret;

/// The name of the finding.
const NAME: &str = "what was recorded";
/// How many bytes are read to the last one, unless all are.
const READ: u64 = 1 << 30;
/// How many recordings are told one by one.
const TOLD: usize = 5;
/// After how many of them, or how many bytes, somebody who waits is told how far it is.
const STEP: usize = 500;
const STEP_BYTES: u64 = 64 << 20;

/// What was found so far.
#[derive(Default)]
struct Seen {
    looked: usize,
    read: usize,
    bytes: u64,
    told_at: u64,
    wrong: Vec<String>,
}

/// Looks at the recordings that the logs name, newest first.
pub(super) fn look(directory: &Path, recordings: &[Recorded], whole: bool) -> Finding {
    let secret = match RecordingSecret::load(&directory.join("seal.key")) {
        Ok(secret) => secret,
        Err(error) => return Finding::wrong(NAME, format!("{error:#}"), "restore `seal.key`"),
    };
    let mut seen = Seen::default();
    for recorded in recordings {
        let place = directory.join("recordings").join(recorded.session.to_string());
        let Some(key) = secret.key(recorded.session).map(RecordingKey) else { continue };
        if let Err(error) = seen.one(&place, &key, &recorded.sha256, whole) {
            seen.wrong.push(format!("session {}: {}", recorded.session, Chain(&error)));
        }
        seen.tell(recordings.len());
    }
    seen.finish(recordings.len())
}

impl Seen {
    fn one(&mut self, place: &Path, key: &RecordingKey, sha256: &[u8; 32], whole: bool) -> Result<(), Unlike> {
        self.looked += 1;
        let contents = Contents::open(place, key, sha256)?;
        if whole || self.bytes < READ {
            self.bytes += contents.compare(place, key)?;
            self.read += 1;
        }
        Ok(())
    }

    /// Somebody who waits at a terminal sees how far it is.
    fn tell(&mut self, all: usize) {
        let is_due = self.looked.is_multiple_of(STEP) || self.bytes - self.told_at >= STEP_BYTES;
        if is_due && std::io::stderr().is_terminal() {
            self.told_at = self.bytes;
            let line = format!("\r{} of {all} recordings, {} MiB read", self.looked, self.bytes >> 20);
            // Whoever closed standard error does not wait for this.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn finish(self, all: usize) -> Finding {
        if self.looked > 0 && std::io::stderr().is_terminal() {
            let _ = std::io::stderr().write_all(b"\r\x1b[K");
        }
        if self.wrong.is_empty() {
            let rest = match all - self.read {
                0 => String::new(),
                rest => format!("; {rest} older ones only by their contents: `--whole` reads them, too"),
            };
            let text = format!("{all} recordings are there, {} read to the last byte{rest}", self.read);
            return Finding::good(NAME, text);
        }
        let told = self.wrong.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
        let text = format!("{} of {all} recordings are not those that the log names: {told}", self.wrong.len());
        let advice = "restore these below `recordings/` from a backup, nothing else has their hashes; if there is none, \
                      tell the customers whose sessions they are, and look who can write there";
        Finding::wrong(NAME, text, advice)
    }
}

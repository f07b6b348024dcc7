//! Whether the server can do its work: what the last tries of each second came to, for `GET /ready`.
//!
//! Only remembers; asking costs nothing and changes nothing. What was not tried for a while counts as failed. Causes go
//! to the server's log, never in here: anybody may ask.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use byleave_core::time::SECOND;
use byleave_web::door::Part;

use crate::control::LEASE_FOR;

/// How old the last success may be, in milliseconds. Tries come each second; a write waits up to two for a lock.
const FRESH_FOR: i64 = 5 * SECOND;

/// The file that is written to see whether recordings can be.
const TRIAL: &str = ".writable";
/// How much is written: what a full disk does not take.
const TRIAL_BYTES: usize = 8 * 1024;

/// What a try came to, and when by the boot clock.
#[derive(Debug, Clone, Copy)]
struct Tried {
    at: i64,
    worked: bool,
}

/// What the last tries came to.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    commit: Mutex<Option<Tried>>,
    recordings: Mutex<Option<Tried>>,
    lease: Mutex<i64>,
}

impl Readiness {
    /// Notes whether the store could commit.
    pub(crate) fn committed(&self, at: i64, worked: bool) {
        *self.commit.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tried { at, worked });
    }

    /// Notes whether a recording could be written; tells whether that is another answer than the last one.
    pub(crate) fn recorded(&self, at: i64, worked: bool) -> bool {
        let mut last = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(Tried { at, worked });
        before.is_none_or(|before| before.worked != worked)
    }

    /// Notes that the lease was renewed.
    pub(crate) fn leased(&self, at: i64) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = at.saturating_add(LEASE_FOR);
    }

    /// What works at this instant of the boot clock.
    pub(crate) fn parts(&self, now: i64) -> Vec<Part> {
        let lease = *self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        vec![
            judge("store", "commit", &self.commit, now),
            judge("recordings", "write", &self.recordings, now),
            match now < lease {
                true => Part { name: "lease", trouble: None },
                false => Part { name: "lease", trouble: Some("the lease of live sessions has run out".to_owned()) },
            },
        ]
    }
}

fn judge(name: &'static str, act: &str, last: &Mutex<Option<Tried>>, now: i64) -> Part {
    let trouble = match *last.lock().unwrap_or_else(PoisonError::into_inner) {
        None => Some(format!("it was not tried yet to {act}")),
        Some(Tried { worked: false, .. }) => Some(format!("the last try to {act} failed")),
        Some(Tried { at, worked: true }) => {
            let ago = now.saturating_sub(at);
            (ago > FRESH_FOR).then(|| format!("the last try to {act} that ended was {} s ago", ago / SECOND))
        }
    };
    Part { name, trouble }
}

/// Tries whether something can be written where recordings go.
///
/// # Errors
/// If it cannot: the directory is gone, closed, read-only, or its disk is full.
pub(crate) fn try_recordings(recordings: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(recordings)?;
    let path: PathBuf = recordings.join(TRIAL);
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
    let written = file.write_all(&[0; TRIAL_BYTES]);
    // Also what was written in part takes room.
    std::fs::remove_file(&path)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubled(readiness: &Readiness, now: i64) -> Vec<&'static str> {
        readiness.parts(now).into_iter().filter(|part| part.trouble.is_some()).map(|part| part.name).collect()
    }

    #[test]
    fn each_part_is_ready_only_while_its_last_try_is_fresh_and_worked() {
        let readiness = Readiness::default();
        assert_eq!(troubled(&readiness, 0), ["store", "recordings", "lease"], "nothing was tried");
        readiness.committed(1_000, true);
        readiness.recorded(1_000, true);
        readiness.leased(1_000);
        assert_eq!(troubled(&readiness, 1_000 + FRESH_FOR), [""; 0]);
        assert_eq!(troubled(&readiness, 1_001 + FRESH_FOR), ["store", "recordings"], "tries that hang");
        assert_eq!(troubled(&readiness, 1_000 + LEASE_FOR), ["store", "recordings", "lease"]);
        readiness.recorded(20_000, true);
        readiness.leased(20_000);
        readiness.committed(20_000, false);
        assert_eq!(troubled(&readiness, 20_000), ["store"]);
        readiness.committed(20_000, true);
        readiness.recorded(20_000, false);
        assert_eq!(troubled(&readiness, 20_000), ["recordings"]);
    }

    #[test]
    fn a_recording_that_cannot_be_written_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let recordings = root.path().join("recordings");
        try_recordings(&recordings).unwrap();
        assert_eq!(std::fs::read_dir(&recordings).unwrap().count(), 0, "nothing is left");
        std::fs::remove_dir(&recordings).unwrap();
        std::fs::write(&recordings, "a file where the directory must be").unwrap();
        try_recordings(&recordings).unwrap_err();
    }
}

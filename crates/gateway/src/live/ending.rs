//! The end of several sessions at once, with a last word to their employees where that delays nothing.
//!
//! Once it has begun nothing passes any more but the last words, and the nodes are reset; whatever becomes of those who
//! wait for the last words, dropping an [`Ending`] resets the employees, too.

use std::sync::Arc;
use std::time::Duration;

use byleave_core::session::SessionEnd;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use russh::{ChannelId, server};
use tokio::time::timeout;

use super::Live;
use crate::text;

/// How long the last words of one sweep to all of its employees may take.
const FAREWELL: Duration = Duration::from_millis(5);
/// Sweeps that end more sessions than this say no last words, which would take the processor from the cuts.
const FAREWELLS: usize = 16;
/// More than a packet adds to the text in it.
const PACKET_OVERHEAD: usize = 128;

/// Sessions that are ending.
#[must_use = "the employees' connections are reset when this is dropped"]
pub(crate) struct Ending {
    all: Vec<Arc<Live>>,
    speaking: Vec<Speaking>,
}

/// A session whose employee hears why it ends.
struct Speaking {
    live: Arc<Live>,
    voices: Vec<(ChannelId, server::Handle)>,
    text: String,
}

impl Ending {
    /// Marks all of them shut, then resets the nodes. Waits for nothing.
    pub(crate) fn begin(ends: &[(Arc<Live>, SessionEnd)]) -> Self {
        let may_speak = ends.len() <= FAREWELLS;
        let mut speaking = Vec::new();
        for (live, end) in ends {
            let voices = if may_speak && live.is_quiet() { voices(live) } else { Vec::new() };
            let text = text::farewell(*end);
            live.shut(*end, (voices.len() * (text.len() + PACKET_OVERHEAD)) as u64);
            if !voices.is_empty() {
                speaking.push(Speaking { live: live.clone(), voices, text });
            }
        }
        ends.iter().for_each(|(live, _)| live.reset_nodes());
        Self { all: ends.iter().map(|(live, _)| live.clone()).collect(), speaking }
    }

    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether nobody is to be told anything.
    pub(crate) fn is_silent(&self) -> bool {
        self.speaking.is_empty()
    }

    /// Says the last words, and waits a moment for them to be written.
    pub(crate) async fn say(&self) {
        for Speaking { voices, text, .. } in &self.speaking {
            for (id, library) in voices {
                drop(library.extended_data(*id, 1, text.clone().into_bytes()).now_or_never());
            }
        }
        if !self.is_silent() {
            let said = join_all(self.speaking.iter().map(|speaking| speaking.live.wait_said()));
            drop(timeout(FAREWELL, said).await);
        }
    }

    /// Resets the employees; calls back after each.
    pub(crate) fn finish(mut self, mut finished: impl FnMut()) {
        for live in std::mem::take(&mut self.all) {
            live.finish();
            finished();
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.all.iter().for_each(|live| live.finish());
    }
}

/// How the employee hears of the end.
fn voices(live: &Live) -> Vec<(ChannelId, server::Handle)> {
    live.voices().iter().map(|(id, voice)| (*id, voice.library.clone())).collect()
}

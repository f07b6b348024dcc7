//! The end of several sessions at once, with a last word to their employees where that delays nothing.
//!
//! Once it has begun nothing passes any more but the last words, and the nodes are reset; whatever becomes of those who
//! wait for the last words, dropping an [`Ending`] resets the employees, too.

use std::sync::Arc;
use std::time::Duration;

use byleave_core::access::Wanted;
use byleave_core::session::SessionEnd;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use russh::{ChannelId, server};
use tokio::time::{sleep, timeout};

use super::{Live, Voice};
use crate::text;

/// How long the last word to one employee may take: on a busy machine the thread that writes it gets its turn late. Nothing
/// else passes meanwhile, and nothing waits. Those of one sweep share it, so that more sessions end no later.
const FAREWELL: Duration = Duration::from_millis(40);
/// How long a further last word on the same connection may take, unless it went with the one before.
const NEXT_FAREWELL: Duration = Duration::from_millis(20);
/// How long an employee's client has to read the last word before its connection is reset: one that writes something at
/// the same moment would take the reset for a fault of the network, and show nothing.
const HEARING: Duration = Duration::from_millis(250);
/// Sweeps that end more sessions than this say no last words, which would take the processor from the cuts.
const FAREWELLS: usize = 16;
/// More than a packet adds to the text in it.
const PACKET_OVERHEAD: usize = 128;

/// Sessions that are ending: those whose employees hear why. All others have ended.
#[must_use = "the employees' connections are reset when this is dropped"]
pub(crate) struct Ending {
    speaking: Vec<Speaking>,
}

/// A session whose employee hears why it ends.
struct Speaking {
    live: Arc<Live>,
    /// How long the words are.
    words: Vec<usize>,
    /// Whether its clients ask questions: whoever waits for an answer is told in its place, whoever asks meanwhile is reset,
    /// and so are all others at last. What is said on the connection that opened such a session is written by that one's own.
    asks: bool,
}

/// What one channel is told.
struct Word {
    channel: ChannelId,
    library: server::Handle,
    text: String,
}

impl Ending {
    /// Marks all of them shut, hands the last words to the library, then resets the nodes: what their end causes must not
    /// come before the words. Resets the employees who are told nothing. Waits for nothing.
    pub(crate) fn begin(ends: &[(Arc<Live>, SessionEnd)]) -> Self {
        let may_speak = ends.len() <= FAREWELLS;
        let mut speaking = Vec::new();
        let mut silent = Vec::new();
        for (live, end) in ends {
            let voices = if may_speak && is_quiet(live) { voices(live, *end) } else { Vec::new() };
            let words: Vec<_> = voices.iter().map(|word| word.text.len()).collect();
            let waiting = if may_speak { live.gate.waiting() } else { 0 };
            let answers = text::LONGEST_ENDED.saturating_mul(waiting as u64);
            let said = words.iter().map(|length| length + PACKET_OVERHEAD).sum::<usize>() as u64;
            live.shut(*end, said.saturating_add(answers));
            voices.into_iter().for_each(Word::say);
            let asks = asks(live);
            if asks {
                live.gate.reset_answered();
            }
            if words.is_empty() && !asks {
                silent.push(live);
            } else {
                speaking.push(Speaking { live: live.clone(), words, asks });
            }
        }
        ends.iter().for_each(|(live, _)| live.reset_nodes());
        silent.iter().for_each(|live| live.finish());
        Self { speaking }
    }

    /// How many are to be told something.
    pub(crate) fn speaking(&self) -> usize {
        self.speaking.len()
    }

    /// Waits a moment for the last words to be written.
    pub(crate) async fn say(&self) {
        let patience = FAREWELL / u32::try_from(self.speaking.len()).unwrap_or(u32::MAX).max(1);
        drop(timeout(patience, join_all(self.speaking.iter().map(Speaking::said))).await);
    }

    /// Ends the sessions, and resets the connections to the employees once they had the time to read the last words.
    pub(crate) async fn leave(self) {
        let lingering: Vec<_> = self.speaking.iter().map(|speaking| speaking.live.gate.linger()).collect();
        drop(self);
        sleep(HEARING).await;
        drop(lingering);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.speaking.iter().for_each(|speaking| speaking.live.finish());
    }
}

impl Word {
    /// Hands it to the library, which has room for it, as nothing is on the way to the employee.
    fn say(self) {
        drop(self.library.extended_data(self.channel, 1, self.text.into_bytes()).now_or_never());
    }
}

impl Speaking {
    /// Waits until the last words were written.
    async fn said(&self) {
        if self.asks {
            while self.live.gate.waiting() > 0 {
                self.live.wait_said().await;
            }
            return;
        }
        let all: usize = self.words.iter().map(|length| length + PACKET_OVERHEAD).sum();
        let first = self.words.iter().min().copied().unwrap_or_default();
        // A packet of the protocol itself may come first; a word is longer.
        self.live.wait_said().await;
        while self.live.gate.farewell_left() > all.saturating_sub(first) as u64 {
            self.live.wait_said().await;
        }
        for _ in self.words.iter().skip(1) {
            drop(timeout(NEXT_FAREWELL, self.live.wait_said()).await);
        }
    }
}

/// Whether it is a session whose clients ask questions.
fn asks(live: &Live) -> bool {
    live.opened().is_some_and(|opened| match opened.wanted {
        Wanted::SyncData(_) | Wanted::SyncLogin => true,
        Wanted::Database | Wanted::Log(..) | Wanted::LogList | Wanted::Node(_) => false,
    })
}

/// Whether nothing of the session is on its way to the employee, in our hands or the kernel's: then a last word comes
/// with nothing before it.
fn is_quiet(live: &Live) -> bool {
    live.is_quiet() && !live.gate.has_unsent()
}

/// How the employee hears of the end.
fn voices(live: &Live, end: SessionEnd) -> Vec<Word> {
    let word = |(channel, voice): (&ChannelId, &Voice)| {
        let is_alternate = voice.screen.as_ref().is_some_and(|screen| screen.is_alternate());
        Word { channel: *channel, library: voice.library.clone(), text: text::farewell(end, is_alternate) }
    };
    live.voices().iter().map(word).collect()
}

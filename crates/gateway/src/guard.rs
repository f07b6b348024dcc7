//! The watch over one session: decides again on each change of the facts and at each deadline, warns, and cuts.
//!
//! Guards run on a thread of their own and wait for nothing but changes and time: a stuck peer, a full window or a
//! slow disk on the threads that relay cannot hold up a cut. A guard must never await a send.

use std::sync::{Arc, Weak};
use std::time::Duration;

use byleave_core::access::Facts;
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, SECOND};
use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::live::Live;
use crate::session::Session;
use crate::text;

/// When terminals are warned, in milliseconds before the end.
const WARNINGS: [i64; 2] = [10 * MINUTE, MINUTE];
/// The clocks are read at least this often: a timer of the runtime does not run while the machine is suspended.
const TICK: i64 = SECOND;
/// How long the last word to an employee may take.
const FAREWELL: Duration = Duration::from_millis(5);
/// More than a packet adds to the text in it.
const PACKET_OVERHEAD: usize = 128;

/// Watches a session until it ends.
pub(crate) async fn watch(session: Weak<Session>, live: Arc<Live>, mut facts: watch::Receiver<Arc<Facts>>) {
    let mut before = live.left();
    loop {
        let followed = tokio::select! {
            biased;
            () = live.ended() => return,
            changed = facts.changed() => changed.is_ok(),
            () = sleep(wait(live.left())) => true,
        };
        let learned = Instant::now();
        let verdict = if followed { live.verdict() } else { Err(SessionEnd::LeaseRanOut) };
        if let Err(end) = verdict {
            cut(&session, &live, end).await;
            if let Some(session) = session.upgrade() {
                session.shared.table.note_delay(learned.elapsed());
            }
            return;
        }
        let left = live.left();
        if let (Some(before), Some(left), Some(session)) = (before, left, session.upgrade()) {
            warn(&session, before, left);
        }
        before = left;
    }
}

fn wait(left: Option<i64>) -> Duration {
    let next = left.map_or(TICK, |left| left.clamp(1, TICK));
    Duration::from_millis(u64::try_from(next).unwrap_or(1))
}

/// Warns the terminals once the time left falls below a mark.
fn warn(session: &Session, before: i64, left: i64) {
    if WARNINGS.iter().any(|mark| left <= *mark && *mark < before) {
        let text = text::warning(left);
        for notices in session.voices().values().filter_map(|voice| voice.notices.as_ref()) {
            let _ = notices.try_send(text.clone());
        }
    }
}

/// Cuts: the nodes first, then the employee, who is told why if that delays nothing.
async fn cut(session: &Weak<Session>, live: &Live, end: SessionEnd) {
    if let Some(session) = session.upgrade().filter(|_| live.is_quiet()) {
        let text = text::farewell(end);
        let voices: Vec<_> = session.voices().iter().map(|(id, voice)| (*id, voice.library.clone())).collect();
        let budget = voices.len() * (text.len() + PACKET_OVERHEAD);
        if !voices.is_empty() && live.cut_nodes(end, budget as u64) {
            for (id, library) in voices {
                drop(library.extended_data(id, 1, text.clone().into_bytes()).now_or_never());
            }
            drop(timeout(FAREWELL, live.wait_said()).await);
        }
    }
    live.cut(end);
}

//! The watch over live sessions: decides again on each change of the facts and at each deadline, warns, and cuts.
//!
//! There is one guard for all sessions of a cluster, on a thread of its own that waits for nothing but changes and time:
//! a stuck peer, a full window or a slow disk on the threads that relay cannot hold up a cut. Whatever one change ends
//! is cut in one sweep, before anything that the ends cause gets the processor. A guard must never await a send, nor
//! write a line of log: whoever does not read the log must not hold up the next cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use byleave_core::access::Published;
use byleave_core::id::ClusterId;
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, SECOND};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::live::{Ending, Live, Table};
use crate::text;

/// When terminals are warned, in milliseconds before the end.
const WARNINGS: [i64; 2] = [10 * MINUTE, MINUTE];
/// The clocks are read at least this often: a timer of the runtime does not run while the machine is suspended.
const TICK: i64 = SECOND;

/// The guards, by the cluster they watch.
pub(crate) struct Guards {
    runtime: runtime::Handle,
    table: Arc<Table>,
    /// INVARIANT: held only to find, make or remove a post; never across a wait.
    posts: Mutex<BTreeMap<ClusterId, Post>>,
}

/// Where a guard takes more sessions.
struct Post {
    facts: watch::Receiver<Arc<Published>>,
    sessions: mpsc::UnboundedSender<Watched>,
}

/// A session that is being watched.
struct Watched {
    live: Arc<Live>,
    /// Milliseconds that were left when it was last looked at.
    before: Option<i64>,
}

impl Guards {
    /// Guards on the thread of a runtime.
    pub(crate) fn new(runtime: runtime::Handle, table: Arc<Table>) -> Arc<Self> {
        Arc::new(Self { runtime, table, posts: Mutex::default() })
    }

    fn posts(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Post>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a session until it ends.
    pub(crate) fn watch(
        self: &Arc<Self>,
        cluster: ClusterId,
        live: &Arc<Live>,
        facts: watch::Receiver<Arc<Published>>,
    ) {
        let watched = Watched { before: live.left(), live: live.clone() };
        let mut posts = self.posts();
        let watched = match posts.get(&cluster).filter(|post| post.facts.same_channel(&facts)) {
            Some(post) => match post.sessions.send(watched) {
                Ok(()) => return,
                Err(mpsc::error::SendError(watched)) => watched,
            },
            None => watched,
        };
        let (sessions, more) = mpsc::unbounded_channel();
        drop(sessions.send(watched));
        posts.insert(cluster, Post { facts: facts.clone(), sessions });
        self.runtime.spawn(guard(self.clone(), cluster, facts, more));
    }

    /// Gives a post up if nobody came to it meanwhile. Answers whether it is given up.
    fn leave(
        &self,
        cluster: ClusterId,
        facts: &watch::Receiver<Arc<Published>>,
        more: &mpsc::UnboundedReceiver<Watched>,
    ) -> bool {
        let mut posts = self.posts();
        let is_over = more.is_empty();
        if is_over && posts.get(&cluster).is_some_and(|post| post.facts.same_channel(facts)) {
            posts.remove(&cluster);
        }
        is_over
    }

    /// Cuts all of them, without waiting for last words: those are said beside the watch. Notes how long it took until
    /// nothing passed any more, since the change was told or the deadline was seen.
    fn sweep(self: &Arc<Self>, ends: &[(Arc<Live>, SessionEnd)], since: Instant) {
        let (ending, guards) = (Ending::begin(ends), self.clone());
        let speaking = ending.speaking();
        self.note(ends.len() - speaking, since);
        if speaking > 0 {
            // Where the guards are no more, this drops it, and that resets the employees.
            self.runtime.spawn(async move {
                ending.say().await;
                guards.note(speaking, since);
                ending.leave().await;
            });
        }
    }

    /// Notes how long so many cuts took.
    fn note(&self, cuts: usize, since: Instant) {
        (0..cuts).for_each(|_| self.table.note_delay(since.elapsed()));
    }
}

/// Has the thread that calls this run before all others, where the system allows that: nothing is as urgent as a cut,
/// and what dies of a cut would take the processor from the rest of it.
pub(crate) fn hurry() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let thread = thread_priority::thread_native_id();
    // The lowest of the real-time priorities is before everything that has none.
    let set = set_thread_priority_and_policy(thread, ThreadPriority::Min, policy);
    if let Err(error) = set {
        tracing::info!(
            ?error,
            "cuts take their turn for the processor; CAP_SYS_NICE or `LimitRTPRIO=1` puts them first"
        );
    }
}

/// Watches the sessions of one cluster until none is left.
async fn guard(
    guards: Arc<Guards>,
    cluster: ClusterId,
    mut facts: watch::Receiver<Arc<Published>>,
    mut more: mpsc::UnboundedReceiver<Watched>,
) {
    let mut watched: Vec<Watched> = Vec::new();
    loop {
        let (followed, since) = tokio::select! {
            biased;
            changed = facts.changed() => (changed.is_ok(), facts.borrow_and_update().at.into()),
            Some(joined) = more.recv() => {
                watched.push(joined);
                (true, Instant::now())
            }
            () = sleep(wait(&watched)) => (true, Instant::now()),
        };
        while let Ok(joined) = more.try_recv() {
            watched.push(joined);
        }
        watched.retain(|watched| watched.live.gate.is_open());
        let ends = judge(&mut watched, followed);
        if !ends.is_empty() {
            guards.sweep(&ends, since);
            watched.retain(|watched| watched.live.gate.is_open());
        }
        if watched.is_empty() && guards.leave(cluster, &facts, &more) {
            return;
        }
    }
}

/// How long nothing need be looked at unless the facts change.
fn wait(watched: &[Watched]) -> Duration {
    let next = watched.iter().filter_map(|watched| watched.live.left()).min();
    let next = next.map_or(TICK, |left| left.clamp(1, TICK));
    Duration::from_millis(u64::try_from(next).unwrap_or(1))
}

/// Decides again for all sessions, and warns those that go on. Answers what must end, and why.
fn judge(watched: &mut [Watched], followed: bool) -> Vec<(Arc<Live>, SessionEnd)> {
    let mut ends = Vec::new();
    for watched in watched {
        let verdict = if followed { watched.live.verdict() } else { Err(SessionEnd::LeaseRanOut) };
        if let Err(end) = verdict {
            ends.push((watched.live.clone(), end));
            continue;
        }
        let left = watched.live.left();
        if let (Some(before), Some(left)) = (watched.before, left) {
            warn(&watched.live, before, left);
        }
        watched.before = left;
    }
    ends
}

/// Warns the terminals once the time left falls below a mark.
fn warn(live: &Live, before: i64, left: i64) {
    if WARNINGS.iter().any(|mark| left <= *mark && *mark < before) {
        let text = text::warning(left);
        for notices in live.voices().values().filter_map(|voice| voice.notices.as_ref()) {
            let _ = notices.try_send(text.clone());
        }
    }
}

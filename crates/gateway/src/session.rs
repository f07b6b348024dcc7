//! The life of a session: open, follow, wait until the follow has caught up, decide here, relay, end, report once.
//!
//! Opening starts as soon as the employee is authenticated; channels wait for its outcome. No byte goes to a node
//! before `session.opened` is durable. The end is reported exactly once, and tried again until it is written.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use byleave_core::access::{Denial, Published, Wanted};
use byleave_core::id::{ClusterId, NodeId};
use byleave_core::name::HostName;
use byleave_core::session::SessionEnd;
use russh::ChannelId;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::control::{Closed, KnownEmployee, OpenRefused, OpenRequest, Opened, Purpose, Report};
use crate::live::{Hold, Live};
use crate::recording::{Finished, Recorder, Recording};
use crate::server::Shared;
use crate::text;

/// How long the facts may take to catch up with the session's own opening.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How long channels may take to finish after the sockets are shut.
const WIND_UP: Duration = Duration::from_secs(10);
/// The longest pause between two tries to report.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What became of the wish to open a session.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Not decided yet.
    Opening,
    /// It is open.
    Open,
    /// It is not; this is what the employee is told.
    Refused(Arc<str>),
}

/// What the rules denied to a connection, until it is written down: as soon as it turns out to be a try to get in.
#[derive(Debug, Default)]
struct DeniedTry {
    /// What was denied, and why.
    unwritten: Option<(OpenRequest, Denial)>,
    /// Whether the employee said a word to the customer.
    has_spoken: bool,
    /// Whether they tried something else.
    has_tried: bool,
}

/// How far a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was asked to be started.
    Fresh,
    /// Something was, and is not answered yet.
    Started,
    /// That was answered.
    Answered,
}

/// One connection of an employee.
pub(crate) struct Session {
    pub(crate) live: Arc<Live>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tasks: TaskTracker,
    /// Bytes from the employee that wait for a node, over all channels.
    pub(crate) backlog: AtomicUsize,
    state: watch::Sender<State>,
    /// Never locked across a wait.
    denied: Mutex<DeniedTry>,
    /// How far each channel that runs is; never locked across a wait.
    stages: Mutex<BTreeMap<ChannelId, Stage>>,
    main: Mutex<Option<Hold>>,
    host: OnceLock<HostName>,
    recording: OnceLock<Arc<Recording>>,
    /// Recorders that have not finished; never locked across a wait.
    recorders: Mutex<Vec<Arc<Recorder>>>,
}

impl Session {
    pub(crate) fn new(live: Arc<Live>, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            live,
            shared,
            tasks: TaskTracker::new(),
            backlog: AtomicUsize::new(0),
            state: watch::Sender::new(State::Opening),
            denied: Mutex::default(),
            stages: Mutex::default(),
            main: Mutex::default(),
            host: OnceLock::new(),
            recording: OnceLock::new(),
            recorders: Mutex::default(),
        })
    }

    /// Waits until it is known whether the session is open.
    ///
    /// # Errors
    /// What the employee is told.
    pub(crate) async fn opened(&self) -> Result<Arc<Opened>, Arc<str>> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Opening)).await.map(|state| state.clone());
        match (known, self.live.opened()) {
            (Ok(State::Open), Some(opened)) => Ok(opened.clone()),
            (Ok(State::Refused(told)), _) => Err(told),
            (Ok(State::Open | State::Opening) | Err(_), _) => Err(text::line(text::UNAVAILABLE).into()),
        }
    }

    fn refuse(&self, told: String) {
        self.state.send_replace(State::Refused(told.into()));
    }

    fn denied(&self) -> MutexGuard<'_, DeniedTry> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the employee said a word to the customer: if that is all they do, they did not try to get in.
    pub(crate) fn spoke(&self) {
        self.denied().has_spoken = true;
    }

    /// Notes that the employee tried something else: a try to get in, whatever they say besides.
    pub(crate) fn tried(&self) {
        self.denied().has_tried = true;
    }

    /// Has the denial written down, if there was one and it is not written yet.
    ///
    /// # Errors
    /// What the employee is told if it cannot be.
    pub(crate) async fn write_denied(&self) -> Result<(), Arc<str>> {
        let unwritten = self.denied().unwritten.take();
        let Some((request, denial)) = unwritten else { return Ok(()) };
        let written = self.shared.control.denied(request, denial).await;
        written.map_err(|_| text::line(text::UNAVAILABLE).into())
    }

    /// Bytes from the employee that wait for a node.
    pub(crate) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    pub(crate) fn stages(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Stage>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host that was asked for, if it can be one.
    pub(crate) fn host(&self) -> Option<&HostName> {
        self.host.get()
    }

    /// The recording of this session, once it is open.
    pub(crate) fn recording(&self) -> Option<&Arc<Recording>> {
        self.recording.get()
    }

    pub(crate) fn recorders(&self) -> MutexGuard<'_, Vec<Arc<Recorder>>> {
        self.recorders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn main(&self) -> MutexGuard<'_, Option<Hold>> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the session. Runs to its end even if the employee is gone, so that what was opened is closed.
pub(crate) async fn open(session: Arc<Session>, user: String) {
    ask_as(&session, user).await;
    if !matches!(*session.state.borrow(), State::Open) {
        // Nothing watches a connection of which nothing is open: it has the time to be told so, and no more.
        let (live, grace) = (session.live.clone(), session.shared.config.login_grace);
        tokio::spawn(async move {
            drop(timeout(grace, live.ended()).await);
            live.cut(live.end());
        });
    }
}

/// Asks for the host that the employee named as the user.
async fn ask_as(session: &Arc<Session>, user: String) {
    let Some(who) = session.live.who() else { return };
    let Ok(host) = user.parse::<HostName>() else {
        return session.refuse(text::closed());
    };
    let _ = session.host.set(host.clone());
    ask(session, who, host, Purpose::Ssh).await;
}

/// Opens a session for sync data of a cluster, for an employee who is in already: another session of the same person,
/// with its own entry, permits and end.
pub(crate) async fn open_sync(beside: &Session, host: HostName) -> Result<Arc<Session>, Arc<str>> {
    let shared = beside.shared.clone();
    let who = beside.live.who().ok_or_else(|| text::line(text::UNAVAILABLE))?;
    let live = Live::new(shared.fresh_id(), beside.live.from, shared.watch.clone());
    live.identify(who);
    shared.table.add(live.clone());
    let session = Session::new(live, shared);
    ask(&session, who, host, Purpose::SyncData).await;
    match session.opened().await {
        Ok(_) => Ok(session),
        Err(told) => {
            close(&session, None).await;
            session.shared.table.remove(session.live.id);
            Err(told)
        }
    }
}

async fn ask(session: &Arc<Session>, who: KnownEmployee, host: HostName, purpose: Purpose) {
    let (id, from) = (session.live.id, session.live.from);
    let most = session.shared.config.sessions_per_employee;
    // Before anything is asked: the answer goes by the employee's own sessions, not by the target.
    if !session.shared.table.admit(&session.live, most) {
        return session.refuse(text::too_many(most));
    }
    let request = OpenRequest { session: id, employee: who.employee, key: who.key, host, from, purpose };
    match session.shared.control.open(request.clone()).await {
        Ok(opened) => follow(session, opened).await,
        Err(OpenRefused::Denied { denial, tell }) => {
            session.denied().unwritten = Some((request, denial));
            session.refuse(text::denied(denial, tell));
        }
        Err(OpenRefused::Unavailable) => session.refuse(text::line(text::UNAVAILABLE)),
    }
}

async fn follow(session: &Arc<Session>, opened: Opened) {
    let (live, shared) = (&session.live, &session.shared);
    let (reports, queue) = mpsc::unbounded_channel();
    shared.reporters.spawn(report(shared.clone(), queue));
    let (cluster, log_size, opened_at) = (opened.facts.cluster.id, opened.facts.log_size, opened.opened_at);
    let wanted = opened.wanted.clone();
    let (recordings, key) = (&shared.config.recordings, opened.recording_key.clone());
    let _ = session.recording.set(Arc::new(Recording::new(recordings, live.id, key, shared.files.clone())));
    live.open(Arc::new(opened), reports);
    let Some(facts) = caught_up(session, cluster, log_size).await else {
        session.refuse(text::line(text::UNAVAILABLE));
        return live.cut(SessionEnd::LeaseRanOut);
    };
    live.follow(facts.clone(), opened_at);
    match live.permit(wanted, &shared.table) {
        Ok(hold) => {
            *session.main() = Some(hold);
            shared.guards.watch(cluster, live, facts);
            session.state.send_replace(State::Open);
        }
        Err(denial) => {
            session.refuse(text::denied(denial, true));
            live.node_ended(denial.ends());
        }
    }
}

async fn caught_up(session: &Session, cluster: ClusterId, log_size: u64) -> Option<watch::Receiver<Arc<Published>>> {
    let mut facts = session.shared.control.follow(cluster).await.ok()?;
    let caught_up =
        timeout(CATCH_UP, facts.wait_for(|facts| facts.log_size >= log_size)).await.is_ok_and(|it| it.is_ok());
    caught_up.then_some(facts)
}

/// Writes reports in their order; each is tried until it is written.
async fn report(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Report>) {
    while let Some(report) = queue.recv().await {
        let last = matches!(report, Report::Closed(_));
        let mut pause = Duration::from_millis(50);
        while let Err(error) = shared.control.report(report.clone()).await {
            if error == crate::control::ControlError::Refused {
                tracing::error!(?report, "the control refuses a report");
                break;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if last {
            break;
        }
    }
}

/// Ends what is left of the session after its connection: shuts the legs, waits for the channels and reports.
pub(crate) async fn close(session: &Session, opening: Option<tokio::task::JoinHandle<()>>) {
    let live = &session.live;
    live.cut(live.end());
    if let Some(opening) = opening {
        drop(opening.await);
        live.cut(live.end());
    }
    let is_try = {
        let denied = session.denied();
        denied.has_tried || !denied.has_spoken
    };
    if is_try {
        // Nobody is left to be told that it could not be written; the control has logged why.
        drop(session.write_denied().await);
    }
    session.tasks.close();
    if timeout(WIND_UP, session.tasks.wait()).await.is_err() {
        tracing::error!(session = %live.id, "channels of an ended session do not finish");
    }
    session.main().take();
    if live.opened().is_some() {
        let finished = finish_recording(session).await;
        live.tell_denials();
        live.report(Report::Closed(closed(session, &finished)));
    }
}

/// Ends what is still being recorded and the recording as a whole, durably.
async fn finish_recording(session: &Session) -> Finished {
    let Some(recording) = session.recording().cloned() else { return Finished { sha256: None, partly: false } };
    let recorders = std::mem::take(&mut *session.recorders());
    let finish = move || {
        let all = recorders.iter().try_for_each(|recorder| recorder.finish());
        let finished = recording.finish();
        all.and(finished)
    };
    match tokio::task::spawn_blocking(finish).await {
        Ok(Ok(finished)) => finished,
        Ok(Err(error)) => {
            tracing::error!(session = %session.live.id, %error, "a recording cannot be finished");
            Finished { sha256: None, partly: true }
        }
        Err(_) => Finished { sha256: None, partly: true },
    }
}

fn closed(session: &Session, finished: &Finished) -> Closed {
    Closed {
        session: session.live.id,
        reason: session.live.end(),
        counters: session.live.counts.read(),
        recording_sha256: finished.sha256,
        partly_recorded: finished.partly,
    }
}

/// What a session on a node wants.
pub(crate) fn node_of(opened: &Opened) -> Option<NodeId> {
    match opened.wanted {
        Wanted::Node(node) => Some(node),
        Wanted::Database | Wanted::Log(..) | Wanted::LogList | Wanted::SyncData(_) | Wanted::SyncLogin => None,
    }
}

//! What passes between an employee's channel and the node's: both directions, in order, under the permit.
//!
//! Every chunk asks the session first. Neither direction may wait for the other, except that what the node sends is
//! read no further while the employee's side takes nothing.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use byleave_core::access::Basis;
use byleave_core::session::SessionEnd;
use bytes::Bytes;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::channel::{Near, Setup, Size, Start};
use crate::live::{Voice, count};
use crate::node::Leg;
use crate::recording::Recorder;
use crate::screen::Screen;
use crate::session::Session;
use crate::text;

/// Bytes of an employee that may wait for a node before the employee's side is slowed to a trickle.
pub(crate) const BACKLOG: usize = 1024 * 1024;
/// Requests that may wait besides: more is no client that we know.
const REQUESTS: usize = 4096;
/// Notices that wait for a terminal.
const NOTICES: usize = 8;
/// How many turns the library's task gets before what was handed to it counts as written: it needs one.
const TURNS: usize = 4;
/// How long the end of a node's output waits for the exit status, for programs that end the one before the other.
const EOF_HELD: Duration = Duration::from_secs(1);

/// What comes from the employee on one channel. It is taken in at once, whatever it waits for afterwards, so that the
/// connection's other channels and the words about free room go on.
pub(crate) struct Intake {
    messages: ChannelReadHalf,
    session: Arc<Session>,
    waiting: VecDeque<ChannelMsg>,
    is_over: bool,
}

impl Intake {
    pub(crate) fn new(messages: ChannelReadHalf, session: Arc<Session>) -> Self {
        Self { messages, session, waiting: VecDeque::new(), is_over: false }
    }

    /// The next message; `None` when the channel is gone.
    pub(crate) async fn next(&mut self) -> Option<ChannelMsg> {
        if let Some(message) = self.waiting.pop_front() {
            self.session.backlog.fetch_sub(size(&message), Ordering::Relaxed);
            return Some(message);
        }
        if self.is_over {
            return None;
        }
        self.messages.wait().await
    }

    /// Waits for something while taking in what comes.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                message = self.messages.wait(), if !self.is_over => match message {
                    Some(message) if self.waiting.len() < REQUESTS || size(&message) > 0 => {
                        self.session.backlog.fetch_add(size(&message), Ordering::Relaxed);
                        self.waiting.push_back(message);
                    }
                    Some(_) => {}
                    None => self.is_over = true,
                },
            }
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let left: usize = self.waiting.iter().map(size).sum();
        self.session.backlog.fetch_sub(left, Ordering::Relaxed);
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all else carries no bytes")]
fn size(message: &ChannelMsg) -> usize {
    match message {
        ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => data.len(),
        _ => 0,
    }
}

/// Whether the end of the node's output was told to the employee's side.
///
/// It is held until the exit status has gone before it: a client that has seen the end of both directions closes its
/// channel, the library answers that at once, and a status that comes later would be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Held,
    Open,
    Told,
}

/// The node's end of a channel, and what is to be started there.
pub(crate) struct Far {
    pub(crate) setup: Setup,
    pub(crate) start: Start,
    pub(crate) leg: Leg,
    pub(crate) channel: Channel<client::Msg>,
}

/// What sees all that the employee is shown.
struct Shown<'a> {
    recorder: &'a Recorder,
    /// Where there is a terminal.
    screen: Option<Arc<Screen>>,
}

/// Relays a channel until one side closes it.
pub(crate) async fn run(near: Near, mut intake: Intake, far: Far, recorder: &Recorder) -> Near {
    let (messages, out) = far.channel.split();
    if intake.during(prepare(&out, &far.setup, far.start)).await.is_err() {
        near.session.live.node_ended(SessionEnd::ClosedByNode);
        near.refuse(&text::line(text::NODE_REFUSED)).await;
        return near;
    }
    let (notices, noticed) = mpsc::channel(NOTICES);
    if far.setup.terminal.is_some() {
        let _ = notices.try_send(welcome(&near.session));
    }
    let notices = far.setup.terminal.is_some().then_some(notices);
    let screen = far.setup.terminal.is_some().then(Arc::<Screen>::default);
    let voice = Voice { library: near.library.clone(), notices, screen: screen.clone() };
    near.session.live.voices().insert(near.id, voice);
    let shown = Shown { recorder, screen };
    let gone = CancellationToken::new();
    {
        let mut up = pin!(up(&near.session, intake, &out, recorder, &gone));
        let mut down = pin!(down(&near, messages, noticed, &shown, &gone));
        tokio::select! {
            biased;
            () = &mut down => {}
            () = &mut up => down.await,
        }
    }
    drop(out.close().await);
    far.leg.close().await;
    near
}

/// What a terminal shows first.
fn welcome(session: &Session) -> String {
    let (live, now) = (&session.live, session.shared.watch.now().at);
    let basis = live.until().map_or(Basis::Standing, |(basis, _)| basis);
    let opened = live.opened();
    let case = opened.filter(|_| matches!(basis, Basis::Grant { .. })).and_then(|opened| opened.case(now));
    text::welcome(basis, case, live.left().unwrap_or_default())
}

async fn prepare(out: &ChannelWriteHalf<client::Msg>, setup: &Setup, start: Start) -> Result<(), russh::Error> {
    if let Some(terminal) = &setup.terminal {
        let size = terminal.size;
        out.request_pty(false, &terminal.name, size.columns, size.rows, size.width, size.height, &terminal.modes)
            .await?;
    }
    if setup.utf8 {
        out.set_env(false, "LANG", "C.UTF-8").await?;
    }
    match start {
        Start::Command(command) => out.exec(true, command).await,
        Start::Shell => out.request_shell(true).await,
        Start::Subsystem(name) => out.request_subsystem(true, name).await,
    }
}

/// From the employee to the node.
#[expect(clippy::wildcard_enum_match_arm, reason = "all else was dealt with before the start, or means nothing")]
async fn up(
    session: &Session,
    mut intake: Intake,
    out: &ChannelWriteHalf<client::Msg>,
    recorder: &Recorder,
    gone: &CancellationToken,
) {
    let live = &session.live;
    while let Some(message) = intake.next().await {
        if !live.passes() {
            break;
        }
        let passed = match message {
            ChannelMsg::Data { data } => {
                if recorder.input(&data).is_err() {
                    return live.cut(SessionEnd::RecordingFailed);
                }
                count(&live.counts.received_bytes, data.len());
                intake.during(out.data_bytes(data)).await
            }
            ChannelMsg::Eof => intake.during(out.eof()).await,
            ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height } => {
                let size = Size { columns: col_width, rows: row_height, width: pix_width, height: pix_height };
                if recorder.resize(size).is_err() {
                    return live.cut(SessionEnd::RecordingFailed);
                }
                intake.during(out.window_change(col_width, row_height, pix_width, pix_height)).await
            }
            // Passed on, but sshd delivers none to a forced command, and nodes set up by us have no other.
            ChannelMsg::Signal { signal } => intake.during(out.signal(signal)).await,
            ChannelMsg::Close => break,
            _ => Ok(()),
        };
        if passed.is_err() {
            // The node's side is gone; what comes from it last is still on its way down.
            return;
        }
    }
    gone.cancel();
}

/// From the node to the employee, and notices of ours between.
async fn down(
    near: &Near,
    mut messages: ChannelReadHalf,
    mut notices: mpsc::Receiver<String>,
    shown: &Shown<'_>,
    gone: &CancellationToken,
) {
    let live = &near.session.live;
    let mut moving = None;
    let relayed = async {
        let mut end = End::Open;
        loop {
            let message = tokio::select! {
                biased;
                message = messages.wait() => message,
                Some(notice) = notices.recv() => Some(ChannelMsg::ExtendedData { data: notice.into(), ext: 1 }),
                () = written(), if moving.is_some() => {
                    moving = None;
                    continue;
                }
                () = sleep(EOF_HELD), if end == End::Held => {
                    end = End::Told;
                    drop(near.out.eof().await);
                    continue;
                }
            };
            let Some(message) = message else { break live.node_ended(SessionEnd::ClosedByNode) };
            if matches!(message, ChannelMsg::Close) || !live.passes() {
                break;
            }
            if end != End::Open && matches!(message, ChannelMsg::Data { .. } | ChannelMsg::ExtendedData { .. }) {
                // The node said that there would be no more.
                continue;
            }
            moving.get_or_insert_with(|| live.moving());
            let is_eof = matches!(message, ChannelMsg::Eof);
            let is_exit = matches!(message, ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. });
            if is_eof && end == End::Open {
                end = End::Held;
            } else if deliver(near, message, shown).await.is_err() {
                break;
            }
            if is_exit && end == End::Held {
                end = End::Told;
                drop(near.out.eof().await);
            }
        }
        moving.get_or_insert_with(|| live.moving());
        finish(near, shown.recorder, end).await;
    };
    tokio::select! {
        biased;
        () = gone.cancelled() => {}
        () = relayed => {}
    }
    tokio::spawn(async move {
        written().await;
        drop(moving);
    });
}

/// Waits until what was handed to the library has been written to the socket, or waits there: its task was woken before
/// this one, on the same thread, and writes all it was handed in its turn. Counting turns and not time, this holds also
/// for a process that was stopped meanwhile.
async fn written() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Closes the employee's end, after what a terminal's output still held back. After a cut the last word is all there is
/// to say.
async fn finish(near: &Near, recorder: &Recorder, end: End) {
    if !near.session.live.gate.is_open() {
        return;
    }
    if let Ok(rest) = recorder.rest() {
        drop(near.out.data_bytes(rest).await);
    }
    if end == End::Held {
        drop(near.out.eof().await);
    }
    drop(near.out.close().await);
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a node has nothing else to say on a channel")]
async fn deliver(near: &Near, message: ChannelMsg, shown: &Shown<'_>) -> Result<(), ()> {
    let (id, library) = (near.id, &near.library);
    match message {
        ChannelMsg::Data { data } => deliver_bytes(near, data, None, shown).await,
        ChannelMsg::ExtendedData { data, ext } => deliver_bytes(near, data, Some(ext), shown).await,
        ChannelMsg::Success => {
            near.answered();
            library.channel_success(id).await
        }
        ChannelMsg::Failure => {
            near.answered();
            library.channel_failure(id).await
        }
        ChannelMsg::ExitStatus { exit_status } => {
            shown.recorder.exit(json!({ "status": exit_status }));
            library.exit_status_request(id, exit_status).await
        }
        ChannelMsg::ExitSignal { signal_name, core_dumped, error_message, lang_tag } => {
            shown.recorder.exit(json!({ "signal": format!("{signal_name:?}") }));
            library.exit_signal_request(id, signal_name, core_dumped, error_message, lang_tag).await
        }
        _ => Ok(()),
    }
}

/// Records bytes, and only then delivers them.
async fn deliver_bytes(near: &Near, data: Bytes, ext: Option<u32>, shown: &Shown<'_>) -> Result<(), ()> {
    let live = &near.session.live;
    let ready = shown.recorder.output(data, ext.is_some()).map_err(|_| live.cut(SessionEnd::RecordingFailed))?;
    if let Some(screen) = &shown.screen {
        screen.follow(&ready);
    }
    count(&live.counts.sent_bytes, ready.len());
    match ext {
        None => near.out.data_bytes(ready).await.map_err(drop),
        Some(ext) => near.out.extended_data_bytes(ext, ready).await.map_err(drop),
    }
}

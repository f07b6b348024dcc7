//! One channel of the employee's: what is asked of it before it starts, and what it then becomes.
//!
//! A channel asks the rules for its own permit and gets a connection to the node of its own, so that one that does
//! not move holds up no other, and a terminal only where one was asked for. Only `TERM` and a UTF-8 locale pass.

use std::sync::Arc;

use byleave_core::access::Wanted;
use byleave_core::event::Tried;
use byleave_core::id::NodeId;
use byleave_core::inventory::Node;
use byleave_core::session::SessionEnd;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelWriteHalf, Pty};

use crate::control::Account;
use crate::live::{Refused, count};
use crate::node::{self, DialError};
use crate::recording::{Kind, Recorder};
use crate::relay::{self, Far, Intake};
use crate::session::{Session, Stage, node_of};
use crate::transfer::Transfer;
use crate::{logs, text, words};

/// What a channel is asked to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    Command(Vec<u8>),
    Shell,
    Subsystem(String),
}

impl Start {
    /// Whether it holds a NUL, at which a node would close the channel without a word.
    fn has_nul(&self) -> bool {
        match self {
            Self::Command(line) => line.contains(&0),
            Self::Shell => false,
            Self::Subsystem(name) => name.contains('\0'),
        }
    }
}

/// A terminal as the employee's side has it.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    pub(crate) name: String,
    pub(crate) size: Size,
    pub(crate) modes: Vec<(Pty, u32)>,
}

/// The size of a terminal: columns, rows, and both in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: u32,
    pub(crate) rows: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// What was asked of the channel before it started.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) terminal: Option<Terminal>,
    pub(crate) utf8: bool,
}

/// The employee's end of a channel.
pub(crate) struct Near {
    pub(crate) session: Arc<Session>,
    pub(crate) id: ChannelId,
    pub(crate) out: ChannelWriteHalf<Msg>,
    pub(crate) library: Handle,
}

impl Near {
    /// Tells the employee something on standard error.
    pub(crate) async fn tell(&self, text: &str) {
        drop(self.out.extended_data_bytes(1, text.as_bytes().to_vec()).await);
    }

    /// Says that what was asked for is started.
    pub(crate) async fn accept(&self) {
        self.answered();
        let _ = self.library.channel_success(self.id).await;
    }

    /// Notes that the start is being answered: what is asked for from now on comes too late.
    pub(crate) fn answered(&self) {
        if let Some(stage) = self.session.stages().get_mut(&self.id) {
            *stage = Stage::Answered;
        }
    }

    /// Says that what was asked for cannot be started, and ends the channel.
    async fn fail(&self, text: &str) {
        self.tell(text).await;
        self.answered();
        let _ = self.library.channel_failure(self.id).await;
        drop(self.out.eof().await);
        drop(self.out.close().await);
    }

    /// Ends the channel with a status.
    pub(crate) async fn finish(&self, status: u32) {
        let _ = self.library.exit_status_request(self.id, status).await;
        drop(self.out.eof().await);
        drop(self.out.close().await);
    }

    /// Starts recording this channel. What cannot be recorded ends the session.
    pub(crate) fn record(&self, kind: Kind) -> Option<Arc<Recorder>> {
        let (session, clock) = (&self.session, &self.session.shared.watch.clock);
        let started = session.recording().map(|recording| Recorder::start(recording, clock, kind));
        match started {
            Some(Ok(recorder)) => {
                let recorder = Arc::new(recorder);
                session.recorders().push(recorder.clone());
                Some(recorder)
            }
            Some(Err(error)) => {
                tracing::error!(session = %session.live.id, ?error, "a recording cannot be started");
                session.live.cut(SessionEnd::RecordingFailed);
                None
            }
            None => None,
        }
    }

    /// Ends the recording of this channel, durably.
    pub(crate) async fn recorded(&self, recorder: Arc<Recorder>) {
        let finishing = recorder.clone();
        let finished = tokio::task::spawn_blocking(move || finishing.finish()).await;
        self.session.recorders().retain(|known| !Arc::ptr_eq(known, &recorder));
        if !matches!(finished, Ok(Ok(()))) {
            self.session.live.cut(SessionEnd::RecordingFailed);
        }
    }

    /// Starts the channel only to tell something, and ends it.
    pub(crate) async fn refuse(&self, text: &str) {
        self.accept().await;
        self.tell(text).await;
        self.finish(text::REFUSED).await;
    }
}

/// Lives one channel, until it closes or the session is cut.
pub(crate) async fn run(session: Arc<Session>, channel: Channel<Msg>, library: Handle) {
    let live = session.live.clone();
    let id = channel.id();
    let (messages, out) = channel.split();
    let intake = Intake::new(messages, session.clone());
    let near = Near { session: session.clone(), id, out, library };
    tokio::select! {
        biased;
        () = live.ended() => {}
        () = start(near, intake) => {}
    }
    live.voices().remove(&id);
    session.stages().remove(&id);
}

async fn start(near: Near, mut intake: Intake) {
    let mut setup = Setup::default();
    let Some(start) = asked(&mut intake, &mut setup).await else { return };
    if start.has_nul() {
        near.session.tried();
        return near.fail(&text::line(text::NUL)).await;
    }
    let said = words::said(&start);
    match said {
        Some(_) => near.session.spoke(),
        None => near.session.tried(),
    }
    match intake.during(near.session.opened()).await {
        Err(told) => match said {
            Some(said) => words::run(near, intake, setup, said).await,
            None => {
                let written = intake.during(near.session.write_denied()).await;
                near.refuse(written.as_ref().err().unwrap_or(&told)).await;
            }
        },
        Ok(opened) => match node_of(&opened) {
            Some(node) => on_node(near, intake, setup, start, node).await,
            None => logs::run(near, intake, setup, start, &opened).await,
        },
    }
}

/// Takes what comes before the start.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes before the start means nothing")]
async fn asked(intake: &mut Intake, setup: &mut Setup) -> Option<Start> {
    loop {
        match intake.next().await? {
            ChannelMsg::RequestPty { term, col_width, row_height, pix_width, pix_height, terminal_modes, .. } => {
                let size = Size { columns: col_width, rows: row_height, width: pix_width, height: pix_height };
                setup.terminal = Some(Terminal { name: terminal_name(&term), size, modes: terminal_modes });
            }
            ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height } => {
                if let Some(terminal) = &mut setup.terminal {
                    terminal.size = Size { columns: col_width, rows: row_height, width: pix_width, height: pix_height };
                }
            }
            ChannelMsg::SetEnv { variable_name, variable_value, .. } => {
                setup.utf8 |= is_utf8_locale(&variable_name, &variable_value);
            }
            ChannelMsg::RequestShell { .. } => return Some(Start::Shell),
            // A node runs a shell for it.
            ChannelMsg::Exec { command, .. } if command.is_empty() => return Some(Start::Shell),
            ChannelMsg::Exec { command, .. } => return Some(Start::Command(command)),
            ChannelMsg::RequestSubsystem { name, .. } => return Some(Start::Subsystem(name)),
            ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

/// What the node is told of the terminal: a plain name, or one that every system knows.
fn terminal_name(asked: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_');
    let known = (1..=64).contains(&asked.len()) && asked.bytes().all(plain);
    if known { asked.to_owned() } else { "dumb".to_owned() }
}

/// Whether the employee's side uses UTF-8. The node is told no more than that: a language could name a person.
fn is_utf8_locale(name: &str, value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    (name == "LANG" || name.starts_with("LC_")) && (value.ends_with(".utf-8") || value.ends_with(".utf8"))
}

async fn on_node(near: Near, mut intake: Intake, setup: Setup, start: Start, node: NodeId) {
    let session = near.session.clone();
    let permit = session.live.permit(Wanted::Node(node), &session.shared.table);
    let hold = match permit {
        Ok(hold) => hold,
        Err(denial) => {
            session.live.deny(Refused { wanted: Tried::Node, node: Some(node), denial });
            return near.refuse(&text::denied(denial, true)).await;
        }
    };
    let Some(node) = session.live.facts().and_then(|facts| facts.cluster.node(node).cloned()) else {
        return near.refuse(&text::closed()).await;
    };
    match intake.during(connect(&session, &node, &setup)).await {
        Ok((leg, far)) => {
            let Some(recorder) = near.record(kind(&session, &setup, &start)) else { return };
            let near = relay::run(near, intake, Far { setup, start, leg, channel: far }, &recorder).await;
            near.recorded(recorder).await;
        }
        Err(error) => {
            tracing::warn!(session = %session.live.id, node = %node.id, ?error, "the node cannot be used");
            session.live.node_ended(SessionEnd::NodeUnreachable);
            near.refuse(&text::line(&error.to_string())).await;
        }
    }
    drop(hold);
}

/// What the channel is, to its recorder; counts it.
fn kind(session: &Session, setup: &Setup, start: &Start) -> Kind {
    let counts = &session.live.counts;
    let (line, transfer) = match start {
        Start::Command(line) => (Some(line.clone()), Transfer::of_command(line)),
        Start::Shell => (None, None),
        Start::Subsystem(name) => (Some(name.clone().into_bytes()), Transfer::of_subsystem(name)),
    };
    match (&setup.terminal, transfer, line) {
        (None, Some(transfer), Some(line)) => {
            count(&counts.transfers, 1);
            Kind::Transfer { line, transfer: Box::new(transfer) }
        }
        (terminal, _, line) => {
            count(if line.is_none() { &counts.shells } else { &counts.commands }, 1);
            match terminal.clone() {
                Some(terminal) => Kind::Terminal { terminal, line },
                None => Kind::Command { line },
            }
        }
    }
}

async fn connect(
    session: &Session,
    node: &Node,
    setup: &Setup,
) -> Result<(node::Leg, Channel<russh::client::Msg>), DialError> {
    let account = Account::Infrastructure;
    let leg = node::dial(&session.shared, &session.live, node, account, setup.terminal.is_some()).await?;
    let far = leg.open().await?;
    Ok((leg, far))
}

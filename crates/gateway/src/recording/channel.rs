//! The recorder of one channel: what is kept of it depends on what it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::time::Clock;
use bytes::Bytes;
use serde_json::{Value, json};

use super::file::{Stream, Writer};
use super::sum::Sum;
use super::{Failed, Recording, WHOLE, cast};
use crate::channel::{Size, Terminal};
use crate::transfer::Transfer;

/// What a channel is, to its recorder.
pub(crate) enum Kind {
    /// A command or a shell without a terminal.
    Command {
        /// The command line; none for a shell.
        line: Option<Vec<u8>>,
    },
    /// A shell or a command on a terminal.
    Terminal {
        /// The terminal.
        terminal: Terminal,
        /// The command line; none for a shell.
        line: Option<Vec<u8>>,
    },
    /// A transfer of files.
    Transfer {
        /// The command line or the subsystem.
        line: Vec<u8>,
        /// What understands it.
        transfer: Box<Transfer>,
    },
    /// The commands of a session for sync data, over all of its connections.
    Commands,
    /// A word to the gateway.
    Word {
        /// The command line.
        line: Vec<u8>,
    },
}

/// Records one channel.
pub(crate) struct Recorder {
    recording: Arc<Recording>,
    clock: Arc<dyn Clock>,
    number: u32,
    started: i64,
    writer: Writer,
    state: Mutex<State>,
    /// Held while the recording is finished, so that whoever comes second finds it done.
    is_finished: Mutex<bool>,
}

struct State {
    entry: Value,
    cast: Option<cast::Whole>,
    transfer: Option<Transfer>,
    up: Direction,
    down: Direction,
    streams: BTreeMap<Stream, Sum>,
}

/// What is left to be kept of one direction.
struct Direction {
    left: u64,
    partly: bool,
}

impl Recorder {
    /// Starts the recording of a channel.
    ///
    /// # Errors
    /// [`Failed`] if it cannot be written: the channel must not start.
    pub(crate) fn start(recording: &Arc<Recording>, clock: &Arc<dyn Clock>, kind: Kind) -> Result<Self, Failed> {
        let (number, writer) = recording.start()?;
        let reading = clock.read();
        let (entry, cast_header, transfer) = describe(number, kind, reading.wall.millis());
        let kept = if transfer.is_some() { 0 } else { WHOLE };
        let direction = || Direction { left: kept, partly: false };
        let recorder = Self {
            recording: recording.clone(),
            clock: clock.clone(),
            number,
            started: reading.since_boot,
            writer,
            state: Mutex::new(State {
                entry: entry.clone(),
                cast: cast_header.as_ref().map(|_| cast::Whole::default()),
                transfer,
                up: direction(),
                down: direction(),
                streams: BTreeMap::new(),
            }),
            is_finished: Mutex::new(false),
        };
        recorder.writer.write(Stream::Note, format!("{entry}\n").as_bytes())?;
        if let Some(header) = cast_header {
            recorder.keep(&mut recorder.state(), Stream::Cast, header.as_bytes())?;
        }
        Ok(recorder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self) -> i64 {
        (self.clock.read().since_boot - self.started).max(0)
    }

    /// Records what comes from the employee. Of a terminal nothing is kept: it may be a password.
    ///
    /// # Errors
    /// [`Failed`]: it must not be delivered.
    pub(crate) fn input(&self, bytes: &Bytes) -> Result<(), Failed> {
        let mut state = self.state();
        if state.cast.is_some() {
            return Ok(());
        }
        if let Some(transfer) = &mut state.transfer {
            let notes = transfer.up(bytes);
            self.note(&notes)?;
        }
        self.stream(&mut state, Stream::Stdin, bytes)
    }

    /// Records what comes from the node; answers what may be delivered now.
    ///
    /// # Errors
    /// [`Failed`]: it must not be delivered.
    pub(crate) fn output(&self, bytes: Bytes, is_error: bool) -> Result<Bytes, Failed> {
        let mut state = self.state();
        if let Some(whole) = &mut state.cast {
            let ready = whole.next(bytes);
            self.show(&mut state, &ready)?;
            return Ok(ready);
        }
        if let (Some(transfer), false) = (&mut state.transfer, is_error) {
            let notes = transfer.down(&bytes);
            self.note(&notes)?;
        }
        self.stream(&mut state, if is_error { Stream::Stderr } else { Stream::Stdout }, &bytes)?;
        Ok(bytes)
    }

    /// Records one command of a session for sync data, a line of JSON with its end.
    ///
    /// # Errors
    /// [`Failed`]: its answer must not be delivered.
    pub(crate) fn command(&self, line: &[u8]) -> Result<(), Failed> {
        self.keep(&mut self.state(), Stream::Commands, line)
    }

    /// What a terminal's output still held back, at its end.
    ///
    /// # Errors
    /// [`Failed`]: it must not be delivered.
    pub(crate) fn rest(&self) -> Result<Bytes, Failed> {
        let mut state = self.state();
        let rest = state.cast.as_mut().map(cast::Whole::rest).unwrap_or_default();
        self.show(&mut state, &rest)?;
        Ok(rest)
    }

    /// Records a new size of the terminal.
    ///
    /// # Errors
    /// [`Failed`] if it cannot be written.
    pub(crate) fn resize(&self, size: Size) -> Result<(), Failed> {
        let mut state = self.state();
        if state.cast.is_none() {
            return Ok(());
        }
        let line = cast::resize(self.millis(), size.columns, size.rows);
        self.keep(&mut state, Stream::Cast, line.as_bytes())
    }

    /// Notes how it ended.
    pub(crate) fn exit(&self, how: Value) {
        if let Some(entry) = self.state().entry.as_object_mut() {
            entry.insert("exit".to_owned(), how);
        }
    }

    fn show(&self, state: &mut State, bytes: &[u8]) -> Result<(), Failed> {
        if bytes.is_empty() {
            return Ok(());
        }
        let line = cast::output(self.millis(), bytes);
        self.keep(state, Stream::Cast, line.as_bytes())
    }

    /// Keeps a stream's bytes up to the limit of their direction, and hashes all of them.
    fn stream(&self, state: &mut State, stream: Stream, bytes: &Bytes) -> Result<(), Failed> {
        let direction = if stream == Stream::Stdin { &mut state.up } else { &mut state.down };
        let room = usize::try_from(direction.left).unwrap_or(usize::MAX);
        let kept = bytes.get(..room).unwrap_or(bytes);
        direction.left -= kept.len() as u64;
        direction.partly |= kept.len() < bytes.len();
        if !kept.is_empty() {
            self.writer.write(stream, kept)?;
        }
        // The files of a transfer that is understood are hashed one by one.
        let is_hashed = state.transfer.as_ref().is_none_or(Transfer::is_opaque);
        let sum = state.streams.entry(stream).or_default();
        sum.keep(kept);
        if is_hashed {
            sum.pass_hashed(bytes);
        }
        Ok(())
    }

    fn keep(&self, state: &mut State, stream: Stream, bytes: &[u8]) -> Result<(), Failed> {
        self.writer.write(stream, bytes)?;
        let sum = state.streams.entry(stream).or_default();
        sum.pass(bytes.len() as u64);
        sum.keep(bytes);
        Ok(())
    }

    fn note(&self, notes: &[Value]) -> Result<(), Failed> {
        for note in notes {
            self.writer.write(Stream::Note, format!("{note}\n").as_bytes())?;
        }
        Ok(())
    }

    /// Ends the recording of this channel, durably. Blocks: not for a thread that relays.
    ///
    /// # Errors
    /// [`Failed`] if it cannot be written.
    pub(crate) fn finish(&self) -> Result<(), Failed> {
        let mut is_finished = self.is_finished.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_finished, true) {
            return Ok(());
        }
        let mut state = self.state();
        let rest = state.cast.as_mut().map(cast::Whole::rest).unwrap_or_default();
        self.show(&mut state, &rest)?;
        let streams = std::mem::take(&mut state.streams);
        let parts: Vec<_> = streams.into_iter().map(|(stream, sum)| sum.part(self.number, stream)).collect();
        let files = state.transfer.as_mut().map(Transfer::finish);
        let changes = state.transfer.as_mut().map(Transfer::changes).unwrap_or_default();
        let beyond = state.transfer.as_ref().map(Transfer::beyond).unwrap_or_default();
        let partly = match &state.transfer {
            Some(transfer) => transfer.is_partly(),
            None => state.up.partly || state.down.partly,
        };
        let millis = self.millis();
        if let Some(entry) = state.entry.as_object_mut() {
            entry.insert("millis".to_owned(), millis.into());
            entry.insert("parts".to_owned(), parts.into());
            if partly {
                entry.insert("partly_recorded".to_owned(), true.into());
            }
            if let Some(files) = files {
                entry.insert("files".to_owned(), files.into());
            }
            if !changes.is_empty() {
                entry.insert("changes".to_owned(), changes.into());
            }
            // Whoever reads a table must see where it stops; the notes go on.
            for (name, more) in [("more_files", beyond.files), ("more_changes", beyond.changes)] {
                if more > 0 {
                    entry.insert(name.to_owned(), more.into());
                }
            }
        }
        let entry = std::mem::take(&mut state.entry);
        drop(state);
        self.writer.write(Stream::Note, format!("{entry}\n").as_bytes())?;
        self.writer.end()?;
        self.writer.sync()?;
        self.recording.finish_channel(self.number, entry, partly);
        Ok(())
    }
}

/// The entry of a channel, the header of its cast, and what understands its bytes.
fn describe(number: u32, kind: Kind, wall: i64) -> (Value, Option<String>, Option<Transfer>) {
    let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    let entry = |kind: &str, line: Option<&[u8]>| {
        let at = byleave_core::time::Timestamp::from_millis(wall).to_string();
        json!({ "channel": number, "kind": kind, "at": at, "command": line.map(text) })
    };
    match kind {
        Kind::Command { line } => (entry("command", line.as_deref()), None, None),
        Kind::Terminal { terminal, line } => {
            let command = line.as_deref().map(text);
            let (columns, rows) = (terminal.size.columns, terminal.size.rows);
            let header = cast::header(columns, rows, wall / 1000, &terminal.name, command.as_deref());
            (entry("terminal", line.as_deref()), Some(header), None)
        }
        Kind::Transfer { line, transfer } => (entry("transfer", Some(&line)), None, Some(*transfer)),
        Kind::Commands => (entry("commands", None), None, None),
        Kind::Word { line } => (entry("word", Some(&line)), None, None),
    }
}

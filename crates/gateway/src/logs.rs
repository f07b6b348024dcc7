//! The words of the gateway where logs are open and a shell is not: `logs`, `logs <name>`, those of sync data and those
//! of [`crate::words`].
//!
//! `ssh <cluster host>@gateway logs` lists exactly the logs that are open, `… logs <name>` streams one of them. Each is
//! decided by itself; it is read over SFTP at the exact path of the inventory through the node's account for logs, and
//! no path or name enters a shell. Every other try is told what is open.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use byleave_core::access::{Denial, Wanted};
use byleave_core::event::Tried;
use byleave_core::id::NodeId;
use byleave_core::inventory::{Log, Node};
use byleave_core::session::SessionEnd;
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;

use crate::channel::{Near, Setup, Start};
use crate::control::{Account, Opened, Report};
use crate::live::{Hold, Live, Refused, count};
use crate::node::{self, DialError};
use crate::recording::{Kind, Recorder, into_array};
use crate::relay::Intake;
use crate::words::{self, Said};
use crate::{sync, text};

mod sftp;
use sftp::{Reader, SftpError};

/// What an employee asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word<'a> {
    List,
    Other,
    /// `logs`, but not as it is said.
    Usage,
    /// To open a session for sync data.
    Sync,
    /// The certificate by which the clients of sync data know the gateway.
    SyncCa,
    /// A log, of a certain node if its host is given as `<host>/<name>`.
    Stream(Option<&'a str>, &'a str),
}

impl<'a> Word<'a> {
    fn of(start: &'a Start) -> Self {
        let Start::Command(line) = start else { return Self::Other };
        let words: Vec<_> = std::str::from_utf8(line).unwrap_or_default().split_ascii_whitespace().collect();
        match words.as_slice() {
            ["logs"] => Self::List,
            ["sync"] => Self::Sync,
            ["sync-ca"] => Self::SyncCa,
            ["logs", name] if !name.starts_with('-') => match name.rsplit_once('/') {
                Some((host, name)) => Self::Stream(Some(host), name),
                None => Self::Stream(None, name),
            },
            ["logs", ..] => Self::Usage,
            _ => Self::Other,
        }
    }
}

/// The logs of the node that was named, or of the whole cluster.
#[derive(Default)]
struct Logs {
    open: Vec<Open>,
    closed: Vec<Closed>,
}

/// A log that is not open, and why.
struct Closed {
    node: Node,
    log: Log,
    denial: Denial,
}

/// What becomes of a shell that was tried.
enum Shell {
    Denied(Denial),
    /// It is open by now, on these nodes of the cluster whose host was named.
    Elsewhere(Vec<String>),
}

/// A log that is open.
struct Open {
    node: Node,
    log: Log,
    /// INVARIANT: held as long as the log is read, so that it is decided again.
    _hold: Hold,
}

/// Answers one channel of a session that has only logs.
pub(crate) async fn run(near: Near, mut intake: Intake, setup: Setup, start: Start, opened: &Opened) {
    let live = near.session.live.clone();
    count(&live.counts.commands, 1);
    let line = match &start {
        Start::Command(line) => line.clone(),
        Start::Shell => Vec::new(),
        Start::Subsystem(name) => name.clone().into_bytes(),
    };
    let Some(recorder) = near.record(Kind::Word { line }) else { return };
    near.accept().await;
    let end = if setup.terminal.is_some() { "\r\n" } else { "\n" };
    let answer = Answer { near: &near, recorder: &recorder, end, node: opened.logs_of };
    let status = match words::said(&start) {
        Some(said) => intake.during(answer.pass_on(said)).await,
        None => {
            let logs = logs(&near, opened);
            match Word::of(&start) {
                Word::List => answer.list(&logs.open).await,
                Word::Other => answer.other(&logs.open).await,
                Word::Usage => answer.usage().await,
                Word::Sync => {
                    drop(logs);
                    sync::word::run(&answer, &mut intake, opened).await
                }
                Word::SyncCa => sync::word::show_ca(&answer).await,
                Word::Stream(host, name) => intake.during(answer.stream(logs, host, name)).await,
            }
        }
    };
    recorder.exit(json!({ "status": status }));
    near.finish(status).await;
    near.recorded(recorder).await;
}

/// What the rules say now to each log of the node that was named or of the whole cluster.
fn logs(near: &Near, opened: &Opened) -> Logs {
    let (live, table) = (&near.session.live, &near.session.shared.table);
    let Some(facts) = live.facts() else { return Logs::default() };
    let nodes = facts.cluster.nodes.iter().filter(|node| !node.removed);
    let meant = nodes.filter(|node| opened.logs_of.is_none_or(|id| id == node.id));
    let mut logs = Logs::default();
    for (node, log) in meant.flat_map(|node| node.logs.iter().map(move |log| (node.clone(), log.clone()))) {
        match live.permit(Wanted::Log(node.id, log.name.clone()), table) {
            Ok(hold) => logs.open.push(Open { node, log, _hold: hold }),
            Err(denial) => logs.closed.push(Closed { node, log, denial }),
        }
    }
    logs
}

pub(crate) struct Answer<'a> {
    pub(crate) near: &'a Near,
    recorder: &'a Arc<Recorder>,
    end: &'static str,
    /// The node that was named.
    node: Option<NodeId>,
}

impl Answer<'_> {
    /// Says something that is recorded in other words, because a secret is in it.
    pub(crate) async fn say_masked(&self, text: String, masked: String, is_error: bool) {
        if self.recorder.output(Bytes::from(masked), is_error).is_err() {
            return self.near.session.live.cut(SessionEnd::RecordingFailed);
        }
        let (out, bytes) = (&self.near.out, Bytes::from(text));
        let _ = if is_error { out.extended_data_bytes(1, bytes).await } else { out.data_bytes(bytes).await };
    }

    pub(crate) async fn say(&self, text: String, is_error: bool) {
        let Ok(bytes) = self.recorder.output(Bytes::from(text), is_error) else {
            return self.near.session.live.cut(SessionEnd::RecordingFailed);
        };
        let out = &self.near.out;
        let _ = if is_error { out.extended_data_bytes(1, bytes).await } else { out.data_bytes(bytes).await };
    }

    fn lines(&self, logs: &[Open]) -> String {
        let line =
            |open: &Open| format!("{}\t{}\t{}{}", open.log.name, open.log.kind.as_str(), open.node.host, self.end);
        logs.iter().map(line).collect()
    }

    async fn list(&self, logs: &[Open]) -> u32 {
        self.say(self.lines(logs), false).await;
        0
    }

    /// Passes on what the employee says to the customer.
    async fn pass_on(&self, said: Said) -> u32 {
        let answer = words::answer(&self.near.session, said, self.end).await;
        let (is_error, status) = (answer.is_error(), answer.status);
        self.say(answer.text, is_error).await;
        status
    }

    async fn usage(&self) -> u32 {
        self.say(text::line(text::LOGS_USAGE), true).await;
        text::REFUSED
    }

    async fn other(&self, logs: &[Open]) -> u32 {
        let told = match self.shell() {
            Shell::Denied(Denial::NodeUnchecked) => format!("{} {}", text::UNCHECKED, text::ONLY_LOGS),
            Shell::Elsewhere(hosts) if !hosts.is_empty() => text::shells_elsewhere(&hosts),
            Shell::Denied(_) | Shell::Elsewhere(_) => text::ONLY_LOGS.to_owned(),
        };
        self.say(text::line(&told), true).await;
        self.say(self.lines(logs), true).await;
        text::REFUSED
    }

    async fn stream(&self, logs: Logs, host: Option<&str>, name: &str) -> u32 {
        let is_meant =
            |node: &Node, log: &Log| log.name.as_str() == name && host.is_none_or(|h| node.host.as_str() == h);
        let (mut meant, others): (Vec<_>, Vec<_>) =
            logs.open.into_iter().partition(|open| is_meant(&open.node, &open.log));
        match (meant.pop(), meant.is_empty()) {
            (Some(open), true) => self.download(open).await,
            (Some(_), false) => {
                self.say(text::line(text::WHICH_NODE), true).await;
                text::REFUSED
            }
            (None, _) => {
                self.deny_log(logs.closed.iter().filter(|closed| is_meant(&closed.node, &closed.log)));
                self.say(text::line(text::NO_SUCH_LOG), true).await;
                self.say(self.lines(&others), true).await;
                text::REFUSED
            }
        }
    }

    /// Finds out what a shell, command or transfer that was tried here is told, and tells the control if it is denied.
    /// Where the rules open the node, or on a cluster's host one of its nodes, it is no denial: another connection gets
    /// it.
    fn shell(&self) -> Shell {
        let session = &self.near.session;
        let Some(facts) = session.live.facts() else { return Shell::Elsewhere(Vec::new()) };
        let nodes = facts.cluster.nodes.iter().filter(|node| !node.removed);
        let (mut open, mut denied) = (Vec::new(), None);
        for node in nodes.filter(|node| self.node.is_none_or(|id| id == node.id)) {
            match session.live.permit(Wanted::Node(node.id), &session.shared.table) {
                Ok(_) => open.push(node.host.to_string()),
                Err(denial) => drop(denied.get_or_insert(denial)),
            }
        }
        if !open.is_empty() {
            return Shell::Elsewhere(if self.node.is_none() { open } else { Vec::new() });
        }
        let denial = denied.unwrap_or(Denial::Unknown);
        session.live.deny(Refused { wanted: Tried::Node, node: self.node, denial });
        Shell::Denied(denial)
    }

    /// Tells that a log was tried that is not open, or not there. Only what the inventory says of it is told.
    fn deny_log<'c>(&self, closed: impl Iterator<Item = &'c Closed>) {
        let known: Vec<_> = closed.collect();
        let refused = match known.as_slice() {
            [] => Refused { wanted: Tried::Log, node: self.node, denial: Denial::Unknown },
            [one] => Refused { wanted: one.log.kind.into(), node: Some(one.node.id), denial: one.denial },
            [one, ..] => Refused { wanted: one.log.kind.into(), node: None, denial: one.denial },
        };
        self.near.session.live.deny(refused);
    }

    async fn download(&self, open: Open) -> u32 {
        let session = &self.near.session;
        let dialed = node::dial(&session.shared, &session.live, &open.node, Account::Logs, false).await;
        let read = match dialed {
            Ok(leg) => {
                let read = self.read(&leg, &open).await;
                leg.close().await;
                read
            }
            Err(error) => Err(LogError::Dial(error)),
        };
        let Err(error) = read else { return 0 };
        tracing::warn!(session = %session.live.id, node = %open.node.id, ?error, "a log cannot be read");
        self.say(text::line(&error.to_string()), true).await;
        text::REFUSED
    }

    async fn read(&self, leg: &node::Leg, open: &Open) -> Result<(), LogError> {
        let channel = leg.open().await.map_err(LogError::Dial)?;
        let opened = Reader::open(channel, open.log.path.as_str());
        let patience = self.near.session.shared.config.node_patience;
        let mut reader = timeout(patience, opened).await.map_err(|_| LogError::Dial(DialError::Late))??;
        let mut download = Download::new(self.near.session.live.clone(), open);
        while let Some(chunk) = reader.next().await? {
            if !download.live.passes() {
                return Err(LogError::Sftp(SftpError::Gone));
            }
            download.take(&chunk);
            self.near.out.data_bytes(chunk).await.map_err(SftpError::Library)?;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("{0}")]
    Dial(DialError),
    #[error("{0}")]
    Sftp(#[from] SftpError),
}

/// One log on its way; what was read is reported when it is dropped, whatever ended it.
struct Download<'a> {
    live: Arc<Live>,
    open: &'a Open,
    bytes: usize,
    hash: Context,
}

impl<'a> Download<'a> {
    fn new(live: Arc<Live>, open: &'a Open) -> Self {
        Self { live, open, bytes: 0, hash: Context::new(&SHA256) }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len();
        self.hash.update(chunk);
        count(&self.live.counts.sent_bytes, chunk.len());
    }
}

impl Drop for Download<'_> {
    fn drop(&mut self) {
        let Open { node, log, .. } = self.open;
        self.live.report(Report::LogDownloaded {
            session: self.live.id,
            node: node.id,
            log: log.name.clone(),
            bytes: i64::try_from(self.bytes).unwrap_or(i64::MAX),
            sha256: into_array(&self.hash.clone().finish()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_words_are_taken() {
        let word = |line: &str| match Word::of(&Start::Command(line.as_bytes().to_vec())) {
            Word::List => "list".to_owned(),
            Word::Other => "other".to_owned(),
            Word::Usage => "usage".to_owned(),
            Word::Sync => "sync".to_owned(),
            Word::SyncCa => "sync-ca".to_owned(),
            Word::Stream(host, name) => format!("{host:?} {name}"),
        };
        assert_eq!((word("logs"), word("sync"), word("sync-ca")), ("list".into(), "sync".into(), "sync-ca".into()));
        assert_eq!(word(" logs  mongod "), "None mongod");
        assert_eq!(word("logs node-1.shop.example/mongod"), "Some(\"node-1.shop.example\") mongod");
        for usage in ["logs a b", "logs -f mongod", "logs mongod --help", "logs -f", "logs --help"] {
            assert_eq!(word(usage), "usage", "{usage}");
        }
        for other in ["", "sh", "logs; sh", "LOGS", "logsx", "sync x", "sync ca"] {
            assert_eq!(word(other), "other", "{other}");
        }
        assert_eq!(Word::of(&Start::Shell), Word::Other);
        assert_eq!(Word::of(&Start::Subsystem("sftp".to_owned())), Word::Other);
    }
}

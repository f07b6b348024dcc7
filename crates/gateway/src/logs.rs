//! The words of the gateway where logs are open and a shell is not: `logs` and `logs <name>`.
//!
//! `ssh <cluster host>@gateway logs` lists exactly the logs that are open, `… logs <name>` streams one of them. Each is
//! decided by itself; it is read over SFTP at the exact path of the inventory through the node's account for logs, and
//! no path or name enters a shell. Every other try is told what is open.

use std::sync::Arc;

use byleave_core::access::Wanted;
use byleave_core::inventory::{Log, Node};
use byleave_core::session::SessionEnd;
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::channel::{Near, Setup, Start};
use crate::control::{Account, Opened, Report};
use crate::live::{Hold, Live, count};
use crate::node::{self, DialError};
use crate::recording::{Kind, Recorder, into_array};
use crate::relay::Intake;
use crate::text;

mod sftp;
use sftp::{Reader, SftpError};

/// What an employee asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word<'a> {
    List,
    Other,
    /// A log, of a certain node if its host is given as `<host>/<name>`.
    Stream(Option<&'a str>, &'a str),
}

impl<'a> Word<'a> {
    fn of(start: &'a Start) -> Self {
        let Start::Command(line) = start else { return Self::Other };
        let words: Vec<_> = std::str::from_utf8(line).unwrap_or_default().split_ascii_whitespace().collect();
        match words.as_slice() {
            ["logs"] => Self::List,
            ["logs", name] => match name.rsplit_once('/') {
                Some((host, name)) => Self::Stream(Some(host), name),
                None => Self::Stream(None, name),
            },
            _ => Self::Other,
        }
    }
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
    let _ = near.library.channel_success(near.id).await;
    let answer = Answer { near: &near, recorder: &recorder, end: if setup.terminal.is_some() { "\r\n" } else { "\n" } };
    let logs = open_logs(&near, opened);
    let status = match Word::of(&start) {
        Word::List => answer.list(&logs).await,
        Word::Other => answer.other(&logs).await,
        Word::Stream(host, name) => intake.during(answer.stream(logs, host, name)).await,
    };
    recorder.exit(json!({ "status": status }));
    near.finish(status).await;
    near.recorded(recorder).await;
}

/// The logs that the rules open now, of the node that was named or of the whole cluster.
fn open_logs(near: &Near, opened: &Opened) -> Vec<Open> {
    let (live, table) = (&near.session.live, &near.session.shared.table);
    let Some(facts) = live.facts() else { return Vec::new() };
    let nodes = facts.cluster.nodes.iter().filter(|node| !node.removed);
    let meant = nodes.filter(|node| opened.logs_of.is_none_or(|id| id == node.id));
    let logs = meant.flat_map(|node| node.logs.iter().map(move |log| (node, log)));
    let open = logs.filter_map(|(node, log)| {
        let hold = live.permit(Wanted::Log(node.id, log.name.clone()), table).ok()?;
        Some(Open { node: node.clone(), log: log.clone(), _hold: hold })
    });
    open.collect()
}

struct Answer<'a> {
    near: &'a Near,
    recorder: &'a Arc<Recorder>,
    end: &'static str,
}

impl Answer<'_> {
    async fn say(&self, text: String, is_error: bool) {
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

    async fn other(&self, logs: &[Open]) -> u32 {
        self.say(text::line(text::ONLY_LOGS), true).await;
        self.say(self.lines(logs), true).await;
        text::REFUSED
    }

    async fn stream(&self, logs: Vec<Open>, host: Option<&str>, name: &str) -> u32 {
        let is_meant =
            |open: &Open| open.log.name.as_str() == name && host.is_none_or(|h| open.node.host.as_str() == h);
        let (mut meant, others): (Vec<_>, Vec<_>) = logs.into_iter().partition(is_meant);
        match (meant.pop(), meant.is_empty()) {
            (Some(open), true) => self.download(open).await,
            (Some(_), false) => {
                self.say(text::line(text::WHICH_NODE), true).await;
                text::REFUSED
            }
            (None, _) => {
                self.say(text::line(text::NO_SUCH_LOG), true).await;
                self.say(self.lines(&others), true).await;
                text::REFUSED
            }
        }
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
        let channel = leg.open().await.map_err(SftpError::Library)?;
        let mut reader = Reader::open(channel, open.log.path.as_str()).await?;
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
            Word::Stream(host, name) => format!("{host:?} {name}"),
        };
        assert_eq!(word("logs"), "list");
        assert_eq!(word(" logs  mongod "), "None mongod");
        assert_eq!(word("logs node-1.shop.example/mongod"), "Some(\"node-1.shop.example\") mongod");
        for other in ["", "sh", "logs a b", "logs; sh", "LOGS", "logsx"] {
            assert_eq!(word(other), "other", "{other}");
        }
        assert_eq!(Word::of(&Start::Shell), Word::Other);
        assert_eq!(Word::of(&Start::Subsystem("sftp".to_owned())), Word::Other);
    }
}

//! What the gateway asks and tells: the trait [`Control`] and its plain types.
//!
//! The application implements it over the store; a gateway elsewhere will get it over the network, so everything here
//! can be serialised. A permit never crosses: the gateway makes its own with [`byleave_core::access::decide`] on the
//! [`Facts`] it is given. Nothing here may hold up a cut: the gateway calls no function of this trait on that path.

use std::net::IpAddr;
use std::sync::Arc;

use byleave_core::access::{Asker, Basis, Denial, Facts, Published, Wanted};
use byleave_core::event::{Forwarding, Side, Tried};
use byleave_core::grant::GrantType;
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, NodeId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::{CaseNumber, HostName, LogName, PublicKey, Reason};
use byleave_core::request::{AskError, RequestStatus, Wish};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{Clock, Now, Timestamp, Ttl};
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};
use zeroize::Zeroizing;

/// What the gateway asks of the rest of Byleave, and tells it.
pub trait Control: Send + Sync + 'static {
    /// Who holds this public key; `None` for a key nobody has.
    fn employee<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<Option<KnownEmployee>, ControlError>>;

    /// Opens a session: in one transaction loads the facts, decides, and writes `session.opened` durably. A denial is
    /// not written yet: what only speaks to the customer is no try to get in.
    ///
    /// A host of a node stands for that node, and for its logs where the node itself is not open; the host of a
    /// cluster stands for the cluster's logs. An unknown host and a closed one get the same answer.
    fn open(&self, request: OpenRequest) -> BoxFuture<'_, Result<Opened, OpenRefused>>;

    /// Writes down, folded, that [`Control::open`] denied this: it was a try to get in. An error means that it was not
    /// written.
    fn denied(&self, request: OpenRequest, denial: Denial) -> BoxFuture<'_, Result<(), ControlError>>;

    /// What the gateway signs in to the databases of an open session for sync data with, on the basis that it goes on now:
    /// what the customer supplied with that grant, else what an administrator set for the cluster.
    /// [`ControlError::Refused`] if there is neither.
    fn sync_credential(&self, session: SessionId, basis: Basis) -> BoxFuture<'_, Result<SyncCredential, ControlError>>;

    /// Makes the certificate for one connection to a node: its line in OpenSSH form.
    fn certify(&self, request: CertificateRequest) -> BoxFuture<'_, Result<String, ControlError>>;

    /// Follows the facts of a cluster. What the receiver holds when this returns is never older than what is
    /// committed.
    fn follow(&self, cluster: ClusterId) -> BoxFuture<'_, Result<watch::Receiver<Arc<Published>>, ControlError>>;

    /// Writes down what happened. An error means that it was not written; the gateway tries again.
    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), ControlError>>;

    /// Takes what an employee says to the customer. The answer must be the same whether there is such a host or not, until
    /// the customer has answered.
    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<Reply, SayError>>;

    /// Until when live sessions may go on without a further sign of life.
    fn lease(&self) -> watch::Receiver<Lease>;

    /// The clocks, read before each chunk that passes.
    fn clock(&self) -> Arc<dyn Clock>;

    /// What time it is, and whether that is in doubt. Must not wait.
    fn now(&self) -> Now;

    /// What to end, besides what the facts end.
    fn orders(&self) -> broadcast::Receiver<Order>;
}

/// The control could not answer. The source was logged where it arose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The answer would have been a refusal: what was asked about is not there or no longer so.
    #[error("refused")]
    Refused,
    /// It cannot be reached, or its store cannot commit.
    #[error("unavailable")]
    Unavailable,
}

/// An employee whose key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEmployee {
    /// Who.
    pub employee: EmployeeId,
    /// By which key.
    pub key: EmployeeKeyId,
    /// Their state.
    pub asker: Asker,
}

/// A wish to open a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The id of the new session.
    pub session: SessionId,
    /// Who asks.
    pub employee: EmployeeId,
    /// By which key they came in.
    pub key: EmployeeKeyId,
    /// The user name of `ssh <host>@gateway`.
    pub host: HostName,
    /// Where the employee connects from. Never shown to a customer.
    pub from: IpAddr,
    /// What the session is for.
    pub purpose: Purpose,
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// What `ssh <host>@gateway` means.
    Ssh,
    /// Sync data of the cluster whose host is named.
    SyncData,
}

/// What the gateway signs in to a cluster's databases with. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SyncCredential {
    /// A user name and its password, for SCRAM-SHA-256.
    Scram {
        /// The user name.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A certificate chain and its private key in PEM, for MONGODB-X509.
    X509 {
        /// Both, in one text.
        pem: Zeroizing<String>,
    },
}

impl std::fmt::Debug for SyncCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncCredential(..)")
    }
}

/// A session that `session.opened` was written for.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The facts it was decided on.
    pub facts: Facts,
    /// What was opened: a node or the list of logs.
    pub wanted: Wanted,
    /// The node whose logs are meant; `None` for all of the cluster, or when a node was opened.
    pub logs_of: Option<NodeId>,
    /// The pseudonym under which the customer sees the employee.
    pub identifier: EmployeeIdentifier,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The key that the session's recording is encrypted with.
    pub recording_key: RecordingKey,
}

impl Opened {
    /// The customer's case, where the grant in force names one.
    pub(crate) fn case(&self, now: Timestamp) -> Option<&CaseNumber> {
        byleave_core::grant::in_force(&self.facts.grants, now).and_then(|grant| grant.case.as_ref())
    }
}

/// The key of one session's recording.
#[derive(Clone)]
pub struct RecordingKey(pub Zeroizing<[u8; 32]>);

impl std::fmt::Debug for RecordingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordingKey(..)")
    }
}

/// Why nothing was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefused {
    /// The rules say no.
    #[error("denied: {denial}")]
    Denied {
        /// Why.
        denial: Denial,
        /// Whether the employee may learn why; otherwise they learn only that the target is not open.
        tell: bool,
    },
    /// The control or its store cannot answer now.
    #[error("unavailable")]
    Unavailable,
}

/// What an employee says to the customer of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// The session in which they say it, open or refused.
    pub session: SessionId,
    /// Who.
    pub employee: EmployeeId,
    /// By which key they came in.
    pub key: EmployeeKeyId,
    /// The user name of `ssh <host>@gateway`.
    pub host: HostName,
    /// What.
    pub what: What,
}

/// What an employee can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// They need the cluster no longer: their other sessions there are to be ended.
    HandBack,
    /// They ask for a grant.
    Request(Wish),
    /// They want to see what became of their requests.
    Requests,
}

/// What the control says to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was taken, whatever there was to hand back.
    HandedBack {
        /// Whether a request of theirs for this host waited and was taken back.
        withdrawn: bool,
    },
    /// It was taken, whoever there is to be asked.
    Requested {
        /// Whether it took the place of one of theirs for this host that waited.
        replaced: bool,
    },
    /// The latest requests, newest first.
    Requests(Vec<OwnRequest>),
}

/// A request as its employee sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRequest {
    /// The host that was asked for.
    pub host: HostName,
    /// What was asked for.
    pub kind: GrantType,
    /// For how long.
    pub ttl: Ttl,
    /// The case they named.
    pub case: Option<CaseNumber>,
    /// Why they asked.
    pub reason: Reason,
    /// When.
    pub asked_at: Timestamp,
    /// What has become of it.
    pub status: RequestStatus,
    /// What the customer said when they declined.
    pub answer: Option<Reason>,
}

/// Why something that was said was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SayError {
    /// Nothing can be asked for now, whatever it is.
    #[error(transparent)]
    Ask(AskError),
    /// The employee may say nothing.
    #[error("refused")]
    NotOpen,
    /// The control or its store cannot answer now.
    #[error("unavailable")]
    Unavailable,
}

/// An account on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// For shells, commands and transfers.
    Infrastructure,
    /// For reading logs.
    Logs,
}

/// A wish for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The session.
    pub session: SessionId,
    /// The node.
    pub node: NodeId,
    /// The account on it.
    pub account: Account,
    /// The key made for this one connection.
    pub public_key: PublicKey,
    /// Whether a terminal is wanted.
    pub pty: bool,
}

/// What the gateway has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A session ended. Told once for each session opened.
    Closed(Closed),
    /// A session goes on, on another basis.
    Continued {
        /// The session.
        session: SessionId,
        /// The new basis.
        basis: Basis,
        /// Until when.
        until: Timestamp,
    },
    /// A session asked for something that is not open to it. Told at once, and again with the number of further tries.
    Denied {
        /// The session.
        session: SessionId,
        /// What for. What was typed is in the recording, and nowhere else.
        wanted: Tried,
        /// On which node of the inventory, if on one.
        node: Option<NodeId>,
        /// Why not.
        denial: Denial,
        /// How often.
        tries: i64,
    },
    /// A session tried to forward something. Told once for each kind and side of a session.
    ForwardingRefused {
        /// The session.
        session: SessionId,
        /// What kind.
        forwarding: Forwarding,
        /// Which side tried.
        side: Side,
    },
    /// A session read a log, to its end or not.
    LogDownloaded {
        /// The session.
        session: SessionId,
        /// The node.
        node: NodeId,
        /// The log.
        log: LogName,
        /// How many bytes.
        bytes: i64,
        /// Their hash.
        sha256: [u8; 32],
    },
}

/// How a session ended and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The session.
    pub session: SessionId,
    /// Why it ended.
    pub reason: SessionEnd,
    /// What it did.
    pub counters: Counters,
    /// The hash of the recording's table of contents; `None` if there is nothing recorded.
    pub recording_sha256: Option<[u8; 32]>,
    /// Whether something was only hashed.
    pub partly_recorded: bool,
}

/// How long live sessions may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// On the boot clock, in milliseconds.
    pub until_boot_ms: i64,
}

/// Which sessions an order means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Those of an employee.
    Employee(EmployeeId),
    /// Those opened with a key.
    Key(EmployeeKeyId),
    /// One.
    Session(SessionId),
}

/// What the control orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// End sessions.
    End {
        /// Which.
        which: Which,
        /// Why.
        reason: SessionEnd,
    },
}

//! Sessions: opened by one transaction that decides and logs, followed, continued, closed.
//!
//! This module must never let a session exist without its `session.opened`, nor tell an employee more of a target
//! than that it is not open, unless [`OpenError::Denied::tell`] says so.

use byleave_core::access::{Basis, Denial, Facts, Wanted};
use byleave_core::actor::Actor;
use byleave_core::event::{Forwarding, Side};
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, NodeId, OrgId, ProjectId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::inventory::Node;
use byleave_core::name::{ClusterName, HostName, LogName};
use byleave_core::session::SessionEnd;
use byleave_core::time::{Reading, Timestamp};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// What an employee wants of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Logs of a cluster, or of the one node that is named.
    Logs,
    /// A shell, command or file transfer on a node.
    Node,
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Its id, drawn by the caller.
    pub session: SessionId,
    /// Who asks.
    pub employee: EmployeeId,
    /// With which key.
    pub key: EmployeeKeyId,
    /// For which host.
    pub host: HostName,
    /// For what.
    pub shape: Shape,
    /// Where from (address and port), for administrators only.
    pub from: String,
}

/// A session that is open: durable before the caller learns of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedSession {
    /// Its id.
    pub session: SessionId,
    /// The facts it was decided on, `session.opened` included.
    pub facts: Facts,
    /// What is open.
    pub wanted: Wanted,
    /// The node that was named, if a node was.
    pub node: Option<Node>,
    /// Why.
    pub basis: Basis,
    /// When it must be decided again at the latest.
    pub until: Timestamp,
    /// The pseudonym under which the customer sees the employee.
    pub identifier: EmployeeIdentifier,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The size of the organization's log with `session.opened` in it: wait until the follower has passed it.
    pub log_size: u64,
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not open to this employee.
    #[error("denied: {denial}")]
    Denied {
        /// Why.
        denial: Denial,
        /// Whether the employee may read why; else all closed and unknown targets get one answer.
        tell: bool,
    },
    /// The store could not decide or write. Nothing is open.
    #[error(transparent)]
    Store(StoreError),
}

/// What a session did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Shells.
    pub shells: i64,
    /// Commands.
    pub commands: i64,
    /// File transfers.
    pub transfers: i64,
    /// Refused tries.
    pub refused: i64,
    /// Bytes from the node.
    pub received_bytes: i64,
    /// Bytes to the node.
    pub sent_bytes: i64,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseSession {
    /// The session.
    pub session: SessionId,
    /// Why.
    pub reason: SessionEnd,
    /// What it did.
    pub counters: Counters,
    /// The hash of its recording.
    pub recording_sha256: Option<[u8; 32]>,
    /// Whether the recording lacks something.
    pub partly_recorded: bool,
}

/// A log that a session read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDownload {
    /// The session.
    pub session: SessionId,
    /// The node.
    pub node: NodeId,
    /// The log.
    pub log: LogName,
    /// How many bytes.
    pub bytes: i64,
    /// Their hash.
    pub sha256: [u8; 32],
}

/// Which sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionQuery {
    /// Of whom.
    pub of: SessionsOf,
    /// Only those that are open.
    pub live: bool,
    /// At most this many.
    pub limit: u32,
}

/// Whose sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsOf {
    /// The whole installation; for administrators, without contents.
    Installation,
    /// Those of an organization whose projects the actor can read.
    Organization(OrgId),
    /// Those of a project.
    Project(ProjectId),
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The organization.
    pub organization: OrgId,
    /// The project.
    pub project: ProjectId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The host that was named.
    pub host: HostName,
    /// The node that was named, if a node was.
    pub node: Option<NodeId>,
    /// What is open.
    pub wanted: Wanted,
    /// The pseudonym of the employee.
    pub identifier: EmployeeIdentifier,
    /// The present basis.
    pub basis: Basis,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it must be decided again at the latest.
    pub until: Timestamp,
    /// When and why it ended.
    pub ended: Option<(Timestamp, SessionEnd)>,
    /// What it did, once it ended.
    pub counters: Counters,
    /// The hash of its recording, once it ended.
    pub recording_sha256: Option<[u8; 32]>,
    /// Whether the recording lacks something.
    pub partly_recorded: bool,
}

/// What the certificate for a node is made from.
pub struct CertificateFacts {
    /// The session.
    pub session: SessionId,
    /// Its present basis.
    pub basis: Basis,
    /// The organization, whose user CA signs.
    pub organization: OrgId,
    /// The node.
    pub node: Node,
    /// The ed25519 seed of the organization's SSH user CA.
    pub ca: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for CertificateFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateFacts").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Something that is open to an employee now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTarget {
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The cluster's host name, for `logs`.
    pub host: HostName,
    /// Until when logs are open, and why; `None` if no log is.
    pub logs: Option<(Basis, Timestamp)>,
    /// The nodes that are open.
    pub nodes: Vec<(HostName, Basis, Timestamp)>,
}

impl Store {
    /// Decides and opens a session in one transaction: facts, [`byleave_core::access::decide`], `session.opened` (or
    /// the folded `session.denied`).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_session(&self, now: &Reading, open: OpenSession) -> Result<OpenedSession, OpenError> {
        let _ = (now, open);
        Err(OpenError::Store(StoreError::unwritten()))
    }

    /// What the certificate for a node of an open session is made from.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the node is not the session's or not of its cluster, [`StoreError::Conflict`] if
    /// the session has ended.
    pub async fn certificate_facts(&self, session: SessionId, node: NodeId) -> Result<CertificateFacts, StoreError> {
        let _ = (session, node);
        Err(StoreError::unwritten())
    }

    /// Notes that a live session goes on, on another basis.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the session has ended or the basis no longer holds.
    pub async fn continue_session(
        &self,
        now: &Reading,
        session: SessionId,
        basis: Basis,
        until: Timestamp,
    ) -> Result<Written<()>, StoreError> {
        let _ = (now, session, basis, until);
        Err(StoreError::unwritten())
    }

    /// Notes that a session ended. Works in clock doubt; a second time it writes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session.
    pub async fn close_session(&self, now: &Reading, close: CloseSession) -> Result<Written<()>, StoreError> {
        let _ = (now, close);
        Err(StoreError::unwritten())
    }

    /// Notes that a session read a log.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session or node, [`StoreError::Conflict`] if the session has ended.
    pub async fn log_downloaded(&self, now: &Reading, download: LogDownload) -> Result<Written<()>, StoreError> {
        let _ = (now, download);
        Err(StoreError::unwritten())
    }

    /// Notes that a session tried to forward something: once per kind and side.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session, [`StoreError::Conflict`] if the session has ended.
    pub async fn forwarding_refused(
        &self,
        now: &Reading,
        session: SessionId,
        forwarding: Forwarding,
        side: Side,
    ) -> Result<Written<()>, StoreError> {
        let _ = (now, session, forwarding, side);
        Err(StoreError::unwritten())
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn sessions(&self, actor: &Actor, query: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
        let _ = (actor, query);
        Err(StoreError::unwritten())
    }

    /// One session, for who can read its project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn session(&self, actor: &Actor, id: SessionId) -> Result<SessionRow, StoreError> {
        let _ = (actor, id);
        Err(StoreError::unwritten())
    }

    /// The session, if the actor may end it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn may_end_session(&self, actor: &Actor, id: SessionId) -> Result<SessionRow, StoreError> {
        let _ = (actor, id);
        Err(StoreError::unwritten())
    }

    /// Notes that a person reads the recording of a session; the contents may be handed out after this only.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role: organization and project owners only.
    pub async fn read_recording(
        &self,
        actor: &Actor,
        now: &Reading,
        id: SessionId,
    ) -> Result<Written<SessionRow>, StoreError> {
        let _ = (actor, now, id);
        Err(StoreError::unwritten())
    }

    /// What is open to an employee now, by host name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown employee.
    pub async fn open_targets(&self, employee: EmployeeId, now: &Reading) -> Result<Vec<OpenTarget>, StoreError> {
        let _ = (employee, now);
        Err(StoreError::unwritten())
    }
}

//! Sessions: opened by one transaction that decides and logs, followed, continued, closed.
//!
//! This module must never let a session exist without its `session.opened`, nor tell an employee more of a target
//! than that it is not open, unless [`OpenError::Denied::tell`] says so.

mod denied;
mod open;
mod read;
mod record;

use byleave_core::access::{Basis, Denial, Facts, Wanted, goes_on};
use byleave_core::actor::{Actor, By};
use byleave_core::event::{Event, Forwarding, Side};
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, NodeId, OrgId, ProjectId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::inventory::Node;
use byleave_core::name::{ClusterName, HostName, LogName};
use byleave_core::policy::{Action, Resource};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{Reading, Timestamp};
use zeroize::Zeroizing;

use crate::authority::{self, require, require_in_organization, require_in_project};
use crate::error::{Conflict, StoreError, Thing};
use crate::facts;
use crate::organization;
use crate::reader::Length;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::Written;

pub use self::denied::DeniedTry;
pub(crate) use self::open::{asker, find};
pub(crate) use self::record::{close_all, id_list, sync_cluster};

use self::record::{allowed, basis_columns, end, live, load, read};

/// What an employee wants of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Logs of a cluster, or of the one node that is named.
    Logs,
    /// A shell, command or file transfer on a node.
    Node,
    /// App Services sync data of the cluster, or of the one that the node belongs to.
    SyncData,
    /// What `ssh <host>@gateway` means: the node that is named, or only its logs where the node itself is not open but
    /// one of its logs is; the logs of a cluster that is named. Decided in the one transaction; a denial that led to
    /// the logs is not written.
    Widest,
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

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseSession {
    /// The session.
    pub session: SessionId,
    /// Why.
    pub reason: SessionEnd,
    /// Who ended it, if a person or key of the customer or an administrator did.
    pub by: Option<By>,
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
    /// Whether the cluster was removed since.
    pub cluster_is_removed: bool,
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
    /// Until when sync data is open, and why; `None` if it is not.
    pub sync: Option<(Basis, Timestamp)>,
}

impl Store {
    /// What the certificate for a node of an open session is made from.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the node is not the session's or not of its cluster, [`StoreError::Conflict`] if
    /// the session has ended.
    pub async fn certificate_facts(&self, session: SessionId, node: NodeId) -> Result<CertificateFacts, StoreError> {
        let mut sql = self.read()?;
        let row = load(&mut sql, session)?;
        if row.ended.is_some() {
            return Err(StoreError::Conflict(Conflict::SessionEnded));
        }
        if row.wanted.node().is_some_and(|wanted| wanted != node) {
            return Err(StoreError::NotFound(Thing::Node));
        }
        let cluster = facts::cluster(&mut sql, row.cluster)?.filter(|cluster| !cluster.removed);
        let node = cluster.and_then(|cluster| cluster.node(node).cloned()).ok_or(StoreError::NotFound(Thing::Node))?;
        let ca = organization::ssh_ca(self, &mut sql, row.organization)?;
        Ok(CertificateFacts { session, basis: row.basis, organization: row.organization, node, ca })
    }

    /// Notes that a live session goes on, on another basis: what [`byleave_core::access::again`] says of it, as of this
    /// transaction.
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
        let body = self.write("continue session", now, move |tx| {
            let row = live(tx.sql, session)?;
            let at = tx.at();
            let facts = facts::load(tx.sql, row.cluster, at)?;
            let facts = facts.ok_or_else(|| StoreError::corrupt("a session without its cluster"))?;
            let (asker, record) = open::held(tx.sql, &row)?;
            if goes_on(&facts, asker, &record, at) != Ok((basis, until)) {
                return Err(StoreError::Conflict(Conflict::BasisEnded));
            }
            let (word, grant) = basis_columns(basis);
            query("UPDATE sessions SET basis = $2, grant_id = $3, until = $4 WHERE id = $1")
                .bind(session.to_string())
                .bind(word)
                .bind(grant)
                .bind(until.millis())
                .execute(tx.sql)?;
            let (project, cluster) = (row.project, row.cluster);
            let event = Event::SessionContinued { project, cluster, session, basis, until };
            tx.append(row.organization, By::System, event)?;
            Ok(())
        });
        body.await
    }

    /// Notes that a session ended. Works in clock doubt; a second time it writes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session.
    pub async fn close_session(&self, now: &Reading, close: CloseSession) -> Result<Written<()>, StoreError> {
        let body = self.write("close session", now, move |tx| {
            let row = load(tx.sql, close.session)?;
            if row.ended.is_none() {
                end(tx, &row, &close)?;
            }
            Ok(())
        });
        body.await
    }

    /// Notes that a session read a log.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session or node, [`StoreError::Conflict`] if the session has ended.
    pub async fn log_downloaded(&self, now: &Reading, download: LogDownload) -> Result<Written<()>, StoreError> {
        let body = self.write("log downloaded", now, move |tx| {
            let row = live(tx.sql, download.session)?;
            let cluster = facts::cluster(tx.sql, row.cluster)?;
            if !cluster.is_some_and(|cluster| cluster.nodes.iter().any(|node| node.id == download.node)) {
                return Err(StoreError::NotFound(Thing::Node));
            }
            let event = Event::LogDownloaded {
                project: row.project,
                cluster: row.cluster,
                session: download.session,
                node: download.node,
                log: download.log,
                bytes: download.bytes,
                sha256: download.sha256,
            };
            tx.append(row.organization, By::Employee(row.identifier), event)?;
            Ok(())
        });
        body.await
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
        let body = self.write("forwarding refused", now, move |tx| {
            let row = live(tx.sql, session)?;
            let new = query(
                "INSERT INTO refused_forwardings (session, forwarding, side) VALUES ($1, $2, $3)
                     ON CONFLICT (session, forwarding, side) DO NOTHING",
            )
            .bind(session.to_string())
            .bind(forwarding.as_str())
            .bind(side.as_str())
            .execute(tx.sql)?;
            if new > 0 {
                let (project, cluster) = (row.project, row.cluster);
                let event = Event::ForwardingRefused { project, cluster, session, forwarding, side };
                tx.append(row.organization, By::Employee(row.identifier), event)?;
            }
            Ok(())
        });
        body.await
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn sessions(&self, actor: &Actor, asked: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
        let actor = actor.clone();
        self.read_long(Length::Page, move |_, sql| read_page(sql, &actor, asked)).await
    }

    /// One session, for who can read its project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn session(&self, actor: &Actor, id: SessionId) -> Result<SessionRow, StoreError> {
        self.session_for(actor, Action::ReadProject, id)
    }

    /// The session, if the actor may end it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn may_end_session(&self, actor: &Actor, id: SessionId) -> Result<SessionRow, StoreError> {
        self.session_for(actor, Action::EndSession, id)
    }

    /// Notes that a person reads the recording of a session; the contents may be handed out after this only. Who goes
    /// on reading it within ten minutes is told once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role: organization and project owners only.
    pub async fn read_recording(
        &self,
        actor: &Actor,
        now: &Reading,
        id: SessionId,
    ) -> Result<Written<SessionRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("read recording", now, move |tx| {
            let row = allowed(tx.sql, &actor, Action::ReadRecording, id)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Session))?;
            if !read::is_told(tx, &row, &by)? {
                let (project, cluster) = (row.project, row.cluster);
                tx.append(row.organization, by, Event::RecordingRead { project, cluster, session: id })?;
            }
            Ok(row)
        });
        body.await
    }

    fn session_for(&self, actor: &Actor, action: Action, id: SessionId) -> Result<SessionRow, StoreError> {
        allowed(&mut *self.read()?, actor, action, id)
    }
}

/// Sessions that the actor may see, newest first.
fn read_page(sql: &mut Sql, actor: &Actor, asked: SessionQuery) -> Result<Vec<SessionRow>, StoreError> {
    let (organization, project, readable) = match asked.of {
        SessionsOf::Installation => {
            let resource = Resource::Installation;
            require(sql, actor, Action::ReadInstallation, resource, Thing::Installation)?;
            (None, None, None)
        }
        SessionsOf::Organization(id) => {
            let actor = require_in_organization(sql, actor, Action::ReadOrganization, id)?;
            (Some(id.to_string()), None, Some(id_list(&authority::readable(sql, &actor, id)?)))
        }
        SessionsOf::Project(id) => {
            require_in_project(sql, actor, Action::ReadProject, id)?;
            (None, Some(id.to_string()), None)
        }
    };
    let rows = query(
        "SELECT sessions.*, clusters.name AS cluster_name, clusters.removed AS cluster_removed
         FROM sessions JOIN clusters ON clusters.id = sessions.cluster
         WHERE (CAST($1 AS TEXT) IS NULL OR sessions.organization = $1)
           AND (CAST($2 AS TEXT) IS NULL OR sessions.project = $2)
           AND (CAST($3 AS TEXT) IS NULL OR $3 LIKE '%|' || sessions.project || '|%')
           AND ($4 = 0 OR sessions.ended_at IS NULL)
         ORDER BY sessions.opened_at DESC, sessions.id DESC LIMIT $5",
    )
    .bind(organization)
    .bind(project)
    .bind(readable)
    .bind(i64::from(asked.live))
    .bind(i64::from(asked.limit))
    .fetch_all(sql)?;
    rows.iter().map(read).collect()
}

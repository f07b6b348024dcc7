//! What the web asks of the door: cut now, hold shut, end a session, read a recording, try a node.
//!
//! The application implements it over the gateway; web and gateway never see each other. Nothing here opens anything.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use byleave_core::actor::By;
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, GrantId, NodeId, OrgId, SessionId};
use byleave_core::session::{Counters, SessionEnd};
use byleave_store::session::SessionRow;
use byleave_store::sync::SyncCredential;
use byleave_store::{Store, StoreError};
use futures_util::Stream;

/// What a cut or a latch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One cluster.
    Cluster(ClusterId),
    /// A whole organization.
    Organization(OrgId),
}

/// A future that a trait object can answer with.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The door, as the web sees it.
pub trait Door: Send + Sync {
    /// Cuts every live session of the scope and holds it shut in memory, because a change that closes it cannot be
    /// recorded. Answers how many sessions were cut. Must not wait for a store, a queue or a node.
    fn cut_and_latch(&self, scope: Scope) -> usize;

    /// Lets the recorded facts decide again.
    fn unlatch(&self, scope: Scope);

    /// Ends one session; the log will name who asked. Answers whether it was alive.
    fn end(&self, session: SessionId, reason: SessionEnd, by: Option<By>) -> bool;

    /// Ends the sessions of an employee who was disabled. Answers how many were alive. To be called once it is
    /// committed.
    fn end_employee(&self, employee: EmployeeId) -> usize;

    /// Ends the sessions opened with a key that was removed. Answers how many were alive. To be called once it is
    /// committed.
    fn end_key(&self, key: EmployeeKeyId) -> usize;

    /// Keeps what a customer supplies with a grant of sync data that will have this id, in memory until that grant ends.
    fn supply(&self, grant: GrantId, credential: SyncCredential);

    /// Forgets what was supplied with a grant that was not given.
    fn forget_supplied(&self, grant: GrantId);

    /// What a live session did so far; nothing if it is none.
    fn counters(&self, session: SessionId) -> Option<Counters>;

    /// How long the latest cuts took, from the publication that follows a commit to all sockets of a session shut.
    fn cut_delays(&self) -> Vec<Duration>;

    /// What the server needs to let anybody in, and what is wrong with it. Must not wait for anything.
    fn ready(&self) -> Vec<Part>;

    /// Reads what was recorded of a session, and holds no more of it than this.
    fn recording(&self, session: SessionId, most: Most) -> Pending<'_, Result<Vec<RecordingPart>, DoorError>>;

    /// One part of what was recorded, whole, piece by piece.
    fn recording_part(&self, session: SessionId, name: String) -> Pending<'_, Result<Pieces, DoorError>>;

    /// Tries what a node's account can reach. Recording the verdict is the caller's part.
    fn check_node(&self, node: NodeId) -> Pending<'_, Result<NodeReport, DoorError>>;
}

/// A credential that is supplied with a grant: kept before anybody can hear of the grant.
pub(crate) struct Supply<'d> {
    door: &'d dyn Door,
    grant: Option<GrantId>,
}

impl<'d> Supply<'d> {
    /// Keeps it, if there is one; the store gives the grant that it belongs to.
    pub(crate) fn keep(door: &'d dyn Door, store: &Store, credential: Option<SyncCredential>) -> (Self, Store) {
        let Some(credential) = credential else { return (Self { door, grant: None }, store.clone()) };
        let grant = store.new_grant_id();
        door.supply(grant, credential);
        (Self { door, grant: Some(grant) }, store.supplying(grant))
    }

    /// Forgets it if the grant was not given.
    pub(crate) fn settle<T>(self, given: Result<T, StoreError>) -> Result<T, StoreError> {
        if let (Err(_), Some(grant)) = (&given, self.grant) {
            self.door.forget_supplied(grant);
        }
        given
    }
}

/// Puts into a session that is live what it did so far: the store knows that of those which ended.
pub(crate) fn count(door: &dyn Door, row: &mut SessionRow) {
    if row.ended.is_none()
        && let Some(counters) = door.counters(row.id)
    {
        row.counters = counters;
    }
}

/// Something that the server needs to let anybody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// What is wrong with it, for anybody to read.
    pub trouble: Option<String>,
}

/// How much of a recording is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Of one stream that was recorded.
    pub part: usize,
    /// Of all parts together.
    pub all: usize,
}

/// A part of a recording as it is handed out: read as fast as it is taken, and held nowhere.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Vec<u8>, DoorError>> + Send>>;

/// A part of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPart {
    /// Its name.
    pub name: String,
    /// What it is, such as `asciicast` or `stdout`.
    pub kind: String,
    /// The bytes, or the first of them.
    pub content: Vec<u8>,
    /// How many it has.
    pub bytes: u64,
    /// SHA-256 of all of them.
    pub sha256: [u8; 32],
}

impl RecordingPart {
    /// Whether all of it is at hand.
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.content.len()).is_ok_and(|held| held == self.bytes)
    }
}

/// What a check of a node found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// Whether everything that must be closed is closed.
    pub passed: bool,
    /// Line by line.
    pub lines: Vec<NodeReportLine>,
}

/// One thing that a check tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReportLine {
    /// What was tried.
    pub name: String,
    /// Whether it was closed, as it must be.
    pub passed: bool,
    /// What was seen.
    pub text: String,
}

/// Why the door cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// There is nothing of that id.
    #[error("there is nothing of that id")]
    NotFound,
    /// It cannot be done now; the text may be shown.
    #[error("{0}")]
    Unavailable(String),
}

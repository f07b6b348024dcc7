//! The web's door, over the gateway's handle: end, cut, latch; recordings; the check of a node.
//!
//! Web and gateway never see each other; this is where they meet. Nothing here opens anything for anybody.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use byleave_core::actor::{Actor, By};
use byleave_core::id::{EmployeeId, EmployeeKeyId, GrantId, NodeId, SessionId};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::Clock;
use byleave_gateway::control::{RecordingKey, Which};
use byleave_gateway::live::{self, Handle};
use byleave_gateway::recording::{self, PartReader, ReadError};
use byleave_store::Store;
use byleave_store::sync::SyncCredential;
use byleave_web::door::{Door, DoorError, Most, NodeReport, Part, Pending, Pieces, RecordingPart, Scope};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::Semaphore;
use tracing::{error, warn};

use crate::control::Chain;
use crate::enders::Enders;
use crate::probe::Prober;
use crate::readiness::Readiness;
use crate::recording_key::RecordingSecret;
use crate::supplied::Supplied;

/// The door over the gateway of this process.
pub(crate) struct GatewayDoor {
    /// The live sessions.
    pub(crate) handle: Handle,
    /// Who asked for the end of sessions.
    pub(crate) enders: Enders,
    /// Where nodes are looked up.
    pub(crate) store: Store,
    /// Where recordings lie.
    pub(crate) recordings: PathBuf,
    /// What they are encrypted under.
    pub(crate) secret: RecordingSecret,
    /// What customers supply with grants.
    pub(crate) supplied: Supplied,
    /// How many recordings may still be read at once; each takes memory.
    pub(crate) readings: Semaphore,
    /// Tries nodes.
    pub(crate) prober: Arc<Prober>,
    /// Remembers what works.
    pub(crate) readiness: Arc<Readiness>,
    /// The machine's clocks.
    pub(crate) clock: Arc<dyn Clock>,
}

fn scope(scope: Scope) -> live::Scope {
    match scope {
        Scope::Cluster(id) => live::Scope::Cluster(id),
        Scope::Organization(id) => live::Scope::Organization(id),
    }
}

impl Door for GatewayDoor {
    fn cut_and_latch(&self, closed: Scope) -> usize {
        // Latch first, so that nothing opens between the two.
        self.handle.latch(scope(closed));
        let cut = self.handle.cut(scope(closed), SessionEnd::Revoked);
        warn!(?closed, cut, "cut and held shut in memory: the change that closes it could not be recorded");
        cut
    }

    fn unlatch(&self, open: Scope) {
        self.handle.unlatch(scope(open));
    }

    fn end(&self, session: SessionId, reason: SessionEnd, by: Option<By>) -> bool {
        // Noted first: the end may be written down before this call returns.
        if let Some(by) = by {
            self.enders.note(session, by);
        }
        let alive = self.handle.end(Which::Session(session), reason) > 0;
        if !alive {
            self.enders.forget(session);
        }
        alive
    }

    fn end_employee(&self, employee: EmployeeId) -> usize {
        self.handle.end(Which::Employee(employee), SessionEnd::EmployeeDisabled)
    }

    fn end_key(&self, key: EmployeeKeyId) -> usize {
        self.handle.end(Which::Key(key), SessionEnd::KeyRemoved)
    }

    fn supply(&self, grant: GrantId, credential: SyncCredential) {
        self.supplied.keep(grant, credential);
    }

    fn forget_supplied(&self, grant: GrantId) {
        self.supplied.forget(grant);
    }

    fn counters(&self, session: SessionId) -> Option<Counters> {
        self.handle.counters(session)
    }

    fn cut_delays(&self) -> Vec<Duration> {
        self.handle.cut_delays()
    }

    fn ready(&self) -> Vec<Part> {
        self.readiness.parts(self.clock.read().since_boot)
    }

    fn recording(&self, session: SessionId, most: Most) -> Pending<'_, Result<Vec<RecordingPart>, DoorError>> {
        let (folder, key) = (self.folder(session), self.key(session));
        let most = recording::Most { part: most.part, all: most.all };
        Box::pin(async move {
            let key = key?;
            let _turn = self.readings.acquire().await.map_err(|_| unreadable())?;
            let read = tokio::task::spawn_blocking(move || recording::read(&folder, &key, most)).await;
            let parts = read.map_err(|_| unreadable())?.map_err(|fault| told(session, &fault))?;
            Ok(parts.into_iter().map(part).collect())
        })
    }

    fn recording_part(&self, session: SessionId, name: String) -> Pending<'_, Result<Pieces, DoorError>> {
        let (folder, key) = (self.folder(session), self.key(session));
        Box::pin(async move {
            let key = key?;
            let open = move || match PartReader::open(&folder, &key, &name)? {
                Some(mut part) => part.next_piece().map(|first| first.map(|first| (first, part))),
                None => Ok(None),
            };
            let opened = tokio::task::spawn_blocking(open).await.map_err(|_| unreadable())?;
            let opened = opened.map_err(|fault| told(session, &fault))?;
            let (first, part) = opened.ok_or(DoorError::NotFound)?;
            Ok(Box::pin(stream::once(async { Ok(first) }).chain(pieces(session, part))) as Pieces)
        })
    }

    fn check_node(&self, node: NodeId) -> Pending<'_, Result<NodeReport, DoorError>> {
        Box::pin(async move {
            let facts = self.store.check_facts(&Actor::Administrator, node).await.map_err(|error| {
                warn!(%node, error = %Chain(&error), "a node cannot be checked");
                DoorError::NotFound
            })?;
            self.prober.probe(&facts).await.map_err(|error| DoorError::Unavailable(format!("{error:#}")))
        })
    }
}

impl GatewayDoor {
    fn folder(&self, session: SessionId) -> PathBuf {
        self.recordings.join(session.to_string())
    }

    fn key(&self, session: SessionId) -> Result<RecordingKey, DoorError> {
        self.secret.key(session).map(RecordingKey).ok_or_else(unreadable)
    }
}

fn part(part: recording::RecordingPart) -> RecordingPart {
    let recording::RecordingPart { name, kind, content, bytes, sha256 } = part;
    RecordingPart { name, kind: kind.to_owned(), content, bytes, sha256 }
}

/// The rest of a part: each piece is read when the one before was taken.
fn pieces(session: SessionId, part: PartReader) -> impl Stream<Item = Result<Vec<u8>, DoorError>> {
    stream::try_unfold(part, move |mut part| async move {
        let read = tokio::task::spawn_blocking(move || part.next_piece().map(|piece| piece.map(|piece| (piece, part))));
        read.await.map_err(|_| unreadable())?.map_err(|fault| told(session, &fault))
    })
}

fn unreadable() -> DoorError {
    DoorError::Unavailable("the recording cannot be read".into())
}

/// What the caller is told of a recording that cannot be read; the server's log has the cause.
fn told(session: SessionId, fault: &ReadError) -> DoorError {
    match fault {
        ReadError::Unreadable(error) if error.kind() == ErrorKind::NotFound => DoorError::NotFound,
        ReadError::Damaged { .. } | ReadError::Unreadable(_) => {
            error!(%session, error = %Chain(fault), "a recording cannot be read");
            unreadable()
        }
    }
}

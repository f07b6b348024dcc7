//! The web's door, over the gateway's handle: end, cut, latch; recordings; the check of a node.
//!
//! Web and gateway never see each other; this is where they meet. Nothing here opens anything for anybody.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use byleave_core::actor::{Actor, By};
use byleave_core::id::{EmployeeId, EmployeeKeyId, GrantId, NodeId, SessionId};
use byleave_core::session::SessionEnd;
use byleave_core::time::Clock;
use byleave_gateway::control::{RecordingKey, Which};
use byleave_gateway::live::{self, Handle};
use byleave_gateway::recording;
use byleave_store::Store;
use byleave_store::sync::SyncCredential;
use byleave_web::door::{Door, DoorError, NodeReport, Part, Pending, RecordingPart, Scope};
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

    fn cut_delays(&self) -> Vec<Duration> {
        self.handle.cut_delays()
    }

    fn ready(&self) -> Vec<Part> {
        self.readiness.parts(self.clock.read().since_boot)
    }

    fn recording(&self, session: SessionId) -> Pending<'_, Result<Vec<RecordingPart>, DoorError>> {
        let (folder, key) = (self.recordings.join(session.to_string()), self.secret.key(session));
        Box::pin(async move {
            let key = key.ok_or_else(|| DoorError::Unavailable("the recording cannot be opened".into()))?;
            let read = tokio::task::spawn_blocking(move || recording::read(&folder, &RecordingKey(key))).await;
            match read {
                Ok(Ok(parts)) => Ok(parts.into_iter().map(part).collect()),
                Ok(Err(recording::ReadError::Unreadable(fault))) if fault.kind() == ErrorKind::NotFound => {
                    Err(DoorError::NotFound)
                }
                Ok(Err(fault)) => {
                    error!(%session, error = %Chain(&fault), "a recording cannot be read");
                    Err(DoorError::Unavailable("the recording cannot be read".into()))
                }
                Err(_) => Err(DoorError::Unavailable("the recording cannot be read".into())),
            }
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

fn part(part: recording::RecordingPart) -> RecordingPart {
    RecordingPart { name: part.name, kind: part.kind.to_owned(), content: part.content }
}

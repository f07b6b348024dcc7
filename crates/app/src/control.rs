//! The gateway's control, over the store: decides and commits for it, certifies, tells it what changes.
//!
//! Nothing here makes a permit; the gateway does, from the facts. Errors are logged here with their cause, the gateway
//! learns only that there was one.

use std::sync::{Arc, Mutex, PoisonError};

use byleave_core::access::{Basis, Denial, Published};
use byleave_core::id::{ClusterId, SessionId};
use byleave_core::name::PublicKey;
use byleave_core::session::SessionEnd;
use byleave_core::time::{Clock, Entropy, Now, Reading, SECOND, advance, judge};
use byleave_gateway::control::{
    CertificateRequest, Control, ControlError, KnownEmployee, Lease, OpenRefused, OpenRequest, Opened, Order,
    RecordingKey, Reply, Report, SayError, Saying, Which,
};
use byleave_gateway::control::{Purpose, SyncCredential};
use byleave_store::session::{CloseSession, DeniedTry, LogDownload, OpenError, OpenSession, OpenedSession, Shape};
use byleave_store::{Store, StoreError};
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};
use tracing::{error, warn};

mod say;

use crate::ca;
use crate::enders::Enders;
use crate::entropy::draw;
use crate::readiness::Readiness;
use crate::recording_key::RecordingSecret;
use crate::supplied::Supplied;

/// How long live sessions outlive the last commit of the store, in milliseconds.
pub(crate) const LEASE_FOR: i64 = 10 * SECOND;

/// What the control is made of.
pub(crate) struct Parts {
    /// The store.
    pub(crate) store: Store,
    /// The machine's clocks.
    pub(crate) clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Who asked for the end of sessions.
    pub(crate) enders: Enders,
    /// What recordings are encrypted under.
    pub(crate) recordings: RecordingSecret,
    /// What customers supplied with their grants.
    pub(crate) supplied: Supplied,
    /// Learns whether the store could commit.
    pub(crate) readiness: Arc<Readiness>,
    /// The `source-address` of certificates.
    pub(crate) source: String,
    /// The path in their forced command.
    pub(crate) helper: String,
}

/// The control over the store.
pub(crate) struct StoreControl {
    parts: Parts,
    lease: watch::Sender<Lease>,
    orders: broadcast::Sender<Order>,
    /// The high-water mark of time, as the store keeps it.
    mark: Mutex<Option<Reading>>,
}

impl StoreControl {
    /// Makes the control. Until the first [`StoreControl::beat`] there is no lease.
    pub(crate) fn new(parts: Parts) -> Self {
        let lease = watch::Sender::new(Lease { until_boot_ms: 0 });
        Self { parts, lease, orders: broadcast::Sender::new(1024), mark: Mutex::new(None) }
    }

    /// Records the time in the store. That it could commit, without doubt about the clock, renews the lease.
    pub(crate) async fn beat(&self) {
        let reading = self.parts.clock.read();
        let beaten = self.parts.store.heartbeat(&reading).await;
        self.parts.readiness.committed(self.parts.clock.read().since_boot, beaten.is_ok());
        match beaten {
            Ok(Now { doubt: None, .. }) => {
                let until_boot_ms = reading.since_boot.saturating_add(LEASE_FOR);
                let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
                *mark = Some(advance(mark.as_ref(), &reading));
                drop(mark);
                self.parts.readiness.leased(reading.since_boot);
                self.lease.send_replace(Lease { until_boot_ms });
            }
            Ok(Now { doubt: Some(doubt), .. }) => warn!(%doubt, "the clock is in doubt: nothing new opens"),
            Err(error) => warn!(error = %Chain(&error), "the store cannot commit: live sessions end at their lease"),
        }
    }

    fn certificate(
        &self,
        request: &CertificateRequest,
        facts: &byleave_store::session::CertificateFacts,
    ) -> Result<String, ControlError> {
        let entropy = self.parts.entropy.as_ref();
        let grant = match facts.basis {
            Basis::Grant { id } => Some(id),
            Basis::Standing => None,
        };
        let order = ca::Order {
            purpose: ca::Purpose::Session {
                session: request.session,
                grant,
                account: request.account,
                pty: request.pty,
            },
            node: request.node,
            subject: &request.public_key,
            source: &self.parts.source,
            helper: &self.parts.helper,
            now: self.parts.clock.read().wall,
            serial: u64::from_be_bytes(draw(entropy)),
            nonce: draw(entropy),
        };
        ca::sign(&facts.ca, &order).map_err(|error| {
            error!(%error, "a certificate could not be signed");
            ControlError::Unavailable
        })
    }

    async fn write(&self, report: Report) -> Result<(), StoreError> {
        let (store, now) = (&self.parts.store, self.parts.clock.read());
        match report {
            Report::Closed(closed) => {
                let close = CloseSession {
                    session: closed.session,
                    reason: closed.reason,
                    by: self.parts.enders.of(closed.session),
                    counters: closed.counters,
                    recording_sha256: closed.recording_sha256,
                    partly_recorded: closed.partly_recorded,
                };
                store.close_session(&now, close).await?;
                self.parts.enders.forget(closed.session);
                Ok(())
            }
            Report::Continued { session, basis, until } => {
                store.continue_session(&now, session, basis, until).await.map(drop)
            }
            Report::Denied { session, wanted, node, denial, tries } => {
                let denied = DeniedTry { session, wanted, node, denial, tries };
                store.session_denied(&now, denied).await.map(drop)
            }
            Report::ForwardingRefused { session, forwarding, side } => {
                store.forwarding_refused(&now, session, forwarding, side).await.map(drop)
            }
            Report::LogDownloaded { session, node, log, bytes, sha256 } => {
                let download = LogDownload { session, node, log, bytes, sha256 };
                store.log_downloaded(&now, download).await.map(drop)
            }
        }
    }
}

impl Control for StoreControl {
    fn employee<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<Option<KnownEmployee>, ControlError>> {
        Box::pin(async move {
            let known = self.parts.store.employee_by_key(key).await.map_err(|error| unanswered(&error))?;
            Ok(known.map(|known| KnownEmployee { employee: known.employee, key: known.key, asker: known.asker }))
        })
    }

    fn open(&self, request: OpenRequest) -> BoxFuture<'_, Result<Opened, OpenRefused>> {
        Box::pin(async move {
            match self.parts.store.open_session(&self.parts.clock.read(), open_session(request)).await {
                Ok(opened) => self.opened(opened).ok_or(OpenRefused::Unavailable),
                Err(OpenError::Denied { denial, tell }) => Err(OpenRefused::Denied { denial, tell }),
                Err(OpenError::Store(error)) => {
                    unanswered(&error);
                    Err(OpenRefused::Unavailable)
                }
            }
        })
    }

    fn denied(&self, request: OpenRequest, denial: Denial) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(async move {
            let now = self.parts.clock.read();
            let denied = self.parts.store.open_denied(&now, open_session(request), denial).await;
            denied.map(drop).map_err(|error| unanswered(&error))
        })
    }

    fn sync_credential(&self, session: SessionId, basis: Basis) -> BoxFuture<'_, Result<SyncCredential, ControlError>> {
        Box::pin(async move {
            let sign_in = self.parts.store.sync_sign_in(session, basis).await.map_err(|error| unanswered(&error))?;
            let supplied = sign_in.grant.and_then(|grant| self.parts.supplied.of(grant));
            supplied.or(sign_in.credential).map(credential).ok_or(ControlError::Refused)
        })
    }

    fn certify(&self, request: CertificateRequest) -> BoxFuture<'_, Result<String, ControlError>> {
        Box::pin(async move {
            let facts = self.parts.store.certificate_facts(request.session, request.node).await;
            self.certificate(&request, &facts.map_err(|error| unanswered(&error))?)
        })
    }

    fn follow(&self, cluster: ClusterId) -> BoxFuture<'_, Result<watch::Receiver<Arc<Published>>, ControlError>> {
        Box::pin(async move { self.parts.store.follow(cluster).await.map_err(|error| unanswered(&error)) })
    }

    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(async move { self.write(report).await.map_err(|error| unanswered(&error)) })
    }

    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<Reply, SayError>> {
        Box::pin(async move {
            let said = say::pass_on(&self.parts.store, &self.parts.clock.read(), saying).await?;
            for session in said.ending {
                // Nobody listens only while the gateway stops, which ends all sessions.
                let order = Order::End { which: Which::Session(session), reason: SessionEnd::ClosedByEmployee };
                let _ = self.orders.send(order);
            }
            Ok(said.reply)
        })
    }

    fn lease(&self) -> watch::Receiver<Lease> {
        self.lease.subscribe()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.parts.clock.clone()
    }

    fn now(&self) -> Now {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        judge(mark.as_ref(), &self.parts.clock.read())
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.orders.subscribe()
    }
}

impl StoreControl {
    fn opened(&self, opened: OpenedSession) -> Option<Opened> {
        Some(Opened {
            recording_key: RecordingKey(self.parts.recordings.key(opened.session)?),
            logs_of: opened.node.filter(|_| opened.wanted == byleave_core::access::Wanted::LogList).map(|node| node.id),
            facts: opened.facts,
            wanted: opened.wanted,
            identifier: opened.identifier,
            opened_at: opened.opened_at,
        })
    }
}

fn open_session(request: OpenRequest) -> OpenSession {
    OpenSession {
        session: request.session,
        employee: request.employee,
        key: request.key,
        host: request.host,
        shape: match request.purpose {
            Purpose::Ssh => Shape::Widest,
            Purpose::SyncData => Shape::SyncData,
        },
        from: request.from.to_string(),
    }
}

fn credential(of: byleave_store::sync::SyncCredential) -> SyncCredential {
    match of {
        byleave_store::sync::SyncCredential::Scram { user, password } => SyncCredential::Scram { user, password },
        byleave_store::sync::SyncCredential::X509 { pem } => SyncCredential::X509 { pem },
    }
}

/// Logs why the store did not answer; tells what the gateway may know.
fn unanswered(error: &StoreError) -> ControlError {
    match error {
        StoreError::Conflict(_)
        | StoreError::Forbidden(_)
        | StoreError::NotFound(_)
        | StoreError::Refused(_)
        | StoreError::Repeated(_)
        | StoreError::Stale => ControlError::Refused,
        StoreError::Corrupt(_) | StoreError::Unavailable(_) => {
            error!(error = %Chain(error), "the store did not answer the gateway");
            ControlError::Unavailable
        }
    }
}

/// An error with its causes, for the server's log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

//! Sessions: what was open and is, ending one, and reading what was recorded.

use std::time::Duration;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_api::byleave::{Cuts, List, Live, LiveSession, Recording, RecordingPart, SessionEnded};
use byleave_api::error::ErrorCode;
use byleave_core::actor::Actor;
use byleave_core::id::SessionId;
use byleave_core::policy::{Action, Resource};
use byleave_core::session::SessionEnd;
use byleave_store::session::{SessionQuery, SessionsOf};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{IdPath, IdVerbPath, OrgPath};
use crate::api::show;
use crate::door::{self, Most};

/// How many sessions are listed.
const LISTED: u32 = 500;
/// How much of a recording one answer takes.
const MOST: Most = Most { part: 32 * 1024 * 1024, all: 32 * 1024 * 1024 };

/// Lists those of an organization that the caller can read; with `?live=true` the open ones.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let live = caller.flag("live", false)?;
    let query = SessionQuery { of: SessionsOf::Organization(id), live, limit: LISTED };
    let mut rows = caller.ask(caller.app.store.sessions(&caller.actor, query)).await?;
    rows.iter_mut().for_each(|row| door::count(caller.app.door.as_ref(), row));
    caller.ok(&List { results: rows.iter().map(show::session).collect() })
}

/// Shows one.
pub(super) async fn get(caller: Caller, IdPath(id): IdPath<SessionId>) -> Result<Response, Failure> {
    let mut row = caller.ask(caller.app.store.session(&caller.actor, id)).await?;
    door::count(caller.app.door.as_ref(), &mut row);
    caller.ok(&show::session(&row))
}

/// Ends one. Needs the store only to know who may.
pub(super) async fn post(caller: Caller, path: IdVerbPath<SessionId>) -> Result<Response, Failure> {
    if path.verb != "end" {
        return Err(caller.nothing_here());
    }
    let row = caller.ask(caller.app.store.may_end_session(&caller.actor, path.id)).await?;
    let reason = match &caller.actor {
        Actor::Administrator | Actor::Employee { .. } | Actor::System => SessionEnd::EndedByAdministrator,
        Actor::ApiKey { .. } | Actor::ServiceAccount { .. } | Actor::User { .. } => SessionEnd::EndedByCustomer,
    };
    caller.ok(&SessionEnded { ended: caller.app.door.end(row.id, reason, caller.actor.by()) })
}

/// Hands out what was recorded, after it is noted who reads it.
pub(super) async fn recording(caller: Caller, IdPath(id): IdPath<SessionId>) -> Result<Response, Failure> {
    caller.ask(caller.app.store.read_recording(&caller.actor, &caller.now, id)).await?;
    let part = |part: door::RecordingPart| RecordingPart {
        name: part.name,
        kind: part.kind,
        content: STANDARD.encode(part.content),
    };
    let parts = caller.app.door.recording(id, MOST).await?;
    if !parts.iter().all(door::RecordingPart::is_whole) {
        let rule =
            "the recording is longer than the 32 MiB that an answer takes; take its parts from the session's page";
        return Err(Failure::new(ErrorCode::Conflict, rule));
    }
    caller.ok(&Recording { session_id: id.to_string(), parts: parts.into_iter().map(part).collect() })
}

/// Lists the live sessions of the installation without their contents, for its administrator.
pub(super) async fn live(caller: Caller) -> Result<Response, Failure> {
    caller.may(Action::ReadInstallation, Resource::Installation)?;
    let query = SessionQuery { of: SessionsOf::Installation, live: true, limit: LISTED };
    let rows = caller.ask(caller.app.store.sessions(&caller.actor, query)).await?;
    let live = rows.iter().map(|row| LiveSession {
        id: row.id.to_string(),
        org_id: row.organization.to_string(),
        cluster_id: row.cluster.to_string(),
        host: row.host.to_string(),
        opened_at: row.opened_at.to_string(),
        until: row.until.to_string(),
    });
    caller.ok(&Live { results: live.collect(), cuts: cuts(caller.app.door.cut_delays()) })
}

fn cuts(mut delays: Vec<Duration>) -> Cuts {
    delays.sort_unstable();
    let at = |percent: usize| {
        let delay = delays.get((delays.len() * percent / 100).min(delays.len().saturating_sub(1)));
        delay.map_or(0, |delay| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX))
    };
    Cuts { count: delays.len(), median_micros: at(50), p99_micros: at(99), worst_micros: at(100) }
}

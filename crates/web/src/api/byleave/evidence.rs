//! What a customer exports and verifies offline.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use byleave_api::byleave::{Checkpoint, LogKey};
use byleave_api::error::ErrorCode;
use byleave_core::event::LogId;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::OrgPath;
use crate::app::App;

/// The key that verifies checkpoints. It is public.
pub(super) async fn key(State(app): State<Arc<App>>) -> Json<LogKey> {
    Json(LogKey { key: app.store.verifying_key() })
}

/// The latest checkpoint of an organization's log; with `?from=<size>` the proof that it continues what it was then.
pub(super) async fn checkpoint(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let (store, log) = (&caller.app.store, LogId::Organization(id));
    let Some(from) = caller.parameter("from")? else {
        let anchor = caller.ask(store.checkpoint(&caller.actor, log)).await?;
        return caller.ok(&Checkpoint { checkpoint: anchor.checkpoint, consistency: Vec::new() });
    };
    let rule = "must be a number of entries";
    let from = from.parse().map_err(|_| Failure::field(ErrorCode::InvalidQueryParameter, "from", rule))?;
    let continuation = caller.ask(store.continuation(&caller.actor, log, from)).await?;
    caller.ok(&Checkpoint { checkpoint: continuation.checkpoint, consistency: continuation.proof.to_texts() })
}

/// All evidence of an organization, as the verifier reads it.
pub(super) async fn export(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let evidence = caller.ask(caller.app.store.evidence(&caller.actor, id)).await?;
    let name = format!("attachment; filename=\"byleave-evidence-{id}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json;charset=utf-8"),
        (header::CONTENT_DISPOSITION, name.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, evidence).into_response())
}

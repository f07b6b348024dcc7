//! What a customer exports and verifies offline, and the log's tree for those who verify with programs of their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use byleave_api::byleave::{Checkpoint, Inclusion, LogKey};
use byleave_api::error::ErrorCode;
use byleave_core::event::LogId;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{OrgPath, TilePath};
use crate::app::App;
use crate::evidence::pieces;

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

/// With `?index=<entry>`: the proof that this entry is in the log.
pub(super) async fn inclusion(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let rule = |rule| Failure::field(ErrorCode::InvalidQueryParameter, "index", rule);
    let index = caller.parameter("index")?.ok_or_else(|| rule("is missing: the entry to prove"))?;
    let index = index.parse().map_err(|_| rule("must be the index of an entry"))?;
    let proved = caller.ask(caller.app.store.inclusion(&caller.actor, LogId::Organization(id), index)).await?;
    caller.ok(&Inclusion {
        index,
        leaf_hash: proved.leaf.to_base64(),
        checkpoint: proved.checkpoint,
        inclusion: proved.proof.to_texts(),
    })
}

/// The latest checkpoint as it is signed: the first address of C2SP tlog-tiles.
pub(super) async fn note(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let anchor = caller.ask(caller.app.store.checkpoint(&caller.actor, LogId::Organization(id))).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain;charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, anchor.checkpoint).into_response())
}

/// A tile of the tree, as C2SP tlog-tiles names it. What it holds never changes, so it may be kept.
pub(super) async fn tile(caller: Caller, OrgPath(id): OrgPath, TilePath(tile): TilePath) -> Result<Response, Failure> {
    let found = caller.ask(caller.app.store.tile(&caller.actor, LogId::Organization(id), tile)).await?;
    let hashes = found.ok_or_else(|| caller.nothing_here())?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    Ok((headers, hashes).into_response())
}

/// All evidence of an organization, as the verifier reads it, piece by piece.
pub(super) async fn export(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let evidence = caller.ask(caller.app.store.export(&caller.actor, id)).await?;
    let name = format!("attachment; filename=\"byleave-evidence-{id}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json;charset=utf-8"),
        (header::CONTENT_DISPOSITION, name.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, pieces(evidence)).into_response())
}

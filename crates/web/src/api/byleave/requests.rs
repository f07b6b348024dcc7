//! Access requests: customers list what employees ask, approve it, perhaps for less, or decline it.
//!
//! Employees have no call here; they ask through the gateway. Approving is granting and asks the same of the caller.

use std::future::ready;

use axum::response::Response;
use byleave_api::byleave::{List, RequestApproval, RequestDeclined, RequestRefusal};
use byleave_core::id::RequestId;
use byleave_core::policy::{Action, Resource};
use byleave_core::request::Approval;
use byleave_store::request::{Answered, RequestsOf};

use super::grants::{granted, supplied};
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{GroupPath, IdPath, IdVerbPath, OrgPath};
use crate::api::show::{self, parse_if_any};
use crate::door::{Scope, Supply};

/// Lists those of an organization that the caller can read; with `?waiting=true` those without an answer.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    list(&caller, RequestsOf::Organization(id)).await
}

/// The same of a project.
pub(super) async fn of_project(caller: Caller, GroupPath(id): GroupPath) -> Result<Response, Failure> {
    list(&caller, RequestsOf::Project(id)).await
}

async fn list(caller: &Caller, of: RequestsOf) -> Result<Response, Failure> {
    let answered = if caller.flag("waiting", false)? { Answered::Not } else { Answered::Any };
    let rows = caller.ask(caller.app.store.requests(&caller.actor, &caller.now, of, answered)).await?;
    caller.ok(&List { results: rows.iter().map(|row| show::request(row, caller.at)).collect() })
}

/// Shows one.
pub(super) async fn get(caller: Caller, IdPath(id): IdPath<RequestId>) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.request(&caller.actor, id)).await?;
    caller.ok(&show::request(&row, caller.at))
}

/// Does what the verb says.
pub(super) async fn post(caller: Caller, path: IdVerbPath<RequestId>, body: Raw) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "approve" => approve(&caller, path.id, body).await,
        "decline" => decline(&caller, path.id, body).await,
        _ => Err(caller.nothing_here()),
    }
}

async fn approve(caller: &Caller, id: RequestId, body: Raw) -> Result<Response, Failure> {
    let store = &caller.app.store;
    let row = caller.ask(store.request(&caller.actor, id)).await?;
    caller.may(Action::Grant, Resource::Project(row.organization, row.project))?;
    let body: RequestApproval = body.json_if_any(&caller.app).await?;
    let approval = Approval {
        kind: body.grant_type.as_deref().map(show::grant_type).transpose()?,
        ttl: parse_if_any("duration", body.duration.as_deref())?,
    };
    let supplied = supplied(approval.kind.unwrap_or(row.request.wish.kind), body.sync_credential)?;
    let (supply, store) = Supply::keep(caller.app.door.as_ref(), store, supplied);
    let given = supply.settle(store.approve_request(&caller.actor, &caller.now, id, approval).await);
    let written = caller.ask(ready(given)).await?;
    caller.app.door.unlatch(Scope::Cluster(row.request.cluster));
    granted(caller, row.project, &row.cluster_name, written).await
}

async fn decline(caller: &Caller, id: RequestId, body: Raw) -> Result<Response, Failure> {
    let store = &caller.app.store;
    let row = caller.ask(store.request(&caller.actor, id)).await?;
    caller.may(Action::DeclineRequest, Resource::Project(row.organization, row.project))?;
    let body: RequestRefusal = body.json_if_any(&caller.app).await?;
    let reason = parse_if_any("reason", body.reason.as_deref())?;
    let written = caller.ask(store.decline_request(&caller.actor, &caller.now, id, reason)).await?;
    let request = show::request(&written.value, caller.at);
    caller.ok(&RequestDeclined { request, anchors: show::anchors(written.anchors) })
}

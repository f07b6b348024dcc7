//! Grant, revoke and look back, with a duration instead of an instant and with anchors in the answer.

use std::future::ready;

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave as api;
use byleave_api::byleave::{GrantRequest, Granted, List, Revoked};
use byleave_api::error::ErrorCode;
use byleave_core::grant::{Grant, GrantType, Request, not_blocked};
use byleave_core::id::ProjectId;
use byleave_core::name::ClusterName;
use byleave_core::policy::{Action, Resource};
use byleave_store::sync::SyncCredential;
use byleave_store::transaction::Written;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{ClusterPath, ClusterVerbPath, GroupPath};
use crate::api::show::{self, parse_if_any};
use crate::api::shut::shut;
use crate::door::{Scope, Supply};

/// How many grants are listed.
const LISTED: u32 = 500;

/// Lists the grants of a project, or of the cluster of `?cluster=`.
pub(super) async fn list(caller: Caller, GroupPath(project): GroupPath) -> Result<Response, Failure> {
    let cluster = caller.parameter("cluster")?;
    let cluster = parse_if_any("cluster", cluster.as_deref())?;
    let rows = caller.ask(caller.app.store.grants(&caller.actor, project, cluster.as_ref(), LISTED)).await?;
    caller.ok(&List { results: rows.iter().map(|row| show::grant(&row.grant, caller.at)).collect() })
}

/// Does what the verb says.
pub(super) async fn post(caller: Caller, path: ClusterVerbPath, body: Raw) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "grant" => grant(&caller, path.cluster, body).await,
        "revoke" => revoke(&caller, path.cluster).await,
        _ => Err(caller.nothing_here()),
    }
}

async fn grant(caller: &Caller, path: ClusterPath, body: Raw) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let (store, actor, now) = (&caller.app.store, &caller.actor, &caller.now);
    let cluster = caller.ask(store.cluster_summary(actor, now, project, &name)).await?;
    caller.may(Action::Grant, Resource::Project(cluster.organization, project))?;
    let body: GrantRequest = body.json(&caller.app).await?;
    let request = Request {
        kind: show::grant_type(&body.grant_type)?,
        ttl: parse_if_any("duration", body.duration.as_deref())?,
        case: parse_if_any("case", body.case.as_deref())?,
        reason: parse_if_any("reason", body.reason.as_deref())?,
    };
    let supplied = supplied(request.kind, body.sync_credential)?;
    let (supply, store) = Supply::keep(caller.app.door.as_ref(), store, supplied);
    let given = supply.settle(store.give_grant(actor, now, project, &name, request).await);
    let written = caller.ask(ready(given)).await?;
    caller.app.door.unlatch(Scope::Cluster(cluster.id));
    granted(caller, project, &name, written).await
}

/// The answer to a grant, however it was given: the same note wherever support is not blocked.
pub(super) async fn granted(
    caller: &Caller,
    project: ProjectId,
    name: &ClusterName,
    written: Written<Grant>,
) -> Result<Response, Failure> {
    let row = caller.app.store.cluster(&caller.actor, &caller.now, project, name).await;
    // The grant is given; that no note can be read is no failure of it.
    let note = row.ok().filter(|row| !row.blocked).map(|row| not_blocked(row.cluster.name.as_str()));
    let grant = show::grant(&written.value, caller.at);
    caller.object(StatusCode::CREATED, &Granted { grant, note, anchors: show::anchors(written.anchors) })
}

/// A credential opens nothing but sync data, so it comes with no other grant.
pub(super) fn supplied(kind: GrantType, given: Option<api::SyncCredential>) -> Result<Option<SyncCredential>, Failure> {
    match (given, kind) {
        (None, _) => Ok(None),
        (Some(given), GrantType::InfrastructureAndSyncData) => {
            show::sync_credential("syncCredential.", given).map(Some)
        }
        (Some(_), GrantType::DatabaseLogs | GrantType::Infrastructure) => Err(Failure::field(
            ErrorCode::ValidationError,
            "syncCredential",
            "can only be given with a grant of sync data",
        )),
    }
}

async fn revoke(caller: &Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let (store, actor, now) = (caller.app.store.clone(), caller.actor.clone(), caller.now.clone());
    let cluster = caller.ask(store.cluster_summary(&actor, &now, project, &name)).await?;
    caller.may(Action::Revoke, Resource::Project(cluster.organization, project))?;
    let write = async move { store.revoke_grant(&actor, &now, project, &name).await };
    let written = shut(caller, Scope::Cluster(cluster.id), "the revoke", write).await?;
    let revoked = written.value.as_ref().map(|grant| show::grant(grant, caller.at));
    caller.ok(&Revoked { revoked, anchors: show::anchors(written.anchors) })
}

//! Grant and revoke, as Atlas's clients send them: an instant for an answer without a body.

use axum::response::Response;
use byleave_api::atlas::GrantRequest;
use byleave_api::error::ErrorCode;
use byleave_core::grant::{GiveError, Request};
use byleave_core::policy::{Action, Resource};
use byleave_core::time::{Timestamp, Ttl, TtlError};
use byleave_store::StoreError;
use byleave_store::error::Rule;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{ClusterPath, ClusterVerbPath};
use crate::api::show;
use crate::api::shut::shut;
use crate::door::Scope;

/// Does what the verb says.
pub(super) async fn post(caller: Caller, path: ClusterVerbPath, body: Raw) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "grantMongoDBEmployeeAccess" => grant(&caller, path.cluster, body).await,
        "revokeMongoDBEmployeeAccess" => revoke(&caller, path.cluster).await,
        _ => Err(caller.nothing_here()),
    }
}

async fn grant(caller: &Caller, path: ClusterPath, body: Raw) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let (store, actor, now) = (&caller.app.store, &caller.actor, &caller.now);
    let cluster = caller.ask(store.cluster_summary(actor, now, project, &name)).await?;
    caller.may(Action::Grant, Resource::Project(cluster.organization, project))?;
    let body: GrantRequest = body.json(&caller.app).await?;
    let kind = show::grant_type(&body.grant_type)?;
    let expiration = Timestamp::parse_capped(&body.expiration_time)
        .map_err(|error| Failure::field(ErrorCode::ValidationError, "expirationTime", error.to_string()))?;
    let at = caller.ask(store.now(now)).await?.at;
    let refuse = |error: TtlError| Failure::field(ErrorCode::ValidationError, "expirationTime", error.to_string());
    let ttl = Some(Ttl::until(expiration, at).map_err(refuse)?);
    let request = Request { kind, ttl, case: None, reason: None };
    match store.give_grant(actor, now, project, &name, request).await {
        Err(StoreError::Refused(Rule::Give(GiveError::Duration(error)))) => return Err(refuse(error)),
        given => caller.ask(std::future::ready(given)).await?,
    };
    caller.app.door.unlatch(Scope::Cluster(cluster.id));
    Ok(caller.done())
}

async fn revoke(caller: &Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let (store, actor, now) = (caller.app.store.clone(), caller.actor.clone(), caller.now.clone());
    let cluster = caller.ask(store.cluster_summary(&actor, &now, project, &name)).await?;
    caller.may(Action::Revoke, Resource::Project(cluster.organization, project))?;
    let write = async move { store.revoke_grant(&actor, &now, project, &name).await };
    shut(caller, Scope::Cluster(cluster.id), "the revoke", write).await?;
    Ok(caller.done())
}

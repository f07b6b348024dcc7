//! Clusters with their nodes, logs and checks.

use axum::response::Response;
use byleave_api::byleave::List;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{ClusterPath, OrgPath};
use crate::api::show;

/// Lists those of an organization that the caller can read.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let rows = caller.ask(caller.app.store.clusters_of_organization(&caller.actor, &caller.now, id)).await?;
    caller.ok(&List { results: rows.iter().map(|row| show::cluster(row, caller.at)).collect() })
}

/// Shows one, with the tag of what is granted.
pub(super) async fn get(caller: Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let row = caller.ask(caller.app.store.cluster(&caller.actor, &caller.now, project, &name)).await?;
    caller.with_tag(&row.grant_tag(), &show::cluster(&row, caller.at))
}

//! Clusters, with `mongoDBEmployeeAccessGrant` while a grant is in force.

use axum::response::Response;
use byleave_api::atlas::Cluster;
use byleave_store::cluster::ClusterRow;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::{ClusterPath, GroupPath};
use crate::api::show;

/// Lists those of a project.
pub(super) async fn list(caller: Caller, GroupPath(project): GroupPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = caller.ask(caller.app.store.clusters(&caller.actor, &caller.now, project)).await?;
    let clusters = rows.iter().map(|row| show(&caller, row)).collect();
    caller.list(&paging.of(&caller, clusters))
}

/// Shows one.
pub(super) async fn get(caller: Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let row = caller.ask(caller.app.store.cluster(&caller.actor, &caller.now, project, &name)).await?;
    caller.ok(&show(&caller, &row))
}

fn show(caller: &Caller, row: &ClusterRow) -> Cluster {
    let cluster = &row.cluster;
    let path = format!("/api/atlas/v2/groups/{}/clusters/{}", cluster.project, cluster.name);
    Cluster {
        cluster_type: "REPLICASET".to_owned(),
        create_date: row.created_at.to_seconds_text(),
        group_id: cluster.project.to_string(),
        id: cluster.id.to_string(),
        links: vec![caller.link(&path, "self")],
        mongodb_employee_access_grant: row.grant.as_ref().map(show::atlas_grant),
        name: cluster.name.to_string(),
        paused: false,
        replication_specs: Vec::new(),
        state_name: "IDLE".to_owned(),
    }
}

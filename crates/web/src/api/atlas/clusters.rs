//! Clusters, with `mongoDBEmployeeAccessGrant` while a grant is in force.

use axum::response::Response;
use byleave_api::atlas::Cluster;
use byleave_store::cluster::ClusterSummary;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::{ClusterPath, GroupPath};
use crate::api::show;

/// Lists those of a project.
pub(super) async fn list(caller: Caller, GroupPath(project): GroupPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let (skip, take) = (paging.skip(), paging.per_page);
    let asked = caller.app.store.cluster_summaries(&caller.actor, &caller.now, project, skip, take);
    let (total, rows) = caller.ask(asked).await?;
    let clusters = rows.iter().map(|row| show(&caller, row)).collect();
    caller.list(&paging.with_total(&caller, clusters, total))
}

/// Shows one.
pub(super) async fn get(caller: Caller, path: ClusterPath) -> Result<Response, Failure> {
    let ClusterPath { project, name } = path;
    let row = caller.ask(caller.app.store.cluster_summary(&caller.actor, &caller.now, project, &name)).await?;
    caller.ok(&show(&caller, &row))
}

fn show(caller: &Caller, cluster: &ClusterSummary) -> Cluster {
    let path = format!("/api/atlas/v2/groups/{}/clusters/{}", cluster.project, cluster.name);
    Cluster {
        cluster_type: "REPLICASET".to_owned(),
        create_date: cluster.created_at.to_seconds_text(),
        group_id: cluster.project.to_string(),
        id: cluster.id.to_string(),
        links: vec![caller.link(&path, "self")],
        mongodb_employee_access_grant: cluster.grant.as_ref().map(show::atlas_grant),
        name: cluster.name.to_string(),
        paused: false,
        replication_specs: Vec::new(),
        state_name: "IDLE".to_owned(),
    }
}

//! Projects that the caller can read.

use axum::response::Response;
use byleave_api::atlas::Group;
use byleave_store::organization::ProjectRow;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::{GroupPath, OrgPath};

/// Lists all.
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = caller.ask(caller.app.store.projects(&caller.actor)).await?;
    let groups = rows.iter().map(|row| show(&caller, row)).collect();
    caller.list(&paging.of(&caller, groups))
}

/// Lists those of one organization, by name if one is given.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let name = caller.parameter("name")?;
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    let rows = caller.ask(caller.app.store.projects(&caller.actor)).await?;
    let wanted = |row: &&ProjectRow| {
        row.organization == id && name.as_deref().is_none_or(|name| row.name.as_str().starts_with(name))
    };
    let groups = rows.iter().filter(wanted).map(|row| show(&caller, row)).collect();
    caller.list(&paging.of(&caller, groups))
}

/// Shows one.
pub(super) async fn get(caller: Caller, GroupPath(id): GroupPath) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.project(&caller.actor, id)).await?;
    caller.ok(&show(&caller, &row))
}

fn show(caller: &Caller, row: &ProjectRow) -> Group {
    Group {
        cluster_count: row.cluster_count,
        created: row.created_at.to_seconds_text(),
        id: row.id.to_string(),
        links: vec![caller.link(&format!("/api/atlas/v2/groups/{}", row.id), "self")],
        name: row.name.to_string(),
        org_id: row.organization.to_string(),
    }
}

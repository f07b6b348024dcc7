//! Organizations that the caller may know of.

use axum::response::Response;
use byleave_api::atlas::Organization;
use byleave_store::organization::OrganizationRow;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::OrgPath;
use crate::api::show::begins;

/// Lists them; those whose name begins so if a name is given, in whatever case.
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let name = caller.parameter("name")?;
    let rows = caller.ask(caller.app.store.organizations(&caller.actor)).await?;
    let wanted = |row: &OrganizationRow| name.as_deref().is_none_or(|name| begins(row.name.as_str(), name));
    let organizations = rows.iter().filter(|row| wanted(row)).map(|row| show(&caller, row)).collect();
    caller.list(&paging.of(&caller, organizations))
}

/// Shows one.
pub(super) async fn get(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.ok(&show(&caller, &row))
}

fn show(caller: &Caller, row: &OrganizationRow) -> Organization {
    Organization {
        id: row.id.to_string(),
        name: row.name.to_string(),
        is_deleted: false,
        links: vec![caller.link(&format!("/api/atlas/v2/orgs/{}", row.id), "self")],
    }
}

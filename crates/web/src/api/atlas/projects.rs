//! Projects that the caller can read, and making one.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::atlas::{CloudCluster, Group, NewGroup, OrgGroup};
use byleave_api::error::ErrorCode;
use byleave_core::id::{OrgId, UserId};
use byleave_core::policy::{Action, Resource};
use byleave_store::project::{EstateCluster, EstateRow, ProjectRow};

use crate::api::caller::Caller;
use crate::api::error::{Failure, Names};
use crate::api::json::Raw;
use crate::api::page::Paging;
use crate::api::path::{GroupNamePath, GroupPath, OrgPath};
use crate::api::show::{begins, parse};

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
        row.organization == id && name.as_deref().is_none_or(|name| begins(row.name.as_str(), name))
    };
    let groups = rows.iter().filter(wanted).map(|row| show(&caller, row)).collect();
    caller.list(&paging.of(&caller, groups))
}

/// Shows the one of this name.
pub(super) async fn by_name(caller: Caller, GroupNamePath(name): GroupNamePath) -> Result<Response, Failure> {
    let row = caller.app.store.project_by_name(&caller.actor, &name).await.map_err(|error| {
        let failure = Failure::from(error);
        if failure.code() == ErrorCode::GroupNotFound {
            return failure.saying(format!("No group named {name} exists."), vec![name.to_string()]);
        }
        failure
    })?;
    caller.ok(&show(&caller, &row))
}

/// Lists all projects, each with its clusters.
pub(super) async fn with_clusters(caller: Caller) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = caller.ask(caller.app.store.estate(&caller.actor)).await?;
    caller.list(&paging.of(&caller, rows.into_iter().map(show_estate).collect()))
}

/// Makes one.
pub(super) async fn create(caller: Caller, body: Raw) -> Result<Response, Failure> {
    // Whoever could make none anywhere is refused before the body says where.
    let (own, _) = caller.actor.membership().ok_or_else(Failure::forbidden)?;
    caller.may(Action::CreateProject, Resource::Organization(own))?;
    let body: NewGroup = body.json(&caller.app).await?;
    let organization = read_organization(&body.org_id)?;
    let names = Names { organization: Some(body.org_id.clone()), ..Names::default() };
    let name = parse("name", &body.name)?;
    refuse_what_is_not_kept(&body)?;
    let owner = read_owner(&caller)?;
    if owner.is_some() {
        caller.may(Action::ManageUsers, Resource::Organization(own))?;
    }
    let store = &caller.app.store;
    let made = store.create_project(&caller.actor, &caller.now, organization, name, owner).await;
    let row = made.map_err(|error| Failure::from(error).naming(&names))?.value;
    caller.object(StatusCode::CREATED, &show(&caller, &row))
}

fn read_organization(text: &str) -> Result<OrgId, Failure> {
    text.parse()
        .map_err(|error: byleave_core::id::IdError| Failure::field(ErrorCode::InvalidOrgId, "orgId", error.to_string()))
}

/// Who becomes the project's owner, besides the organization's owners.
fn read_owner(caller: &Caller) -> Result<Option<UserId>, Failure> {
    let refuse = |error: byleave_core::id::IdError| {
        Failure::field(ErrorCode::InvalidQueryParameter, "projectOwnerId", error.to_string())
    };
    caller.parameter("projectOwnerId")?.map(|text| text.parse().map_err(refuse)).transpose()
}

/// Refuses what a client would look for in vain later.
fn refuse_what_is_not_kept(body: &NewGroup) -> Result<(), Failure> {
    let refuse = |field, rule| Err(Failure::field(ErrorCode::InvalidAttribute, field, rule));
    match body.region_usage_restrictions.as_deref() {
        None | Some("COMMERCIAL_FEDRAMP_REGIONS_ONLY") => {}
        Some("GOV_REGIONS_ONLY") => return refuse("regionUsageRestrictions", "is not kept: there are no regions here"),
        Some(word) => {
            let failure =
                Failure::field(ErrorCode::InvalidEnumValue, "regionUsageRestrictions", "must be a known word");
            let text = format!("An invalid enumeration value {word} was specified.");
            return Err(failure.saying(text, vec![word.to_owned()]));
        }
    }
    match body.tags.as_deref() {
        None | Some([]) => Ok(()),
        Some(_) => refuse("tags", "must be empty: tags are not kept here"),
    }
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

fn show_estate(row: EstateRow) -> OrgGroup {
    let cluster = |cluster: EstateCluster| CloudCluster {
        cluster_id: cluster.id.to_string(),
        name: cluster.name.to_string(),
        node_count: cluster.nodes,
        kind: "REPLICA_SET".to_owned(),
    };
    OrgGroup {
        clusters: row.clusters.into_iter().map(cluster).collect(),
        group_id: row.project.id.to_string(),
        group_name: row.project.name.to_string(),
        org_id: row.project.organization.to_string(),
        org_name: row.organization_name.to_string(),
    }
}

//! API keys of an organization or a project: the path says which, and whose roles are meant.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::atlas::account::{ApiKey, ApiKeyPatch, ApiKeyRequest, ApiKeyRole, RoleAssignment};
use byleave_api::error::ErrorCode;
use byleave_core::id::ApiKeyId;
use byleave_store::account::{AccountId, Through};
use byleave_store::api_key::{ApiKeyChange, ApiKeyRow, NewApiKey};

use crate::api::atlas::account::{given, manage, project_roles};
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::page::Paging;
use crate::api::path::{ApiKeyPath, GroupPath, OrgPath, ThroughPath};
use crate::api::show::{parse, parse_if_any};
use crate::auth::digest::ha1;
use crate::auth::key::draw_api_key;

/// What is shown in place of a private key: nothing of it is kept that could be shown.
const REDACTED: &str = "********-****-****-****-************";

/// Lists them.
pub(super) async fn list(caller: Caller, ThroughPath(through): ThroughPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = caller.ask(caller.app.store.api_keys(&caller.actor, through)).await?;
    let keys = rows.iter().map(|row| show(&caller, row, through, REDACTED)).collect();
    caller.list(&paging.of(&caller, keys))
}

/// Makes one; its private part is shown this once.
pub(super) async fn post(caller: Caller, ThroughPath(through): ThroughPath, body: Raw) -> Result<Response, Failure> {
    manage(&caller, through).await?;
    let body: ApiKeyRequest = body.json(&caller.app).await?;
    let (public_key, private_key) = draw_api_key(caller.app.entropy.as_ref());
    let new = NewApiKey {
        ha1: ha1(&public_key, &private_key),
        public_key,
        description: parse("desc", &body.desc)?,
        roles: given(through, &body.roles)?,
    };
    let row = caller.ask(caller.app.store.add_api_key(&caller.actor, &caller.now, through, new)).await?.value;
    caller.shown_once(StatusCode::OK, &show(&caller, &row, through, &private_key))
}

/// Shows one.
pub(super) async fn get(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.api_key_of(&caller.actor, through, key)).await?;
    caller.tagged(&row.tag(), &show(&caller, &row, through, REDACTED))
}

/// Changes what is named.
pub(super) async fn patch(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
    body: Raw,
) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.api_key_of(&caller.actor, through, key)).await?;
    manage(&caller, through).await?;
    let body: ApiKeyPatch = body.json(&caller.app).await?;
    let change = ApiKeyChange {
        description: parse_if_any("desc", body.desc.as_deref())?,
        roles: body.roles.map(|roles| given(through, &roles)).transpose()?,
    };
    let row = caller.ask(store.change_api_key(&caller.actor, &caller.now, through, key, change)).await?.value;
    caller.with_tag(&row.tag(), &show(&caller, &row, through, REDACTED))
}

/// Removes one from the organization.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
) -> Result<Response, Failure> {
    let (store, through) = (&caller.app.store, Through::Organization(organization));
    caller.ask(store.api_key_of(&caller.actor, through, key)).await?;
    manage(&caller, through).await?;
    caller.ask(store.remove_api_key(&caller.actor, &caller.now, organization, key)).await?;
    Ok(caller.done())
}

/// Gives one of the organization roles in the project.
pub(super) async fn assign(
    caller: Caller,
    GroupPath(project): GroupPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
    body: Raw,
) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.project(&caller.actor, project)).await?;
    manage(&caller, Through::Project(project)).await?;
    caller.ask(store.can_be_assigned(&caller.actor, project, AccountId::ApiKey(key))).await?;
    let body: Vec<RoleAssignment> = body.json_list(&caller.app).await?;
    let [assignment] = body.as_slice() else {
        return Err(Failure::field(ErrorCode::ValidationError, "body", "must be a list of one assignment"));
    };
    let roles = project_roles(&assignment.roles)?;
    caller.ask(store.assign_account(&caller.actor, &caller.now, project, AccountId::ApiKey(key), roles)).await?;
    Ok(caller.done())
}

/// Takes all roles in the project from one.
pub(super) async fn unassign(
    caller: Caller,
    GroupPath(project): GroupPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
) -> Result<Response, Failure> {
    let (store, through) = (&caller.app.store, Through::Project(project));
    caller.ask(store.api_key_of(&caller.actor, through, key)).await?;
    manage(&caller, through).await?;
    caller.ask(store.unassign_account(&caller.actor, &caller.now, project, AccountId::ApiKey(key))).await?;
    Ok(caller.done())
}

fn show(caller: &Caller, row: &ApiKeyRow, through: Through, private_key: &str) -> ApiKey {
    let path = format!("/api/atlas/v2/orgs/{}/apiKeys/{}", row.organization, row.id);
    let in_organization = row.roles.organization.iter().map(|role| ApiKeyRole {
        group_id: None,
        org_id: Some(row.organization.to_string()),
        role_name: role.to_string(),
    });
    let shown = |id| match through {
        Through::Organization(_) => true,
        Through::Project(project) => project == id,
    };
    let projects = row.roles.projects.iter().filter(|(id, _)| shown(**id));
    let in_projects = projects.flat_map(|(id, roles)| {
        roles.iter().map(move |role| ApiKeyRole {
            group_id: Some(id.to_string()),
            org_id: None,
            role_name: role.to_string(),
        })
    });
    ApiKey {
        desc: row.description.to_string(),
        id: row.id.to_string(),
        links: vec![caller.link(&path, "self")],
        private_key: private_key.to_owned(),
        public_key: row.public_key.clone(),
        roles: in_organization.chain(in_projects).collect(),
    }
}

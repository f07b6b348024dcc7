//! Service accounts of an organization or a project: the path says which, and whose roles are meant.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::atlas::account::{
    RoleAssignment, ServiceAccount, ServiceAccountGroup, ServiceAccountPatch, ServiceAccountRequest,
    ServiceAccountSecret, ServiceAccountSecretRequest,
};
use byleave_api::error::ErrorCode;
use byleave_core::id::SecretId;
use byleave_core::setting::SecretHours;
use byleave_store::account::{AccountId, Through};
use byleave_store::secret::{NewSecret, SecretRow};
use byleave_store::service_account::{NewServiceAccount, ServiceAccountChange, ServiceAccountRow};

use crate::api::atlas::account::{given, manage, manage_assignment, project_roles, roles_of};
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::page::Paging;
use crate::api::path::{ClientPath, ClientVerbPath, GroupPath, OrgPath, SecretPath, ThroughPath};
use crate::api::show::{parse, parse_if_any};
use crate::auth::key::{SECRET, draw_secret};
use crate::auth::token::Token;

/// Lists them.
pub(super) async fn list(caller: Caller, ThroughPath(through): ThroughPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    // Nothing here is managed by the system, so both answers are the same.
    caller.flag("includeSystemManaged", false)?;
    let rows = caller.ask(caller.app.store.service_accounts(&caller.actor, through)).await?;
    let accounts = rows.iter().map(|row| show(row, through, None)).collect();
    caller.list(&paging.of(&caller, accounts))
}

/// Makes one with its first secret, which is shown this once.
pub(super) async fn post(caller: Caller, ThroughPath(through): ThroughPath, body: Raw) -> Result<Response, Failure> {
    manage(&caller, through).await?;
    let body: ServiceAccountRequest = body.json(&caller.app).await?;
    let (text, secret) = secret(&caller, body.secret_expires_after_hours)?;
    let new = NewServiceAccount {
        name: parse("name", &body.name)?,
        description: parse("description", &body.description)?,
        roles: given(through, &body.roles)?,
        secret,
    };
    let store = &caller.app.store;
    let row = caller.ask(store.add_service_account(&caller.actor, &caller.now, through, new)).await?.value;
    caller.shown_once(StatusCode::CREATED, &show(&row, through, Some(&text)))
}

/// Shows one.
pub(super) async fn get(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
) -> Result<Response, Failure> {
    let row = caller.ask(caller.app.store.service_account(&caller.actor, through, id)).await?;
    caller.with_tag(&row.tag(), &show(&row, through, None))
}

/// Changes what is named.
pub(super) async fn patch(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
    body: Raw,
) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.service_account(&caller.actor, through, id)).await?;
    manage(&caller, through).await?;
    let body: ServiceAccountPatch = body.json(&caller.app).await?;
    let change = ServiceAccountChange {
        name: parse_if_any("name", body.name.as_deref())?,
        description: parse_if_any("description", body.description.as_deref())?,
        roles: body.roles.map(|roles| given(through, &roles)).transpose()?,
    };
    let row = caller.ask(store.change_service_account(&caller.actor, &caller.now, through, id, change)).await?.value;
    caller.with_tag(&row.tag(), &show(&row, through, None))
}

/// Removes one from the organization, with its secrets and tokens.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ClientPath(id): ClientPath,
) -> Result<Response, Failure> {
    let (store, through) = (&caller.app.store, Through::Organization(organization));
    caller.ask(store.service_account(&caller.actor, through, id)).await?;
    manage(&caller, through).await?;
    caller.ask(store.remove_service_account(&caller.actor, &caller.now, organization, id)).await?;
    Ok(caller.done())
}

/// Takes all roles in the project from one.
pub(super) async fn unassign(
    caller: Caller,
    GroupPath(project): GroupPath,
    ClientPath(id): ClientPath,
) -> Result<Response, Failure> {
    let (store, through) = (&caller.app.store, Through::Project(project));
    caller.ask(store.service_account(&caller.actor, through, id)).await?;
    manage(&caller, through).await?;
    let account = AccountId::ServiceAccount(id);
    caller.ask(store.unassign_account(&caller.actor, &caller.now, project, account)).await?;
    Ok(caller.done())
}

/// Gives one of the organization roles in the project. For owners of the organization, as in Atlas.
pub(super) async fn invite(
    caller: Caller,
    GroupPath(project): GroupPath,
    path: ClientVerbPath,
    body: Raw,
) -> Result<Response, Failure> {
    if path.verb != "invite" {
        return Err(caller.nothing_here());
    }
    let (store, through) = (&caller.app.store, Through::Project(project));
    let organization = caller.ask(store.project(&caller.actor, project)).await?.organization;
    caller.ask(store.service_account(&caller.actor, organization, path.id)).await?;
    manage_assignment(&caller, organization)?;
    let body: RoleAssignment = body.json(&caller.app).await?;
    let (roles, account) = (project_roles(&body.roles)?, AccountId::ServiceAccount(path.id));
    caller.ask(store.assign_account(&caller.actor, &caller.now, project, account, roles)).await?;
    let row = caller.ask(store.service_account(&caller.actor, through, path.id)).await?;
    caller.ok(&show(&row, through, None))
}

/// Lists the projects in which one has roles, as far as the caller can read them.
pub(super) async fn groups(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ClientPath(id): ClientPath,
) -> Result<Response, Failure> {
    let (paging, store) = (Paging::read(&caller)?, &caller.app.store);
    let row = caller.ask(store.service_account(&caller.actor, organization, id)).await?;
    let readable = caller.ask(store.projects(&caller.actor)).await?;
    let seen = row.roles.projects.iter().filter(|(id, _)| readable.iter().any(|project| project.id == **id));
    let groups = seen.map(|(id, roles)| ServiceAccountGroup {
        group_id: id.to_string(),
        roles: roles.iter().map(ToString::to_string).collect(),
    });
    caller.list(&paging.of(&caller, groups.collect()))
}

/// Makes another secret, which is shown this once.
pub(super) async fn post_secret(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
    body: Raw,
) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.service_account(&caller.actor, through, id)).await?;
    manage(&caller, through).await?;
    let body: ServiceAccountSecretRequest = body.json(&caller.app).await?;
    let (text, secret) = secret(&caller, body.secret_expires_after_hours)?;
    let row = caller.ask(store.add_secret(&caller.actor, &caller.now, through, id, secret)).await?.value;
    caller.shown_once(StatusCode::CREATED, &show_secret(&row, Some(&text)))
}

/// Removes a secret, and the tokens that it got.
pub(super) async fn delete_secret(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
    SecretPath(secret): SecretPath<SecretId>,
) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.service_account(&caller.actor, through, id)).await?;
    manage(&caller, through).await?;
    caller.ask(store.remove_secret(&caller.actor, &caller.now, through, id, secret)).await?;
    Ok(caller.done())
}

/// Draws a secret that lasts this many hours.
fn secret(caller: &Caller, hours: i64) -> Result<(Token, NewSecret), Failure> {
    let validity = SecretHours::new(hours)
        .map_err(|error| Failure::field(ErrorCode::ValidationError, "secretExpiresAfterHours", error.to_string()))?;
    let text = draw_secret(caller.app.entropy.as_ref());
    let new = NewSecret { hash: *text.hash().as_bytes(), hint: text.hint(), validity };
    Ok((text, new))
}

/// An account; `text` is that of the only secret of one just made.
fn show(row: &ServiceAccountRow, through: Through, text: Option<&Token>) -> ServiceAccount {
    ServiceAccount {
        client_id: row.id.client_id(),
        created_at: row.added_at.to_seconds_text(),
        description: row.description.to_string(),
        name: row.name.to_string(),
        roles: roles_of(through, &row.roles),
        secrets: row.secrets.iter().map(|secret| show_secret(secret, text)).collect(),
    }
}

fn show_secret(row: &SecretRow, text: Option<&Token>) -> ServiceAccountSecret {
    ServiceAccountSecret {
        created_at: row.added_at.to_seconds_text(),
        expires_at: row.expires_at.to_seconds_text(),
        id: row.id.to_string(),
        last_used_at: row.used_at.map(|at| at.to_seconds_text()),
        masked_secret_value: format!("{SECRET}********{}", row.hint),
        secret: text.map(|text| text.reveal().to_owned()),
    }
}

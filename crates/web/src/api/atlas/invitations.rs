//! Invitations in Atlas's older form. They are the same as those of [`super::users`] and of our own paths.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::atlas::{InvitationRequest, OrganizationInvitation};
use byleave_api::page::Link;
use byleave_core::id::{InvitationId, OrgId};
use byleave_core::name::{OrgName, UserName};
use byleave_core::policy::{Action, Resource, may};
use byleave_core::role::Roles;
use byleave_store::StoreError;
use byleave_store::error::Thing;
use byleave_store::invitation::InvitationRow;

use super::roles;
use super::users::{send, user_name};
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdPath, OrgPath};
use crate::api::show::parse;

/// Lists those that nobody has claimed, of one person if a name is given. Not page by page.
pub(super) async fn list(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let organization = seen(&caller, id).await?;
    let name = user_name(&caller)?;
    let mut rows = caller.ask(caller.app.store.invitations(&caller.actor, &caller.now, id)).await?;
    rows.retain(|row| name.as_ref().is_none_or(|name| *name == row.user_name));
    let shown: Vec<_> = rows.iter().map(|row| show(&caller, id, &organization, row)).collect();
    caller.ok(&shown)
}

/// Shows one.
pub(super) async fn get(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(invitation): IdPath<InvitationId>,
) -> Result<Response, Failure> {
    let organization = seen(&caller, id).await?;
    let rows = caller.ask(caller.app.store.invitations(&caller.actor, &caller.now, id)).await?;
    let row = rows.iter().find(|row| row.id == invitation);
    let row = row.ok_or_else(|| caller.failure(StoreError::NotFound(Thing::Invitation)))?;
    caller.ok(&show(&caller, id, &organization, row))
}

/// Invites a person.
pub(super) async fn post(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let organization = caller.ask(caller.app.store.organization(&caller.actor, id)).await?.name;
    let body: InvitationRequest = body.json(&caller.app).await?;
    let name: UserName = parse("username", &body.username)?;
    let roles = read(&body)?;
    roles::refuse_teams(body.team_ids.as_deref())?;
    let (row, invited) = send(&caller, id, name, roles).await?;
    let mut shown = show(&caller, id, &organization, &row);
    shown.links.push(Link {
        href: caller.public(&format!("/invitations/{}", invited.token.expose())),
        rel: "invitation".to_owned(),
    });
    caller.shown_once(StatusCode::OK, &shown)
}

/// Takes one back.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(invitation): IdPath<InvitationId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let store = &caller.app.store;
    caller.ask(store.withdraw_invitation(&caller.actor, &caller.now, id, invitation)).await?;
    Ok(caller.done())
}

/// Only owners see invitations here; the password need not be fresh for looking.
async fn seen(caller: &Caller, id: OrgId) -> Result<OrgName, Failure> {
    let row = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    may(&caller.actor, Action::ReadInvitations, Resource::Organization(id)).map_err(|_| Failure::forbidden())?;
    Ok(row.name)
}

fn read(body: &InvitationRequest) -> Result<Roles, Failure> {
    let pairs =
        body.group_role_assignments.iter().flatten().map(|assignment| (&assignment.group_id, &assignment.roles));
    let projects = roles::in_projects("groupRoleAssignments", "roles", pairs)?;
    let organization = match &body.roles {
        Some(words) if projects.is_empty() || !words.is_empty() => roles::in_organization("roles", words)?,
        Some(_) => Default::default(),
        None if projects.is_empty() => roles::in_organization("roles", &[])?,
        None => Default::default(),
    };
    Ok(Roles { organization, projects })
}

fn show(caller: &Caller, id: OrgId, organization: &OrgName, row: &InvitationRow) -> OrganizationInvitation {
    OrganizationInvitation {
        created_at: row.created_at.to_seconds_text(),
        expires_at: row.expires_at.to_seconds_text(),
        group_role_assignments: roles::show_flat(&row.roles),
        id: row.id.to_string(),
        inviter_username: row.inviter.clone(),
        links: vec![caller.link(&format!("/api/atlas/v2/orgs/{id}/invites/{}", row.id), "self")],
        org_id: id.to_string(),
        org_name: organization.to_string(),
        roles: row.roles.organization.iter().map(ToString::to_string).collect(),
        team_ids: Vec::new(),
        username: row.user_name.to_string(),
    }
}

//! A customer's people: owners invite them, change their roles, remove them.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{Done, List, NewUser, OpenInvitation, RolesChanged, RolesPatch, User};
use byleave_core::id::{InvitationId, OrgId, UserId};
use byleave_core::policy::{Action, Resource};
use byleave_store::user::UserRow;

use crate::api::byleave::organizations::invited;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdPath, IdVerbPath, OrgPath};
use crate::api::show::{self, parse, read_roles};

/// Lists them.
pub(super) async fn list(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let rows = caller.ask(caller.app.store.users(&caller.actor, id)).await?;
    caller.ok(&List { results: rows.iter().map(show).collect() })
}

/// Lists invitations that nobody has claimed yet.
pub(super) async fn invitations(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let rows = caller.ask(caller.app.store.invitations(&caller.actor, &caller.now, id)).await?;
    let open = rows.iter().map(|row| OpenInvitation {
        id: row.id.to_string(),
        user_name: row.user_name.to_string(),
        roles: show::roles(&row.roles),
        expires_at: row.expires_at.to_string(),
    });
    caller.ok(&List { results: open.collect() })
}

/// Invites a person.
pub(super) async fn invite(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let body: NewUser = body.json(&caller.app).await?;
    let name = parse("userName", &body.user_name)?;
    let roles = read_roles(&body.roles)?;
    let store = &caller.app.store;
    let written = caller.ask(store.invite_user(&caller.actor, &caller.now, id, name, roles)).await?;
    caller.shown_once(StatusCode::CREATED, &invited(&caller, written))
}

/// Takes an invitation back that nobody has claimed yet.
pub(super) async fn withdraw(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(invitation): IdPath<InvitationId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let store = &caller.app.store;
    let written = caller.ask(store.withdraw_invitation(&caller.actor, &caller.now, id, invitation)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

/// Gives other roles.
pub(super) async fn patch(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(user): IdPath<UserId>,
    body: Raw,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let body: RolesPatch = body.json(&caller.app).await?;
    let roles = read_roles(&body.roles)?;
    let store = &caller.app.store;
    let written = caller.ask(store.change_roles(&caller.actor, &caller.now, id, user, roles)).await?;
    let tag = written.value.tag();
    caller.with_tag(&tag, &RolesChanged { user: show(&written.value), anchors: show::anchors(written.anchors) })
}

/// Does what the verb says.
pub(super) async fn post(caller: Caller, OrgPath(id): OrgPath, path: IdVerbPath<UserId>) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "resetPassword" => reset_password(&caller, id, path.id).await,
        _ => Err(caller.nothing_here()),
    }
}

/// Makes a link with which a person chooses a new password.
async fn reset_password(caller: &Caller, id: OrgId, user: UserId) -> Result<Response, Failure> {
    caller.may(Action::ResetPassword, Resource::Organization(id))?;
    let store = &caller.app.store;
    let written = caller.ask(store.offer_password_reset(&caller.actor, &caller.now, id, user)).await?;
    caller.shown_once(StatusCode::CREATED, &invited(caller, written))
}

/// Removes a person.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(user): IdPath<UserId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let written = caller.ask(caller.app.store.remove_user(&caller.actor, &caller.now, id, user)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

fn show(row: &UserRow) -> User {
    User {
        id: row.id.to_string(),
        user_name: row.name.to_string(),
        roles: show::roles(&row.roles),
        etag: row.tag().as_str().to_owned(),
    }
}

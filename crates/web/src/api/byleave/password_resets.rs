//! Links for a new password that are open: owners see them, and withdraw them. Making one is a verb of a user
//! ([`super::users`]), using one is claiming its token ([`super::invitations`]); no token is ever told here.

use axum::response::Response;
use byleave_api::byleave::{Done, List, PasswordReset};
use byleave_core::id::InvitationId;
use byleave_core::policy::{Action, Resource};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{IdPath, OrgPath};
use crate::api::show;

/// Lists those that can be used.
pub(super) async fn list(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let rows = caller.ask(caller.app.store.password_resets(&caller.actor, &caller.now, id)).await?;
    let open = rows.into_iter().map(|row| PasswordReset {
        id: row.id.to_string(),
        user_id: row.user.to_string(),
        user_name: row.user_name.to_string(),
        created_by: row.maker.to_string(),
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
    });
    caller.ok(&List { results: open.collect() })
}

/// Withdraws one that nobody has used.
pub(super) async fn withdraw(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(reset): IdPath<InvitationId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let store = &caller.app.store;
    let written = caller.ask(store.withdraw_password_reset(&caller.actor, &caller.now, id, reset)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

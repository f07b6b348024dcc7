//! Organizations: an administrator creates them, their owners set what is theirs.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{InviteOwner, Invited, NewOrganization, Settings, SettingsPatch};
use byleave_api::error::ErrorCode;
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Ttl;
use byleave_store::Written;
use byleave_store::invitation::{self, SameName};
use byleave_store::organization::OrganizationRow;
use byleave_store::setting;

use crate::api::byleave::recovery;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{OrgPath, OrgVerbPath};
use crate::api::show::{self, parse};
use crate::api::shut::shut;
use crate::door::Scope;

/// Creates an organization and invites its first owner.
pub(super) async fn post(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::InviteFirstOwner, Resource::Installation)?;
    let body: NewOrganization = body.json(&caller.app).await?;
    let name = parse("name", &body.name)?;
    let owner = parse("ownerUserName", &body.owner_user_name)?;
    let same_name = if body.another == Some(true) { SameName::Another } else { SameName::Refused };
    let store = &caller.app.store;
    let written = store.invite_organization(&caller.actor, &caller.now, (name, same_name), owner);
    let written = caller.ask(written).await?;
    caller.shown_once(StatusCode::CREATED, &invited(&caller, written))
}

/// Does what the verb says.
pub(super) async fn verb(caller: Caller, path: OrgVerbPath, body: Raw) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "inviteOwner" => invite_owner(&caller, path.id, body).await,
        "recoverOwner" => recovery::start(&caller, path.id, body).await,
        "inviteRecoveredOwner" => recovery::invite(&caller, path.id).await,
        "stopRecovery" => recovery::stop(&caller, path.id).await,
        _ => Err(caller.nothing_here()),
    }
}

/// Invites the first owner anew.
async fn invite_owner(caller: &Caller, id: OrgId, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::InviteFirstOwner, Resource::Installation)?;
    let body: InviteOwner = body.json(&caller.app).await?;
    let owner = parse("ownerUserName", &body.owner_user_name)?;
    let store = &caller.app.store;
    let written = caller.ask(store.invite_first_owner_again(&caller.actor, &caller.now, id, owner)).await?;
    caller.shown_once(StatusCode::CREATED, &invited(caller, written))
}

/// An invitation with its token, which is shown once.
pub(super) fn invited(caller: &Caller, written: Written<invitation::Invited>) -> Invited {
    let Written { value, anchors } = written;
    let path = format!("/invitations/{}", value.token.expose());
    Invited {
        organization_id: value.organization.to_string(),
        invitation_id: value.invitation.to_string(),
        url: caller.public(&path),
        path,
        token: value.token.expose().to_owned(),
        expires_at: value.expires_at.to_string(),
        anchors: show::anchors(anchors),
    }
}

/// Shows the settings.
pub(super) async fn settings(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let value = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.tagged(&value.tag(), &show_settings(Written { value: value.clone(), anchors: Vec::new() }))
}

/// Changes what is named, all of it or nothing.
pub(super) async fn patch_settings(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.may(Action::Block, Resource::Organization(id))?;
    let body: SettingsPatch = body.json(&caller.app).await?;
    let refuse = |error| Failure::field(ErrorCode::ValidationError, "longestGrantMs", format!("{error}"));
    let patch = setting::SettingsPatch {
        blocked: body.restrict_employee_access,
        longest: body.longest_grant_ms.map(|millis| Ttl::from_millis(millis).map_err(refuse)).transpose()?,
        ..setting::SettingsPatch::default()
    };
    if patch.longest.is_some() {
        caller.may(Action::SetLongestGrant, Resource::Organization(id))?;
    }
    let written = change_settings(&caller, id, patch).await?;
    caller.with_tag(&written.value.tag(), &show_settings(written.clone()))
}

/// Changes settings; if that closes the door, the door is closed also while nothing can be recorded.
///
/// # Errors
/// [`Failure`] for what the rules and the store refuse.
pub(in crate::api) async fn change_settings(
    caller: &Caller,
    id: OrgId,
    patch: setting::SettingsPatch,
) -> Result<Written<OrganizationRow>, Failure> {
    let (store, actor, now) = (caller.app.store.clone(), caller.actor.clone(), caller.now.clone());
    let blocked = patch.blocked;
    if blocked == Some(false) {
        caller.may(Action::Unblock, Resource::Organization(id))?;
    }
    let write = async move { store.change_settings(&actor, &now, id, patch).await };
    match blocked {
        Some(true) => shut(caller, Scope::Organization(id), "the block", write).await,
        Some(false) => {
            let written = caller.ask(write).await?;
            caller.app.door.unlatch(Scope::Organization(id));
            Ok(written)
        }
        None => caller.ask(write).await,
    }
}

fn show_settings(written: Written<OrganizationRow>) -> Settings {
    Settings {
        restrict_employee_access: written.value.blocked,
        longest_grant_ms: written.value.longest.millis(),
        anchors: show::anchors(written.anchors),
    }
}

//! Organizations: an administrator creates them, their owners set what is theirs.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{InviteOwner, Invited, NewOrganization, Settings, SettingsPatch};
use byleave_api::error::ErrorCode;
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Ttl;
use byleave_store::Written;
use byleave_store::invitation;
use byleave_store::organization::OrganizationRow;

use crate::api::byleave::recovery;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdVerbPath, OrgPath};
use crate::api::show::{self, parse};
use crate::api::shut::shut;
use crate::door::Scope;

/// Creates an organization and invites its first owner.
pub(super) async fn post(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::InviteFirstOwner, Resource::Installation)?;
    let body: NewOrganization = body.json(&caller.app).await?;
    let name = parse("name", &body.name)?;
    let owner = parse("ownerUserName", &body.owner_user_name)?;
    let store = &caller.app.store;
    let written = caller.ask(store.invite_organization(&caller.actor, &caller.now, name, owner)).await?;
    caller.object(StatusCode::CREATED, &invited(written))
}

/// Does what the verb says.
pub(super) async fn verb(caller: Caller, path: IdVerbPath<OrgId>, body: Raw) -> Result<Response, Failure> {
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
    caller.object(StatusCode::CREATED, &invited(written))
}

/// An invitation with its token, which is shown once.
pub(super) fn invited(written: Written<invitation::Invited>) -> Invited {
    let Written { value, anchors } = written;
    Invited {
        organization_id: value.organization.to_string(),
        invitation_id: value.invitation.to_string(),
        path: format!("/invitations/{}", value.token.expose()),
        token: value.token.expose().to_owned(),
        expires_at: value.expires_at.to_string(),
        anchors: show::anchors(anchors),
    }
}

/// Shows the settings.
pub(super) async fn settings(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let value = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.ok(&show_settings(Written { value, anchors: Vec::new() }))
}

/// Changes what is named.
pub(super) async fn patch_settings(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    let value = caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    caller.may(Action::Block, Resource::Organization(id))?;
    let patch: SettingsPatch = body.json(&caller.app).await?;
    let refuse = |error| Failure::field(ErrorCode::ValidationError, "longestGrantMs", format!("{error}"));
    let longest = patch.longest_grant_ms.map(|millis| Ttl::from_millis(millis).map_err(refuse)).transpose()?;
    if longest.is_some() {
        caller.may(Action::SetLongestGrant, Resource::Organization(id))?;
    }
    let mut settings = Written { value, anchors: Vec::new() };
    if let Some(blocked) = patch.restrict_employee_access {
        settings = set_block(&caller, id, blocked).await?;
    }
    if let Some(longest) = longest {
        let store = &caller.app.store;
        let set = caller.ask(store.set_longest_grant(&caller.actor, &caller.now, id, longest)).await?;
        settings.value = set.value;
        settings.anchors.extend(set.anchors);
    }
    caller.ok(&show_settings(settings))
}

async fn set_block(caller: &Caller, id: OrgId, blocked: bool) -> Result<Written<OrganizationRow>, Failure> {
    let (store, actor, now) = (caller.app.store.clone(), caller.actor.clone(), caller.now.clone());
    if blocked {
        let write = async move { store.block(&actor, &now, id).await };
        return shut(caller, Scope::Organization(id), "the block", write).await;
    }
    caller.may(Action::Unblock, Resource::Organization(id))?;
    let written = caller.ask(store.unblock(&actor, &now, id)).await?;
    caller.app.door.unlatch(Scope::Organization(id));
    Ok(written)
}

fn show_settings(written: Written<OrganizationRow>) -> Settings {
    Settings {
        restrict_employee_access: written.value.blocked,
        longest_grant_ms: written.value.longest.millis(),
        anchors: show::anchors(written.anchors),
    }
}

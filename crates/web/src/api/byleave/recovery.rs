//! The recovery of a lost last owner: an administrator starts it and, after 72 hours without a stop, gets the invitation
//! to pass on; every member sees it and can stop it.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{LatestRecovery, RecoverOwner, RecoveryChanged};
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};

use crate::api::byleave::organizations::invited;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::OrgPath;
use crate::api::show::{self, parse};

/// Shows the latest.
pub(super) async fn get(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let recovery = caller.ask(caller.app.store.recovery(&caller.actor, id)).await?;
    let recovery = recovery.map(|recovery| show::recovery(&recovery, caller.at));
    caller.ok(&LatestRecovery { recovery })
}

/// Starts one.
pub(super) async fn start(caller: &Caller, id: OrgId, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::RecoverOwner, Resource::Installation)?;
    let body: RecoverOwner = body.json(&caller.app).await?;
    let owner = parse("ownerUserName", &body.owner_user_name)?;
    let store = &caller.app.store;
    let written = caller.ask(store.start_recovery(&caller.actor, &caller.now, id, owner)).await?;
    let recovery = Some(show::recovery(&written.value, caller.at));
    caller.object(StatusCode::CREATED, &RecoveryChanged { recovery, anchors: show::anchors(written.anchors) })
}

/// Makes the invitation, once the time is over.
pub(super) async fn invite(caller: &Caller, id: OrgId) -> Result<Response, Failure> {
    caller.may(Action::RecoverOwner, Resource::Installation)?;
    let store = &caller.app.store;
    let written = caller.ask(store.invite_recovered_owner(&caller.actor, &caller.now, id)).await?;
    caller.shown_once(StatusCode::CREATED, &invited(caller, written))
}

/// Stops the one that is open.
pub(super) async fn stop(caller: &Caller, id: OrgId) -> Result<Response, Failure> {
    caller.may(Action::StopRecovery, Resource::Organization(id))?;
    let written = caller.ask(caller.app.store.stop_recovery(&caller.actor, &caller.now, id)).await?;
    let recovery = written.value.map(|recovery| show::recovery(&recovery, caller.at));
    caller.ok(&RecoveryChanged { recovery, anchors: show::anchors(written.anchors) })
}

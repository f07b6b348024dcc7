//! Leaving clock doubt, which ends all grants: an administrator's act that every customer sees.

use axum::response::Response;
use byleave_api::byleave::Done;
use byleave_core::policy::{Action, Resource};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::show;

/// Leaves it.
pub(super) async fn leave_doubt(caller: Caller) -> Result<Response, Failure> {
    caller.may(Action::LeaveDoubt, Resource::Installation)?;
    let written = caller.ask(caller.app.store.leave_doubt(&caller.actor, &caller.now)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

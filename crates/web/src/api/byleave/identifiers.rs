//! Resolving a pseudonym to a person: an event that the customer sees.

use axum::response::Response;
use byleave_api::byleave::{ResolveRequest, Resolved};
use byleave_core::policy::{Action, Resource};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::show::parse;

/// Resolves one.
pub(super) async fn resolve(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ResolveIdentifier, Resource::Installation)?;
    let body: ResolveRequest = body.json(&caller.app).await?;
    let organization = parse("organizationId", &body.organization_id)?;
    let identifier = parse("identifier", &body.identifier)?;
    let store = &caller.app.store;
    let written = caller.ask(store.resolve_identifier(&caller.actor, &caller.now, organization, identifier)).await?;
    caller.ok(&Resolved { name: written.value.to_string() })
}

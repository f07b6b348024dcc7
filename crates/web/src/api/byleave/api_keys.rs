//! Digest keys: made here, shown once, kept as hashes only.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{ApiKey, ApiKeyMade, Done, List, NewApiKey};
use byleave_core::id::ApiKeyId;
use byleave_core::policy::{Action, Resource};
use byleave_store::api_key;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdPath, OrgPath};
use crate::api::show::{self, parse, read_roles};
use crate::auth::digest::ha1;
use crate::auth::key::draw_api_key;

/// Lists them.
pub(super) async fn list(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    let rows = caller.ask(caller.app.store.api_keys(&caller.actor, id)).await?;
    let keys = rows.iter().map(|row| ApiKey {
        id: row.id.to_string(),
        public_key: row.public_key.clone(),
        description: row.description.to_string(),
        roles: show::roles(&row.roles),
    });
    caller.ok(&List { results: keys.collect() })
}

/// Makes one.
pub(super) async fn post(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageApiKeys, Resource::Organization(id))?;
    let body: NewApiKey = body.json(&caller.app).await?;
    let description = parse("description", &body.description)?;
    let roles = read_roles(&body.roles)?;
    let (public_key, private_key) = draw_api_key(caller.app.entropy.as_ref());
    let ha1 = ha1(&public_key, &private_key);
    let key = api_key::NewApiKey { public_key, description, roles, ha1 };
    let written = caller.ask(caller.app.store.add_api_key(&caller.actor, &caller.now, id, key)).await?;
    let row = written.value;
    let made = ApiKeyMade {
        id: row.id.to_string(),
        public_key: row.public_key,
        private_key: private_key.to_string(),
        description: row.description.to_string(),
        roles: show::roles(&row.roles),
        anchors: show::anchors(written.anchors),
    };
    caller.shown_once(StatusCode::CREATED, &made)
}

/// Removes one.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(key): IdPath<ApiKeyId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageApiKeys, Resource::Organization(id))?;
    let written = caller.ask(caller.app.store.remove_api_key(&caller.actor, &caller.now, id, key)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

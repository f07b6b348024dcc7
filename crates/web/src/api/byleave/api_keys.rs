//! Digest keys: made here, shown once, kept as hashes only.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{ApiKey, ApiKeyMade, Done, List, NewApiKey};
use byleave_core::id::ApiKeyId;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Entropy;
use byleave_store::api_key;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdPath, OrgPath};
use crate::api::show::{self, parse, read_roles};
use crate::auth::digest::ha1;

/// Lists them.
pub(super) async fn list(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
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
    let (public_key, private_key) = draw(caller.app.entropy.as_ref());
    let ha1 = ha1(&public_key, &private_key);
    let key = api_key::NewApiKey { public_key, description, roles, ha1 };
    let written = caller.ask(caller.app.store.add_api_key(&caller.actor, &caller.now, id, key)).await?;
    let row = written.value;
    let made = ApiKeyMade {
        id: row.id.to_string(),
        public_key: row.public_key,
        private_key,
        description: row.description.to_string(),
        roles: show::roles(&row.roles),
        anchors: show::anchors(written.anchors),
    };
    caller.object(StatusCode::CREATED, &made)
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

/// Eight lower-case letters, and a random UUID: what clients expect a key to look like.
fn draw(entropy: &dyn Entropy) -> (String, String) {
    let (mut letters, mut uuid) = ([0; 16], [0; 16]);
    entropy.fill(&mut letters);
    entropy.fill(&mut uuid);
    // Two bytes a letter make all letters equally likely, but for one part in two thousand.
    let letter = |pair: &[u8]| {
        let number = pair.iter().fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte)) % 26;
        char::from(b'a' + u8::try_from(number).unwrap_or_default())
    };
    let public_key = letters.chunks(2).map(letter).collect();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut uuid;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let mut private_key = hex::encode(uuid);
    for place in [20, 16, 12, 8] {
        private_key.insert(place, '-');
    }
    (public_key, private_key)
}

//! Claiming an invitation: its token is the only credential.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use byleave_api::byleave::{Claimed, Invitation, PasswordRequest};
use byleave_api::error::ErrorCode;
use byleave_store::invitation::Purpose;

use crate::api::caller::check_content_type;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{TextPath, TextVerbPath};
use crate::api::peer;
use crate::api::show;
use crate::app::App;
use crate::auth::password;
use crate::auth::throttle::Origin;

/// What the bearer is invited to.
pub(super) async fn get(State(app): State<Arc<App>>, TextPath(token): TextPath) -> Result<Json<Invitation>, Failure> {
    let facts = app.store.invitation(&token, &app.read_clock()).await?;
    Ok(Json(Invitation {
        org_id: facts.organization.to_string(),
        organization_name: facts.organization_name.to_string(),
        user_name: facts.user_name.to_string(),
        roles: show::roles(&facts.roles),
        first_owner: facts.purpose == Purpose::FirstOwner,
        password_reset: matches!(facts.purpose, Purpose::NewPassword { .. }),
        expires_at: Some(facts.expires_at.to_string()),
    }))
}

/// Claims it with a password.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    extensions: Extensions,
    headers: HeaderMap,
    path: TextVerbPath,
    body: Raw,
) -> Result<Response, Failure> {
    check_content_type(&headers)?;
    if path.verb != "claim" {
        return Err(Failure::not_found("invitation"));
    }
    let now = app.read_clock();
    let facts = app.store.invitation(&path.text, &now).await?;
    let PasswordRequest { password } = body.json(&app).await?;
    password::check(&password, facts.user_name.as_str())
        .map_err(|error| Failure::field(ErrorCode::PasswordRefused, "password", error.to_string()))?;
    let hash = app.passwords.hash(password).await?;
    let written = app.store.claim(&path.text, hash, &now).await?;
    app.throttle.forgive(facts.user_name.as_str(), Origin::Stranger(peer::address(&extensions)));
    let claimed = Claimed {
        user_id: written.value.user.to_string(),
        org_id: written.value.organization.to_string(),
        anchors: show::anchors(written.anchors),
    };
    Ok((StatusCode::CREATED, Json(claimed)).into_response())
}

//! Whether the server runs, and whether it can work. No credentials: these are for monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use byleave_api::byleave::Health;

use crate::api::error::Failure;
use crate::app::App;

/// It runs.
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), now: None, doubt: None })
}

/// It can read its store; says what time it is there and whether the clock is in doubt.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, Failure> {
    let now = app.store.now(&app.read_clock()).await?;
    let doubt = now.doubt.map(|doubt| doubt.to_string());
    Ok(Json(Health { status: "ok".to_owned(), now: Some(now.at.to_string()), doubt }))
}

//! Whether the server runs, and whether it can work. No credentials: these are for monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use byleave_api::byleave::{Health, ReadyPart};
use tracing::warn;

use crate::app::App;
use crate::door::Part;

/// It runs.
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), now: None, doubt: None, parts: Vec::new() })
}

/// Whether it can let somebody in, and which part cannot; what time it is there and whether the clock is in doubt.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    let mut parts: Vec<ReadyPart> = app.door.ready().into_iter().map(part).collect();
    let (now, doubt) = match app.store.now(&app.read_clock()).await {
        Ok(now) => (Some(now.at.to_string()), now.doubt.map(|doubt| doubt.to_string())),
        Err(error) => {
            warn!(error = ?error, "the store cannot be read");
            parts.push(part(Part { name: "store", trouble: Some("it cannot be read".to_owned()) }));
            (None, None)
        }
    };
    let trouble = doubt.as_ref().map(|doubt| format!("it is in doubt: {doubt}"));
    parts.push(part(Part { name: "clock", trouble }));
    let (code, status) = match parts.iter().all(|part| part.ready) {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    (code, Json(Health { status: status.to_owned(), now, doubt, parts }))
}

fn part(part: Part) -> ReadyPart {
    ReadyPart { name: part.name.to_owned(), ready: part.trouble.is_none(), trouble: part.trouble }
}

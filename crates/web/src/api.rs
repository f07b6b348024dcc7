//! The REST API: Atlas's paths and Byleave's own.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes below `/api`.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let _ = app;
    Router::new()
}

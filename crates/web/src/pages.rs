//! The pages: server-rendered, few, usable without scripts.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes of the pages.
pub fn router() -> Router<Arc<App>> {
    Router::new()
}

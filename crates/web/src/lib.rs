//! The REST API, the pages and sign-in of Byleave.
//!
//! A request's life: [`serve()`] takes the connection ([`mod@tls`]) and says from where it [`came`], [`rate`] counts it,
//! [`api`] or [`pages`] take the path, an extractor finds out who asks ([`auth`]), a handler parses the rest into core types and calls one method of the store, which decides. Handlers
//! decide nothing; the only thing done here besides is to cut by itself when a change that closes the door cannot be
//! recorded.
//!
//! This crate must never see the gateway (only the trait [`door::Door`]), read a clock, or give an administrator a
//! way to consent. `/api` reads no cookies; the pages take no Digest and no bearer token.

use std::sync::Arc;

use axum::Router;

pub mod api;
pub mod app;
pub mod auth;
mod bearer;
pub mod came;
mod closing;
pub mod door;
mod evidence;
mod feed_filter;
pub mod openapi;
pub mod pages;
pub mod public_url;
pub mod rate;
pub mod serve;
pub mod tls;

pub use app::{App, Limits, NodeSettings, Parts};
pub use serve::{Entrance, serve};

/// Everything the server answers: the API below `/api`, the pages elsewhere.
pub fn router(app: Arc<App>) -> Router {
    Router::new().merge(pages::router(&app)).merge(api::router(&app)).with_state(app)
}

//! The pages: server-rendered, few, each usable without scripts.
//!
//! Here is every address. A page's handler reads what it shows through the store as the visitor, so it can show nothing
//! that the visitor may not know; a form's handler parses what was typed into core types and calls one method of the
//! store. Forms are taken from pages of the same origin only. Only the cookie signs in here: no Digest, no bearer
//! token. No page holds a script or style of its own ([`layout`] has the policy). Read [`visitor`] next.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use crate::app::App;
use crate::bearer::admit;
use crate::closing::mark_page;

mod account;
mod activity;
mod api_keys;
mod asset;
mod cluster;
mod clusters;
mod cookie;
mod evidence;
mod form;
mod grant;
mod icon;
mod layout;
mod live;
mod menu;
mod openapi;
mod password_resets;
mod path;
mod problem;
mod recorded;
mod recording;
mod recovery;
mod requests;
mod role;
mod sentence;
mod service_accounts;
mod session;
mod sessions;
mod settings;
mod sign_in;
mod stale;
mod sync_credential;
mod users;
mod visitor;
mod when;
mod wording;

/// The largest form, in bytes.
const FORM: usize = 64 * 1024;

/// The routes of the pages.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(sign_in::home))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/invitations/{token}", get(sign_in::invitation).post(sign_in::claim))
        .route("/clusters", get(clusters::show))
        .route("/projects/{project}/clusters/{cluster}", get(cluster::show))
        .route("/projects/{project}/clusters/{cluster}/grant", get(grant::show).post(grant::submit))
        .route("/projects/{project}/clusters/{cluster}/revoke", get(grant::show_revoke).post(grant::submit_revoke))
        .route(
            "/projects/{project}/clusters/{cluster}/nodes/{node}/accept-risk",
            get(cluster::show_risk).post(cluster::accept_risk),
        )
        .route("/recovery/stop", post(recovery::stop))
        .route("/requests/{request}/approve", get(requests::show_approve).post(requests::approve))
        .route("/requests/{request}/decline", get(requests::show_decline).post(requests::decline))
        .route("/sessions", get(sessions::show))
        .route("/sessions/{session}", get(session::show))
        .route("/sessions/{session}/end", post(sessions::end))
        .route("/sessions/{session}/recording", get(recording::show))
        .route("/sessions/{session}/recording/{part}", get(recording::download))
        .route("/activity", get(activity::show))
        .route("/evidence", get(evidence::show))
        .route("/evidence/log", get(evidence::download))
        .route("/evidence/checkpoint", get(evidence::download_anchor))
        .route("/account", get(account::show))
        .route("/account/password", post(account::set_password))
        .route("/settings", get(settings::show))
        .route("/settings/block", get(settings::show_block).post(settings::block))
        .route("/settings/unblock", get(settings::show_unblock).post(settings::unblock))
        .route("/settings/longest-grant", get(settings::show_longest).post(settings::set_longest))
        .route("/users", get(users::show))
        .route("/users/invite", get(users::show_invite).post(users::invite))
        .route("/users/invitations/{invitation}/withdraw", get(users::show_withdraw).post(users::withdraw))
        .route(
            "/users/password-resets/{reset}/withdraw",
            get(password_resets::show_withdraw).post(password_resets::withdraw),
        )
        .route("/users/{user}/roles", get(users::show_roles).post(users::change_roles))
        .route("/users/{user}/reset-password", get(password_resets::show_new).post(password_resets::make))
        .route("/users/{user}/remove", get(users::show_remove).post(users::remove))
        .route("/api-keys", get(api_keys::show))
        .route("/api-keys/new", get(api_keys::show_new).post(api_keys::make))
        .route("/api-keys/{key}/remove", get(api_keys::show_remove).post(api_keys::remove))
        .route("/service-accounts/new", get(service_accounts::show_new).post(service_accounts::make))
        .route("/service-accounts/{account}", get(service_accounts::show))
        .route("/service-accounts/{account}/remove", get(service_accounts::show_remove).post(service_accounts::remove))
        .route(
            "/service-accounts/{account}/new-secret",
            get(service_accounts::show_new_secret).post(service_accounts::make_secret),
        )
        .route(
            "/service-accounts/{account}/new-address",
            get(service_accounts::show_new_network).post(service_accounts::add_network),
        )
        .route(
            "/service-accounts/{account}/{kind}/{name}/remove",
            get(service_accounts::show_remove_part).post(service_accounts::remove_part),
        )
        .route("/live", get(live::show))
        .route(path::OPENAPI, get(openapi::show))
        .route("/openapi.json", get(openapi::document))
        .layer(DefaultBodyLimit::max(FORM))
        .layer(CsrfLayer::new())
        .layer(middleware::from_fn(demand_origin))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .layer(middleware::from_fn(mark_page))
        .route("/assets/{name}", get(asset::get))
        .fallback(problem::nothing_here)
}

/// Refuses a form that does not say from where it is sent, as every browser does; whether that is here is asked next.
async fn demand_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let says = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    if says || request.method().is_safe() { next.run(request).await } else { StatusCode::FORBIDDEN.into_response() }
}

/// Takes no more requests from an address than it may send, but from who bears a right token.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match admit(&app, app.counters.request(&request), request.uri().path()).await {
        Err(too_many) => problem::Problem::TooMany(too_many).into_response(),
        Ok(()) => next.run(request).await,
    }
}

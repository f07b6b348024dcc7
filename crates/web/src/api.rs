//! The REST API: [`atlas`], the paths that Atlas has, [`byleave`], our own in the same manner, and [`oauth`], where
//! service accounts get their tokens.
//!
//! Order of refusals: 401, 406 and 415, 400 for malformed ids, 404 for what one may not know of, 403, then the body.
//! One error shape everywhere. No path here reads a cookie or changes anything without an actor, except claiming an
//! invitation, signing in and getting a token. Read [`caller`] first: it is the first extractor of every handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use byleave_api::error::ErrorCode;
use byleave_api::path::BYLEAVE;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::app::App;
use crate::bearer::admit;
use crate::closing::mark;
use crate::rate::Told;

/// Adds routes to a router and remembers what they are.
macro_rules! routes {
    ($($(#[$doc:meta])* $method:ident $path:literal as [$($shown:literal),+] => $handler:path, $versions:expr;)*) => {
        /// Every operation, as it is documented.
        pub const OPERATIONS: &[(&str, &str)] = &[$($((stringify!($method), $shown),)+)*];

        /// The versions of each operation, in the same order.
        pub(crate) const VERSIONS: &[crate::api::version::Versions] = &[$($({ let _ = $shown; $versions },)+)*];

        /// The routes.
        pub(in crate::api) fn router() -> axum::Router<std::sync::Arc<crate::app::App>> {
            axum::Router::new()$(.route(
                $path,
                axum::routing::on(axum::routing::MethodFilter::$method, $handler)
                    .layer(axum::Extension(crate::api::caller::Versioned($versions))),
            ))*
        }
    };
}

pub mod atlas;
pub mod byleave;
pub mod caller;
pub mod error;
pub mod json;
pub mod oauth;
pub mod page;
pub mod path;
pub mod peer;
pub mod repeat;
pub mod show;
pub mod shut;
pub mod tag;
pub mod version;

/// The routes below `/api`.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = atlas::router()
        .merge(byleave::router())
        .merge(oauth::router())
        .route("/api/{*rest}", axum::routing::any(nothing))
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(app.clone(), repeat::once))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .layer(middleware::from_fn(mark))
        .layer(middleware::from_fn(finish))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked));
    routes.layer(DefaultBodyLimit::max(app.limits.body))
}

/// What there is nothing behind looks alike for everybody who is somebody, and is 401 for everybody else.
async fn nothing(caller: Caller) -> Failure {
    caller.nothing_here()
}

async fn other_method(caller: Caller) -> Failure {
    let _ = caller;
    Failure::new(ErrorCode::MethodNotAllowed, "this path does not take this method")
}

/// Takes no more requests from an address than it may send; who only asks how the server is may always, and who bears a
/// right token is let through. Whatever the
/// answer is, it tells what its caller has left.
async fn count(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let of_ours = request.uri().path().strip_prefix(BYLEAVE);
    let is_probe = of_ours.is_some_and(|path| matches!(path, "/health" | "/ready"));
    let counted = if is_probe { Ok(()) } else { app.counters.request(&request) };
    match admit(&app, counted, request.uri().path()).await {
        Err(too_many) => Failure::from(too_many).into_response(),
        Ok(()) => {
            let told = Told::default();
            request.extensions_mut().insert(told.clone());
            let mut response = next.run(request).await;
            told.write(response.headers_mut());
            response
        }
    }
}

/// Headers that every answer carries.
async fn finish(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, axum::http::HeaderValue::from_static("nosniff"));
    response
}

/// A handler that panics is our bug; the caller learns no more than that.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    error::internal().into_response()
}

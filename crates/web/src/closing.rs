//! Whether a request closes the door: found out once, before anything that could refuse it, from what it asks for and not
//! from who asks.
//!
//! Somebody who may close the door must not be kept from it by a limit, an `If-Match` or a media type; a request that
//! closes nothing must not get around any of them. Read [`byleave_api::path`] for the verbs.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Extensions, Method};
use axum::middleware::Next;
use axum::response::Response;
use byleave_api::path::{ends_access, is_settings};
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};

/// How much of a body is looked at; one that blocks has some dozen bytes.
const LOOKED_AT: usize = 4096;

/// What a request closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The door, and nothing else is asked for.
    Door,
    /// The door, with other settings.
    DoorAndMore,
    /// Nothing.
    Nothing,
}

impl Closing {
    /// What a request closes.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::Nothing)
    }

    /// Whether no limit may keep it away.
    pub(crate) const fn is_unlimited(self) -> bool {
        match self {
            Self::Door | Self::DoorAndMore => true,
            Self::Nothing => false,
        }
    }
}

/// Writes on each request of the API what it closes.
pub(crate) async fn mark(request: Request, next: Next) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let (closing, mut request) = match method {
        _ if ends_access(method.as_str(), path) => (Closing::Door, request),
        &Method::PATCH if is_settings(path) => look(request).await,
        _ => (Closing::Nothing, request),
    };
    request.extensions_mut().insert(closing);
    next.run(request).await
}

/// Writes on each request of a page what it closes.
pub(crate) async fn mark_page(mut request: Request, next: Next) -> Response {
    let closes = ["/end", "/revoke", "/settings/block", "/recovery/stop"];
    let path = request.uri().path();
    let is_closing = request.method() == Method::POST && closes.iter().any(|ending| path.ends_with(ending));
    request.extensions_mut().insert(if is_closing { Closing::Door } else { Closing::Nothing });
    next.run(request).await
}

/// Looks at the body of a change of settings, and puts it back as it came.
async fn look(request: Request) -> (Closing, Request) {
    let (parts, body) = request.into_parts();
    let mut rest = body.into_data_stream().fuse();
    let (mut came, mut text) = (Vec::new(), Vec::new());
    let mut is_whole = false;
    while text.len() <= LOOKED_AT {
        match rest.next().await {
            Some(Ok(chunk)) => {
                text.extend_from_slice(&chunk);
                came.push(Ok::<Bytes, axum::Error>(chunk));
            }
            Some(Err(error)) => {
                came.push(Err(error));
                break;
            }
            None => {
                is_whole = true;
                break;
            }
        }
    }
    let closing = if is_whole && text.len() <= LOOKED_AT { blocks(&text) } else { Closing::Nothing };
    (closing, Request::from_parts(parts, Body::from_stream(stream::iter(came).chain(rest))))
}

/// What a body of settings closes. Settings that are said to be off come with the block as nothing.
fn blocks(body: &[u8]) -> Closing {
    let Ok(settings) = serde_json::from_slice::<Map<String, Value>>(body) else { return Closing::Nothing };
    if settings.get("restrictEmployeeAccess") != Some(&Value::Bool(true)) {
        return Closing::Nothing;
    }
    let mut others = settings.iter().filter(|(name, _)| *name != "restrictEmployeeAccess");
    if others.all(|(_, value)| *value == Value::Bool(false)) { Closing::Door } else { Closing::DoorAndMore }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_says_so_blocks() {
        for (body, closing) in [
            (r#"{"restrictEmployeeAccess":true}"#, Closing::Door),
            (r#"{ "restrictEmployeeAccess" : true, "multiFactorAuthRequired": false }"#, Closing::Door),
            (r#"{"restrictEmployeeAccess":true,"operationsContact":null}"#, Closing::DoorAndMore),
            (r#"{"restrictEmployeeAccess":true,"longestGrantMs":1}"#, Closing::DoorAndMore),
            (r#"{"restrictEmployeeAccess":false}"#, Closing::Nothing),
            (r#"{"restrictEmployeeAccess":"true"}"#, Closing::Nothing),
            (r#"{"securityContact":"a@b.c"}"#, Closing::Nothing),
            (r#"{"restrictEmployeeAccess":true}x"#, Closing::Nothing),
            (r#"[{"restrictEmployeeAccess":true}]"#, Closing::Nothing),
            ("", Closing::Nothing),
        ] {
            assert_eq!(blocks(body.as_bytes()), closing, "{body}");
        }
    }
}

//! What a page answers when it cannot do what was asked: a page of its own that says what happened and what to do.
//!
//! The cause goes to the server's own log once, here; the visitor reads nothing of it.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Redirect, Response};
use byleave_store::StoreError;
use maud::html;

use super::icon::{Icon, icon};
use super::layout::{alone, answer, dialogue};
use super::path;
use crate::api::shut::Shut;
use crate::auth::password::HashError;
use crate::rate::TooMany;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Problem {
    /// A closing act could not be recorded. What was live has been cut and stays shut.
    CutUnrecorded { ended: usize },
    /// The visitor may know of it but not do it.
    Forbidden,
    /// An invitation that cannot be claimed, whatever the cause.
    Invitation,
    /// Nothing here, or nothing that the visitor may know of.
    NotFound,
    /// Nobody is signed in.
    SignedOut,
    /// Something stands in the way; the text may be shown.
    Stopped(String),
    /// There were too many requests.
    TooMany(TooMany),
    /// The store does not answer.
    Unavailable,
}

/// What a handler of a page answers.
pub(super) type Answer = Result<Response, Problem>;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => Self::Stopped(sentence(&conflict.to_string())),
            StoreError::Forbidden(_) => Self::Forbidden,
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Refused(rule) => Self::Stopped(sentence(&rule.to_string())),
            StoreError::Repeated(_) | StoreError::Stale => Self::Stopped(sentence(&error.to_string())),
            StoreError::Corrupt(_) | StoreError::Unavailable(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be answered");
                Self::Unavailable
            }
        }
    }
}

impl From<Shut> for Problem {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::CutOnly(ended) => Self::CutUnrecorded { ended },
            Shut::Refused(error) => error.into(),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be answered");
        Self::Unavailable
    }
}

/// An error text as a sentence: capital at the front, full stop at the end.
pub(super) fn sentence(text: &str) -> String {
    format!("{}.", capital(text))
}

/// A text with a capital at the front.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_after = if let Self::TooMany(too_many) = &self { Some(too_many.retry_after) } else { None };
        let (status, title, text) = match self {
            Self::SignedOut => return Redirect::to(path::SIGN_IN).into_response(),
            Self::CutUnrecorded { ended } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Access is cut, but not recorded",
                format!(
                    "The store cannot record the change. Live sessions were ended at once ({ended}) and nothing new is \
                     let in until the store answers. Please try again soon, so that it is recorded."
                ),
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "Your role does not allow this",
                "An organization owner can do it, or can change your role.".to_owned(),
            ),
            Self::Invitation => (
                StatusCode::NOT_FOUND,
                "This link cannot be used",
                "The invitation may have been used already, been replaced or withdrawn, or be older than 7 days (for a new \
                 password, 1 hour), or whoever made it is no owner any longer. Ask for a new one."
                    .to_owned(),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "The address may be wrong, or what was here has been removed.".to_owned(),
            ),
            Self::Stopped(text) => (StatusCode::CONFLICT, "This cannot be done now", text),
            Self::TooMany(TooMany { retry_after, .. }) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
                format!("Too much was asked from here in the last minute. Please try again in {retry_after} seconds."),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not answer",
                "Nothing was changed that you have not been told of. Support gets no new access meanwhile, and live \
                 sessions end within seconds. Please try again soon."
                    .to_owned(),
            ),
        };
        let content = html! {
            (dialogue(title, html! {
                div.body {
                    div.notice { (icon(Icon::Info)) div { p { (text) } } }
                    p { a href="/" { "Back to the clusters" } }
                }
            }))
        };
        let mut response = answer(status, alone(title, content));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The answer for an address that no page has.
pub(super) async fn nothing_here() -> Problem {
    Problem::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_sentences() {
        assert_eq!(sentence("the basis no longer holds"), "The basis no longer holds.");
    }
}

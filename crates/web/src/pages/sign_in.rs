//! Signing in and out, and claiming an invitation: the pages for who is not signed in yet.
//!
//! Signing in always makes a new session id and closes the one that the browser had.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use byleave_store::StoreError;
use byleave_store::invitation::{InvitationFacts, Purpose};
use maud::{Markup, html};
use serde::Deserialize;

use super::cookie;
use super::form::{Faults, Field, Typed, account_name, new_password, take_new_password, wait};
use super::icon::{Icon, icon};
use super::layout::{alone, answer};
use super::path;
use super::problem::{Answer, Problem};
use super::role::roles;
use super::when::full;
use crate::api::peer;
use crate::app::App;
use crate::auth::sign_in::{SignInError, sign_in, typed_name};
use crate::auth::token::Token;

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// Leads to the clusters, or to sign-in.
pub(super) async fn home() -> Redirect {
    Redirect::to(path::CLUSTERS)
}

/// The sign-in page.
pub(super) async fn show(Query(next): Query<Next>) -> Response {
    sign_in_page(&Typed::with([("next", next.next)]), &Faults::default())
}

/// Signs in.
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    extensions: Extensions,
    headers: HeaderMap,
    typed: Typed,
) -> Answer {
    let name = typed_name(typed.raw("user_name"));
    let origin = app.marks.origin(&name, cookie::read_mark(&headers), peer::address(&extensions));
    let fault = match sign_in(&app, &name, typed.raw("password").to_owned(), origin).await {
        Ok((token, _)) => return enter(&app, &headers, (&token, &name), &next(typed.raw("next"))).await,
        Err(SignInError::Hash(error)) => return Err(error.into()),
        Err(SignInError::Store(error)) => return Err(error.into()),
        Err(SignInError::TooEarly(early)) => wait(early),
        Err(SignInError::Wrong) => "The e-mail address or the password is wrong.".to_owned(),
    };
    Ok(sign_in_page(&typed, &Faults::one("", fault)))
}

/// Signs out: the session ends in the store at once, with all pages that are open on it.
pub(super) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    close(&app, &headers).await?;
    let mut response = Redirect::to(path::SIGN_IN).into_response();
    response.headers_mut().extend(cookie::take(&headers).map(|value| (SET_COOKIE, value)));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// The invitation of this token.
pub(super) async fn invitation(State(app): State<Arc<App>>, Path(token): Path<String>) -> Answer {
    let facts = facts(&app, &token).await?;
    Ok(invitation_page(&token, &facts, &Faults::default()))
}

/// Claims an invitation and signs in.
pub(super) async fn claim(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
    typed: Typed,
) -> Answer {
    let facts = facts(&app, &token).await?;
    let mut faults = Faults::default();
    let Some(given) = take_new_password(&typed, facts.user_name.as_str(), &mut faults) else {
        return Ok(invitation_page(&token, &facts, &faults));
    };
    let hash = app.passwords.hash(given).await?;
    let now = app.read_clock();
    let claimed = app.store.claim(&token, hash, &now).await.map_err(unusable)?;
    let name = facts.user_name.as_str();
    app.throttle.forgive(name, app.marks.origin(name, cookie::read_mark(&headers), peer::address(&extensions)));
    let session = Token::draw(app.entropy.as_ref());
    app.store.open_web_session(claimed.value.user, *session.hash().as_bytes(), &now).await?;
    let to = if facts.purpose == Purpose::FirstOwner { path::SETTINGS } else { path::CLUSTERS };
    enter(&app, &headers, (&session, facts.user_name.as_str()), to).await
}

async fn facts(app: &App, token: &str) -> Result<InvitationFacts, Problem> {
    app.store.invitation(token, &app.read_clock()).await.map_err(unusable)
}

fn unusable(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound(_) => Problem::Invitation,
        StoreError::Conflict(_)
        | StoreError::Corrupt(_)
        | StoreError::Forbidden(_)
        | StoreError::Refused(_)
        | StoreError::Repeated(_)
        | StoreError::Stale
        | StoreError::Unavailable(_) => error.into(),
    }
}

/// Gives the browser its new token and the mark of who signed in, and closes the session that it had.
async fn enter(app: &App, headers: &HeaderMap, (token, name): (&Token, &str), to: &str) -> Answer {
    close(app, headers).await?;
    let mut response = Redirect::to(to).into_response();
    let cookies = [cookie::give(headers, token), cookie::give_mark(headers, &app.marks.of(name))];
    response.headers_mut().extend(cookies.into_iter().flatten().map(|value| (SET_COOKIE, value)));
    Ok(response)
}

async fn close(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(token) = cookie::read(headers) {
        app.store.close_web_session(*token.as_bytes(), &app.read_clock()).await?;
    }
    Ok(())
}

/// A path of ours, and nothing that leads elsewhere. Only the feed may be asked for with a filter.
fn next(wanted: &str) -> String {
    let (place, filter) = wanted.split_once('?').map_or((wanted, None), |(place, filter)| (place, Some(filter)));
    let own = place.starts_with('/')
        && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.'))
        && !place.starts_with("//")
        && place != path::SIGN_OUT;
    let plain = |byte| matches!(byte, b'=' | b'&' | b',' | b'_' | b':' | b'-' | b'.') || byte.is_ascii_alphanumeric();
    let sound = filter.is_none_or(|filter| place == path::ACTIVITY && filter.bytes().all(plain));
    if own && sound { wanted.to_owned() } else { path::CLUSTERS.to_owned() }
}

fn sign_in_page(typed: &Typed, faults: &Faults) -> Response {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let content = html! {
        section.dialogue {
            header { h1 { "Sign in" } }
            form method="post" action=(path::SIGN_IN) {
                (faults.general())
                input type="hidden" name="next" value=(typed.raw("next"));
                (Field { name: "user_name", label: "E-mail address", hint: None, optional: false }
                    .input("email", typed, faults, "username"))
                (Field { name: "password", label: "Password", hint: None, optional: false }
                    .input("password", typed, faults, "current-password"))
                button.button.primary type="submit" { "Sign in" }
            }
        }
        p.foot.small {
            "You need an invitation of your organization’s owner to have an account here, and if you have lost your password, "
            "a link that an owner makes on the page Users. Programs use "
            a href=(path::OPENAPI) { "the API" } "."
        }
    };
    answer(status, alone("Sign in", content))
}

fn invitation_page(token: &str, facts: &InvitationFacts, faults: &Faults) -> Response {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (title, what) = match facts.purpose {
        Purpose::FirstOwner => (format!("Claim {}", facts.organization_name), "invitation"),
        Purpose::Join => (format!("Join {}", facts.organization_name), "invitation"),
        Purpose::NewPassword { .. } => ("Choose a new password".to_owned(), "link"),
    };
    let content = html! {
        section.dialogue {
            header { h1 { (title) } }
            form method="post" action=(format!("/invitations/{token}")) {
                (faults.general())
                (welcome(facts))
                (account_name(facts.user_name.as_str()))
                (new_password("Choose a password", faults))
                button.button.primary type="submit" { (title) }
            }
        }
        p.foot.small { "This " (what) " can be used once, until " (full(facts.expires_at)) "." }
    };
    answer(status, alone(&title, content))
}

fn welcome(facts: &InvitationFacts) -> Markup {
    html! {
        @match facts.purpose {
            Purpose::FirstOwner => div.notice {
                (icon(Icon::Info))
                div {
                    p { "You will be the first owner of " strong { (facts.organization_name) } " as "
                        strong { (facts.user_name) } "." }
                    p.quiet { "From then on only its owners add people and decide when support may come in. This is the "
                        "first entry of your organization’s log." }
                }
            },
            Purpose::Join => p {
                "You will join " strong { (facts.organization_name) } " as " strong { (facts.user_name) } " with: "
                (roles(&facts.roles, &std::collections::BTreeMap::new())) "."
            },
            Purpose::NewPassword { .. } => p {
                "For " strong { (facts.user_name) } " of " strong { (facts.organization_name) } ". Wherever you are signed in, "
                "you are signed out."
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_elsewhere() {
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "javascript:alert(1)",
            "/a?b",
            "/sign-out",
            "/sign-out?page=2",
            "/activity?next=//evil.example",
            "//activity?types=A",
            "/activity?a=%0d%0a",
        ] {
            assert_eq!(next(bad), path::CLUSTERS, "{bad}");
        }
        for own in ["/settings/block", "/activity?types=A_B,C&from=2026-11-23T18:00:00.000Z&clusters=a-b"] {
            assert_eq!(next(own), own);
        }
    }
}

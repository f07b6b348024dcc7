//! The frame around every page: head, bar, navigation, and the headers that confine what a page may do.
//!
//! No page holds a script or style of its own; the policy below forbids it, so a text that escaped escaping still could
//! do nothing.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use byleave_core::name::{OrgName, UserName};
use byleave_core::time::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::asset::{MARK, SCRIPT, STYLE};
use super::icon::{Icon, icon, mark};
use super::path;

/// What a page may load, send and be put into: its own sheet and script, its own server, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The places of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    /// The page of the visitor's own account, which the navigation does not list.
    Account,
    Activity,
    ApiKeys,
    Clusters,
    Evidence,
    Sessions,
    Settings,
    Users,
}

/// Who is signed in, as the bar shows it.
pub(super) struct Bar<'a> {
    pub(super) organization: &'a OrgName,
    pub(super) user: &'a UserName,
    pub(super) manages: bool,
    pub(super) tab: Tab,
}

/// A page for somebody who is signed in, as of an instant and an entry of the log.
pub(super) fn page(title: &str, (now, seen): (Timestamp, u64), bar: &Bar<'_>, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-now=(now.millis()) data-seen=(seen) {
            (head(title))
            body {
                a.skip href="#content" { "Skip to the content" }
                (top(bar))
                main #content { (content) }
            }
        }
    }
}

/// A page that stands alone: sign-in, invitation, something that went wrong.
pub(super) fn alone(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body.alone {
                main #content { a.brand href="/" { (mark()) "Byleave" } (content) }
            }
        }
    }
}

/// A page to read that is the same for everybody.
pub(super) fn reference(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top { div.top-inner { a.brand href="/" { (mark()) "Byleave" } } }
                main #content { (content) }
            }
        }
    }
}

/// A dialogue within a page: a page of its own without scripts, a box with them.
pub(super) fn dialogue(title: &str, body: Markup) -> Markup {
    html! {
        section.dialogue aria-labelledby="dialogue-title" {
            header { h1 #dialogue-title { (title) } }
            (body)
        }
    }
}

/// The line of a dialogue's form that the script shows when the server did not answer.
pub(super) fn lost() -> Markup {
    html! {
        div.notice.error role="alert" data-lost hidden {
            (icon(Icon::Alert)) div { p { "The server did not answer. Nothing may have changed; please try again." } }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) " · Byleave" }
            link rel="stylesheet" href=(STYLE.url());
            link rel="icon" href=(MARK.url()) type="image/svg+xml";
            script src=(SCRIPT.url()) defer {}
        }
    }
}

fn top(bar: &Bar<'_>) -> Markup {
    let tabs = [
        (Tab::Clusters, path::CLUSTERS, "Clusters"),
        (Tab::Sessions, path::SESSIONS, "Sessions"),
        (Tab::Activity, path::ACTIVITY, "Activity"),
        (Tab::Evidence, path::EVIDENCE, "Evidence"),
        (Tab::Settings, path::SETTINGS, "Settings"),
    ];
    let managed = [(Tab::Users, path::USERS, "Users"), (Tab::ApiKeys, path::API_KEYS, "API keys")];
    html! {
        header.top {
            div.top-inner {
                a.brand href="/" { (mark()) "Byleave" }
                span.tenant title=(bar.organization) { (bar.organization) }
                nav.nav aria-label="Pages" {
                    ul {
                        @for (tab, href, name) in tabs.iter().chain(managed.iter().filter(|_| bar.manages)) {
                            li { a href=(href) aria-current=[(*tab == bar.tab).then_some("page")] { (name) } }
                        }
                    }
                }
                details.menu.push #account name="menu" {
                    summary #account-summary aria-label="Your account" { (icon(Icon::Person)) }
                    div.sheet {
                        p { span { "Signed in as" br; strong { (bar.user) } } }
                        hr;
                        a href=(path::ACCOUNT) { "Your account" }
                        a href=(path::OPENAPI) { "The API" }
                        form method="post" action=(path::SIGN_OUT) { button type="submit" { "Sign out" } }
                    }
                }
            }
        }
    }
}

/// A button that copies the text of the element with this id. It is shown only where the script runs.
pub(super) fn copy(id: &str, what: &str) -> Markup {
    html! { button.button.low type="button" data-copy=(id) aria-live="polite" { "Copy " (what) } }
}

/// Bytes to take away. Whatever they are, no browser renders them: not even one that is told to open files.
pub(super) fn attachment(kind: &'static str, name: &str, content: impl IntoResponse) -> Response {
    let mut answer = content.into_response();
    let fixed = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = answer.headers_mut();
    // In place of what the content brought along: two types would leave the choice to the browser.
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A name that is no header value leaves a download without a name, never a page.
    let named = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(CONTENT_DISPOSITION, named.unwrap_or(HeaderValue::from_static("attachment")));
    answer
}

/// The page as an answer, under the headers that every page carries.
pub(super) fn answer(status: StatusCode, page: Markup) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Addresses of invitations are secrets; within the origin the referrer stays, for the check of forms.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (status, headers, page.into_string()).into_response()
}

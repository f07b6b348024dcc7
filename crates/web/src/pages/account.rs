//! The visitor's own account: who they are here, until when they are signed in, and their password.
//!
//! The present password is asked for however fresh the sign-in is: an unlocked screen must not be enough to take an
//! account over.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use byleave_store::StoreError;
use maud::{Markup, html};

use super::form::{Faults, Field, Typed, new_password, take_new_password, wait};
use super::layout::{Tab, lost};
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::role::roles;
use super::users::projects;
use super::visitor::{Visitor, done};
use super::when::full;
use crate::app::App;
use crate::auth::sign_in::{ChangeError, SignInError, change_password};

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let content = content(&app, &visitor, &Faults::default()).await?;
    visitor.page(&app, Tab::Account, "Your account", content).await
}

/// Changes the password.
pub(super) async fn set_password(State(app): State<Arc<App>>, visitor: Visitor, typed: Typed) -> Answer {
    let mut faults = Faults::default();
    let present = typed.raw("present").to_owned();
    if present.is_empty() {
        faults.add("present", "Please give your present password.");
    }
    let new = take_new_password(&typed, visitor.session.user_name.as_str(), &mut faults);
    let (Some(new), true) = (new, faults.is_empty()) else { return again(&app, &visitor, &faults).await };
    match change_password(&app, visitor.token, &visitor.session, present, new).await {
        Ok(written) => Ok(done(path::ACCOUNT, &written.anchors)),
        Err(error) => again(&app, &visitor, &fault(error)?).await,
    }
}

/// What stands beside which field.
fn fault(error: ChangeError) -> Result<Faults, Problem> {
    match error {
        ChangeError::Proof(SignInError::Wrong) => Ok(Faults::one("present", "This is not your password.")),
        ChangeError::Proof(SignInError::TooEarly(early)) => Ok(Faults::one("present", wait(early))),
        ChangeError::Proof(SignInError::Store(StoreError::Conflict(conflict))) => {
            Ok(Faults::one("present", sentence(&conflict.to_string())))
        }
        ChangeError::Proof(SignInError::Store(error)) => Err(error.into()),
        ChangeError::Proof(SignInError::Hash(error)) => Err(error.into()),
        ChangeError::Rule(rule) => Ok(Faults::one("password", format!("The password {rule}."))),
    }
}

async fn again(app: &App, visitor: &Visitor, faults: &Faults) -> Result<Response, Problem> {
    let content = content(app, visitor, faults).await?;
    Ok(visitor.page_with(StatusCode::UNPROCESSABLE_ENTITY, Tab::Account, "Your account", content))
}

async fn content(app: &App, visitor: &Visitor, faults: &Faults) -> Result<Markup, Problem> {
    let projects = projects(app, visitor).await?;
    let roles_given = visitor.actor().membership().map(|(_, given)| roles(given, &projects));
    Ok(html! {
        div.head { div { h1 { "Your account" } p { (visitor.session.user_name) } } }
        section.panel aria-label="Facts" { div.body {
            dl.facts {
                dt { "Organization" } dd { (visitor.organization.name) }
                @if let Some(given) = roles_given { dt { "Roles" } dd { (given) } }
                dt { "Signed in" } dd { (full(visitor.session.signed_in_at)) }
                dt { "Until" } dd { (full(visitor.session.expires_at)) " at the latest" }
            }
        } }
        section.panel {
            header { h2 { "Change your password" } }
            div.body { (form(visitor, faults)) }
        }
    })
}

fn form(visitor: &Visitor, faults: &Faults) -> Markup {
    html! {
        form.narrow method="post" action=(path::SET_PASSWORD) {
            (faults.general()) (lost())
            (super::form::account_name(visitor.session.user_name.as_str()))
            (Field { name: "present", label: "Present password", hint: None, optional: false }
                .input("password", &Typed::default(), faults, "current-password"))
            (new_password("New password", faults))
            div.actions.start {
                button.button.primary type="submit" { "Change Password" }
                span.small.quiet { "Everywhere else you are signed out at once." }
            }
        }
    }
}

//! API keys: what programs of the organization sign in with. The private part is shown once. For owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use byleave_core::id::{ApiKeyId, ProjectId};
use byleave_core::name::{Description, ProjectName};
use byleave_core::policy::Action;
use byleave_store::api_key::{ApiKeyRow, NewApiKey};
use maud::{Markup, html};

use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::icon::{Icon, icon};
use super::layout::{Tab, copy};
use super::path;
use super::problem::{Answer, Problem};
use super::role::{choose, chosen, roles};
use super::service_accounts;
use super::users::projects;
use super::visitor::{Visitor, done};
use super::when::day;
use crate::app::App;
use crate::auth::digest::ha1;
use crate::auth::key::draw_api_key;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageApiKeys)?;
    let keys = app.store.api_keys(visitor.actor(), visitor.org()).await?;
    let accounts = app.store.service_accounts(visitor.actor(), visitor.org()).await?;
    let projects = projects(&app, &visitor).await?;
    let content = html! {
        div.head {
            div { h1 { "API keys" } p { "For programs: Atlas-compatible clients, Terraform, scripts (HTTP Digest)." } }
            a.button.primary #new-key href=(path::NEW_API_KEY) data-dialog { (icon(Icon::Key)) "New API key…" }
        }
        section.panel #keys data-live { (table(&keys, &projects)) }
        section.panel #service-accounts data-live { (service_accounts::panel(&accounts, &projects)) }
    };
    visitor.page(&app, Tab::ApiKeys, "API keys", content).await
}

fn table(keys: &[ApiKeyRow], projects: &BTreeMap<ProjectId, ProjectName>) -> Markup {
    html! {
        @if keys.is_empty() {
            div.empty { (icon(Icon::Key)) p { "There is no API key. People do not need one." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Public key" } th { "Description" } th { "Roles" } th { "Since" } th { "" } } }
                tbody { @for key in keys { tr {
                    td data-label="Public key" { code { (key.public_key) } }
                    td data-label="Description" { (key.description) }
                    td data-label="Roles" { (roles(&key.roles, projects)) }
                    td data-label="Since" { (day(key.added_at)) }
                    td.end {
                        a.button.low.ends #(format!("remove-{}", key.id)) href=(path::remove_api_key(key.id)) data-dialog
                            aria-label=(format!("Remove the API key {}", key.public_key)) { "Remove…" }
                    }
                } } }
            } }
        }
    }
}

/// The dialogue that makes a key.
pub(super) async fn show_new(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageApiKeys)?;
    let projects = projects(&app, &visitor).await?;
    Ok(new_dialogue(&visitor, &projects, &Typed::default(), &Faults::default()))
}

/// Makes a key, and shows its private part once.
pub(super) async fn make(State(app): State<Arc<App>>, mut visitor: Visitor, typed: Typed) -> Answer {
    visitor.must(Action::ManageApiKeys)?;
    let projects = projects(&app, &visitor).await?;
    let mut faults = Faults::default();
    let description = faults.take::<Description>("description", "The description", &typed.text("description"));
    let roles = chosen(&typed, &projects, &mut faults);
    let (Some(description), true) = (description, faults.is_empty()) else {
        return Ok(new_dialogue(&visitor, &projects, &typed, &faults));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(new_dialogue(&visitor, &projects, &typed, &faults));
    }
    let (public_key, private_key) = draw_api_key(app.entropy.as_ref());
    let ha1 = ha1(&public_key, &private_key);
    let key = NewApiKey { public_key: public_key.clone(), description, roles, ha1 };
    app.store.add_api_key(visitor.actor(), &app.read_clock(), visitor.org(), key).await?;
    Ok(made(&visitor, &public_key, &private_key))
}

fn new_dialogue(
    visitor: &Visitor,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    faults: &Faults,
) -> Response {
    let act = Act {
        tab: Tab::ApiKeys,
        title: "New API key",
        to: path::NEW_API_KEY,
        back: path::API_KEYS,
        button: Button::Primary("Make API Key"),
        asks: Asks::Password,
    };
    let description = Field { name: "description", label: "What it is for", hint: None, optional: false };
    let fields = html! {
        (description.input("text", typed, faults, "off"))
        (choose(typed, projects, faults))
    };
    visitor.ask(&act, faults, fields)
}

fn made(visitor: &Visitor, public_key: &str, private_key: &str) -> Response {
    let body = html! {
        div.body {
            p { "Copy the private key now. It is shown only this once; Byleave keeps nothing that it could be read from." }
            div.secret {
                span.small.quiet { "Public key" } code #public-key { (public_key) }
                span.small.quiet { "Private key" } code #private-key { (private_key) }
            }
            div.actions {
                (copy("private-key", "the private key"))
                a.button.primary href=(path::API_KEYS) { "I have copied it" }
            }
        }
    };
    visitor.dialogue(Tab::ApiKeys, "The API key is made", &Faults::default(), body)
}

async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<ApiKeyRow, Problem> {
    visitor.must(Action::ManageApiKeys)?;
    let id: ApiKeyId = id.parse().map_err(|_| Problem::NotFound)?;
    let keys = app.store.api_keys(visitor.actor(), visitor.org()).await?;
    keys.into_iter().find(|key| key.id == id).ok_or(Problem::NotFound)
}

/// The dialogue that removes a key.
pub(super) async fn show_remove(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let key = find(&app, &visitor, &id).await?;
    Ok(remove_dialogue(&visitor, &key, &Faults::default()))
}

/// Removes a key.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let key = find(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(remove_dialogue(&visitor, &key, &faults));
    }
    let written = app.store.remove_api_key(visitor.actor(), &app.read_clock(), visitor.org(), key.id).await?;
    Ok(done(path::API_KEYS, &written.anchors))
}

fn remove_dialogue(visitor: &Visitor, key: &ApiKeyRow, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::ApiKeys,
        title: "Remove this API key",
        to: &path::remove_api_key(key.id),
        back: path::API_KEYS,
        button: Button::Danger("Remove API Key"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "Programs that use " code { (key.public_key) } " (" (key.description) ") are refused from now on." }
    };
    visitor.ask(&act, faults, fields)
}

//! Service accounts: what programs get OAuth 2.0 tokens with. Secrets are shown once. For owners, beside API keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use byleave_core::id::{ProjectId, SecretId, ServiceAccountId};
use byleave_core::name::{ProjectName, ServiceAccountDescription, ServiceAccountName};
use byleave_core::network::Network;
use byleave_core::policy::Action;
use byleave_core::setting::SecretHours;
use byleave_core::time::Timestamp;
use byleave_store::StoreError;
use byleave_store::account::AccountId;
use byleave_store::network::NetworkRow;
use byleave_store::secret::{NewSecret, SecretRow};
use byleave_store::service_account::{NewServiceAccount, ServiceAccountRow};
use maud::{Markup, html};

use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::layout::{Tab, copy};
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::role::{choose, chosen, roles};
use super::users::projects;
use super::visitor::{Visitor, done};
use super::when::{day, full};
use crate::app::App;
use crate::auth::key::{SECRET, draw_secret};
use crate::auth::token::Token;

/// The list, as it stands beside the API keys.
pub(super) fn panel(accounts: &[ServiceAccountRow], projects: &BTreeMap<ProjectId, ProjectName>) -> Markup {
    html! {
        header {
            h2 { "Service accounts" }
            a.button.low #new-service-account href=(path::NEW_SERVICE_ACCOUNT) data-dialog { "New service account…" }
        }
        @if accounts.is_empty() {
            div.empty { p { "There is no service account. They are for programs that use OAuth 2.0." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Name" } th { "Client ID" } th { "Roles" } th { "Since" } } }
                tbody { @for account in accounts { tr {
                    td data-label="Name" { a href=(path::service_account(account.id)) { (account.name) } }
                    td data-label="Client ID" { code { (account.id.client_id()) } }
                    td data-label="Roles" { (roles(&account.roles, projects)) }
                    td data-label="Since" { (day(account.added_at)) }
                } } }
            } }
        }
    }
}

/// The page of one.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    let owner = AccountId::ServiceAccount(account.id);
    let networks = app.store.networks(visitor.actor(), visitor.org(), owner).await?;
    let projects = projects(&app, &visitor).await?;
    let content = html! {
        div.head {
            div { h1 { (account.name) } p { (account.description) } }
            a.button.low.ends #remove-account href=(path::remove_service_account(account.id)) data-dialog { "Remove…" }
        }
        section.panel { div.body {
            p { "Client ID " code { (account.id.client_id()) } ", since " (day(account.added_at)) "." }
            p { "Roles: " (roles(&account.roles, &projects)) "." }
        } }
        section.panel #secrets data-live { (secrets(&account, visitor.at())) }
        section.panel #access-list data-live { (access_list(&account, &networks)) }
        p { a href=(path::API_KEYS) { "API keys and service accounts" } }
    };
    visitor.page(&app, Tab::ApiKeys, account.name.as_str(), content).await
}

fn secrets(account: &ServiceAccountRow, now: Timestamp) -> Markup {
    html! {
        header {
            h2 { "Secrets" }
            a.button.low #new-secret href=(path::new_secret(account.id)) data-dialog { "New secret…" }
        }
        @if account.secrets.is_empty() {
            div.empty { p { "It has no secret, and so gets no token." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Secret" } th { "Until" } th { "Last used" } th { "" } } }
                tbody { @for secret in &account.secrets { tr {
                    td data-label="Secret" { code { (shown(secret)) } }
                    td data-label="Until" { (full(secret.expires_at)) @if secret.expires_at <= now { " (over)" } }
                    td data-label="Last used" { @match secret.used_at { Some(at) => { (full(at)) } None => { "never" } } }
                    td.end {
                        a.button.low.ends #(format!("remove-{}", secret.id)) data-dialog
                            href=(path::remove_secret(account.id, secret.id))
                            aria-label=(format!("Remove the secret {}", shown(secret))) { "Remove…" }
                    }
                } } }
            } }
        }
    }
}

/// A secret as far as it is known.
fn shown(secret: &SecretRow) -> String {
    format!("{SECRET}…{}", secret.hint)
}

fn access_list(account: &ServiceAccountRow, networks: &[NetworkRow]) -> Markup {
    html! {
        header {
            h2 { "Access list" }
            a.button.low #new-network href=(path::new_network(account.id)) data-dialog { "Add an address…" }
        }
        @if networks.is_empty() {
            div.empty { p { "It is taken from every address." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Taken from" } th { "Since" } th { "" } } }
                tbody { @for row in networks { tr {
                    td data-label="Taken from" { code { (row.network) } }
                    td data-label="Since" { (day(row.added_at)) }
                    td.end {
                        a.button.low.ends href=(path::remove_network(account.id, row.network)) data-dialog
                            aria-label=(format!("Remove {} from the access list", row.network)) { "Remove…" }
                    }
                } } }
            } }
        }
    }
}

async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<ServiceAccountRow, Problem> {
    visitor.must(Action::ManageApiKeys)?;
    let id: ServiceAccountId = id.parse().map_err(|_| Problem::NotFound)?;
    Ok(app.store.service_account(visitor.actor(), visitor.org(), id).await?)
}

/// What the store refuses because of what was typed stands beside the field.
fn beside<T>(field: &'static str, done: Result<T, StoreError>) -> Result<Result<T, Faults>, Problem> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Conflict(conflict)) => Ok(Err(Faults::one(field, sentence(&conflict.to_string())))),
        Err(StoreError::Refused(rule)) => Ok(Err(Faults::one(field, sentence(&rule.to_string())))),
        Err(error) => Err(error.into()),
    }
}

/// Draws a secret of the typed life, or notes what is wrong with that.
fn draw(app: &App, typed: &Typed, faults: &mut Faults) -> Option<(Token, NewSecret)> {
    let hours = typed.text("hours").parse().ok().and_then(|hours| SecretHours::new(hours).ok());
    let Some(validity) = hours else {
        let longest = SecretHours::MAX.hours();
        faults.add("hours", format!("The life of the secret must be a whole number of hours from 8 to {longest}."));
        return None;
    };
    let text = draw_secret(app.entropy.as_ref());
    let new = NewSecret { hash: *text.hash().as_bytes(), hint: text.hint(), validity };
    Some((text, new))
}

fn hours(typed: &Typed, faults: &Faults) -> Markup {
    let hint = "8 hours to a year (8760), and no longer than your organization allows.";
    Field { name: "hours", label: "The secret lasts (hours)", hint: Some(hint), optional: false }
        .input("text", typed, faults, "off")
}

/// A form whose secret lasts as long as it may.
fn typed(visitor: &Visitor) -> Typed {
    Typed::with([("hours", visitor.organization.longest_secret.hours().to_string())])
}

/// The dialogue that makes an account.
pub(super) async fn show_new(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageApiKeys)?;
    let projects = projects(&app, &visitor).await?;
    Ok(new_dialogue(&visitor, &projects, &typed(&visitor), &Faults::default()))
}

/// Makes an account, and shows its first secret once.
pub(super) async fn make(State(app): State<Arc<App>>, mut visitor: Visitor, typed: Typed) -> Answer {
    visitor.must(Action::ManageApiKeys)?;
    let projects = projects(&app, &visitor).await?;
    let mut faults = Faults::default();
    let name = faults.take::<ServiceAccountName>("name", "The name", &typed.text("name"));
    let description =
        faults.take::<ServiceAccountDescription>("description", "The description", &typed.text("description"));
    let secret = draw(&app, &typed, &mut faults);
    let roles = chosen(&typed, &projects, &mut faults);
    let (Some(name), Some(description), Some((text, secret)), true) = (name, description, secret, faults.is_empty())
    else {
        return Ok(new_dialogue(&visitor, &projects, &typed, &faults));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(new_dialogue(&visitor, &projects, &typed, &faults));
    }
    let new = NewServiceAccount { name, description, roles, secret };
    let made = app.store.add_service_account(visitor.actor(), &app.read_clock(), visitor.org(), new).await;
    Ok(match beside("hours", made)? {
        Ok(written) => made_dialogue(&visitor, &written.value.id, &text),
        Err(faults) => new_dialogue(&visitor, &projects, &typed, &faults),
    })
}

fn new_dialogue(
    visitor: &Visitor,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    faults: &Faults,
) -> Response {
    let act = Act {
        tab: Tab::ApiKeys,
        title: "New service account",
        to: path::NEW_SERVICE_ACCOUNT,
        back: path::API_KEYS,
        button: Button::Primary("Make Service Account"),
        asks: Asks::Password,
    };
    let name = Field { name: "name", label: "Name", hint: None, optional: false };
    let description = Field { name: "description", label: "What it is for", hint: None, optional: false };
    let fields = html! {
        (name.input("text", typed, faults, "off"))
        (description.input("text", typed, faults, "off"))
        (hours(typed, faults))
        (choose(typed, projects, faults))
    };
    visitor.ask(&act, faults, fields)
}

fn made_dialogue(visitor: &Visitor, id: &ServiceAccountId, text: &Token) -> Response {
    let body = html! {
        div.body {
            p { "Copy the secret now. It is shown only this once; Byleave keeps nothing that it could be read from." }
            div.secret {
                span.small.quiet { "Client ID" } code #client-id { (id.client_id()) }
                span.small.quiet { "Client secret" } code #client-secret { (text.reveal()) }
            }
            div.actions {
                (copy("client-secret", "the secret"))
                a.button.primary href=(path::service_account(*id)) { "I have copied it" }
            }
        }
    };
    visitor.dialogue(Tab::ApiKeys, "The secret is made", &Faults::default(), body)
}

/// The dialogue that makes another secret.
pub(super) async fn show_new_secret(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    Ok(secret_dialogue(&visitor, &account, &typed(&visitor), &Faults::default()))
}

/// Makes another secret, and shows it once.
pub(super) async fn make_secret(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    let mut faults = Faults::default();
    let Some((text, secret)) = draw(&app, &typed, &mut faults) else {
        return Ok(secret_dialogue(&visitor, &account, &typed, &faults));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(secret_dialogue(&visitor, &account, &typed, &faults));
    }
    let made = app.store.add_secret(visitor.actor(), &app.read_clock(), visitor.org(), account.id, secret).await;
    Ok(match beside("hours", made)? {
        Ok(_) => made_dialogue(&visitor, &account.id, &text),
        Err(faults) => secret_dialogue(&visitor, &account, &typed, &faults),
    })
}

fn secret_dialogue(visitor: &Visitor, account: &ServiceAccountRow, typed: &Typed, faults: &Faults) -> Response {
    let title = format!("New secret of {}", account.name);
    let (to, back) = (path::new_secret(account.id), path::service_account(account.id));
    let button = Button::Primary("Make Secret");
    let act = Act { tab: Tab::ApiKeys, title: &title, to: &to, back: &back, button, asks: Asks::Password };
    let fields = html! {
        p { "An account has two secrets at most, so that programs can change from one to the other." }
        (hours(typed, faults))
    };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that adds to the access list.
pub(super) async fn show_new_network(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    Ok(network_dialogue(&visitor, &account, &Typed::default(), &Faults::default()))
}

/// Adds to the access list.
pub(super) async fn add_network(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    let mut faults = Faults::default();
    let Some(network) = faults.take::<Network>("network", "The address or network", &typed.text("network")) else {
        return Ok(network_dialogue(&visitor, &account, &typed, &faults));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(network_dialogue(&visitor, &account, &typed, &faults));
    }
    let owner = AccountId::ServiceAccount(account.id);
    let now = app.read_clock();
    let added = app.store.add_networks(visitor.actor(), &now, visitor.org(), owner, vec![network]).await;
    Ok(match beside("network", added)? {
        Ok(written) => done(&path::service_account(account.id), &written.anchors),
        Err(faults) => network_dialogue(&visitor, &account, &typed, &faults),
    })
}

fn network_dialogue(visitor: &Visitor, account: &ServiceAccountRow, typed: &Typed, faults: &Faults) -> Response {
    let title = format!("From where {} is taken", account.name);
    let (to, back) = (path::new_network(account.id), path::service_account(account.id));
    let button = Button::Primary("Add");
    let act = Act { tab: Tab::ApiKeys, title: &title, to: &to, back: &back, button, asks: Asks::Password };
    let network = Field {
        name: "network",
        label: "Address or network",
        hint: Some("Such as 192.0.2.7 or 192.0.2.0/24. With the first entry every other address is refused."),
        optional: false,
    };
    visitor.ask(&act, faults, network.input("text", typed, faults, "off"))
}

/// What is removed of an account, or the account itself.
enum Thing {
    Account,
    Network(Network),
    Secret(SecretId),
}

impl Thing {
    /// The title, the address of the dialogue, the button, and what follows.
    fn words(&self, account: &ServiceAccountRow) -> (String, String, &'static str, &'static str) {
        match self {
            Self::Account => (
                format!("Remove {}", account.name),
                path::remove_service_account(account.id),
                "Remove Service Account",
                "Its secrets and tokens are refused from now on. Grants that it gave stay in force.",
            ),
            Self::Network(network) => (
                format!("Remove {network} from the access list"),
                path::remove_network(account.id, *network),
                "Remove Entry",
                "Without any entry the account is taken from every address.",
            ),
            Self::Secret(secret) => (
                "Remove this secret".to_owned(),
                path::remove_secret(account.id, *secret),
                "Remove Secret",
                "Programs that use it, and tokens that it got, are refused from now on.",
            ),
        }
    }
}

fn removal(visitor: &Visitor, account: &ServiceAccountRow, thing: &Thing, faults: &Faults) -> Response {
    let (title, to, label, follows) = thing.words(account);
    let back = path::service_account(account.id);
    let button = Button::Danger(label);
    let act = Act { tab: Tab::ApiKeys, title: &title, to: &to, back: &back, button, asks: Asks::Password };
    visitor.ask(&act, faults, html! { p { (follows) } })
}

/// The part of an address that names what is removed.
fn thing(kind: &str, name: &str) -> Result<Thing, Problem> {
    match kind {
        "secrets" => name.parse().map(Thing::Secret).map_err(|_| Problem::NotFound),
        "access-list" => name.parse().map(Thing::Network).map_err(|_| Problem::NotFound),
        _ => Err(Problem::NotFound),
    }
}

/// The dialogue that removes an account.
pub(super) async fn show_remove(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    Ok(removal(&visitor, &account, &Thing::Account, &Faults::default()))
}

/// Removes an account.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(removal(&visitor, &account, &Thing::Account, &faults));
    }
    let now = app.read_clock();
    let written = app.store.remove_service_account(visitor.actor(), &now, visitor.org(), account.id).await?;
    Ok(done(path::API_KEYS, &written.anchors))
}

/// The dialogue that removes a secret or an entry of the access list.
pub(super) async fn show_remove_part(
    State(app): State<Arc<App>>,
    Path((id, kind, name)): Path<(String, String, String)>,
    visitor: Visitor,
) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    Ok(removal(&visitor, &account, &thing(&kind, &name)?, &Faults::default()))
}

/// Removes a secret or an entry of the access list.
pub(super) async fn remove_part(
    State(app): State<Arc<App>>,
    Path((id, kind, name)): Path<(String, String, String)>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let account = find(&app, &visitor, &id).await?;
    let thing = thing(&kind, &name)?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(removal(&visitor, &account, &thing, &faults));
    }
    let (store, actor, now, org) = (&app.store, visitor.actor(), app.read_clock(), visitor.org());
    let owner = AccountId::ServiceAccount(account.id);
    let written = match thing {
        Thing::Account => return Err(Problem::NotFound),
        Thing::Network(network) => store.remove_network(actor, &now, org, owner, network).await?,
        Thing::Secret(secret) => store.remove_secret(actor, &now, org, account.id, secret).await?,
    };
    Ok(done(&path::service_account(account.id), &written.anchors))
}

//! Sentences about API keys and service accounts: their roles, secrets and access lists.

use byleave_core::event::Event;
use byleave_core::id::{ApiKeyId, ServiceAccountId};
use maud::{Markup, html};

use super::{Line, Names};
use crate::pages::icon::Icon;

impl Names<'_> {
    fn api_key(&self, id: &ApiKeyId) -> Markup {
        match self.row.name(id) {
            Some(key) => html! { "the API key " code { (key) } },
            None => html! { "an API key" },
        }
    }

    fn account(&self, id: &ServiceAccountId) -> Markup {
        match self.row.name(id) {
            Some(name) => html! { "the service account " (name) },
            None => html! { "a service account" },
        }
    }
}

/// What happened to a customer's API keys and service accounts.
#[expect(clippy::wildcard_enum_match_arm, reason = "`other` is the total end of the chain")]
pub(super) fn account(names: &Names<'_>, who: &Markup, event: &Event) -> Option<Line> {
    let text = match event {
        Event::ApiKeyAdded { public_key, roles: given, .. } => {
            html! { (who) " made the API key " code { (public_key) } " with " (names.roles(given)) "." }
        }
        Event::ApiKeyRemoved { api_key } => html! { (who) " removed " (names.api_key(api_key)) "." },
        Event::ApiKeyRolesChanged { api_key, roles: given } => {
            let given = names.roles(given);
            html! { (who) " changed the roles of " (names.api_key(api_key)) " to " (given) "." }
        }
        Event::ApiKeyDescriptionChanged { api_key } => {
            html! { (who) " changed the description of " (names.api_key(api_key)) "." }
        }
        Event::ApiKeyNetworkAdded { api_key, network } => {
            html! { (who) " added " code { (network) } " to the access list of " (names.api_key(api_key)) "." }
        }
        Event::ApiKeyNetworkRemoved { api_key, network } => {
            html! { (who) " removed " code { (network) } " from the access list of " (names.api_key(api_key)) "." }
        }
        Event::ServiceAccountAdded { service_account, roles: given } => {
            let given = names.roles(given);
            html! { (who) " made " (names.account(service_account)) " with " (given) "." }
        }
        Event::ServiceAccountDetailsChanged { service_account } => {
            html! { (who) " changed the name or description of " (names.account(service_account)) "." }
        }
        Event::ServiceAccountRolesChanged { service_account, roles: given } => {
            let given = names.roles(given);
            html! { (who) " changed the roles of " (names.account(service_account)) " to " (given) "." }
        }
        Event::ServiceAccountRemoved { service_account } => {
            html! { (who) " removed " (names.account(service_account)) "." }
        }
        Event::ServiceAccountSecretAdded { service_account, .. } => {
            html! { (who) " made a secret of " (names.account(service_account)) "." }
        }
        Event::ServiceAccountSecretRemoved { service_account, .. } => {
            html! { (who) " removed a secret of " (names.account(service_account)) "." }
        }
        Event::ServiceAccountNetworkAdded { service_account, network } => {
            html! { (who) " added " code { (network) } " to the access list of " (names.account(service_account)) "." }
        }
        Event::ServiceAccountNetworkRemoved { service_account, network } => html! {
            (who) " removed " code { (network) } " from the access list of " (names.account(service_account)) "."
        },
        _ => return None,
    };
    Some(Line::plain(Icon::Key, text))
}

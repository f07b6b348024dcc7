//! The customer's own credential for sync databases, in the forms that grant and approve: typed, handed to the door, and forgotten.
//!
//! This module must never write what was typed into a page, not even into the form that is shown again.

use byleave_api::byleave as api;
use byleave_core::grant::GrantType;
use byleave_store::sync::SyncCredential;
use maud::{Markup, html};

use super::form::{Faults, Field, Typed};
use super::problem::sentence;
use crate::api::show::{CredentialFault, read_sync_credential};

const USER: &str = "sync-user";
const PASSWORD: &str = "sync-password";
const PEM: &str = "sync-pem";

/// The fields. Style sheets show them only where sync data is chosen.
pub(super) fn fields(faults: &Faults) -> Markup {
    let is_wrong = [USER, PASSWORD, PEM].iter().any(|name| faults.of(name).is_some());
    let hint = Some("Of the database admin, with a role that reads the sync databases only.");
    let user = Field { name: USER, label: "User name", hint, optional: true };
    let password = Field { name: PASSWORD, label: "Password", hint: None, optional: true };
    let hint = Some("A certificate chain and its private key, in PEM, instead of a name and a password.");
    let pem = Field { name: PEM, label: "Certificate and key", hint, optional: true };
    html! {
        details.own-credential #own-credential open[is_wrong] {
            summary { "Your own credential for the sync databases " span.optional { "(optional)" } }
            p.small.quiet {
                "With it the gateway signs in to them for this grant only, instead of with what it has. It is kept in memory "
                "until the grant ends, never stored and never shown, here neither."
            }
            div.pair {
                (user.input("text", &Typed::default(), faults, "off"))
                (password.input("password", &Typed::default(), faults, "off"))
            }
            (pem.secret_area(faults))
        }
    }
}

/// What was typed; nothing where something else than sync data is granted, which it would not open.
pub(super) fn take(typed: &Typed, kind: Option<GrantType>, faults: &mut Faults) -> Option<SyncCredential> {
    let given = |name| Some(typed.raw(name)).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    match kind? {
        GrantType::InfrastructureAndSyncData => {}
        GrantType::DatabaseLogs | GrantType::Infrastructure => return None,
    }
    let pem = given(PEM).map(|pem| pem.replace("\r\n", "\n"));
    let from = api::SyncCredential { user: given(USER), password: given(PASSWORD), pem };
    if from.user.is_none() && from.password.is_none() && from.pem.is_none() {
        return None;
    }
    match read_sync_credential(from) {
        Ok(credential) => Some(credential),
        Err(CredentialFault { field, rule }) => {
            let (name, label) = match field {
                "password" => (PASSWORD, "the password"),
                "pem" => (PEM, "this"),
                _user => (USER, "the user name"),
            };
            let again = "Nothing of the credential was kept: please type it again.";
            faults.add(
                name,
                format!(
                    "{} {again}",
                    sentence(&format!(
                        "{label} {}",
                        rule.replace("`password`", "password").replace("`pem`", "a certificate and its key")
                    ))
                ),
            );
            None
        }
    }
}

//! API keys and service accounts as the log tells them: their roles, the secrets and the networks of each.
//!
//! Who may cause these events is for `rights.rs` to say; here is only what they make.

use std::collections::BTreeSet;

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{ApiKeyId, SecretId, ServiceAccountId};
use byleave_core::network::Network;
use byleave_core::role::Roles;
use byleave_core::service_account::SECRETS;
use byleave_core::time::Timestamp;

use super::organization::Organization;
use super::problem::Problem;

/// An API key or service account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Its roles.
    pub roles: Roles,
    /// The secrets of a service account.
    pub secrets: BTreeSet<SecretId>,
    /// From where it is taken; from everywhere if there is none.
    pub networks: BTreeSet<Network>,
}

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    ApiKey(ApiKeyId),
    ServiceAccount(ServiceAccountId),
}

impl Holder {
    const fn by(self) -> By {
        match self {
            Self::ApiKey(id) => By::ApiKey(id),
            Self::ServiceAccount(id) => By::ServiceAccount(id),
        }
    }
}

impl Account {
    fn with(roles: &Roles) -> Self {
        Self { roles: roles.clone(), ..Self::default() }
    }
}

impl Organization {
    pub(super) fn account(&self, holder: Holder) -> Option<&Account> {
        match holder {
            Holder::ApiKey(id) => self.api_keys.get(&id),
            Holder::ServiceAccount(id) => self.service_accounts.get(&id),
        }
    }

    fn account_mut(&mut self, holder: Holder) -> Result<&mut Account, Problem> {
        match holder {
            Holder::ApiKey(id) => self.api_keys.get_mut(&id).ok_or(Problem::Unknown { what: "API key" }),
            Holder::ServiceAccount(id) => {
                self.service_accounts.get_mut(&id).ok_or(Problem::Unknown { what: "service account" })
            }
        }
    }

    /// Takes what an event says of an API key or service account.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the table of all events passes on only those of accounts")]
    pub(super) fn change_account(&mut self, at: Timestamp, event: &Event) -> Result<(), Problem> {
        use Holder::{ApiKey, ServiceAccount};
        match event {
            Event::ApiKeyAdded { api_key, roles, .. } => match self.api_keys.insert(*api_key, Account::with(roles)) {
                Some(_) => Err(Problem::Twice { what: "API key" }),
                None => Ok(()),
            },
            Event::ApiKeyRemoved { api_key } => {
                self.api_keys.remove(api_key).ok_or(Problem::Unknown { what: "API key" })?;
                self.void_links(&By::ApiKey(*api_key));
                Ok(())
            }
            Event::ApiKeyRolesChanged { api_key, roles } => self.set_roles(ApiKey(*api_key), roles),
            Event::ApiKeyDescriptionChanged { api_key } => self.account_mut(ApiKey(*api_key)).map(drop),
            Event::ApiKeyNetworkAdded { api_key, network } => self.add_network(ApiKey(*api_key), *network),
            Event::ApiKeyNetworkRemoved { api_key, network } => self.remove_network(ApiKey(*api_key), network),
            Event::ServiceAccountAdded { service_account, roles } => self.add_service_account(*service_account, roles),
            Event::ServiceAccountDetailsChanged { service_account } => {
                self.account_mut(ServiceAccount(*service_account)).map(drop)
            }
            Event::ServiceAccountRolesChanged { service_account, roles } => {
                self.set_roles(ServiceAccount(*service_account), roles)
            }
            Event::ServiceAccountRemoved { service_account } => self.remove_service_account(*service_account),
            Event::ServiceAccountSecretAdded { service_account, secret, expires_at } => {
                self.add_secret(*service_account, *secret)?;
                if *expires_at > self.longest_secret().until(at) { Err(Problem::LongSecret) } else { Ok(()) }
            }
            Event::ServiceAccountSecretRemoved { service_account, secret } => {
                let account = self.account_mut(ServiceAccount(*service_account))?;
                if account.secrets.remove(secret) { Ok(()) } else { Err(Problem::Unknown { what: "secret" }) }
            }
            Event::ServiceAccountNetworkAdded { service_account, network } => {
                self.add_network(ServiceAccount(*service_account), *network)
            }
            Event::ServiceAccountNetworkRemoved { service_account, network } => {
                self.remove_network(ServiceAccount(*service_account), network)
            }
            _ => Err(Problem::WrongLog),
        }
    }

    fn set_roles(&mut self, holder: Holder, roles: &Roles) -> Result<(), Problem> {
        self.account_mut(holder)?.roles = roles.clone();
        self.void_links(&holder.by());
        Ok(())
    }

    fn add_service_account(&mut self, id: ServiceAccountId, roles: &Roles) -> Result<(), Problem> {
        if self.former_accounts.contains(&id) || self.service_accounts.contains_key(&id) {
            return Err(Problem::Twice { what: "service account" });
        }
        self.service_accounts.insert(id, Account::with(roles));
        Ok(())
    }

    fn remove_service_account(&mut self, id: ServiceAccountId) -> Result<(), Problem> {
        self.service_accounts.remove(&id).ok_or(Problem::Unknown { what: "service account" })?;
        self.former_accounts.insert(id);
        self.void_links(&By::ServiceAccount(id));
        Ok(())
    }

    fn add_secret(&mut self, id: ServiceAccountId, secret: SecretId) -> Result<(), Problem> {
        let twice = self.service_accounts.values().any(|account| account.secrets.contains(&secret));
        let account = self.account_mut(Holder::ServiceAccount(id))?;
        account.secrets.insert(secret);
        if twice {
            Err(Problem::Twice { what: "secret" })
        } else if account.secrets.len() > SECRETS {
            Err(Problem::TooManySecrets)
        } else {
            Ok(())
        }
    }

    fn add_network(&mut self, holder: Holder, network: Network) -> Result<(), Problem> {
        match self.account_mut(holder)?.networks.insert(network) {
            true => Ok(()),
            false => Err(Problem::Twice { what: "network" }),
        }
    }

    fn remove_network(&mut self, holder: Holder, network: &Network) -> Result<(), Problem> {
        match self.account_mut(holder)?.networks.remove(network) {
            true => Ok(()),
            false => Err(Problem::Unknown { what: "network" }),
        }
    }
}

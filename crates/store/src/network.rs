//! Access lists: the networks from which an API key or service account is taken. From everywhere if there is none.

use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::network::Network;
use byleave_core::time::{Reading, Timestamp};

use crate::account::{AccountId, Through};
use crate::error::{Conflict, Rule, StoreError, Thing};
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// The most networks of one account.
pub const NETWORKS: usize = 200;

/// A network from which an account is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkRow {
    /// The network.
    pub network: Network,
    /// When it was added.
    pub added_at: Timestamp,
}

impl Store {
    /// The networks from which an account is taken, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn networks(
        &self,
        actor: &Actor,
        through: impl Into<Through>,
        account: AccountId,
    ) -> Result<Vec<NetworkRow>, StoreError> {
        let through = through.into();
        let mut sql = self.read()?;
        let organization = through.read(&mut sql, actor, account.read())?;
        account.roles(&mut sql, organization, through)?;
        all(&mut sql, account)
    }

    /// From where an account is taken, from everywhere if there is none: for who has shown its credentials.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn networks_of(&self, account: AccountId) -> Result<Vec<Network>, StoreError> {
        let mut sql = self.read()?;
        Ok(all(&mut sql, account)?.into_iter().map(|row| row.network).collect())
    }

    /// Adds networks, all or none, and answers with the whole list.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles of the account, [`StoreError::Conflict`] for
    /// one that is there, [`StoreError::Refused`] for more than 200.
    pub async fn add_networks(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        account: AccountId,
        networks: Vec<Network>,
    ) -> Result<Written<Vec<NetworkRow>>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("add networks", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            manager.own(&account.roles(tx.sql, manager.organization, through)?)?;
            let present = all(tx.sql, account)?;
            if present.len() + networks.len() > NETWORKS {
                return Err(StoreError::Refused(Rule::TooManyNetworks));
            }
            let mut known: Vec<Network> = present.iter().map(|row| row.network).collect();
            for network in networks {
                if known.contains(&network) {
                    return Err(StoreError::Conflict(Conflict::NetworkTaken));
                }
                known.push(network);
                insert(tx, account, network)?;
                tx.append(manager.organization, manager.by.clone(), account.network_added(network))?;
            }
            all(tx.sql, account)
        });
        body.await
    }

    /// Removes a network. Removing the last one opens the account to every address.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor has power over all roles of the account, [`StoreError::NotFound`] if it
    /// is not on the list.
    pub async fn remove_network(
        &self,
        actor: &Actor,
        now: &Reading,
        through: impl Into<Through>,
        account: AccountId,
        network: Network,
    ) -> Result<Written<()>, StoreError> {
        let (actor, through) = (actor.clone(), through.into());
        let body = self.write("remove network", now, move |tx| {
            let manager = through.manage(tx.sql, &actor)?;
            manager.own(&account.roles(tx.sql, manager.organization, through)?)?;
            let (text, id) = match account {
                AccountId::ApiKey(id) => ("DELETE FROM networks WHERE api_key = $1 AND network = $2", id.to_string()),
                AccountId::ServiceAccount(id) => {
                    ("DELETE FROM networks WHERE service_account = $1 AND network = $2", id.to_string())
                }
            };
            let removed = query(text).bind(id).bind(network.to_string()).execute(tx.sql)?;
            if removed == 0 {
                return Err(StoreError::NotFound(Thing::Network));
            }
            tx.append(manager.organization, manager.by, account.network_removed(network))?;
            Ok(())
        });
        body.await
    }
}

impl AccountId {
    const fn network_added(self, network: Network) -> Event {
        match self {
            Self::ApiKey(api_key) => Event::ApiKeyNetworkAdded { api_key, network },
            Self::ServiceAccount(service_account) => Event::ServiceAccountNetworkAdded { service_account, network },
        }
    }

    const fn network_removed(self, network: Network) -> Event {
        match self {
            Self::ApiKey(api_key) => Event::ApiKeyNetworkRemoved { api_key, network },
            Self::ServiceAccount(service_account) => Event::ServiceAccountNetworkRemoved { service_account, network },
        }
    }
}

fn insert(tx: &mut Transaction<'_>, account: AccountId, network: Network) -> Result<(), StoreError> {
    let (text, id) = match account {
        AccountId::ApiKey(id) => {
            ("INSERT INTO networks (api_key, network, added_at) VALUES ($1, $2, $3)", id.to_string())
        }
        AccountId::ServiceAccount(id) => {
            ("INSERT INTO networks (service_account, network, added_at) VALUES ($1, $2, $3)", id.to_string())
        }
    };
    let at = tx.at().millis();
    query(text).bind(id).bind(network.to_string()).bind(at).execute(tx.sql)?;
    Ok(())
}

/// The networks from which an account is taken, oldest first.
pub(crate) fn all(sql: &mut Sql, account: AccountId) -> Result<Vec<NetworkRow>, StoreError> {
    let (text, id) = match account {
        AccountId::ApiKey(id) => {
            ("SELECT network, added_at FROM networks WHERE api_key = $1 ORDER BY added_at, network", id.to_string())
        }
        AccountId::ServiceAccount(id) => (
            "SELECT network, added_at FROM networks WHERE service_account = $1 ORDER BY added_at, network",
            id.to_string(),
        ),
    };
    let rows = query(text).bind(id).fetch_all(sql)?;
    let read = |row| Ok(NetworkRow { network: row::text(row, "network")?, added_at: row::instant(row, "added_at")? });
    rows.iter().map(read).collect()
}

//! Access lists: the addresses and networks from which an API key or service account is taken.

use axum::response::Response;
use byleave_api::atlas::account::{AccessListRequest, ApiKeyAccess, ServiceAccountAccess};
use byleave_api::error::ErrorCode;
use byleave_core::id::{ApiKeyId, OrgId};
use byleave_core::network::{Network, NetworkError};
use byleave_store::account::{AccountId, Through};
use byleave_store::network::NetworkRow;

use crate::api::atlas::account::manage;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::page::Paging;
use crate::api::path::{AddressPath, ApiKeyPath, ClientPath, OrgPath, ThroughPath};

/// Lists those of an API key.
pub(super) async fn of_api_key(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
) -> Result<Response, Failure> {
    let (paging, through) = (Paging::read(&caller)?, Through::Organization(organization));
    let rows = caller.ask(caller.app.store.networks(&caller.actor, through, AccountId::ApiKey(key))).await?;
    let shown = rows.iter().map(|row| of_key(&caller, organization, key, row)).collect();
    caller.list(&paging.of(&caller, shown))
}

/// Lists those of a service account.
pub(super) async fn of_service_account(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = caller.ask(caller.app.store.networks(&caller.actor, through, AccountId::ServiceAccount(id))).await?;
    caller.list(&paging.of(&caller, rows.iter().map(of_account).collect()))
}

/// Adds to those of an API key.
pub(super) async fn add_to_api_key(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
    body: Raw,
) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = add(&caller, Through::Organization(organization), AccountId::ApiKey(key), body).await?;
    let shown = rows.iter().map(|row| of_key(&caller, organization, key, row)).collect();
    caller.list(&paging.of(&caller, shown))
}

/// Adds to those of a service account.
pub(super) async fn add_to_service_account(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
    body: Raw,
) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let rows = add(&caller, through, AccountId::ServiceAccount(id), body).await?;
    caller.list(&paging.of(&caller, rows.iter().map(of_account).collect()))
}

/// Shows one of an API key.
pub(super) async fn get(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
    AddressPath(network): AddressPath,
) -> Result<Response, Failure> {
    let through = Through::Organization(organization);
    let rows = caller.ask(caller.app.store.networks(&caller.actor, through, AccountId::ApiKey(key))).await?;
    match rows.iter().find(|row| row.network == network) {
        Some(row) => caller.ok(&of_key(&caller, organization, key, row)),
        None => Err(caller.nothing_here()),
    }
}

/// Removes one of an API key.
pub(super) async fn remove_from_api_key(
    caller: Caller,
    OrgPath(organization): OrgPath,
    ApiKeyPath(key): ApiKeyPath<ApiKeyId>,
    AddressPath(network): AddressPath,
) -> Result<Response, Failure> {
    remove(&caller, Through::Organization(organization), AccountId::ApiKey(key), network).await
}

/// Removes one of a service account.
pub(super) async fn remove_from_service_account(
    caller: Caller,
    ThroughPath(through): ThroughPath,
    ClientPath(id): ClientPath,
    AddressPath(network): AddressPath,
) -> Result<Response, Failure> {
    remove(&caller, through, AccountId::ServiceAccount(id), network).await
}

async fn add(caller: &Caller, through: Through, account: AccountId, body: Raw) -> Result<Vec<NetworkRow>, Failure> {
    let store = &caller.app.store;
    caller.ask(store.networks(&caller.actor, through, account)).await?;
    manage(caller, through).await?;
    let body: Vec<AccessListRequest> = body.json_list(&caller.app).await?;
    if body.is_empty() {
        return Err(Failure::field(ErrorCode::ValidationError, "body", "must name at least one address or network"));
    }
    let networks = body.iter().enumerate().map(|(index, entry)| read(index, entry)).collect::<Result<_, _>>()?;
    Ok(caller.ask(store.add_networks(&caller.actor, &caller.now, through, account, networks)).await?.value)
}

async fn remove(caller: &Caller, through: Through, account: AccountId, network: Network) -> Result<Response, Failure> {
    let store = &caller.app.store;
    caller.ask(store.networks(&caller.actor, through, account)).await?;
    manage(caller, through).await?;
    caller.ask(store.remove_network(&caller.actor, &caller.now, through, account, network)).await?;
    Ok(caller.done())
}

/// Reads an entry: an address or a network, or both of the same.
fn read(index: usize, entry: &AccessListRequest) -> Result<Network, Failure> {
    let refuse =
        |field: &str, rule: String| Failure::field(ErrorCode::ValidationError, format!("[{index}]{field}"), rule);
    let cidr = entry.cidr_block.as_deref().map(|text| {
        let network: Network = text.parse().map_err(|error: NetworkError| refuse(".cidrBlock", error.to_string()))?;
        let whole = text.contains('/').then_some(network);
        whole.ok_or_else(|| refuse(".cidrBlock", "must be in CIDR form such as 192.0.2.0/24".to_owned()))
    });
    let address = entry.ip_address.as_deref().map(|text| {
        let address = text.parse().map(Network::of);
        address.map_err(|_| refuse(".ipAddress", "must be an IPv4 or IPv6 address".to_owned()))
    });
    match (cidr.transpose()?, address.transpose()?) {
        (Some(network), None) | (None, Some(network)) => Ok(network),
        (Some(cidr), Some(address)) if cidr == address => Ok(cidr),
        (Some(_), Some(_)) => Err(refuse("", "must name one address or one network".to_owned())),
        (None, None) => Err(refuse("", "must name ipAddress or cidrBlock".to_owned())),
    }
}

fn of_key(caller: &Caller, organization: OrgId, key: ApiKeyId, row: &NetworkRow) -> ApiKeyAccess {
    let entry = row.network.to_string().replace('/', "%2F");
    let path = format!("/api/atlas/v2/orgs/{organization}/apiKeys/{key}/accessList/{entry}");
    ApiKeyAccess {
        cidr_block: row.network.cidr(),
        created: row.added_at.to_seconds_text(),
        ip_address: row.network.address().map(|address| address.to_string()),
        links: vec![caller.link(&path, "self")],
    }
}

fn of_account(row: &NetworkRow) -> ServiceAccountAccess {
    ServiceAccountAccess {
        cidr_block: row.network.cidr(),
        created_at: row.added_at.to_seconds_text(),
        ip_address: row.network.address().map(|address| address.to_string()),
    }
}

//! From where a request comes, and whether that is good enough for who it claims to be from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use byleave_api::error::ErrorCode;
use byleave_core::network::{Network, lets_in};

use crate::api::error::Failure;

/// The address at the other end of the connection, or what a trusted proxy says about it.
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical())
}

/// Refuses unless the networks let the address in.
///
/// # Errors
/// [`Failure`] `IP_ADDRESS_NOT_ON_ACCESS_LIST`.
pub fn check(networks: &[Network], address: Option<IpAddr>) -> Result<(), Failure> {
    if lets_in(networks, address) {
        return Ok(());
    }
    let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    Err(Failure::new(ErrorCode::IpAddressNotOnAccessList, "")
        .saying(format!("IP address {address} is not allowed to access this resource."), vec![address]))
}

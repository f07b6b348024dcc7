//! The address by which people reach this server, for links that are handed on: what a request names may be good on this
//! machine only.
//!
//! It must never carry a secret in the clear: plain HTTP is taken on loopback only.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use axum::http::Uri;
use byleave_core::name::HostName;

/// Scheme, host and port, without a final slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a path.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no address for links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be https:// with a host, perhaps a port, and nothing else (or http:// on this machine)")]
pub struct PublicUrlError;

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let uri: Uri = text.parse().map_err(|_| PublicUrlError)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(PublicUrlError) };
        let (host, port) = authority.as_str().split_at_checked(authority.host().len()).ok_or(PublicUrlError)?;
        let has_port = match port.strip_prefix(':') {
            Some(port) => port.parse::<NonZeroU16>().is_ok(),
            None => port.is_empty(),
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_local = host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
        let is_host = is_local || address.is_some() || host.to_ascii_lowercase().parse::<HostName>().is_ok();
        let is_plain = is_host && has_port && uri.path() == "/" && !text.contains(['?', '#']);
        if is_plain && (scheme == "https" || scheme == "http" && is_local) {
            Ok(Self(format!("{scheme}://{authority}")))
        } else {
            Err(PublicUrlError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_links_is_an_origin_that_keeps_secrets() {
        for (text, link) in [
            ("https://byleave.vendor.example", "https://byleave.vendor.example/invitations/x"),
            ("https://byleave.vendor.example:8443/", "https://byleave.vendor.example:8443/invitations/x"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/invitations/x"),
            ("http://LOCALHOST:8080", "http://LOCALHOST:8080/invitations/x"),
            ("http://[::1]:8080", "http://[::1]:8080/invitations/x"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().join("/invitations/x"), link);
        }
        for bad in [
            "",
            "byleave.vendor.example",
            "http://byleave.vendor.example",
            "ftp://byleave.vendor.example",
            "https://",
            "https://u:p@byleave.vendor.example",
            "https://byleave.vendor.example/path",
            "https://byleave.vendor.example/?a=b",
            "https://byleave.vendor.example/#a",
            "https://byleave.vendor.example:",
            "https://byleave.vendor.example:0",
            "https://byleave.vendor.example:99999",
            "https://a..example",
            "https://a,b",
            "https://*",
        ] {
            assert_eq!(bad.parse::<PublicUrl>(), Err(PublicUrlError), "{bad}");
        }
    }
}

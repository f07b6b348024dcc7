//! From where a request came: the client's address, and whether it came over TLS.
//!
//! What proxies say of it counts only from those that the administrator named; anybody else's word is not read.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The proxies in front of the server whose word on clients is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

/// From where a request came, as every request carries it among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// The client's address; an IPv4 address that came in IPv6 form is one of IPv4.
    pub from: IpAddr,
    /// Whether the client speaks TLS, with us or with a proxy.
    pub is_secure: bool,
}

/// The address that stands for all that whoever has this one has: of IPv6 the whole /64.
pub(crate) fn one_of_64(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

impl Proxies {
    /// The proxies of these networks.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether none is named.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of theirs.
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// From where a request came that `peer` sent.
    ///
    /// `X-Forwarded-For` is read from its end, over every address that is a proxy of ours, to the first that is not: what
    /// stands before that was written by others. An entry that is no address ends the reading: the request then counts
    /// as coming from the proxy that passed it on.
    pub fn came(&self, peer: SocketAddr, headers: &HeaderMap, is_tls: bool) -> Came {
        let mut came = Came { from: peer.ip().to_canonical(), is_secure: is_tls };
        if !self.hold(came.from) {
            return came;
        }
        let proto = last(headers, "x-forwarded-proto");
        came.is_secure |= proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        for text in entries(headers, "x-forwarded-for").rev() {
            let Some(address) = address(text) else { break };
            came.from = address.to_canonical();
            if !self.hold(came.from) {
                break;
            }
        }
        came
    }
}

/// The address of an entry, which may have a port, and brackets if it is one of IPv6.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())).or_else(bracketed)
}

fn entries<'a>(headers: &'a HeaderMap, name: &'static str) -> impl DoubleEndedIterator<Item = &'a str> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    values.into_iter().flat_map(|value| value.split(',').map(str::trim).collect::<Vec<_>>())
}

fn last<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    entries(headers, name).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1:4711";

    fn came(peer: &str, forwarded: &[&str]) -> String {
        let proxies = Proxies::new(vec!["10.0.0.0/24".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.came(peer.parse().unwrap(), &headers, false).from.to_string()
    }

    #[test]
    fn only_a_proxy_of_ours_says_who_the_client_is() {
        for (peer, forwarded, client) in [
            ("192.0.2.7:1", &["203.0.113.9"][..], "192.0.2.7"),
            (PROXY, &[], "10.0.0.1"),
            (PROXY, &["203.0.113.9"], "203.0.113.9"),
            (PROXY, &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (PROXY, &["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (PROXY, &["203.0.113.9, somebody"], "10.0.0.1"),
            (PROXY, &["somebody, 10.0.0.2"], "10.0.0.2"),
            (PROXY, &["::ffff:203.0.113.9"], "203.0.113.9"),
            (PROXY, &["203.0.113.9:5678"], "203.0.113.9"),
            (PROXY, &["198.51.100.1:1, 203.0.113.9:5678, 10.0.0.2:80"], "203.0.113.9"),
            (PROXY, &["[2001:db8::1]:5678"], "2001:db8::1"),
            (PROXY, &["[2001:db8::1]"], "2001:db8::1"),
            (PROXY, &["203.0.113.9, [203.0.113.7]"], "10.0.0.1"),
            (PROXY, &["203.0.113.9:x"], "10.0.0.1"),
            ("[::ffff:10.0.0.1]:1", &["203.0.113.9"], "203.0.113.9"),
            ("[fd00::1]:1", &["2001:db8::1"], "2001:db8::1"),
            (PROXY, &["10.0.0.9"], "10.0.0.9"),
        ] {
            assert_eq!(came(peer, forwarded), client, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn tls_is_seen_by_us_or_by_a_proxy_of_ours() {
        let proxies = Proxies::new(vec!["10.0.0.1/32".parse().unwrap()]);
        let headers =
            |proto: &str| HeaderMap::from_iter([("x-forwarded-proto".parse().unwrap(), proto.parse().unwrap())]);
        let is_secure = |peer: &str, proto, tls| proxies.came(peer.parse().unwrap(), &headers(proto), tls).is_secure;
        assert!(is_secure(PROXY, "https", false));
        assert!(!is_secure(PROXY, "http", false));
        assert!(!is_secure("192.0.2.7:1", "https", false), "anybody can say so");
        assert!(is_secure("192.0.2.7:1", "http", true));
    }
}

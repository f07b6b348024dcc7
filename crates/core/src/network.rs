//! Networks: from where an API key or service account is taken. An address is a network of one.
//!
//! There is one spelling of a network: no bits beyond its length, and IPv4 in its own form also where it came mapped
//! into IPv6. An empty list lets every address in; that is for the caller to know.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address, or all addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// There are bits beyond the length.
    #[error("must have no bits beyond its length: the network of these is {0}")]
    Loose(Network),
    /// It is no address, or its length does not fit.
    #[error("must be an IPv4 or IPv6 address, or a network in CIDR form such as 192.0.2.0/24")]
    Malformed,
}

impl Network {
    /// The network of one address.
    pub fn of(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, bits: width(first) }
    }

    /// Whether the address lies in it. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == self.first
    }

    /// The address, if it is a network of one.
    pub fn address(&self) -> Option<IpAddr> {
        (self.bits == width(self.first)).then_some(self.first)
    }

    /// The CIDR form, also for a network of one.
    pub fn cidr(&self) -> String {
        format!("{}/{}", self.first, self.bits)
    }
}

/// Whether somebody who is taken from these networks only is taken from this address. No network at all is no limit; an
/// address that nobody knows lies in none.
pub fn lets_in(networks: &[Network], address: Option<IpAddr>) -> bool {
    networks.is_empty() || address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let given: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let Some(bits) = bits else { return Ok(Self::of(given)) };
        let plain = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
        let plain = plain && (bits == "0" || !bits.starts_with('0'));
        let bits: u8 = bits.parse().ok().filter(|_| plain).ok_or(NetworkError::Malformed)?;
        if bits > width(given) {
            return Err(NetworkError::Malformed);
        }
        // ::ffff:192.0.2.0/120 is 192.0.2.0/24; a shorter one would hold more than IPv4.
        let first = given.to_canonical();
        let bits =
            if width(first) == width(given) { bits } else { bits.checked_sub(96).ok_or(NetworkError::Malformed)? };
        let network = Self { first: masked(first, bits), bits };
        if network.first == first { Ok(network) } else { Err(NetworkError::Loose(network)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => write!(f, "{address}"),
            None => f.write_str(&self.cidr()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.7"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::7", "2001:db8::7", "2001:db8::8"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::192.0.2.7"),
            ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn a_list_lets_in_from_its_networks_only_and_an_empty_one_from_everywhere() {
        let list = [network("192.0.2.0/24"), network("2001:db8::7")];
        let from = |text: &str| Some(text.parse().unwrap());
        for inside in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::7"] {
            assert!(lets_in(&list, from(inside)), "{inside}");
        }
        for outside in ["192.0.3.1", "2001:db8::8", "::1"] {
            assert!(!lets_in(&list, from(outside)), "{outside}");
        }
        assert!(!lets_in(&list, None));
        assert!(lets_in(&[], None) && lets_in(&[], from("192.0.2.1")));
    }

    #[test]
    fn a_network_has_one_spelling() {
        for (text, shown, cidr) in [
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.7/32"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7/32"),
            ("2001:DB8:0::/48", "2001:db8::/48", "2001:db8::/48"),
            ("2001:db8::7/128", "2001:db8::7", "2001:db8::7/128"),
        ] {
            assert_eq!((network(text).to_string(), network(text).cidr()), (shown.into(), cidr.into()));
            assert_eq!(network(shown), network(text));
        }
        for bad in [
            "",
            "/",
            "192.0.2",
            "192.0.2.7/",
            "192.0.2.0/33",
            "192.0.2.0/+8",
            "192.0.2.0/08",
            "192.0.2.7 ",
            "::/129",
            "::ffff:0.0.0.0/95",
            "fe80::1%eth0",
            "localhost",
            "192.0.2.0/24/24",
            "300.0.0.1",
            "192.0.2.0/0x8",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError::Malformed), "{bad}");
        }
        assert_eq!("192.0.2.7/24".parse::<Network>(), Err(NetworkError::Loose(network("192.0.2.0/24"))));
    }
}

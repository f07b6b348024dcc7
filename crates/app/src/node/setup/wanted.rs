//! What the administrator wants of this node: whose sessions to take, from where, and what to keep closed.
//!
//! The same facts come from options, from a JSON file (`--from`), and lie on the node as `/etc/byleave/node.json`,
//! where `byleave node check` reads what to try. None of them is secret.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use byleave_core::id::NodeId;
use byleave_core::name::PublicKey;
use serde::{Deserialize, Serialize};

/// Where these facts lie on a node.
pub(crate) const NODE_FILE: &str = "/etc/byleave/node.json";

/// The facts of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The organization's SSH user CA, one OpenSSH line.
    pub(crate) ca: String,
    /// The node's id in the inventory.
    pub(crate) node_id: String,
    /// Addresses or networks from which the gateway comes.
    pub(crate) gateways: Vec<String>,
    /// Where the `byleave` program lies on this node.
    #[serde(default)]
    pub(crate) helper: PathBuf,
    /// Log files that the account `byleave-logs` may read.
    #[serde(default)]
    pub(crate) logs: Vec<PathBuf>,
    /// Data and backup directories that must stay closed.
    #[serde(default)]
    pub(crate) data: Vec<PathBuf>,
    /// Key files that must stay closed.
    #[serde(default)]
    pub(crate) key_files: Vec<PathBuf>,
    /// Database ports that must stay closed.
    #[serde(default)]
    pub(crate) ports: Vec<u16>,
    /// The databases of App Services sync that the inventory names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sync_databases: Vec<String>,
}

impl Wanted {
    /// Reads a JSON file.
    ///
    /// # Errors
    /// If it cannot be read or is not such facts.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("`{}` is not the facts of a node", path.display()))
    }

    /// Checks every field and brings it to the one form that is written.
    ///
    /// # Errors
    /// Names the field and the rule.
    pub(crate) fn checked(mut self) -> anyhow::Result<Self> {
        if !self.ca.contains(' ') {
            let path = self.ca.clone();
            self.ca = std::fs::read_to_string(&path).with_context(|| format!("ca: cannot read `{path}`"))?;
        }
        let key = PublicKey::from_line(&self.ca).with_context(|| format!("ca: `{}`", self.ca.trim()))?;
        self.ca = format!("{} {}", key.algorithm(), key.base64());
        let id: NodeId = self.node_id.parse().with_context(|| format!("node id: `{}`", self.node_id))?;
        self.node_id = id.to_string();
        ensure!(!self.gateways.is_empty(), "gateway: at least one address is needed");
        for gateway in &self.gateways {
            check_network(gateway).with_context(|| format!("gateway: `{gateway}`"))?;
        }
        let named = self.logs.iter().chain(&self.data).chain(&self.key_files).chain([&self.helper]);
        for path in named {
            let text = path.to_str().unwrap_or_default();
            let plain = text.chars().all(|sign| !sign.is_control() && !sign.is_whitespace() && sign != '"');
            ensure!(
                path.is_absolute() && plain,
                "path: `{}` must be absolute, without spaces and quotes",
                path.display()
            );
        }
        Ok(self)
    }

    /// The JSON text that lies on the node.
    ///
    /// # Errors
    /// If a path is not text, which [`Wanted::checked`] excludes.
    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// An address, or a network in CIDR form without host bits: sshd refuses anything else and then starts no more.
fn check_network(text: &str) -> anyhow::Result<()> {
    let (address, length) = match text.split_once('/') {
        None => (text, None),
        Some((address, length)) => (address, Some(length.parse::<u32>().context("must end in a number of bits")?)),
    };
    let address: IpAddr = address.parse().context("must be an IP address or a network such as 10.0.0.0/24")?;
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let length = length.unwrap_or(width);
    if length > width {
        bail!("must have at most {width} bits");
    }
    let host_bits = width - length;
    let mask = if host_bits == 128 { u128::MAX } else { (1_u128 << host_bits) - 1 };
    ensure!(length > 0, "must not be the whole internet");
    ensure!(bits & mask == 0, "must have no bits set beyond its length");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_an_address_or_a_network() {
        for good in ["10.0.0.7", "10.0.0.0/24", "2001:db8::1", "2001:db8::/32", "127.0.0.1/32"] {
            assert!(check_network(good).is_ok(), "{good}");
        }
        for bad in ["", "host", "10.0.0.7/24", "10.0.0.0/33", "0.0.0.0/0", "10.0.0.0/x", "10.0.0.1,10.0.0.2", "::/0"] {
            assert!(check_network(bad).is_err(), "{bad}");
        }
    }
}

//! The inventory file: TOML, read strictly. What is wrong is told with its line, its field and the rule.
//!
//! The server checks everything again; here it is checked so that a mistake is found beside the line that made it.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use byleave_api::byleave::{InventoryCluster, InventoryNode, Log};
use byleave_core::id::OrgId;
use byleave_core::inventory::LogKind;
use byleave_core::name::{
    Address, ClusterName, HostName, LogName, LogPath, OrgName, ProjectName, PublicKey, SyncCa, SyncDatabase,
};
use serde::Deserialize;
use toml::Spanned;

use crate::cli::fault::{Fault, Outcome};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    cluster: Vec<Cluster>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cluster {
    organization: Spanned<String>,
    project: Spanned<String>,
    name: Spanned<String>,
    host: Spanned<String>,
    #[serde(default)]
    sync_databases: Vec<Spanned<String>>,
    #[serde(default)]
    sync_servers: Vec<Spanned<String>>,
    sync_member: Option<Spanned<String>>,
    sync_ca: Option<Spanned<String>>,
    #[serde(default)]
    node: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    host: Spanned<String>,
    address: Spanned<String>,
    host_key: Spanned<String>,
    #[serde(default)]
    log: Vec<LogEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogEntry {
    name: Spanned<String>,
    kind: Spanned<String>,
    path: Spanned<String>,
}

/// Reads a file.
///
/// # Errors
/// Usage faults that name the line, the field and the rule, all of them at once.
pub(super) fn read(name: &str, text: &str) -> Outcome<Vec<InventoryCluster>> {
    let file: File = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| format!(":{}", line_of(text, &span)));
        Fault::usage(format!("{name}{place}: {}", error.message()))
    })?;
    let mut reader = Reader { name, text, wrong: Vec::new() };
    let clusters = file.cluster.into_iter().map(|cluster| reader.cluster(cluster)).collect();
    if reader.wrong.is_empty() { Ok(clusters) } else { Err(Fault::usage(reader.wrong.join("\n"))) }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
}

/// Checks field by field and remembers what is wrong.
struct Reader<'t> {
    name: &'t str,
    text: &'t str,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn cluster(&mut self, cluster: Cluster) -> InventoryCluster {
        let is_id = cluster.organization.get_ref().parse::<OrgId>().is_ok();
        if let Some(member) = &cluster.sync_member
            && !cluster.sync_servers.iter().any(|server| server.get_ref() == member.get_ref())
        {
            self.wrong("sync_member", member, "must be one of `sync_servers`");
        }
        InventoryCluster {
            organization: if is_id {
                cluster.organization.into_inner()
            } else {
                self.field::<OrgName>("organization", cluster.organization)
            },
            project: self.field::<ProjectName>("project", cluster.project),
            name: self.field::<ClusterName>("name", cluster.name),
            host: self.field::<HostName>("host", cluster.host),
            sync_databases: cluster
                .sync_databases
                .into_iter()
                .map(|one| self.field::<SyncDatabase>("sync_databases", one))
                .collect(),
            sync_servers: cluster
                .sync_servers
                .into_iter()
                .map(|one| self.field::<Address>("sync_servers", one))
                .collect(),
            sync_member: cluster.sync_member.map(Spanned::into_inner),
            sync_ca: cluster.sync_ca.map(|one| self.certificates(one)),
            nodes: cluster.node.into_iter().map(|node| self.node(node)).collect(),
        }
    }

    fn node(&mut self, node: Node) -> InventoryNode {
        // A host key is pasted with its comment; the comment is no part of it.
        let host_key = match PublicKey::from_line(node.host_key.get_ref()) {
            Ok(key) => key.to_string(),
            Err(_) => self.field::<PublicKey>("host_key", node.host_key),
        };
        InventoryNode {
            host: self.field::<HostName>("host", node.host),
            address: self.field::<Address>("address", node.address),
            host_key,
            logs: node.log.into_iter().map(|log| self.log(log)).collect(),
        }
    }

    fn log(&mut self, log: LogEntry) -> Log {
        if !LogKind::ALL.iter().any(|kind| kind.as_str() == log.kind.get_ref()) {
            self.wrong("kind", &log.kind, "must be database, audit or other");
        }
        Log {
            name: self.field::<LogName>("name", log.name),
            kind: log.kind.into_inner(),
            path: self.field::<LogPath>("path", log.path),
        }
    }

    /// Certificates are not repeated in what is told.
    fn certificates(&mut self, value: Spanned<String>) -> String {
        if let Err(rule) = value.get_ref().parse::<SyncCa>() {
            let line = line_of(self.text, &value.span());
            self.wrong.push(format!("{}:{line}: `sync_ca` {rule}", self.name));
        }
        value.into_inner()
    }

    fn field<T: FromStr<Err: Display>>(&mut self, field: &str, value: Spanned<String>) -> String {
        if let Err(rule) = value.get_ref().parse::<T>() {
            self.wrong(field, &value, rule);
        }
        value.into_inner()
    }

    fn wrong(&mut self, field: &str, value: &Spanned<String>, rule: impl Display) {
        let line = line_of(self.text, &value.span());
        self.wrong.push(format!("{}:{line}: `{field}` {rule}, not `{}`", self.name, value.get_ref()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fault::Exit;

    const GOOD: &str = r#"
[[cluster]]
organization = "Harbour Books"
project = "Web shop"
name = "Shop"
host = "shop.harbour-books.example"
sync_databases = ["storefront_*"]

[[cluster.node]]
host = "shop-0.harbour-books.example"
address = "10.0.0.7:22"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl root@node"

[[cluster.node.log]]
name = "mongod"
kind = "database"
path = "/var/log/mongodb/mongod.log"
"#;

    fn wrong(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        let fault = read("inventory.toml", &text).err().unwrap_or_else(|| panic!("{to} is taken"));
        assert_eq!(fault.exit, Exit::Usage);
        fault.text()
    }

    #[test]
    fn a_good_file_is_read() {
        let clusters = read("inventory.toml", GOOD).unwrap_or_else(|fault| panic!("{}", fault.text()));
        assert_eq!(clusters.len(), 1);
        assert!(!clusters[0].nodes[0].host_key.contains("root@node"), "the comment is dropped");
        assert!(read("inventory.toml", "").unwrap_or_else(|fault| panic!("{}", fault.text())).is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_field() {
        for (from, to, line, field) in [
            ("\"Shop\"", "\"-Shop\"", 5, "`name`"),
            ("shop.harbour", "Shop.harbour", 6, "`host`"),
            ("storefront_*", "s*", 7, "`sync_databases`"),
            ("sync_databases = [", "sync_servers = [", 7, "`sync_servers`"),
            ("sync_databases = [\"storefront_*\"]", "sync_ca = \"x\"", 7, "`sync_ca`"),
            (
                "sync_databases = [\"storefront_*\"]",
                "sync_member = \"db-0.example:27017\"",
                7,
                "`sync_member` must be one",
            ),
            ("10.0.0.7:22", "10.0.0.7", 11, "`address`"),
            ("ssh-ed25519 AAAA", "AAAA", 12, "`host_key`"),
            ("\"database\"", "\"databse\"", 16, "`kind`"),
            ("/var/log/mongodb", "/var/../etc", 17, "`path`"),
            ("kind =", "knd =", 16, "`knd`"),
            ("name = \"mongod\"", "name = 7", 15, "string"),
        ] {
            let text = wrong(from, to);
            assert!(text.starts_with(&format!("inventory.toml:{line}: ")), "{to}: {text}");
            assert!(text.contains(field), "{to}: {text}");
        }
        assert!(wrong("host = \"shop-0.harbour-books.example\"\n", "").contains("`host`"), "a missing field is named");
    }
}

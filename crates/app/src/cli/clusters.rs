//! `byleave clusters`: what there is and what is open on it.

use std::path::Path;
use std::str::FromStr as _;

use byleave_api::byleave::{Cluster, Done, List, Node, SyncCredential, SyncCredentialRequest};
use byleave_core::grant::GrantType;
use byleave_core::time::Span;
use clap::Subcommand;

use super::Caller;
use super::fault::{Fault, Outcome};
use super::find::ClusterName;
use super::grants::{opens, short};
use super::output::{instant, table};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the clusters of the organization
    #[command(after_help = "Example:\n  byleave clusters list")]
    List,
    /// Show a cluster: its nodes, its logs, what is open on it
    #[command(after_help = "Example:\n  byleave clusters show Shop")]
    Show(ClusterName),
    /// Give the gateway what it signs in to a cluster's sync databases with (administrator)
    #[command(after_help = "Example:\n  printf '%s\\n%s\\n' gateway 'the password' | \
            byleave clusters sync-credential shop.harbour-books.example --data /var/lib/byleave\n  \
            byleave clusters sync-credential shop.harbour-books.example --data /var/lib/byleave < gateway.pem\n\n\
            Standard input holds a user name and, on the next line, its password, or the PEM of a certificate and its key.")]
    SyncCredential {
        /// The cluster's host name
        host: String,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::List => {
            let answer = List { results: caller.clusters().await? };
            caller.output.print(&answer, |answer| {
                let rows = answer.results.iter().map(|cluster| {
                    let count = cluster.nodes.len().to_string();
                    vec![cluster.name.clone(), cluster.group_name.clone(), cluster.host.clone(), count, open(cluster)]
                });
                table(&["cluster", "project", "host", "nodes", "open to support"], rows.collect(), "no clusters")
            })
        }
        Command::Show(name) => caller.output.print(&caller.cluster(&name).await?, show),
        Command::SyncCredential { host } => {
            let credential = read_credential(Path::new(STANDARD_INPUT))?;
            let host = byleave_core::name::HostName::from_str(&host)
                .map_err(|rule| Fault::usage(format!("the host name of the cluster {rule}, not `{host}`")))?;
            let request = SyncCredentialRequest { host: host.to_string(), credential };
            let done: Done = caller.client.post("/inventory:setSyncCredential", &request).await?;
            caller.take(&done.anchors);
            caller
                .output
                .print(&done, |_| format!("the gateway signs in to the sync databases of {host} with this now\n"))
        }
    }
}

/// What stands for standard input where a file is named.
const STANDARD_INPUT: &str = "-";

/// A credential from a file, or from standard input.
pub(super) fn read_credential(file: &Path) -> Outcome<SyncCredential> {
    let (name, text) = if file == Path::new(STANDARD_INPUT) {
        ("standard input".to_owned(), std::io::read_to_string(std::io::stdin()))
    } else {
        (format!("`{}`", file.display()), std::fs::read_to_string(file))
    };
    let text = text.map_err(|error| Fault::usage(format!("{name} cannot be read: {error}")))?;
    credential(&text).ok_or_else(|| {
        Fault::usage(format!("{name} must hold a user name and, on the next line, its password; or PEM"))
    })
}

fn credential(text: &str) -> Option<SyncCredential> {
    if text.contains("-----BEGIN") {
        return Some(SyncCredential { user: None, password: None, pem: Some(text.to_owned()) });
    }
    let mut lines = text.lines();
    match (lines.next(), lines.next(), lines.next()) {
        (Some(user), Some(password), None) => {
            Some(SyncCredential { user: Some(user.to_owned()), password: Some(password.to_owned()), pem: None })
        }
        _ => None,
    }
}

/// What is open to support on a cluster, in a few words.
fn open(cluster: &Cluster) -> String {
    let standing = if cluster.blocked { "nothing" } else { "standing access" };
    match &cluster.grant {
        Some(grant) if cluster.blocked => format!("{}, {} left", short(&grant.grant_type), Span(grant.remaining_ms)),
        Some(grant) => format!("{standing}, {}, {} left", short(&grant.grant_type), Span(grant.remaining_ms)),
        None => standing.to_owned(),
    }
}

/// What is to be known beside a grant and its end while support is not blocked.
pub(super) fn not_blocked(cluster: &Cluster) -> Option<String> {
    (!cluster.blocked).then(|| not_blocked_note(&byleave_core::grant::not_blocked(&cluster.name)))
}

/// The same from what the server said of it.
pub(super) fn not_blocked_note(said: &str) -> String {
    format!("note: {said}; close the door with `byleave block`")
}

/// What is to be known of a grant or block beside it: which nodes nobody can enter for want of a check.
pub(super) fn unchecked(cluster: &Cluster) -> Option<String> {
    let closed = |node: &&Node| cluster.blocked && matches!(node.check.as_str(), "none" | "failed");
    let hosts: Vec<&str> = cluster.nodes.iter().filter(closed).map(|node| node.host.as_str()).collect();
    let subject = match hosts.as_slice() {
        [] => return None,
        [one] => format!("`{one}` has not passed its check"),
        several => format!("`{}` have not passed their check", several.join("`, `")),
    };
    Some(format!(
        "note: {subject}, so only logs open there, whatever is granted: the vendor's administrator runs `byleave nodes \
         check`, or an owner `byleave nodes accept-risk`"
    ))
}

/// [`unchecked`], where the grant in force would open the nodes.
pub(super) fn granted_but_unchecked(cluster: &Cluster) -> Option<String> {
    let grant = cluster.grant.as_ref()?;
    if grant.grant_type == GrantType::DatabaseLogs.as_str() { None } else { unchecked(cluster) }
}

fn show(cluster: &Cluster) -> String {
    let mut text = format!(
        "{} in {}\nhost      {}\nid        {}\nrevision  {}\nblocked   {}\n",
        cluster.name,
        cluster.group_name,
        cluster.host,
        cluster.id,
        cluster.revision,
        if cluster.blocked { "yes" } else { "no" }
    );
    match &cluster.grant {
        Some(grant) => text.push_str(&format!("grant     {}, until {}\n", opens(grant), instant(&grant.expires_at))),
        None => text.push_str("grant     none\n"),
    }
    if !cluster.sync_databases.is_empty() {
        text.push_str(&format!("sync      {}\n", cluster.sync_databases.join(", ")));
    }
    for node in &cluster.nodes {
        text.push_str(&format!("\n{} at {}, check: {}\n", node.host, node.address, node.check));
        for log in &node.logs {
            text.push_str(&format!("  {:<10} {:<9} {}\n", log.name, log.kind, log.path));
        }
    }
    if let Some(note) = granted_but_unchecked(cluster) {
        text.push_str(&format!("\n{note}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(check: &str, grant_type: &str, blocked: bool) -> Cluster {
        let text = |text: &str| text.to_owned();
        let grant = serde_json::json!({
            "id": "g", "clusterId": "c", "clusterName": "Shop", "groupId": "p", "grantType": grant_type,
            "grantedAt": "2026-11-23T18:00:00Z", "expiresAt": "2026-11-24T18:00:00Z", "remainingMs": 1,
            "grantedBy": "mia", "status": "active", "inventoryRevision": 1, "endedAt": null, "endReason": null,
            "case": null, "reason": null,
        });
        Cluster {
            id: text("c"),
            name: text("Shop"),
            group_id: text("p"),
            group_name: text("Web"),
            org_id: text("o"),
            host: text("shop.example"),
            revision: 1,
            blocked,
            sync_databases: Vec::new(),
            nodes: vec![Node {
                id: text("n"),
                host: text("shop-0.example"),
                address: text("192.0.2.1:22"),
                host_key: text("k"),
                since: 1,
                check: text(check),
                logs: Vec::new(),
            }],
            grant: Some(serde_json::from_value(grant).unwrap()),
        }
    }

    #[test]
    fn a_granted_node_that_nobody_can_enter_is_named() {
        let infrastructure = GrantType::Infrastructure.as_str();
        for check in ["none", "failed"] {
            let note = granted_but_unchecked(&cluster(check, infrastructure, true)).unwrap();
            assert!(note.contains("`shop-0.example` has not passed"), "{note}");
            assert_eq!(granted_but_unchecked(&cluster(check, infrastructure, false)), None);
            assert_eq!(granted_but_unchecked(&cluster(check, GrantType::DatabaseLogs.as_str(), true)), None);
        }
        for check in ["passed", "risk accepted"] {
            assert_eq!(granted_but_unchecked(&cluster(check, infrastructure, true)), None);
        }
    }
}

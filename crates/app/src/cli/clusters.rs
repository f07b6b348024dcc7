//! `byleave clusters`: what there is and what is open on it.

use std::path::Path;
use std::str::FromStr as _;

use byleave_api::byleave::{Cluster, Done, List, SyncCredential, SyncCredentialRequest};
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
        Some(grant) => format!("{}, {} left", short(&grant.grant_type), Span(grant.remaining_ms)),
        None => standing.to_owned(),
    }
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
    text
}

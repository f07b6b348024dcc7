//! `byleave clusters`: what there is and what is open on it.

use byleave_api::byleave::{Cluster, List};
use byleave_core::time::Span;
use clap::Subcommand;

use super::Caller;
use super::fault::Outcome;
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

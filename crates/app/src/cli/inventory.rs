//! `byleave inventory`: clusters and nodes from a file. The administrator's; it cannot widen a consent.

mod file;

use std::path::PathBuf;

use anyhow::Context;
use byleave_api::byleave::{
    Inventory, InventoryChange, InventoryCluster, InventoryPlan, InventoryProject, InventoryRequest,
};
use byleave_core::id::OrgId;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::Caller;
use super::fault::{Exit, Fault, Outcome};
use super::output::table;

const EXAMPLE: &str = "The file, TOML:\n  [[cluster]]\n  organization = \"Harbour Books\"          # name or id\n  \
    project = \"Web shop\"                    # made if it is not there\n  name = \"Shop\"\n  \
    host = \"shop.harbour-books.example\"     # for: ssh <host>@gateway logs\n  \
    sync_databases = []                     # exact names, or 8 characters and more before a final *\n  \
    sync_servers = []                       # the servers that hold them, such as \"db-0.example:27017\"\n  \
    sync_member = \"…\"                     # the one of them to read from; without it, the primary\n  \
    sync_ca = ...                           # the PEM of the certificates that vouch for those servers\n\n  \
    [[cluster.node]]\n  host = \"shop-0.harbour-books.example\"   # for: ssh <host>@gateway\n  \
    address = \"10.0.0.7:22\"\n  host_key = \"ssh-ed25519 AAAA…\"\n\n  \
    [[cluster.node.log]]\n  name = \"mongod\"\n  kind = \"database\"                       # or audit, other\n  \
    path = \"/var/log/mongodb/mongod.log\"";

/// The file with the wanted inventory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Wanted {
    /// The file
    file: PathBuf,
    /// Also remove what the file does not name
    #[arg(long)]
    prune: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what an apply would do, and change nothing
    Plan(Wanted),
    /// Make the inventory what the file says
    Apply {
        #[command(flatten)]
        wanted: Wanted,
        /// Only if the inventory still has the tag that the plan told: do that plan, or nothing
        #[arg(long, value_name = "TAG")]
        etag: Option<String>,
    },
    /// Show the inventory
    #[command(after_help = "Example:\n  byleave inventory show --data /var/lib/byleave")]
    Show,
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Plan(wanted) => {
            let plan: InventoryPlan = caller.client.post("/inventory:plan", &request(caller, &wanted).await?).await?;
            caller.output.print(&plan, |plan| describe(plan, "would"))
        }
        Command::Apply { wanted, etag } => {
            let request = request(caller, &wanted).await?;
            let plan: InventoryPlan = caller.client.post_if("/inventory:apply", &request, etag).await?;
            caller.take(&plan.anchors);
            caller.output.print(&plan, |plan| describe(plan, "done"))
        }
        Command::Show => {
            let inventory: Inventory = caller.client.get("/inventory").await?;
            caller.output.print(&inventory, show)
        }
    }
}

async fn request(caller: &Caller, wanted: &Wanted) -> Outcome<InventoryRequest> {
    let name = wanted.file.display().to_string();
    let text = std::fs::read_to_string(&wanted.file).with_context(|| format!("cannot read `{name}`"))?;
    let mut clusters = file::read(&name, &text)?;
    if clusters.iter().any(|cluster| cluster.organization.parse::<OrgId>().is_err()) {
        let known = caller.organizations().await?;
        for cluster in clusters.iter_mut().filter(|cluster| cluster.organization.parse::<OrgId>().is_err()) {
            let found: Vec<_> = known.iter().filter(|known| known.name == cluster.organization).collect();
            cluster.organization = match found.as_slice() {
                [only] => only.id.clone(),
                [] => {
                    let text = format!(
                        "{name}: cluster `{}`: there is no organization `{}`",
                        cluster.name, cluster.organization
                    );
                    return Err(Fault::new(Exit::NotFound, text).advise("make it with `byleave organizations invite`"));
                }
                _ => {
                    let text = format!("{name}: several organizations are called `{}`", cluster.organization);
                    return Err(Fault::usage(text).advise("give the id"));
                }
            };
        }
    }
    Ok(InventoryRequest { clusters, prune: wanted.prune })
}

fn describe(plan: &InventoryPlan, tense: &str) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        text.push_str(&line(change));
    }
    if plan.changes.is_empty() {
        text.push_str("nothing to change\n");
    }
    for kept in &plan.kept {
        text.push_str(&format!("= kept, though the file does not name it: {kept} (--prune removes it)\n"));
    }
    match (plan.changes.len(), tense) {
        (0, _) => {}
        (count, "done") => text.push_str(&format!("{count} changes applied; the customers see them\n")),
        (count, _) => {
            text.push_str(&format!("{count} changes; apply them with `byleave inventory apply`"));
            let exactly = plan.etag.as_ref().map(|tag| format!(", or these and no others with `--etag {tag}`"));
            text.push_str(&exactly.unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

/// A change in one line: `+`, `-` or `~`, what, and its fields.
fn line(change: &InventoryChange) -> String {
    let mark = match change.event.rsplit('.').next() {
        Some("added") => '+',
        Some("removed") => '-',
        _ => '~',
    };
    let what = change.event.split('.').next().unwrap_or_default().replace('_', " ");
    let plain = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some(format!("{name}={text}")),
        Value::Null => None,
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(format!("{name}={value}")),
    };
    let fields: Vec<String> = change.data.iter().filter_map(plain).collect();
    format!("{mark} {what} {}\n", fields.join(" "))
}

fn show(inventory: &Inventory) -> String {
    let check = |host: &str| inventory.nodes.iter().find(|node| node.host == host).map_or("none", |node| &node.check);
    let rows = inventory.clusters.iter().flat_map(|cluster| {
        cluster.nodes.iter().map(|node| {
            let logs = node.logs.len().to_string();
            let (organization, name) = (cluster.organization.clone(), cluster.name.clone());
            vec![organization, name, node.host.clone(), node.address.clone(), logs, check(&node.host).to_owned()]
        })
    });
    let nodes = table(&["organization", "cluster", "node", "address", "logs", "check"], rows.collect(), "no nodes");
    let is_empty = |project: &&InventoryProject| {
        let of = |cluster: &InventoryCluster| {
            cluster.organization == project.organization && cluster.project == project.name
        };
        !inventory.clusters.iter().any(of)
    };
    let line =
        |project: &InventoryProject| format!("no cluster in project `{}` of {}\n", project.name, project.organization);
    let empty: Vec<String> = inventory.projects.iter().filter(is_empty).map(line).collect();
    if empty.is_empty() { nodes } else { format!("{}\n{}", nodes.trim_end(), empty.concat()) }
}

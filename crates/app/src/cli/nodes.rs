//! `byleave nodes`: the verdicts on the hosts of clusters. What is tried is in `byleave node check`, run by the server
//! through the gateway; where support is blocked, a node without a passing verdict takes no infrastructure session.

use anyhow::Context;
use byleave_api::byleave::{Cluster, Done, Node, NodeReport, NodeSetup, RiskRequest};
use clap::Subcommand;

use super::Caller;
use super::clusters;
use super::fault::{Exit, Fault, Outcome};
use super::output::table;
use super::sign_in::segment;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the nodes and their verdicts
    #[command(after_help = "Example:\n  byleave nodes list")]
    List,
    /// Have the server try a node through the gateway, and record the verdict (administrator)
    #[command(
        after_help = "Example:\n  byleave nodes check shop-0.example.net --org 'Harbour Books' --data /var/lib/byleave\n\n\
        Exit code 1 if something stands open that must be closed."
    )]
    Check {
        /// The node's host name or id
        node: String,
    },
    /// Print the facts that `byleave node setup --from` takes on the node (administrator)
    #[command(after_help = "Example:\n  byleave nodes setup shop-0.example.net --data /var/lib/byleave > node.json")]
    Setup {
        /// The node's host name or id
        node: String,
    },
    /// Let sessions onto a node without a passing verdict, until its inventory changes (owner)
    #[command(
        after_help = "Example:\n  byleave nodes accept-risk shop-0.example.net --reason 'no nftables on this kernel'"
    )]
    AcceptRisk {
        /// The node's host name or id
        node: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::List => list(caller).await,
        Command::Check { node } => check(caller, &node).await,
        Command::Setup { node } => {
            let path = format!("/nodes/{}/setup", segment(&find(caller, &node).await?)?);
            let facts: NodeSetup = caller.client.get(&path).await?;
            let text = serde_json::to_string_pretty(&facts).context("cannot write JSON")?;
            caller.output.print(&facts, |_| text)
        }
        Command::AcceptRisk { node, reason } => {
            let found = find(caller, &node).await?;
            let path = format!("/nodes/{}:acceptRisk", segment(&found)?);
            let done: Done = caller.client.post(&path, &RiskRequest { reason }).await?;
            caller.take(&done.anchors);
            caller.output.print(&done, |_| {
                format!("`{node}` takes infrastructure sessions without a passing check, until its inventory changes")
            })
        }
    }
}

async fn list(caller: &Caller) -> Outcome<()> {
    let clusters = caller.clusters().await?;
    let nodes: Vec<(&Cluster, &Node)> =
        clusters.iter().flat_map(|cluster| cluster.nodes.iter().map(move |node| (cluster, node))).collect();
    let answer: Vec<&Node> = nodes.iter().map(|(_, node)| *node).collect();
    caller.output.list(answer, |_| {
        let rows = nodes.iter().map(|(cluster, node)| {
            vec![node.host.clone(), cluster.name.clone(), node.address.clone(), node.check.clone(), node.id.clone()]
        });
        let notes = clusters.iter().filter_map(clusters::unchecked).map(|note| format!("{note}\n"));
        let table = table(&["node", "cluster", "address", "check", "id"], rows.collect(), "no nodes");
        format!("{table}{}", notes.collect::<String>())
    })
}

async fn check(caller: &Caller, node: &str) -> Outcome<()> {
    let path = format!("/nodes/{}:check", segment(&find(caller, node).await?)?);
    let report: NodeReport = caller.client.act(&path).await?;
    caller.take(&report.anchors);
    caller.output.print(&report, |report| {
        let lines = report
            .lines
            .iter()
            .map(|line| format!("{}  {}: {}\n", if line.passed { "closed" } else { "OPEN  " }, line.name, line.text));
        lines.collect()
    })?;
    match report.passed {
        true => Ok(()),
        false => Err(Fault::new(Exit::Failure, format!("`{node}` did not pass"))
            .advise("close what is open (`byleave node setup` on the node), and check again")),
    }
}

/// The id of a node: as given, or looked up by host name, by the administrator in the whole inventory.
async fn find(caller: &Caller, node: &str) -> Outcome<String> {
    if node.parse::<byleave_core::id::NodeId>().is_ok() {
        return Ok(node.to_owned());
    }
    let found = if caller.client.is_administrator() {
        let inventory: byleave_api::byleave::Inventory = caller.client.get("/inventory").await?;
        inventory.nodes.into_iter().find(|known| known.host == node).map(|known| known.id)
    } else {
        let clusters = caller.clusters().await?;
        clusters.into_iter().flat_map(|cluster| cluster.nodes).find(|known| known.host == node).map(|known| known.id)
    };
    found.ok_or_else(|| {
        Fault::new(Exit::NotFound, format!("there is no node `{node}`")).advise("list them with `byleave nodes list`")
    })
}

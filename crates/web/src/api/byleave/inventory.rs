//! The inventory, planned and applied by the administrator. It cannot widen a consent; the rules are in the core.

use axum::response::Response;
use byleave_api::byleave as api;
use byleave_api::error::ErrorCode;
use byleave_core::inventory::{
    Inventory, LogKind, Node, Plan, Prune, WantedCluster, WantedLog, WantedNode, WantedSource,
};
use byleave_core::name::{Address, PublicKey, SyncServers};
use byleave_core::policy::{Action, Resource};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::show::{self, parse};

/// Shows it.
pub(super) async fn get(caller: Caller) -> Result<Response, Failure> {
    caller.may(Action::ReadInstallation, Resource::Installation)?;
    let inventory = caller.ask(caller.app.store.inventory(&caller.actor)).await?;
    caller.ok(&show_inventory(&inventory))
}

/// Says what an apply would do.
pub(super) async fn plan(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ApplyInventory, Resource::Installation)?;
    let (wanted, prune) = read(&body.json(&caller.app).await?)?;
    let (plan, tag) = caller.ask(caller.app.store.plan_inventory(&caller.actor, &wanted, prune)).await?;
    let plan = api::InventoryPlan { etag: Some(tag.as_str().to_owned()), ..show_plan(plan, Vec::new()) };
    caller.with_tag(&tag, &plan)
}

/// Does it.
pub(super) async fn apply(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ApplyInventory, Resource::Installation)?;
    let (wanted, prune) = read(&body.json(&caller.app).await?)?;
    let store = &caller.app.store;
    let written = caller.ask(store.apply_inventory(&caller.actor, &caller.now, &wanted, prune)).await?;
    caller.ok(&show_plan(written.value, show::anchors(written.anchors)))
}

/// Sets what the gateway signs in to the databases of a cluster with. It is never shown.
pub(super) async fn set_sync_credential(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ApplyInventory, Resource::Installation)?;
    let body: api::SyncCredentialRequest = body.json(&caller.app).await?;
    let host = parse("host", &body.host)?;
    let credential = show::sync_credential("credential.", body.credential)?;
    let store = &caller.app.store;
    let written = caller.ask(store.set_sync_credential(&caller.actor, &caller.now, host, credential)).await?;
    caller.ok(&api::Done { anchors: show::anchors(written.anchors) })
}

fn read(request: &api::InventoryRequest) -> Result<(Vec<WantedCluster>, Prune), Failure> {
    let cluster = |(index, cluster)| read_cluster(&format!("clusters[{index}]"), cluster);
    let wanted = request.clusters.iter().enumerate().map(cluster).collect::<Result<_, _>>()?;
    Ok((wanted, if request.prune { Prune::Remove } else { Prune::Keep }))
}

fn read_cluster(field: &str, cluster: &api::InventoryCluster) -> Result<WantedCluster, Failure> {
    let node = |(index, node)| read_node(&format!("{field}.nodes[{index}]"), node);
    let database = |(index, text): (usize, &String)| parse(&format!("{field}.syncDatabases[{index}]"), text);
    Ok(WantedCluster {
        organization: parse(&format!("{field}.organization"), &cluster.organization)?,
        project: parse(&format!("{field}.project"), &cluster.project)?,
        name: parse(&format!("{field}.name"), &cluster.name)?,
        host: parse(&format!("{field}.host"), &cluster.host)?,
        sync_databases: cluster.sync_databases.iter().enumerate().map(database).collect::<Result<_, _>>()?,
        sync_source: read_source(field, cluster)?,
        nodes: cluster.nodes.iter().enumerate().map(node).collect::<Result<_, _>>()?,
    })
}

/// Servers without their certificates, or the reverse, are half a source.
fn read_source(field: &str, cluster: &api::InventoryCluster) -> Result<Option<WantedSource>, Failure> {
    let refused =
        |name: &str, rule: String| Err(Failure::field(ErrorCode::ValidationError, format!("{field}.{name}"), rule));
    match (cluster.sync_servers.as_slice(), &cluster.sync_ca, &cluster.sync_member) {
        ([], None, None) => Ok(None),
        ([], Some(_), _) => refused("syncServers", "must name the servers that `syncCa` vouches for".to_owned()),
        ([], None, Some(_)) => refused("syncServers", "must name the servers of which `syncMember` is one".to_owned()),
        ([_, ..], None, _) => refused("syncCa", "must hold the certificates that vouch for `syncServers`".to_owned()),
        (servers, Some(ca), member) => {
            let address = |(index, text): (usize, &String)| parse(&format!("{field}.syncServers[{index}]"), text);
            let addresses: Vec<Address> = servers.iter().enumerate().map(address).collect::<Result<_, _>>()?;
            let servers = match SyncServers::from_addresses(&addresses) {
                Ok(servers) => servers,
                Err(rule) => return refused("syncServers", rule.to_string()),
            };
            let ca = parse(&format!("{field}.syncCa"), ca)?;
            let member = member.as_ref().map(|text| parse(&format!("{field}.syncMember"), text)).transpose()?;
            match member {
                Some(member) if !servers.holds(&member) => {
                    refused("syncMember", format!("must be one of `syncServers`, not `{member}`"))
                }
                member => Ok(Some(WantedSource { servers, member, ca })),
            }
        }
    }
}

fn read_node(field: &str, node: &api::InventoryNode) -> Result<WantedNode, Failure> {
    let log = |(index, log)| read_log(&format!("{field}.logs[{index}]"), log);
    let host_key = PublicKey::from_line(&node.host_key)
        .map_err(|error| Failure::field(ErrorCode::ValidationError, format!("{field}.hostKey"), error.to_string()))?;
    Ok(WantedNode {
        host: parse(&format!("{field}.host"), &node.host)?,
        address: parse(&format!("{field}.address"), &node.address)?,
        host_key,
        logs: node.logs.iter().enumerate().map(log).collect::<Result<_, _>>()?,
    })
}

fn read_log(field: &str, log: &api::Log) -> Result<WantedLog, Failure> {
    let kind = LogKind::ALL.iter().copied().find(|kind| kind.as_str() == log.kind).ok_or_else(|| {
        Failure::field(ErrorCode::InvalidEnumValue, format!("{field}.kind"), "must be database, audit or other")
    })?;
    Ok(WantedLog {
        name: parse(&format!("{field}.name"), &log.name)?,
        kind,
        path: parse(&format!("{field}.path"), &log.path)?,
    })
}

fn show_plan(plan: Plan, anchors: Vec<api::Anchor>) -> api::InventoryPlan {
    let changes = plan.events.into_iter().map(|(organization, event)| api::InventoryChange {
        org_id: organization.to_string(),
        event: event.name().to_owned(),
        data: show::data(event.fields()),
    });
    api::InventoryPlan { changes: changes.collect(), kept: plan.kept, etag: None, anchors }
}

fn show_inventory(inventory: &Inventory) -> api::Inventory {
    let present = || inventory.clusters.iter().filter(|cluster| !cluster.removed);
    let nodes = |nodes: &[Node]| nodes.iter().filter(|node| !node.removed).cloned().collect::<Vec<_>>();
    let project = |id| inventory.projects.iter().find(|project| project.id == id);
    let clusters = present().map(|cluster| api::InventoryCluster {
        organization: cluster.organization.to_string(),
        project: project(cluster.project).map(|project| project.name.to_string()).unwrap_or_default(),
        name: cluster.name.to_string(),
        host: cluster.host.to_string(),
        sync_databases: cluster.sync_databases.iter().map(|(database, _)| database.to_string()).collect(),
        sync_servers: cluster
            .sync_source
            .iter()
            .flat_map(|source| source.servers.addresses())
            .map(|a| a.to_string())
            .collect(),
        sync_member: cluster.sync_source.as_ref().and_then(|source| source.member.as_ref()).map(ToString::to_string),
        sync_ca: cluster.sync_source.as_ref().map(|source| source.ca.to_string()),
        nodes: nodes(&cluster.nodes).iter().map(show_node).collect(),
    });
    let ids = present().flat_map(|cluster| nodes(&cluster.nodes)).map(|node| api::InventoryNodeId {
        id: node.id.to_string(),
        host: node.host.to_string(),
        check: show::check(&node).to_owned(),
    });
    let projects = inventory.projects.iter().map(|project| api::InventoryProject {
        organization: project.organization.to_string(),
        name: project.name.to_string(),
    });
    api::Inventory { projects: projects.collect(), clusters: clusters.collect(), nodes: ids.collect() }
}

fn show_node(node: &Node) -> api::InventoryNode {
    api::InventoryNode {
        host: node.host.to_string(),
        address: node.address.to_string(),
        host_key: node.host_key.to_string(),
        logs: show::logs(node),
    }
}

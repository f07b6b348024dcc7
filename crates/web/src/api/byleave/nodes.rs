//! Nodes: the administrator has one tried, an owner may accept the risk of one that is not checked.

use axum::response::Response;
use byleave_api::byleave::{Done, NodeReport, NodeReportLine, NodeSetup, RiskRequest};
use byleave_core::id::NodeId;
use byleave_core::policy::{Action, Resource};
use byleave_store::cluster;

use crate::api::caller::Caller;
use crate::api::error::{Failure, internal};
use crate::api::json::Raw;
use crate::api::path::{IdPath, IdVerbPath};
use crate::api::show::{self, parse_if_any};
use crate::door;

/// Does what the verb says.
pub(super) async fn post(caller: Caller, path: IdVerbPath<NodeId>, body: Raw) -> Result<Response, Failure> {
    match path.verb.as_str() {
        "check" => check(&caller, path.id).await,
        "acceptRisk" => accept_risk(&caller, path.id, body).await,
        _ => Err(caller.nothing_here()),
    }
}

/// Shows what `byleave node setup` prepares a node from.
pub(super) async fn setup(caller: Caller, IdPath(id): IdPath<NodeId>) -> Result<Response, Failure> {
    caller.may(Action::CheckNode, Resource::Installation)?;
    let facts = caller.ask(caller.app.store.check_facts(&caller.actor, id)).await?;
    let settings = &caller.app.nodes;
    caller.ok(&NodeSetup {
        ca: facts.ca_public.to_string(),
        node_id: id.to_string(),
        gateways: settings.gateways.clone(),
        helper: settings.helper.clone(),
        logs: facts.node.logs.iter().map(|log| log.path.to_string()).collect(),
        sync_databases: facts.sync_databases.iter().map(ToString::to_string).collect(),
    })
}

async fn check(caller: &Caller, id: NodeId) -> Result<Response, Failure> {
    let node = caller.ask(caller.app.store.node(&caller.actor, id)).await?;
    caller.may(Action::CheckNode, Resource::Project(node.organization, node.project))?;
    let found = caller.app.door.check_node(id).await?;
    let mut report = show_report(id, found);
    let stored = cluster::NodeReport {
        passed: report.passed,
        findings: i64::try_from(report.lines.iter().filter(|line| !line.passed).count()).unwrap_or(i64::MAX),
        report: serde_json::to_string(&report.lines).map_err(|_| internal())?,
    };
    // The check took a while: the time to record is that of its end.
    let now = caller.app.read_clock();
    let written =
        caller.ask(caller.app.store.record_node_check(&caller.actor, &now, id, node.node.since, stored)).await?;
    report.anchors = show::anchors(written.anchors);
    caller.ok(&report)
}

async fn accept_risk(caller: &Caller, id: NodeId, body: Raw) -> Result<Response, Failure> {
    let node = caller.ask(caller.app.store.node(&caller.actor, id)).await?;
    caller.may(Action::AcceptNodeRisk, Resource::Project(node.organization, node.project))?;
    let body: RiskRequest = body.json_if_any(&caller.app).await?;
    let reason = parse_if_any("reason", body.reason.as_deref())?;
    let store = &caller.app.store;
    let written = caller.ask(store.accept_node_risk(&caller.actor, &caller.now, id, reason)).await?;
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

fn show_report(id: NodeId, report: door::NodeReport) -> NodeReport {
    let line = |line: door::NodeReportLine| NodeReportLine { name: line.name, passed: line.passed, text: line.text };
    NodeReport {
        node_id: id.to_string(),
        passed: report.passed,
        lines: report.lines.into_iter().map(line).collect(),
        anchors: Vec::new(),
    }
}

//! One cluster: what is granted, who is in, its nodes with their checks and logs, what happened, and past grants.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use byleave_core::actor::By;
use byleave_core::grant::{GrantStatus, GrantType};
use byleave_core::inventory::{Node, NodeCheck};
use byleave_core::name::Reason;
use byleave_core::policy::Action;
use byleave_core::time::Timestamp;
use byleave_store::cluster::{ClusterRow, NodeRow};
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::grant::GrantRow;
use byleave_store::request::HandedBack;
use maud::{Markup, html};

use super::activity::feed;
use super::clusters::{chip, clock, live, not_blocked};
use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::grant::{ClusterPath, databases, find};
use super::icon::{Icon, icon};
use super::layout::Tab;
use super::menu::menu;
use super::path;
use super::problem::{Answer, Problem};
use super::requests::{panel, waiting};
use super::sessions::live_table;
use super::visitor::{Visitor, done};
use super::when::full;
use super::wording::count;
use crate::app::App;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, Path(at): Path<ClusterPath>, visitor: Visitor) -> Answer {
    let row = find(&app, &visitor, &at).await?;
    let (project, name, id) = (row.cluster.project, &row.cluster.name, row.cluster.id);
    let mut live = live(&app, &visitor).await?;
    live.retain(|session| session.cluster == id);
    let mut checks = app.store.node_checks(visitor.actor(), visitor.org()).await?;
    checks.retain(|check| check.cluster == id);
    let grants = app.store.grants(visitor.actor(), project, Some(name), 10).await?;
    let mut requests = waiting(&app, &visitor).await?;
    requests.retain(|request| request.request.cluster == id);
    let handed_back = match &row.grant {
        Some(grant) => app.store.handed_back(visitor.actor(), project, grant.id).await?,
        None => Vec::new(),
    };
    let query = EventQuery { clusters: Some(vec![id]), per_page: 15, ..EventQuery::newest(EventsOf::Project(project)) };
    let events = app.store.events(visitor.actor(), query).await?;
    let content = html! {
        div.head #head data-live {
            div {
                p.crumbs { a href=(path::CLUSTERS) { "Clusters" } " / " (row.project_name) }
                h1 { (name) }
                p { code { (row.cluster.host) } " · inventory revision " (row.cluster.revision) }
            }
            (menu(&app.vendor, &visitor, &row))
        }
        (panel(&app.vendor, &visitor, &requests))
        section.panel #state data-live aria-label="Support access" {
            (handed(&visitor, &row, &handed_back))
            (state(&visitor, &row, &grants))
        }
        section.panel #live data-live { header { h2 { "Live sessions" } } (live_table(&visitor, &live)) }
        section.panel #nodes data-live { header { h2 { "Nodes" } } (nodes(&visitor, &row, &checks)) }
        section.panel #feed data-live { header { h2 { "Activity" } } (feed(&app.vendor, &events.rows, visitor.at())) }
        section.panel #grants data-live { header { h2 { "Grants" } } (history(&grants, visitor.at())) }
    };
    visitor.page(&app, Tab::Clusters, name.as_str(), content).await
}

/// That support needs the grant no longer, with the button that revokes it. Only the customer ends it.
fn handed(visitor: &Visitor, row: &ClusterRow, handed_back: &[HandedBack]) -> Markup {
    html! {
        @if !handed_back.is_empty() {
            div.notice #handed-back role="status" {
                (icon(Icon::Check))
                div {
                    strong { "Support handed back" }
                    @for back in handed_back {
                        p { code { (back.identifier) } " needs this grant no longer, since " (full(back.at)) "." }
                    }
                    @if visitor.may_in(Action::Revoke, row.cluster.project) {
                        form.inline method="post" action=(path::revoke(row.cluster.project, &row.cluster.name)) {
                            button.button.low.ends #revoke-handed-back type="submit" { "Revoke access" }
                        }
                    }
                }
            }
        }
    }
}

fn state(visitor: &Visitor, row: &ClusterRow, grants: &[GrantRow]) -> Markup {
    html! {
        div.body {
            @if let Some(grant) = &row.grant {
                div.standing-row {
                    dl.facts {
                        dt { "Support access" } dd { (chip(row)) }
                        dt { "What" } dd { (grant.kind.label()) }
                        dt { "Granted" } dd {
                            (full(grant.granted_at))
                            @if let Some(row) = grants.iter().find(|row| row.grant.id == grant.id) { " by " (granter(row)) }
                        }
                        @if let Some(case) = &grant.case { dt { "Case" } dd { (case) } }
                        @if let Some(reason) = &grant.reason { dt { "Reason" } dd { (reason) } }
                        @if grant.kind == GrantType::InfrastructureAndSyncData {
                            dt { "Databases" } dd { (databases(&row.cluster)) }
                        }
                        dt { "Covers" } dd { "the inventory up to revision " (grant.inventory_revision) }
                    }
                    div.clock {
                        (clock(row.cluster.id, grant, visitor.at()))
                        @if visitor.may_in(Action::Revoke, row.cluster.project) {
                            a.button.ends #revoke-here data-dialog
                                href=(path::revoke(row.cluster.project, &row.cluster.name)) { "Revoke access…" }
                        }
                    }
                }
                (not_blocked(row))
            } @else if row.blocked {
                p { (chip(row)) }
                p.quiet { "Support is blocked in this organization, and no grant is in force for this cluster." }
            } @else {
                p { (chip(row)) }
                p.quiet { "Support is not blocked in this organization and may come in at any time, for 8 hours at most." }
            }
        }
    }
}

fn nodes(visitor: &Visitor, row: &ClusterRow, checks: &[NodeRow]) -> Markup {
    let present: Vec<&Node> = row.cluster.nodes.iter().filter(|node| !node.removed).collect();
    html! {
        @if present.is_empty() {
            div.empty { (icon(Icon::Server)) p { "This cluster has no nodes in the inventory." } }
        } @else {
            @if row.blocked && present.iter().any(|node| !is_checked(node)) {
                div.notice {
                    (icon(Icon::Alert))
                    p { "While support is blocked, a node without a passing check cannot be entered, whatever you grant: only "
                        "its logs open. The vendor’s administrator has it checked, or an owner accepts the risk." }
                }
            }
            div.scroll { table {
                thead { tr { th { "Node" } th { "Check" } th { "Logs" } th { "" } } }
                tbody { @for node in present {
                    @let report = checks.iter().find(|check| check.node.id == node.id);
                    (node_row(visitor, row, node, report))
                } }
            } }
        }
    }
}

fn node_row(visitor: &Visitor, row: &ClusterRow, node: &Node, report: Option<&NodeRow>) -> Markup {
    let open = is_checked(node);
    html! {
        tr {
            td data-label="Node" { code { (node.host) } br; span.small.quiet { (node.address) } }
            td data-label="Check" { (check(node)) (report_line(report)) }
            td data-label="Logs" { @for log in &node.logs { code { (log.name) } span.small.quiet { " " (log.kind.as_str()) " log" } br; } }
            td.end {
                @if !open && visitor.may(Action::AcceptNodeRisk) {
                    a.button.low #(format!("risk-{}", node.id)) data-dialog
                        href=(path::accept_risk(row.cluster.project, &row.cluster.name, node.id)) { "Accept risk…" }
                }
            }
        }
    }
}

/// Whether a blocked organization lets sessions in to this node.
fn is_checked(node: &Node) -> bool {
    match node.check {
        NodeCheck::Passed { revision } | NodeCheck::RiskAccepted { revision } => revision >= node.since,
        NodeCheck::Failed | NodeCheck::None => false,
    }
}

fn check(node: &Node) -> Markup {
    match node.check {
        NodeCheck::Passed { .. } if is_checked(node) => html! { span.chip.closed { (icon(Icon::Check)) "Passed" } },
        NodeCheck::RiskAccepted { .. } if is_checked(node) => {
            html! { span.chip.open { (icon(Icon::Alert)) "Risk accepted" } }
        }
        NodeCheck::Passed { .. } | NodeCheck::RiskAccepted { .. } => {
            html! { span.chip.bad { (icon(Icon::Alert)) "Changed since" } }
        }
        NodeCheck::Failed => html! { span.chip.bad { (icon(Icon::Cross)) "Failed" } },
        NodeCheck::None => html! { span.chip { (icon(Icon::Info)) "Not checked" } },
    }
}

fn report_line(report: Option<&NodeRow>) -> Markup {
    html! {
        @if let Some((at, report)) = report.and_then(|row| row.report.as_ref()) {
            br;
            span.small.quiet {
                "checked " (full(*at))
                @if report.findings > 0 { ", " (count(report.findings, "finding")) }
            }
        }
    }
}

fn history(grants: &[GrantRow], now: Timestamp) -> Markup {
    html! {
        @if grants.is_empty() {
            div.empty { p { "Nothing has been granted for this cluster yet." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Given" } th { "By" } th { "What" } th { "Ended" } } }
                tbody { @for row in grants { tr {
                    td data-label="Given" { (full(row.grant.granted_at)) }
                    td data-label="By" { (granter(row)) }
                    td data-label="What" {
                        (row.grant.kind.label())
                        @if let Some(case) = &row.grant.case { br; span.small.quiet { "case " (case) } }
                    }
                    td data-label="Ended" { (status(row.grant.status(now))) }
                } } }
            } }
        }
    }
}

/// Who gave a grant.
fn granter(row: &GrantRow) -> Markup {
    match (&row.grant.granted_by, &row.granted_by_name) {
        (By::Administrator | By::Employee(_) | By::System, _) => html! { "nobody of your organization" },
        (By::ApiKey(_), Some(key)) => html! { "the API key " code { (key) } },
        (By::ApiKey(_), None) => html! { "an API key" },
        (By::ServiceAccount(_), Some(name)) => html! { "the service account " (name) },
        (By::ServiceAccount(_), None) => html! { "a service account" },
        (By::User(_), Some(name)) => html! { (name) },
        (By::User(_), None) => html! { "a removed user" },
    }
}

fn status(status: GrantStatus) -> Markup {
    match status {
        GrantStatus::Active { until } => html! { span.chip.open { "In force" } " until " (full(until)) },
        GrantStatus::Ended { at, reason } => html! { (super::problem::capital(reason.as_str())) ", " (full(at)) },
        GrantStatus::Expired { at } => html! { "Expired, " (full(at)) },
    }
}

/// A node in an address.
pub(super) type NodePath = (String, String, String);

/// The dialogue that accepts a node's risk.
pub(super) async fn show_risk(State(app): State<Arc<App>>, Path(at): Path<NodePath>, visitor: Visitor) -> Answer {
    let (row, node) = risky(&app, &visitor, at).await?;
    Ok(risk_dialogue(&visitor, &row, &node, &Typed::default(), &Faults::default()))
}

/// Accepts a node's risk.
pub(super) async fn accept_risk(
    State(app): State<Arc<App>>,
    Path(at): Path<NodePath>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let (row, node) = risky(&app, &visitor, at).await?;
    let mut faults = Faults::default();
    let reason = faults.take_optional::<Reason>("reason", "The reason", &typed.text("reason"));
    if !faults.is_empty() {
        return Ok(risk_dialogue(&visitor, &row, &node, &typed, &faults));
    }
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(risk_dialogue(&visitor, &row, &node, &typed, &faults));
    }
    let written = app.store.accept_node_risk(visitor.actor(), &app.read_clock(), node.id, reason).await?;
    Ok(done(&path::cluster(row.cluster.project, &row.cluster.name), &written.anchors))
}

async fn risky(app: &App, visitor: &Visitor, (project, name, node): NodePath) -> Result<(ClusterRow, Node), Problem> {
    let row = find(app, visitor, &(project, name)).await?;
    visitor.must(Action::AcceptNodeRisk)?;
    let id = node.parse().map_err(|_| Problem::NotFound)?;
    let node = row.cluster.node(id).cloned().ok_or(Problem::NotFound)?;
    Ok((row, node))
}

fn risk_dialogue(visitor: &Visitor, row: &ClusterRow, node: &Node, typed: &Typed, faults: &Faults) -> Response {
    let (project, name) = (row.cluster.project, &row.cluster.name);
    let act = Act {
        tab: Tab::Clusters,
        title: "Accept the risk of this node",
        to: &path::accept_risk(project, name, node.id),
        back: &path::cluster(project, name),
        button: Button::Danger("Accept Risk"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "Node " code { (node.host) } " of " strong { (name) } " " (check(node)) }
        div.notice.warn {
            (icon(Icon::Alert))
            div { p { "Nothing has shown that support’s account on this node is walled off from the database. If you "
                "accept that, a grant lets support in to this node all the same, until the node changes in the "
                "inventory." } }
        }
        (Field { name: "reason", label: "Reason", hint: None, optional: true }.area(typed, faults, 500))
    };
    visitor.ask(&act, faults, fields)
}

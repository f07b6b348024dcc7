//! The list of clusters: which are closed to support, which are open, why, and for how long. Where a visitor arrives.

use std::sync::Arc;

use axum::extract::State;
use byleave_core::grant::{self, Grant};
use byleave_core::id::ClusterId;
use byleave_core::name::VendorName;
use byleave_core::policy::Action;
use byleave_core::time::Timestamp;
use byleave_store::cluster::ClusterRow;
use byleave_store::session::{SessionQuery, SessionRow, SessionsOf};
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::layout::Tab;
use super::menu::menu;
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::requests::{panel, waiting};
use super::sessions::pulse;
use super::visitor::Visitor;
use super::when::{bar, full, timer};
use super::wording::count;
use crate::app::App;

/// How many live sessions are read at most.
const LIVE: u32 = 500;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let mut rows = app.store.clusters_of_organization(visitor.actor(), &visitor.reading, visitor.org()).await?;
    rows.retain(|row| !row.cluster.removed);
    let live = live(&app, &visitor).await?;
    let requests = waiting(&app, &visitor).await?;
    let content = html! {
        div.head #head data-live { div { h1 { "Clusters" } p { (summary(&rows)) } } }
        (posture(&app.vendor, &visitor, &live))
        (panel(&app.vendor, &visitor, &requests))
        div #clusters data-live {
            @if rows.is_empty() { (empty(&app.vendor)) }
            @for group in rows.chunk_by(|a, b| a.cluster.project == b.cluster.project) {
                (project(&app.vendor, &visitor, group, &live))
            }
        }
    };
    visitor.page(&app, Tab::Clusters, "Clusters", content).await
}

/// The live sessions that the visitor can see.
pub(super) async fn live(app: &App, visitor: &Visitor) -> Result<Vec<SessionRow>, Problem> {
    let query = SessionQuery { of: SessionsOf::Organization(visitor.org()), live: true, limit: LIVE };
    Ok(app.store.sessions(visitor.actor(), query).await?)
}

fn summary(rows: &[ClusterRow]) -> String {
    let clusters = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let open = i64::try_from(rows.iter().filter(|row| row.grant.is_some()).count()).unwrap_or(i64::MAX);
    format!("{}, {} in force", count(clusters, "cluster"), count(open, "grant"))
}

/// What holds for the whole organization, in one line.
fn posture(vendor: &VendorName, visitor: &Visitor, live: &[SessionRow]) -> Markup {
    let blocked = visitor.organization.blocked;
    let (class, drawing) = if blocked { ("closed", Icon::Lock) } else { ("standing", Icon::Unlock) };
    html! {
        section.panel.posture #posture data-live aria-label="Support access to the organization" {
            span.mark.(class) { (icon(drawing)) }
            div {
                @if blocked {
                    h2 { (vendor) " support is blocked" }
                    p { "Support reaches a cluster’s infrastructure and logs only while you grant it." }
                } @else {
                    h2 { (vendor) " support has standing access" }
                    p { "Support may reach the infrastructure and logs of all clusters, never the databases. Every visit is "
                        "recorded." }
                }
            }
            @if !live.is_empty() { (sessions_link(live.len())) }
            @if !blocked && visitor.may(Action::Block) {
                a.button #posture-block href=(path::BLOCK) data-dialog { "Block support…" }
            }
        }
    }
}

fn empty(vendor: &VendorName) -> Markup {
    html! {
        section.panel {
            div.empty {
                (icon(Icon::Server))
                p { strong { "No clusters yet" } }
                p { "They appear here once " (vendor) " adds them to the inventory and you may see their project." }
            }
        }
    }
}

fn project(vendor: &VendorName, visitor: &Visitor, rows: &[ClusterRow], live: &[SessionRow]) -> Markup {
    html! {
        section.project {
            @if let Some(first) = rows.first() {
                h2 { (first.project_name) small { (count(i64::try_from(rows.len()).unwrap_or(0), "cluster")) } }
            }
            ul.panel {
                @for row in rows { (cluster(vendor, visitor, row, live)) }
            }
        }
    }
}

fn cluster(vendor: &VendorName, visitor: &Visitor, row: &ClusterRow, live: &[SessionRow]) -> Markup {
    let here = live.iter().filter(|session| session.cluster == row.cluster.id).count();
    html! {
        li.cluster.open[row.grant.is_some()] {
            div {
                a.name href=(path::cluster(row.cluster.project, &row.cluster.name)) { (row.cluster.name) }
                div.host { (row.cluster.host) }
            }
            div.what {
                (chip(row))
                @if let Some(grant) = &row.grant { div.small { (terms(grant)) } }
                @if row.grant.is_some() && !row.blocked { div.small { "Not blocked: open without the grant, too" } }
                @if here > 0 { (sessions_link(here)) }
            }
            div.clock {
                @if let Some(grant) = &row.grant { (clock(row.cluster.id, grant, visitor.at())) }
            }
            (menu(vendor, visitor, row))
        }
    }
}

/// That a grant and its end change little while support is not blocked.
pub(super) fn not_blocked(row: &ClusterRow) -> Markup {
    html! {
        @if !row.blocked {
            div.notice.warn {
                (icon(Icon::Unlock))
                div { p {
                    (sentence(&grant::not_blocked(row.cluster.name.as_str()))) " To close the door, block support in "
                    a href=(path::SETTINGS) { "Settings" } "."
                } }
            }
        }
    }
}

/// The running timer of a grant, the bar, and the absolute time.
pub(super) fn clock(cluster: ClusterId, grant: &Grant, now: Timestamp) -> Markup {
    html! {
        (timer(grant.expires_at, now))
        (bar(grant.granted_at, grant.expires_at, now))
        small #(format!("until-{cluster}")) { "until " (full(grant.expires_at)) }
    }
}

/// The state of a cluster in two words.
pub(super) fn chip(row: &ClusterRow) -> Markup {
    match (&row.grant, row.blocked) {
        (Some(_), _) => html! { span.chip.open { (icon(Icon::Unlock)) "Open to support" } },
        (None, true) => html! { span.chip.closed { (icon(Icon::Lock)) "Closed to support" } },
        (None, false) => html! { span.chip.standing { (icon(Icon::Unlock)) "Standing access" } },
    }
}

/// What a grant is for, and its case.
fn terms(grant: &Grant) -> Markup {
    html! {
        (grant.kind.label())
        @if let Some(case) = &grant.case { span.quiet { " · case " (case) } }
    }
}

/// `2 live sessions`, as a link to them.
fn sessions_link(number: usize) -> Markup {
    html! {
        a href=(path::SESSIONS) { (pulse(number)) }
    }
}

//! What support asks for: the panel of requests that wait, and the dialogues that approve and decline one.
//!
//! Approving is granting, never more than was asked, and needs a fresh sign-in; declining does not.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use byleave_core::grant::{GiveError, GrantType, grantable};
use byleave_core::id::RequestId;
use byleave_core::name::{Reason, VendorName};
use byleave_core::policy::Action;
use byleave_core::request::{Approval, ApproveError};
use byleave_store::StoreError;
use byleave_store::cluster::ClusterRow;
use byleave_store::error::Rule;
use byleave_store::request::{Answered, RequestRow, RequestsOf};
use maud::{Markup, html};

use super::clusters::not_blocked;
use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::grant::{choices, duration_hint, hours, replaces, take_duration};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::stale;
use super::sync_credential;
use super::visitor::{Visitor, done};
use super::when::full;
use crate::app::App;
use crate::door::{Scope, Supply};

/// The requests that wait, of what the visitor can see.
pub(super) async fn waiting(app: &App, visitor: &Visitor) -> Result<Vec<RequestRow>, Problem> {
    let of = RequestsOf::Organization(visitor.org());
    Ok(app.store.requests(visitor.actor(), &visitor.reading, of, Answered::Not).await?)
}

/// The panel of requests; nothing where nobody asks.
pub(super) fn panel(vendor: &VendorName, visitor: &Visitor, requests: &[RequestRow]) -> Markup {
    html! {
        section.panel #requests data-live aria-label="Access requests" hidden[requests.is_empty()] {
            @if !requests.is_empty() {
                header { h2 { (vendor) " support asks for access" } }
                div.scroll { table {
                    thead { tr { th { "Engineer" } th { "Cluster" } th { "Asks for" } th { "Why" } th { "" } } }
                    tbody { @for row in requests { (request(visitor, row)) } }
                } }
            }
        }
    }
}

fn request(visitor: &Visitor, row: &RequestRow) -> Markup {
    let (wish, id) = (&row.request.wish, row.request.id);
    html! {
        tr #(format!("request-{id}")) {
            td data-label="Engineer" { code { (row.request.asked_by) } br; span.small.quiet { "asked " (full(row.request.asked_at)) } }
            td data-label="Cluster" {
                a href=(path::cluster(row.project, &row.cluster_name)) { (row.cluster_name) }
                br; span.small.quiet { (row.project_name) }
            }
            td data-label="Asks for" { (wish.kind.label()) br; span.small.quiet { "for " (wish.ttl) } }
            td data-label="Why" {
                "“" (wish.reason) "”"
                @if let Some(case) = &wish.case { br; span.small.quiet { "case " (case) } }
            }
            td.end {
                @if visitor.may_in(Action::Grant, row.project) {
                    a.button.low #(format!("approve-{id}")) href=(path::approve(id)) data-dialog
                        aria-label=(format!("Approve the request of {}", row.request.asked_by)) { "Approve…" }
                    " "
                    a.button.low.ends #(format!("decline-{id}")) href=(path::decline(id)) data-dialog
                        aria-label=(format!("Decline the request of {}", row.request.asked_by)) { "Decline…" }
                }
                br; span.small.quiet { "until " (full(row.request.dies_at)) }
            }
        }
    }
}

/// A request that the visitor may answer, and its cluster.
async fn find(app: &App, visitor: &Visitor, id: &str, action: Action) -> Result<(RequestRow, ClusterRow), Problem> {
    let id: RequestId = id.parse().map_err(|_| Problem::NotFound)?;
    let row = app.store.request(visitor.actor(), id).await?;
    if !visitor.may_in(action, row.project) {
        return Err(Problem::Forbidden);
    }
    if !row.request.is_waiting(visitor.at()) {
        return Err(Problem::Stopped(sentence(&ApproveError::Over.to_string())));
    }
    let cluster = app.store.cluster(visitor.actor(), &visitor.reading, row.project, &row.cluster_name).await?;
    Ok((row, cluster))
}

/// What can be granted: all that lies within what is asked, and is there.
fn offered(row: &RequestRow, cluster: &ClusterRow) -> Vec<GrantType> {
    grantable(&cluster.cluster).rev().filter(|kind| kind.is_within(row.request.wish.kind)).collect()
}

/// The dialogue that approves.
pub(super) async fn show_approve(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let (row, cluster) = find(&app, &visitor, &id, Action::Grant).await?;
    let kind = offered(&row, &cluster).first().map(ToString::to_string).unwrap_or_default();
    let duration = hours(row.request.wish.ttl.min(cluster.longest));
    let tag = cluster.grant_tag().as_str().to_owned();
    let typed = Typed::with([("duration", duration), ("kind", kind), ("etag", tag)]);
    Ok(approve_dialogue(&app.vendor, &visitor, (&row, &cluster), &typed, &Faults::default(), Markup::default()))
}

/// Approves.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    mut typed: Typed,
) -> Answer {
    let (row, cluster) = find(&app, &visitor, &id, Action::Grant).await?;
    let again = |visitor: &Visitor, faults: &Faults| {
        approve_dialogue(&app.vendor, visitor, (&row, &cluster), &typed, faults, Markup::default())
    };
    let mut faults = Faults::default();
    let kind = faults.take::<GrantType>("kind", "The choice", typed.raw("kind"));
    let (asked, longest) = (row.request.wish.ttl, cluster.longest);
    let why =
        if asked <= longest { "which is what the request asks for" } else { "the longest your organization allows" };
    let ttl = take_duration(&typed, (asked.min(longest), why), &mut faults);
    let credential = sync_credential::take(&typed, kind, &mut faults);
    if !faults.is_empty() {
        return Ok(again(&visitor, &faults));
    }
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(again(&visitor, &faults));
    }
    let approval = Approval { kind, ttl };
    let now = app.read_clock();
    let (supply, store) = Supply::keep(app.door.as_ref(), &stale::expecting(&app.store, &typed), credential);
    let given = store.approve_request(visitor.actor(), &now, row.request.id, approval).await;
    match supply.settle(given) {
        Ok(written) => {
            app.door.unlatch(Scope::Cluster(row.request.cluster));
            Ok(done(&path::cluster(row.project, &row.cluster_name), &written.anchors))
        }
        Err(StoreError::Refused(rule)) => {
            let (field, label) = beside(&rule);
            Ok(again(&visitor, &Faults::one(field, sentence(&format!("{label}{rule}")))))
        }
        Err(StoreError::Stale) => {
            let (row, cluster) = find(&app, &visitor, &id, Action::Grant).await?;
            let meanwhile = stale::granted(&app, &visitor, &typed, &cluster).await?;
            typed.set("etag", cluster.grant_tag().as_str());
            let faults = stale::faults("");
            Ok(approve_dialogue(&app.vendor, &visitor, (&row, &cluster), &typed, &faults, meanwhile))
        }
        Err(error) => Err(error.into()),
    }
}

/// The field that a rule is about, and what a sentence about it begins with.
fn beside(rule: &Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::Approve(ApproveError::Longer { .. }) => ("duration", "the duration "),
        Rule::Approve(ApproveError::Wider { .. }) => ("kind", "the choice "),
        Rule::Give(GiveError::Duration(_)) => ("duration", ""),
        Rule::Give(GiveError::NoSyncData) => ("kind", ""),
        Rule::Approve(ApproveError::Over)
        | Rule::Give(GiveError::ClockDoubt)
        | Rule::Ask(_)
        | Rule::ForeignProject
        | Rule::Inventory(_)
        | Rule::NoRole
        | Rule::Recovery(_)
        | Rule::Secret(_)
        | Rule::TooManyNetworks => ("", ""),
    }
}

/// Who asks, for what, and why.
fn facts(row: &RequestRow) -> Markup {
    let wish = &row.request.wish;
    html! {
        p { code { (row.request.asked_by) } " asks for access to " strong { (row.cluster_name) } " of " (row.project_name) "." }
        dl.facts {
            dt { "Asks for" } dd { (wish.kind.label()) ", for " (wish.ttl) }
            @if let Some(case) = &wish.case { dt { "Case" } dd { (case) } }
            dt { "Why" } dd { "“" (wish.reason) "”" }
        }
    }
}

fn approve_dialogue(
    vendor: &VendorName,
    visitor: &Visitor,
    (row, cluster): (&RequestRow, &ClusterRow),
    typed: &Typed,
    faults: &Faults,
    meanwhile: Markup,
) -> Response {
    let title = format!("Approve Access for {vendor} Support");
    let act = Act {
        tab: Tab::Clusters,
        title: &title,
        to: &path::approve(row.request.id),
        back: path::CLUSTERS,
        button: Button::Primary("Grant Access"),
        asks: Asks::Password,
    };
    let most = row.request.wish.ttl.min(cluster.longest);
    let at_most = duration_hint(most);
    let duration = Field { name: "duration", label: "Duration", hint: Some(&at_most), optional: false };
    let offered = offered(row, cluster);
    let fields = html! {
        (stale::seen(typed)) (meanwhile)
        (facts(row))
        @if let Some(grant) = &cluster.grant { (replaces(grant)) }
        (choices(cluster, &offered, typed, faults))
        (not_blocked(cluster))
        @if offered.contains(&GrantType::InfrastructureAndSyncData) { (sync_credential::fields(faults)) }
        (duration.input("text", typed, faults, "off"))
    };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that declines.
pub(super) async fn show_decline(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let (row, _) = find(&app, &visitor, &id, Action::DeclineRequest).await?;
    Ok(decline_dialogue(&visitor, &row, &Typed::default(), &Faults::default()))
}

/// Declines.
pub(super) async fn decline(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    visitor: Visitor,
    typed: Typed,
) -> Answer {
    let (row, _) = find(&app, &visitor, &id, Action::DeclineRequest).await?;
    let mut faults = Faults::default();
    let reason = faults.take_optional::<Reason>("reason", "The reason", &typed.text("reason"));
    if !faults.is_empty() {
        return Ok(decline_dialogue(&visitor, &row, &typed, &faults));
    }
    let written = app.store.decline_request(visitor.actor(), &app.read_clock(), row.request.id, reason).await?;
    Ok(done(&path::cluster(row.project, &row.cluster_name), &written.anchors))
}

fn decline_dialogue(visitor: &Visitor, row: &RequestRow, typed: &Typed, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Clusters,
        title: "Decline the request",
        to: &path::decline(row.request.id),
        back: path::CLUSTERS,
        button: Button::Primary("Decline"),
        asks: Asks::Nothing,
    };
    let hint = Some("Whoever asked reads it.");
    let fields = html! {
        (facts(row))
        (Field { name: "reason", label: "Reason", hint, optional: true }.area(typed, faults, 500))
    };
    visitor.ask(&act, faults, fields)
}

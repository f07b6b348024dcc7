//! The dialogues that grant and revoke access to one cluster.
//!
//! Granting needs a fresh sign-in; revoking never does, and where it cannot be recorded the door is shut first.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use byleave_core::grant::{GiveError, Grant, GrantType, Request, grantable};
use byleave_core::id::ProjectId;
use byleave_core::inventory::Cluster;
use byleave_core::name::{CaseNumber, ClusterName, Reason, VendorName};
use byleave_core::policy::Action;
use byleave_core::time::{Ttl, TtlError};
use byleave_store::StoreError;
use byleave_store::cluster::ClusterRow;
use byleave_store::error::Rule;
use byleave_store::session::SessionRow;
use byleave_store::sync::SyncCredential;
use maud::{Markup, html};
use serde::Deserialize;

use super::clusters::{clock, live, not_blocked};
use super::form::{Act, Asks, Button, Faults, Field, Typed, fault};
use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::sessions::ending;
use super::stale;
use super::sync_credential;
use super::visitor::{Visitor, done};
use super::when::full;
use crate::api::shut::close;
use crate::app::App;
use crate::door::{Scope, Supply};

/// A cluster in an address.
pub(super) type ClusterPath = (String, String);

/// Which dialogue.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    sync: String,
}

/// The cluster that an address names, if the visitor may know of it.
pub(super) async fn find(app: &App, visitor: &Visitor, (project, name): &ClusterPath) -> Result<ClusterRow, Problem> {
    let project: ProjectId = project.parse().map_err(|_| Problem::NotFound)?;
    let name: ClusterName = name.parse().map_err(|_| Problem::NotFound)?;
    Ok(app.store.cluster(visitor.actor(), &visitor.reading, project, &name).await?)
}

/// The dialogue that grants.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(at): Path<ClusterPath>,
    Query(wanted): Query<Wanted>,
    visitor: Visitor,
) -> Answer {
    let row = allowed(&app, &visitor, &at).await?;
    let kind = if wanted.sync.is_empty() { GrantType::Infrastructure } else { GrantType::InfrastructureAndSyncData };
    let tag = row.grant_tag().as_str().to_owned();
    let typed = Typed::with([("duration", hours(row.longest)), ("kind", kind.to_string()), ("etag", tag)]);
    Ok(dialogue(&app.vendor, &visitor, &row, &typed, &Faults::default(), Markup::default()))
}

/// Grants.
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Path(at): Path<ClusterPath>,
    mut visitor: Visitor,
    mut typed: Typed,
) -> Answer {
    let row = allowed(&app, &visitor, &at).await?;
    let again =
        |visitor: &Visitor, faults: &Faults| dialogue(&app.vendor, visitor, &row, &typed, faults, Markup::default());
    let (request, credential) = match read(&typed, row.longest) {
        Ok(read) => read,
        Err(faults) => return Ok(again(&visitor, &faults)),
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(again(&visitor, &faults));
    }
    let (project, name) = (row.cluster.project, &row.cluster.name);
    let (supply, store) = Supply::keep(app.door.as_ref(), &stale::expecting(&app.store, &typed), credential);
    let given = store.give_grant(visitor.actor(), &app.read_clock(), project, name, request).await;
    match supply.settle(given) {
        Ok(written) => {
            app.door.unlatch(Scope::Cluster(row.cluster.id));
            Ok(done(path::CLUSTERS, &written.anchors))
        }
        Err(StoreError::Refused(Rule::Give(error))) => {
            let field = match error {
                GiveError::ClockDoubt => "",
                GiveError::Duration(_) => "duration",
                GiveError::NoSyncData => "kind",
            };
            Ok(again(&visitor, &Faults::one(field, sentence(&error.to_string()))))
        }
        Err(StoreError::Stale) => {
            let row = allowed(&app, &visitor, &at).await?;
            let meanwhile = stale::granted(&app, &visitor, &typed, &row).await?;
            typed.set("etag", row.grant_tag().as_str());
            Ok(dialogue(&app.vendor, &visitor, &row, &typed, &stale::faults(""), meanwhile))
        }
        Err(error) => Err(error.into()),
    }
}

/// The dialogue that revokes.
pub(super) async fn show_revoke(State(app): State<Arc<App>>, Path(at): Path<ClusterPath>, visitor: Visitor) -> Answer {
    let row = revocable(&app, &visitor, &at).await?;
    let mut ending = live(&app, &visitor).await?;
    let grant = row.grant.as_ref().map(|grant| byleave_core::access::Basis::Grant { id: grant.id });
    ending.retain(|session| Some(session.basis) == grant);
    let title = format!("Revoke Temporary Infrastructure Access to {} Support", app.vendor);
    let act = Act {
        tab: Tab::Clusters,
        title: &title,
        to: &path::revoke(row.cluster.project, &row.cluster.name),
        back: path::CLUSTERS,
        button: Button::Danger("Revoke Access"),
        asks: Asks::Nothing,
    };
    Ok(visitor.ask(&act, &Faults::default(), revoke_fields(&app.vendor, &visitor, &row, &ending)))
}

/// Revokes whatever is in force.
pub(super) async fn submit_revoke(
    State(app): State<Arc<App>>,
    Path(at): Path<ClusterPath>,
    visitor: Visitor,
) -> Answer {
    let row = revocable(&app, &visitor, &at).await?;
    let (store, actor, now) = (app.store.clone(), visitor.actor().clone(), visitor.reading.clone());
    let (project, name) = (row.cluster.project, row.cluster.name.clone());
    let act = async move { store.revoke_grant(&actor, &now, project, &name).await };
    let written = close(&app, Scope::Cluster(row.cluster.id), act).await?;
    Ok(done(path::CLUSTERS, &written.anchors))
}

async fn allowed(app: &App, visitor: &Visitor, at: &ClusterPath) -> Result<ClusterRow, Problem> {
    let row = find(app, visitor, at).await?;
    if visitor.may_in(Action::Grant, row.cluster.project) { Ok(row) } else { Err(Problem::Forbidden) }
}

async fn revocable(app: &App, visitor: &Visitor, at: &ClusterPath) -> Result<ClusterRow, Problem> {
    let row = find(app, visitor, at).await?;
    if visitor.may_in(Action::Revoke, row.cluster.project) { Ok(row) } else { Err(Problem::Forbidden) }
}

fn read(typed: &Typed, longest: Ttl) -> Result<(Request, Option<SyncCredential>), Faults> {
    let mut faults = Faults::default();
    let kind = faults.take::<GrantType>("kind", "The choice", typed.raw("kind"));
    let ttl = take_duration(typed, (longest, "the longest your organization allows"), &mut faults);
    let case = faults.take_optional::<CaseNumber>("case", "The case", &typed.text("case"));
    let reason = faults.take_optional::<Reason>("reason", "The reason", &typed.text("reason"));
    let credential = sync_credential::take(typed, kind, &mut faults);
    match kind {
        Some(kind) if faults.is_empty() => Ok((Request { kind, ttl, case, reason }, credential)),
        Some(_) | None => Err(faults),
    }
}

/// The duration that was typed, or notes what is wrong with it: the limit that is told is the one that holds here.
pub(super) fn take_duration(typed: &Typed, (most, why): (Ttl, &str), faults: &mut Faults) -> Option<Ttl> {
    match typed.text("duration").parse::<Ttl>() {
        Ok(ttl) if ttl <= most => return Some(ttl),
        Ok(_) | Err(TtlError::TooLong { .. }) => {
            faults.add("duration", format!("The duration must be at most {most}, {why}."));
        }
        Err(rule @ (TtlError::Malformed | TtlError::NotInFuture)) => {
            faults.add("duration", format!("The duration {rule}."));
        }
    }
    None
}

/// What the duration field takes: examples that are within the limit.
pub(super) fn duration_hint(most: Ttl) -> String {
    let shorter = |text: &&str| text.parse::<Ttl>().is_ok_and(|ttl| ttl < most);
    let shorter = ["90m", "1h30m", "45m", "5m"].into_iter().filter(shorter).map(str::to_owned);
    let examples: Vec<String> = std::iter::once(hours(most)).chain(shorter).take(3).collect();
    let examples = match examples.as_slice() {
        [begin @ .., last] if !begin.is_empty() => format!("{} or {last}", begin.join(", ")),
        all => all.concat(),
    };
    format!("Such as {examples}; at most {most}. Then it ends by itself.")
}

/// `24h`, as the duration field takes it.
pub(super) fn hours(ttl: Ttl) -> String {
    ttl.to_string().replace(' ', "")
}

/// `24 hours`, as the title says it.
fn hours_in_words(ttl: Ttl) -> String {
    match (ttl.millis() / 3_600_000, ttl.millis() % 3_600_000) {
        (1, 0) => "1 hour".to_owned(),
        (hours, 0) => format!("{hours} hours"),
        _ => ttl.to_string(),
    }
}

fn dialogue(
    vendor: &VendorName,
    visitor: &Visitor,
    row: &ClusterRow,
    typed: &Typed,
    faults: &Faults,
    meanwhile: Markup,
) -> Response {
    let offered = offered(row);
    let what = if offered.first() == Some(&GrantType::Infrastructure) { "Infrastructure" } else { "Sync Data" };
    let chosen = typed.text("duration").parse().ok().filter(|ttl| *ttl <= row.longest);
    let stem = format!("Grant {what} Access to {vendor} Support for ");
    let title = format!("{stem}{}", hours_in_words(chosen.unwrap_or(row.longest)));
    let (project, name) = (row.cluster.project, &row.cluster.name);
    let act = Act {
        tab: Tab::Clusters,
        title: &title,
        to: &path::grant(project, name, false),
        back: path::CLUSTERS,
        button: Button::Primary("Grant Access"),
        asks: Asks::Password,
    };
    let at_most = duration_hint(row.longest);
    let duration = Field { name: "duration", label: "Duration", hint: Some(&at_most), optional: false };
    let hint = Some("Your reference, for the feed.");
    let case = Field { name: "case", label: "Support case", hint, optional: true };
    let fields = html! {
        (stale::seen(typed)) (meanwhile)
        span data-title=(stem) hidden {}
        p { "Cluster " strong { (name) } " of " (row.project_name) }
        @if let Some(grant) = &row.grant { (replaces(grant)) }
        (choices(row, &offered, typed, faults))
        (not_blocked(row))
        @if row.cluster.has_sync_data() { (sync_credential::fields(faults)) }
        div.pair { (duration.input("text", typed, faults, "off")) (case.input("text", typed, faults, "off")) }
        (Field { name: "reason", label: "Reason", hint: None, optional: true }.area(typed, faults, 500))
    };
    visitor.ask(&act, faults, fields)
}

/// What granting does to the grant in force.
pub(super) fn replaces(grant: &Grant) -> Markup {
    html! {
        div.notice {
            (icon(Icon::Info))
            div { p {
                "This takes the place of the grant in force (" (grant.kind.label()) ", until " (full(grant.expires_at))
                "). Live sessions that the new grant does not cover end at once."
            } }
        }
    }
}

/// What can be granted to a cluster without a request, most likely first: infrastructure where that closes the door, sync
/// data where support may reach the rest anyway.
fn offered(row: &ClusterRow) -> Vec<GrantType> {
    let mut offered: Vec<GrantType> = grantable(&row.cluster).rev().collect();
    if row.blocked {
        offered.sort_by_key(|kind| *kind != GrantType::Infrastructure);
    }
    offered
}

/// The choice of what is granted, with what it means.
pub(super) fn choices(row: &ClusterRow, offered: &[GrantType], typed: &Typed, faults: &Faults) -> Markup {
    html! {
        fieldset #kind aria-describedby="kind-note" {
            legend { "What support may reach" }
            @for kind in offered {
                label.choice {
                    input type="radio" name="kind" value=(kind) required
                        checked[typed.raw("kind") == kind.as_str() || offered.len() == 1];
                    span { strong { (kind.label()) } span.small.quiet {
                        (opens(*kind))
                        @if *kind == GrantType::InfrastructureAndSyncData { " Here: " (databases(&row.cluster)) "." }
                    } }
                }
            }
            (fault("kind", faults))
        }
        div.notice.warn #kind-note {
            (icon(Icon::Alert))
            div { p {
                @if offered.contains(&GrantType::InfrastructureAndSyncData) {
                    "No database is ever open but those of sync, and only if you choose it here."
                } @else {
                    "The databases themselves are never open."
                }
                " But database logs can hold values from your queries, and so parts of your data."
            } p { "What you grant is open to every engineer of support, not to one person." } }
        }
    }
}

/// The databases of sync that the inventory names; a final `*` stands for all that begin so.
pub(super) fn databases(cluster: &Cluster) -> Markup {
    html! {
        @for (number, (database, _)) in cluster.sync_databases.iter().enumerate() {
            @if number > 0 { ", " }
            code { (database) }
        }
    }
}

/// What a grant opens, in a sentence.
const fn opens(kind: GrantType) -> &'static str {
    match kind {
        GrantType::DatabaseLogs => "The logs of the database processes, to read. No audit logs, no shell.",
        GrantType::Infrastructure => "The machines below the database, and all logs, audit logs included.",
        GrantType::InfrastructureAndSyncData => {
            "The machines, all logs, and the databases in which App Services keeps the state of sync."
        }
    }
}

fn revoke_fields(vendor: &VendorName, visitor: &Visitor, row: &ClusterRow, sessions: &[SessionRow]) -> Markup {
    let name = &row.cluster.name;
    html! {
        @if let Some(grant) = &row.grant {
            div.standing-row {
                p { "Cluster " strong { (name) } " of " (row.project_name) br; span.quiet { (grant.kind.label()) } }
                div.clock { (clock(row.cluster.id, grant, visitor.at())) }
            }
        } @else {
            div.notice { (icon(Icon::Info)) div { p {
                "No grant is in force for " strong { (name) } ". Revoking changes nothing."
            } } }
        }
        (ending(sessions, "Revoking ends these sessions at once:"))
        (not_blocked(row))
        div.notice.warn {
            (icon(Icon::Alert))
            div { p { "Before you go on: make sure that " (vendor) " support has settled every open issue for which it "
                "needs this access." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_shows_no_duration_above_the_limit() {
        let hint = |most: &str| duration_hint(most.parse().unwrap());
        assert_eq!(hint("24h"), "Such as 24h, 90m or 1h30m; at most 24h. Then it ends by itself.");
        assert_eq!(hint("8h"), "Such as 8h, 90m or 1h30m; at most 8h. Then it ends by itself.");
        assert_eq!(hint("90m"), "Such as 1h30m, 45m or 5m; at most 1h 30m. Then it ends by itself.");
        assert_eq!(hint("1m"), "Such as 1m; at most 1m. Then it ends by itself.");
    }

    #[test]
    fn a_duration_above_the_limit_is_told_the_limit_that_holds() {
        let told = |typed: &str| {
            let (typed, mut faults) = (Typed::with([("duration", typed.to_owned())]), Faults::default());
            let taken = take_duration(&typed, ("8h".parse().unwrap(), "the longest"), &mut faults);
            assert_eq!(taken.is_none(), faults.of("duration").is_some());
            faults.of("duration").map(str::to_owned)
        };
        assert_eq!(told("8h"), None);
        for long in ["9h", "25h", "999h"] {
            assert_eq!(told(long).unwrap(), "The duration must be at most 8h, the longest.", "{long}");
        }
        assert!(told("for ever").unwrap().contains("must be a duration such as"));
    }
}

//! One session: who came where, why, for how long, what was done, and the way to its recording.

use std::sync::Arc;

use axum::extract::{Path, State};
use byleave_core::access::{Basis, Wanted};
use byleave_core::id::SessionId;
use byleave_core::policy::Action;
use byleave_core::time::SECOND;
use byleave_store::event::{EventQuery, EventRow, EventsOf};
use byleave_store::grant::GrantRow;
use byleave_store::session::SessionRow;
use maud::{Markup, html};

use super::activity::feed;
use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem};
use super::sessions::{cluster, did, end_button, moved};
use super::visitor::Visitor;
use super::when::full;
use super::wording::ended;
use crate::app::App;
use crate::door;

/// How many entries of the log are shown.
const ENTRIES: u32 = 200;
/// The entries that tell of a session.
const TOLD: [&str; 6] = [
    "session.opened",
    "session.continued",
    "session.closed",
    "session.forwarding_refused",
    "log.downloaded",
    "recording.read",
];

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let id: SessionId = id.parse().map_err(|_| Problem::NotFound)?;
    let mut row = app.store.session(visitor.actor(), id).await?;
    door::count(app.door.as_ref(), &mut row);
    let grant = match row.basis {
        Basis::Grant { id } => app.store.grant(visitor.actor(), row.project, id).await?,
        Basis::Standing => None,
    };
    let entries = entries(&app, &visitor, &row).await?;
    let content = html! {
        div.head #head data-live {
            div {
                p.crumbs { a href=(path::SESSIONS) { "Sessions" } }
                h1 { "Session on " (row.host) }
                p { code { (row.identifier) } }
            }
            @if row.ended.is_none() { div.actions { span.pulse { span.dot {} "Live" } (end_button(&visitor, &row)) } }
        }
        section.panel #facts data-live aria-label="Facts" { div.body { (facts(&row, grant.as_ref())) } }
        section.panel #recording data-live { header { h2 { "Recording" } } (recording(&visitor, &row)) }
        section.panel #feed data-live { header { h2 { "In the log" } } (feed(&app.vendor, &entries, visitor.at())) }
    };
    visitor.page(&app, Tab::Sessions, "Session", content).await
}

/// What the log tells of this session, newest first.
async fn entries(app: &App, visitor: &Visitor, row: &SessionRow) -> Result<Vec<EventRow>, Problem> {
    let query = EventQuery {
        names: Some(TOLD.to_vec()),
        clusters: Some(vec![row.cluster]),
        from: Some(row.opened_at.plus(-SECOND)),
        per_page: ENTRIES,
        ..EventQuery::newest(EventsOf::Project(row.project))
    };
    let until = row.ended.map(|(at, _)| at.plus(SECOND));
    let during = app.store.events(visitor.actor(), EventQuery { before: until, ..query.clone() }).await?;
    let after = match until {
        Some(from) => app.store.events(visitor.actor(), EventQuery { from: Some(from), ..query }).await?.rows,
        None => Vec::new(),
    };
    let mut rows = after;
    rows.extend(during.rows);
    rows.retain(|entry| entry.entry.event.session() == Some(row.id));
    Ok(rows)
}

fn facts(row: &SessionRow, grant: Option<&GrantRow>) -> Markup {
    html! {
        dl.facts {
            dt { "Session" } dd { code { (row.id) } }
            dt { "Support engineer" } dd { code { (row.identifier) } }
            dt { "Cluster" } dd { (cluster(row)) }
            @match row.wanted {
                Wanted::Log(..) | Wanted::Node(_) => { dt { "Node" } dd { code { (row.host) } } }
                Wanted::Database | Wanted::LogList => { dt { "Logs of" } dd { code { (row.host) } } }
                Wanted::SyncData(_) | Wanted::SyncLogin => { dt { "Sync data of" } dd { code { (row.host) } } }
            }
            dt { "Basis" } dd { (basis(row, grant)) }
            @if let Some(case) = grant.and_then(|grant| grant.grant.case.as_ref()) { dt { "Case" } dd { (case) } }
            @if let Some(reason) = grant.and_then(|grant| grant.grant.reason.as_ref()) { dt { "Reason" } dd { (reason) } }
            dt { "Opened" } dd { (full(row.opened_at)) }
            @match row.ended {
                Some((at, reason)) => {
                    dt { "Ended" } dd { (full(at)) ": " (ended(reason)) "." }
                    dt { "Did" } dd { (did(row)) }
                    dt { "Bytes" } dd { (moved(row)) }
                }
                None => {
                    dt { "Ends" } dd { (full(row.until)) " at the latest" }
                    dt { "Did so far" } dd { (did(row)) }
                    dt { "Bytes so far" } dd { (moved(row)) }
                }
            }
        }
    }
}

fn basis(row: &SessionRow, grant: Option<&GrantRow>) -> Markup {
    match (row.basis, grant) {
        (Basis::Standing, _) => html! { "Standing access: support was not blocked." },
        (Basis::Grant { id }, None) => html! { "Grant " code { (id) } },
        (Basis::Grant { .. }, Some(GrantRow { grant, granted_by_name, .. })) => html! {
            "Grant: " (grant.kind.label()) br;
            span.small.quiet {
                "given " (full(grant.granted_at))
                @if let Some(name) = granted_by_name { " by " (name) }
                ", until " (full(grant.expires_at)) " · " code { (grant.id) }
            }
        },
    }
}

fn recording(visitor: &Visitor, row: &SessionRow) -> Markup {
    let kept = row.recording_sha256.is_some();
    html! {
        div.body {
            @if row.ended.is_some() && !kept {
                p {
                    "The log has no hash of a recording: nothing was run, shown or moved, or the server was interrupted. Then "
                    "what was written until that moment can be read, and the log does not vouch for it."
                }
            } @else if row.ended.is_none() {
                p { "Everything is being recorded while the session goes on." }
            }
            @if let Some(hash) = row.recording_sha256 {
                dl.facts {
                    dt { "SHA-256 in the log" } dd { code { (hex::encode(hash)) } }
                    dt { "Kept" } dd {
                        @if row.partly_recorded { span.chip.open { (icon(Icon::Alert)) "Partly recorded" } " "
                            "of long streams only the beginning was kept, and the rest was hashed." }
                        @else { "whole" }
                    }
                }
            }
            @if visitor.may_in(Action::ReadRecording, row.project) {
                div.actions.start {
                    a.button #read-recording href=(path::recording(row.id)) { (icon(Icon::File)) "Read the recording" }
                    span.small.quiet { "That you read it is noted in the log." }
                }
            } @else {
                p.small.quiet { "Only organization owners and owners of this project can read it." }
            }
        }
    }
}

//! Sessions: who of support is in, since when and why, with a button that ends it; below, who was.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use byleave_core::access::{Basis, Wanted};
use byleave_core::id::SessionId;
use byleave_core::policy::Action;
use byleave_core::session::SessionEnd;
use byleave_store::session::{SessionQuery, SessionRow, SessionsOf};
use maud::{Markup, html};
use serde::Deserialize;

use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem};
use super::visitor::Visitor;
use super::when::full;
use super::wording::{UNCOUNTED, bytes, count, ended, short};
use crate::app::App;

/// How many sessions the page shows.
const SHOWN: u32 = 100;

/// What the page was asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// The session that the visitor has just ended.
    #[serde(default)]
    ended: String,
}

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, Query(asked): Query<Asked>, visitor: Visitor) -> Answer {
    let of = SessionsOf::Organization(visitor.org());
    let live = app.store.sessions(visitor.actor(), SessionQuery { of, live: true, limit: SHOWN }).await?;
    let mut past = app.store.sessions(visitor.actor(), SessionQuery { of, live: false, limit: SHOWN }).await?;
    past.retain(|session| session.ended.is_some());
    let content = html! {
        div.head { div {
            h1 { "Sessions" }
            p { "Every visit of " (app.vendor) " support. Engineers appear under an employee identifier, not by name." }
        } }
        (still_open(&app, &visitor, &asked.ended).await)
        section.panel #live data-live {
            header { h2 { "Live" } @if !live.is_empty() { (pulse(live.len())) } }
            (live_table(&visitor, &live))
        }
        section.panel #past data-live {
            header { h2 { "Ended" } }
            (past_table(&past))
        }
    };
    visitor.page(&app, Tab::Sessions, "Sessions", content).await
}

/// Ends a session. Asks for nothing, and waits for nothing but the door.
pub(super) async fn end(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let id: SessionId = id.parse().map_err(|_| Problem::NotFound)?;
    let row = app.store.may_end_session(visitor.actor(), id).await?;
    if row.ended.is_none() {
        app.door.end(id, SessionEnd::EndedByCustomer, visitor.actor().by());
    }
    Ok(Redirect::to(&format!("{}?ended={id}", path::SESSIONS)).into_response())
}

/// That ending a session does not close the door by which it came in, and what does. An address can be made up: nothing
/// here says that something was done.
async fn still_open(app: &App, visitor: &Visitor, ended: &str) -> Markup {
    let Ok(id) = ended.parse::<SessionId>() else { return Markup::default() };
    let Ok(session) = app.store.session(visitor.actor(), id).await else { return Markup::default() };
    // Where the cluster is gone meanwhile, so is the door.
    let cluster = app.store.cluster(visitor.actor(), &visitor.reading, session.project, &session.cluster_name).await;
    let Ok(cluster) = cluster else { return Markup::default() };
    html! {
        div.notice #ended role="status" {
            (icon(Icon::Info))
            div {
                strong { "The end of a session does not close the door" }
                p { "It was the session of " code { (session.identifier) } " on " (session.cluster_name) "." }
                @if !cluster.blocked {
                    p { "Support is not blocked and can come in again at once. "
                        a href=(path::BLOCK) data-dialog #ended-block { "Block support…" } }
                } @else if let Some(grant) = &cluster.grant {
                    p { "The grant holds until " (full(grant.expires_at)) ": support can come in again at once. "
                        a href=(path::revoke(session.project, &session.cluster_name)) data-dialog #ended-revoke {
                            "Revoke access…"
                        } }
                }
            }
        }
    }
}

/// `2 live sessions`, with a dot that beats.
pub(super) fn pulse(number: usize) -> Markup {
    html! { span.pulse { span.dot {} (count(i64::try_from(number).unwrap_or(i64::MAX), "live session")) } }
}

/// The table of live sessions.
pub(super) fn live_table(visitor: &Visitor, live: &[SessionRow]) -> Markup {
    html! {
        @if live.is_empty() {
            div.empty { (icon(Icon::Terminal)) p { "Nobody of support is in." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Engineer" } th { "Reaches" } th { "Since" } th { "Until, at the latest" } th { "" } } }
                tbody { @for session in live { (live_row(visitor, session)) } }
            } }
        }
    }
}

fn live_row(visitor: &Visitor, session: &SessionRow) -> Markup {
    html! {
        tr #(format!("session-{}", session.id)) {
            td data-label="Engineer" { (engineer(session)) }
            td data-label="Reaches" { (reaches(session)) }
            td data-label="Since" { (full(session.opened_at)) br; span.small.quiet { (basis(session)) } }
            td data-label="Until, at the latest" { (full(session.until)) }
            td.end {
                (end_button(visitor, session))
            }
        }
    }
}

/// The button that ends a live session, for who may.
pub(super) fn end_button(visitor: &Visitor, session: &SessionRow) -> Markup {
    html! {
        @if visitor.may_in(Action::EndSession, session.project) {
            form.inline method="post" action=(path::end_session(session.id)) {
                button.button.low.ends type="submit" #(format!("end-{}", session.id))
                    aria-label=(format!("End the session of {} on {}", session.identifier, session.host)) {
                    "End session"
                }
            }
        }
    }
}

/// The engineer's identifier, as a link to the session.
fn engineer(session: &SessionRow) -> Markup {
    html! {
        a href=(path::session(session.id)) aria-label=(format!("Session of {} on {}, opened {}", session.identifier, session.host, session.opened_at)) {
            code { (session.identifier) }
        }
    }
}

/// The table of sessions that ended.
pub(super) fn past_table(past: &[SessionRow]) -> Markup {
    html! {
        @if past.is_empty() {
            div.empty { p { "No session has ended yet." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Engineer" } th { "Reached" } th { "From, to" } th { "Did" } th { "Ended because" } } }
                tbody { @for session in past { (past_row(session)) } }
            } }
        }
    }
}

fn past_row(session: &SessionRow) -> Markup {
    html! {
        tr #(format!("session-{}", session.id)) {
            td data-label="Engineer" { (engineer(session)) }
            td data-label="Reached" { (reaches(session)) }
            td data-label="From, to" {
                (full(session.opened_at)) br;
                @if let Some((at, _)) = session.ended { (full(at)) }
            }
            td data-label="Did" {
                (did(session)) br;
                span.small.quiet { (moved(session)) }
            }
            td data-label="Ended because" { @if let Some((_, reason)) = session.ended { (super::problem::capital(ended(reason))) } }
        }
    }
}

/// Whether nobody counted what was done in a session that is over.
fn is_uncounted(session: &SessionRow) -> bool {
    session.ended.is_some_and(|(_, reason)| reason == SessionEnd::Restart)
}

/// What was done in a session, counted.
pub(super) fn did(session: &SessionRow) -> Markup {
    let did = session.counters;
    if is_uncounted(session) {
        return html! { (UNCOUNTED) };
    }
    html! {
        @match session.wanted {
            Wanted::Database | Wanted::Log(..) | Wanted::LogList | Wanted::Node(_) => {
                (count(did.shells, "shell")) ", " (count(did.commands, "command")) ", " (count(did.transfers, "transfer"))
            }
            Wanted::SyncData(_) | Wanted::SyncLogin => { (count(did.commands, "command")) }
        }
        @if did.refused > 0 { ", " (did.refused) " refused" }
    }
}

/// How many bytes went which way in a session.
pub(super) fn moved(session: &SessionRow) -> Markup {
    if is_uncounted(session) {
        return html! { "not counted" };
    }
    let (from, to) = (bytes(session.counters.sent_bytes), bytes(session.counters.received_bytes));
    match session.wanted {
        Wanted::Database | Wanted::Log(..) | Wanted::LogList | Wanted::Node(_) => {
            html! { (from) " from the node, " (to) " to it" }
        }
        Wanted::SyncData(_) | Wanted::SyncLogin => html! { (from) " from the databases, " (to) " to them" },
    }
}

/// What is reached, before the name of the host.
const fn what(wanted: &Wanted) -> &'static str {
    match wanted {
        Wanted::Log(..) | Wanted::Node(_) => "node ",
        Wanted::Database | Wanted::LogList => "logs, ",
        Wanted::SyncData(_) | Wanted::SyncLogin => "sync data, ",
    }
}

/// The cluster of a session: as a link where it still exists, by its former name where not.
pub(super) fn cluster(session: &SessionRow) -> Markup {
    html! {
        @if session.cluster_is_removed { (session.cluster_name) " (removed since)" }
        @else { a href=(path::cluster(session.project, &session.cluster_name)) { (session.cluster_name) } }
    }
}

fn reaches(session: &SessionRow) -> Markup {
    html! {
        (cluster(session)) br;
        span.small.quiet {
            (what(&session.wanted))
            (session.host)
        }
    }
}

fn basis(session: &SessionRow) -> Markup {
    match session.basis {
        Basis::Grant { id } => html! { "grant " code title=(id) { (short(&id.to_string())) } },
        Basis::Standing => html! { "standing access" },
    }
}

/// What an act would end, before it is done.
pub(super) fn ending(sessions: &[SessionRow], text: &str) -> Markup {
    html! {
        @if !sessions.is_empty() {
            div.stack {
                p { strong { (text) } }
                ul.sessions-ending {
                    @for session in sessions {
                        li { code { (session.identifier) } span.quiet { (session.cluster_name) " · " (session.host) } }
                    }
                }
            }
        }
    }
}

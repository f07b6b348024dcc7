//! The activity feed: what happened, in sentences, newest first.

use std::sync::Arc;

use axum::extract::{Query, State};
use byleave_core::event::Event;
use byleave_core::name::{ProjectName, VendorName};
use byleave_core::time::Timestamp;
use byleave_store::event::{EventPage, EventQuery, EventRow, EventsOf};
use maud::{Markup, html};
use serde::Deserialize;

use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem};
use super::sentence::line;
use super::visitor::Visitor;
use super::when::{day, full, second};
use crate::app::App;
use crate::feed_filter::{FeedFilter, Written};

/// Entries a page.
const PER_PAGE: u32 = 50;
/// The last page that can be asked for.
const LAST: u32 = 100_000;

/// Which part of the feed.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    page: String,
    #[serde(default)]
    show: String,
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    Query(written): Query<Written>,
    visitor: Visitor,
) -> Answer {
    let number = wanted.page.parse().unwrap_or(1).clamp(1, LAST);
    let support = wanted.show == "support";
    let filter = FeedFilter::read(&written).ok_or(Problem::NotFound)?;
    let query = EventQuery { page: number, per_page: PER_PAGE, ..query(&app, &visitor, &filter, support).await? };
    let events = app.store.events(visitor.actor(), query).await?;
    let project = match filter.project {
        Some(id) => Some(app.store.project(visitor.actor(), id).await?.name),
        None => None,
    };
    let content = html! {
        div.head {
            div { h1 { "Activity" } p { "Newest first, all times in UTC. Each entry is sealed in your organization’s log." } }
            nav.nav aria-label="Filter" { ul {
                li { a href=(path::ACTIVITY) aria-current=[(!support && filter.is_empty()).then_some("true")] {
                    "Everything"
                } }
                li { a href={ (path::ACTIVITY) "?show=support" } aria-current=[support.then_some("true")] {
                    "What support did"
                } }
            } }
        }
        (chosen(project.as_ref(), &filter))
        section.panel #feed data-live {
            (feed(&app.vendor, &events.rows, visitor.at()))
        }
        (pages(&events, number, &address(&filter, support)))
    };
    visitor.page(&app, Tab::Activity, "Activity", content).await
}

/// What is asked of the store.
async fn query(app: &App, visitor: &Visitor, filter: &FeedFilter, support: bool) -> Result<EventQuery, Problem> {
    let of = filter.project.map_or(EventsOf::Organization(visitor.org()), EventsOf::Project);
    let names = if support { SUPPORT.to_vec() } else { filter.names().unwrap_or_else(told) };
    let clusters = match filter.project {
        Some(project) if !filter.clusters.is_empty() => {
            let known = app.store.cluster_names(visitor.actor(), project).await?;
            Some(known.into_iter().filter(|(_, name)| filter.clusters.contains(name)).map(|(id, _)| id).collect())
        }
        Some(_) | None => None,
    };
    // What is asked for includes its last millisecond, what the store is asked for does not.
    let before = filter.until.map(|at| at.plus(1));
    Ok(EventQuery { names: Some(names), clusters, from: filter.from, before, ..EventQuery::newest(of) })
}

/// The query of this page's address, for the pages before and after it.
fn address(filter: &FeedFilter, support: bool) -> String {
    let parts = [if support { "show=support".to_owned() } else { String::new() }, filter.query()];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| format!("&{part}")).collect()
}

/// Says what is left out, if something is.
fn chosen(project: Option<&ProjectName>, filter: &FeedFilter) -> Markup {
    let clusters: Vec<&str> = filter.clusters.iter().map(byleave_core::name::ClusterName::as_str).collect();
    html! {
        @if !filter.is_empty() {
            div.notice #filter role="status" {
                (icon(Icon::Info))
                div {
                    strong { "Not everything is shown" }
                    p {
                        @if let Some(project) = project { "Project " (project) ". " }
                        @if !clusters.is_empty() { "Clusters " (clusters.join(", ")) ". " }
                        @if !filter.types.is_empty() { "Events of type " (filter.types.join(", ")) ". " }
                        @if let Some(from) = filter.from { "From " (full(from)) ". " }
                        @if let Some(until) = filter.until { "Until " (full(until)) ". " }
                        a href=(path::ACTIVITY) { "Show everything" }
                    }
                }
            }
        }
    }
}

/// The events that tell what support did.
const SUPPORT: &[&str] = &[
    "session.opened",
    "session.continued",
    "session.closed",
    "session.denied",
    "session.forwarding_refused",
    "log.downloaded",
    "request.made",
    "request.withdrawn",
    "access.handed_back",
];

/// All events but the hourly ones that only seal the log anew.
fn told() -> Vec<&'static str> {
    Event::NAMES.iter().copied().filter(|name| *name != Event::TimePassed {}.name()).collect()
}

/// Events as a list headed by days.
pub(super) fn feed(vendor: &VendorName, rows: &[EventRow], now: Timestamp) -> Markup {
    html! {
        @if rows.is_empty() {
            div.empty { (icon(Icon::Info)) p { "Nothing has happened yet." } }
        } @else {
            ol.feed {
                @for of_a_day in rows.chunk_by(|a, b| day(a.entry.at) == day(b.entry.at)) {
                    @if let Some(first) = of_a_day.first() {
                        li.day { @if day(first.entry.at) == day(now) { "Today · " } (day(first.entry.at)) }
                    }
                    @for row in of_a_day { (item(vendor, row)) }
                }
            }
        }
    }
}

fn item(vendor: &VendorName, row: &EventRow) -> Markup {
    let line = line(vendor, row);
    html! {
        li #(format!("entry-{}", row.entry.index)) {
            span.mark.(line.tone.class()) { (icon(line.icon)) }
            div {
                p { (line.text) }
                @if let Some(more) = line.more { p.more { (more) } }
            }
            div.when title=(format!("entry {} of the log, event {}", row.entry.index, row.id)) { (second(row.entry.at)) }
        }
    }
}

fn pages(events: &EventPage, number: u32, filter: &str) -> Markup {
    let last = u32::try_from(events.total.div_ceil(u64::from(PER_PAGE))).unwrap_or(LAST).clamp(1, LAST);
    let to = |page: u32| format!("{}?page={page}{filter}", path::ACTIVITY);
    html! {
        nav.pages #pages data-live aria-label="Pages of the feed" {
            @if number > 1 { a.button.low rel="prev" href=(to(number - 1)) { "Newer" } } @else { span {} }
            span.quiet.small { "Page " (number.min(last)) " of " (last) " · " (events.total) " entries" }
            @if number < last { a.button.low rel="next" href=(to(number + 1)) { "Older" } } @else { span {} }
        }
    }
}

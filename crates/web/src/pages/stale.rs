//! Forms that were open while somebody else changed what they show: nothing is overwritten unseen, nothing typed is lost.
//!
//! A form carries the tag of what it shows; the store compares it inside the transaction. This module must never send a
//! new tag without showing what has changed.

use std::sync::Arc;

use byleave_core::event::Event;
use byleave_store::Store;
use byleave_store::cluster::ClusterRow;
use byleave_store::event::{EventQuery, EventsOf};
use byleave_store::tag::Expectation;
use maud::{Markup, html};

use super::form::{Faults, Typed};
use super::icon::{Icon, icon};
use super::problem::Problem;
use super::sentence::line;
use super::visitor::Visitor;
use super::when::full;
use crate::app::App;

/// How many of the latest changes are looked through.
const LATEST: u32 = 50;

/// The field that carries the tag of what the form showed.
pub(super) fn seen(typed: &Typed) -> Markup {
    html! { input type="hidden" name="etag" value=(typed.raw("etag")); }
}

/// The store for a form: it writes only while what the form showed still holds. A form without a tag expects nothing, as
/// a request without `If-Match`.
pub(super) fn expecting(store: &Store, typed: &Typed) -> Store {
    match typed.raw("etag") {
        "" => store.clone(),
        tag => store.expecting(Arc::new(Expectation::new(vec![tag.to_owned()]))),
    }
}

/// What is wrong with such a form.
pub(super) fn faults(field: &'static str) -> Faults {
    Faults::one(
        field,
        "Somebody else changed this meanwhile. Nothing was overwritten; look, and send it again if you still want it.",
    )
}

/// Who granted meanwhile, or how what was in force ended, for a form that showed another state than `row`.
pub(super) async fn granted(app: &App, visitor: &Visitor, typed: &Typed, row: &ClusterRow) -> Result<Markup, Problem> {
    let is_it = |event: &Event| match &row.grant {
        Some(now) => matches!(event, Event::GrantGiven { grant, .. } if *grant == now.id),
        None => matches!(
            event,
            Event::GrantEnded { grant, .. } | Event::GrantExpired { grant, .. } | Event::GrantRevoked { grant, .. }
                if grant.to_string() == typed.raw("etag")
        ),
    };
    notice(app, visitor, is_it).await
}

/// Who changed it, when, and to what: the latest event that `is_it`.
pub(super) async fn notice(app: &App, visitor: &Visitor, is_it: impl Fn(&Event) -> bool) -> Result<Markup, Problem> {
    let query = EventQuery { per_page: LATEST, ..EventQuery::newest(EventsOf::Organization(visitor.org())) };
    let page = app.store.events(visitor.actor(), query).await?;
    let found = page.rows.iter().find(|row| is_it(&row.entry.event));
    Ok(html! {
        div.notice.warn #meanwhile role="status" {
            (icon(Icon::Alert))
            div {
                strong { "Changed while this was open" }
                @if let Some(row) = found { p { (line(&app.vendor, row).text) ", " (full(row.entry.at)) "." } }
            }
        }
    })
}

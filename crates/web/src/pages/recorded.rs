//! The notice after an act: what was recorded, in the words of the feed, and where it stands in the log.
//!
//! The address holds only the entry's number. What is shown comes from the log, and only if the entry is new and the
//! visitor's own, so that nobody can make up a notice by a link.

use byleave_core::actor::By;
use byleave_core::event::{Entry, LogId};
use byleave_core::time::MINUTE;
use byleave_store::event::{EventQuery, EventsOf};
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::problem::Problem;
use super::sentence::line;
use super::visitor::Visitor;
use crate::app::App;

/// How long after an act its notice can be shown, in milliseconds.
const SHOWN_FOR: i64 = 2 * MINUTE;

/// The number in `recorded=…` of an address.
pub(super) fn index(query: &str) -> Option<u64> {
    query.split('&').find_map(|pair| pair.strip_prefix("recorded=")).and_then(|number| number.parse().ok())
}

/// The notice for the entry of this index; nothing if it is not the visitor's own and new.
pub(super) async fn notice(app: &App, visitor: &Visitor, index: u64) -> Result<Markup, Problem> {
    let of = EventsOf::Organization(visitor.org());
    let query = EventQuery { after: index.checked_sub(1), ..EventQuery::newest(of) };
    let page = app.store.events(visitor.actor(), query).await?;
    let Some(row) = page.rows.iter().find(|row| row.entry.index == index && own(visitor, &row.entry)) else {
        return Ok(Markup::default());
    };
    let line = line(&app.vendor, row);
    Ok(html! {
        div.notice.done role="status" {
            (icon(Icon::Check))
            div {
                p { (line.text) }
                p.small.quiet { "Recorded as entry " (index) " of your organization’s log." }
            }
        }
    })
}

fn own(visitor: &Visitor, entry: &Entry) -> bool {
    entry.log == LogId::Organization(visitor.org())
        && entry.by == By::User(visitor.session.user)
        && visitor.at().since(entry.at) < SHOWN_FOR
}

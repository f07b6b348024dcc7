//! Changes as they happen: one stream a page, which says the server's time and that something changed. What changed,
//! the page asks for itself; nothing of the feed travels here.
//!
//! The stream ends with the sign-in, with the server, and at the latest with the web session.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use byleave_core::time::Timestamp;
use byleave_store::event::{EventQuery, EventsOf};
use futures_util::stream;
use serde::Deserialize;

use super::visitor::Visitor;
use crate::app::App;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how many looks without a change the time is told anyway.
const TELL_EVERY: u32 = 10;

/// What one stream remembers.
struct Watch {
    app: Arc<App>,
    visitor: Visitor,
    /// When the page was made.
    since: Timestamp,
    /// The size of the log, as far as the visitor can see it; `None` before the first look.
    seen: Option<u64>,
    quiet: u32,
    over: bool,
}

/// Since when.
#[derive(Deserialize)]
pub(super) struct Since {
    #[serde(default)]
    since: i64,
}

/// The stream.
pub(super) async fn show(State(app): State<Arc<App>>, Query(since): Query<Since>, visitor: Visitor) -> Response {
    let since = Timestamp::from_millis(since.since);
    let watch = Watch { app, visitor, since, seen: None, quiet: 0, over: false };
    let events = stream::unfold(watch, |watch| async move {
        let (event, watch) = watch.next().await?;
        Some((Ok::<Event, Infallible>(event), watch))
    });
    ([("x-accel-buffering", "no")], Sse::new(events)).into_response()
}

impl Watch {
    async fn next(mut self) -> Option<(Event, Self)> {
        if self.over {
            return None;
        }
        loop {
            let at = match self.look().await {
                Some((at, true)) => return Some((Event::default().event("changed").data(at), self)),
                Some((at, false)) => at,
                None => {
                    self.over = true;
                    return Some((Event::default().event("over").data(""), self));
                }
            };
            self.quiet += 1;
            if self.quiet % TELL_EVERY == 1 {
                return Some((Event::default().event("now").data(at), self));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.app.stopping.cancelled() => return None,
            }
        }
    }

    /// The server's time and whether something changed; `None` once nobody is signed in here.
    async fn look(&mut self) -> Option<(String, bool)> {
        let reading = self.app.read_clock();
        let session = self.app.store.web_session(*self.visitor.token.as_bytes(), &reading).await;
        let actor = match session {
            Ok(Some(session)) => session.actor,
            Ok(None) => return None,
            // The store does not answer: nothing can be told, and nothing is lost by waiting.
            Err(_) => return Some((reading.wall.millis().to_string(), false)),
        };
        let now: Timestamp = self.app.store.now(&reading).await.map_or(reading.wall, |now| now.at);
        let of = EventsOf::Organization(self.visitor.org());
        let newest = self.app.store.events(&actor, EventQuery { per_page: 1, ..EventQuery::newest(of) }).await;
        let newest = newest.ok().and_then(|page| page.rows.into_iter().next());
        let size = newest.as_ref().map(|row| row.entry.index + 1);
        // A changed role changes what can be seen, too; both are events, but maybe of others' projects.
        let roles = actor == self.visitor.session.actor;
        self.visitor.session.actor = actor;
        let changed = match self.seen {
            Some(_) => size.is_some() && size != self.seen || !roles,
            // What happened between the page and its stream.
            None => newest.is_some_and(|row| row.entry.at >= self.since),
        };
        self.seen = size.or(self.seen);
        Some((now.millis().to_string(), changed))
    }
}

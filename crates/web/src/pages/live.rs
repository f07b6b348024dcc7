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
use byleave_core::event::LogId;
use byleave_store::StoreError;
use futures_util::stream;
use serde::Deserialize;

use super::visitor::Visitor;
use crate::app::App;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how many looks without a change the time is told anyway.
const TELL_EVERY: u32 = 10;

/// Since when.
#[derive(Deserialize)]
pub(super) struct Since {
    /// The last entry of the log when the page was made.
    #[serde(default)]
    seen: u64,
}

/// What one stream remembers.
struct Watch {
    app: Arc<App>,
    visitor: Visitor,
    seen: u64,
    looks: u32,
    over: bool,
}

/// What a look finds.
enum Found {
    Change(String),
    Nothing(String),
    SignedOut,
}

/// The stream.
pub(super) async fn show(State(app): State<Arc<App>>, Query(since): Query<Since>, visitor: Visitor) -> Response {
    let watch = Watch { app, visitor, seen: since.seen, looks: 0, over: false };
    let events = stream::unfold(watch, |watch| async move {
        let (event, watch) = watch.next().await?;
        Some((Ok::<Event, Infallible>(event), watch))
    });
    ([("x-accel-buffering", "no")], Sse::new(events)).into_response()
}

impl Watch {
    /// The next thing to tell: the time at first, then a change or again the time.
    async fn next(mut self) -> Option<(Event, Self)> {
        while !self.over {
            let tell = self.looks.is_multiple_of(TELL_EVERY);
            if self.looks > 0 {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = self.app.stopping.cancelled() => return None,
                }
            }
            self.looks = self.looks.wrapping_add(1);
            match self.look().await {
                Found::Change(now) => return Some((Event::default().event("changed").data(now), self)),
                Found::Nothing(now) if tell => return Some((Event::default().event("now").data(now), self)),
                Found::Nothing(_) => {}
                Found::SignedOut => {
                    self.over = true;
                    return Some((Event::default().event("over").data("signed out"), self));
                }
            }
        }
        None
    }

    async fn look(&mut self) -> Found {
        let reading = self.app.read_clock();
        let now = self.app.store.now(&reading).await.map_or(reading.wall, |now| now.at).millis().to_string();
        let session = match self.app.store.web_session(*self.visitor.token.as_bytes(), &reading).await {
            Ok(Some(session)) => session,
            Ok(None) => return Found::SignedOut,
            // The store does not answer: nothing can be told, and nothing is lost by waiting.
            Err(_) => return Found::Nothing(now),
        };
        match self.app.store.checkpoint(&session.actor, LogId::Organization(self.visitor.org())).await {
            Ok(anchor) if anchor.index > self.seen => {
                self.seen = anchor.index;
                Found::Change(now)
            }
            Ok(_) | Err(StoreError::Corrupt(_) | StoreError::Unavailable(_)) => Found::Nothing(now),
            Err(
                StoreError::Conflict(_)
                | StoreError::Forbidden(_)
                | StoreError::NotFound(_)
                | StoreError::Refused(_)
                | StoreError::Repeated(_)
                | StoreError::Stale,
            ) => Found::SignedOut,
        }
    }
}

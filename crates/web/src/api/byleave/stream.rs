//! Events as they happen: the feed of an organization as a stream (SSE) that goes on from a cursor.
//!
//! Each message has the event's index as its id, so that a client that comes back with `Last-Event-ID` misses nothing
//! and gets nothing twice. Before each look it is asked again who the caller is, whether they are let in from where they
//! are, and what they may see: the stream ends when their next request would be refused, and with the server.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use byleave_api::byleave;
use byleave_api::error::ErrorCode;
use byleave_core::event::LogId;
use byleave_core::id::OrgId;
use byleave_store::StoreError;
use byleave_store::event::EventsOf;
use futures_util::stream;

use crate::api::byleave::events::after;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::OrgPath;
use crate::api::show;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how long a silent stream shows that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How many events are read at once.
const BATCH: u32 = 500;

/// The stream: from `?after=<index>` or `Last-Event-ID` on, else from now on.
pub(super) async fn of_organization(
    caller: Caller,
    OrgPath(id): OrgPath,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (store, log) = (&caller.app.store, LogId::Organization(id));
    let present = caller.ask(store.checkpoint(&caller.actor, log)).await?.index;
    let seen = match last_event_id(&headers)? {
        Some(index) => index,
        None => after(&caller)?.unwrap_or(present),
    };
    let follower = Follower { caller, organization: id, seen, waiting: VecDeque::new() };
    let events = stream::unfold(follower, |follower| async move {
        let (event, follower) = follower.next().await?;
        Some((Ok::<_, Infallible>(message(&event)), follower))
    });
    let alive = KeepAlive::new().interval(ALIVE_EVERY).text("still here");
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Sse::new(events).keep_alive(alive)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let index = value.to_str().ok().and_then(|text| text.parse().ok());
    let rule = "must be the index of an event";
    index.map(Some).ok_or_else(|| Failure::field(ErrorCode::InvalidQueryParameter, "Last-Event-ID", rule))
}

fn message(event: &byleave::Event) -> Event {
    let message = Event::default().id(event.index.to_string()).event(&event.event);
    // Nothing of the type can fail to be written.
    message.json_data(event).unwrap_or_default()
}

/// Who follows, and how far they are.
struct Follower {
    caller: Caller,
    organization: OrgId,
    /// The index up to which everything was told.
    seen: u64,
    waiting: VecDeque<byleave::Event>,
}

impl Follower {
    /// The next event, once there is one; `None` when the stream is over.
    async fn next(mut self) -> Option<(byleave::Event, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((event, self));
            }
            if !self.caller.is_let_in().await {
                return None;
            }
            match self.look().await {
                Ok(()) if !self.waiting.is_empty() => continue,
                Ok(()) | Err(StoreError::Unavailable(_)) => {}
                Err(_) => return None,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.caller.app.stopping.cancelled() => return None,
            }
        }
    }

    /// Reads the oldest events that were not told yet.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (store, of) = (&self.caller.app.store, EventsOf::Organization(self.organization));
        let next = store.events_after(&self.caller.actor, of, self.seen, BATCH).await?;
        self.seen = next.until;
        self.waiting.extend(next.rows.iter().map(show::event));
        Ok(())
    }
}

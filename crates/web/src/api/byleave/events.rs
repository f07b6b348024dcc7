//! The full feed of an organization, with everything that Atlas has no type for.

use axum::response::Response;
use byleave_api::error::ErrorCode;
use byleave_core::event::Event;
use byleave_store::event::{EventQuery, EventsOf};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::OrgPath;
use crate::api::show;

/// A page, newest first; `?after=<index>` only what came after it, `?event=<name>` only these.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let query = EventQuery {
        names: names(&caller)?,
        after: after(&caller)?,
        page: paging.page,
        per_page: paging.per_page,
        ..EventQuery::newest(EventsOf::Organization(id))
    };
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    let page = caller.ask(caller.app.store.events(&caller.actor, query)).await?;
    let events = page.rows.iter().map(show::event).collect();
    caller.list(&paging.with_total(&caller, events, page.total))
}

pub(super) fn after(caller: &Caller) -> Result<Option<u64>, Failure> {
    let Some(text) = caller.parameter("after")? else { return Ok(None) };
    let rule = "must be the index of an event";
    text.parse().map(Some).map_err(|_| Failure::field(ErrorCode::InvalidQueryParameter, "after", rule))
}

fn names(caller: &Caller) -> Result<Option<Vec<&'static str>>, Failure> {
    let wanted = caller.parameters("event");
    if wanted.is_empty() {
        return Ok(None);
    }
    let known = |name: &String| Event::NAMES.iter().copied().find(|known| known == name);
    let found = wanted.iter().map(|name| {
        known(name).ok_or_else(|| Failure::field(ErrorCode::InvalidEnumValue, "event", "must be the name of an event"))
    });
    found.collect::<Result<_, _>>().map(Some)
}

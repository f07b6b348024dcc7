//! The event types that the feeds on these paths can hold.

use axum::response::Response;
use byleave_api::atlas::EventTypeDetails;
use byleave_api::event_type::EventType;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;

/// Lists them, whoever asks. None has alerts.
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let details = |kind: &EventType| EventTypeDetails {
        alertable: false,
        description: kind.description().to_owned(),
        event_type: kind.as_str().to_owned(),
    };
    caller.list(&paging.of(&caller, EventType::ALL.iter().map(details).collect()))
}

//! Links to our own page of the feed, with the filter that was asked for.

use axum::response::Response;
use byleave_api::atlas::ActivityFeedLink;
use byleave_api::error::ErrorCode;
use byleave_core::policy::{Action, Resource};

use super::events::{instant, names_of_clusters, type_words};
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::path::{GroupPath, OrgPath};
use crate::feed_filter::FeedFilter;

/// How many types or clusters can be asked for.
const MOST: usize = 20;

/// To an organization's feed.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    caller.may(Action::ReadOrganization, Resource::Organization(id))?;
    let filter = read(&caller)?;
    answer(&caller, &filter)
}

/// To a project's.
pub(super) async fn of_project(caller: Caller, GroupPath(id): GroupPath) -> Result<Response, Failure> {
    caller.ask(caller.app.store.project(&caller.actor, id)).await?;
    let clusters = few("clusterName", names_of_clusters(&caller, "clusterName")?)?;
    let filter = FeedFilter { project: Some(id), clusters, ..read(&caller)? };
    answer(&caller, &filter)
}

fn read(caller: &Caller) -> Result<FeedFilter, Failure> {
    Ok(FeedFilter {
        types: few("eventType", type_words(caller, "eventType")?)?,
        from: instant(caller, "minDate")?,
        until: instant(caller, "maxDate")?,
        ..FeedFilter::default()
    })
}

fn few<T>(name: &str, values: Vec<T>) -> Result<Vec<T>, Failure> {
    if values.len() <= MOST {
        return Ok(values);
    }
    Err(Failure::field(ErrorCode::InvalidQueryParameter, name, format!("must have at most {MOST} values")))
}

fn answer(caller: &Caller, filter: &FeedFilter) -> Result<Response, Failure> {
    let link = caller.public(&filter.path());
    caller.ok(&ActivityFeedLink { link, links: vec![caller.link(caller.path(), "self")] })
}

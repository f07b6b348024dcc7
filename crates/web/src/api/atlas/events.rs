//! Feeds in Atlas's form: only types that Atlas has, the newest first. What a feed holds is told by
//! [`EventType`] alone; the full feed is under `/api/byleave/v1`.

use axum::response::Response;
use byleave_api::atlas::Event;
use byleave_api::error::ErrorCode;
use byleave_api::event_type::{EventType, Feed};
use byleave_core::actor::By;
use byleave_core::event;
use byleave_core::field::{Fields, Value as Plain};
use byleave_core::id::{ClusterId, EventId, ProjectId};
use byleave_core::name::ClusterName;
use byleave_core::time::Timestamp;
use byleave_store::event::{EventPage, EventQuery, EventRow, EventsOf};
use serde_json::json;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::page::Paging;
use crate::api::path::{GroupPath, IdPath, OrgPath};
use crate::api::show;

/// A page of an organization's feed.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    let query = query(&caller, EventsOf::Organization(id), Feed::Organization, paging)?;
    let page = caller.ask(caller.app.store.events(&caller.actor, query)).await?;
    answer(&caller, paging, &page)
}

/// A page of a project's feed.
pub(super) async fn of_project(caller: Caller, GroupPath(id): GroupPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    caller.ask(caller.app.store.project(&caller.actor, id)).await?;
    let query = EventQuery {
        clusters: wanted_clusters(&caller, id).await?,
        ..query(&caller, EventsOf::Project(id), Feed::Project, paging)?
    };
    let page = caller.ask(caller.app.store.events(&caller.actor, query)).await?;
    answer(&caller, paging, &page)
}

/// One event of an organization's feed.
pub(super) async fn one_of_organization(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(event): IdPath<EventId>,
) -> Result<Response, Failure> {
    caller.ask(caller.app.store.organization(&caller.actor, id)).await?;
    one(&caller, EventsOf::Organization(id), event).await
}

/// One event of a project's feed.
pub(super) async fn one_of_project(
    caller: Caller,
    GroupPath(id): GroupPath,
    IdPath(event): IdPath<EventId>,
) -> Result<Response, Failure> {
    one(&caller, EventsOf::Project(id), event).await
}

/// The clusters of the filter `clusterNames`, removed ones included; names that nothing here has match nothing.
async fn wanted_clusters(caller: &Caller, project: ProjectId) -> Result<Option<Vec<ClusterId>>, Failure> {
    let wanted = names_of_clusters(caller, "clusterNames")?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let known = caller.ask(caller.app.store.cluster_names(&caller.actor, project)).await?;
    Ok(Some(known.into_iter().filter(|(_, name)| wanted.contains(name)).map(|(id, _)| id).collect()))
}

/// The names of a filter by cluster.
///
/// # Errors
/// [`Failure`] for what can be no name.
pub(super) fn names_of_clusters(caller: &Caller, name: &str) -> Result<Vec<ClusterName>, Failure> {
    let refuse = |_| Failure::field(ErrorCode::InvalidQueryParameter, name, ClusterName::RULE);
    let names = caller.parameters(name);
    names.iter().flat_map(|names| names.split(',')).map(|name| name.parse().map_err(refuse)).collect()
}

/// Reads the filters.
fn query(caller: &Caller, of: EventsOf, feed: Feed, paging: Paging) -> Result<EventQuery, Failure> {
    let wanted = types(caller, "eventType")?;
    let excluded = types(caller, "excludedEventType")?;
    let asked = caller.parameters("eventType").is_empty();
    let names = EventType::ALL
        .iter()
        .filter(|kind| kind.feed() == feed && (asked || wanted.contains(kind)) && !excluded.contains(kind))
        .map(|kind| kind.event_name())
        .collect();
    Ok(EventQuery {
        names: Some(names),
        from: instant(caller, "minDate")?,
        // Atlas's bound includes the instant, the store's does not.
        before: instant(caller, "maxDate")?.map(|at| at.plus(1)),
        page: paging.page,
        per_page: paging.per_page,
        ..EventQuery::newest(of)
    })
}

/// The types of a filter. Types that Atlas has and Byleave does not match nothing; names of our own events are none.
fn types(caller: &Caller, name: &str) -> Result<Vec<EventType>, Failure> {
    let words = type_words(caller, name)?;
    Ok(EventType::ALL.iter().copied().filter(|kind| words.iter().any(|word| word == kind.as_str())).collect())
}

/// The words of a filter by type.
///
/// # Errors
/// [`Failure`] for a word that is no event type.
pub(super) fn type_words(caller: &Caller, name: &str) -> Result<Vec<String>, Failure> {
    let words = caller.parameters(name);
    let words: Vec<String> = words.iter().flat_map(|value| value.split(',')).map(ToOwned::to_owned).collect();
    match words.iter().find(|word| !could_be_a_type(word)) {
        None => Ok(words),
        Some(word) => Err(Failure::field(ErrorCode::InvalidEnumValue, name, "must be event types")
            .saying(format!("An invalid enumeration value {word} was specified."), vec![word.clone()])),
    }
}

/// The only type of Atlas whose name has one part.
const ONE_PART: &str = "DELINQUENT";

/// Whether a word is a type of ours, or looks like one that only Atlas has: the list of those is not ours to keep.
fn could_be_a_type(word: &str) -> bool {
    let known = EventType::ALL.iter().any(|kind| kind.as_str() == word);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let plain = word == ONE_PART || word.contains('_') && word.split('_').all(is_part);
    let own = || event::Event::NAMES.iter().any(|name| name.replace('.', "_").eq_ignore_ascii_case(word));
    known || plain && !own()
}

/// An instant of the query.
///
/// # Errors
/// [`Failure`] for what is none.
pub(super) fn instant(caller: &Caller, name: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = caller.parameter(name)? else { return Ok(None) };
    // A bare `+` of an offset arrives as a space.
    let parsed = Timestamp::parse_capped(&text.replace(' ', "+"));
    parsed.map(Some).map_err(|error| Failure::field(ErrorCode::InvalidQueryParameter, name, error.to_string()))
}

fn answer(caller: &Caller, paging: Paging, page: &EventPage) -> Result<Response, Failure> {
    let raw = caller.flag("includeRaw", false)?;
    let events = page.rows.iter().filter_map(|row| show(caller, row, raw)).collect();
    caller.list(&paging.with_total(caller, events, page.total))
}

async fn one(caller: &Caller, of: EventsOf, id: EventId) -> Result<Response, Failure> {
    let raw = caller.flag("includeRaw", false)?;
    let row = caller.ask(caller.app.store.event(&caller.actor, of, id)).await?;
    let feed = match of {
        EventsOf::Project(_) => Feed::Project,
        EventsOf::Organization(_) | EventsOf::Installation => Feed::Organization,
    };
    let of_feed = EventType::of(&row.entry.event).is_some_and(|kind| kind.feed() == feed);
    match show(caller, &row, raw).filter(|_| of_feed) {
        Some(event) => caller.ok(&event),
        None => Err(caller.nothing_here()),
    }
}

/// An event in Atlas's form, if Atlas has it.
fn show(caller: &Caller, row: &EventRow, raw: bool) -> Option<Event> {
    let entry = &row.entry;
    let kind = EventType::of(&entry.event)?;
    let organization = match entry.log {
        event::LogId::Organization(id) => Some(id.to_string()),
        event::LogId::Installation => None,
    };
    let group = entry.event.project().map(|id| id.to_string());
    let path = match (&organization, &group) {
        (_, Some(group)) => format!("/api/atlas/v2/groups/{group}/events/{}", row.id),
        (organization, None) => {
            format!("/api/atlas/v2/orgs/{}/events/{}", organization.as_deref().unwrap_or_default(), row.id)
        }
    };
    let fields = entry.event.fields();
    let mut event = Event {
        cluster_name: entry.event.cluster().and_then(|id| row.name(&id)).map(ToOwned::to_owned),
        created: entry.at.to_seconds_text(),
        event_type_name: kind.as_str().to_owned(),
        group_id: group,
        id: row.id.to_string(),
        links: vec![caller.link(&path, "self")],
        org_id: organization,
        raw: raw.then(|| json!({ "event": entry.event.name(), "data": show::data(entry.event.fields()) })),
        target_username: target(kind, &fields),
        ..Event::default()
    };
    actor(&mut event, row);
    Some(event)
}

/// The person it happened to.
fn target(kind: EventType, fields: &Fields) -> Option<String> {
    let about_a_person = matches!(kind, EventType::InvitedToOrg | EventType::JoinedOrg);
    match fields.get("user_name") {
        Some(Plain::Erasable(text)) if about_a_person => text.text().map(ToOwned::to_owned),
        Some(_) | None => None,
    }
}

/// Who caused it, as Atlas names them.
fn actor(event: &mut Event, row: &EventRow) {
    match &row.entry.by {
        By::Administrator => event.is_global_admin = true,
        By::ApiKey(id) => {
            event.api_key_id = Some(id.to_string());
            event.public_key = row.name_of_cause().map(ToOwned::to_owned);
        }
        By::Employee(identifier) => {
            event.is_global_admin = true;
            event.employee_identifier = Some(identifier.to_string());
        }
        // No field of Atlas's is for a service account; its client id stands where a person's name would.
        By::ServiceAccount(id) => event.username = Some(id.client_id()),
        By::System => {}
        By::User(id) => {
            event.user_id = Some(id.to_string());
            event.username = row.name_of_cause().map(ToOwned::to_owned);
        }
    }
}

//! The feed: events of a log as those may see them who can read its projects.

use std::collections::HashMap;
use std::hash::Hash;

use byleave_core::actor::{Actor, By};
use byleave_core::event::{Entry, LogId};
use byleave_core::field::Value;
use byleave_core::id::{ApiKeyId, ClusterId, EventId, OrgId, ProjectId, ServiceAccountId, SessionId, UserId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::{ClusterName, ServiceAccountName, UserName};
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Timestamp;
use byleave_log::leaf::{Disclosure, decode, disclose, leaf_hash, log_text};

use crate::authority::{readable, require, require_in_organization, require_in_project};
use crate::error::{Fault, StoreError, Thing};
use crate::facts;
use crate::feed::{Filter, Place, Sight};
use crate::reader::Length;
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;

/// Whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsOf {
    /// The installation's own log; for administrators.
    Installation,
    /// An organization: its own events, and those of the projects that the actor can read.
    Organization(OrgId),
    /// A project.
    Project(ProjectId),
}

/// Which events, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Of whom.
    pub of: EventsOf,
    /// Only events of these names; all if `None`.
    pub names: Option<Vec<&'static str>>,
    /// Only events of these clusters; all if `None`.
    pub clusters: Option<Vec<ClusterId>>,
    /// Only at this time or later.
    pub from: Option<Timestamp>,
    /// Only before this time.
    pub before: Option<Timestamp>,
    /// Only entries after this index of the log.
    pub after: Option<u64>,
    /// Which page, counted from 1.
    pub page: u32,
    /// Entries a page.
    pub per_page: u32,
}

impl EventQuery {
    /// The newest events, 100 a page, without a filter.
    pub const fn newest(of: EventsOf) -> Self {
        Self { of, names: None, clusters: None, from: None, before: None, after: None, page: 1, per_page: 100 }
    }
}

/// One event with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// The entry, with those erasable texts that are still there.
    pub entry: Entry,
    /// The name of the user who caused it, if a user did.
    pub user_name: Option<UserName>,
    /// The public part of the API key that caused it, if a key did.
    pub public_key: Option<String>,
    /// The name of the service account that caused it, if one did.
    pub account_name: Option<ServiceAccountName>,
    /// The name of the cluster that it is about, removed or not, if it is about one.
    pub cluster_name: Option<ClusterName>,
    /// The identifier of the employee whose session it is about, if it is about one.
    pub identifier: Option<EmployeeIdentifier>,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// How many there are on all pages.
    pub total: u64,
    /// This page.
    pub rows: Vec<EventRow>,
}

/// The events that come after an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextEvents {
    /// Those that the actor may see, oldest first.
    pub rows: Vec<EventRow>,
    /// The index up to which there are no others.
    pub until: u64,
}

impl Store {
    /// The oldest events after an index, at most `most` of them: what comes next for whoever follows.
    ///
    /// # Errors
    /// As [`Store::events`].
    pub async fn events_after(
        &self,
        actor: &Actor,
        of: EventsOf,
        after: u64,
        most: u32,
    ) -> Result<NextEvents, StoreError> {
        let actor = actor.clone();
        self.read_long(Length::Page, move |_, sql| read_after(sql, &actor, of, after, most)).await
    }

    /// A page of events, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn events(&self, actor: &Actor, query: EventQuery) -> Result<EventPage, StoreError> {
        let actor = actor.clone();
        self.read_long(Length::Page, move |_, sql| read_page(sql, &actor, query)).await
    }

    /// The public part of the API key that asks; `None` for whoever asks without one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn own_public_key(&self, actor: &Actor) -> Result<Option<String>, StoreError> {
        match actor {
            Actor::ApiKey { id, .. } => public_key(&mut *self.read()?, *id),
            Actor::Administrator
            | Actor::Employee { .. }
            | Actor::ServiceAccount { .. }
            | Actor::System
            | Actor::User { .. } => Ok(None),
        }
    }

    /// One event.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn event(&self, actor: &Actor, of: EventsOf, id: EventId) -> Result<EventRow, StoreError> {
        let mut sql = self.read()?;
        let sight = scope(&mut sql, actor, of)?;
        let leaf = query("SELECT log, idx, leaf, project FROM leaves WHERE log = $1 AND event = $2")
            .bind(log_text(sight.log))
            .bind(id.to_string())
            .fetch_optional(&mut sql)?
            .ok_or(StoreError::NotFound(Thing::Event))?;
        let project: Option<String> = row::raw(&leaf, "project")?;
        if !sight.shows(project.as_deref()) {
            return Err(StoreError::NotFound(Thing::Event));
        }
        event_row(&mut sql, &leaf, &mut Names::default())
    }
}

/// The oldest events after an index.
fn read_after(sql: &mut Sql, actor: &Actor, of: EventsOf, after: u64, most: u32) -> Result<NextEvents, StoreError> {
    let sight = scope(sql, actor, of)?;
    let log = sight.log;
    let filter = Filter::of(sight, &EventQuery { after: Some(after), ..EventQuery::newest(of) })?;
    let leaves = filter.oldest(i64::from(most)).build().fetch_all(sql)?;
    let rows = event_rows(sql, &leaves)?;
    let is_all = u64::try_from(rows.len()).is_ok_and(|read| read < u64::from(most));
    let until = match rows.last() {
        Some(last) if !is_all => last.entry.index,
        Some(_) | None => facts::log_size(sql, log)?.saturating_sub(1).max(after),
    };
    Ok(NextEvents { rows, until })
}

/// A page of events.
fn read_page(sql: &mut Sql, actor: &Actor, query: EventQuery) -> Result<EventPage, StoreError> {
    let sight = scope(sql, actor, query.of)?;
    let log = sight.log;
    if query.names.as_ref().is_some_and(Vec::is_empty) {
        return Ok(EventPage { total: 0, rows: Vec::new() });
    }
    let query = EventQuery { clusters: visible(sql, &sight, query.clusters)?, ..query };
    if query.clusters.as_ref().is_some_and(Vec::is_empty) {
        return Ok(EventPage { total: 0, rows: Vec::new() });
    }
    let filter = Filter::of(sight, &query)?;
    let per_page = i64::from(query.per_page);
    let offset = i64::from(query.page.saturating_sub(1)).saturating_mul(per_page);
    let (total, leaves) = if filter.is_dense() {
        let size = row::signed(facts::log_size(sql, log)?)?;
        let to = size.saturating_sub(offset);
        let from = to.saturating_sub(per_page).max(filter.first());
        let leaves = filter.range(from, to).build().fetch_all(sql)?;
        (u64::try_from(size.saturating_sub(filter.first())).unwrap_or(0), leaves)
    } else if filter.is_by_date() {
        let total = row::count(&filter.total().build().fetch_one(sql)?, "total")?;
        (total, filter.page(per_page, i64::MAX, offset).build().fetch_all(sql)?)
    } else {
        let blocks = filter.blocks().build().fetch_all(sql)?;
        match Place::of(&blocks, offset)? {
            (total, None) => (total, Vec::new()),
            (total, Some(place)) => (total, filter.page(per_page, place.before, place.offset).build().fetch_all(sql)?),
        }
    };
    let rows = event_rows(sql, &leaves)?;
    Ok(EventPage { total, rows })
}

/// What the actor may see.
fn scope(sql: &mut Sql, actor: &Actor, of: EventsOf) -> Result<Sight, StoreError> {
    match of {
        EventsOf::Installation => {
            require(sql, actor, Action::ReadInstallation, Resource::Installation, Thing::Installation)?;
            Ok(Sight { log: LogId::Installation, project: None, readable: None })
        }
        EventsOf::Organization(id) => {
            let actor = require_in_organization(sql, actor, Action::ReadOrganization, id)?;
            let readable = readable(sql, &actor, id)?;
            let all = query("SELECT COUNT(*) AS projects FROM projects WHERE organization = $1");
            let all = row::count(&all.bind(id.to_string()).fetch_one(&mut *sql)?, "projects")?;
            let some = u64::try_from(readable.len()).is_ok_and(|number| number < all);
            let readable = some.then(|| readable.iter().map(ToString::to_string).collect());
            Ok(Sight { log: LogId::Organization(id), project: None, readable })
        }
        EventsOf::Project(id) => {
            let (_, organization) = require_in_project(sql, actor, Action::ReadProject, id)?;
            Ok(Sight { log: LogId::Organization(organization), project: Some(id.to_string()), readable: None })
        }
    }
}

/// Those of the clusters whose events somebody may see: what is counted for a cluster is counted for nothing else.
fn visible(
    sql: &mut Sql,
    sight: &Sight,
    clusters: Option<Vec<ClusterId>>,
) -> Result<Option<Vec<ClusterId>>, StoreError> {
    let Some(clusters) = clusters else { return Ok(None) };
    let mut visible = Vec::with_capacity(clusters.len());
    for id in clusters {
        let row = query("SELECT project FROM clusters WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
        let project: Option<String> = row.map(|row| row::raw(&row, "project")).transpose()?;
        if project.is_some_and(|project| sight.shows(Some(&project))) {
            visible.push(id);
        }
    }
    Ok(Some(visible))
}

/// The names on a page, each looked up once.
#[derive(Default)]
struct Names {
    users: HashMap<UserId, Option<UserName>>,
    keys: HashMap<ApiKeyId, Option<String>>,
    accounts: HashMap<ServiceAccountId, Option<ServiceAccountName>>,
    clusters: HashMap<ClusterId, Option<ClusterName>>,
    sessions: HashMap<SessionId, Option<EmployeeIdentifier>>,
}

/// Answers what is in a map, or looks it up and puts it there.
fn once<K: Copy + Eq + Hash, V: Clone>(
    sql: &mut Sql,
    known: &mut HashMap<K, V>,
    id: K,
    look_up: fn(&mut Sql, K) -> Result<V, StoreError>,
) -> Result<V, StoreError> {
    if let Some(known) = known.get(&id) {
        return Ok(known.clone());
    }
    let found = look_up(sql, id)?;
    known.insert(id, found.clone());
    Ok(found)
}

fn event_rows(sql: &mut Sql, leaves: &[Row]) -> Result<Vec<EventRow>, StoreError> {
    let mut names = Names::default();
    leaves.iter().map(|leaf| event_row(sql, leaf, &mut names)).collect()
}

fn event_row(sql: &mut Sql, row: &Row, names: &mut Names) -> Result<EventRow, StoreError> {
    let leaf: Vec<u8> = row::raw(row, "leaf")?;
    let entry = read_leaf(&leaf)?;
    let has_texts = entry.event.fields().values().any(|value| matches!(value, Value::Erasable(_)));
    let event = if has_texts {
        let kept = disclosures(sql, &row::raw::<String>(row, "log")?, row::raw(row, "idx")?)?;
        disclose(&entry.event, &kept)
            .map_err(|error| StoreError::Corrupt(Fault::of("a text beside a leaf is not its own", error)))?
    } else {
        entry.event
    };
    let (user_name, public_key, account_name) = match &entry.by {
        By::ApiKey(id) => (None, once(sql, &mut names.keys, *id, public_key)?, None),
        By::ServiceAccount(id) => (None, None, once(sql, &mut names.accounts, *id, account_name)?),
        By::User(id) => (once(sql, &mut names.users, *id, user_name)?, None, None),
        By::Administrator | By::Employee(_) | By::System => (None, None, None),
    };
    let cluster_name = match event.cluster() {
        Some(id) => once(sql, &mut names.clusters, id, cluster_name)?,
        None => None,
    };
    let identifier = match (&entry.by, event.session()) {
        (By::Employee(identifier), Some(_)) => Some(identifier.clone()),
        (_, Some(id)) => once(sql, &mut names.sessions, id, identifier)?,
        (_, None) => None,
    };
    let (id, entry) = (leaf_hash(&leaf).event_id(), Entry { event, ..entry });
    Ok(EventRow { id, entry, user_name, public_key, account_name, cluster_name, identifier })
}

/// Reads a leaf that is stored.
pub(crate) fn read_leaf(leaf: &[u8]) -> Result<Entry, StoreError> {
    decode(leaf).map_err(|error| StoreError::Corrupt(Fault::of("a leaf does not decode", error)))
}

/// The erasable texts of a leaf that are still there.
pub(crate) fn disclosures(sql: &mut Sql, log: &str, index: i64) -> Result<Vec<Disclosure>, StoreError> {
    let rows = query("SELECT field, salt, text FROM disclosures WHERE log = $1 AND idx = $2 ORDER BY field")
        .bind(log)
        .bind(index)
        .fetch_all(sql)?;
    let read = |row| {
        let (field, text) = (row::raw(row, "field")?, row::raw(row, "text")?);
        Ok(Disclosure { field, salt: row::bytes(row, "salt")?, text })
    };
    rows.iter().map(read).collect()
}

/// What somebody of a customer is called: the name of a user or service account, the public part of a key.
pub(crate) fn name_of(sql: &mut Sql, by: &By) -> Result<Option<String>, StoreError> {
    match by {
        By::ApiKey(id) => public_key(sql, *id),
        By::ServiceAccount(id) => Ok(account_name(sql, *id)?.map(|name| name.to_string())),
        By::User(id) => Ok(user_name(sql, *id)?.map(|name| name.to_string())),
        By::Administrator | By::Employee(_) | By::System => Ok(None),
    }
}

fn user_name(sql: &mut Sql, id: UserId) -> Result<Option<UserName>, StoreError> {
    let row = query("SELECT name FROM users WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
    row.map(|row| row::text(&row, "name")).transpose()
}

fn cluster_name(sql: &mut Sql, id: ClusterId) -> Result<Option<ClusterName>, StoreError> {
    let row = query("SELECT name FROM clusters WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
    row.map(|row| row::text(&row, "name")).transpose()
}

fn identifier(sql: &mut Sql, id: SessionId) -> Result<Option<EmployeeIdentifier>, StoreError> {
    let row = query("SELECT identifier FROM sessions WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
    row.map(|row| row::text(&row, "identifier")).transpose()
}

fn public_key(sql: &mut Sql, id: ApiKeyId) -> Result<Option<String>, StoreError> {
    let row = query("SELECT public_key FROM api_keys WHERE id = $1").bind(id.to_string());
    row.fetch_optional(sql)?.map(|row| row::raw(&row, "public_key")).transpose()
}

fn account_name(sql: &mut Sql, id: ServiceAccountId) -> Result<Option<ServiceAccountName>, StoreError> {
    let row = query("SELECT name FROM service_accounts WHERE id = $1").bind(id.to_string());
    row.fetch_optional(sql)?.map(|row| row::text(&row, "name")).transpose()
}

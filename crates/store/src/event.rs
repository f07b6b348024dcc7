//! The feed: events of a log as those may see them who can read its projects.

mod name;

use std::collections::BTreeMap;

use byleave_core::actor::{Actor, By};
use byleave_core::event::{Entry, LogId};
use byleave_core::field::Value;
use byleave_core::id::{ClusterId, EventId, OrgId, ProjectId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::policy::{Action, Resource, may};
use byleave_core::time::Timestamp;
use byleave_log::leaf::{Disclosure, decode, disclose, leaf_hash, log_text};

pub use self::name::Called;
use self::name::Names;
pub(crate) use self::name::{name_of, once};
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
    /// What the ids in it are called, removed or not, as far as its reader may know.
    pub names: BTreeMap<String, Called>,
    /// The identifier of the employee whose session it is about, if it is about one.
    pub identifier: Option<EmployeeIdentifier>,
}

impl EventRow {
    /// What an id in it is called.
    pub fn called(&self, id: &impl ToString) -> Option<&Called> {
        self.names.get(&id.to_string())
    }

    /// The name of an id in it.
    pub fn name(&self, id: &impl ToString) -> Option<&str> {
        self.called(id).map(|called| called.name.as_str())
    }

    /// The name of the user or service account that caused it, or the public part of the API key.
    pub fn name_of_cause(&self) -> Option<&str> {
        name::cause(&self.entry.by).and_then(|(_, id)| self.name(&id))
    }
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
            Actor::ApiKey { id, .. } => name_of(&mut *self.read()?, &By::ApiKey(*id)),
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
        event_row(&mut sql, &leaf, &mut Names::new(sight))
    }
}

/// The oldest events after an index.
fn read_after(sql: &mut Sql, actor: &Actor, of: EventsOf, after: u64, most: u32) -> Result<NextEvents, StoreError> {
    let sight = scope(sql, actor, of)?;
    let log = sight.log;
    let mut names = Names::new(sight.clone());
    let filter = Filter::of(sight, &EventQuery { after: Some(after), ..EventQuery::newest(of) })?;
    let leaves = filter.oldest(i64::from(most)).build().fetch_all(sql)?;
    let rows = event_rows(sql, &leaves, &mut names)?;
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
    let mut names = Names::new(sight.clone());
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
    let rows = event_rows(sql, &leaves, &mut names)?;
    Ok(EventPage { total, rows })
}

/// What the actor may see.
fn scope(sql: &mut Sql, actor: &Actor, of: EventsOf) -> Result<Sight, StoreError> {
    match of {
        EventsOf::Installation => {
            require(sql, actor, Action::ReadInstallation, Resource::Installation, Thing::Installation)?;
            Ok(Sight { log: LogId::Installation, project: None, readable: None, service_accounts: false })
        }
        EventsOf::Organization(id) => {
            let actor = require_in_organization(sql, actor, Action::ReadOrganization, id)?;
            let readable = readable(sql, &actor, id)?;
            let all = query("SELECT COUNT(*) AS projects FROM projects WHERE organization = $1");
            let all = row::count(&all.bind(id.to_string()).fetch_one(&mut *sql)?, "projects")?;
            let some = u64::try_from(readable.len()).is_ok_and(|number| number < all);
            let readable = some.then(|| readable.iter().map(ToString::to_string).collect());
            let service_accounts = reads_service_accounts(&actor, id);
            Ok(Sight { log: LogId::Organization(id), project: None, readable, service_accounts })
        }
        EventsOf::Project(id) => {
            let (actor, organization) = require_in_project(sql, actor, Action::ReadProject, id)?;
            let (log, project) = (LogId::Organization(organization), Some(id.to_string()));
            let service_accounts = reads_service_accounts(&actor, organization);
            Ok(Sight { log, project, readable: None, service_accounts })
        }
    }
}

fn reads_service_accounts(actor: &Actor, organization: OrgId) -> bool {
    may(actor, Action::ReadServiceAccounts, Resource::Organization(organization)).is_ok()
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

fn event_rows(sql: &mut Sql, leaves: &[Row], names: &mut Names) -> Result<Vec<EventRow>, StoreError> {
    leaves.iter().map(|leaf| event_row(sql, leaf, names)).collect()
}

fn event_row(sql: &mut Sql, row: &Row, names: &mut Names) -> Result<EventRow, StoreError> {
    let leaf: Vec<u8> = row::raw(row, "leaf")?;
    let entry = read_leaf(&leaf)?;
    let fields = entry.event.fields();
    let called = names.of(sql, &entry, &fields)?;
    let has_texts = fields.values().any(|value| matches!(value, Value::Erasable(_)));
    let event = if has_texts {
        let kept = disclosures(sql, &row::raw::<String>(row, "log")?, row::raw(row, "idx")?)?;
        disclose(&entry.event, &kept)
            .map_err(|error| StoreError::Corrupt(Fault::of("a text beside a leaf is not its own", error)))?
    } else {
        entry.event
    };
    let identifier = match (&entry.by, event.session()) {
        (By::Employee(identifier), Some(_)) => Some(identifier.clone()),
        (_, Some(id)) => names.identifier(sql, id)?,
        (_, None) => None,
    };
    let (id, entry) = (leaf_hash(&leaf).event_id(), Entry { event, ..entry });
    Ok(EventRow { id, entry, names: called, identifier })
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

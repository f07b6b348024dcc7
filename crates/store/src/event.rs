//! The feed: events of a log as those may see them who can read its projects.

use byleave_core::actor::Actor;
use byleave_core::event::Entry;
use byleave_core::id::{ClusterId, EventId, OrgId, ProjectId};
use byleave_core::name::UserName;
use byleave_core::time::Timestamp;

use crate::error::StoreError;
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
    /// Only events of this cluster.
    pub cluster: Option<ClusterId>,
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
        Self { of, names: None, cluster: None, from: None, before: None, after: None, page: 1, per_page: 100 }
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
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// How many there are on all pages.
    pub total: u64,
    /// This page.
    pub rows: Vec<EventRow>,
}

impl Store {
    /// A page of events, newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Forbidden`] by role.
    pub async fn events(&self, actor: &Actor, query: EventQuery) -> Result<EventPage, StoreError> {
        let _ = (actor, query);
        Err(StoreError::unwritten())
    }

    /// One event.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn event(&self, actor: &Actor, of: EventsOf, id: EventId) -> Result<EventRow, StoreError> {
        let _ = (actor, of, id);
        Err(StoreError::unwritten())
    }
}

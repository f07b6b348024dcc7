//! Evidence: what a customer exports and verifies offline. The proofs that connect it to what they kept are in
//! [`crate::proof`].

use std::collections::BTreeSet;

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_core::id::{OrgId, ProjectId};
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Timestamp;
use byleave_log::bundle::{Bundle, BundleEntry};
use byleave_log::checkpoint::Checkpoint;
use byleave_log::hash::Hash;
use byleave_log::leaf::log_text;

use crate::authority::{readable, require, require_in_organization};
use crate::error::{Conflict, Fault, StoreError, Thing};
use crate::event;
use crate::reader::Length;
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::Anchor;

pub use crate::audit::Audit;

/// How many leaves of a log are read at once.
const AT_ONCE: usize = 1000;

/// The present state of a log, as people keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its checkpoint, with the index of its last entry.
    pub anchor: Anchor,
    /// How many entries it has.
    pub size: u64,
    /// The root of their tree, in base64.
    pub root: String,
    /// When its last entry was made.
    pub at: Timestamp,
}

impl Store {
    /// The log's present checkpoint, with the index of its last entry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the log, [`StoreError::Conflict`] if nobody has claimed
    /// its organization.
    pub async fn checkpoint(&self, actor: &Actor, log: LogId) -> Result<Anchor, StoreError> {
        let mut sql = self.read()?;
        may_read(&mut sql, actor, log)?;
        present(&mut sql, log)
    }

    /// What the log's present checkpoint says, and when it was made.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    pub async fn sealed(&self, actor: &Actor, log: LogId) -> Result<Sealed, StoreError> {
        let mut sql = self.read()?;
        may_read(&mut sql, actor, log)?;
        let anchor = present(&mut sql, log)?;
        let head = Checkpoint::open(&anchor.checkpoint, self.signing_key().verifying_key())
            .map_err(|error| StoreError::Corrupt(Fault::of("a checkpoint is not of this installation's key", error)))?
            .head();
        let row = query("SELECT at FROM leaves WHERE log = $1 AND idx = $2")
            .bind(log_text(log))
            .bind(row::signed(anchor.index)?)
            .fetch_one(&mut sql)?;
        Ok(Sealed { anchor, size: head.size, root: head.root.to_base64(), at: row::instant(&row, "at")? })
    }

    /// The evidence of an organization as one JSON text; entries of projects that the actor cannot read are hashes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization, [`StoreError::Conflict`] if nobody has
    /// claimed it.
    pub async fn evidence(&self, actor: &Actor, organization: OrgId) -> Result<String, StoreError> {
        let actor = actor.clone();
        self.read_long(Length::Log, move |store, sql| store.bundle(sql, &actor, organization)).await
    }

    fn bundle(&self, sql: &mut Sql, actor: &Actor, organization: OrgId) -> Result<String, StoreError> {
        let log = LogId::Organization(organization);
        let actor = require_in_organization(sql, actor, Action::ReadOrganization, organization)?;
        let readable = readable(sql, &actor, organization)?;
        let anchor = present(sql, log)?;
        let mut entries = Vec::new();
        // Some at a time: a long log must not be held twice.
        for from in (0..=anchor.index).step_by(AT_ONCE) {
            let rows = query(
                "SELECT log, idx, project, leaf, hash FROM leaves WHERE log = $1 AND idx >= $2 AND idx < $3 ORDER BY idx",
            );
            let to = from.saturating_add(AT_ONCE as u64);
            let rows = rows.bind(log_text(log)).bind(row::signed(from)?).bind(row::signed(to)?).fetch_all(sql)?;
            for row in &rows {
                entries.push(entry(sql, row, &readable)?);
            }
        }
        Ok(Bundle::new(self.verifying_key(), anchor.checkpoint, entries).to_string())
    }
}

/// Refuses who may not know of the log.
pub(crate) fn may_read(sql: &mut Sql, actor: &Actor, log: LogId) -> Result<(), StoreError> {
    let required = match log {
        LogId::Installation => {
            require(sql, actor, Action::ReadInstallation, Resource::Installation, Thing::Installation)
        }
        LogId::Organization(id) => require_in_organization(sql, actor, Action::ReadOrganization, id),
    };
    required.map(drop)
}

/// The present state of a log.
pub(crate) fn present(sql: &mut Sql, log: LogId) -> Result<Anchor, StoreError> {
    let row = query("SELECT size, checkpoint FROM logs WHERE log = $1")
        .bind(log_text(log))
        .fetch_optional(sql)?
        .ok_or(StoreError::Conflict(Conflict::NotClaimed))?;
    let size = row::count(&row, "size")?;
    let index = size.checked_sub(1).ok_or_else(|| StoreError::corrupt("a log without entries"))?;
    Ok(Anchor { log, index, checkpoint: row::raw(&row, "checkpoint")? })
}

fn entry(sql: &mut Sql, row: &Row, readable: &BTreeSet<ProjectId>) -> Result<BundleEntry, StoreError> {
    if row::text_or_none(row, "project")?.is_some_and(|project: ProjectId| !readable.contains(&project)) {
        return Ok(BundleEntry::hidden(Hash::from_bytes(row::bytes(row, "hash")?)));
    }
    let texts = event::disclosures(sql, &row::raw::<String>(row, "log")?, row::raw(row, "idx")?)?;
    Ok(BundleEntry::of_leaf(row::raw(row, "leaf")?, texts))
}

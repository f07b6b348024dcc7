//! Evidence: what a customer exports and verifies offline. The proofs that connect it to what they kept are in
//! [`crate::proof`].

use std::collections::BTreeSet;

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_core::id::{OrgId, ProjectId};
use byleave_core::policy::{Action, Resource, may};
use byleave_core::time::Timestamp;
use byleave_log::bundle::{self, BundleEntry, Rights};
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

/// How many leaves of a log are read, and held, at once.
const AT_ONCE: u64 = 500;

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

    /// The evidence of an organization as one JSON text, for what is short: see [`Store::export`].
    ///
    /// # Errors
    /// As [`Store::export`].
    pub async fn evidence(&self, actor: &Actor, organization: OrgId) -> Result<String, StoreError> {
        let mut export = self.export(actor, organization).await?;
        let mut text = String::new();
        while let Some(piece) = export.next_piece().await? {
            text.push_str(&piece);
        }
        Ok(text)
    }

    /// The evidence of an organization, piece by piece: a log may be longer than memory. Entries of projects that the
    /// actor cannot read are hashes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization, [`StoreError::Conflict`] if nobody has
    /// claimed it.
    pub async fn export(&self, actor: &Actor, organization: OrgId) -> Result<Export, StoreError> {
        let mut sql = self.read()?;
        let known = require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        // Who may read a project that there is not may read all that there are.
        let any = Resource::Project(organization, ProjectId::from_bytes([0; 12]));
        let rights = if may(&known, Action::ReadProject, any).is_ok() { Rights::Whole } else { Rights::Projects };
        let Anchor { index, checkpoint, .. } = present(&mut sql, LogId::Organization(organization))?;
        let (store, actor) = (self.clone(), actor.clone());
        Ok(Export { store, actor, organization, rights, size: index + 1, checkpoint, next: Next::Begin })
    }

    /// Entries of a log from one on, at most [`AT_ONCE`], as they stand in evidence.
    fn entries(
        sql: &mut Sql,
        actor: &Actor,
        organization: OrgId,
        (from, to): (u64, u64),
    ) -> Result<String, StoreError> {
        let actor = require_in_organization(sql, actor, Action::ReadOrganization, organization)?;
        let readable = readable(sql, &actor, organization)?;
        let rows = query(
            "SELECT log, idx, project, leaf, hash FROM leaves WHERE log = $1 AND idx >= $2 AND idx < $3 ORDER BY idx",
        );
        let rows = rows.bind(log_text(LogId::Organization(organization)));
        let rows = rows.bind(row::signed(from)?).bind(row::signed(to)?).fetch_all(sql)?;
        if rows.len() as u64 != to - from {
            return Err(StoreError::corrupt("a log with a gap"));
        }
        let mut text = String::new();
        for (position, row) in (from..to).zip(&rows) {
            bundle::push(&mut text, position, &entry(sql, row, &readable)?);
        }
        Ok(text)
    }
}

/// Evidence that is being handed out. What it tells is of the moment when it was begun: entries never change, and those
/// that come later are not of its checkpoint. No snapshot is held between two pieces, however slow the reader is.
pub struct Export {
    store: Store,
    actor: Actor,
    organization: OrgId,
    rights: Rights,
    size: u64,
    checkpoint: String,
    next: Next,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
enum Next {
    Begin,
    From(u64),
    Done,
}

impl Export {
    /// The next piece; `None` after the last one. It asks again whether the actor may read this.
    ///
    /// # Errors
    /// What the store says.
    pub async fn next_piece(&mut self) -> Result<Option<String>, StoreError> {
        let (piece, next) = match self.next {
            Next::Begin => {
                (bundle::begin(Some(self.rights), &self.store.verifying_key(), &self.checkpoint), Next::From(0))
            }
            Next::From(from) if from < self.size => {
                let to = self.size.min(from.saturating_add(AT_ONCE));
                let (actor, organization) = (self.actor.clone(), self.organization);
                let read = move |_: &Store, sql: &mut Sql| Store::entries(sql, &actor, organization, (from, to));
                (self.store.read_long(Length::Log, read).await?, Next::From(to))
            }
            Next::From(_) => (bundle::END.to_owned(), Next::Done),
            Next::Done => return Ok(None),
        };
        self.next = next;
        Ok(Some(piece))
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

//! Proofs from a log's tree: that it goes on from what it was, which a customer's kept anchors are compared with, that an
//! entry is in it, and the tiles from which anyone makes such proofs.
//!
//! Whoever may see the checkpoint may see all of these: hashes only. Read next: [`byleave_log::proof`], which says which
//! subtrees a proof is made of.

use std::collections::BTreeMap;

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_log::hash::Hash;
use byleave_log::leaf::log_text;
use byleave_log::proof::{Proof, Subtree, consistency_needs, inclusion_needs, prove_consistency, prove_inclusion};

use crate::error::{Fault, StoreError, Thing};
use crate::evidence;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;

pub use byleave_log::tile::Tile;

/// A log's latest checkpoint, and the proof that it continues an older state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The signed note.
    pub checkpoint: String,
    /// The proof; empty if the log has fewer entries than that state had, which proves the opposite.
    pub proof: Proof,
}

/// A log's latest checkpoint, and the proof that an entry is in the tree of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The signed note.
    pub checkpoint: String,
    /// The hash of the entry.
    pub leaf: Hash,
    /// The proof.
    pub proof: Proof,
}

impl Store {
    /// The log's latest checkpoint and the proof that it continues what the log was at `size` entries.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    pub async fn continuation(&self, actor: &Actor, log: LogId, size: u64) -> Result<Continuation, StoreError> {
        let mut tx = self.read()?;
        // Who may see the checkpoint may see how it came about: hashes only.
        evidence::may_read(&mut tx, actor, log)?;
        let present = evidence::present(&mut tx, log)?;
        let (name, now, checkpoint) = (log_text(log), present.index + 1, present.checkpoint);
        if size > now {
            return Ok(Continuation { checkpoint, proof: Proof(Vec::new()) });
        }
        let damaged = |error| StoreError::Corrupt(Fault::of("a log's tree is not whole", error));
        let nodes = nodes(&mut tx, &name, consistency_needs(size, now).map_err(damaged)?)?;
        let proof = prove_consistency(size, now, &nodes).map_err(damaged)?;
        Ok(Continuation { checkpoint, proof })
    }

    /// The log's latest checkpoint and the proof that the entry at `index` is in its tree.
    ///
    /// # Errors
    /// As [`Store::checkpoint`]; [`StoreError::NotFound`] if the log has no such entry.
    pub async fn inclusion(&self, actor: &Actor, log: LogId, index: u64) -> Result<Inclusion, StoreError> {
        let mut tx = self.read()?;
        evidence::may_read(&mut tx, actor, log)?;
        let present = evidence::present(&mut tx, log)?;
        if index > present.index {
            return Err(StoreError::NotFound(Thing::Event));
        }
        let (name, size) = (log_text(log), present.index + 1);
        let damaged = |error| StoreError::Corrupt(Fault::of("a log's tree is not whole", error));
        let nodes = nodes(&mut tx, &name, inclusion_needs(index, size).map_err(damaged)?)?;
        let proof = prove_inclusion(index, size, &nodes).map_err(damaged)?;
        let leaf = node(&mut tx, &name, Subtree { level: 0, index })?;
        Ok(Inclusion { checkpoint: present.checkpoint, leaf, proof })
    }

    /// The hashes of a tile, one after the other; `None` if the log does not have all of them yet.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    pub async fn tile(&self, actor: &Actor, log: LogId, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.read()?;
        evidence::may_read(&mut tx, actor, log)?;
        if !tile.is_in(evidence::present(&mut tx, log)?.index + 1) {
            return Ok(None);
        }
        let (name, mut hashes) = (log_text(log), Vec::new());
        for subtree in tile.subtrees() {
            hashes.extend_from_slice(node(&mut tx, &name, subtree)?.as_bytes());
        }
        Ok(Some(hashes))
    }
}

fn nodes(sql: &mut Sql, log: &str, needs: Vec<Subtree>) -> Result<BTreeMap<Subtree, Hash>, StoreError> {
    let mut nodes = BTreeMap::new();
    for subtree in needs {
        nodes.insert(subtree, node(sql, log, subtree)?);
    }
    Ok(nodes)
}

fn node(sql: &mut Sql, log: &str, subtree: Subtree) -> Result<Hash, StoreError> {
    let index = row::signed(subtree.index)?;
    let query = match subtree.level {
        0 => query("SELECT hash FROM leaves WHERE log = $1 AND idx = $2").bind(log).bind(index),
        level => query("SELECT hash FROM tree_nodes WHERE log = $1 AND idx = $2 AND level = $3")
            .bind(log)
            .bind(index)
            .bind(i64::from(level)),
    };
    let found = query.fetch_optional(sql)?;
    let found = found.ok_or_else(|| StoreError::corrupt("a node of a log's tree is missing"))?;
    Ok(Hash::from_bytes(row::bytes(&found, "hash")?))
}

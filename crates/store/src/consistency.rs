//! Proofs that a log goes on from what it was: what a customer's kept anchors are compared with.
//!
//! Read next: [`byleave_log::proof`], which says which subtrees a proof is made of.

use std::collections::BTreeMap;

use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_log::hash::Hash;
use byleave_log::leaf::log_text;
use byleave_log::proof::{Proof, Subtree, consistency_needs, prove_consistency};
use sqlx::SqliteConnection;

use crate::error::{Fault, StoreError};
use crate::evidence;
use crate::row;
use crate::store::Store;

/// A log's latest checkpoint, and the proof that it continues an older state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The signed note.
    pub checkpoint: String,
    /// The proof; empty if the log has fewer entries than that state had, which proves the opposite.
    pub proof: Proof,
}

impl Store {
    /// The log's latest checkpoint and the proof that it continues what the log was at `size` entries.
    ///
    /// # Errors
    /// As [`Store::checkpoint`].
    pub async fn continuation(&self, actor: &Actor, log: LogId, size: u64) -> Result<Continuation, StoreError> {
        let mut tx = self.read().await?;
        // Who may see the checkpoint may see how it came about: hashes only.
        evidence::may_read(&mut tx, actor, log).await?;
        let present = evidence::present(&mut tx, log).await?;
        let (name, now, checkpoint) = (log_text(log), present.index + 1, present.checkpoint);
        if size > now {
            return Ok(Continuation { checkpoint, proof: Proof(Vec::new()) });
        }
        let damaged = |error| StoreError::Corrupt(Fault::of("a log's tree is not whole", error));
        let mut nodes = BTreeMap::new();
        for subtree in consistency_needs(size, now).map_err(damaged)? {
            nodes.insert(subtree, node(&mut tx, &name, subtree).await?);
        }
        let proof = prove_consistency(size, now, &nodes).map_err(damaged)?;
        Ok(Continuation { checkpoint, proof })
    }
}

async fn node(sql: &mut SqliteConnection, log: &str, subtree: Subtree) -> Result<Hash, StoreError> {
    let index = row::signed(subtree.index)?;
    let query = match subtree.level {
        0 => sqlx::query("SELECT hash FROM leaves WHERE log = $1 AND idx = $2").bind(log).bind(index),
        level => sqlx::query("SELECT hash FROM tree_nodes WHERE log = $1 AND idx = $2 AND level = $3")
            .bind(log)
            .bind(index)
            .bind(i64::from(level)),
    };
    let found = query.fetch_optional(sql).await?;
    let found = found.ok_or_else(|| StoreError::corrupt("a node of a log's tree is missing"))?;
    Ok(Hash::from_bytes(row::bytes(&found, "hash")?))
}

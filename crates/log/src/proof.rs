//! Proofs of RFC 6962: that a leaf is in a tree, and that one tree begins with another.
//!
//! Making a proof takes two steps, so that no log has to be in memory: `…_needs` names the perfect subtrees whose
//! hashes the proof is made of (at most 128 of them, for any size), whoever stores the log fetches those, and `prove_…`
//! puts them together. Checking needs only the proof, the sizes and the roots.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;

/// A perfect subtree: the 2^`level` leaves from `index` × 2^`level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    /// Its height; 0 is a leaf.
    pub level: u8,
    /// Its place among those of its level, from the left.
    pub index: u64,
}

impl Subtree {
    /// The subtree above.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index >> 1 }
    }

    /// The leaves it covers, from the first to the one after the last.
    pub const fn leaves(self) -> std::ops::Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }
}

/// Where the hashes of perfect subtrees come from.
pub trait Nodes {
    /// The hash of this subtree, if it is at hand.
    fn hash(&self, subtree: Subtree) -> Option<Hash>;
}

/// Nodes that were fetched or stored.
impl Nodes for BTreeMap<Subtree, Hash> {
    fn hash(&self, subtree: Subtree) -> Option<Hash> {
        self.get(&subtree).copied()
    }
}

/// The hashes of all leaves; nodes are computed.
impl Nodes for [Hash] {
    fn hash(&self, subtree: Subtree) -> Option<Hash> {
        let leaves = subtree.leaves();
        let (from, to) = (usize::try_from(leaves.start).ok()?, usize::try_from(leaves.end).ok()?);
        let frontier: crate::tree::Frontier = self.get(from..to)?.iter().copied().collect();
        Some(frontier.root())
    }
}

/// Why no proof can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A node is not at hand.
    #[error("the hash of the {} entries from {} on is missing", .0.leaves().end - .0.leaves().start, .0.leaves().start)]
    Missing(Subtree),
    /// The tree is smaller than what is to be proved of it.
    #[error("the log has no entry or state {asked}; it has {size} entries")]
    OutOfRange {
        /// The index or the older size.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
}

/// The hashes of a proof, from the leaves up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof(pub Vec<Hash>);

impl Proof {
    /// The form in JSON: base64 texts.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect()
    }

    /// Reads the form in JSON.
    ///
    /// # Errors
    /// [`crate::hash::HashError`] if a text is no hash.
    pub fn from_texts<T: AsRef<str>>(texts: &[T]) -> Result<Self, crate::hash::HashError> {
        texts.iter().map(|text| Hash::from_base64(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }
}

/// The subtrees that an inclusion proof needs.
///
/// # Errors
/// [`ProofError::OutOfRange`] if the tree has no such leaf.
pub fn inclusion_needs(index: u64, size: u64) -> Result<Vec<Subtree>, ProofError> {
    let parts = inclusion_parts(index, size)?;
    Ok(parts.into_iter().flat_map(Part::subtrees).collect())
}

/// Proves that the leaf at `index` is in the tree of `size` leaves.
///
/// # Errors
/// [`ProofError`] if the tree has no such leaf or a node is missing.
pub fn prove_inclusion(index: u64, size: u64, nodes: &(impl Nodes + ?Sized)) -> Result<Proof, ProofError> {
    assemble(inclusion_parts(index, size)?, nodes)
}

/// The subtrees that a consistency proof needs.
///
/// # Errors
/// [`ProofError::OutOfRange`] if the older tree is larger than the newer one.
pub fn consistency_needs(old: u64, new: u64) -> Result<Vec<Subtree>, ProofError> {
    let parts = consistency_parts(old, new)?;
    Ok(parts.into_iter().flat_map(Part::subtrees).collect())
}

/// Proves that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// # Errors
/// [`ProofError`] if the older tree is larger than the newer one or a node is missing.
pub fn prove_consistency(old: u64, new: u64, nodes: &(impl Nodes + ?Sized)) -> Result<Proof, ProofError> {
    assemble(consistency_parts(old, new)?, nodes)
}

/// The subtrees that make up the tree of `size` leaves: what a [`crate::tree::Frontier`] holds.
pub fn frontier_needs(size: u64) -> Vec<Subtree> {
    Part { from: 0, to: size }.subtrees()
}

/// Checks that `leaf` is at `index` of the tree with this size and root.
pub fn is_included(leaf: Hash, index: u64, size: u64, root: Hash, proof: &Proof) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for &step in &proof.0 {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = Hash::of_node(step, hash);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = Hash::of_node(hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// A tree of which only size and root are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Checks that the tree `new` begins with the tree `old`.
pub fn is_consistent(old: Head, new: Head, proof: &Proof) -> bool {
    if old.size == 0 {
        return proof.0.is_empty() && old.root == Hash::of_nothing();
    }
    if old.size >= new.size {
        return old == new && proof.0.is_empty();
    }
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    while at % 2 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let mut steps = proof.0.iter().copied();
    let start = if old.size.is_power_of_two() { Some(old.root) } else { steps.next() };
    let Some(start) = start else { return false };
    let (mut older, mut newer) = (start, start);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            older = Hash::of_node(step, older);
            newer = Hash::of_node(step, newer);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            newer = Hash::of_node(newer, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && older == old.root && newer == new.root
}

/// Leaves whose common hash is one step of a proof.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: u64,
    to: u64,
}

impl Part {
    /// The perfect subtrees it is made of, from the left. INVARIANT: `from` is a multiple of the part's power of two.
    fn subtrees(self) -> Vec<Subtree> {
        let mut subtrees = Vec::new();
        let mut from = self.from;
        while let Some(log) = (self.to - from).checked_ilog2() {
            subtrees.push(Subtree { level: log as u8, index: from >> log });
            from += 1 << log;
        }
        subtrees
    }

    fn hash(self, nodes: &(impl Nodes + ?Sized)) -> Result<Hash, ProofError> {
        let hashes: Vec<Hash> = self
            .subtrees()
            .into_iter()
            .map(|subtree| nodes.hash(subtree).ok_or(ProofError::Missing(subtree)))
            .collect::<Result<_, _>>()?;
        let folded = hashes.into_iter().rev().reduce(|right, left| Hash::of_node(left, right));
        Ok(folded.unwrap_or_else(Hash::of_nothing))
    }
}

fn assemble(parts: Vec<Part>, nodes: &(impl Nodes + ?Sized)) -> Result<Proof, ProofError> {
    parts.into_iter().map(|part| part.hash(nodes)).collect::<Result<_, _>>().map(Proof)
}

/// The largest power of two below `size`, for sizes over 1.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

fn inclusion_parts(index: u64, size: u64) -> Result<Vec<Part>, ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { asked: index, size });
    }
    let (mut from, mut to) = (0, size);
    let mut parts = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            parts.push(Part { from: middle, to });
            to = middle;
        } else {
            parts.push(Part { from, to: middle });
            from = middle;
        }
    }
    parts.reverse();
    Ok(parts)
}

fn consistency_parts(old: u64, new: u64) -> Result<Vec<Part>, ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange { asked: old, size: new });
    }
    let mut parts = Vec::new();
    if old == 0 || old == new {
        return Ok(parts);
    }
    let (mut from, mut to) = (0, new);
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            parts.push(Part { from: middle, to });
            to = middle;
        } else {
            parts.push(Part { from, to: middle });
            from = middle;
        }
    }
    // Whoever checks knows the root of the older tree: where that is a subtree of its own, it is left out.
    if from > 0 {
        parts.push(Part { from, to });
    }
    parts.reverse();
    Ok(parts)
}

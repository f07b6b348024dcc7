//! The frontier of a tree: what the store keeps of each log to append to it, and what a verifier folds leaves into.

use crate::hash::Hash;
use crate::proof::Subtree;

/// The hashes of the perfect subtrees that make up a tree, largest first: one for each bit set in the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// How many leaves there are, which is the index of the next one.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and tells every perfect subtree that it completes, smallest first, the leaf itself included:
    /// what a store of nodes has to keep.
    pub fn append(&mut self, leaf: Hash) -> Vec<(Subtree, Hash)> {
        let mut subtree = Subtree { level: 0, index: self.size };
        let mut hash = leaf;
        let mut completed = vec![(subtree, hash)];
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                subtree = subtree.parent();
                hash = Hash::of_node(left, hash);
                completed.push((subtree, hash));
            }
        }
        self.hashes.push(hash);
        self.size += 1;
        completed
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let folded = self.hashes.iter().rev().copied().reduce(|right, left| Hash::of_node(left, right));
        folded.unwrap_or_else(Hash::of_nothing)
    }

    /// The form that the store keeps: the size as 8 bytes, most significant first, and the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.hashes.iter().flat_map(|hash| *hash.as_bytes());
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// Reads what [`Frontier::to_bytes`] writes.
    ///
    /// # Errors
    /// [`FrontierError`] if the number of hashes does not fit the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (chunks, trailing) = rest.as_chunks::<32>();
        if !trailing.is_empty() || chunks.len() != size.count_ones() as usize {
            return Err(FrontierError);
        }
        Ok(Self { size, hashes: chunks.iter().copied().map(Hash::from_bytes).collect() })
    }
}

impl Extend<Hash> for Frontier {
    fn extend<T: IntoIterator<Item = Hash>>(&mut self, leaves: T) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

impl FromIterator<Hash> for Frontier {
    fn from_iter<T: IntoIterator<Item = Hash>>(leaves: T) -> Self {
        let mut frontier = Self::new();
        frontier.extend(leaves);
        frontier
    }
}

/// The bytes are no frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kept frontier of the log does not fit its size")]
pub struct FrontierError;

//! Tags: what a thing is like at the moment, in one word, so that nobody overwrites what they have not seen.
//!
//! A store that carries an [`Expectation`] refuses its first write as [`StoreError::Stale`] unless that compares the
//! tag inside its transaction and finds an expected one; a write that compares nothing is refused, too. This module must
//! never let a tag depend on anything but what can be changed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use byleave_core::id::GrantId;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Transaction;

/// What a thing is like: the same tag, the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The tag of what these facts say, by their debug form, which names every field.
    pub(crate) fn of(facts: &impl fmt::Debug) -> Self {
        Self(hex::encode(Sha256::digest(format!("{facts:?}")).get(..16).unwrap_or_default()))
    }

    /// The tag of what is granted: the id of the grant in force, or `none`.
    pub(crate) fn of_grant(in_force: Option<GrantId>) -> Self {
        Self(in_force.map_or_else(|| "none".to_owned(), |id| id.to_string()))
    }

    /// The tag as text: hexadecimal digits or a word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tags, one of which a thing must have for a write to change it.
#[derive(Debug)]
pub struct Expectation {
    tags: Vec<String>,
    is_met: AtomicBool,
}

impl Expectation {
    /// One of these tags.
    pub fn new(tags: Vec<String>) -> Self {
        Self { tags, is_met: AtomicBool::new(false) }
    }

    /// Whether a write has compared, and found what it expected.
    pub(crate) fn is_met(&self) -> bool {
        self.is_met.load(Ordering::Acquire)
    }

    fn meet(&self) {
        self.is_met.store(true, Ordering::Release);
    }
}

impl Store {
    /// The same store for one request that changes only what still has one of the expected tags.
    #[must_use]
    pub fn expecting(&self, expectation: Arc<Expectation>) -> Self {
        self.with_expectation(expectation)
    }
}

impl Transaction<'_> {
    /// Compares what is there with what the actor saw, if they said so.
    pub(crate) fn expect(&self, present: impl FnOnce() -> Tag) -> Result<(), StoreError> {
        match self.store.expectation() {
            Some(expected) if expected.tags.contains(&present().0) => {
                expected.meet();
                Ok(())
            }
            Some(_) => Err(StoreError::Stale),
            None => Ok(()),
        }
    }

    /// Does without a comparison: what closes the door is carried out whatever the actor saw.
    pub(crate) fn expect_nothing(&self) {
        self.store.expectation().inspect(|expected| expected.meet());
    }
}

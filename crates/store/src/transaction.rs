//! The one named write transaction: begin immediate → body → append entries → commit → publish.
//!
//! It must never publish before the commit or return before it has published.

use byleave_core::event::LogId;

/// What a customer keeps of an answer: where it stands in the log, and the log's signed state right after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The log.
    pub log: LogId,
    /// The index of the (last) entry that was written.
    pub index: u64,
    /// The checkpoint that includes it: a C2SP signed note.
    pub checkpoint: String,
}

/// What a write made, and where it stands in the logs. No anchors if nothing had to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The result.
    pub value: T,
    /// One anchor for each log that got an entry.
    pub anchors: Vec<Anchor>,
}

impl<T> Written<T> {
    /// The same anchors with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: change(self.value), anchors: self.anchors }
    }
}

//! Cutting fields out of a frame in place: what stays is not copied, only moved together.
//!
//! INVARIANT: cuts are kept in ascending order and do not overlap; every document that loses bytes is in `shrunk`.

use std::ops::Range;

use super::ReplyError;
use crate::bson::{Document, Element};
use crate::builder::length;

/// What is to be cut out of a frame.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    ranges: Vec<Range<usize>>,
    /// Where each document begins, and how long it is without what is cut.
    shrunk: Vec<(usize, usize)>,
}

impl Cuts {
    /// Goes through the elements of the document that begins at `at`; what `keep` says no to is cut. `keep` may look
    /// deeper: it gets where the element's value ends, and says how many bytes were cut inside.
    pub(super) fn document<'a>(
        &mut self,
        document: Document<'a>,
        at: usize,
        keep: &mut dyn FnMut(&mut Self, &Element<'a>, usize) -> Result<Keep, ReplyError>,
    ) -> Result<usize, ReplyError> {
        let mut place = at.saturating_add(4);
        let mut lost = 0_usize;
        for element in document.elements() {
            let element = element?;
            let end = place.saturating_add(element.raw.len());
            match keep(self, &element, end)? {
                Keep::No => {
                    self.ranges.push(place..end);
                    lost = lost.saturating_add(element.raw.len());
                }
                Keep::Shorter(inside) => lost = lost.saturating_add(inside),
                Keep::Yes => {}
            }
            place = end;
        }
        if lost > 0 {
            self.shrunk.push((at, document.as_bytes().len().saturating_sub(lost)));
        }
        Ok(lost)
    }

    /// Cuts.
    pub(super) fn apply(self, frame: &mut Vec<u8>) {
        for (at, shorter) in self.shrunk {
            if let Some(head) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
                *head = length(shorter);
            }
        }
        for range in self.ranges.into_iter().rev() {
            frame.drain(range);
        }
    }
}

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is cut.
    No,
    /// It stays, with so many bytes cut inside.
    Shorter(usize),
    /// It stays.
    Yes,
}

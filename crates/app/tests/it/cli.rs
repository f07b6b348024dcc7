//! The command line, as people and scripts use it.

mod offline;
pub(crate) mod story;

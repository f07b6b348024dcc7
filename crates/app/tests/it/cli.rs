//! The command line, as people and scripts use it.

mod offline;
mod story;

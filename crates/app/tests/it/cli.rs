//! The command line, as people and scripts use it.

mod doctor;
mod offline;
pub(crate) mod story;
mod tls;

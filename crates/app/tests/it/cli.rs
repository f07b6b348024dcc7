//! The command line, as people and scripts use it.

mod doctor;
mod offline;
mod serve;
pub(crate) mod story;
mod sync;
mod tls;

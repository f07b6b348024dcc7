//! The command line, as people and scripts use it.

mod doctor;
mod hangup;
mod lost;
mod offline;
mod serve;
pub(crate) mod story;
mod tls;

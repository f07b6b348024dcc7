//! The command line, as people and scripts use it.

mod closed;
mod doctor;
mod hangup;
mod lists;
mod lost;
mod offline;
mod serve;
mod service_accounts;
pub(crate) mod story;
mod sync;
mod sync_credential;
mod tls;
mod words;

//! The command line, as people and scripts use it.

mod doctor;
mod hangup;
mod lost;
mod offline;
mod serve;
mod service_accounts;
pub(crate) mod story;
mod sync;
mod sync_credential;
mod tls;

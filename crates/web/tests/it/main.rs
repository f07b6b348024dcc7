//! The real router over real TCP with a real store, a clock that stands still unless told, and independent clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says so"
)]

mod accounts;
mod activity;
mod apart;
mod api_keys;
mod atlas;
mod bad_input;
mod bodies;
mod browser;
mod client;
mod clients;
mod closing;
mod described;
mod events;
mod expiry;
mod grants;
mod history;
mod house;
mod limits;
#[path = "../shared/lock.rs"]
mod lock;
mod log;
mod manners;
mod members;
mod names;
mod openapi;
mod people;
mod projects;
mod rates;
mod recovery;
mod repeat;
mod requests;
mod shut;
mod stream;
mod sync;
mod tags;
mod terraform;
mod throttle;
mod tls;
mod unauthorized;
mod vendor;
mod versions;
mod walk;

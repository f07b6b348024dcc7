//! The real router over real TCP with a real store, a clock that stands still unless told, and independent clients.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says so"
)]

mod accounts;
mod api_keys;
mod atlas;
mod bodies;
mod client;
mod clients;
mod events;
mod expiry;
mod house;
mod limits;
#[path = "../shared/lock.rs"]
mod lock;
mod log;
mod names;
mod people;
mod rates;
mod shut;
mod stream;
mod terraform;
mod tls;
mod unauthorized;
mod vendor;
mod versions;

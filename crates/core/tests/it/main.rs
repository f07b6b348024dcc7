//! The tests of the rules, one module for each part. `BYLEAVE_BLESS=1` rewrites the golden files.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails says so"
)]

mod golden;

mod access;
mod estate;
mod event;
mod grant;
mod history;
mod inventory;
mod name;
mod oracle;
mod policy;
mod recovery;
mod request;
mod world;

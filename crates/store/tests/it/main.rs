//! The store on a real SQLite in a temporary directory, with a clock that the tests set.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test that fails may panic")]

mod account;
mod clock;
mod concurrency;
mod consent;
mod employee;
mod event;
mod evidence;
mod failure;
mod grant;
mod history;
mod inventory;
mod invitation;
mod member;
mod memory;
mod organization;
mod password_reset;
mod recovery;
mod repeat;
mod request;
mod session;
mod sync;
mod user;
mod world;

//! The pages in Debian's Chromium, against the real router and a real store in a temporary directory.
//!
//! Each test drives its own browsers and waits for what it expects to see, never for time. Read [`site`] for what is
//! served and [`browser`] for how it is looked at.

#![expect(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says so")]

mod account;
mod browser;
mod consent;
mod evidence;
#[path = "../shared/lock.rs"]
mod lock;
mod session;
mod shut;
mod sign_in;
mod site;
mod sync;
mod together;
mod without_scripts;

//! The tests of the rules, one module for each part. `BYLEAVE_BLESS=1` rewrites the golden files.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that fails says so")]

mod golden;

mod event;
mod policy;

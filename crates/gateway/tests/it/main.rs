//! The gateway against a real OpenSSH server and real clients.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod client;
mod cut;
mod flow;
mod forwarding;
mod hostile;
mod logs;
mod memory;
mod node;
mod raw;
mod recording;
mod shell;
mod strangers;
mod sync;
mod words;
mod world;

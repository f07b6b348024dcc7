//! Sync data through the door: real clients, real servers behind it, and what must never pass.

mod driver;
mod front;
mod rig;
mod server;
mod session;
mod support;
mod upstream;
mod words;

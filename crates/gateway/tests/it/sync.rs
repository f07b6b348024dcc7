//! Sync data through the door: real clients, real servers behind it, and what must never pass.

mod basis;
#[path = "../../../wire/tests/it/text.rs"]
mod bson_text;
mod dawdlers;
mod driver;
mod front;
mod hostile;
mod last_word;
mod limits;
mod members;
mod raw;
mod rig;
mod server;
mod session;
mod support;
mod told;
mod upstream;
mod words;

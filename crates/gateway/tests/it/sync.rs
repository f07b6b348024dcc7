//! Sync data through the door: a real client, a real server behind it, and what must never pass.

mod dawdlers;
mod rig;
mod session;
mod upstream;
mod words;

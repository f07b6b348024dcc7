//! Sync data through the door: a real client, a real server behind it, and what must never pass.

mod rig;
mod session;
mod told;
mod upstream;
mod words;

//! The door of Byleave: a gateway for SSH, and for MongoDB clients that read sync data, that lets support in while the
//! customer consents, and cuts it off when not.
//!
//! One employee's connection is one session under a permit that [`byleave_core::access::decide`] made here, on facts
//! that the [`control`] gave. What passes is recorded first; what must end is cut at the sockets, without waiting for
//! any queue, store or lock that data holds.
//!
//! This crate must never open anything without a permit, deliver a byte that is not recorded, wait for a peer before
//! a cut, or know the store or the web. Read next: [`control`] (what it asks), [`live`] (the session and its cut),
//! `session` (its life), `channel` (what passes), [`sync`] (the same for sync data).

mod channel;
pub mod control;
mod employee;
mod gate;
mod guard;
pub mod key;
pub mod live;
mod logs;
mod node;
pub mod recording;
mod relay;
mod screen;
pub mod server;
mod session;
mod socket;
pub mod sync;
mod text;
mod transfer;
mod words;

pub use server::{Config, Gateway};

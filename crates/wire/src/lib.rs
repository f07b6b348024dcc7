//! The MongoDB wire of the sync-data door: bytes in, frames and verdicts out.
//!
//! This crate must never do I/O, read a clock, draw random numbers or be async: time, nonces and ids are arguments.
//! It meets hostile bytes, so it is fuzzed alone, allocates by nothing that a peer claims, and recursion has a limit.
//!
//! What is not understood does not pass. A request is walked to its last byte ([`request`]) and judged whole
//! ([`judge`](mod@judge)) before its first byte goes on; what goes on is written anew, from fields on a closed list.
//! What comes back is bounded and stripped of what tells the cluster's shape ([`reply`]).
//!
//! Read in this order: [`bson`] and [`frame`] (bytes), [`request`], [`scope`] (what a session may reach and holds),
//! [`judge`](mod@judge) (the closed list), [`reply`], [`shape`] (what is recorded), [`answer`] (what the gateway says by
//! itself), [`scram`], [`sign_in`] (clients towards us) and [`upstream`] (us towards the cluster).

pub mod answer;
pub mod bson;
pub mod builder;
mod crc;
pub mod frame;
pub mod judge;
pub mod reply;
pub mod request;
pub mod scope;
pub mod scram;
pub mod shape;
pub mod sign_in;
pub mod upstream;

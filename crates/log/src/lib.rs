//! The transparency log: what its leaves, trees and checkpoints look like, and how anyone checks them offline.
//!
//! This crate must never do I/O, read a clock, draw random numbers, or know SQL or HTTP. Bytes come in, bytes and
//! findings go out; the store keeps what is appended here, the CLI hands over what it read from a file.
//!
//! Read in this order: [`leaf`] (an entry as bytes), [`hash`] and [`tree`] (RFC 6962), [`proof`], [`tile`], [`key`], [`note`]
//! and [`checkpoint`] (C2SP signed notes), [`anchor`] (what a customer keeps), [`replay`] (whether an entry was
//! allowed where it stands), [`bundle`] and [`verify`](mod@verify) (exported evidence and its verdict).

pub mod anchor;
pub mod bundle;
pub mod checkpoint;
pub mod hash;
pub mod key;
pub mod leaf;
pub mod note;
pub mod proof;
pub mod replay;
pub mod tile;
pub mod tree;
pub mod verify;

//! Request, response and error types of the REST API: what the server and the command line say to each other.
//!
//! Field names are Atlas's where Atlas has the field, in camel case everywhere; identifiers, instants and names travel as
//! texts and are parsed into core types at the edge that reads them. Requests refuse fields they do not know.
//!
//! Each type derives its schema, from which the description of the API is made.
//!
//! This crate must never decide anything, do I/O, or hold a type that the store or the core keeps. Read [`error`] first,
//! then [`atlas`] (the paths that Atlas has, too) and [`byleave`] (`/api/byleave/v1`).

pub mod atlas;
pub mod byleave;
pub mod error;
pub mod event_type;
pub mod page;
pub mod path;
mod present;

//! The only SQL of Byleave: one concrete [`Store`], one method per use case, state and event in one transaction.
//!
//! Every write takes the [`Actor`](byleave_core::actor::Actor) and the clock's
//! [`Reading`](byleave_core::time::Reading), asks [`byleave_core::policy::may`] inside its transaction (with the
//! actor's roles as they stand there, not as the caller remembers them), and appends what happened to the log in that
//! same transaction. Followed clusters learn their new facts after the commit and before the method returns.
//!
//! This crate must never read a clock, draw random numbers but from the [`Entropy`](byleave_core::time::Entropy) it
//! was opened with, skip a row that it cannot decode, or change state without its event.
//!
//! The methods of [`Store`] stand in one module per noun. Read [`mod@store`] and [`mod@transaction`] first.

pub mod access_token;
pub mod account;
pub mod api_key;
mod audit;
mod authority;
pub mod check;
pub mod clock;
pub mod cluster;
pub mod condition;
mod denial;
pub mod employee;
pub mod error;
pub mod event;
pub mod evidence;
mod facts;
mod feed;
pub mod grant;
pub mod hub;
pub mod inventory;
pub mod invitation;
pub mod member;
mod memory;
mod migration;
pub mod network;
pub mod node;
pub mod organization;
pub mod password_reset;
pub mod project;
pub mod proof;
mod reader;
pub mod recovery;
pub mod repeat;
pub mod request;
mod row;
pub mod seal;
pub mod secret;
pub mod service_account;
pub mod session;
pub mod setting;
mod sql;
pub mod store;
pub mod sync;
pub mod tag;
pub mod transaction;
pub mod user;
pub mod web_session;
mod writer;

pub use error::StoreError;
pub use seal::{SealingKey, Secret};
pub use store::{Store, StoreOptions};
pub use transaction::{Anchor, Written};

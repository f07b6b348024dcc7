//! Faults that the product must survive, made on the real binary with a real node and the real `ssh`.
//!
//! Each test says the fault and the expected outcome; `docs/faults.md` lists them all.

mod clock;
mod consent;
mod disk;
mod kill;
mod lock;
mod lost;
mod recorded;
mod repeat;
mod requests;
mod scene;
mod stopped;
mod strangers;
mod together;
mod tries;

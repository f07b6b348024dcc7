//! The node's side: sessions, setup and check, with a real sshd and a real ssh.

mod check;
pub(crate) mod rig;
mod session;
mod setup;
mod terminal;
mod walls;

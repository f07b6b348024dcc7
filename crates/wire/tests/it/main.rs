//! The wire against tables of attempts, tables of what drivers send, and random bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails says so"
)]

mod answers;
mod drivers;
mod framing;
mod hostile;
mod property;
mod replies;
mod signing_in;
mod text;

use byleave_wire::frame::{LONGEST_REQUEST, message};
use byleave_wire::request::Request;
use byleave_wire::scope::{Limits, Namespace, Scope};

/// The id under which the server knows the sample session.
pub(crate) const LSID: [u8; 16] = [9; 16];

pub(crate) fn namespace(database: &str, collection: &str) -> Namespace {
    Namespace { database: database.to_owned(), collection: collection.to_owned() }
}

/// A session for which `appsync_*` and `state` are open, that knows `appsync_1.items` and holds cursor 77 of it.
pub(crate) fn scope() -> Scope {
    let open = ["appsync_*", "state"].map(|name| name.parse().unwrap()).to_vec();
    let mut scope = Scope::new(open, LSID, Limits::default());
    scope.learn(namespace("appsync_1", "items"));
    scope.hold_cursor(77, namespace("appsync_1", "items"));
    scope
}

/// The frame of a command, as a client sends it.
pub(crate) fn framed(command: &str) -> Vec<u8> {
    message(5, 0, &text::document(command))
}

/// The request of a frame.
pub(crate) fn read(frame: &[u8]) -> Request<'_> {
    Request::read(frame, LONGEST_REQUEST).unwrap()
}

//! SIGHUP never ends a server.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::Server;

/// How often the server is asked before its log must have the line.
const TRIES: usize = 2_000;

#[test]
fn a_server_without_a_certificate_goes_on_after_sighup() {
    let server = Server::start();
    kill(Pid::from_raw(server.pid()), Signal::SIGHUP).unwrap();
    let log = server.data().with_file_name("server.log");
    let is_said =
        || std::fs::read_to_string(&log).unwrap_or_default().contains("there is no certificate to read again");
    // Each look is a request, which a server that has ended does not answer.
    let said = (0..TRIES).any(|_| server.is_ready() && is_said());
    assert!(said, "it says that it heard the signal");
    kill(Pid::from_raw(server.pid()), Signal::SIGHUP).unwrap();
    assert!(server.is_ready());
}

//! Numbers, sizes and reasons in words that people read. Nothing here decides anything.

use byleave_core::event::Forwarding;
use byleave_core::session::SessionEnd;

/// Instead of what was done in a session that was open when the server was interrupted.
pub(super) const UNCOUNTED: &str = "not counted, as the server was interrupted";

/// The first eight digits of an id, which is enough for the eye.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// `1 shell`, `2 shells`, `no shells`.
pub(super) fn count(number: i64, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// `17 B`, `3.2 KiB`.
pub(super) fn bytes(count: i64) -> String {
    let mut unit = (count.max(0), 0);
    for name in ["B", "KiB", "MiB", "GiB"] {
        if unit.0 < 1024 || name == "GiB" {
            let tenths = unit.1 * 10 / 1024;
            return if name == "B" { format!("{} B", unit.0) } else { format!("{}.{tenths} {name}", unit.0) };
        }
        unit = (unit.0 / 1024, unit.0 % 1024);
    }
    format!("{count} B")
}

/// Why a session ended, for the customer.
pub(super) const fn ended(reason: SessionEnd) -> &'static str {
    match reason {
        SessionEnd::Blocked => "the organization blocked support access",
        SessionEnd::ClockDoubt => "the server's clock was in doubt",
        SessionEnd::ClosedByEmployee => "the support engineer left",
        SessionEnd::ClosedByNode => "the node closed the connection",
        SessionEnd::ClusterRemoved => "the cluster was removed",
        SessionEnd::CredentialRefused => "the databases did not take the gateway's credential, or there was none",
        SessionEnd::DatabasesUntrusted => "a server of the databases was not trusted by the inventory's authority",
        SessionEnd::EmployeeDisabled => "the support engineer's account was disabled",
        SessionEnd::EndedByAdministrator => "an administrator ended it",
        SessionEnd::EndedByCustomer => "your organization ended it",
        SessionEnd::Expired => "the grant expired",
        SessionEnd::KeyRemoved => "the support engineer's key was removed",
        SessionEnd::LeaseRanOut => "the gateway lost contact with the store",
        SessionEnd::NodeChanged => "the node changed and the grant does not cover it",
        SessionEnd::NodeUnreachable => "the node could not be reached",
        SessionEnd::RecordingFailed => "it could not be recorded",
        SessionEnd::Replaced => "the newer grant does not cover it",
        SessionEnd::Restart => "the gateway was restarted",
        SessionEnd::Revoked => "the grant was revoked",
        SessionEnd::StandingLimit => "8 hours of standing access were over",
        SessionEnd::Stopped => "the gateway was stopped",
    }
}

/// What was tried to be forwarded.
pub(super) const fn forwarding(kind: Forwarding) -> &'static str {
    match kind {
        Forwarding::Agent => "an authentication agent",
        Forwarding::Other => "something",
        Forwarding::RemoteSocket => "a socket to listen on",
        Forwarding::RemoteTcp => "a TCP port to listen on",
        Forwarding::Socket => "a socket",
        Forwarding::Tcp => "a TCP connection",
        Forwarding::Tunnel => "a tunnel device",
        Forwarding::X11 => "X11",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        for (count, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (-1, "0 B")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}

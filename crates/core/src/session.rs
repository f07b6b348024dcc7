//! Sessions: one SSH connection of one employee to one node, or to a cluster's logs, and why it ended.

use std::fmt;
use std::str::FromStr;

use crate::word::words;

words! {
    /// Why a session ended.
    SessionEnd {
        /// The organization blocked support and no grant covers the session.
        Blocked = "blocked",
        /// The employee's side closed the connection, or it was lost.
        ClosedByEmployee = "closed by employee",
        /// The node's side closed the connection, or it was lost.
        ClosedByNode = "closed by node",
        /// The clock is in doubt and the lease ran out.
        ClockDoubt = "clock doubt",
        /// The cluster was removed from the inventory.
        ClusterRemoved = "cluster removed",
        /// The databases refused the gateway's credential, or there is none that can be used.
        CredentialRefused = "credential refused",
        /// A server of the databases is not one that the inventory's authority vouches for.
        DatabasesUntrusted = "databases untrusted",
        /// The employee was disabled.
        EmployeeDisabled = "employee disabled",
        /// The vendor's administrator ended it.
        EndedByAdministrator = "ended by administrator",
        /// A person of the customer ended it.
        EndedByCustomer = "ended by customer",
        /// The grant expired.
        Expired = "expired",
        /// The employee's key was removed.
        KeyRemoved = "key removed",
        /// The contact to the control was lost and the lease ran out.
        LeaseRanOut = "lease ran out",
        /// The node was changed or removed in the inventory, or is not covered by the consent.
        NodeChanged = "node changed",
        /// The node could not be reached, did not answer in time, or showed another host key.
        NodeUnreachable = "node unreachable",
        /// The recording could not be written.
        RecordingFailed = "recording failed",
        /// A newer grant took the place of the session's and does not cover it.
        Replaced = "replaced",
        /// The server was restarted while the session was open.
        Restart = "restart",
        /// The customer revoked the grant.
        Revoked = "revoked",
        /// Eight hours of standing access are over.
        StandingLimit = "standing limit",
        /// The server was shut down.
        Stopped = "stopped",
    }
}

/// What a session did, so far or in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Shells opened.
    pub shells: i64,
    /// Commands run, gateway words included.
    pub commands: i64,
    /// Transfers made.
    pub transfers: i64,
    /// Channels, requests and commands refused.
    pub refused: i64,
    /// Bytes from the employee to the node.
    pub received_bytes: i64,
    /// Bytes from the node to the employee.
    pub sent_bytes: i64,
}

impl SessionEnd {
    /// The reason in a sentence for the support engineer whose terminal closes.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Blocked => "the customer blocked support access",
            Self::ClosedByEmployee => "you closed the connection or handed the cluster back",
            Self::ClosedByNode => "the node closed the connection",
            Self::ClockDoubt => "the gateway's clock is in doubt",
            Self::ClusterRemoved => "the cluster was removed",
            Self::CredentialRefused => "the databases do not take the gateway's credential, or there is none",
            Self::DatabasesUntrusted => "a server of the databases is not trusted by the inventory's authority",
            Self::EmployeeDisabled => "your account was disabled",
            Self::EndedByAdministrator => "an administrator ended the session",
            Self::EndedByCustomer => "the customer ended the session",
            Self::Expired => "the customer's grant expired",
            Self::KeyRemoved => "your key was removed",
            Self::LeaseRanOut => "the gateway lost contact with its control",
            Self::NodeChanged => "the node changed in the inventory and is not covered by the customer's consent",
            Self::NodeUnreachable => "the node cannot be reached",
            Self::RecordingFailed => "the session could not be recorded",
            Self::Replaced => "the customer's new grant does not cover this session",
            Self::Restart => "the gateway was restarted",
            Self::Revoked => "the customer revoked the grant",
            Self::StandingLimit => "8 hours of standing access are over; connect again if you still need to",
            Self::Stopped => "the gateway was stopped",
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no reason for which a session ends")]
pub struct SessionEndError;

impl FromStr for SessionEnd {
    type Err = SessionEndError;

    fn from_str(text: &str) -> Result<Self, SessionEndError> {
        Self::ALL.iter().copied().find(|end| end.as_str() == text).ok_or(SessionEndError)
    }
}

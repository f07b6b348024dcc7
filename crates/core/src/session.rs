//! Sessions: one SSH connection of one employee to one node, or to a cluster's logs, and why it ended.

use std::fmt;
use std::str::FromStr;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionEnd {
    /// The organization blocked support and no grant covers the session.
    Blocked,
    /// The employee's side closed the connection, or it was lost.
    ClosedByEmployee,
    /// The node's side closed the connection, or it was lost.
    ClosedByNode,
    /// The clock is in doubt and the lease ran out.
    ClockDoubt,
    /// The cluster was removed from the inventory.
    ClusterRemoved,
    /// The employee was disabled.
    EmployeeDisabled,
    /// The vendor's administrator ended it.
    EndedByAdministrator,
    /// A person of the customer ended it.
    EndedByCustomer,
    /// The grant expired.
    Expired,
    /// The employee's key was removed.
    KeyRemoved,
    /// The contact to the control was lost and the lease ran out.
    LeaseRanOut,
    /// The node was changed or removed in the inventory, or is not covered by the consent.
    NodeChanged,
    /// The node could not be reached, did not answer in time, or showed another host key.
    NodeUnreachable,
    /// The recording could not be written.
    RecordingFailed,
    /// A newer grant took the place of the session's and does not cover it.
    Replaced,
    /// The server was restarted while the session was open.
    Restart,
    /// The customer revoked the grant.
    Revoked,
    /// Eight hours of standing access are over.
    StandingLimit,
    /// The server was shut down.
    Stopped,
}

impl SessionEnd {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Blocked,
        Self::ClosedByEmployee,
        Self::ClosedByNode,
        Self::ClockDoubt,
        Self::ClusterRemoved,
        Self::EmployeeDisabled,
        Self::EndedByAdministrator,
        Self::EndedByCustomer,
        Self::Expired,
        Self::KeyRemoved,
        Self::LeaseRanOut,
        Self::NodeChanged,
        Self::NodeUnreachable,
        Self::RecordingFailed,
        Self::Replaced,
        Self::Restart,
        Self::Revoked,
        Self::StandingLimit,
        Self::Stopped,
    ];

    /// The word for the log and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::ClosedByEmployee => "closed by employee",
            Self::ClosedByNode => "closed by node",
            Self::ClockDoubt => "clock doubt",
            Self::ClusterRemoved => "cluster removed",
            Self::EmployeeDisabled => "employee disabled",
            Self::EndedByAdministrator => "ended by administrator",
            Self::EndedByCustomer => "ended by customer",
            Self::Expired => "expired",
            Self::KeyRemoved => "key removed",
            Self::LeaseRanOut => "lease ran out",
            Self::NodeChanged => "node changed",
            Self::NodeUnreachable => "node unreachable",
            Self::RecordingFailed => "recording failed",
            Self::Replaced => "replaced",
            Self::Restart => "restart",
            Self::Revoked => "revoked",
            Self::StandingLimit => "standing limit",
            Self::Stopped => "stopped",
        }
    }

    /// The reason in a sentence for the support engineer whose terminal closes.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Blocked => "the customer blocked support access",
            Self::ClosedByEmployee => "you closed the connection",
            Self::ClosedByNode => "the node closed the connection",
            Self::ClockDoubt => "the gateway's clock is in doubt",
            Self::ClusterRemoved => "the cluster was removed",
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

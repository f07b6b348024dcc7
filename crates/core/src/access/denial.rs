//! Why a no. This must never tell an employee more of a closed target than that it is not open.

use crate::session::SessionEnd;
use crate::word::words;

words! {
    /// Why a no, in words for the employee; [`Denial::is_telling`] says whether they may read them.
    #[derive(thiserror::Error)]
    Denial {
        /// What is wanted was added or changed after the grant was given.
        #[error("it was added or changed after the grant was given; the customer has to grant again")]
        AddedAfterGrant = "added after grant",
        /// The organization blocks support and nothing is granted.
        #[error("the organization blocks support access, and no grant is in force for this cluster")]
        Blocked = "blocked",
        /// The clock is in doubt.
        #[error("the gateway's clock is in doubt; an administrator has to look at it")]
        ClockDoubt = "clock doubt",
        /// The cluster was removed.
        #[error("the cluster was removed")]
        ClusterRemoved = "cluster removed",
        /// The database itself is never open.
        #[error("the database itself is never open to support")]
        DatabaseNever = "database never",
        /// The employee is disabled.
        #[error("the employee is disabled")]
        EmployeeDisabled = "employee disabled",
        /// The employee's key was removed.
        #[error("the employee's key was removed")]
        KeyRemoved = "key removed",
        /// No organization owner has claimed the organization yet.
        #[error("no owner has claimed the organization yet")]
        NotClaimed = "not claimed",
        /// The grant in force does not cover this.
        #[error("the grant in force does not cover this")]
        NotCovered = "not covered",
        /// The node has no passing check and the organization blocks.
        #[error(
            "the node has no passing check of its present inventory revision, and the owner has not accepted that risk"
        )]
        NodeUnchecked = "node unchecked",
        /// Sync data needs a grant that names it.
        #[error("App Services sync data needs a grant for it")]
        SyncDataNotGranted = "sync data not granted",
        /// The inventory has nothing of this name.
        #[error("there is no such node, log or database in the inventory")]
        Unknown = "unknown",
    }
}

impl Denial {
    /// Whether an employee may learn more than that the target is not open: only where something of the cluster is
    /// open to them, or where it does not depend on the cluster.
    pub const fn is_telling(self) -> bool {
        match self {
            Self::AddedAfterGrant
            | Self::ClockDoubt
            | Self::DatabaseNever
            | Self::NodeUnchecked
            | Self::NotCovered
            | Self::SyncDataNotGranted => true,
            Self::Blocked
            | Self::ClusterRemoved
            | Self::EmployeeDisabled
            | Self::KeyRemoved
            | Self::NotClaimed
            | Self::Unknown => false,
        }
    }

    /// How a live session ends that gets this denial.
    pub const fn ends(self) -> SessionEnd {
        match self {
            Self::AddedAfterGrant | Self::NodeUnchecked | Self::Unknown => SessionEnd::NodeChanged,
            Self::Blocked | Self::DatabaseNever | Self::NotClaimed => SessionEnd::Blocked,
            Self::ClockDoubt => SessionEnd::ClockDoubt,
            Self::ClusterRemoved => SessionEnd::ClusterRemoved,
            Self::EmployeeDisabled => SessionEnd::EmployeeDisabled,
            Self::KeyRemoved => SessionEnd::KeyRemoved,
            Self::NotCovered | Self::SyncDataNotGranted => SessionEnd::Replaced,
        }
    }
}

//! What can be wrong with an entry that is in its place: who caused it, what it rests on, what it refers to.

use byleave_core::access::{Basis, Denial};
use byleave_core::field::{Field, Value};
use byleave_core::time::{Span, Timestamp, TtlError};

/// Something that the rules do not allow, in words for the people of a customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The log does not begin with the claim of its organization.
    #[error("the log does not begin with the claim of its organization by the first owner")]
    ClaimMissing,
    /// A second claim.
    #[error("the organization is claimed a second time, which would make somebody else its owner")]
    ClaimedAgain,
    /// A grant that is no longer than it may be, is.
    #[error("the grant's duration {0}")]
    Duration(TtlError),
    /// The grant was given for something else than the inventory as it was.
    #[error("the grant names another inventory revision than the cluster had")]
    GrantRevision,
    /// A session was closed long after what it rested on had ended.
    #[error("the session was closed {} after what it rested on had ended ({reason})", Span(*.millis))]
    LateClose {
        /// How long after.
        millis: i64,
        /// Why it was closed.
        reason: String,
    },
    /// A service account's secret lasts longer than the organization allowed.
    #[error("the secret lasts longer than the organization's settings allowed")]
    LongSecret,
    /// A log was read that the session's basis does not cover.
    #[error("the log `{log}` was read, but the session could not read it: {denial}")]
    LogNotCovered {
        /// The log.
        log: String,
        /// Why not.
        denial: Denial,
    },
    /// A request was approved with more than it asks for.
    #[error("the grant opens more, or lasts longer, than the request asks for")]
    MoreThanAsked,
    /// A host key passed from one cluster to another.
    #[error("the node's host key belongs to another cluster, so its consent would be carried over")]
    NodeTaken,
    /// A session was opened without a yes.
    #[error("the session was opened, but nothing allowed it: {denial}")]
    NoBasis {
        /// Why not.
        denial: Denial,
    },
    /// A session goes on without a yes.
    #[error("the session is said to go on, but it had to be ended: {reason}")]
    NoContinuation {
        /// Why.
        reason: String,
    },
    /// The grant is not in force.
    #[error("the grant {grant} is not in force for this cluster")]
    NotInForce {
        /// The grant.
        grant: String,
    },
    /// Somebody did what they may not do.
    #[error("`{by}` did this, but {why}")]
    NotAllowed {
        /// Who.
        by: String,
        /// Why not.
        why: &'static str,
    },
    /// A request was approved with a grant that was not given for it.
    #[error("the grant was not given right before, by who approved the request")]
    NotItsGrant,
    /// A person joined without an invitation for these roles, of somebody who may still make it.
    #[error("a user was added whom no owner had invited with these roles, or only one who was none any longer")]
    NotInvited,
    /// Somebody has another password by a link that nobody made for them, or that had ended.
    #[error("a password was reset without a link that an owner had made for this user within the hour before")]
    NotReset,
    /// A link for a new password works another time than such links do.
    #[error("the link for a new password is said to work another time than 1 hour")]
    ResetTime,
    /// Sync data was granted where there is none.
    #[error("sync data was granted, but the inventory names none for this cluster")]
    NoSyncData,
    /// The session rests on something else than is written.
    #[error("the session is said to rest on {said}, but it rested on {ought}")]
    OtherBasis {
        /// What is written.
        said: String,
        /// What the rules say.
        ought: String,
    },
    /// The session may last another time than is written.
    #[error("the session is said to be allowed until {said}, but it was until {ought}")]
    OtherUntil {
        /// What is written.
        said: Timestamp,
        /// What the rules say.
        ought: Timestamp,
    },
    /// An index is not the next one.
    #[error("the entry says that its index is {said}, but it stands at {expected}")]
    OutOfPlace {
        /// What it says.
        said: u64,
        /// Where it stands.
        expected: u64,
    },
    /// What the grant replaced is written wrong.
    #[error("the grant is said to replace {said}, but {ought} was in force")]
    Replaced {
        /// What is written.
        said: String,
        /// What was in force.
        ought: String,
    },
    /// Somebody was invited too early in a recovery.
    #[error("a new owner was invited before 72 hours were over in which members could stop the recovery")]
    RecoveryEarly,
    /// Somebody was invited too late in a recovery.
    #[error("a new owner was invited more than 7 days after the recovery's 72 hours were over")]
    RecoveryLate,
    /// A recovery waits another time than recoveries do.
    #[error("the recovery is said to wait another time than 72 hours")]
    RecoveryTime,
    /// A request was answered after its death.
    #[error("the request had died: nobody answered it within 4 days")]
    RequestDied,
    /// A request lives another time than requests do.
    #[error("the request is said to live another time than 4 days")]
    RequestLife,
    /// The inventory revision is not the next one of the cluster.
    #[error("the inventory change is at revision {said}, but the cluster was at {current}")]
    Revision {
        /// What is written.
        said: i64,
        /// The cluster's revision.
        current: i64,
    },
    /// Something happened in a session that was over.
    #[error("the session had ended {} before", Span(*.millis))]
    SessionOver {
        /// How long before.
        millis: i64,
    },
    /// A session is open at the end of the log though what it rested on has ended.
    #[error("the session opened here is not closed, though what it rested on ended {} before the last entry", Span(*.millis))]
    StillOpen {
        /// How long before the last entry.
        millis: i64,
    },
    /// Time ran backwards.
    #[error("the entry is dated before the one that precedes it ({before})")]
    TimeBackwards {
        /// When that one was.
        before: Timestamp,
    },
    /// A service account has more secrets than it can have.
    #[error("the service account has more than 2 secrets")]
    TooManySecrets,
    /// Something with this id is there already.
    #[error("the {what} is there already")]
    Twice {
        /// What.
        what: &'static str,
    },
    /// Something referred to is not there.
    #[error("there is no such {what} at this point of the log")]
    Unknown {
        /// What.
        what: &'static str,
    },
    /// The change would be covered by a grant that was given before it.
    #[error("the inventory change would be covered by a grant that was given before it")]
    Widens,
    /// An entry of another log.
    #[error("the entry belongs to another log")]
    WrongLog,
}

impl Problem {
    /// Whether this only deserves a look: it can happen to an honest installation that was down or cut off.
    pub const fn is_notice(&self) -> bool {
        matches!(self, Self::LateClose { .. } | Self::StillOpen { .. })
    }
}

/// A basis as the log writes it.
pub(super) fn basis_text(basis: Basis) -> String {
    text(&basis)
}

/// The text of a value that is one.
pub(super) fn text(value: &impl Field) -> String {
    match value.to_value() {
        Value::Text(text) => text,
        Value::Absent | Value::Bool(_) | Value::Erasable(_) | Value::Int(_) | Value::Texts(_) => String::new(),
    }
}

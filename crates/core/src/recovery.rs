//! Recovery of a lost last owner: the one path on which the vendor adds an owner to an organization, slow, seen by every
//! member, and stopped by any of them.
//!
//! It removes nobody and changes nobody's credentials: at its end stands one single-use invitation. In clock doubt it
//! does not move on, and leaving doubt ends it.

use crate::id::{InvitationId, RecoveryId};
use crate::name::UserName;
use crate::time::{DAY, HOUR, Now, Timestamp};

/// How long members can stop a recovery before anybody is invited, in milliseconds.
pub const STOPPABLE_FOR: i64 = 72 * HOUR;

/// For how long after that the invitation can be made, in milliseconds.
pub const READY_FOR: i64 = 7 * DAY;

/// The facts of one recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Its id.
    pub id: RecoveryId,
    /// Who is to become an owner.
    pub user_name: UserName,
    /// When it was started.
    pub started_at: Timestamp,
    /// When the invitation can be made.
    pub ready_at: Timestamp,
    /// The invitation, and until when it can be claimed.
    pub invited: Option<(InvitationId, Timestamp)>,
    /// When and how it ended.
    pub ended: Option<(Timestamp, RecoveryEnd)>,
}

/// How a recovery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryEnd {
    /// The invitation was claimed: there is a new owner.
    Claimed,
    /// An administrator left clock doubt.
    ClockReset,
    /// A member stopped it, or an owner took the invitation back.
    Stopped,
}

/// What a recovery is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryStatus {
    /// It ended.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        end: RecoveryEnd,
    },
    /// The invitation was made and can be claimed.
    Invited {
        /// Until when.
        until: Timestamp,
    },
    /// Nobody went on with it in time.
    Lapsed {
        /// When.
        at: Timestamp,
    },
    /// The invitation can be made.
    Ready {
        /// Until when.
        until: Timestamp,
    },
    /// All members see it, and nobody can be invited yet.
    Waiting {
        /// Until when.
        until: Timestamp,
    },
}

impl Recovery {
    /// What the recovery is at `now`.
    pub fn status(&self, now: Timestamp) -> RecoveryStatus {
        let ready_until = self.ready_at.plus(READY_FOR);
        match (self.ended, self.invited) {
            (Some((at, end)), _) => RecoveryStatus::Ended { at, end },
            (None, Some((_, until))) if now < until => RecoveryStatus::Invited { until },
            (None, Some((_, until))) => RecoveryStatus::Lapsed { at: until },
            (None, None) if now < self.ready_at => RecoveryStatus::Waiting { until: self.ready_at },
            (None, None) if now < ready_until => RecoveryStatus::Ready { until: ready_until },
            (None, None) => RecoveryStatus::Lapsed { at: ready_until },
        }
    }

    /// Whether something can still come of it, so that members see it and can stop it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self.status(now) {
            RecoveryStatus::Invited { .. } | RecoveryStatus::Ready { .. } | RecoveryStatus::Waiting { .. } => true,
            RecoveryStatus::Ended { .. } | RecoveryStatus::Lapsed { .. } => false,
        }
    }
}

/// Why a recovery does not start or go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// The clock is in doubt.
    #[error("the server's clock is in doubt, so no recovery starts or goes on now")]
    ClockDoubt,
    /// There is none, or it has ended, or the invitation was made.
    #[error("there is no recovery in which somebody is to be invited")]
    None,
    /// Another one is under way.
    #[error("a recovery is under way; another one can start after it has ended")]
    Running,
    /// Members can still stop it.
    #[error("members can stop the recovery until {0}; nobody is invited before")]
    TooEarly(Timestamp),
}

/// When somebody can be invited in a recovery that starts now.
///
/// # Errors
/// [`RecoveryError`] in clock doubt, and while another one is open.
pub fn start(latest: Option<&Recovery>, now: Now) -> Result<Timestamp, RecoveryError> {
    if now.doubt.is_some() {
        return Err(RecoveryError::ClockDoubt);
    }
    if latest.is_some_and(|recovery| recovery.is_open(now.at)) {
        return Err(RecoveryError::Running);
    }
    Ok(now.at.plus(STOPPABLE_FOR))
}

/// Whether the invitation can be made now.
///
/// # Errors
/// [`RecoveryError`] in clock doubt, before the time, and where nothing is left to go on with.
pub fn invite(latest: Option<&Recovery>, now: Now) -> Result<&Recovery, RecoveryError> {
    if now.doubt.is_some() {
        return Err(RecoveryError::ClockDoubt);
    }
    let recovery = latest.ok_or(RecoveryError::None)?;
    match recovery.status(now.at) {
        RecoveryStatus::Ready { .. } => Ok(recovery),
        RecoveryStatus::Waiting { until } => Err(RecoveryError::TooEarly(until)),
        RecoveryStatus::Ended { .. } | RecoveryStatus::Invited { .. } | RecoveryStatus::Lapsed { .. } => {
            Err(RecoveryError::None)
        }
    }
}

//! Access requests: what an employee asks a customer for, and how that ends. Asking for more time is a request, too.
//!
//! A request opens nothing. Approving one is giving a grant, by [`crate::grant::give`] and by the same right, and never
//! more than was asked. Like a grant it is a row of facts that is never brought back to life.

use crate::grant::{self, GrantType};
use crate::id::{ClusterId, GrantId, RequestId};
use crate::identifier::EmployeeIdentifier;
use crate::name::{CaseNumber, Reason};
use crate::time::{DAY, Now, Timestamp, Ttl};

/// How long a request waits for an answer before it dies, in milliseconds.
pub const WAITS_FOR: i64 = 4 * DAY;

/// What an employee asks for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What the grant shall be for.
    pub kind: GrantType,
    /// How long.
    pub ttl: Ttl,
    /// The vendor's reference to a support case.
    pub case: Option<CaseNumber>,
    /// Why.
    pub reason: Reason,
}

/// The facts of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequest {
    /// Its id.
    pub id: RequestId,
    /// The cluster that it is about.
    pub cluster: ClusterId,
    /// Who asked, under the pseudonym of the time.
    pub asked_by: EmployeeIdentifier,
    /// For what, and why.
    pub wish: Wish,
    /// When.
    pub asked_at: Timestamp,
    /// When it dies if nobody answers.
    pub dies_at: Timestamp,
    /// When and how it ended before that.
    pub ended: Option<(Timestamp, RequestEnd)>,
}

/// How a request ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// A customer gave a grant.
    Approved {
        /// The grant.
        grant: GrantId,
    },
    /// An administrator left clock doubt, which ends all requests as it ends all grants.
    ClockReset,
    /// A customer said no.
    Declined,
    /// The employee handed back, or asked anew.
    Withdrawn,
}

/// What a request is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    /// Nobody answered in time.
    Died {
        /// When.
        at: Timestamp,
    },
    /// Ended before its time.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        end: RequestEnd,
    },
    /// A customer can answer.
    Waiting {
        /// Until when.
        until: Timestamp,
    },
}

impl AccessRequest {
    /// What the request is at `now`.
    pub fn status(&self, now: Timestamp) -> RequestStatus {
        match self.ended {
            Some((at, end)) => RequestStatus::Ended { at, end },
            None if now >= self.dies_at => RequestStatus::Died { at: self.dies_at },
            None => RequestStatus::Waiting { until: self.dies_at },
        }
    }

    /// Whether a customer can answer at `now`.
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        matches!(self.status(now), RequestStatus::Waiting { .. })
    }

    /// Ends the request. One that has ended or died already stays as it is: `false`.
    pub fn end(&mut self, at: Timestamp, end: RequestEnd) -> bool {
        let waiting = self.is_waiting(at);
        if waiting {
            self.ended = Some((at, end));
        }
        waiting
    }
}

/// Why nothing can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The clock is in doubt.
    #[error("the gateway's clock is in doubt; an administrator has to look at it")]
    ClockDoubt,
    /// The employee asked too often.
    #[error("you have asked {} times within an hour; wait before you ask again", MOST)]
    TooMany,
}

/// How often an employee can ask within an hour, whatever for.
pub const MOST: usize = 10;

/// When a request dies that is made now, by an employee who made `recent` ones within the last hour. It must never depend
/// on what is asked for: whether there is such a host, and what is open there, is not told by asking.
///
/// # Errors
/// [`AskError`] in clock doubt, and for the eleventh request of an hour.
pub const fn ask(recent: usize, now: Now) -> Result<Timestamp, AskError> {
    if now.doubt.is_some() {
        return Err(AskError::ClockDoubt);
    }
    if recent >= MOST { Err(AskError::TooMany) } else { Ok(now.at.plus(WAITS_FOR)) }
}

/// How a customer approves: with less than was asked, if they say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Approval {
    /// What the grant shall be for; what was asked if none.
    pub kind: Option<GrantType>,
    /// How long; what was asked if none, or the organization's longest if that is less.
    pub ttl: Option<Ttl>,
}

/// Why a request cannot be approved so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// It asks for less time.
    #[error("must be at most {asked}, which is what the request asks for")]
    Longer {
        /// What was asked.
        asked: Ttl,
    },
    /// It was answered, withdrawn, or has died.
    #[error("the request was answered or withdrawn, or nobody answered within 4 days")]
    Over,
    /// It asks for less.
    #[error("must be {asked} or less, which is what the request asks for")]
    Wider {
        /// What was asked.
        asked: GrantType,
    },
}

/// What is granted when a request is approved: never more than it asks for.
///
/// # Errors
/// [`ApproveError`] if the request is over, or asks for less.
pub fn approve(
    request: &AccessRequest,
    approval: Approval,
    longest: Ttl,
    now: Timestamp,
) -> Result<grant::Request, ApproveError> {
    if !request.is_waiting(now) {
        return Err(ApproveError::Over);
    }
    let Wish { kind: asked, ttl: asked_for, case, reason } = &request.wish;
    let kind = approval.kind.unwrap_or(*asked);
    if !kind.is_within(*asked) {
        return Err(ApproveError::Wider { asked: *asked });
    }
    let ttl = approval.ttl.unwrap_or_else(|| (*asked_for).min(longest));
    if ttl > *asked_for {
        return Err(ApproveError::Longer { asked: *asked_for });
    }
    Ok(grant::Request { kind, ttl: Some(ttl), case: case.clone(), reason: Some(reason.clone()) })
}

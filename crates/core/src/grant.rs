//! The life of a grant: the customer's time-boxed consent for one cluster.
//!
//! A grant is a row of facts that is never brought back to life; its status is computed from them and `now`. At most
//! one grant of a cluster is in force. What a grant opens is told in [`crate::access`].

use std::fmt;
use std::str::FromStr;

use crate::actor::By;
use crate::id::{ClusterId, GrantId};
use crate::inventory::{Cluster, Revision};
use crate::name::{CaseNumber, Reason};
use crate::time::{Timestamp, Ttl, TtlError};
use crate::word::words;

words! {
    /// What a grant is for, with Atlas's names.
    GrantType {
        /// `CLUSTER_DATABASE_LOGS`: database logs, without audit logs.
        DatabaseLogs = "CLUSTER_DATABASE_LOGS",
        /// `CLUSTER_INFRASTRUCTURE`: the nodes and all cluster logs, never the database.
        Infrastructure = "CLUSTER_INFRASTRUCTURE",
        /// `CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA`: that, and the databases of App Services sync.
        InfrastructureAndSyncData = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA",
    }
}

impl GrantType {
    /// What it opens, for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DatabaseLogs => "Only database logs",
            Self::Infrastructure => "Cluster infrastructure and all cluster logs",
            Self::InfrastructureAndSyncData => "Infrastructure and App Services Sync Data",
        }
    }

    /// Whether a cluster has something of this kind, given whether the inventory names sync databases of it.
    const fn is_there(self, has_sync_data: bool) -> bool {
        match self {
            Self::DatabaseLogs | Self::Infrastructure => true,
            Self::InfrastructureAndSyncData => has_sync_data,
        }
    }

    /// Whether all that it opens is opened by the other type, too.
    pub const fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::DatabaseLogs, _) | (_, Self::InfrastructureAndSyncData) => true,
            (Self::Infrastructure, Self::Infrastructure) => true,
            (Self::Infrastructure | Self::InfrastructureAndSyncData, Self::DatabaseLogs)
            | (Self::InfrastructureAndSyncData, Self::Infrastructure) => false,
        }
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no grant type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be CLUSTER_DATABASE_LOGS, CLUSTER_INFRASTRUCTURE or CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA")]
pub struct GrantTypeError;

impl FromStr for GrantType {
    type Err = GrantTypeError;

    fn from_str(text: &str) -> Result<Self, GrantTypeError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(GrantTypeError)
    }
}

words! {
    /// Why a grant ended before its time.
    GrantEnd {
        /// An administrator left clock doubt, which ends all grants.
        ClockReset = "clock reset",
        /// The cluster was removed.
        ClusterRemoved = "cluster removed",
        /// A newer grant for the same cluster took its place.
        Replaced = "replaced",
        /// A person or key of the customer revoked it.
        Revoked = "revoked",
    }
}

/// The facts of one grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The cluster it is for.
    pub cluster: ClusterId,
    /// What it is for.
    pub kind: GrantType,
    /// Who gave it.
    pub granted_by: By,
    /// When.
    pub granted_at: Timestamp,
    /// When it ends by itself: at most 24 hours later.
    pub expires_at: Timestamp,
    /// When and why it ended before that.
    pub ended: Option<(Timestamp, GrantEnd)>,
    /// The cluster's inventory revision it was given for.
    pub inventory_revision: Revision,
    /// The customer's reference to a support case.
    pub case: Option<CaseNumber>,
    /// Why it was given.
    pub reason: Option<Reason>,
}

/// What a grant is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantStatus {
    /// In force.
    Active {
        /// When it expires.
        until: Timestamp,
    },
    /// Ended before its time.
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        reason: GrantEnd,
    },
    /// Ended by time.
    Expired {
        /// When.
        at: Timestamp,
    },
}

impl Grant {
    /// What the grant is at `now`.
    pub fn status(&self, now: Timestamp) -> GrantStatus {
        match self.ended {
            Some((at, reason)) if at < self.expires_at => GrantStatus::Ended { at, reason },
            Some(_) | None if now >= self.expires_at => GrantStatus::Expired { at: self.expires_at },
            Some((at, reason)) => GrantStatus::Ended { at, reason },
            None => GrantStatus::Active { until: self.expires_at },
        }
    }

    /// Ends the grant before its time. One that has ended already, by whatever, stays as it is: `false`.
    pub fn end(&mut self, at: Timestamp, reason: GrantEnd) -> bool {
        let active = self.is_active(at);
        if active {
            self.ended = Some((at, reason));
        }
        active
    }

    /// Whether the grant is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        matches!(self.status(now), GrantStatus::Active { .. })
    }
}

/// What a customer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the grant shall be for.
    pub kind: GrantType,
    /// How long; the organization's longest if none.
    pub ttl: Option<Ttl>,
    /// A reference to a support case.
    pub case: Option<CaseNumber>,
    /// Why.
    pub reason: Option<Reason>,
}

/// Why a grant cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GiveError {
    /// The clock is in doubt.
    #[error("the server's clock is in doubt, so nothing can be granted now; the administrator has to look at it")]
    ClockDoubt,
    /// The duration is no good.
    #[error("the duration {0}")]
    Duration(TtlError),
    /// The cluster has no sync databases in the inventory.
    #[error("this cluster has no App Services sync data in the inventory, so there is nothing of that kind to grant")]
    NoSyncData,
}

/// Where and when a grant is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The id of the new grant.
    pub id: GrantId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The cluster's inventory revision.
    pub inventory_revision: Revision,
    /// Whether the inventory names sync databases of the cluster.
    pub has_sync_data: bool,
    /// The organization's longest grant.
    pub longest: Ttl,
    /// Who gives it.
    pub by: By,
    /// What time it is.
    pub now: crate::time::Now,
}

/// Gives a grant: the facts of the new row.
///
/// # Errors
/// [`GiveError`] while the clock is in doubt, if the duration exceeds the organization's longest, or if sync data is
/// asked for where there is none.
pub fn give(request: Request, terms: Terms) -> Result<Grant, GiveError> {
    if terms.now.doubt.is_some() {
        return Err(GiveError::ClockDoubt);
    }
    if !request.kind.is_there(terms.has_sync_data) {
        return Err(GiveError::NoSyncData);
    }
    let ttl = request.ttl.unwrap_or(terms.longest);
    if ttl > terms.longest {
        return Err(GiveError::Duration(TtlError::TooLong { limit: terms.longest.millis() }));
    }
    Ok(Grant {
        id: terms.id,
        cluster: terms.cluster,
        kind: request.kind,
        granted_by: terms.by,
        granted_at: terms.now.at,
        expires_at: terms.now.at.plus(ttl.millis()),
        ended: None,
        inventory_revision: terms.inventory_revision,
        case: request.case,
        reason: request.reason,
    })
}

/// What can be granted for a cluster, the narrowest first. Whether the organization blocks support plays no part: a grant
/// that is given before the block keeps the door open once it is set, and takes nothing away before.
pub fn grantable(cluster: &Cluster) -> impl DoubleEndedIterator<Item = GrantType> {
    let has_sync_data = cluster.has_sync_data();
    GrantType::ALL.iter().copied().filter(move |kind| kind.is_there(has_sync_data))
}

/// What whoever grants or revokes is told wherever they do it while the organization does not block support.
pub fn not_blocked(cluster: &str) -> String {
    format!(
        "support is not blocked in this organization: it may reach the infrastructure and logs of {cluster} at any time, \
         with a grant or without"
    )
}

/// The grant in force among those of one cluster, if any.
pub fn in_force(grants: &[Grant], now: Timestamp) -> Option<&Grant> {
    grants.iter().rev().find(|grant| grant.is_active(now))
}

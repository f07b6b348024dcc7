//! What support may reach: the one place that says yes.
//!
//! [`decide`] is the whole table of the design and nothing else says yes; a yes is a [`Permit`], which cannot be made,
//! copied or stored anywhere else. [`again`] runs the same table for a live session on every change and deadline.
//!
//! What this module must never do: let a doubt, an unknown value or a gap in the facts end in a yes.

mod denial;

use std::ops::Deref;
use std::time::Instant;

use crate::grant::{Grant, GrantEnd, GrantStatus, GrantType, in_force};
use crate::id::{ClusterId, GrantId, NodeId, OrgId, ProjectId};
use crate::inventory::{Cluster, LogKind, NodeCheck, Revision};
use crate::name::{LogName, SyncDatabase};
use crate::session::SessionEnd;
use crate::time::{Doubt, HOUR, Timestamp};

pub use self::denial::Denial;

/// The longest session on standing access, in milliseconds.
pub const STANDING_FOR: i64 = 8 * HOUR;

/// How far back [`Facts::grants`] must reach: longer than any grant lives, in milliseconds.
pub const GRANTS_FOR: i64 = 25 * HOUR;

/// Everything that `decide` needs to know about one cluster, as of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The organization.
    pub organization: OrgId,
    /// Whether its first owner has claimed it: before, there is no log to write a session to.
    pub claimed: bool,
    /// Whether it blocks support.
    pub blocked: bool,
    /// The cluster with its nodes and logs.
    pub cluster: Cluster,
    /// The grants given in the last 25 hours ([`GRANTS_FOR`]), oldest first, ended ones included.
    pub grants: Vec<Grant>,
    /// The index up to which these facts take the organization's log into account (its size).
    pub log_size: u64,
}

/// Facts as they were told to those who follow them. They can be used as the facts that they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The facts.
    pub facts: Facts,
    /// When they were told: at once after the commit that made them. Only for measuring how long a cut takes.
    pub at: Instant,
}

impl Deref for Published {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// Something that support can ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// The database itself. Never.
    Database,
    /// One log of one node.
    Log(NodeId, LogName),
    /// To see which logs are open: like a database log that was always there. Each log is then asked for by itself.
    LogList,
    /// A shell, command or file transfer on a node.
    Node(NodeId),
    /// A database of App Services sync.
    SyncData(String),
    /// To be signed in for sync data: like the sync database that is there longest. Each database is then asked for by
    /// itself.
    SyncLogin,
}

impl Wanted {
    /// The word for the log and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Log(..) => "log",
            Self::LogList => "logs",
            Self::Node(_) => "node",
            Self::SyncData(_) | Self::SyncLogin => "sync data",
        }
    }

    /// The node, where there is one.
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Log(node, _) | Self::Node(node) => Some(*node),
            Self::Database | Self::LogList | Self::SyncData(_) | Self::SyncLogin => None,
        }
    }
}

/// The state of the employee who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Known, with a valid key.
    Active,
    /// Disabled.
    Disabled,
    /// The key was removed.
    KeyRemoved,
}

/// Why a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A grant of the customer.
    Grant {
        /// The grant.
        id: GrantId,
    },
    /// The organization does not block support.
    Standing,
}

/// A yes. Only [`decide`] and [`again`] make one; it cannot be copied or written down.
///
/// It is used like this:
///
/// ```
/// use byleave_core::{access::{Asker, Denial, Facts, Permit, Wanted, decide}, time::{Now, Timestamp}};
///
/// fn open(permit: Permit) -> Timestamp {
///     permit.until()
/// }
/// fn ask(facts: &Facts, now: Now) -> Result<Timestamp, Denial> {
///     let permit: Permit = decide(facts, Asker::Active, Wanted::LogList, now)?;
///     Ok(open(permit))
/// }
/// ```
///
/// `tests/fail/permit.md` shows what does not compile.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that is not held opens nothing"]
pub struct Permit {
    basis: Basis,
    wanted: Wanted,
    organization: OrgId,
    project: ProjectId,
    cluster: ClusterId,
    since: Revision,
    until: Timestamp,
}

impl Permit {
    /// Why.
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// What is permitted.
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The organization.
    pub const fn organization(&self) -> OrgId {
        self.organization
    }

    /// The project.
    pub const fn project(&self) -> ProjectId {
        self.project
    }

    /// The cluster.
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// The revision that brought what is permitted in its present form.
    pub const fn since(&self) -> Revision {
        self.since
    }

    /// When it must be decided again at the latest.
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

/// Decides whether something new may open. Nothing else says yes.
///
/// # Errors
/// [`Denial`] says why not.
pub fn decide(facts: &Facts, asker: Asker, wanted: Wanted, now: crate::time::Now) -> Result<Permit, Denial> {
    match now.doubt {
        Some(Doubt::Astray(_) | Doubt::Behind(_)) => Err(Denial::ClockDoubt),
        None => look_up(facts, asker, wanted, now.at, now.at),
    }
}

/// What becomes of a live session.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on under a new permit, on another basis.
    Continued(Permit),
    /// It must be cut, now.
    Cut(SessionEnd),
    /// It goes on as before.
    Unchanged(Permit),
}

/// Decides again for a session that holds `permit` since `opened_at`: on each change and at each deadline.
///
/// A person's revoke always cuts the sessions based on that grant, also when newer facts arrived in the same moment: a
/// session whose grant was replaced by one that was revoked is cut like one on the latter. Clock doubt by itself cuts
/// nothing here; the lease does.
pub fn again(facts: &Facts, asker: Asker, permit: &Permit, opened_at: Timestamp, now: Timestamp) -> Verdict {
    let record = Record { basis: permit.basis, wanted: permit.wanted.clone(), since: permit.since, opened_at };
    judge(facts, asker, &record, now)
}

/// What is written down of a session that is open. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Why it was open last.
    pub basis: Basis,
    /// What is open.
    pub wanted: Wanted,
    /// The revision that brought that in its present form.
    pub since: Revision,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// Says what [`again`] says of a session, by what is written down of it: why it goes on and until when. Makes no permit.
///
/// # Errors
/// [`SessionEnd`] if it must be cut.
pub fn goes_on(facts: &Facts, asker: Asker, record: &Record, now: Timestamp) -> Result<(Basis, Timestamp), SessionEnd> {
    match judge(facts, asker, record, now) {
        Verdict::Continued(next) | Verdict::Unchanged(next) => Ok((next.basis, next.until)),
        Verdict::Cut(end) => Err(end),
    }
}

fn judge(facts: &Facts, asker: Asker, record: &Record, now: Timestamp) -> Verdict {
    let held = match record.basis {
        Basis::Grant { id } => {
            // The grant, and what took its place while nobody decided.
            let since = facts.grants.iter().skip_while(|grant| grant.id != id);
            let mut states = since.map(|grant| grant.status(now)).peekable();
            let Some(held) = states.peek().copied() else { return Verdict::Cut(SessionEnd::Expired) };
            if states.any(|state| matches!(state, GrantStatus::Ended { reason: GrantEnd::Revoked, .. })) {
                return Verdict::Cut(SessionEnd::Revoked);
            }
            Some(held)
        }
        Basis::Standing => None,
    };
    match look_up(facts, asker, record.wanted.clone(), record.opened_at, now) {
        Ok(next) if next.since != record.since => Verdict::Cut(SessionEnd::NodeChanged),
        Ok(next) if next.until <= now => Verdict::Cut(over(held)),
        Ok(next) if next.basis == record.basis => Verdict::Unchanged(next),
        Ok(next) => Verdict::Continued(next),
        Err(denial) => Verdict::Cut(reason(denial, held)),
    }
}

/// Why a session ends that is older than standing access may be: because of its grant, if that is what it lost.
const fn over(held: Option<GrantStatus>) -> SessionEnd {
    match held {
        Some(GrantStatus::Expired { .. }) => SessionEnd::Expired,
        Some(GrantStatus::Ended { reason: GrantEnd::ClockReset, .. }) => SessionEnd::ClockDoubt,
        Some(GrantStatus::Ended { reason: GrantEnd::ClusterRemoved, .. }) => SessionEnd::ClusterRemoved,
        Some(GrantStatus::Ended { reason: GrantEnd::Replaced, .. }) => SessionEnd::Replaced,
        Some(GrantStatus::Ended { reason: GrantEnd::Revoked, .. }) => SessionEnd::Revoked,
        Some(GrantStatus::Active { .. }) | None => SessionEnd::StandingLimit,
    }
}

/// The end that a person understands: a grant that ran out says so, whatever the table then denies.
fn reason(denial: Denial, held: Option<GrantStatus>) -> SessionEnd {
    match (denial, held) {
        (
            Denial::Blocked | Denial::NotCovered | Denial::SyncDataNotGranted,
            Some(GrantStatus::Expired { .. } | GrantStatus::Ended { .. }),
        ) => over(held),
        (denial, _) => denial.ends(),
    }
}

/// The table.
fn look_up(
    facts: &Facts,
    asker: Asker,
    wanted: Wanted,
    opened_at: Timestamp,
    now: Timestamp,
) -> Result<Permit, Denial> {
    match asker {
        Asker::Active => {}
        Asker::Disabled => return Err(Denial::EmployeeDisabled),
        Asker::KeyRemoved => return Err(Denial::KeyRemoved),
    }
    if facts.cluster.organization != facts.organization {
        return Err(Denial::Unknown);
    }
    if !facts.claimed {
        return Err(Denial::NotClaimed);
    }
    if facts.cluster.removed {
        return Err(Denial::ClusterRemoved);
    }
    let row = Row::of(&facts.cluster, &wanted)?;
    let grant = in_force(&facts.grants, now).filter(|grant| grant.cluster == facts.cluster.id);
    let (basis, until) = match grant {
        Some(grant) if row.kind.is_granted_by(grant.kind) && row.since <= grant.inventory_revision => {
            (Basis::Grant { id: grant.id }, grant.expires_at)
        }
        _ if !facts.blocked && row.kind.is_standing() => (Basis::Standing, opened_at.plus(STANDING_FOR)),
        grant => return Err(denial(facts, &row, grant)),
    };
    if facts.blocked && !row.checked {
        return Err(Denial::NodeUnchecked);
    }
    Ok(Permit {
        basis,
        wanted,
        organization: facts.organization,
        project: facts.cluster.project,
        cluster: facts.cluster.id,
        since: row.since,
        until,
    })
}

/// Why the table says no to this row.
fn denial(facts: &Facts, row: &Row, grant: Option<&Grant>) -> Denial {
    match (row.kind, grant) {
        (Kind::Database, _) => Denial::DatabaseNever,
        (_, Some(grant)) if row.kind.is_granted_by(grant.kind) => Denial::AddedAfterGrant,
        (Kind::SyncData, _) if !facts.blocked => Denial::SyncDataNotGranted,
        (_, Some(_)) => Denial::NotCovered,
        (_, None) => Denial::Blocked,
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    AuditLog,
    Database,
    DatabaseLog,
    Node,
    OtherLog,
    SyncData,
}

impl Kind {
    const fn is_granted_by(self, grant: GrantType) -> bool {
        match (self, grant) {
            (Self::Database, _) => false,
            (Self::DatabaseLog, _) => true,
            (Self::SyncData, GrantType::InfrastructureAndSyncData) => true,
            (Self::SyncData, GrantType::DatabaseLogs | GrantType::Infrastructure) => false,
            (
                Self::AuditLog | Self::OtherLog | Self::Node,
                GrantType::Infrastructure | GrantType::InfrastructureAndSyncData,
            ) => true,
            (Self::AuditLog | Self::OtherLog | Self::Node, GrantType::DatabaseLogs) => false,
        }
    }

    const fn is_standing(self) -> bool {
        match self {
            Self::AuditLog | Self::DatabaseLog | Self::Node | Self::OtherLog => true,
            Self::Database | Self::SyncData => false,
        }
    }
}

/// What the inventory says of something wanted.
struct Row {
    kind: Kind,
    /// The revision that brought it in its present form.
    since: Revision,
    /// Whether invariant 5 lets a session in: no node, or a node with a passing check.
    checked: bool,
}

impl Row {
    fn of(cluster: &Cluster, wanted: &Wanted) -> Result<Self, Denial> {
        match wanted {
            Wanted::Database => Ok(Self { kind: Kind::Database, since: Revision::FIRST, checked: true }),
            Wanted::Log(node, name) => {
                let node = cluster.node(*node).ok_or(Denial::Unknown)?;
                let log = node.logs.iter().find(|log| log.name == *name).ok_or(Denial::Unknown)?;
                Ok(Self { kind: Kind::from(log.kind), since: log.since.max(node.since), checked: true })
            }
            Wanted::LogList => Ok(Self { kind: Kind::DatabaseLog, since: Revision::FIRST, checked: true }),
            Wanted::Node(node) => {
                let node = cluster.node(*node).ok_or(Denial::Unknown)?;
                let checked = match node.check {
                    NodeCheck::Passed { revision } | NodeCheck::RiskAccepted { revision } => revision >= node.since,
                    NodeCheck::Failed | NodeCheck::None => false,
                };
                Ok(Self { kind: Kind::Node, since: node.since, checked })
            }
            Wanted::SyncData(database) => {
                let covering = |(sync, since): &(SyncDatabase, Revision)| sync.covers(database).then_some(*since);
                let since = cluster.sync_databases.iter().filter_map(covering).min().ok_or(Denial::Unknown)?;
                Ok(Self { kind: Kind::SyncData, since: cluster.sync_since(since), checked: true })
            }
            Wanted::SyncLogin => {
                let since = cluster.sync_databases.iter().map(|(_, since)| *since).min().ok_or(Denial::Unknown)?;
                Ok(Self { kind: Kind::SyncData, since: cluster.sync_since(since), checked: true })
            }
        }
    }
}

impl From<LogKind> for Kind {
    fn from(kind: LogKind) -> Self {
        match kind {
            LogKind::Audit => Self::AuditLog,
            LogKind::Database => Self::DatabaseLog,
            LogKind::Other => Self::OtherLog,
        }
    }
}

//! Why a store method did not do what it was asked: what the caller can change, and whose fault it is.
//!
//! A database error is [`StoreError::Unavailable`] (locked, full, not reachable: try again) or
//! [`StoreError::Corrupt`] (a row that breaks a rule: somebody has to look). Nothing here carries a secret.

use byleave_core::grant::GiveError;
use byleave_core::inventory::InventoryError;
use byleave_core::policy::Refusal;
use byleave_core::recovery::RecoveryError;
use byleave_core::request::{ApproveError, AskError};
use byleave_core::service_account::SecretError;

use crate::repeat::Repeat;

/// Something that is not there, or that the actor may not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// An API key.
    ApiKey,
    /// A cluster.
    Cluster,
    /// An employee.
    Employee,
    /// An employee's public key.
    EmployeeKey,
    /// An event.
    Event,
    /// An employee identifier.
    Identifier,
    /// The installation's own data.
    Installation,
    /// An invitation: unknown, used, replaced and expired ones look alike.
    Invitation,
    /// A node.
    Node,
    /// An organization.
    Organization,
    /// A link for a new password that can be used.
    PasswordReset,
    /// A project.
    Project,
    /// An access request.
    Request,
    /// A network from which an account is taken.
    Network,
    /// A secret of a service account.
    Secret,
    /// A service account.
    ServiceAccount,
    /// A session.
    Session,
    /// A user.
    User,
}

impl Thing {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::Cluster => "cluster",
            Self::Employee => "employee",
            Self::EmployeeKey => "employee key",
            Self::Event => "event",
            Self::Identifier => "employee identifier",
            Self::Installation => "installation",
            Self::Invitation => "invitation",
            Self::Node => "node",
            Self::Organization => "organization",
            Self::PasswordReset => "link for a new password",
            Self::Project => "project",
            Self::Request => "access request",
            Self::Network => "entry of the access list",
            Self::Secret => "secret",
            Self::ServiceAccount => "service account",
            Self::Session => "session",
            Self::User => "user",
        }
    }
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The basis that was named no longer holds.
    #[error("the basis no longer holds")]
    BasisEnded,
    /// The clock is in doubt.
    #[error("the server's clock is in doubt; the administrator has to look at it")]
    ClockInDoubt,
    /// The organization has an owner already.
    #[error("the organization is already claimed; only its owners can invite people")]
    Claimed,
    /// Another employee has this name.
    #[error("another employee has this name")]
    EmployeeNameTaken,
    /// The public key of an API key exists.
    #[error("an API key with this public key exists")]
    ApiKeyTaken,
    /// The key belongs, or belonged, to another employee.
    #[error("this public key belongs, or belonged, to another employee")]
    EmployeeKeyTaken,
    /// An organization keeps at least one owner.
    #[error("an organization must keep at least one user with ORG_OWNER")]
    LastOwner,
    /// The access list has this entry.
    #[error("the access list has this entry already")]
    NetworkTaken,
    /// No owner has claimed the organization yet.
    #[error("no owner has claimed the organization yet")]
    NotClaimed,
    /// The clock is not in doubt.
    #[error("the clock is not in doubt")]
    NotInDoubt,
    /// An organization has this name already.
    #[error("an organization of this name exists")]
    OrganizationNameTaken,
    /// The password is another one by now.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    /// The organization has a project of this name.
    #[error("the organization has a project of this name")]
    ProjectNameTaken,
    /// The request cannot be answered any more.
    #[error("the request was answered or withdrawn, or nobody answered within 4 days")]
    RequestOver,
    /// A session of this id exists.
    #[error("a session with this id exists")]
    SessionTaken,
    /// The session has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Somebody has this user name.
    #[error("this user name is taken")]
    UserNameTaken,
}

/// A rule that what was asked for breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The request asks for less.
    #[error(transparent)]
    Approve(ApproveError),
    /// The recovery does not start or go on.
    #[error(transparent)]
    Recovery(RecoveryError),
    /// Nothing can be asked for now.
    #[error(transparent)]
    Ask(AskError),
    /// The grant cannot be given.
    #[error(transparent)]
    Give(GiveError),
    /// The inventory cannot be taken.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Inventory(Vec<InventoryError>),
    /// There is no role among the roles.
    #[error("roles must name at least one role")]
    NoRole,
    /// The service account does not get this secret.
    #[error(transparent)]
    Secret(SecretError),
    /// The access list would get longer than it can be.
    #[error("an access list has at most 200 entries")]
    TooManyNetworks,
    /// A project role names a project that the organization does not have.
    #[error("roles must name projects of the organization only")]
    ForeignProject,
}

/// Why the store did not answer; the text is for the server's own log.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault with a text of ours.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// A fault with its cause.
    pub(crate) fn of(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// Why a store method did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something stands in the way.
    #[error(transparent)]
    Conflict(Conflict),
    /// What is stored breaks a rule. Nothing was changed.
    #[error("the stored data is damaged")]
    Corrupt(#[source] Fault),
    /// The actor may know of the thing but not do this.
    #[error(transparent)]
    Forbidden(Refusal),
    /// There is no such thing, or the actor may not know of it.
    #[error("no such {}", .0.as_str())]
    NotFound(Thing),
    /// What was asked for breaks a rule.
    #[error(transparent)]
    Refused(Rule),
    /// The request has a key under which one was carried out before. Nothing was changed now.
    #[error(transparent)]
    Repeated(Repeat),
    /// What was to be changed is not any more what the actor saw. Nothing was changed.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// The database is locked, full or cannot be reached. Nothing was acknowledged.
    #[error("the store is not available")]
    Unavailable(#[source] Fault),
}

impl StoreError {
    /// What stored data that breaks a rule is answered with.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(Fault::new(what))
    }

    /// The same for somebody else whom it keeps from the same commit.
    pub(crate) fn again(&self) -> Self {
        let what = "a write in the same commit failed";
        match self {
            Self::Corrupt(_) => Self::Corrupt(Fault::of(what, self.chain())),
            Self::Conflict(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::Repeated(_)
            | Self::Stale
            | Self::Unavailable(_) => Self::Unavailable(Fault::of(what, self.chain())),
        }
    }

    /// What happened, and why, in one line for the server's own log.
    fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }

    /// The refusal of the policy, for a thing that the actor may not even know of.
    pub(crate) const fn refusal(refusal: Refusal, thing: Thing) -> Self {
        match refusal {
            Refusal::Forbidden => Self::Forbidden(refusal),
            Refusal::NotVisible => Self::NotFound(thing),
        }
    }
}

/// SQLite's primary result codes that mean damaged data rather than trouble reaching it.
const DAMAGED: &[i32] =
    &[11 /* CORRUPT */, 19 /* CONSTRAINT */, 20 /* MISMATCH */, 26 /* NOTADB */];

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let damaged = error.sqlite_error().is_some_and(|error| DAMAGED.contains(&(error.extended_code & 0xff)));
        if damaged {
            Self::Corrupt(Fault::of("the database refused a row", error))
        } else {
            Self::Unavailable(Fault::of("the database did not answer", error))
        }
    }
}

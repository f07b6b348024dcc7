//! Who is asking, after authentication.

use crate::id::{ApiKeyId, EmployeeId, OrgId, ServiceAccountId, UserId};
use crate::identifier::EmployeeIdentifier;
use crate::role::Roles;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Who runs the installation for the vendor. Can never consent.
    Administrator,
    /// A digest key of a customer.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// Its organization.
        organization: OrgId,
        /// Its roles there.
        roles: Roles,
    },
    /// A support engineer of the vendor.
    Employee {
        /// The engineer.
        id: EmployeeId,
    },
    /// A service account of a customer.
    ServiceAccount {
        /// The account.
        id: ServiceAccountId,
        /// Its organization.
        organization: OrgId,
        /// Its roles there.
        roles: Roles,
    },
    /// Byleave itself: time passing, a restart, the gateway.
    System,
    /// A customer's person.
    User {
        /// The person.
        id: UserId,
        /// Their organization.
        organization: OrgId,
        /// Their roles there.
        roles: Roles,
    },
}

impl Actor {
    /// How events of an organization name this actor. `None` for an employee, whom only a pseudonym names there.
    pub fn by(&self) -> Option<By> {
        match self {
            Self::Administrator => Some(By::Administrator),
            Self::ApiKey { id, .. } => Some(By::ApiKey(*id)),
            Self::Employee { .. } => None,
            Self::ServiceAccount { id, .. } => Some(By::ServiceAccount(*id)),
            Self::System => Some(By::System),
            Self::User { id, .. } => Some(By::User(*id)),
        }
    }

    /// The organization and roles of a customer's actor.
    pub fn membership(&self) -> Option<(OrgId, &Roles)> {
        match self {
            Self::ApiKey { organization, roles, .. }
            | Self::ServiceAccount { organization, roles, .. }
            | Self::User { organization, roles, .. } => Some((*organization, roles)),
            Self::Administrator | Self::Employee { .. } | Self::System => None,
        }
    }
}

/// Who caused an event, as the log names them: identifiers and pseudonyms only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// An administrator of the vendor.
    Administrator,
    /// A digest key of the customer.
    ApiKey(ApiKeyId),
    /// A support engineer, under the pseudonym of the time.
    Employee(EmployeeIdentifier),
    /// A service account of the customer.
    ServiceAccount(ServiceAccountId),
    /// Byleave itself.
    System,
    /// A person of the customer.
    User(UserId),
}

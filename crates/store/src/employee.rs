//! Employees: the vendor's support engineers, their public keys, and the pseudonyms under which customers see them.

use byleave_core::access::Asker;
use byleave_core::actor::Actor;
use byleave_core::id::{EmployeeId, EmployeeKeyId, OrgId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::{EmployeeName, PublicKey};
use byleave_core::time::{Reading, Timestamp};

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// An employee, as administrators see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmployeeRow {
    /// Their id.
    pub id: EmployeeId,
    /// Their name.
    pub name: EmployeeName,
    /// Whether they are enabled.
    pub enabled: bool,
    /// Their keys, removed ones left out.
    pub keys: Vec<EmployeeKeyRow>,
    /// When they were added.
    pub added_at: Timestamp,
}

/// A public key of an employee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmployeeKeyRow {
    /// Its id.
    pub id: EmployeeKeyId,
    /// The key.
    pub public_key: PublicKey,
    /// When it was added.
    pub added_at: Timestamp,
}

/// Who offers a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEmployee {
    /// The employee.
    pub employee: EmployeeId,
    /// Their name, for the server's own log.
    pub name: EmployeeName,
    /// The key.
    pub key: EmployeeKeyId,
    /// Whether they and the key are valid.
    pub asker: Asker,
}

impl Store {
    /// Adds an employee.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Conflict`] if the name is taken.
    pub async fn add_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        name: EmployeeName,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let _ = (actor, now, name);
        Err(StoreError::unwritten())
    }

    /// The employees, by name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator.
    pub async fn employees(&self, actor: &Actor) -> Result<Vec<EmployeeRow>, StoreError> {
        let _ = actor;
        Err(StoreError::unwritten())
    }

    /// Disables an employee. The caller ends their sessions. Writes nothing if they are disabled already.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn disable_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let _ = (actor, now, id);
        Err(StoreError::unwritten())
    }

    /// Enables an employee again. Writes nothing if they are enabled.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn enable_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let _ = (actor, now, id);
        Err(StoreError::unwritten())
    }

    /// Gives an employee a public key. A key belongs to one employee for ever.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] for an unknown
    /// employee, [`StoreError::Conflict`] if the key is, or was, somebody else's.
    pub async fn add_employee_key(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
        key: PublicKey,
    ) -> Result<Written<EmployeeKeyRow>, StoreError> {
        let _ = (actor, now, id, key);
        Err(StoreError::unwritten())
    }

    /// Removes a public key. The caller ends the sessions opened with it.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn remove_employee_key(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
        key: EmployeeKeyId,
    ) -> Result<Written<()>, StoreError> {
        let _ = (actor, now, id, key);
        Err(StoreError::unwritten())
    }

    /// Who offers this public key; `None` if nobody known ever had it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn employee_by_key(&self, key: &PublicKey) -> Result<Option<KnownEmployee>, StoreError> {
        let _ = key;
        Err(StoreError::unwritten())
    }

    /// Resolves a pseudonym to a person, which the customer sees.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if the organization
    /// never saw it.
    pub async fn resolve_identifier(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        identifier: EmployeeIdentifier,
    ) -> Result<Written<EmployeeName>, StoreError> {
        let _ = (actor, now, organization, identifier);
        Err(StoreError::unwritten())
    }
}

//! Organizations and projects: who they are, the block, and the longest grant.

use byleave_core::actor::Actor;
use byleave_core::id::{OrgId, ProjectId};
use byleave_core::name::{OrgName, ProjectName};
use byleave_core::time::{Reading, Timestamp, Ttl};

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: OrgName,
    /// Whether it blocks support.
    pub blocked: bool,
    /// The longest grant that can be given in it.
    pub longest: Ttl,
    /// When its first owner claimed it; `None` before that.
    pub claimed_at: Option<Timestamp>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Its id.
    pub id: ProjectId,
    /// Its organization.
    pub organization: OrgId,
    /// Its name.
    pub name: ProjectName,
    /// How many clusters it has, removed ones not counted.
    pub cluster_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// The organizations that the actor may know of, by name: a customer's own, all for an administrator.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for an employee.
    pub async fn organizations(&self, actor: &Actor) -> Result<Vec<OrganizationRow>, StoreError> {
        let _ = actor;
        Err(StoreError::unwritten())
    }

    /// One organization.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of it.
    pub async fn organization(&self, actor: &Actor, id: OrgId) -> Result<OrganizationRow, StoreError> {
        let _ = (actor, id);
        Err(StoreError::unwritten())
    }

    /// The projects that the actor can read, by name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for an employee.
    pub async fn projects(&self, actor: &Actor) -> Result<Vec<ProjectRow>, StoreError> {
        let _ = actor;
        Err(StoreError::unwritten())
    }

    /// One project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of it.
    pub async fn project(&self, actor: &Actor, id: ProjectId) -> Result<ProjectRow, StoreError> {
        let _ = (actor, id);
        Err(StoreError::unwritten())
    }

    /// Blocks support from the organization. Writes nothing if it is blocked already. Works in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn block(&self, actor: &Actor, now: &Reading, id: OrgId) -> Result<Written<OrganizationRow>, StoreError> {
        let _ = (actor, now, id);
        Err(StoreError::unwritten())
    }

    /// Lifts the block. Writes nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn unblock(
        &self,
        actor: &Actor,
        now: &Reading,
        id: OrgId,
    ) -> Result<Written<OrganizationRow>, StoreError> {
        let _ = (actor, now, id);
        Err(StoreError::unwritten())
    }

    /// Sets the longest grant of the organization; grants in force keep their time.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn set_longest_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        id: OrgId,
        longest: Ttl,
    ) -> Result<Written<OrganizationRow>, StoreError> {
        let _ = (actor, now, id, longest);
        Err(StoreError::unwritten())
    }
}

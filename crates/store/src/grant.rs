//! Grants: given, revoked, looked back at. What they open is told in [`byleave_core::access`].

use byleave_core::actor::Actor;
use byleave_core::grant::{Grant, Request};
use byleave_core::id::ProjectId;
use byleave_core::name::{ClusterName, UserName};
use byleave_core::time::Reading;

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// A grant with the names that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The grant.
    pub grant: Grant,
    /// The project.
    pub project: ProjectId,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The name of the user who gave it, if a user did.
    pub granted_by_name: Option<UserName>,
}

impl Store {
    /// Gives a grant for a cluster, in place of the one in force.
    ///
    /// # Errors
    /// [`StoreError::Refused`] in clock doubt, over the longest time, and for sync data where there is none;
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`] by role.
    pub async fn give_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        cluster: &ClusterName,
        request: Request,
    ) -> Result<Written<Grant>, StoreError> {
        let _ = (actor, now, project, cluster, request);
        Err(StoreError::unwritten())
    }

    /// Revokes whatever is in force for a cluster. With nothing in force it succeeds and writes nothing. Works in clock
    /// doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`] by role; [`StoreError::Unavailable`] if it cannot be
    /// committed, after which the caller has to cut by itself.
    pub async fn revoke_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        cluster: &ClusterName,
    ) -> Result<Written<Option<Grant>>, StoreError> {
        let _ = (actor, now, project, cluster);
        Err(StoreError::unwritten())
    }

    /// The grants of a project, or of one of its clusters, newest first: at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn grants(
        &self,
        actor: &Actor,
        project: ProjectId,
        cluster: Option<&ClusterName>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let _ = (actor, project, cluster, limit);
        Err(StoreError::unwritten())
    }
}

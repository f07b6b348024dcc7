//! The inventory as the administrator plans and applies it. The rules are in [`byleave_core::inventory`].

use byleave_core::actor::Actor;
use byleave_core::inventory::{Inventory, Plan, Prune, WantedCluster};
use byleave_core::time::Reading;

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

impl Store {
    /// The whole inventory.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator.
    pub async fn inventory(&self, actor: &Actor) -> Result<Inventory, StoreError> {
        let _ = actor;
        Err(StoreError::unwritten())
    }

    /// What applying this inventory would do. The ids of new things are drawn anew by the apply.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Refused`] for an inventory that
    /// breaks a rule.
    pub async fn plan_inventory(
        &self,
        actor: &Actor,
        wanted: &[WantedCluster],
        prune: Prune,
    ) -> Result<Plan, StoreError> {
        let _ = (actor, wanted, prune);
        Err(StoreError::unwritten())
    }

    /// Applies this inventory: all of it or nothing. Grants of removed clusters end. What happens in an organization
    /// that nobody has claimed yet is not logged; it becomes part of the log when it is claimed.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Refused`] for an inventory that
    /// breaks a rule.
    pub async fn apply_inventory(
        &self,
        actor: &Actor,
        now: &Reading,
        wanted: &[WantedCluster],
        prune: Prune,
    ) -> Result<Written<Plan>, StoreError> {
        let _ = (actor, now, wanted, prune);
        Err(StoreError::unwritten())
    }
}

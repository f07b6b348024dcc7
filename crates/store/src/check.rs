//! What the check of a node needs: the node, and the CA that lets the gateway's probe in.
//!
//! The probe is no session and no employee takes part in it; its verdict is recorded by
//! [`Store::record_node_check`](crate::Store::record_node_check).

use byleave_core::actor::Actor;
use byleave_core::id::NodeId;
use byleave_core::inventory::Node;
use byleave_core::name::{PublicKey, SyncDatabase};
use byleave_core::policy::{Action, Resource, may};
use zeroize::Zeroizing;

use crate::error::{StoreError, Thing};
use crate::facts;
use crate::organization;
use crate::store::Store;

/// A node to be checked, and the CA that lets the probe in.
pub struct CheckFacts {
    /// The node.
    pub node: Node,
    /// The sync databases of its cluster.
    pub sync_databases: Vec<SyncDatabase>,
    /// The ed25519 seed of the organization's SSH user CA.
    pub ca: Zeroizing<[u8; 32]>,
    /// Its public key, which nodes trust.
    pub ca_public: PublicKey,
}

impl std::fmt::Debug for CheckFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckFacts").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Store {
    /// What the check of a node needs, for who may check it.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] for an unknown node.
    pub async fn check_facts(&self, actor: &Actor, node: NodeId) -> Result<CheckFacts, StoreError> {
        may(actor, Action::CheckNode, Resource::Installation)
            .map_err(|refusal| StoreError::refusal(refusal, Thing::Node))?;
        let row = self.node(actor, node).await?;
        let mut sql = self.read()?;
        let ca = organization::ssh_ca(self, &mut sql, row.organization)?;
        let ca_public = organization::ca_public(&mut sql, row.organization)?;
        let cluster = facts::cluster(&mut sql, row.cluster)?.ok_or(StoreError::NotFound(Thing::Node))?;
        let sync_databases = cluster.sync_databases.into_iter().map(|(database, _)| database).collect();
        Ok(CheckFacts { node: row.node, sync_databases, ca, ca_public })
    }
}

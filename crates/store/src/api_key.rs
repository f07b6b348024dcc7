//! API keys: what programs of a customer sign in with (HTTP Digest). The HA1 values are as good as a password and are
//! sealed at rest.

use byleave_core::actor::Actor;
use byleave_core::id::{ApiKeyId, OrgId};
use byleave_core::name::Description;
use byleave_core::role::Roles;
use byleave_core::time::{Reading, Timestamp};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::store::Store;
use crate::transaction::Written;

/// The two HA1 values of a key: MD5 and SHA-256 over public key, realm and private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// With MD5.
    pub md5: Zeroizing<[u8; 16]>,
    /// With SHA-256.
    pub sha256: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// A key to be made. The caller draws the texts and shows the private one once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// The public part, which names the key.
    pub public_key: String,
    /// What it is for.
    pub description: Description,
    /// Its roles in the organization.
    pub roles: Roles,
    /// What verifies it.
    pub ha1: Ha1,
}

/// A key as owners see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// The organization.
    pub organization: OrgId,
    /// The public part.
    pub public_key: String,
    /// What it is for.
    pub description: Description,
    /// Its roles.
    pub roles: Roles,
    /// When it was made.
    pub added_at: Timestamp,
}

/// What verifying a request of a key needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyFacts {
    /// The key as an actor, with its present roles.
    pub actor: Actor,
    /// What verifies it.
    pub ha1: Ha1,
}

impl Store {
    /// Adds a key to the organization.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] if the public part is taken,
    /// [`StoreError::Refused`] for roles that are none.
    pub async fn add_api_key(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        key: NewApiKey,
    ) -> Result<Written<ApiKeyRow>, StoreError> {
        let _ = (actor, now, organization, key);
        Err(StoreError::unwritten())
    }

    /// The keys of an organization, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner.
    pub async fn api_keys(&self, actor: &Actor, organization: OrgId) -> Result<Vec<ApiKeyRow>, StoreError> {
        let _ = (actor, organization);
        Err(StoreError::unwritten())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] if there is no such key.
    pub async fn remove_api_key(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        key: ApiKeyId,
    ) -> Result<Written<()>, StoreError> {
        let _ = (actor, now, organization, key);
        Err(StoreError::unwritten())
    }

    /// The key with this public part; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn api_key(&self, public_key: &str) -> Result<Option<ApiKeyFacts>, StoreError> {
        let _ = public_key;
        Err(StoreError::unwritten())
    }
}

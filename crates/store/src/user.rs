//! Users: a customer's people, each of one organization, with a user name that is unique in the installation.

use byleave_core::actor::Actor;
use byleave_core::id::{OrgId, UserId};
use byleave_core::name::UserName;
use byleave_core::role::Roles;
use byleave_core::time::{Reading, Timestamp};

use crate::error::StoreError;
use crate::seal::Secret;
use crate::store::Store;
use crate::transaction::Written;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Their id.
    pub id: UserId,
    /// The organization.
    pub organization: OrgId,
    /// The name they sign in with.
    pub name: UserName,
    /// Their roles.
    pub roles: Roles,
    /// When they joined.
    pub added_at: Timestamp,
}

/// What signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFacts {
    /// The user.
    pub user: UserId,
    /// The organization.
    pub organization: OrgId,
    /// The password's hash in PHC form.
    pub password_hash: Secret,
}

impl Store {
    /// The users of an organization, by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn users(&self, actor: &Actor, organization: OrgId) -> Result<Vec<UserRow>, StoreError> {
        let _ = (actor, organization);
        Err(StoreError::unwritten())
    }

    /// Gives a user these roles in place of the former ones.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner,
    /// [`StoreError::Refused`] for roles that are none.
    pub async fn change_roles(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserId,
        roles: Roles,
    ) -> Result<Written<UserRow>, StoreError> {
        let _ = (actor, now, organization, user, roles);
        Err(StoreError::unwritten())
    }

    /// Removes a user and closes their web sessions. The grants they gave stand.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner.
    pub async fn remove_user(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserId,
    ) -> Result<Written<()>, StoreError> {
        let _ = (actor, now, organization, user);
        Err(StoreError::unwritten())
    }

    /// Sets the actor's own password and closes their other web sessions; `keep` is the hash of the present one.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is a user.
    pub async fn set_password(
        &self,
        actor: &Actor,
        now: &Reading,
        password_hash: Secret,
        keep: Option<[u8; 32]>,
    ) -> Result<(), StoreError> {
        let _ = (actor, now, password_hash, keep);
        Err(StoreError::unwritten())
    }

    /// What signing in with this name needs; `None` if there is no such user.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn sign_in_facts(&self, name: &UserName) -> Result<Option<SignInFacts>, StoreError> {
        let _ = name;
        Err(StoreError::unwritten())
    }
}

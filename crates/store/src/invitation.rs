//! Invitations: single-use, 7 days, only the SHA-256 of the token is stored. The first one of an organization makes
//! its first owner; claiming it is the first leaf of the organization's log.
//!
//! An administrator can invite a first owner only while nobody has claimed the organization.

use byleave_core::actor::Actor;
use byleave_core::id::{InvitationId, OrgId, UserId};
use byleave_core::name::{OrgName, UserName};
use byleave_core::role::Roles;
use byleave_core::time::{DAY, Reading, Timestamp};

use crate::error::StoreError;
use crate::seal::Secret;
use crate::store::Store;
use crate::transaction::Written;

/// How long an invitation can be claimed, in milliseconds.
pub const INVITED_FOR: i64 = 7 * DAY;

/// A new invitation. The token is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The organization.
    pub organization: OrgId,
    /// The invitation.
    pub invitation: InvitationId,
    /// What the invited person needs to claim it: 64 hexadecimal digits.
    pub token: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What the holder of a token may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationFacts {
    /// The organization.
    pub organization: OrgId,
    /// Its name.
    pub organization_name: OrgName,
    /// Who is invited.
    pub user_name: UserName,
    /// With which roles.
    pub roles: Roles,
    /// Whether claiming it claims the organization.
    pub first_owner: bool,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
}

/// An invitation that was neither claimed nor replaced, as owners see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub user_name: UserName,
    /// With which roles.
    pub roles: Roles,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
}

/// A new user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// The user.
    pub user: UserId,
    /// Their organization.
    pub organization: OrgId,
}

impl Store {
    /// Creates an organization and invites its first owner.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Conflict`] if the user name is
    /// taken.
    pub async fn invite_organization(
        &self,
        actor: &Actor,
        now: &Reading,
        name: OrgName,
        owner: UserName,
    ) -> Result<Written<Invited>, StoreError> {
        let _ = (actor, now, name, owner);
        Err(StoreError::unwritten())
    }

    /// Invites the first owner anew, in place of the former invitation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the organization is claimed or the user name is taken.
    pub async fn invite_first_owner_again(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        owner: UserName,
    ) -> Result<Written<Invited>, StoreError> {
        let _ = (actor, now, organization, owner);
        Err(StoreError::unwritten())
    }

    /// Invites a person to the organization, in place of a former invitation of the same name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] if the user name is taken,
    /// [`StoreError::Refused`] for roles that are none.
    pub async fn invite_user(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserName,
        roles: Roles,
    ) -> Result<Written<Invited>, StoreError> {
        let _ = (actor, now, organization, user, roles);
        Err(StoreError::unwritten())
    }

    /// The invitations of an organization that can still be claimed, by user name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn invitations(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<InvitationRow>, StoreError> {
        let _ = (actor, now, organization);
        Err(StoreError::unwritten())
    }

    /// What the holder of a token may see before claiming.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a token that cannot be claimed, whatever the cause.
    pub async fn invitation(&self, token: &str, now: &Reading) -> Result<InvitationFacts, StoreError> {
        let _ = (token, now);
        Err(StoreError::unwritten())
    }

    /// Claims an invitation: the person becomes a user with this password. The first owner's claim writes
    /// `organization.claimed` and the inventory as it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a token that cannot be claimed, [`StoreError::Conflict`] if the user name was
    /// taken meanwhile.
    pub async fn claim(
        &self,
        token: &str,
        password_hash: Secret,
        now: &Reading,
    ) -> Result<Written<Claimed>, StoreError> {
        let _ = (token, password_hash, now);
        Err(StoreError::unwritten())
    }
}

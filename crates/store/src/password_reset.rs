//! A lost password: an owner of the organization makes a link with which the person chooses a new one, once, within an
//! hour. It is an invitation of somebody who is there already.
//!
//! This module must never give such a link to an administrator or an employee: who sets a customer's password is that
//! customer.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, OrgId, UserId};
use byleave_core::name::UserName;
use byleave_core::policy::{Action, RESET_FOR};
use byleave_core::time::{Reading, Timestamp};

use crate::authority::require_in_organization;
use crate::error::{Conflict, StoreError, Thing};
use crate::invitation::{Invited, stands, token_hash};
use crate::row;
use crate::seal::Secret;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};
use crate::user;

/// A link for a new password that can be used, as owners see it: all but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetRow {
    /// Its id.
    pub id: InvitationId,
    /// Whose password it sets.
    pub user: UserId,
    /// Their name.
    pub user_name: UserName,
    /// The name of the owner who made it.
    pub maker: UserName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl Store {
    /// Makes a link with which a user chooses a new password, in place of a former one. Nothing of the user changes before
    /// it is used.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is a user with `ORG_OWNER`, [`StoreError::NotFound`] if the organization
    /// has no such user, [`StoreError::Conflict`] in clock doubt.
    pub async fn offer_password_reset(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserId,
    ) -> Result<Written<Invited>, StoreError> {
        let actor = actor.clone();
        let body = self.write("offer password reset", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::ResetPassword, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::User))?;
            let row = user::load(tx.sql, organization, user)?;
            refuse_in_doubt(tx)?;
            void(tx, user)?;
            let invitation = InvitationId::from_bytes(tx.random());
            let token = Secret::new(hex::encode(tx.random::<32>()));
            let expires_at = tx.at().plus(RESET_FOR);
            query(
                "INSERT INTO invitations (id, organization, user_name, token_hash, first_owner, created_at, expires_at,
                                          invited_by, closed_at, closed, resets)
                 VALUES ($1, $2, $3, $4, 0, $5, $6, $7, NULL, NULL, $8)",
            )
            .bind(invitation.to_string())
            .bind(organization.to_string())
            .bind(row.name.as_str())
            .bind(token_hash(token.expose()).to_vec())
            .bind(tx.at().millis())
            .bind(expires_at.millis())
            .bind(row::field_text(&by)?)
            .bind(user.to_string())
            .execute(tx.sql)?;
            tx.append(organization, by, Event::PasswordResetOffered { user, invitation, expires_at })?;
            Ok(Invited { organization, invitation, token, expires_at })
        });
        body.await
    }

    /// The links of an organization that can be used, by user name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization, [`StoreError::Forbidden`] unless an owner.
    pub async fn password_resets(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<ResetRow>, StoreError> {
        let mut sql = self.read()?;
        require_in_organization(&mut sql, actor, Action::ReadInvitations, organization)?;
        let at = self.judged(&sql, now).at;
        all(&mut sql, organization, at)
    }

    /// Withdraws a link that nobody has used: it opens nothing any more. Also in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] if there is none.
    pub async fn withdraw_password_reset(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: InvitationId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("withdraw password reset", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::ManageUsers, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::PasswordReset))?;
            let at = tx.at();
            let open = all(tx.sql, organization, at)?;
            let row = open.into_iter().find(|row| row.id == id).ok_or(StoreError::NotFound(Thing::PasswordReset))?;
            void(tx, row.user)?;
            tx.append(organization, by, Event::PasswordResetWithdrawn { user: row.user, invitation: id })?;
            Ok(())
        });
        body.await
    }
}

/// The links of an organization that can be used, by user name.
fn all(sql: &mut Sql, organization: OrgId, at: Timestamp) -> Result<Vec<ResetRow>, StoreError> {
    let rows = query(
        "SELECT invitations.id, resets, user_name, invited_by, created_at, expires_at
         FROM invitations JOIN users ON users.id = invitations.resets
         WHERE invitations.organization = $1 AND closed_at IS NULL AND expires_at > $2 AND removed_at IS NULL
         ORDER BY user_name",
    )
    .bind(organization.to_string())
    .bind(at.millis())
    .fetch_all(&mut *sql)?;
    let mut found = Vec::new();
    for row in &rows {
        if !stands(sql, row, organization, Action::ResetPassword)? {
            continue;
        }
        let By::User(maker) = row::field(row, "invited_by")? else {
            return Err(StoreError::corrupt("a link for a new password that no person made"));
        };
        found.push(ResetRow {
            id: row::text(row, "id")?,
            user: row::text(row, "resets")?,
            user_name: row::text(row, "user_name")?,
            maker: user::load(sql, organization, maker)?.name,
            created_at: row::instant(row, "created_at")?,
            expires_at: row::instant(row, "expires_at")?,
        });
    }
    Ok(found)
}

/// Takes back the links for a new password that are open for a user.
pub(crate) fn void(tx: &mut Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    query("UPDATE invitations SET closed = 'replaced', closed_at = $2 WHERE resets = $1 AND closed_at IS NULL")
        .bind(user.to_string())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    Ok(())
}

/// Sets the password that the bearer of a link chose, and ends all sign-ins of the user.
pub(crate) fn carry_out(
    tx: &mut Transaction<'_>,
    (organization, invitation): (OrgId, InvitationId),
    user: UserId,
    password_hash: &Secret,
) -> Result<(), StoreError> {
    refuse_in_doubt(tx)?;
    user::load(tx.sql, organization, user)?;
    query("UPDATE users SET password_hash = $2 WHERE id = $1")
        .bind(user.to_string())
        .bind(password_hash.expose())
        .execute(tx.sql)?;
    user::close_web_sessions(tx, user, None)?;
    tx.append(organization, By::User(user), Event::PasswordReset { user, invitation })?;
    Ok(())
}

/// Refuses in clock doubt: an hour cannot be told then.
fn refuse_in_doubt(tx: &Transaction<'_>) -> Result<(), StoreError> {
    match tx.now.doubt {
        Some(_) => Err(StoreError::Conflict(Conflict::ClockInDoubt)),
        None => Ok(()),
    }
}

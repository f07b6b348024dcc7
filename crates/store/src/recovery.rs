//! The recovery of a lost last owner: started by an administrator, seen by every member, stopped by any of them; after 72
//! hours one single-use invitation.
//!
//! This module must never remove anybody, change a credential, or make an invitation that members had no 72 hours to stop.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, OrgId, RecoveryId};
use byleave_core::name::UserName;
use byleave_core::policy::{Action, Resource, may};
use byleave_core::recovery::{Recovery, RecoveryEnd, RecoveryError, invite, start};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::{Reading, Timestamp};

use crate::authority::{present, require, require_in_organization};
use crate::error::{Conflict, Rule, StoreError, Thing};
use crate::invitation::{self, Invited, refuse_taken};
use crate::organization;
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

impl Store {
    /// Starts a recovery. Nobody is invited before all members had 72 hours to stop it.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Conflict`] for an organization that
    /// nobody has claimed and for a user name that is taken, [`StoreError::Refused`] in clock doubt and while one is open.
    pub async fn start_recovery(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        owner: UserName,
    ) -> Result<Written<Recovery>, StoreError> {
        let actor = actor.clone();
        let body = self.write("start recovery", now, move |tx| {
            require(tx.sql, &actor, Action::RecoverOwner, Resource::Installation, Thing::Organization)?;
            if organization::load(tx.sql, organization)?.claimed_at.is_none() {
                return Err(StoreError::Conflict(Conflict::NotClaimed));
            }
            refuse_taken(tx.sql, &owner)?;
            let latest = latest(tx.sql, organization)?;
            let ready_at = start(latest.as_ref(), tx.now).map_err(refused)?;
            let recovery = RecoveryId::from_bytes(tx.random());
            query(
                "INSERT INTO recoveries (id, organization, user_name, started_at, ready_at, invitation, ended_at, end_reason)
                 VALUES ($1, $2, $3, $4, $5, NULL, NULL, NULL)",
            )
            .bind(recovery.to_string())
            .bind(organization.to_string())
            .bind(owner.as_str())
            .bind(tx.at().millis())
            .bind(ready_at.millis())
            .execute(tx.sql)?;
            let user_name = tx.erasable(&owner);
            let event = Event::RecoveryStarted { recovery, user_name, ready_at };
            tx.append(organization, By::Administrator, event)?;
            known(tx.sql, organization)
        });
        body.await
    }

    /// Makes the invitation of the new owner, once members had 72 hours to stop the recovery.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Refused`] before the time, in clock
    /// doubt, and where no recovery is left to go on with.
    pub async fn invite_recovered_owner(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Written<Invited>, StoreError> {
        let actor = actor.clone();
        let body = self.write("invite recovered owner", now, move |tx| {
            require(tx.sql, &actor, Action::RecoverOwner, Resource::Installation, Thing::Organization)?;
            organization::load(tx.sql, organization)?;
            let latest = latest(tx.sql, organization)?;
            let recovery = invite(latest.as_ref(), tx.now).map_err(refused)?;
            let (owner, by) = (recovery.user_name.clone(), By::Administrator);
            let roles = Roles::in_organization([OrgRole::Owner]);
            let invited = invitation::invite(tx, organization, &owner, &roles, Some(&by))?;
            query("UPDATE recoveries SET invitation = $2 WHERE id = $1")
                .bind(recovery.id.to_string())
                .bind(invited.invitation.to_string())
                .execute(tx.sql)?;
            let user_name = tx.erasable(&owner);
            let (recovery, invitation) = (recovery.id, invited.invitation);
            tx.append(organization, by, Event::RecoveryInvited { recovery, invitation, user_name })?;
            Ok(invited)
        });
        body.await
    }

    /// Stops the recovery that is open, and takes its invitation back. With none open it succeeds and writes nothing. Works
    /// in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`] unless the actor is a member.
    pub async fn stop_recovery(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Written<Option<Recovery>>, StoreError> {
        let actor = actor.clone();
        let body = self.write("stop recovery", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::StopRecovery, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
            let at = tx.at();
            let Some(open) = latest(tx.sql, organization)?.filter(|recovery| recovery.is_open(at)) else {
                return Ok(None);
            };
            end(tx, &open, RecoveryEnd::Stopped)?;
            tx.append(organization, by, Event::RecoveryStopped { recovery: open.id })?;
            known(tx.sql, organization).map(Some)
        });
        body.await
    }

    /// The latest recovery of an organization; for its members and administrators.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn recovery(&self, actor: &Actor, organization: OrgId) -> Result<Option<Recovery>, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        let sees = may(&actor, Action::ReadOrganization, Resource::Organization(organization)).is_ok()
            || may(&actor, Action::RecoverOwner, Resource::Installation).is_ok();
        if !sees {
            return Err(StoreError::NotFound(Thing::Organization));
        }
        organization::load(&mut sql, organization)?;
        latest(&mut sql, organization)
    }
}

fn refused(error: RecoveryError) -> StoreError {
    StoreError::Refused(Rule::Recovery(error))
}

fn known(sql: &mut Sql, organization: OrgId) -> Result<Recovery, StoreError> {
    latest(sql, organization)?.ok_or_else(|| StoreError::corrupt("a recovery that is not there"))
}

/// The latest recovery, with what became of its invitation.
pub(crate) fn latest(sql: &mut Sql, organization: OrgId) -> Result<Option<Recovery>, StoreError> {
    let row = query(
        "SELECT recoveries.*, invitations.expires_at, invitations.closed_at, invitations.closed
         FROM recoveries LEFT JOIN invitations ON invitations.id = recoveries.invitation
         WHERE recoveries.organization = $1 ORDER BY recoveries.number DESC LIMIT 1",
    )
    .bind(organization.to_string())
    .fetch_optional(sql)?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &Row) -> Result<Recovery, StoreError> {
    let invitation: Option<InvitationId> = row::text_or_none(row, "invitation")?;
    let invited = invitation.zip(row::instant_or_none(row, "expires_at")?);
    Ok(Recovery {
        id: row::text(row, "id")?,
        user_name: row::text(row, "user_name")?,
        started_at: row::instant(row, "started_at")?,
        ready_at: row::instant(row, "ready_at")?,
        invited,
        ended: ended(row)?,
    })
}

/// When and how it ended: by itself, or with its invitation.
fn ended(row: &Row) -> Result<Option<(Timestamp, RecoveryEnd)>, StoreError> {
    let own = (row::instant_or_none(row, "ended_at")?, row::raw::<Option<String>>(row, "end_reason")?);
    let closed = (row::instant_or_none(row, "closed_at")?, row::raw::<Option<String>>(row, "closed")?);
    match (own, closed) {
        ((Some(at), Some(word)), _) => match word.as_str() {
            "clock reset" => Ok(Some((at, RecoveryEnd::ClockReset))),
            "stopped" => Ok(Some((at, RecoveryEnd::Stopped))),
            _ => Err(StoreError::corrupt("a recovery that ended as nothing known")),
        },
        (_, (Some(at), Some(word))) if word == "claimed" => Ok(Some((at, RecoveryEnd::Claimed))),
        (_, (Some(at), Some(_))) => Ok(Some((at, RecoveryEnd::Stopped))),
        (_, _) => Ok(None),
    }
}

/// Ends a recovery and takes its invitation back; the event is the caller's.
fn end(tx: &mut Transaction<'_>, recovery: &Recovery, end: RecoveryEnd) -> Result<(), StoreError> {
    let word = match end {
        RecoveryEnd::ClockReset => "clock reset",
        RecoveryEnd::Stopped => "stopped",
        RecoveryEnd::Claimed => return Err(StoreError::corrupt("a claim is written with its invitation")),
    };
    query("UPDATE recoveries SET ended_at = $2, end_reason = $3 WHERE id = $1")
        .bind(recovery.id.to_string())
        .bind(tx.at().millis())
        .bind(word)
        .execute(tx.sql)?;
    if let Some((invitation, _)) = recovery.invited {
        query("UPDATE invitations SET closed = 'replaced', closed_at = $2 WHERE id = $1 AND closed_at IS NULL")
            .bind(invitation.to_string())
            .bind(tx.at().millis())
            .execute(tx.sql)?;
    }
    Ok(())
}

/// Ends the recovery of an organization when an administrator leaves clock doubt: the entry that tells of that tells of
/// this, too. One that had lapsed could come to life when time is set back, so it ends as well.
pub(crate) fn end_with_doubt(tx: &mut Transaction<'_>, organization: OrgId) -> Result<(), StoreError> {
    match latest(tx.sql, organization)? {
        Some(recovery) if recovery.ended.is_none() => end(tx, &recovery, RecoveryEnd::ClockReset),
        Some(_) | None => Ok(()),
    }
}

/// Refuses the claim of a recovery's invitation in clock doubt: doubt stops a recovery to its end.
pub(crate) fn refuse_in_doubt(tx: &mut Transaction<'_>, invitation: InvitationId) -> Result<(), StoreError> {
    if tx.now.doubt.is_none() {
        return Ok(());
    }
    let row = query("SELECT id FROM recoveries WHERE invitation = $1").bind(invitation.to_string());
    match row.fetch_optional(tx.sql)? {
        Some(_) => Err(refused(RecoveryError::ClockDoubt)),
        None => Ok(()),
    }
}

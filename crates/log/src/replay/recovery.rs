//! The recovery of a lost last owner as the log tells it: nobody is invited before all members had 72 hours to stop it,
//! nor after one did.

use byleave_core::event::Entry;
use byleave_core::id::{InvitationId, RecoveryId};
use byleave_core::recovery::{READY_FOR, STOPPABLE_FOR};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::Timestamp;

use super::organization::Organization;
use super::problem::Problem;

/// A recovery that has not been stopped.
#[derive(Debug)]
pub(super) struct Running {
    id: RecoveryId,
    ready_at: Timestamp,
    invitation: Option<InvitationId>,
}

impl Running {
    pub(super) const fn invitation(&self) -> Option<InvitationId> {
        self.invitation
    }
}

impl Organization {
    /// An administrator starts one: no other may be on its way to an invitation.
    pub(super) fn start_recovery(&mut self, entry: &Entry, id: RecoveryId, ready: Timestamp) -> Result<(), Problem> {
        let is_running =
            |running: &Running| running.invitation.is_none() && entry.at < running.ready_at.plus(READY_FOR);
        if self.recovery.as_ref().is_some_and(is_running) {
            return Err(Problem::Twice { what: "recovery" });
        }
        if ready.since(entry.at) != STOPPABLE_FOR {
            return Err(Problem::RecoveryTime);
        }
        self.recovery = Some(Running { id, ready_at: ready, invitation: None });
        Ok(())
    }

    /// The new owner is invited.
    pub(super) fn invite_recovered(
        &mut self,
        entry: &Entry,
        id: RecoveryId,
        invitation: InvitationId,
    ) -> Result<(), Problem> {
        let known = self.recovery.as_mut().filter(|running| running.id == id && running.invitation.is_none());
        let running = known.ok_or(Problem::Unknown { what: "recovery in which somebody is to be invited" })?;
        if entry.at < running.ready_at {
            return Err(Problem::RecoveryEarly);
        }
        if entry.at >= running.ready_at.plus(READY_FOR) {
            return Err(Problem::RecoveryLate);
        }
        running.invitation = Some(invitation);
        self.invitations.add(entry, invitation, &Roles::in_organization([OrgRole::Owner]))
    }

    /// A member stops it; its invitation goes with it.
    pub(super) fn stop_recovery(&mut self, id: RecoveryId) -> Result<(), Problem> {
        if self.recovery.as_ref().is_none_or(|running| running.id != id) {
            return Err(Problem::Unknown { what: "recovery" });
        }
        let invitation = self.recovery.as_ref().and_then(Running::invitation);
        // One that is stopped was not used; if it must have been, it ends all the same.
        let _was_unused = invitation.map(|id| self.invitations.withdraw(id));
        self.end_recovery();
        Ok(())
    }

    /// Ends what there is of a recovery, also when an administrator leaves clock doubt.
    pub(super) fn end_recovery(&mut self) {
        let invitation = self.recovery.take().and_then(|running| running.invitation);
        if let Some(invitation) = invitation {
            self.invitations.end(invitation);
        }
    }

    /// The recovery in which nobody has been invited yet.
    pub fn recovery(&self) -> Option<RecoveryId> {
        self.recovery.as_ref().filter(|running| running.invitation.is_none()).map(|running| running.id)
    }
}

//! New passwords by a link of an owner, as the log tells them: for a user who is there, once, within an hour.
//!
//! Who may make and use such a link is for `rights.rs` to say.

use byleave_core::actor::By;
use byleave_core::event::Entry;
use byleave_core::id::{InvitationId, UserId};
use byleave_core::policy::RESET_FOR;
use byleave_core::time::Timestamp;

use super::organization::Organization;
use super::problem::Problem;

/// A link for a new password.
#[derive(Debug, Clone)]
pub(super) struct Reset {
    user: UserId,
    until: Timestamp,
    /// Who made it, and is still an owner while it can be used.
    pub(super) by: By,
}

impl Organization {
    pub(super) fn offer_reset(
        &mut self,
        entry: &Entry,
        user: UserId,
        (invitation, until): (InvitationId, Timestamp),
    ) -> Result<(), Problem> {
        if !self.has_user(user) {
            return Err(Problem::Unknown { what: "user" });
        }
        self.void_resets(user);
        if until != entry.at.plus(RESET_FOR) {
            return Err(Problem::ResetTime);
        }
        let link = Reset { user, until, by: entry.by.clone() };
        match self.resets.insert(invitation, link) {
            Some(_) => Err(Problem::Twice { what: "link for a new password" }),
            None => Ok(()),
        }
    }

    pub(super) fn reset(&mut self, entry: &Entry, user: UserId, invitation: InvitationId) -> Result<(), Problem> {
        match self.resets.remove(&invitation) {
            Some(link) if link.user == user && entry.at < link.until => Ok(()),
            Some(_) | None => Err(Problem::NotReset),
        }
    }

    /// An owner withdraws a link that nobody has used.
    pub(super) fn withdraw_reset(&mut self, user: UserId, invitation: InvitationId) -> Result<(), Problem> {
        match self.resets.remove(&invitation) {
            Some(link) if link.user == user => Ok(()),
            Some(_) | None => Err(Problem::Unknown { what: "link for a new password of this user" }),
        }
    }

    /// Whoever chose another password, or gets another link, can use the former one no longer.
    pub(super) fn void_resets(&mut self, user: UserId) {
        self.resets.retain(|_, link| link.user != user);
    }
}

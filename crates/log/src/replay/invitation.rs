//! Invitations as the log tells them: for exactly these roles, once, within seven days, and only while whoever made one may
//! still invite.
//!
//! The entry of somebody who joins does not name the invitation. So each of them is kept with all that could have been
//! theirs, and what is asked is whether there is one for each: no honest log is accused because of a wrong guess. Who may
//! cause these events is for `rights.rs` to say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use byleave_core::actor::By;
use byleave_core::event::Entry;
use byleave_core::id::InvitationId;
use byleave_core::policy::{Action, INVITED_FOR};
use byleave_core::role::Roles;
use byleave_core::time::Timestamp;

use super::organization::Organization;
use super::problem::Problem;
use super::rights;

/// The invitations of an organization.
#[derive(Debug, Default)]
pub(super) struct Invitations {
    /// All that no entry has ended; of some it may follow that they were used.
    open: BTreeMap<InvitationId, Invited>,
    /// Those that were made at some time.
    known: BTreeSet<InvitationId>,
    /// Everybody who joined.
    joined: Vec<Joined>,
    /// Who of them used which: the other side of [`Joined::uses`].
    used: BTreeMap<InvitationId, usize>,
}

/// Somebody who joined.
#[derive(Debug)]
struct Joined {
    /// The invitations that could have been theirs.
    could: BTreeSet<InvitationId>,
    /// One of them that nobody else uses; another one could be as good.
    uses: Option<InvitationId>,
}

#[derive(Debug)]
struct Invited {
    roles: Roles,
    until: Timestamp,
    /// Who made it.
    by: By,
}

impl Invitations {
    /// One is made.
    pub(super) fn add(&mut self, entry: &Entry, id: InvitationId, roles: &Roles) -> Result<(), Problem> {
        if !self.known.insert(id) {
            return Err(Problem::Twice { what: "invitation" });
        }
        let invited = Invited { roles: roles.clone(), until: entry.at.plus(INVITED_FOR), by: entry.by.clone() };
        self.open.insert(id, invited);
        Ok(())
    }

    /// One gets other roles: nobody has used it yet.
    pub(super) fn change(&mut self, id: InvitationId, roles: &Roles) -> Result<(), Problem> {
        self.find_unused(id)?;
        if let Some(invited) = self.open.get_mut(&id) {
            invited.roles = roles.clone();
        }
        Ok(())
    }

    /// One is taken back: nobody has used it, and nobody will.
    pub(super) fn withdraw(&mut self, id: InvitationId) -> Result<(), Problem> {
        self.find_unused(id)?;
        self.open.remove(&id);
        Ok(())
    }

    /// One that can be claimed no longer, whether it was or not.
    pub(super) fn end(&mut self, id: InvitationId) {
        self.open.remove(&id);
    }

    /// Somebody joins. Answers whether there is an invitation for them, beside those of all who joined before.
    pub(super) fn join(&mut self, at: Timestamp, roles: &Roles) -> bool {
        let fitting = self.open.iter().filter(|(_, invited)| at < invited.until && invited.roles == *roles);
        let could = fitting.map(|(id, _)| *id).collect();
        self.joined.push(Joined { could, uses: None });
        let is_invited = self.place(self.joined.len() - 1, None);
        if !is_invited {
            self.joined.pop();
        }
        is_invited
    }

    /// Finds that nobody has used an invitation that is open.
    fn find_unused(&mut self, id: InvitationId) -> Result<(), Problem> {
        if !self.open.contains_key(&id) {
            return Err(Problem::Unknown { what: "invitation" });
        }
        if let Some(person) = self.used.get(&id).copied() {
            if !self.place(person, Some(id)) {
                return Err(Problem::Unknown { what: "invitation" });
            }
            self.used.remove(&id);
        }
        for person in &mut self.joined {
            person.could.remove(&id);
        }
        Ok(())
    }

    /// Finds an invitation for somebody, beside the one that it cannot be, and another one for whoever has that, and so on.
    /// Nothing changes where there is none. Not by recursion: the log may be anybody's.
    fn place(&mut self, person: usize, except: Option<InvitationId>) -> bool {
        let mut wanted_by: BTreeMap<InvitationId, usize> = BTreeMap::new();
        let mut without = VecDeque::from([person]);
        while let Some(one) = without.pop_front() {
            for id in self.joined.get(one).into_iter().flat_map(|joined| &joined.could) {
                if Some(*id) == except || wanted_by.contains_key(id) {
                    continue;
                }
                wanted_by.insert(*id, one);
                match self.used.get(id) {
                    Some(other) => without.push_back(*other),
                    None => {
                        self.hand_over(*id, person, &wanted_by);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Gives a free invitation to who wants it, what they used to who wants that, until the person has one.
    fn hand_over(&mut self, free: InvitationId, person: usize, wanted_by: &BTreeMap<InvitationId, usize>) {
        let mut free = Some(free);
        while let Some(id) = free {
            let Some(taker) = wanted_by.get(&id).copied() else { return };
            self.used.insert(id, taker);
            let former = self.joined.get_mut(taker).and_then(|joined| joined.uses.replace(id));
            free = former.filter(|_| taker != person);
        }
    }
}

impl Organization {
    /// Ends the invitations, and the links for a new password, of somebody who may make them no longer; for good, also if
    /// they may again.
    pub(super) fn void_links(&mut self, by: &By) {
        if !rights::still(by, self, Action::ManageUsers) {
            self.invitations.open.retain(|_, invited| invited.by != *by);
        }
        if !rights::still(by, self, Action::ResetPassword) {
            self.resets.retain(|_, link| link.by != *by);
        }
    }
}

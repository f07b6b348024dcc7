//! New passwords by a link of an owner: one without a link, late, twice, or of somebody else is found, whoever signed.

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, UserId};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::{HOUR, MINUTE, Timestamp};

use super::{assert_refused, assert_taken};
use crate::story::{MANAGER, OWNER, Story, employee, owner, story};

const LINK: InvitationId = InvitationId::from_bytes([0x75; 12]);

fn offered(user: UserId, until: Timestamp, link: u8) -> Event {
    Event::PasswordResetOffered { user, invitation: InvitationId::from_bytes([link; 12]), expires_at: until }
}

fn reset() -> Event {
    Event::PasswordReset { user: MANAGER, invitation: LINK }
}

/// The story with a link for the manager.
fn with_link() -> Story {
    let mut whole = story();
    let until = whole.at.plus(MINUTE + HOUR);
    whole.add(MINUTE, owner(), offered(MANAGER, until, 0x75));
    whole
}

#[test]
fn only_owners_make_a_link_for_users_and_for_an_hour() {
    let whole = story();
    let until = whole.at.plus(MINUTE + HOUR);
    assert_taken(whole.clone(), MINUTE, owner(), offered(MANAGER, until, 0x75));
    for (by, words) in [
        (By::Administrator, "an administrator of the vendor can never do this"),
        (employee(), "a support engineer of the vendor can never do this"),
        (By::System, "only a person or key of the customer does"),
        (By::User(MANAGER), "their roles at that moment did not allow it"),
    ] {
        assert_refused(whole.clone(), MINUTE, by, offered(MANAGER, until, 0x75), words);
    }
    let stranger = UserId::from_bytes([0x99; 12]);
    assert_refused(whole.clone(), MINUTE, owner(), offered(stranger, until, 0x75), "no such user");
    assert_refused(whole, MINUTE, owner(), offered(MANAGER, until.plus(1), 0x75), "another time than 1 hour");
}

#[test]
fn a_link_is_used_once_in_time_and_by_whom_it_is_for() {
    let without = "without a link that an owner had made";
    assert_refused(story(), MINUTE, By::User(MANAGER), reset(), without);
    let whole = with_link();
    assert_taken(whole.clone(), HOUR - 1, By::User(MANAGER), reset());
    assert_refused(whole.clone(), HOUR, By::User(MANAGER), reset(), without);
    for by in [owner(), By::Administrator, By::System, employee()] {
        assert_refused(whole.clone(), MINUTE, by, reset(), "only they themselves do");
    }
    let mut twice = whole.clone();
    twice.add(MINUTE, By::User(MANAGER), reset());
    assert_refused(twice, MINUTE, By::User(MANAGER), reset(), without);
    let mut changed = whole.clone();
    changed.add(MINUTE, By::User(MANAGER), Event::UserPasswordChanged { user: MANAGER });
    assert_refused(changed, MINUTE, By::User(MANAGER), reset(), without);
    let mut replaced = whole;
    let until = replaced.at.plus(MINUTE + HOUR);
    replaced.add(MINUTE, owner(), offered(MANAGER, until, 0x76));
    assert_refused(replaced, MINUTE, By::User(MANAGER), reset(), without);
}

#[test]
fn a_link_of_somebody_who_is_no_owner_any_longer_is_none() {
    let mut whole = story();
    let roles = Roles::in_organization([OrgRole::Owner]);
    whole.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles });
    let until = whole.at.plus(MINUTE + HOUR);
    whole.add(MINUTE, By::User(MANAGER), offered(OWNER, until, 0x75));
    let reset = || Event::PasswordReset { user: OWNER, invitation: LINK };
    assert_taken(whole.clone(), MINUTE, owner(), reset());
    let demoted = Event::UserRolesChanged { user: MANAGER, roles: Roles::in_organization([OrgRole::Member]) };
    for ended in [demoted, Event::UserRemoved { user: MANAGER }] {
        let mut whole = whole.clone();
        let demoted = matches!(ended, Event::UserRolesChanged { .. });
        whole.add(MINUTE, owner(), ended);
        assert_refused(whole.clone(), MINUTE, owner(), reset(), "without a link that an owner had made");
        if demoted {
            let roles = Roles::in_organization([OrgRole::Owner]);
            whole.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles });
            assert_refused(whole, MINUTE, owner(), reset(), "without a link that an owner had made");
        }
    }
}

#[test]
fn a_link_is_withdrawn_by_an_owner_and_then_of_no_use() {
    let whole = with_link();
    let withdrawn = |user: UserId| Event::PasswordResetWithdrawn { user, invitation: LINK };
    for (by, words) in [
        (By::Administrator, "an administrator of the vendor can never do this"),
        (employee(), "a support engineer of the vendor can never do this"),
        (By::System, "only a person or key of the customer does"),
        (By::User(MANAGER), "their roles at that moment did not allow it"),
    ] {
        assert_refused(whole.clone(), MINUTE, by, withdrawn(MANAGER), words);
    }
    assert_refused(whole.clone(), MINUTE, owner(), withdrawn(OWNER), "no such link for a new password of this user");
    assert_taken(whole.clone(), MINUTE, owner(), withdrawn(MANAGER));
    let mut ended = whole;
    ended.add(MINUTE, owner(), withdrawn(MANAGER));
    assert_refused(ended.clone(), MINUTE, By::User(MANAGER), reset(), "without a link that an owner had made");
    assert_refused(ended, MINUTE, owner(), withdrawn(MANAGER), "no such link for a new password of this user");
}

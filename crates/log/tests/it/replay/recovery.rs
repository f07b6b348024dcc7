//! Recovery of a lost last owner: an invitation before 72 hours or after a stop is found, whoever signed.

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, RecoveryId, UserId};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::sample;
use byleave_core::time::{DAY, HOUR, MINUTE, Timestamp};

use super::{assert_refused, assert_taken};
use crate::story::{MANAGER, MEMBER, Story, employee, owner, story};

const RECOVERY: RecoveryId = RecoveryId::from_bytes([0x71; 12]);
const INVITATION: InvitationId = InvitationId::from_bytes([0x72; 12]);

fn started(at: Timestamp, number: u8) -> Event {
    Event::RecoveryStarted {
        recovery: RecoveryId::from_bytes([number; 12]),
        user_name: sample::erasable("ada@shop.example"),
        ready_at: at.plus(72 * HOUR),
    }
}

fn invited() -> Event {
    let user_name = sample::erasable("ada@shop.example");
    Event::RecoveryInvited { recovery: RECOVERY, invitation: INVITATION, user_name }
}

fn stopped() -> Event {
    Event::RecoveryStopped { recovery: RECOVERY }
}

fn joined(roles: Roles) -> (By, Event) {
    let user = UserId::from_bytes([0x73; 12]);
    (By::User(user), Event::UserAdded { user, user_name: sample::erasable("ada@shop.example"), roles })
}

/// The story with a recovery that runs.
fn running() -> Story {
    let mut whole = story();
    let at = whole.at.plus(MINUTE);
    whole.add(MINUTE, By::Administrator, started(at, 0x71));
    whole
}

fn owners() -> Roles {
    Roles::in_organization([OrgRole::Owner])
}

#[test]
fn nobody_is_invited_before_72_hours_are_over_nor_long_after() {
    let whole = running();
    assert_refused(whole.clone(), 72 * HOUR - 1, By::Administrator, invited(), "before 72 hours were over");
    assert_taken(whole.clone(), 72 * HOUR, By::Administrator, invited());
    assert_refused(whole.clone(), 72 * HOUR + 7 * DAY, By::Administrator, invited(), "more than 7 days after");
    let mut early = story();
    let at = early.at.plus(MINUTE);
    assert_refused(early.clone(), MINUTE, By::Administrator, started(at.plus(-1), 0x71), "another time than 72 hours");
    early.add(MINUTE, By::Administrator, started(at, 0x71));
    assert_refused(early, MINUTE, By::Administrator, started(at.plus(MINUTE), 0x74), "the recovery is there already");
    let mut lapsed = whole;
    lapsed.add(72 * HOUR + 7 * DAY, By::System, Event::TimePassed {});
    let at = lapsed.at.plus(MINUTE);
    assert_taken(lapsed, MINUTE, By::Administrator, started(at, 0x74));
}

#[test]
fn nobody_is_invited_or_joins_after_a_stop() {
    let mut whole = running();
    whole.add(HOUR, By::User(MANAGER), stopped());
    assert_refused(whole.clone(), 72 * HOUR, By::Administrator, invited(), "no such recovery");
    assert_refused(whole.clone(), MINUTE, owner(), stopped(), "no such recovery");
    let at = whole.at.plus(MINUTE);
    assert_taken(whole, MINUTE, By::Administrator, started(at, 0x74));
    let mut late = running();
    late.add(72 * HOUR, By::Administrator, invited());
    assert_refused(late.clone(), MINUTE, By::Administrator, invited(), "no such recovery");
    let (by, event) = joined(owners());
    assert_taken(late.clone(), MINUTE, by.clone(), event.clone());
    let (other, more) = joined(Roles::in_organization([OrgRole::ReadOnly]));
    assert_refused(late.clone(), MINUTE, other, more, "no owner had invited");
    late.add(MINUTE, owner(), stopped());
    assert_refused(late, MINUTE, by, event, "no owner had invited");
}

#[test]
fn only_administrators_start_and_only_members_stop() {
    let whole = story();
    let at = whole.at.plus(MINUTE);
    for by in [owner(), employee(), By::System] {
        assert_refused(whole.clone(), MINUTE, by, started(at, 0x71), "only an administrator of the vendor does");
    }
    let whole = running();
    for by in [owner(), By::User(MANAGER)] {
        assert_refused(whole.clone(), 72 * HOUR, by.clone(), invited(), "only an administrator of the vendor does");
        assert_taken(whole.clone(), MINUTE, by, stopped());
    }
    for (by, words) in [
        (By::Administrator, "an administrator of the vendor can never do this"),
        (employee(), "a support engineer of the vendor can never do this"),
        (By::User(MEMBER), "there was no such user at that moment"),
    ] {
        assert_refused(whole.clone(), MINUTE, by, stopped(), words);
    }
}

#[test]
fn leaving_clock_doubt_ends_a_recovery() {
    let mut whole = running();
    whole.add(72 * HOUR, By::Administrator, invited());
    whole.add(MINUTE, By::Administrator, Event::ClockDoubtLeft { set_back_ms: 1 });
    let (by, event) = joined(owners());
    assert_refused(whole, MINUTE, by, event, "no owner had invited");
}

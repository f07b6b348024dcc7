//! Invitations: one that was taken back, ran out, or was made by somebody who may make none any longer makes nobody a user,
//! whoever signed.

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, UserId};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::sample::{self, text};
use byleave_core::time::{DAY, HOUR, MINUTE};

use super::{assert_refused, assert_taken};
use crate::story::{MANAGER, Story, owner, story};

const USER: UserId = UserId::from_bytes([0x77; 12]);
const WITHOUT: &str = "no owner had invited";

fn owners() -> Roles {
    Roles::in_organization([OrgRole::Owner])
}

fn readers() -> Roles {
    Roles::in_organization([OrgRole::ReadOnly])
}

fn invited(number: u8, name: &str) -> Event {
    let invitation = InvitationId::from_bytes([number; 12]);
    Event::UserInvited { invitation, user_name: sample::erasable(name), roles: readers() }
}

/// Somebody else who joins with the same roles.
const LATER: UserId = UserId::from_bytes([0x78; 12]);

fn later_joined() -> Event {
    Event::UserAdded { user: LATER, user_name: sample::erasable("lea@shop.example"), roles: readers() }
}

fn joined(name: &str) -> Event {
    Event::UserAdded { user: USER, user_name: sample::erasable(name), roles: readers() }
}

#[test]
fn nobody_joins_by_an_invitation_that_was_taken_back_or_with_other_roles() {
    let (invitation, user) = (text("0b0b0b0b0b0b0b0b0b0b0b0b"), UserId::from_bytes([0x77; 12]));
    let name = || sample::erasable("kim@shop.example");
    let (owners, readers) = (Roles::in_organization([OrgRole::Owner]), Roles::in_organization([OrgRole::ReadOnly]));
    let joined = |roles: &Roles| Event::UserAdded { user, user_name: name(), roles: roles.clone() };
    let mut whole = story();
    let invited = Event::UserInvited { invitation, user_name: name(), roles: owners.clone() };
    whole.add(MINUTE, owner(), invited.clone());
    assert_refused(whole.clone(), MINUTE, owner(), invited, "invitation");
    assert_taken(whole.clone(), MINUTE, By::User(user), joined(&owners));
    whole.add(MINUTE, owner(), Event::InvitationChanged { invitation, roles: readers.clone() });
    assert_refused(whole.clone(), MINUTE, By::User(user), joined(&owners), "no owner had invited");
    assert_taken(whole.clone(), MINUTE, By::User(user), joined(&readers));
    whole.add(MINUTE, owner(), Event::InvitationWithdrawn { invitation });
    assert_refused(whole.clone(), MINUTE, By::User(user), joined(&readers), "no owner had invited");
    for event in [Event::InvitationWithdrawn { invitation }, Event::InvitationChanged { invitation, roles: owners }] {
        assert_refused(whole.clone(), MINUTE, owner(), event, "invitation");
    }
}

/// The story with an invitation by somebody who got the right to make it, and how they lose that.
fn makers() -> Vec<(Story, By, [Event; 2])> {
    let (api_key, service_account) = (text("7a7a7a7a7a7a7a7a7a7a7a7a"), sample::SERVICE_ACCOUNT);
    let key = Event::ApiKeyAdded { api_key, public_key: "abcdefgh".into(), roles: owners() };
    let person = Event::UserRolesChanged { user: MANAGER, roles: owners() };
    let less = Event::UserRolesChanged { user: MANAGER, roles: readers() };
    let fewer = Event::ApiKeyRolesChanged { api_key, roles: readers() };
    let lower = Event::ServiceAccountRolesChanged { service_account, roles: readers() };
    let cases = [
        (By::User(MANAGER), person, [less, Event::UserRemoved { user: MANAGER }]),
        (By::ApiKey(api_key), key, [fewer, Event::ApiKeyRemoved { api_key }]),
        (
            By::ServiceAccount(service_account),
            Event::ServiceAccountAdded { service_account, roles: owners() },
            [lower, Event::ServiceAccountRemoved { service_account }],
        ),
    ];
    let told = |(by, begins, ends): (By, Event, [Event; 2])| {
        let mut whole = story();
        whole.add(MINUTE, owner(), begins);
        whole.add(MINUTE, by.clone(), invited(0x75, "kim@shop.example"));
        (whole, by, ends)
    };
    cases.into_iter().map(told).collect()
}

#[test]
fn an_invitation_of_somebody_who_may_make_none_any_longer_is_none() {
    for (whole, by, ends) in makers() {
        assert_taken(whole.clone(), MINUTE, By::User(USER), joined("kim@shop.example"));
        for end in ends {
            let mut whole = whole.clone();
            whole.add(MINUTE, owner(), end);
            assert_refused(whole.clone(), MINUTE, By::User(USER), joined("kim@shop.example"), WITHOUT);
            let invitation = InvitationId::from_bytes([0x75; 12]);
            assert_refused(whole, MINUTE, owner(), Event::InvitationWithdrawn { invitation }, "no such invitation");
        }
        if by == By::User(MANAGER) {
            let mut again = whole;
            again.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles: readers() });
            again.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles: owners() });
            assert_refused(again.clone(), MINUTE, By::User(USER), joined("kim@shop.example"), WITHOUT);
            again.add(MINUTE, owner(), invited(0x76, "kim@shop.example"));
            assert_taken(again, MINUTE, By::User(USER), joined("kim@shop.example"));
        }
    }
}

#[test]
fn what_others_lose_ends_no_invitation() {
    let (mut whole, ..) = makers().remove(0);
    whole.add(
        MINUTE,
        owner(),
        Event::ServiceAccountAdded { service_account: sample::SERVICE_ACCOUNT, roles: owners() },
    );
    whole.add(MINUTE, owner(), Event::ServiceAccountRemoved { service_account: sample::SERVICE_ACCOUNT });
    assert_taken(whole, MINUTE, By::User(USER), joined("kim@shop.example"));
    let mut recovered = story();
    let recovery = text("717171717171717171717171");
    let user_name = || sample::erasable("ada@shop.example");
    let ready_at = recovered.at.plus(MINUTE + 72 * HOUR);
    recovered.add(MINUTE, By::Administrator, Event::RecoveryStarted { recovery, user_name: user_name(), ready_at });
    let invitation = InvitationId::from_bytes([0x72; 12]);
    let asked = Event::RecoveryInvited { recovery, invitation, user_name: user_name() };
    recovered.add(72 * HOUR, By::Administrator, asked);
    recovered.add(MINUTE, owner(), Event::UserRemoved { user: MANAGER });
    let found = Event::UserAdded { user: USER, user_name: user_name(), roles: owners() };
    assert_taken(recovered, MINUTE, By::User(USER), found);
}

#[test]
fn what_is_taken_back_or_ends_accuses_nobody_who_joined_before() {
    let id = |number: u8| InvitationId::from_bytes([number; 12]);
    for (one, other) in [(0x75, 0x76), (0x76, 0x75)] {
        let mut whole = story();
        whole.add(MINUTE, owner(), invited(one, "kim@shop.example"));
        whole.add(MINUTE, owner(), invited(other, "lea@shop.example"));
        whole.add(MINUTE, By::User(USER), joined("kim@shop.example"));
        let withdrawn = Event::InvitationWithdrawn { invitation: id(other) };
        assert_taken(whole.clone(), MINUTE, owner(), withdrawn.clone());
        let changed = Event::InvitationChanged { invitation: id(other), roles: owners() };
        assert_taken(whole.clone(), MINUTE, owner(), changed);
        whole.add(MINUTE, owner(), withdrawn);
        let used = Event::InvitationWithdrawn { invitation: id(one) };
        assert_refused(whole.clone(), MINUTE, owner(), used, "no such invitation");
        assert_refused(whole, MINUTE, By::User(LATER), later_joined(), WITHOUT);

        let mut whole = story();
        whole.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles: owners() });
        whole.add(MINUTE, By::User(MANAGER), invited(one, "kim@shop.example"));
        whole.add(MINUTE, owner(), invited(other, "lea@shop.example"));
        whole.add(MINUTE, By::User(USER), joined("kim@shop.example"));
        whole.add(MINUTE, owner(), Event::UserRemoved { user: MANAGER });
        assert_taken(whole.clone(), MINUTE, By::User(LATER), later_joined());
        whole.add(MINUTE, By::User(LATER), later_joined());
        let user = UserId::from_bytes([0x79; 12]);
        let third = Event::UserAdded { user, user_name: sample::erasable("mo@shop.example"), roles: readers() };
        assert_refused(whole, MINUTE, By::User(user), third, WITHOUT);
    }
}

#[test]
fn for_each_who_joined_there_is_one_though_it_has_to_be_looked_for() {
    let user = |number: u8| UserId::from_bytes([number; 12]);
    let joins = |number: u8| {
        let user_name = sample::erasable(&format!("{number}@shop.example"));
        Event::UserAdded { user: user(number), user_name, roles: readers() }
    };
    let service_account = sample::SERVICE_ACCOUNT;
    let mut whole = story();
    whole.add(MINUTE, owner(), Event::UserRolesChanged { user: MANAGER, roles: owners() });
    whole.add(MINUTE, owner(), Event::ServiceAccountAdded { service_account, roles: owners() });
    // Each takes the invitation with the least id first, so that all have to give way to the last one.
    whole.add(MINUTE, By::ServiceAccount(service_account), invited(0x79, "a@shop.example"));
    whole.add(MINUTE, By::User(MANAGER), invited(0x78, "b@shop.example"));
    whole.add(MINUTE, By::User(user(0x81)), joins(0x81));
    whole.add(MINUTE, owner(), Event::ServiceAccountRemoved { service_account });
    whole.add(MINUTE, owner(), invited(0x77, "c@shop.example"));
    whole.add(MINUTE, By::User(user(0x82)), joins(0x82));
    whole.add(MINUTE, owner(), Event::UserRemoved { user: MANAGER });
    assert_taken(whole.clone(), MINUTE, By::User(user(0x83)), joins(0x83));
    whole.add(MINUTE, By::User(user(0x83)), joins(0x83));
    assert_refused(whole, MINUTE, By::User(user(0x84)), joins(0x84), WITHOUT);
}

#[test]
fn nobody_joins_by_an_invitation_older_than_seven_days() {
    let mut whole = story();
    whole.add(MINUTE, owner(), invited(0x75, "kim@shop.example"));
    assert_taken(whole.clone(), 7 * DAY - 1, By::User(USER), joined("kim@shop.example"));
    assert_refused(whole, 7 * DAY, By::User(USER), joined("kim@shop.example"), WITHOUT);
}

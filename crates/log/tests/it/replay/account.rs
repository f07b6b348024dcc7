//! Service accounts: what they did rests on their roles of the moment, and their secrets keep the organization's rules.

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::SecretId;
use byleave_core::role::{OrgRole, Roles};
use byleave_core::sample;
use byleave_core::setting::SecretHours;
use byleave_core::time::{DAY, HOUR, MINUTE, Timestamp};

use super::{assert_refused, assert_taken};
use crate::story::{employee, owner, story};

#[test]
fn a_service_account_does_what_its_roles_of_the_moment_allow() {
    let mut whole = story();
    let service_account = sample::SERVICE_ACCOUNT;
    let by = By::ServiceAccount(service_account);
    let block = Event::OrganizationBlocked {};
    assert_refused(
        whole.clone(),
        MINUTE,
        by.clone(),
        block.clone(),
        "there was no such service account at that moment",
    );
    let roles = Roles::in_organization([OrgRole::Owner]);
    whole.add(MINUTE, owner(), Event::ServiceAccountAdded { service_account, roles });
    assert_taken(whole.clone(), MINUTE, by.clone(), block.clone());
    let added = |number: u8, at: Timestamp| Event::ServiceAccountSecretAdded {
        service_account,
        secret: SecretId::from_bytes([number; 12]),
        expires_at: at.plus(DAY),
    };
    let at = whole.at;
    whole.add(MINUTE, owner(), added(1, at));
    assert_refused(whole.clone(), MINUTE, owner(), added(1, at), "the secret is there already");
    whole.add(MINUTE, owner(), added(2, at));
    assert_refused(whole.clone(), MINUTE, owner(), added(3, at), "more than 2 secrets");
    for vendor in [By::Administrator, employee()] {
        assert_refused(whole.clone(), MINUTE, vendor, added(3, at), "can never do this");
    }
    let member =
        Event::ServiceAccountRolesChanged { service_account, roles: Roles::in_organization([OrgRole::Member]) };
    whole.add(MINUTE, owner(), member);
    assert_refused(whole.clone(), MINUTE, by.clone(), block.clone(), "their roles at that moment did not allow it");
    let raised = Event::ServiceAccountRolesChanged { service_account, roles: Roles::in_organization([OrgRole::Owner]) };
    assert_refused(whole.clone(), MINUTE, by.clone(), raised, "their roles at that moment did not allow it");
    whole.add(MINUTE, owner(), Event::ServiceAccountRemoved { service_account });
    assert_refused(whole.clone(), MINUTE, by, block, "there was no such service account at that moment");
    let again = Event::ServiceAccountAdded { service_account, roles: Roles::in_organization([OrgRole::Member]) };
    assert_refused(whole, MINUTE, owner(), again, "the service account is there already");
}

#[test]
fn a_secret_lasts_no_longer_than_the_organization_allowed_at_that_moment() {
    let mut whole = story();
    let service_account = sample::SERVICE_ACCOUNT;
    let roles = Roles::in_organization([OrgRole::Member]);
    whole.add(MINUTE, owner(), Event::ServiceAccountAdded { service_account, roles });
    // The entry is a minute after the story's last moment.
    let lasting = |at: Timestamp, hours: i64| Event::ServiceAccountSecretAdded {
        service_account,
        secret: SecretId::from_bytes([1; 12]),
        expires_at: at.plus(MINUTE + hours * HOUR),
    };
    let at = whole.at;
    assert_taken(whole.clone(), MINUTE, owner(), lasting(at, 8760));
    assert_refused(whole.clone(), MINUTE, owner(), lasting(at, 8761), "longer than the organization's settings");
    whole.add(MINUTE, owner(), Event::LongestSecretSet { longest_hours: SecretHours::new(24).unwrap() });
    let at = whole.at;
    assert_taken(whole.clone(), MINUTE, owner(), lasting(at, 24));
    assert_refused(whole, MINUTE, owner(), lasting(at, 25), "longer than the organization's settings");
}

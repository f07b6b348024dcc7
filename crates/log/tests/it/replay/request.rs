//! Access requests: an answer names a request that waits, comes from who may give a grant, and gives no more than was
//! asked.

use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::grant::GrantType;
use byleave_core::id::{RequestId, UserId};
use byleave_core::sample::{self, CLUSTER, PROJECT, text};
use byleave_core::time::{DAY, HOUR, MINUTE, Timestamp, Ttl};

use super::{assert_refused, assert_taken};
use crate::story::{MANAGER, MEMBER, OTHER_CLUSTER, OTHER_PROJECT, Story, employee, give, grant_id, owner, story};

const REQUEST: RequestId = RequestId::from_bytes([0x61; 12]);

/// A request of now for two hours of infrastructure.
fn made(at: Timestamp) -> Event {
    Event::RequestMade {
        project: PROJECT,
        cluster: CLUSTER,
        request: REQUEST,
        kind: GrantType::Infrastructure,
        duration: Ttl::from_millis(2 * HOUR).unwrap(),
        dies_at: at.plus(4 * DAY),
        case: None,
        reason: sample::erasable("the cluster does not answer"),
    }
}

fn approved() -> Event {
    Event::RequestApproved { project: PROJECT, cluster: CLUSTER, request: REQUEST, grant: grant_id(50) }
}

fn declined() -> Event {
    Event::RequestDeclined { project: PROJECT, cluster: CLUSTER, request: REQUEST, reason: None }
}

fn withdrawn() -> Event {
    Event::RequestWithdrawn { project: PROJECT, cluster: CLUSTER, request: REQUEST }
}

/// The story with a request that waits.
fn asked() -> Story {
    let mut whole = story();
    let at = whole.at.plus(MINUTE);
    whole.add(MINUTE, employee(), made(at));
    whole
}

/// Adds a grant of this type and length, given after a minute.
fn given(whole: &mut Story, by: By, kind: GrantType, millis: i64) {
    let until = whole.at.plus(MINUTE + millis);
    whole.add(MINUTE, by, give(50, kind, until, 4, None));
}

#[test]
fn a_request_is_made_by_an_employee_once_and_lives_four_days() {
    let whole = story();
    let at = whole.at.plus(MINUTE);
    for by in [By::Administrator, By::System, owner()] {
        assert_refused(whole.clone(), MINUTE, by, made(at), "only a support engineer does");
    }
    assert_taken(whole.clone(), MINUTE, employee(), made(at));
    assert_refused(whole, MINUTE, employee(), made(at.plus(1)), "live another time than 4 days");
    let whole = asked();
    let at = whole.at.plus(MINUTE);
    assert_refused(whole, MINUTE, employee(), made(at), "the request is there already");
}

#[test]
fn an_approval_gives_what_was_asked_or_less_and_right_then() {
    for (kind, millis) in [(GrantType::Infrastructure, 2 * HOUR), (GrantType::DatabaseLogs, HOUR)] {
        let mut whole = asked();
        given(&mut whole, By::User(MANAGER), kind, millis);
        assert_refused(whole.clone(), MINUTE, By::User(MANAGER), approved(), "not given right before");
        assert_refused(whole.clone(), 0, owner(), approved(), "not given right before");
        assert_taken(whole.clone(), 0, By::User(MANAGER), approved());
        whole.add(0, By::User(MANAGER), approved());
        for again in [approved(), declined(), withdrawn()] {
            let by = if again == withdrawn() { employee() } else { By::User(MANAGER) };
            assert_refused(whole.clone(), 0, by, again, "no such request that waits for an answer");
        }
    }
    let mut wide = asked();
    given(&mut wide, owner(), GrantType::InfrastructureAndSyncData, HOUR);
    assert_refused(wide, 0, owner(), approved(), "more, or lasts longer, than the request asks for");
    // The organization's longest is two hours; the request of this one is for an hour.
    let mut short = story();
    let at = short.at.plus(MINUTE);
    let Event::RequestMade { project, cluster, request, kind, dies_at, case, reason, .. } = made(at) else { panic!() };
    let duration = Ttl::from_millis(HOUR).unwrap();
    short.add(
        MINUTE,
        employee(),
        Event::RequestMade { project, cluster, request, kind, duration, dies_at, case, reason },
    );
    given(&mut short, owner(), GrantType::Infrastructure, HOUR + 1);
    assert_refused(short, 0, owner(), approved(), "more, or lasts longer, than the request asks for");
    assert_refused(asked(), 0, owner(), approved(), "is not in force for this cluster");
}

#[test]
fn nobody_answers_without_the_role_or_for_somebody_else() {
    let mut whole = asked();
    given(&mut whole, owner(), GrantType::Infrastructure, HOUR);
    let stranger = By::User(UserId::from_bytes([0x99; 12]));
    for event in [approved(), declined()] {
        for (by, words) in [
            (By::Administrator, "an administrator of the vendor can never do this"),
            (By::System, "only a person or key of the customer does"),
            (employee(), "a support engineer of the vendor can never do this"),
            (stranger.clone(), "there was no such user at that moment"),
            (By::User(MEMBER), "there was no such user at that moment"),
        ] {
            assert_refused(whole.clone(), 0, by, event.clone(), words);
        }
    }
    assert_taken(whole.clone(), 0, By::User(MANAGER), declined());
    assert_taken(whole.clone(), 0, employee(), withdrawn());
    let other = By::Employee(text("acme-employee-99999999"));
    assert_refused(whole.clone(), 0, other, withdrawn(), "the request is another support engineer's");
    assert_refused(whole.clone(), 0, owner(), withdrawn(), "only a support engineer does");
    let elsewhere = Event::RequestDeclined {
        project: OTHER_PROJECT,
        cluster: OTHER_CLUSTER,
        request: REQUEST,
        reason: Some(sample::erasable("no")),
    };
    assert_refused(whole, 0, owner(), elsewhere, "no such request that waits for an answer");
}

#[test]
fn a_request_that_died_or_ended_with_clock_doubt_is_not_answered() {
    let whole = asked();
    assert_taken(whole.clone(), 4 * DAY - 1, owner(), declined());
    assert_refused(whole.clone(), 4 * DAY, owner(), declined(), "the request had died");
    let mut late = whole.clone();
    late.add(4 * DAY - MINUTE, By::System, Event::TimePassed {});
    given(&mut late, owner(), GrantType::Infrastructure, HOUR);
    assert_refused(late, 0, owner(), approved(), "the request had died");
    let mut reset = whole;
    reset.add(MINUTE, By::Administrator, Event::ClockDoubtLeft { set_back_ms: 5 * DAY });
    assert_refused(reset, MINUTE, owner(), declined(), "no such request that waits for an answer");
}

#[test]
fn handing_back_names_the_grant_in_force_and_ends_nothing() {
    let back = |grant| Event::AccessHandedBack { project: PROJECT, cluster: CLUSTER, grant };
    let mut whole = story();
    assert_taken(whole.clone(), MINUTE, employee(), back(None));
    assert_refused(whole.clone(), MINUTE, employee(), back(Some(grant_id(4))), "is not in force for this cluster");
    given(&mut whole, owner(), GrantType::Infrastructure, HOUR);
    for by in [By::Administrator, By::System, owner()] {
        assert_refused(whole.clone(), MINUTE, by, back(Some(grant_id(50))), "only a support engineer does");
    }
    whole.add(MINUTE, employee(), back(Some(grant_id(50))));
    let revoked = Event::GrantRevoked { project: PROJECT, cluster: CLUSTER, grant: grant_id(50) };
    assert_taken(whole, MINUTE, owner(), revoked);
}

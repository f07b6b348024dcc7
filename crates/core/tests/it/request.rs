//! The life of an access request: how long it waits, and that approving never gives more than was asked.

use byleave_core::grant::GrantType::{DatabaseLogs, Infrastructure, InfrastructureAndSyncData};
use byleave_core::grant::{GrantType, Request};
use byleave_core::id::GrantId;
use byleave_core::request::{
    AccessRequest, Approval, ApproveError, AskError, MOST, RequestEnd, RequestStatus, WAITS_FOR, Wish, approve, ask,
};
use byleave_core::sample::{AT, CLUSTER, GRANT, REQUEST, identifier, text};
use byleave_core::time::{DAY, Doubt, HOUR, Now, Ttl};

fn ttl(millis: i64) -> Ttl {
    Ttl::from_millis(millis).unwrap()
}

fn request(kind: GrantType) -> AccessRequest {
    AccessRequest {
        id: REQUEST,
        cluster: CLUSTER,
        asked_by: identifier(),
        wish: Wish { kind, ttl: ttl(4 * HOUR), case: Some(text("00042")), reason: text("it does not answer") },
        asked_at: AT,
        dies_at: AT.plus(WAITS_FOR),
        ended: None,
    }
}

#[test]
fn a_request_dies_after_four_days() {
    assert_eq!(WAITS_FOR, 4 * DAY);
    let request = request(Infrastructure);
    assert_eq!(request.status(AT), RequestStatus::Waiting { until: AT.plus(4 * DAY) });
    assert!(request.is_waiting(AT.plus(4 * DAY - 1)));
    assert_eq!(request.status(AT.plus(4 * DAY)), RequestStatus::Died { at: AT.plus(4 * DAY) });
    let late = approve(&request, Approval::default(), Ttl::MAX, AT.plus(4 * DAY));
    assert_eq!(late, Err(ApproveError::Over));
}

#[test]
fn a_request_ends_once_and_is_never_revived() {
    let other = GrantId::from_bytes([9; 12]);
    let ends = [
        RequestEnd::Approved { grant: GRANT },
        RequestEnd::Approved { grant: other },
        RequestEnd::ClockReset,
        RequestEnd::Declined,
        RequestEnd::Withdrawn,
    ];
    for end in ends {
        let mut request = request(Infrastructure);
        assert!(request.end(AT.plus(HOUR), end));
        for later in ends {
            assert!(!request.end(AT.plus(2 * HOUR), later), "{later:?} after {end:?}");
        }
        for at in [AT, AT.plus(HOUR), AT.plus(5 * DAY)] {
            assert_eq!(request.status(at), RequestStatus::Ended { at: AT.plus(HOUR), end });
        }
        let again = approve(&request, Approval::default(), Ttl::MAX, AT.plus(HOUR));
        assert_eq!(again, Err(ApproveError::Over));
    }
    let mut died = request(Infrastructure);
    assert!(!died.end(AT.plus(4 * DAY), RequestEnd::Declined));
    assert_eq!(died.ended, None);
}

#[test]
fn nobody_asks_in_doubt_or_too_often() {
    let now = Now { at: AT, doubt: None };
    assert_eq!(ask(0, now), Ok(AT.plus(WAITS_FOR)));
    assert_eq!(ask(MOST - 1, now), Ok(AT.plus(WAITS_FOR)));
    assert_eq!(ask(MOST, now), Err(AskError::TooMany));
    assert_eq!(ask(0, Now { doubt: Some(Doubt::Behind(HOUR)), ..now }), Err(AskError::ClockDoubt));
    assert!(AskError::TooMany.to_string().contains("10 times within an hour"));
}

#[test]
fn approving_gives_what_was_asked_or_less_and_never_more() {
    let granted = |kind, given, millis: Option<i64>, longest| {
        let approval = Approval { kind: given, ttl: millis.map(ttl) };
        approve(&request(kind), approval, ttl(longest), AT)
            .map(|Request { kind, ttl, .. }| (kind, ttl.unwrap().millis()))
    };
    assert_eq!(granted(Infrastructure, None, None, DAY), Ok((Infrastructure, 4 * HOUR)));
    assert_eq!(granted(Infrastructure, None, None, HOUR), Ok((Infrastructure, HOUR)), "the organization's longest");
    assert_eq!(granted(Infrastructure, Some(DatabaseLogs), Some(HOUR), DAY), Ok((DatabaseLogs, HOUR)));
    let longer = Err(ApproveError::Longer { asked: ttl(4 * HOUR) });
    assert_eq!(granted(Infrastructure, None, Some(4 * HOUR + 1), DAY), longer);
    for (asked, given) in [
        (DatabaseLogs, Infrastructure),
        (DatabaseLogs, InfrastructureAndSyncData),
        (Infrastructure, InfrastructureAndSyncData),
    ] {
        let wider = granted(asked, Some(given), None, DAY);
        assert_eq!(wider, Err(ApproveError::Wider { asked }), "{given} for {asked}");
        assert!(granted(given, Some(asked), None, DAY).is_ok(), "{asked} for {given}");
    }
    let whole = approve(&request(Infrastructure), Approval::default(), Ttl::MAX, AT).unwrap();
    assert_eq!((whole.case, whole.reason), (Some(text("00042")), Some(text("it does not answer"))));
}

/// The order of the types is that of the table of access, not one of its own.
#[test]
fn a_type_is_within_another_if_all_that_it_opens_is_open_there() {
    use byleave_core::access::{Asker, Wanted, decide};
    use byleave_core::sample::{NODE, facts, grant};
    let open = |kind| {
        let facts = byleave_core::access::Facts { blocked: true, grants: vec![grant(kind)], ..facts() };
        let wanted = [
            Wanted::LogList,
            Wanted::Log(NODE, text("audit")),
            Wanted::Log(NODE, text("mongod")),
            Wanted::Log(NODE, text("mongot")),
            Wanted::Node(NODE),
            Wanted::SyncData("appsync_1".into()),
        ];
        let now = Now { at: AT, doubt: None };
        wanted.map(|wanted| decide(&facts, Asker::Active, wanted, now).is_ok())
    };
    for one in GrantType::ALL.iter().copied() {
        for other in GrantType::ALL.iter().copied() {
            let within = open(one).iter().zip(open(other)).all(|(one, other)| !one || other);
            assert_eq!(one.is_within(other), within, "{one} within {other}");
        }
    }
}

//! The life of a grant: how long, on what terms, and how it ends.

use byleave_core::actor::By;
use byleave_core::grant::{GiveError, Grant, GrantEnd, GrantStatus, GrantType, Request, Terms, give, in_force};
use byleave_core::id::GrantId;
use byleave_core::inventory::Revision;
use byleave_core::sample::{self, AT, CLUSTER, GRANT, USER, text};
use byleave_core::time::{DAY, Doubt, FORGIVEN, HOUR, MINUTE, Now, SECOND, Timestamp, Ttl, TtlError};

fn terms() -> Terms {
    Terms {
        id: GRANT,
        cluster: CLUSTER,
        inventory_revision: Revision::FIRST.next(),
        has_sync_data: true,
        longest: Ttl::MAX,
        by: By::User(USER),
        now: Now { at: AT, doubt: None },
    }
}

fn request(ttl: Option<Ttl>) -> Request {
    Request { kind: GrantType::Infrastructure, ttl, case: Some(text("00012345")), reason: Some(text("it is slow")) }
}

#[test]
fn a_grant_holds_what_was_asked_on_the_servers_clock() {
    let given = give(request(None), terms()).unwrap();
    let expected = Grant {
        inventory_revision: Revision::FIRST.next(),
        case: Some(text("00012345")),
        reason: Some(text("it is slow")),
        ..sample::grant(GrantType::Infrastructure)
    };
    assert_eq!(given, expected);
    assert_eq!(given.status(AT), GrantStatus::Active { until: AT.plus(DAY) });
}

#[test]
fn a_grant_lasts_as_long_as_the_organization_allows() {
    let hour = Ttl::from_millis(HOUR).unwrap();
    let lasts = |ttl, longest| {
        let given = give(request(ttl), Terms { longest, ..terms() });
        given.map(|grant| grant.expires_at.since(AT))
    };
    assert_eq!(lasts(None, Ttl::MAX), Ok(DAY), "24 hours if nothing is said");
    assert_eq!(lasts(None, hour), Ok(HOUR), "but no longer than the organization's longest");
    assert_eq!(lasts(Some(hour), hour), Ok(HOUR));
    let too_long = Err(GiveError::Duration(TtlError::TooLong { limit: HOUR }));
    assert_eq!(lasts(Some(Ttl::from_millis(HOUR + 1).unwrap()), hour), too_long);
    assert_eq!(lasts(Some(Ttl::MAX), hour).unwrap_err().to_string(), "the duration must be at most 1h from now");
}

#[test]
fn an_expiration_time_of_an_atlas_client_is_taken_as_the_design_says() {
    let until = |millis| Ttl::until(AT.plus(millis), AT).map(Ttl::millis);
    assert_eq!(until(DAY), Ok(DAY));
    assert_eq!(until(DAY + SECOND), Ok(DAY), "taken as 24 h");
    assert_eq!(until(DAY + FORGIVEN), Ok(DAY));
    assert_eq!(until(DAY + 6 * MINUTE), Err(TtlError::TooLong { limit: DAY }));
    assert_eq!(until(0), Err(TtlError::NotInFuture), "now");
    assert_eq!(until(-DAY), Err(TtlError::NotInFuture), "in the past");
    assert_eq!(Ttl::until("9999-12-30T00:00:00Z".parse().unwrap(), AT), Err(TtlError::TooLong { limit: DAY }));
    let hour = Terms { longest: Ttl::from_millis(HOUR).unwrap(), ..terms() };
    assert!(give(request(Ttl::until(AT.plus(DAY + SECOND), AT).ok()), hour).is_err(), "24 h are forgiven, not more");
}

#[test]
fn nothing_is_granted_in_doubt_or_where_there_is_nothing() {
    for doubt in [Doubt::Behind(HOUR), Doubt::Astray(-HOUR)] {
        let now = Now { at: AT, doubt: Some(doubt) };
        assert_eq!(give(request(None), Terms { now, ..terms() }), Err(GiveError::ClockDoubt));
    }
    let sync = Request { kind: GrantType::InfrastructureAndSyncData, ..request(None) };
    assert_eq!(give(sync.clone(), Terms { has_sync_data: false, ..terms() }), Err(GiveError::NoSyncData));
    assert!(give(sync, terms()).is_ok());
}

#[test]
fn a_grant_ends_once_and_is_never_revived() {
    for reason in GrantEnd::ALL.iter().copied() {
        let mut grant = sample::grant(GrantType::DatabaseLogs);
        assert!(grant.end(AT.plus(HOUR), reason));
        let ended = GrantStatus::Ended { at: AT.plus(HOUR), reason };
        for later in GrantEnd::ALL.iter().copied() {
            assert!(!grant.end(AT.plus(2 * HOUR), later), "{later:?} after {reason:?}");
        }
        for at in [AT, AT.plus(HOUR), AT.plus(DAY), AT.plus(2 * DAY), Timestamp::MAX] {
            assert_eq!(grant.status(at), ended);
        }
    }
    let mut expired = sample::grant(GrantType::DatabaseLogs);
    assert!(!expired.end(AT.plus(DAY), GrantEnd::Revoked), "what has expired is not revoked");
    assert_eq!(expired.status(AT.plus(DAY)), GrantStatus::Expired { at: AT.plus(DAY) });
    assert_eq!(expired.status(AT.plus(DAY - 1)), GrantStatus::Active { until: AT.plus(DAY) });
}

#[test]
fn an_end_that_was_recorded_after_the_expiry_does_not_hide_it() {
    let late = Grant { ended: Some((AT.plus(DAY), GrantEnd::Revoked)), ..sample::grant(GrantType::DatabaseLogs) };
    assert_eq!(late.status(AT.plus(DAY)), GrantStatus::Expired { at: AT.plus(DAY) });
    assert!(!late.is_active(AT.plus(DAY - 1)), "but it opens nothing before it either");
}

#[test]
fn the_grant_in_force_is_the_newest_that_has_not_ended() {
    let first = sample::grant(GrantType::Infrastructure);
    let second = Grant { id: GrantId::from_bytes([9; 12]), ..sample::grant(GrantType::DatabaseLogs) };
    assert_eq!(in_force(&[], AT), None);
    let mut grants = [first, second];
    assert!(grants[0].end(AT, GrantEnd::Replaced));
    assert_eq!(in_force(&grants, AT), Some(&grants[1]));
    assert!(grants[1].end(AT, GrantEnd::Revoked));
    assert_eq!(in_force(&grants, AT), None);
}

#[test]
fn grant_types_have_the_names_of_atlas() {
    for kind in GrantType::ALL.iter().copied() {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert!(kind.as_str().starts_with("CLUSTER_"));
    }
    for bad in ["", "cluster_infrastructure", "CLUSTER_INFRASTRUCTURE ", "ALL"] {
        assert!(bad.parse::<GrantType>().is_err(), "{bad}");
    }
}

//! The recovery of a lost last owner: 72 hours, stoppable to the end, and fail-closed in clock doubt.

use byleave_core::id::{InvitationId, RecoveryId};
use byleave_core::recovery::{
    READY_FOR, Recovery, RecoveryEnd, RecoveryError, RecoveryStatus, STOPPABLE_FOR, invite, start,
};
use byleave_core::sample::{AT, text};
use byleave_core::time::{DAY, Doubt, HOUR, Now, Timestamp};

fn now(at: Timestamp) -> Now {
    Now { at, doubt: None }
}

fn recovery() -> Recovery {
    Recovery {
        id: RecoveryId::from_bytes([0x12; 12]),
        user_name: text("ada@shop.example"),
        started_at: AT,
        ready_at: start(None, now(AT)).unwrap(),
        invited: None,
        ended: None,
    }
}

#[test]
fn nobody_is_invited_before_72_hours_are_over() {
    assert_eq!(STOPPABLE_FOR, 3 * DAY);
    let recovery = recovery();
    let until = AT.plus(72 * HOUR);
    for at in [AT, AT.plus(HOUR), until.plus(-1)] {
        assert_eq!(recovery.status(at), RecoveryStatus::Waiting { until });
        assert_eq!(invite(Some(&recovery), now(at)), Err(RecoveryError::TooEarly(until)));
    }
    assert_eq!(invite(Some(&recovery), now(until)), Ok(&recovery));
    let over = until.plus(READY_FOR);
    assert_eq!(invite(Some(&recovery), now(over.plus(-1))), Ok(&recovery));
    assert_eq!(recovery.status(over), RecoveryStatus::Lapsed { at: over });
    assert_eq!(invite(Some(&recovery), now(over)), Err(RecoveryError::None));
    assert_eq!(invite(None, now(until)), Err(RecoveryError::None));
}

#[test]
fn what_ended_does_not_go_on_and_another_starts_only_then() {
    let late = now(AT.plus(80 * HOUR));
    for end in [RecoveryEnd::Claimed, RecoveryEnd::ClockReset, RecoveryEnd::Stopped] {
        let ended = Recovery { ended: Some((AT.plus(HOUR), end)), ..recovery() };
        assert_eq!(invite(Some(&ended), late), Err(RecoveryError::None), "{end:?}");
        assert_eq!(start(Some(&ended), late), Ok(late.at.plus(STOPPABLE_FOR)), "{end:?}");
    }
    let open = recovery();
    assert_eq!(start(Some(&open), now(AT.plus(HOUR))), Err(RecoveryError::Running));
    assert_eq!(start(Some(&open), late), Err(RecoveryError::Running), "ready");
    let until = late.at.plus(7 * DAY);
    let invited = Recovery { invited: Some((InvitationId::from_bytes([1; 12]), until)), ..open };
    assert_eq!(invited.status(late.at), RecoveryStatus::Invited { until });
    assert_eq!(invite(Some(&invited), late), Err(RecoveryError::None), "one invitation, once");
    assert_eq!(start(Some(&invited), late), Err(RecoveryError::Running));
    assert_eq!(start(Some(&invited), now(until)), Ok(until.plus(STOPPABLE_FOR)), "lapsed");
}

#[test]
fn in_doubt_nothing_starts_or_goes_on() {
    for doubt in [Doubt::Behind(HOUR), Doubt::Astray(100 * HOUR)] {
        let now = Now { at: AT.plus(80 * HOUR), doubt: Some(doubt) };
        assert_eq!(start(None, now), Err(RecoveryError::ClockDoubt));
        assert_eq!(invite(Some(&recovery()), now), Err(RecoveryError::ClockDoubt));
    }
}

//! The recovery of a lost last owner: slow, seen by every member, stopped by any of them; it removes nobody.

use byleave_core::actor::Actor;
use byleave_core::recovery::{READY_FOR, RecoveryEnd, RecoveryError, RecoveryStatus, STOPPABLE_FOR};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::time::{HOUR, SECOND};
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::invitation::{Invited, SameName};
use byleave_store::{Secret, StoreError};

use crate::world::{World, join};

const ADMIN: Actor = Actor::Administrator;

impl World {
    async fn start(&self, user: &str) -> Result<(), StoreError> {
        let started = self.store.start_recovery(&ADMIN, &self.now, self.organization, user.parse().unwrap()).await;
        started.map(|_written| ())
    }

    async fn invite(&self) -> Result<Invited, StoreError> {
        let invited = self.store.invite_recovered_owner(&ADMIN, &self.now, self.organization).await;
        invited.map(|written| written.value)
    }

    async fn claim(&self, invited: &Invited) -> Result<Actor, StoreError> {
        let claimed = self.store.claim(invited.token.expose(), Secret::new("hash".into()), &self.now).await?.value;
        let roles = Roles::in_organization([OrgRole::Owner]);
        Ok(Actor::User { id: claimed.user, organization: claimed.organization, roles })
    }

    /// Whether there was one to stop.
    async fn stop(&self, actor: &Actor) -> bool {
        self.store.stop_recovery(actor, &self.now, self.organization).await.unwrap().value.is_some()
    }

    async fn status(&self) -> Option<RecoveryStatus> {
        let latest = self.store.recovery(&self.owner, self.organization).await.unwrap();
        latest.map(|recovery| recovery.status(self.now.wall))
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> RecoveryError {
    match result {
        Err(StoreError::Refused(Rule::Recovery(error))) => error,
        other => panic!("should be refused: {other:?}"),
    }
}

#[tokio::test]
async fn after_72_hours_without_a_stop_one_owner_is_added_and_nobody_removed() {
    let mut world = World::new().await;
    assert_eq!(world.status().await, None);
    let ready = world.now.wall.plus(STOPPABLE_FOR);
    world.start("ada@shop.example").await.unwrap();
    assert_eq!(world.status().await, Some(RecoveryStatus::Waiting { until: ready }));
    world.later(STOPPABLE_FOR - 1);
    assert_eq!(refused(world.invite().await), RecoveryError::TooEarly(ready));
    assert_eq!(refused(world.start("eve@shop.example").await), RecoveryError::Running);
    world.later(1);
    let invited = world.invite().await.unwrap();
    assert_eq!(world.status().await, Some(RecoveryStatus::Invited { until: invited.expires_at }));
    assert_eq!(refused(world.invite().await), RecoveryError::None, "there is one invitation");
    let ada = world.claim(&invited).await.unwrap();
    assert!(matches!(world.claim(&invited).await, Err(StoreError::NotFound(_))), "it is for a single use");
    let ended = RecoveryStatus::Ended { at: world.now.wall, end: RecoveryEnd::Claimed };
    assert_eq!(world.status().await, Some(ended));
    world.store.block(&ada, &world.now, world.organization).await.unwrap();
    world.store.unblock(&world.owner, &world.now, world.organization).await.unwrap();
    assert!(!world.stop(&world.owner).await, "there is nothing to stop any more");
    let feed = world.feed().await;
    let told = ["recovery.started", "recovery.invited", "user.added", "organization.blocked", "organization.unblocked"];
    assert!(feed.ends_with(&told), "{feed:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn any_member_stops_it_at_once_and_at_any_time_before_the_claim() {
    let mut world = World::new().await;
    let in_organization = |role| Roles::in_organization([role]);
    let in_project = |role| Roles::default().with(world.project, role);
    let members = [
        in_organization(OrgRole::Member),
        in_organization(OrgRole::ReadOnly),
        in_organization(OrgRole::Owner),
        in_project(ProjectRole::ReadOnly),
        in_project(ProjectRole::SupportAccessManager),
    ];
    for (number, roles) in members.into_iter().enumerate() {
        let member = join(&world, &format!("m{number}@shop.example"), roles).await;
        let seen = world.store.recovery(&member, world.organization).await;
        assert!(seen.is_ok(), "{member:?}");
        world.start("ada@shop.example").await.unwrap();
        // Before its time, after it, and after the invitation.
        world.later(i64::try_from(number % 2).unwrap() * STOPPABLE_FOR);
        let invited = if number == 3 { Some(world.invite().await.unwrap()) } else { None };
        assert!(world.stop(&member).await, "{member:?}");
        assert!(!world.stop(&member).await, "once is enough");
        let ended = RecoveryStatus::Ended { at: world.now.wall, end: RecoveryEnd::Stopped };
        assert_eq!(world.status().await, Some(ended));
        assert_eq!(refused(world.invite().await), RecoveryError::None);
        if let Some(invited) = invited {
            assert!(matches!(world.claim(&invited).await, Err(StoreError::NotFound(Thing::Invitation))));
        }
        world.later(STOPPABLE_FOR);
        assert_eq!(refused(world.invite().await), RecoveryError::None, "time does not bring it back");
    }
    let feed = world.feed().await;
    assert_eq!(feed.iter().filter(|name| **name == "recovery.stopped").count(), 5);
    world.assert_sound().await;
}

#[tokio::test]
async fn only_an_administrator_starts_and_only_members_stop() {
    let mut world = World::new().await;
    let stranger = crate::world::organization(&world.store, &world.now, "Other", "eve@other.example").await.1;
    let employee = Actor::Employee { id: world.employee };
    let eve = || "eve@shop.example".parse().unwrap();
    for actor in [&world.owner, &stranger, &employee] {
        let started = world.store.start_recovery(actor, &world.now, world.organization, eve()).await;
        assert!(matches!(started, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}: {started:?}");
    }
    world.start("ada@shop.example").await.unwrap();
    world.later(STOPPABLE_FOR);
    for actor in [&world.owner, &stranger, &employee] {
        let invited = world.store.invite_recovered_owner(actor, &world.now, world.organization).await;
        assert!(matches!(invited, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}");
    }
    for actor in [&ADMIN, &stranger, &employee] {
        let stopped = world.store.stop_recovery(actor, &world.now, world.organization).await;
        assert!(matches!(stopped, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}");
    }
    for (actor, sees) in [(&ADMIN, true), (&world.owner, true), (&stranger, false), (&employee, false)] {
        assert_eq!(world.store.recovery(actor, world.organization).await.is_ok(), sees, "{actor:?}");
    }
    assert!(world.stop(&world.owner).await);
    world.assert_sound().await;
}

#[tokio::test]
async fn it_adds_somebody_who_is_nobody_yet_to_an_organization_that_is_claimed() {
    let world = World::new().await;
    let taken = world.start("mia@shop.example").await;
    assert!(matches!(taken, Err(StoreError::Conflict(Conflict::UserNameTaken))), "no credential changes: {taken:?}");
    let late = world.store.invite_organization(
        &ADMIN,
        &world.now,
        ("Late".parse().unwrap(), SameName::Refused),
        "eve@late.example".parse().unwrap(),
    );
    let late = late.await.unwrap().value.organization;
    let unclaimed = world.store.start_recovery(&ADMIN, &world.now, late, "ada@late.example".parse().unwrap()).await;
    assert!(matches!(unclaimed, Err(StoreError::Conflict(Conflict::NotClaimed))), "{unclaimed:?}");
    let nowhere = byleave_core::id::OrgId::from_bytes([0xee; 12]);
    let unknown = world.store.start_recovery(&ADMIN, &world.now, nowhere, "ada@late.example".parse().unwrap()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::Organization))), "{unknown:?}");
    assert_eq!(world.status().await, None);
    world.assert_sound().await;
}

#[tokio::test]
async fn one_that_nobody_goes_on_with_lapses_and_another_one_waits_as_long() {
    let mut world = World::new().await;
    world.start("ada@shop.example").await.unwrap();
    world.later(STOPPABLE_FOR + READY_FOR);
    assert_eq!(world.status().await, Some(RecoveryStatus::Lapsed { at: world.now.wall }));
    assert_eq!(refused(world.invite().await), RecoveryError::None);
    assert!(!world.stop(&world.owner).await);
    world.start("eve@shop.example").await.unwrap();
    let until = world.now.wall.plus(STOPPABLE_FOR);
    assert_eq!(refused(world.invite().await), RecoveryError::TooEarly(until));
    world.later(STOPPABLE_FOR);
    let invited = world.invite().await.unwrap();
    world.later(READY_FOR);
    assert!(world.claim(&invited).await.is_err(), "the invitation dies like any other");
    world.start("ada@shop.example").await.unwrap();
    world.assert_sound().await;
}

#[tokio::test]
async fn in_clock_doubt_nothing_goes_on_but_it_can_be_stopped() {
    let mut world = World::new().await;
    world.start("ada@shop.example").await.unwrap();
    // Somebody sets the clock forward so that 72 hours seem to be over.
    world.now.wall = world.now.wall.plus(STOPPABLE_FOR + HOUR);
    assert_eq!(refused(world.invite().await), RecoveryError::ClockDoubt);
    world.now.wall = world.now.wall.plus(-STOPPABLE_FOR - HOUR);
    world.later(STOPPABLE_FOR);
    let invited = world.invite().await.unwrap();
    world.now.wall = world.now.wall.plus(-HOUR);
    assert_eq!(refused(world.claim(&invited).await), RecoveryError::ClockDoubt);
    assert!(world.stop(&world.owner).await, "stopping works in doubt");
    assert_eq!(refused(world.start("eve@shop.example").await), RecoveryError::ClockDoubt);
    world.now.wall = world.now.wall.plus(HOUR);
    world.later(SECOND);
    assert!(matches!(world.claim(&invited).await, Err(StoreError::NotFound(_))));
    world.assert_sound().await;
}

#[tokio::test]
async fn leaving_clock_doubt_ends_it() {
    for invites in [false, true] {
        let mut world = World::new().await;
        world.start("ada@shop.example").await.unwrap();
        world.later(STOPPABLE_FOR);
        let invited = if invites { Some(world.invite().await.unwrap()) } else { None };
        world.store.heartbeat(&world.now).await.unwrap();
        world.now.wall = world.now.wall.plus(-HOUR);
        world.store.leave_doubt(&ADMIN, &world.now).await.unwrap();
        let ended = RecoveryStatus::Ended { at: world.now.wall, end: RecoveryEnd::ClockReset };
        assert_eq!(world.status().await, Some(ended));
        world.later(2 * HOUR);
        assert_eq!(refused(world.invite().await), RecoveryError::None);
        if let Some(invited) = invited {
            assert!(matches!(world.claim(&invited).await, Err(StoreError::NotFound(_))));
        }
        world.start("ada@shop.example").await.unwrap();
        world.assert_sound().await;
    }
}

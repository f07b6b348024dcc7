//! Members: users and invitations under one roof, with the rules of both.

use byleave_core::actor::Actor;
use byleave_core::id::{InvitationId, UserId};
use byleave_core::policy::INVITED_FOR;
use byleave_core::role::{OrgRole, ProjectRole, Roles, RolesChange};
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::invitation::Invited;
use byleave_store::member::MemberRow;
use byleave_store::{Secret, StoreError};

use crate::world::{World, join, organization};

fn of(id: InvitationId) -> UserId {
    UserId::from_bytes(*id.as_bytes())
}

async fn invite(world: &World, name: &str, roles: Roles) -> Invited {
    let name = name.parse().unwrap();
    world.store.invite_user(&world.owner, &world.now, world.organization, name, roles).await.unwrap().value
}

#[tokio::test]
async fn an_invitation_is_changed_and_claimed_with_what_it_became() {
    let world = World::new().await;
    let (store, now, org) = (&world.store, &world.now, world.organization);
    let invited = invite(&world, "max@shop.example", Roles::in_organization([OrgRole::Owner])).await;
    let MemberRow::Pending(row) = store.member(&world.owner, now, org, of(invited.invitation)).await.unwrap() else {
        panic!("not pending")
    };
    assert_eq!((row.inviter.as_deref(), row.created_at), (Some("mia@shop.example"), now.wall));
    let less = RolesChange::Set { organization: [OrgRole::Member].into(), projects: None };
    let changed = store.change_member(&world.owner, now, org, of(invited.invitation), less.clone()).await.unwrap();
    assert_eq!((changed.value.roles().has(OrgRole::Owner), changed.anchors.len()), (false, 1));
    let again = store.change_member(&world.owner, now, org, of(invited.invitation), less).await.unwrap();
    assert_eq!(again.anchors, [], "nothing changed, nothing told");
    let none = RolesChange::Remove(OrgRole::Member);
    let none = store.change_member(&world.owner, now, org, of(invited.invitation), none).await;
    assert!(matches!(none, Err(StoreError::Refused(Rule::NoRole))), "{none:?}");
    let claimed = store.claim(invited.token.expose(), Secret::new("hash".into()), now).await.unwrap().value;
    let MemberRow::Active(user) = store.member(&world.owner, now, org, claimed.user).await.unwrap() else {
        panic!("not active")
    };
    assert_eq!(user.roles, Roles::in_organization([OrgRole::Member]));
    let gone = store.member(&world.owner, now, org, of(invited.invitation)).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::User))), "{gone:?}");
    let names: Vec<_> = store.members(&world.owner, now, org).await.unwrap();
    let names: Vec<_> = names.iter().map(|member| member.name().as_str()).collect();
    assert_eq!(names, ["max@shop.example", "mia@shop.example"]);
    world.assert_sound().await;
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_is_of_no_use() {
    let mut world = World::new().await;
    let reader = || Roles::in_organization([OrgRole::ReadOnly]);
    let (first, second) =
        (invite(&world, "a@shop.example", reader()).await, invite(&world, "b@shop.example", reader()).await);
    let (store, now, org) = (&world.store, world.now.clone(), world.organization);
    store.withdraw_invitation(&world.owner, &now, org, first.invitation).await.unwrap();
    store.remove_member(&world.owner, &now, org, of(second.invitation)).await.unwrap();
    for invited in [&first, &second] {
        let claimed = store.claim(invited.token.expose(), Secret::new("hash".into()), &now).await;
        assert!(matches!(claimed, Err(StoreError::NotFound(Thing::Invitation))), "{claimed:?}");
        let again = store.withdraw_invitation(&world.owner, &now, org, invited.invitation).await;
        assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
    }
    assert!(world.feed().await.ends_with(&["user.invitation_withdrawn", "user.invitation_withdrawn"]));
    let Actor::User { id: owner, .. } = world.owner else { unreachable!() };
    let user = store.withdraw_invitation(&world.owner, &now, org, InvitationId::from_bytes(*owner.as_bytes())).await;
    assert!(matches!(user, Err(StoreError::NotFound(Thing::Invitation))), "a user is no invitation: {user:?}");
    let late = invite(&world, "c@shop.example", reader()).await;
    world.later(INVITED_FOR);
    let late = world.store.remove_member(&world.owner, &world.now, org, of(late.invitation)).await;
    assert!(matches!(late, Err(StoreError::NotFound(_))), "it cannot be claimed any more: {late:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn only_owners_manage_members_and_the_last_one_stays() {
    let world = World::new().await;
    let (store, now, org) = (&world.store, &world.now, world.organization);
    let Actor::User { id: owner, .. } = world.owner else { unreachable!() };
    let (_, eve) = organization(store, now, "Other", "eve@other.example").await;
    let roles = Roles::in_organization([OrgRole::ReadOnly]).with(world.project, ProjectRole::Owner);
    let max = join(&world, "max@shop.example", roles).await;
    for actor in [&eve, &max, &Actor::Administrator, &Actor::System, &Actor::Employee { id: world.employee }] {
        let changed = store.change_member(actor, now, org, owner, RolesChange::Add(OrgRole::Member)).await;
        assert!(matches!(changed, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{changed:?}");
        let removed = store.remove_member(actor, now, org, owner).await;
        assert!(matches!(removed, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{removed:?}");
    }
    assert!(store.members(&eve, now, org).await.is_err());
    assert!(store.members(&Actor::Administrator, now, org).await.is_err());
    let size = world.feed().await.len();
    let less = RolesChange::Set { organization: [OrgRole::Member].into(), projects: None };
    for change in [less, RolesChange::Remove(OrgRole::Owner)] {
        let last = store.change_member(&world.owner, now, org, owner, change).await;
        assert!(matches!(last, Err(StoreError::Conflict(Conflict::LastOwner))), "{last:?}");
    }
    let last = store.remove_member(&world.owner, now, org, owner).await;
    assert!(matches!(last, Err(StoreError::Conflict(Conflict::LastOwner))), "{last:?}");
    assert_eq!(world.feed().await.len(), size);
    world.assert_sound().await;
}

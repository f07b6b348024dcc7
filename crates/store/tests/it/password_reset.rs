//! A lost password: an owner makes a link, and only its bearer sets a new one.

use byleave_core::actor::Actor;
use byleave_core::id::UserId;
use byleave_core::policy::RESET_FOR;
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::HOUR;
use byleave_store::error::{Conflict, Thing};
use byleave_store::invitation::{Invited, Purpose};
use byleave_store::{Secret, StoreError};

use crate::world::{World, join, organization};

fn id(actor: &Actor) -> UserId {
    let Actor::User { id, .. } = actor else { unreachable!() };
    *id
}

async fn offer(world: &World, actor: &Actor, user: UserId) -> Result<Invited, StoreError> {
    let offered = world.store.offer_password_reset(actor, &world.now, world.organization, user).await;
    offered.map(|written| written.value)
}

async fn claim(world: &World, link: &Invited, password: &str) -> Result<UserId, StoreError> {
    let hash = Secret::new(password.into());
    world.store.claim(link.token.expose(), hash, &world.now).await.map(|written| written.value.user)
}

async fn hash(world: &World, name: &str) -> String {
    let facts = world.store.sign_in_facts(&name.parse().unwrap()).await.unwrap().unwrap();
    facts.password_hash.expose().to_owned()
}

async fn scene() -> (World, UserId) {
    let world = World::new().await;
    let max = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Member])).await;
    (world, id(&max))
}

#[tokio::test]
async fn the_bearer_of_a_link_chooses_a_password_once_and_is_signed_out_everywhere() {
    let (world, max) = scene().await;
    world.store.open_web_session(max, [1; 32], &world.now).await.unwrap();
    let before = hash(&world, "max@shop.example").await;
    let link = offer(&world, &world.owner, max).await.unwrap();
    assert_eq!(link.expires_at.since(world.now.wall), HOUR);
    assert_eq!(hash(&world, "max@shop.example").await, before, "nothing changes before it is used");
    assert!(world.store.web_session([1; 32], &world.now).await.unwrap().is_some());
    let open = world.store.invitations(&world.owner, &world.now, world.organization).await.unwrap();
    assert_eq!(open, [], "it invites nobody");
    let facts = world.store.invitation(link.token.expose(), &world.now).await.unwrap();
    assert_eq!((facts.purpose, facts.user_name.as_str()), (Purpose::NewPassword { user: max }, "max@shop.example"));
    assert_eq!(claim(&world, &link, "new").await.unwrap(), max);
    assert_eq!(hash(&world, "max@shop.example").await, "new");
    assert_eq!(world.store.web_session([1; 32], &world.now).await.unwrap(), None);
    let again = claim(&world, &link, "newer").await;
    assert!(matches!(again, Err(StoreError::NotFound(Thing::Invitation))), "{again:?}");
    assert!(world.feed().await.ends_with(&["user.password_reset_offered", "user.password_reset"]));
    let rows = world.store.users(&world.owner, world.organization).await.unwrap();
    assert_eq!(rows.len(), 2, "who they are and may do stays");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_link_ends_with_its_hour_another_link_another_password_and_its_user() {
    let (mut world, max) = scene().await;
    let gone = |claimed: Result<UserId, StoreError>| {
        assert!(matches!(claimed, Err(StoreError::NotFound(Thing::Invitation))), "{claimed:?}");
    };
    let late = offer(&world, &world.owner, max).await.unwrap();
    world.later(RESET_FOR);
    gone(claim(&world, &late, "late").await);
    let first = offer(&world, &world.owner, max).await.unwrap();
    let second = offer(&world, &world.owner, max).await.unwrap();
    gone(claim(&world, &first, "first").await);
    let mia = id(&world.owner);
    let own = offer(&world, &world.owner, mia).await.unwrap();
    let former = Secret::new(hash(&world, "mia@shop.example").await);
    world.store.set_password(&world.owner, &world.now, former, Secret::new("her own".into()), None).await.unwrap();
    gone(claim(&world, &own, "another").await);
    world.store.remove_user(&world.owner, &world.now, world.organization, max).await.unwrap();
    gone(claim(&world, &second, "second").await);
    let removed = offer(&world, &world.owner, max).await;
    assert!(matches!(removed, Err(StoreError::NotFound(Thing::User))), "{removed:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn nobody_of_the_vendor_and_no_key_makes_a_link() {
    let (mut world, max) = scene().await;
    let (_, foreign) = organization(&world.store, &world.now, "Other", "eve@other.example").await;
    let reader = join(&world, "ro@shop.example", Roles::in_organization([OrgRole::ReadOnly])).await;
    let key = Actor::ApiKey {
        id: byleave_core::id::ApiKeyId::from_bytes([7; 12]),
        organization: world.organization,
        roles: Roles::in_organization([OrgRole::Owner]),
    };
    for actor in [Actor::Administrator, Actor::System, Actor::Employee { id: world.employee }, foreign, reader, key] {
        let refused = offer(&world, &actor, id(&world.owner)).await;
        assert!(matches!(refused, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}: {refused:?}");
    }
    let link = offer(&world, &world.owner, max).await.unwrap();
    world.now.wall = world.now.wall.plus(-HOUR);
    for refused in [offer(&world, &world.owner, max).await.map(drop), claim(&world, &link, "new").await.map(drop)] {
        let in_doubt = matches!(refused, Err(StoreError::Conflict(Conflict::ClockInDoubt)));
        assert!(in_doubt, "in clock doubt nobody can tell an hour: {refused:?}");
    }
}

#[tokio::test]
async fn a_link_ends_when_whoever_made_it_is_no_owner_any_longer() {
    let (world, max) = scene().await;
    for removed in [false, true] {
        let name = if removed { "eve@shop.example" } else { "dem@shop.example" };
        let maker = join(&world, name, Roles::in_organization([OrgRole::Owner])).await;
        let link = offer(&world, &maker, max).await.unwrap();
        if removed {
            world.store.remove_user(&world.owner, &world.now, world.organization, id(&maker)).await.unwrap();
        } else {
            let roles = Roles::in_organization([OrgRole::ReadOnly]);
            let (organization, user) = (world.organization, id(&maker));
            world.store.change_roles(&world.owner, &world.now, organization, user, roles).await.unwrap();
        }
        let claimed = claim(&world, &link, "theirs").await;
        assert!(matches!(claimed, Err(StoreError::NotFound(Thing::Invitation))), "{claimed:?}");
        let open = world.store.password_resets(&world.owner, &world.now, world.organization).await.unwrap();
        assert_eq!(open, []);
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn owners_see_the_open_links_and_withdraw_them() {
    let (mut world, max) = scene().await;
    let open =
        async |world: &World| world.store.password_resets(&world.owner, &world.now, world.organization).await.unwrap();
    let withdraw = async |world: &World, actor: &Actor, link: &Invited| {
        let id = link.invitation;
        world.store.withdraw_password_reset(actor, &world.now, world.organization, id).await.map(|done| done.anchors)
    };
    assert_eq!(open(&world).await, []);
    let first = offer(&world, &world.owner, max).await.unwrap();
    world.later(HOUR / 2);
    let link = offer(&world, &world.owner, max).await.unwrap();
    let rows = open(&world).await;
    let [row] = rows.as_slice() else { panic!("one, as the later one took the place of the other: {rows:?}") };
    assert_eq!((row.id, row.user, row.user_name.as_str()), (link.invitation, max, "max@shop.example"));
    assert_eq!((row.maker.as_str(), row.created_at), ("mia@shop.example", world.now.wall));
    assert_eq!(row.expires_at, link.expires_at);
    let reader = join(&world, "ro@shop.example", Roles::in_organization([OrgRole::ReadOnly])).await;
    let (_, foreign) = organization(&world.store, &world.now, "Other", "eve@other.example").await;
    for actor in [Actor::Administrator, Actor::System, Actor::Employee { id: world.employee }, foreign, reader] {
        let read = world.store.password_resets(&actor, &world.now, world.organization).await;
        assert!(matches!(read, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}: {read:?}");
        let refused = withdraw(&world, &actor, &link).await;
        assert!(matches!(refused, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{actor:?}: {refused:?}");
    }
    let replaced = withdraw(&world, &world.owner, &first).await;
    assert!(matches!(replaced, Err(StoreError::NotFound(Thing::PasswordReset))), "{replaced:?}");
    assert_eq!(withdraw(&world, &world.owner, &link).await.unwrap().len(), 1);
    assert_eq!(open(&world).await, []);
    let claimed = claim(&world, &link, "theirs").await;
    assert!(matches!(claimed, Err(StoreError::NotFound(Thing::Invitation))), "{claimed:?}");
    let again = withdraw(&world, &world.owner, &link).await;
    assert!(matches!(again, Err(StoreError::NotFound(Thing::PasswordReset))), "{again:?}");
    assert_eq!(world.feed().await.last(), Some(&"user.password_reset_withdrawn"));
    let late = offer(&world, &world.owner, max).await.unwrap();
    world.later(RESET_FOR);
    assert_eq!(open(&world).await, []);
    let late = withdraw(&world, &world.owner, &late).await;
    assert!(matches!(late, Err(StoreError::NotFound(Thing::PasswordReset))), "{late:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_link_is_withdrawn_in_clock_doubt_too() {
    let (mut world, max) = scene().await;
    let link = offer(&world, &world.owner, max).await.unwrap();
    world.now.wall = world.now.wall.plus(-HOUR);
    let id = link.invitation;
    world.store.withdraw_password_reset(&world.owner, &world.now, world.organization, id).await.unwrap();
    let open = world.store.password_resets(&world.owner, &world.now, world.organization).await.unwrap();
    assert_eq!(open, []);
}

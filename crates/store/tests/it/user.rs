//! Users, their roles, passwords and web sessions.

use byleave_core::actor::Actor;
use byleave_core::id::UserId;
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::MINUTE;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::web_session::SIGNED_IN_FOR;
use byleave_store::{Secret, StoreError};

use crate::world::{World, join};

fn id(actor: &Actor) -> UserId {
    let Actor::User { id, .. } = actor else { unreachable!() };
    *id
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::new().await;
    let (store, now, org) = (&world.store, &world.now, world.organization);
    let reader = || Roles::in_organization([OrgRole::ReadOnly]);
    let mia = id(&world.owner);
    let last = store.remove_user(&world.owner, now, org, mia).await;
    assert!(matches!(last, Err(StoreError::Conflict(Conflict::LastOwner))), "{last:?}");
    let last = store.change_roles(&world.owner, now, org, mia, reader()).await;
    assert!(matches!(last, Err(StoreError::Conflict(Conflict::LastOwner))), "{last:?}");
    let max = join(&world, "max@shop.example", reader()).await;
    let refused = store.change_roles(&max, now, org, id(&max), Roles::in_organization([OrgRole::Owner])).await;
    assert!(matches!(refused, Err(StoreError::Forbidden(_))), "{refused:?}");
    let none = store.change_roles(&world.owner, now, org, id(&max), Roles::default()).await;
    assert!(matches!(none, Err(StoreError::Refused(Rule::NoRole))), "{none:?}");
    let owner = Roles::in_organization([OrgRole::Owner]);
    let row = store.change_roles(&world.owner, now, org, id(&max), owner.clone()).await.unwrap();
    assert_eq!(row.value.roles, owner);
    assert_eq!(store.change_roles(&world.owner, now, org, id(&max), owner).await.unwrap().anchors, []);
    store.remove_user(&max, now, org, mia).await.unwrap();
    let gone = store.block(&world.owner, now, org).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "her roles are gone at once: {gone:?}");
    assert_eq!(store.users(&max, org).await.unwrap().len(), 1);
    assert_eq!(store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_web_session_lasts_twelve_hours_and_ends_with_the_user() {
    let mut world = World::new().await;
    let mia = id(&world.owner);
    let (first, second) = ([1; 32], [2; 32]);
    let session = world.store.open_web_session(mia, first, &world.now).await.unwrap();
    assert_eq!((session.actor, session.user_name.as_str()), (world.owner.clone(), "mia@shop.example"));
    world.later(MINUTE);
    let refreshed = world.store.refresh_web_session(first, &world.now).await.unwrap();
    assert_eq!((refreshed.fresh_at.since(refreshed.signed_in_at), refreshed.expires_at), (MINUTE, session.expires_at));
    world.store.open_web_session(mia, second, &world.now).await.unwrap();
    let set = async |former: &str, new: &str| {
        let (former, new) = (Secret::new(former.into()), Secret::new(new.into()));
        world.store.set_password(&world.owner, &world.now, former, new, Some(second)).await
    };
    let stale = set("not the hash", "new").await;
    assert!(matches!(stale, Err(StoreError::Conflict(Conflict::PasswordChanged))), "{stale:?}");
    assert!(world.store.web_session(first, &world.now).await.unwrap().is_some());
    let kept = world.store.sign_in_facts(&"mia@shop.example".parse().unwrap()).await.unwrap().unwrap().password_hash;
    assert_eq!(set(kept.expose(), "new").await.unwrap().anchors.len(), 1);
    assert_eq!(world.feed().await.last(), Some(&"user.password_changed"));
    assert_eq!(world.store.web_session(first, &world.now).await.unwrap(), None, "another password ends the others");
    assert!(world.store.web_session(second, &world.now).await.unwrap().is_some());
    world.later(SIGNED_IN_FOR);
    assert_eq!(world.store.web_session(second, &world.now).await.unwrap(), None);
    let max = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Owner])).await;
    world.store.open_web_session(mia, first, &world.now).await.unwrap();
    world.store.remove_user(&max, &world.now, world.organization, mia).await.unwrap();
    assert_eq!(world.store.web_session(first, &world.now).await.unwrap(), None);
    let gone = world.store.open_web_session(mia, first, &world.now).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::User))), "{gone:?}");
    assert_eq!(world.store.sign_in_facts(&"mia@shop.example".parse().unwrap()).await.unwrap(), None);
    world.store.open_web_session(id(&max), second, &world.now).await.unwrap();
    world.store.close_web_session(second, &world.now).await.unwrap();
    assert_eq!(world.store.web_session(second, &world.now).await.unwrap(), None);
    assert!(world.store.refresh_web_session(second, &world.now).await.is_err());
}

//! API keys and service accounts: roles, secrets, tokens, access lists, and that none outlives what it rests on.

use byleave_core::actor::Actor;
use byleave_core::grant::GrantType;
use byleave_core::id::ServiceAccountId;
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::setting::SecretHours;
use byleave_core::time::HOUR;
use byleave_store::StoreError;
use byleave_store::account::AccountId;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::secret::NewSecret;
use byleave_store::service_account::{NewServiceAccount, ServiceAccountChange};

use crate::world::{World, join, name, open_store, request};

pub(crate) fn secret(number: u8) -> NewSecret {
    NewSecret { hash: [number; 32], hint: "abcd".into(), validity: SecretHours::new(8).unwrap() }
}

pub(crate) fn service_account(roles: Roles) -> NewServiceAccount {
    static NUMBER: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(100);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (name, description) = ("deploy".parse().unwrap(), "pipeline".parse().unwrap());
    NewServiceAccount { name, description, roles, secret: secret(number) }
}

async fn account(world: &World, roles: Roles) -> ServiceAccountId {
    let new = service_account(roles);
    world.store.add_service_account(&world.owner, &world.now, world.organization, new).await.unwrap().value.id
}

#[tokio::test]
async fn a_token_is_an_actor_with_the_present_roles_until_what_it_rests_on_is_gone() {
    let mut world = World::new().await;
    let id = account(&world, Roles::in_organization([OrgRole::Owner])).await;
    let facts = world.store.client_facts(id, &world.now).await.unwrap();
    let first = facts.secrets[0].0;
    let (at, until) = world.store.issue_token(first, [1; 32], &world.now).await.unwrap();
    assert_eq!(until.since(at), HOUR);
    let actor = world.store.access_token([1; 32], &world.now).await.unwrap().unwrap().actor;
    let ask = request(GrantType::DatabaseLogs);
    world.store.give_grant(&actor, &world.now, world.project, &name("a"), ask).await.unwrap();
    let change = ServiceAccountChange {
        roles: Some(Roles::in_organization([OrgRole::ReadOnly])),
        ..ServiceAccountChange::default()
    };
    world.store.change_service_account(&world.owner, &world.now, world.organization, id, change).await.unwrap();
    let refused = world.store.revoke_grant(&actor, &world.now, world.project, &name("a")).await;
    assert!(matches!(refused, Err(StoreError::Forbidden(_))), "the roles of now count: {refused:?}");
    let second = world.store.add_secret(&world.owner, &world.now, world.organization, id, secret(2)).await.unwrap();
    let third = world.store.add_secret(&world.owner, &world.now, world.organization, id, secret(3)).await;
    assert!(matches!(third, Err(StoreError::Refused(Rule::Secret(_)))), "{third:?}");
    world.store.issue_token(second.value.id, [2; 32], &world.now).await.unwrap();
    world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
    assert!(world.store.access_token([1; 32], &world.now).await.unwrap().is_some(), "a restart keeps tokens");
    world.store.remove_secret(&world.owner, &world.now, world.organization, id, first).await.unwrap();
    assert_eq!(world.store.access_token([1; 32], &world.now).await.unwrap(), None);
    assert!(world.store.access_token([2; 32], &world.now).await.unwrap().is_some());
    let gone = world.store.issue_token(first, [4; 32], &world.now).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::Secret))), "{gone:?}");
    world.store.remove_service_account(&world.owner, &world.now, world.organization, id).await.unwrap();
    assert_eq!(world.store.access_token([2; 32], &world.now).await.unwrap(), None);
    assert_eq!(world.store.client_facts(id, &world.now).await.unwrap().secrets, []);
    let gone = world.store.projects(&actor).await.unwrap();
    assert_eq!(gone, [], "an actor kept from before has no role any more");
    world.assert_sound().await;
}

#[tokio::test]
async fn tokens_and_secrets_run_out() {
    let mut world = World::new().await;
    let id = account(&world, Roles::in_organization([OrgRole::Member])).await;
    let only = world.store.client_facts(id, &world.now).await.unwrap().secrets[0].0;
    world.store.issue_token(only, [1; 32], &world.now).await.unwrap();
    world.later(HOUR - 1);
    assert!(world.store.access_token([1; 32], &world.now).await.unwrap().is_some());
    world.later(1);
    assert_eq!(world.store.access_token([1; 32], &world.now).await.unwrap(), None);
    world.later(7 * HOUR - 1);
    let (at, until) = world.store.issue_token(only, [2; 32], &world.now).await.unwrap();
    assert_eq!(until.since(at), 1, "a token never outlives its secret");
    world.later(1);
    assert_eq!(world.store.access_token([2; 32], &world.now).await.unwrap(), None);
    assert_eq!(world.store.client_facts(id, &world.now).await.unwrap().secrets, []);
    let over = world.store.issue_token(only, [3; 32], &world.now).await;
    assert!(matches!(over, Err(StoreError::NotFound(Thing::Secret))), "{over:?}");
}

#[tokio::test]
async fn who_manages_a_project_gives_nothing_beyond_it() {
    let world = World::new().await;
    let (store, now, here, there) = (&world.store, &world.now, world.project, world.other_project);
    let roles = |project| Roles::default().with(project, ProjectRole::Owner);
    let leo = join(&world, "leo@shop.example", roles(here)).await;
    let forbidden = |error: Option<StoreError>| {
        assert!(matches!(error, Some(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{error:?}");
    };
    let whole = Roles::in_organization([OrgRole::Owner]);
    for wanted in [roles(there), whole.clone(), roles(here).with(there, ProjectRole::ReadOnly)] {
        forbidden(store.add_service_account(&leo, now, here, service_account(wanted.clone())).await.err());
        forbidden(store.add_service_account(&leo, now, world.organization, service_account(wanted)).await.err());
    }
    forbidden(store.add_service_account(&leo, now, there, service_account(roles(there))).await.err());
    let own = store.add_service_account(&leo, now, here, service_account(roles(here))).await.unwrap().value.id;
    store.add_secret(&leo, now, here, own, secret(1)).await.unwrap();
    let above = account(&world, whole).await;
    let id = AccountId::ServiceAccount(above);
    store.assign_account(&leo, now, here, id, [ProjectRole::ReadOnly].into()).await.unwrap();
    forbidden(store.add_secret(&leo, now, here, above, secret(2)).await.err());
    forbidden(store.add_networks(&leo, now, here, id, vec!["192.0.2.1".parse().unwrap()]).await.err());
    forbidden(store.remove_service_account(&leo, now, world.organization, above).await.err());
    store.unassign_account(&leo, now, here, id).await.unwrap();
    forbidden(store.service_account(&leo, here, above).await.err());
    assert_eq!(store.service_account(&world.owner, world.organization, above).await.unwrap().roles.projects.len(), 0);
    let Actor::User { .. } = leo else { unreachable!() };
    world.assert_sound().await;
}

#[tokio::test]
async fn an_access_list_is_changed_whole_or_not_at_all() {
    let world = World::new().await;
    let (store, now, org) = (&world.store, &world.now, world.organization);
    let id = AccountId::ServiceAccount(account(&world, Roles::in_organization([OrgRole::Member])).await);
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
    store.add_networks(&world.owner, now, org, id, networks(&["192.0.2.0/24", "2001:db8::7"])).await.unwrap();
    let twice = store.add_networks(&world.owner, now, org, id, networks(&["10.0.0.1", "192.0.2.0/24"])).await;
    assert!(matches!(twice, Err(StoreError::Conflict(Conflict::NetworkTaken))), "{twice:?}");
    assert_eq!(store.networks(&world.owner, org, id).await.unwrap().len(), 2, "nothing of it was added");
    let many = (0..199).map(|number| format!("10.0.0.{number}").parse().unwrap()).collect();
    let many = store.add_networks(&world.owner, now, org, id, many).await;
    assert!(matches!(many, Err(StoreError::Refused(Rule::TooManyNetworks))), "{many:?}");
    store.remove_network(&world.owner, now, org, id, "192.0.2.0/24".parse().unwrap()).await.unwrap();
    let gone = store.remove_network(&world.owner, now, org, id, "192.0.2.0/24".parse().unwrap()).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::Network))), "{gone:?}");
    world.assert_sound().await;
}

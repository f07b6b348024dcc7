//! Employees and their keys.

use byleave_core::access::{Asker, Denial};
use byleave_core::actor::Actor;
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Thing};
use byleave_store::session::Shape;

use crate::world::{World, key};

#[tokio::test]
async fn a_key_belongs_to_one_employee_for_ever() {
    let world = World::new().await;
    let (store, admin, now) = (&world.store, Actor::Administrator, &world.now);
    let bob = store.add_employee(&admin, now, "Bob".parse().unwrap()).await.unwrap().value.id;
    let twice = store.add_employee(&admin, now, "Bob".parse().unwrap()).await;
    assert!(matches!(twice, Err(StoreError::Conflict(Conflict::EmployeeNameTaken))), "{twice:?}");
    let taken = store.add_employee_key(&admin, now, bob, key(200)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(Conflict::EmployeeKeyTaken))), "{taken:?}");
    let same = store.add_employee_key(&admin, now, world.employee, key(200)).await.unwrap();
    assert_eq!((same.value.id, same.anchors.len()), (world.key, 0), "adding it again writes nothing");
    store.remove_employee_key(&admin, now, world.employee, world.key).await.unwrap();
    let taken = store.add_employee_key(&admin, now, bob, key(200)).await;
    assert!(matches!(taken, Err(StoreError::Conflict(Conflict::EmployeeKeyTaken))), "{taken:?}");
    let known = store.employee_by_key(&key(200)).await.unwrap().unwrap();
    assert_eq!((known.employee, known.asker), (world.employee, Asker::KeyRemoved));
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (Denial::KeyRemoved, false));
    assert_eq!(world.denied("nowhere.example", Shape::Node).await, (Denial::KeyRemoved, false));
    let back = store.add_employee_key(&admin, now, world.employee, key(200)).await.unwrap();
    assert_ne!(back.value.id, world.key, "a new row, not the old one revived");
    assert_eq!(store.employee_by_key(&key(200)).await.unwrap().unwrap().asker, Asker::Active);
    assert_eq!(store.employee_by_key(&key(201)).await.unwrap(), None);
    let gone = store.remove_employee_key(&admin, now, world.employee, world.key).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::EmployeeKey))), "{gone:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_disabled_employee_gets_nowhere() {
    let world = World::new().await;
    let (store, admin, now) = (&world.store, Actor::Administrator, &world.now);
    assert!(!store.disable_employee(&admin, now, world.employee).await.unwrap().value.enabled);
    assert_eq!(store.disable_employee(&admin, now, world.employee).await.unwrap().anchors, []);
    assert_eq!(world.denied("a-1.example", Shape::Node).await, (Denial::EmployeeDisabled, false));
    assert_eq!(store.employee_by_key(&key(200)).await.unwrap().unwrap().asker, Asker::Disabled);
    assert_eq!(store.open_targets(world.employee, now).await.unwrap(), []);
    store.enable_employee(&admin, now, world.employee).await.unwrap();
    assert!(world.open("a-1.example", Shape::Node).await.is_ok());
    assert_eq!(store.employees(&admin).await.unwrap().len(), 1);
    for actor in [&world.owner, &Actor::Employee { id: world.employee }, &Actor::System] {
        assert!(store.disable_employee(actor, now, world.employee).await.is_err(), "{actor:?}");
        assert!(store.add_employee(actor, now, "Eve".parse().unwrap()).await.is_err(), "{actor:?}");
    }
    world.assert_sound().await;
}

//! Organizations and projects, and who sees them.

use byleave_core::actor::Actor;
use byleave_core::inventory::Prune;
use byleave_core::name::{Contact, ProjectName};
use byleave_core::role::{OrgRole, ProjectRole, Roles};
use byleave_core::setting::SecretHours;
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Thing};
use byleave_store::invitation::SameName;
use byleave_store::setting::SettingsPatch;

use crate::world::{World, join, organization};

#[tokio::test]
async fn a_customer_sees_their_own_organization_and_an_administrator_all() {
    let world = World::new().await;
    let (other, eve) = organization(&world.store, &world.now, "Other", "eve@other.example").await;
    let own = world.store.organizations(&world.owner).await.unwrap();
    assert_eq!(own.iter().map(|row| row.id).collect::<Vec<_>>(), [world.organization]);
    assert_eq!(world.store.organizations(&Actor::Administrator).await.unwrap().len(), 2);
    assert!(matches!(world.store.organization(&world.owner, other).await, Err(StoreError::NotFound(_))));
    assert!(matches!(world.store.organization(&eve, world.organization).await, Err(StoreError::NotFound(_))));
    let employee = Actor::Employee { id: world.employee };
    assert!(matches!(world.store.organizations(&employee).await, Err(StoreError::Forbidden(_))));
    assert!(matches!(world.store.organization(&employee, other).await, Err(StoreError::NotFound(_))));
    assert!(matches!(world.store.project(&eve, world.project).await, Err(StoreError::NotFound(Thing::Project))));
}

#[tokio::test]
async fn a_name_that_reads_the_same_is_a_twin() {
    let world = World::new().await;
    let invite = async |name: &str, owner: &str, same_name| {
        let (name, owner) = ((name.parse().unwrap(), same_name), owner.parse().unwrap());
        world.store.invite_organization(&Actor::Administrator, &world.now, name, owner).await
    };
    for twin in ["Shop Inc", "shop inc", "SHOP  Inc", "Shop\u{a0}Inc"] {
        let refused = invite(twin, "eve@other.example", SameName::Refused).await;
        let taken = matches!(refused, Err(StoreError::Conflict(Conflict::OrganizationNameTaken)));
        assert!(taken, "{twin}: {refused:?}");
    }
    invite("ShopInc", "eve@other.example", SameName::Refused).await.unwrap();
    invite("shop inc", "ida@other.example", SameName::Another).await.unwrap();
}

#[tokio::test]
async fn blocking_twice_is_one_event() {
    let world = World::new().await;
    let (store, owner, now, id) = (&world.store, &world.owner, &world.now, world.organization);
    let blocked = store.block(owner, now, id).await.unwrap();
    assert_eq!((blocked.value.blocked, blocked.anchors.len()), (true, 1));
    assert_eq!(store.block(owner, now, id).await.unwrap().anchors, []);
    assert!(!store.unblock(owner, now, id).await.unwrap().value.blocked);
    assert_eq!(store.unblock(owner, now, id).await.unwrap().anchors, []);
    let member = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Member])).await;
    assert!(matches!(store.block(&member, now, id).await, Err(StoreError::Forbidden(_))));
    world.assert_sound().await;
}

#[tokio::test]
async fn settings_are_set_together_or_not_at_all() {
    let world = World::new().await;
    let (store, now, id) = (&world.store, &world.now, world.organization);
    let security: Contact = "Security@shop.example".parse().unwrap();
    let patch = SettingsPatch {
        blocked: Some(true),
        longest: None,
        longest_secret: Some(SecretHours::new(8).unwrap()),
        security_contact: Some(Some(security.clone())),
        operations_contact: Some(None),
    };
    let set = store.change_settings(&world.owner, now, id, patch.clone()).await.unwrap();
    assert_eq!((set.value.blocked, set.value.longest_secret.hours()), (true, 8));
    assert_eq!((set.value.security_contact, set.value.operations_contact), (Some(security), None));
    let told = ["organization.blocked", "organization.longest_secret_set", "organization.security_contact_set"];
    assert!(world.feed().await.ends_with(&told), "{:?}", world.feed().await);
    assert_eq!(store.change_settings(&world.owner, now, id, patch.clone()).await.unwrap().anchors, []);
    let member = join(&world, "max@shop.example", Roles::in_organization([OrgRole::ReadOnly])).await;
    for actor in [member, Actor::Administrator, Actor::Employee { id: world.employee }] {
        for patch in [patch.clone(), SettingsPatch { blocked: None, ..patch.clone() }] {
            let refused = store.change_settings(&actor, now, id, patch).await;
            assert!(matches!(refused, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{refused:?}");
        }
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn an_owner_makes_a_project_that_the_inventory_uses() {
    let world = World::new().await;
    let (store, now, id) = (&world.store, &world.now, world.organization);
    let name = |text: &str| text.parse::<ProjectName>().unwrap();
    let made = store.create_project(&world.owner, now, id, name("New"), None).await.unwrap();
    assert_eq!((made.value.cluster_count, made.anchors.len()), (0, 1));
    let taken = store.create_project(&world.owner, now, id, name("Shop"), None).await;
    assert!(matches!(taken, Err(StoreError::Conflict(Conflict::ProjectNameTaken))), "{taken:?}");
    let max = join(&world, "max@shop.example", Roles::in_organization([OrgRole::Member])).await;
    let Actor::User { id: user, .. } = max else { unreachable!() };
    for actor in [&max, &Actor::Administrator, &Actor::Employee { id: world.employee }] {
        let refused = store.create_project(actor, now, id, name("Other"), None).await;
        assert!(matches!(refused, Err(StoreError::Forbidden(_) | StoreError::NotFound(_))), "{refused:?}");
    }
    let size = world.feed().await.len();
    let (_, eve) = organization(&world.store, &world.now, "Eve", "eve@eve.example").await;
    let Actor::User { id: stranger, .. } = eve else { unreachable!() };
    let unknown = store.create_project(&world.owner, now, id, name("Other"), Some(stranger)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(Thing::User))), "{unknown:?}");
    assert_eq!(world.feed().await.len(), size, "all or nothing");
    let his = store.create_project(&world.owner, now, id, name("Max"), Some(user)).await.unwrap().value;
    assert_eq!(store.projects(&max).await.unwrap(), [his]);
    let mut wanted = crate::world::wanted(id);
    wanted[2].project = name("New");
    wanted[2].name = "d".parse().unwrap();
    wanted[2].host = "d.example".parse().unwrap();
    wanted[2].nodes = vec![crate::world::wanted_node("d-1.example", 77)];
    store.apply_inventory(&Actor::Administrator, now, &wanted, Prune::Keep).await.unwrap();
    assert_eq!(store.project_by_name(&world.owner, &name("New")).await.unwrap().cluster_count, 1);
    let estate = store.estate(&world.owner).await.unwrap();
    let shown: Vec<_> = estate.iter().map(|row| (row.project.name.as_str(), row.clusters.len())).collect();
    assert_eq!(shown, [("Bank", 1), ("Max", 0), ("New", 1), ("Shop", 2)]);
    world.assert_sound().await;
}

#[tokio::test]
async fn projects_and_clusters_are_shown_by_role() {
    let world = World::new().await;
    let projects = world.store.projects(&world.owner).await.unwrap();
    let shown: Vec<_> = projects.iter().map(|row| (row.name.as_str(), row.cluster_count)).collect();
    assert_eq!(shown, [("Bank", 1), ("Shop", 2)]);
    let roles = Roles::in_organization([OrgRole::Member]).with(world.project, ProjectRole::ReadOnly);
    let member = join(&world, "max@shop.example", roles).await;
    assert_eq!(world.store.projects(&member).await.unwrap().len(), 1);
    let names = async |actor: &Actor| {
        let rows = world.store.clusters_of_organization(actor, &world.now, world.organization).await.unwrap();
        rows.iter().map(|row| row.cluster.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&world.owner).await, ["c", "a", "b"], "by project and name");
    assert_eq!(names(&member).await, ["a", "b"]);
    let rows = world.store.clusters(&member, &world.now, world.project).await.unwrap();
    assert_eq!((rows.len(), rows[0].project_name.as_str(), rows[0].blocked), (2, "Shop", false));
    let hidden = world.store.clusters(&member, &world.now, world.other_project).await;
    assert!(matches!(hidden, Err(StoreError::NotFound(Thing::Project))));
    let admin = world.store.clusters(&Actor::Administrator, &world.now, world.project).await;
    assert!(matches!(admin, Err(StoreError::Forbidden(_))));
}

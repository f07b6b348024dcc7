//! The inventory in the store: planned, applied, told.

use byleave_core::access::Denial;
use byleave_core::access::{Asker, decide};
use byleave_core::actor::Actor;
use byleave_core::grant::{GrantEnd, GrantType};
use byleave_core::inventory::{NodeCheck, Prune, Revision};
use byleave_core::time::Now;
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::invitation::SameName;
use byleave_store::node::NodeReport;
use byleave_store::session::Shape;

use crate::world::{World, name, wanted, wanted_node};

#[tokio::test]
async fn a_plan_changes_nothing_and_an_apply_is_the_plan() {
    let world = World::new().await;
    let admin = Actor::Administrator;
    let before = world.store.inventory(&admin).await.unwrap();
    let mut more = wanted(world.organization);
    more[1].nodes.push(wanted_node("b-2.example", 9));
    let (plan, _) = world.store.plan_inventory(&admin, &more, Prune::Keep).await.unwrap();
    assert_eq!(plan.events.len(), 3, "a node and its two logs");
    assert_eq!(world.store.inventory(&admin).await.unwrap(), before);
    let applied = world.store.apply_inventory(&admin, &world.now, &more, Prune::Keep).await.unwrap();
    assert_eq!(applied.value.events.len(), 3);
    assert_eq!(applied.anchors.len(), 2, "the organization's log and the installation's");
    let after = world.store.inventory(&admin).await.unwrap();
    assert_eq!(after.clusters.iter().find(|c| c.name.as_str() == "b"), Some(&applied.value.clusters[0]));
    let again = world.store.apply_inventory(&admin, &world.now, &more, Prune::Keep).await.unwrap();
    assert_eq!((again.value.events.len(), again.anchors.len()), (0, 0), "what is there needs nothing");
    let refused = world.store.plan_inventory(&world.owner, &more, Prune::Keep).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    more[1].nodes[1].host_key = more[0].nodes[0].host_key.clone();
    let refused = world.store.apply_inventory(&admin, &world.now, &more, Prune::Keep).await;
    assert!(matches!(refused, Err(StoreError::Refused(Rule::Inventory(_)))), "{refused:?}");
    assert_eq!(world.store.inventory(&admin).await.unwrap(), after);
    world.assert_sound().await;
}

#[tokio::test]
async fn removing_a_cluster_ends_its_grant_and_tells_its_followers() {
    let world = World::new().await;
    let opened = world.open("a-1.example", Shape::Node).await.unwrap();
    let grant = world.grant("a", GrantType::Infrastructure).await;
    let follower = world.store.follow(opened.facts.cluster.id).await.unwrap();
    let rest = &wanted(world.organization)[1..];
    world.store.apply_inventory(&Actor::Administrator, &world.now, rest, Prune::Remove).await.unwrap();
    let facts = follower.borrow().clone();
    let ended = facts.grants.iter().find(|known| known.id == grant.id).unwrap().ended;
    assert_eq!(ended, Some((world.now.wall, GrantEnd::ClusterRemoved)));
    let now = Now { at: world.now.wall, doubt: None };
    assert!(decide(&facts, Asker::Active, opened.wanted, now).is_err());
    let gone = world.store.cluster(&world.owner, &world.now, world.project, &name("a")).await;
    assert!(matches!(gone, Err(StoreError::NotFound(Thing::Cluster))), "{gone:?}");
    let feed = world.feed().await;
    assert!(feed.ends_with(&["grant.given", "cluster.removed", "grant.ended"]), "{feed:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_changed_node_needs_a_new_check() {
    let world = World::new().await;
    let node = world.node("a-1.example").await;
    assert!(matches!(world.store.node(&world.owner, node).await.unwrap().node.check, NodeCheck::Passed { .. }));
    let mut moved = wanted(world.organization);
    moved[0].nodes[0].address = "10.7.7.7:22".parse().unwrap();
    world.store.apply_inventory(&Actor::Administrator, &world.now, &moved, Prune::Keep).await.unwrap();
    assert_eq!(world.store.node(&world.owner, node).await.unwrap().node.check, NodeCheck::None);
    let report = NodeReport { passed: false, findings: 2, report: "{\"lines\":[]}".into() };
    let row = world
        .store
        .record_node_check(&Actor::Administrator, &world.now, node, Revision::FIRST, report.clone())
        .await
        .unwrap();
    assert_eq!((row.value.node.check, row.value.report), (NodeCheck::Failed, Some((world.now.wall, report.clone()))));
    assert_eq!(world.store.node_checks(&world.owner, world.organization).await.unwrap().len(), 4);
    let refused = world.store.record_node_check(&world.owner, &world.now, node, Revision::FIRST, report).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_node_that_changed_while_it_was_tried_is_not_checked() {
    let world = World::new().await;
    let node = world.node("a-1.example").await;
    let tried = world.store.node(&Actor::Administrator, node).await.unwrap().node.since;
    let mut moved = wanted(world.organization);
    moved[0].nodes[0].address = "10.7.7.7:22".parse().unwrap();
    world.store.apply_inventory(&Actor::Administrator, &world.now, &moved, Prune::Keep).await.unwrap();
    let report = NodeReport { passed: true, findings: 0, report: "{}".into() };
    world.store.record_node_check(&Actor::Administrator, &world.now, node, tried, report).await.unwrap();
    world.block().await;
    world.grant("a", GrantType::Infrastructure).await;
    assert_eq!(world.denied("a-1.example", Shape::Node).await.0, Denial::NodeUnchecked);
    world.assert_sound().await;
}

#[tokio::test]
async fn the_inventory_of_an_unclaimed_organization_is_told_at_its_claim() {
    let world = World::new().await;
    let (store, admin, now) = (&world.store, Actor::Administrator, &world.now);
    let (late, eve) = ("Late".parse().unwrap(), "eve@late.example".parse().unwrap());
    let invited = store.invite_organization(&admin, now, (late, SameName::Refused), eve).await.unwrap().value;
    let all = |extra: &[byleave_core::inventory::WantedNode]| {
        let mut wanted = wanted(world.organization);
        let mut new = wanted[1].clone();
        new.organization = invited.organization;
        (new.host, new.nodes) = ("late.example".parse().unwrap(), extra.to_vec());
        wanted.push(new);
        wanted
    };
    let nodes = [wanted_node("late-1.example", 20), wanted_node("late-2.example", 21)];
    let applied = store.apply_inventory(&admin, now, &all(&nodes), Prune::Keep).await.unwrap();
    assert_eq!(applied.anchors.len(), 1, "only the installation's log");
    store.apply_inventory(&admin, now, &all(&nodes[1..]), Prune::Remove).await.unwrap();
    let report = NodeReport { passed: true, findings: 0, report: "{}".into() };
    let early = store.record_node_check(&admin, now, world.node("late-2.example").await, Revision::FIRST, report).await;
    assert!(matches!(early, Err(StoreError::Conflict(Conflict::NotClaimed))), "{early:?}");
    let denied = world.denied("late-2.example", Shape::Node).await;
    assert_eq!(denied, (byleave_core::access::Denial::NotClaimed, false));
    let hash = byleave_store::Secret::new("hash".into());
    let claimed = store.claim(invited.token.expose(), hash, now).await.unwrap();
    // The claim, the project, the cluster, the node that is left, its two logs.
    assert_eq!(claimed.anchors[0].index, 5);
    assert_eq!(store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

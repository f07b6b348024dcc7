//! Random histories: whatever happens in whatever order, the tables say what the logs say, the evidence verifies, and
//! followers know what is committed.

use byleave_core::actor::Actor;
use byleave_core::grant::GrantType;
use byleave_core::inventory::Prune;
use byleave_core::request::{Approval, Wish};
use byleave_core::session::SessionEnd;
use byleave_core::time::{BootId, HOUR, MINUTE, Ttl};
use byleave_store::request::{Answered, Ask, HandBack, RequestsOf};
use byleave_store::session::Shape;
use proptest::prelude::*;

use crate::world::{World, closed, name, open_store, request, wanted, wanted_node};

#[derive(Debug, Clone)]
enum Op {
    Block(bool),
    Close,
    Employee(bool),
    Grant(usize, usize),
    Inventory(u8),
    Later(i64),
    LeaveDoubt,
    Open(usize, bool),
    Request(usize, usize),
    Answer(usize),
    HandBack(usize),
    Restart(i64),
    Revoke(usize),
    StepClock(i64),
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => any::<bool>().prop_map(Op::Block),
        2 => Just(Op::Close),
        1 => any::<bool>().prop_map(Op::Employee),
        4 => (0..2_usize, 0..3_usize).prop_map(|(cluster, kind)| Op::Grant(cluster, kind)),
        2 => (0..4_u8).prop_map(Op::Inventory),
        3 => prop_oneof![0..MINUTE, 0..9 * HOUR, Just(24 * HOUR)].prop_map(Op::Later),
        2 => Just(Op::LeaveDoubt),
        5 => (0..4_usize, any::<bool>()).prop_map(|(host, logs)| Op::Open(host, logs)),
        3 => (0..4_usize, 0..3_usize).prop_map(|(host, kind)| Op::Request(host, kind)),
        3 => (0..6_usize).prop_map(Op::Answer),
        1 => (0..4_usize).prop_map(Op::HandBack),
        1 => (-HOUR..HOUR).prop_map(Op::Restart),
        3 => (0..2_usize).prop_map(Op::Revoke),
        1 => prop_oneof![-3 * HOUR..0, 0..3 * HOUR, -30 * HOUR..30 * HOUR].prop_map(Op::StepClock),
        1 => Just(Op::Sweep),
    ]
}

const CLUSTERS: [&str; 2] = ["a", "b"];
const HOSTS: [&str; 4] = ["a-1.example", "b-1.example", "a.example", "a-3.example"];

async fn run(world: &mut World, open: &mut Vec<byleave_core::id::SessionId>, op: Op) {
    let (store, now, org) = (world.store.clone(), world.now.clone(), world.organization);
    let admin = Actor::Administrator;
    match op {
        Op::Block(true) => drop(store.block(&world.owner, &now, org).await.unwrap()),
        Op::Block(false) => drop(store.unblock(&world.owner, &now, org).await.unwrap()),
        Op::Close => {
            if let Some(session) = open.pop() {
                store.close_session(&now, closed(session, SessionEnd::ClosedByEmployee)).await.unwrap();
            }
        }
        Op::Employee(true) => drop(store.enable_employee(&admin, &now, world.employee).await.unwrap()),
        Op::Employee(false) => drop(store.disable_employee(&admin, &now, world.employee).await.unwrap()),
        Op::Grant(cluster, kind) => {
            let ask = request(GrantType::ALL[kind]);
            drop(store.give_grant(&world.owner, &now, world.project, &name(CLUSTERS[cluster]), ask).await);
        }
        Op::Inventory(number) => {
            let mut all = wanted(org);
            match number {
                0 => all[0].nodes.push(wanted_node("a-3.example", 9)),
                1 => all[0].nodes[0].address = "10.8.8.8:22".parse().unwrap(),
                2 => all[0].sync_databases.clear(),
                _ => {}
            }
            store.apply_inventory(&admin, &now, &all, Prune::Remove).await.unwrap();
        }
        Op::Later(millis) => world.later(millis),
        Op::LeaveDoubt => drop(store.leave_doubt(&admin, &now).await),
        Op::Open(host, logs) => {
            let shape = if logs { Shape::Logs } else { Shape::Widest };
            if let Ok(opened) = world.open(HOSTS[host], shape).await {
                open.push(opened.session);
            }
        }
        Op::Request(host, kind) => {
            let (employee, key, kind) = (world.employee, world.key, GrantType::ALL[kind]);
            let wish = Wish { kind, ttl: Ttl::MAX, case: None, reason: "slow".parse().unwrap() };
            drop(store.make_request(&now, Ask { employee, key, host: crate::world::host(HOSTS[host]), wish }).await);
        }
        Op::Answer(number) => {
            let of = RequestsOf::Organization(org);
            let waiting = store.requests(&world.owner, &now, of, Answered::Any).await.unwrap();
            if let Some(row) = waiting.get(number / 2) {
                let id = row.request.id;
                match number % 2 {
                    0 => drop(store.approve_request(&world.owner, &now, id, Approval::default()).await),
                    _ => drop(store.decline_request(&world.owner, &now, id, None).await),
                }
            }
        }
        Op::HandBack(host) => {
            let session = byleave_core::id::SessionId::from_bytes([0xee; 12]);
            let (employee, key, host) = (world.employee, world.key, crate::world::host(HOSTS[host]));
            drop(store.hand_back(&now, HandBack { employee, key, host, session }).await);
        }
        Op::Restart(millis) => {
            world.now.wall = world.now.wall.plus(millis);
            world.now = byleave_core::time::Reading {
                boot: BootId(format!("boot {}", now.wall)),
                since_boot: 7,
                ..world.now.clone()
            };
            world.store = open_store(world.dir.path(), world.entropy.clone(), &world.now).await.unwrap();
            open.clear();
        }
        Op::Revoke(cluster) => {
            drop(store.revoke_grant(&world.owner, &now, world.project, &name(CLUSTERS[cluster])).await.unwrap());
        }
        Op::StepClock(millis) => world.now.wall = world.now.wall.plus(millis),
        Op::Sweep => drop(store.sweep(&now).await.unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_and_log_agree_after_any_history(ops in prop::collection::vec(op(), 10..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut open = Vec::new();
            for op in ops {
                run(&mut world, &mut open, op).await;
            }
            world.assert_sound().await;
        });
    }
}

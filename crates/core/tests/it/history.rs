//! Random histories of everything that can happen: no yes outside the table, no grant over 24 hours, no row revived,
//! every change decided again. What is asserted stands in `world.rs`.

use std::collections::BTreeMap;

use byleave_core::access::Asker;
use byleave_core::grant::GrantType;
use byleave_core::request::Approval;
use byleave_core::session::SessionEnd;
use byleave_core::time::{DAY, HOUR, MINUTE, SECOND, Ttl};
use proptest::prelude::*;
use proptest::sample::select;

use crate::estate::{edit, prune};
use crate::world::{Op, World};

fn ttl() -> impl Strategy<Value = Ttl> {
    select(vec![1, SECOND, MINUTE, HOUR, 12 * HOUR, DAY - 1, DAY]).prop_map(|millis| Ttl::from_millis(millis).unwrap())
}

fn op() -> impl Strategy<Value = Op> {
    let cluster = || 0..4_usize;
    let node = || 0..2_usize;
    let asker = prop_oneof![4 => Just(Asker::Active), 1 => Just(Asker::Disabled), 1 => Just(Asker::KeyRemoved)];
    prop_oneof![
        2 => (cluster(), node()).prop_map(|(cluster, node)| Op::AcceptRisk(cluster, node)),
        3 => (cluster(), select(GrantType::ALL), ttl()).prop_map(|(cluster, kind, ttl)| Op::Ask(cluster, kind, ttl)),
        3 => (0..8_usize, prop::option::of(select(GrantType::ALL)), prop::option::of(ttl()), ttl())
            .prop_map(|(request, kind, ttl, longest)| Op::Approve(request, Approval { kind, ttl }, longest)),
        3 => (0..2_usize).prop_map(Op::Block),
        1 => select(vec![-HOUR, -SECOND, 0, MINUTE, DAY]).prop_map(|gap| Op::Boot { gap }),
        4 => (cluster(), node(), prop::bool::weighted(0.8), prop::bool::weighted(0.2))
            .prop_map(|(cluster, node, passed, stale)| Op::Check { cluster, node, passed, stale }),
        2 => (node(), asker).prop_map(|(employee, state)| Op::Employee(employee, state)),
        8 => (cluster(), select(GrantType::ALL), prop::option::of(ttl()), prop_oneof![3 => Just(Ttl::MAX), 1 => ttl()])
            .prop_map(|(cluster, kind, ttl, longest)| Op::Give { cluster, kind, ttl, longest }),
        4 => (prop::collection::vec(edit(), 1..3), prune()).prop_map(|(edits, prune)| Op::Inventory(edits, prune)),
        4 => Just(Op::LeaveDoubt),
        20 => (node(), cluster(), 0..32_usize)
            .prop_map(|(employee, cluster, wanted)| Op::Open { employee, cluster, wanted }),
        4 => select(vec![1, SECOND, MINUTE, HOUR, 8 * HOUR, DAY]).prop_map(Op::Pass),
        4 => cluster().prop_map(Op::Revoke),
        3 => (0..2_usize).prop_map(Op::Unblock),
        1 => select(vec![-DAY, -HOUR, -3 * SECOND, -SECOND, SECOND, 6 * SECOND, DAY]).prop_map(Op::Wall),
    ]
}

fn histories() -> impl Strategy<Value = Vec<(Op, bool)>> {
    prop::collection::vec((op(), prop::bool::weighted(0.3)), 20..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_opens_what_the_table_does_not(history in histories()) {
        let mut world = World::new();
        history.into_iter().for_each(|(op, quiet)| world.step(op, quiet));
        world.end();
    }
}

/// Or else the property above would hold for nothing.
#[test]
fn the_histories_open_cut_and_continue_sessions() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut opened, mut continued, mut approved) = (0, 0, 0);
    let mut ends = BTreeMap::<SessionEnd, usize>::new();
    for _ in 0..80 {
        let mut world = World::new();
        let history = histories().new_tree(&mut runner).unwrap().current();
        history.into_iter().for_each(|(op, quiet)| world.step(op, quiet));
        let world = world.end();
        (opened, continued) = (opened + world.opened, continued + world.continued);
        approved += world.approved;
        world.cut.into_iter().for_each(|(end, times)| *ends.entry(end).or_default() += times);
    }
    assert!(opened > 200 && continued > 20, "{opened} opened, {continued} continued");
    assert!(approved > 20, "{approved} approved");
    for end in [
        SessionEnd::Blocked,
        SessionEnd::ClusterRemoved,
        SessionEnd::EmployeeDisabled,
        SessionEnd::Expired,
        SessionEnd::KeyRemoved,
        SessionEnd::NodeChanged,
        SessionEnd::Replaced,
        SessionEnd::Revoked,
        SessionEnd::StandingLimit,
    ] {
        assert!(ends.contains_key(&end), "none ended as {end}: {ends:?}");
    }
}

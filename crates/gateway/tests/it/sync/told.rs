//! What people are told of a session for sync data: the engineer how to begin, the customer what was refused.

use std::io::{BufRead as _, BufReader};

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_gateway::control::Report;

use super::rig::{CLUSTER_HOST, House};
use super::upstream::{Place, Upstream};
use crate::world::text;

#[test]
fn the_engineer_is_told_the_commands_to_copy_whole() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (mut ssh, _out, uri) = house.open();
    let told = BufReader::new(ssh.0.stderr.take().unwrap());
    let ours = |line: &String| line.starts_with("ssh ") || line.starts_with("mongosh ");
    let commands: Vec<String> = told.lines().map(Result::unwrap).filter(ours).take(2).collect();
    let port = house.world.gateway.addresses()[0].port();
    let saves = format!("ssh -p {port} {CLUSTER_HOST}@127.0.0.1 sync-ca > byleave-sync-ca.pem");
    assert_eq!(commands, [saves, format!("mongosh '{uri}'")]);
}

#[test]
fn who_reaches_for_data_that_is_not_open_is_told_of_and_all_that_is_refused_is_counted() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (ssh, _out, uri) = house.open();
    let output = house.client("sync_beyond.py", &[&uri]).output().unwrap();
    assert_eq!(text(&output.stdout), "13\n13\n13\n13\n13\n13\n13\n13\n59\n", "{}", text(&output.stderr));
    drop(ssh);
    let closed = house.world.memory.closed_count(3);
    let refused: Vec<i64> = closed.iter().map(|closed| closed.counters.refused).collect();
    assert_eq!(refused.iter().sum::<i64>(), 9, "{closed:?}");
    let tries = house.world.memory.reports().into_iter().filter_map(|report| {
        let Report::Denied { wanted, node, denial, tries, .. } = report else { return None };
        assert_eq!((wanted, node, denial), (Tried::SyncData, None, Denial::DatabaseNever));
        Some(tries)
    });
    assert_eq!(tries.sum::<i64>(), 7, "what a driver or shell asks by itself is no alarm");
    assert!(!upstream.holds(b"bank"));
}

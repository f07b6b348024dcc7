//! Nodes that are down, somebody else, or do not answer.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use byleave_core::grant::GrantType;
use byleave_core::session::SessionEnd;

use crate::memory::node;
use crate::world::{World, free_port, private_key, text};

fn fails(change: impl FnOnce(&World) -> Option<TcpListener>, told: &str) {
    let world = World::with(|config| config.node_patience = Duration::from_millis(500));
    world.memory.grant(GrantType::Infrastructure);
    let _listener = change(&world);
    let output = world.run(&[], &["echo in"], b"");
    assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(1)));
    assert_eq!(text(&output.stderr), format!("byleave: {told}\r\n"));
    let closed = world.memory.closed();
    assert_eq!((closed.reason, closed.counters.commands), (SessionEnd::NodeUnreachable, 0));
}

fn move_node(world: &World, port: u16) {
    let host_key = world.memory.facts.borrow().cluster.nodes[0].host_key.to_string();
    let moved = node(&format!("127.0.0.1:{port}"), &host_key);
    world.memory.change(|facts| facts.cluster.nodes = vec![moved]);
}

#[test]
fn a_node_that_is_down_is_named_as_such() {
    fails(
        |world| {
            move_node(world, free_port());
            None
        },
        "the node cannot be reached",
    );
}

#[test]
fn a_node_with_another_host_key_gets_nothing() {
    fails(
        |world| {
            let other = private_key().public_key().to_openssh().unwrap();
            let address = world.node_address.to_string();
            world.memory.change(|facts| facts.cluster.nodes = vec![node(&address, &other)]);
            None
        },
        "the node shows another host key than the inventory has",
    );
}

#[test]
fn a_node_that_accepts_and_hangs_is_given_up() {
    let hang = |world: &World| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        move_node(world, listener.local_addr().unwrap().port());
        Some(listener)
    };
    fails(hang, "the node does not answer in time");
}

#[test]
fn a_node_that_greets_and_hangs_is_given_up() {
    let hang = |world: &World| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        move_node(world, listener.local_addr().unwrap().port());
        let other = listener.try_clone().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = other.accept().unwrap();
            stream.write_all(b"SSH-2.0-Tarpit\r\n").unwrap();
            let mut sink = Vec::new();
            drop(std::io::Read::read_to_end(&mut stream, &mut sink));
        });
        Some(listener)
    };
    fails(hang, "the node does not answer in time");
}

#[test]
fn a_node_that_does_not_know_the_ca_is_named_as_such() {
    fails(
        |world| {
            std::fs::write(world.path("ca.pub"), private_key().public_key().to_openssh().unwrap()).unwrap();
            None
        },
        "the node does not accept the gateway's certificate",
    );
}

#[test]
fn a_node_that_dies_ends_the_channel_and_is_named_in_the_report() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    // The process of the node's own connection is the parent of what it runs.
    let output = world.run(&[], &["kill -9 $PPID; sleep 1000"], b"");
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(world.memory.closed().reason, SessionEnd::ClosedByNode);
}

//! Every forwarding is refused and reported once for each kind.

use byleave_core::event::{Forwarding, Side};
use byleave_core::grant::GrantType;
use byleave_gateway::control::Report;

use crate::memory::Memory;
use crate::world::{World, free_port, text};

fn refused(memory: &Memory) -> Vec<(Forwarding, Side)> {
    memory.closed();
    let refused = memory.reports().into_iter().filter_map(|report| match report {
        Report::ForwardingRefused { forwarding, side, .. } => Some((forwarding, side)),
        Report::Closed(_) | Report::Continued { .. } | Report::LogDownloaded { .. } => None,
    });
    refused.collect()
}

fn tries(options: &[&str], expected: Forwarding) {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(options, &["echo in"], b"");
    assert_eq!(text(&output.stdout), "in\n", "{options:?}: {}", text(&output.stderr));
    assert_eq!(refused(&world.memory), [(expected, Side::Employee)], "{options:?} {}", text(&output.stderr));
    assert!(world.memory.closed().refused >= 1);
}

#[test]
fn remote_forwarding_of_ports_is_refused() {
    tries(&["-R", &format!("{}:127.0.0.1:1", free_port()), "-R", "0:127.0.0.1:1"], Forwarding::RemoteTcp);
}

#[test]
fn remote_forwarding_of_sockets_is_refused() {
    tries(&["-R", "/tmp/byleave-none.sock:127.0.0.1:1"], Forwarding::RemoteSocket);
}

#[test]
fn a_tunnel_is_refused() {
    tries(&["-w", "any:any"], Forwarding::Tunnel);
}

#[test]
fn the_agent_is_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let agent = world.path("agent.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&agent).unwrap();
    let mut command = world.ssh(&["-A"], &["echo \"in $SSH_AUTH_SOCK\""]);
    command.env("SSH_AUTH_SOCK", &agent);
    let mut command_options = world.options();
    command_options.clear();
    let output = crate::world::feed(command, b"");
    assert_eq!(text(&output.stdout), "in \n");
    // With the agent's socket known to ssh, but not used for keys.
    let forwarded = format!("ForwardAgent={}", agent.display());
    let output = world.run(&["-o", &forwarded], &["echo \"in $SSH_AUTH_SOCK\""], b"");
    assert_eq!(text(&output.stdout), "in \n");
    world.memory.closed_count(2);
    assert!(refused(&world.memory).contains(&(Forwarding::Agent, Side::Employee)));
}

#[test]
fn the_display_is_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let mut command = world.ssh(&["-Y"], &["echo \"in $DISPLAY\""]);
    command.env("DISPLAY", "127.0.0.1:99");
    let output = crate::world::feed(command, b"");
    assert_eq!(text(&output.stdout), "in \n", "{}", text(&output.stderr));
    assert_eq!(refused(&world.memory), [(Forwarding::X11, Side::Employee)]);
}

#[test]
fn local_and_dynamic_forwarding_and_a_jump_are_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(&["-W", &world.node_address.to_string()], &[], b"");
    assert_ne!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("administratively prohibited"), "{}", text(&output.stderr));
    assert_eq!(refused(&world.memory), [(Forwarding::Tcp, Side::Employee)]);
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(&["-W", "/var/run/mongodb.sock"], &[], b"");
    assert_ne!(output.status.code(), Some(0));
}

#[test]
fn local_sockets_are_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let local = world.path("local.sock");
    let forward = format!("{}:/var/run/mongodb.sock", local.display());
    let child = world.ssh(&["-L", &forward], &["cat"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let running = crate::world::Running(child);
    crate::world::until("the forwarding's socket", || local.exists());
    let mut stream = std::os::unix::net::UnixStream::connect(&local).unwrap();
    let mut bytes = Vec::new();
    drop(std::io::Read::read_to_end(&mut stream, &mut bytes));
    assert!(bytes.is_empty());
    drop(running);
    assert_eq!(refused(&world.memory), [(Forwarding::Socket, Side::Employee)]);
}

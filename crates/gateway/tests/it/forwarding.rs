//! Every forwarding is refused and reported once for each kind.

use std::io::{BufRead, BufReader};

use byleave_core::event::{Forwarding, Side};
use byleave_core::grant::GrantType;
use byleave_gateway::control::Report;

use crate::memory::Memory;
use crate::world::{World, free_port, text};

pub(crate) fn refused(memory: &Memory) -> Vec<(Forwarding, Side)> {
    memory.closed();
    let refused = memory.reports().into_iter().filter_map(|report| match report {
        Report::ForwardingRefused { forwarding, side, .. } => Some((forwarding, side)),
        Report::Closed(_) | Report::Continued { .. } | Report::Denied { .. } | Report::LogDownloaded { .. } => None,
    });
    refused.collect()
}

fn tries(options: &[&str], expected: Forwarding) {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(options, &["echo in"], b"");
    assert_eq!(text(&output.stdout), "in\n", "{options:?}: {}", text(&output.stderr));
    assert_eq!(refused(&world.memory), [(expected, Side::Employee)], "{options:?} {}", text(&output.stderr));
    assert!(world.memory.closed().counters.refused >= 1);
}

#[test]
fn remote_forwarding_of_ports_is_refused() {
    tries(&["-R", &format!("{}:127.0.0.1:1", free_port()), "-R", "0:127.0.0.1:1"], Forwarding::RemoteTcp);
}

#[test]
fn remote_forwarding_of_sockets_is_refused() {
    tries(&["-R", "/tmp/byleave-none.sock:127.0.0.1:1"], Forwarding::RemoteSocket);
}

/// What `ssh` asks for at once after its log-in, long before `session.opened` is durable.
#[test]
fn what_is_refused_while_the_session_opens_is_reported_when_it_is_open() {
    for (options, told, expected) in [
        (["-R", "0:127.0.0.1:1"], "remote port forwarding failed", Forwarding::RemoteTcp),
        (["-w", "any:any"], "Tunnel forwarding failed", Forwarding::Tunnel),
    ] {
        let world = World::new();
        world.memory.grant(GrantType::Infrastructure);
        world.memory.may_open.send_replace(false);
        let mut child = world.ssh(&options, &["echo in"]).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(told) {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "{options:?}");
        }
        world.memory.may_open.send_replace(true);
        crate::world::Running(child).wait();
        assert_eq!(refused(&world.memory), [(expected, Side::Employee)]);
    }
}

/// `ssh` ends the connection by itself when a tunnel is refused: the library answers it twice. The try is reported
/// because `ssh` asks for its command in the same breath.
#[test]
fn a_tunnel_is_refused() {
    for _ in 0..5 {
        let world = World::new();
        world.memory.grant(GrantType::Infrastructure);
        let output = world.run(&["-w", "any:any"], &["echo in"], b"");
        assert!(text(&output.stderr).contains("Tunnel forwarding failed"), "{}", text(&output.stderr));
        assert_eq!(world.memory.closed().reason, byleave_core::session::SessionEnd::ClosedByEmployee);
        assert_eq!(refused(&world.memory), [(Forwarding::Tunnel, Side::Employee)]);
    }
}

#[test]
fn the_agent_is_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let socket = world.path("agent.sock");
    let agent = std::process::Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    let _agent = crate::world::Running(agent);
    crate::world::until("the agent's socket", || socket.exists());
    let mut command = world.ssh(&["-A"], &["echo \"in $SSH_AUTH_SOCK\""]);
    command.env("SSH_AUTH_SOCK", &socket);
    let output = crate::world::feed(command, b"");
    assert_eq!(text(&output.stdout), "in \n", "{}", text(&output.stderr));
    assert_eq!(refused(&world.memory), [(Forwarding::Agent, Side::Employee)]);
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

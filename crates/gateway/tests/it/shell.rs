//! A shell and commands through one real node, as if directly connected, and ended by a change of the facts.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use byleave_core::grant::GrantType;
use byleave_core::session::SessionEnd;

use crate::world::{Running, World, text};

#[test]
fn a_command_runs_on_the_node_and_its_status_comes_back() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(&[], &["echo out; echo err >&2; cat; exit 7"], b"in");
    assert_eq!(text(&output.stdout), "out\nin", "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "err\n");
    assert_eq!(output.status.code(), Some(7));
    let closed = world.memory.closed();
    assert_eq!((closed.reason, closed.counters.commands, closed.counters.shells), (SessionEnd::ClosedByEmployee, 1, 0));
}

#[test]
fn a_terminal_runs_a_shell() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(&["-tt"], &[], b"tty; echo $TERM; exit 3\n");
    let shown = text(&output.stdout);
    assert!(shown.contains("/dev/pts/"), "{shown} {}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(world.memory.closed().counters.shells, 1);
}

#[test]
fn a_revoke_ends_a_live_session() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let mut child = world.ssh(&[], &["echo ready; exec sleep 1000"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let ssh = Running(child);
    world.memory.revoke();
    let output = ssh.wait();
    assert_eq!(output.status.code(), Some(255), "{}", text(&output.stderr));
    assert_eq!(world.memory.closed().reason, SessionEnd::Revoked);
    assert_eq!(world.gateway.handle().live().len(), 0);
}

#[test]
fn a_blocked_target_says_only_that_it_is_not_open() {
    let world = World::new();
    let output = world.run(&[], &["true"], b"");
    assert_eq!(output.status.code(), Some(1));
    let told = "byleave: this target is not open to you now, or does not exist\r\n\
                byleave: to ask its customer: the same `ssh`, with `request --for 4h --reason 'why you must come in'` as \
                its command; `requests` shows what becomes of it\r\n";
    assert_eq!(text(&output.stderr), told);
    for host in ["nowhere.example", "No_Host", "cluster0.shop.example"] {
        let other = crate::world::feed(world.ssh_to(host, &[], &["true"]), b"");
        assert_eq!((&other.stderr, other.status), (&output.stderr, output.status), "{host}");
    }
    assert_eq!(world.memory.denials(), 3, "no host can have this name");
    assert!(world.memory.reports().is_empty());
}

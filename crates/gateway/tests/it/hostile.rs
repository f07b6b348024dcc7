//! A node that is an enemy: real SSH, but no rule kept. It gets nothing opened, nothing delivered that it may not send,
//! no more memory than its share, and no delay of a cut.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use byleave_core::event::{Forwarding, Side};
use byleave_core::grant::GrantType;
use byleave_core::inventory::LogKind;
use byleave_core::session::SessionEnd;
use nix::sys::signal::{Signal, kill};

use crate::forwarding::refused;
use crate::memory::{PATIENCE, log};
use crate::raw::{
    CHANNEL_REQUEST, Field, OPEN, OPEN_FAILURE, Outgoing, REQUEST_FAILURE, Shows, Wire, close, confirmation, data, eof,
    exit_status, extended, message, stand_in,
};
use crate::strangers::resident;
use crate::world::{Running, World, text, until};

/// More than this, in KiB, no flood may cost: 32 messages of the largest size wait in a channel, and buffers besides.
const ROOM: u64 = 48 * 1024;

fn world() -> World {
    let world = World::with(|config| config.threads = 1);
    world.memory.grant(GrantType::Infrastructure);
    world
}

/// A gateway that gives a node up soon.
fn hasty_world() -> World {
    let world = World::with(|config| config.node_patience = Duration::from_millis(800));
    world.memory.grant(GrantType::Infrastructure);
    world
}

fn open(kind: &str, own: u32, more: &[Field<'_>]) -> Vec<u8> {
    let mut open =
        message(OPEN, &[Field::Text(kind), Field::Number(own), Field::Number(1 << 20), Field::Number(1 << 15)]);
    open.extend(&message(0, more)[1..]);
    open
}

/// Ends a command in order.
fn end(wire: &mut Wire, channel: u32) {
    for last in [exit_status(channel, 0), eof(channel), close(channel)] {
        wire.outgoing.send(&last);
    }
}

/// Fault: the node opens a channel of every kind towards the gateway.
///
/// Expected: each is refused, once; each kind is reported with the node as the side that tried; the session goes on.
#[test]
fn every_channel_that_a_node_opens_is_refused_once_and_reported() {
    let world = world();
    let tcp = || [Field::Text("127.0.0.1"), Field::Number(22), Field::Text("127.0.0.1"), Field::Number(9)];
    let opens = [
        open("forwarded-tcpip", 10, &tcp()),
        open("forwarded-streamlocal@openssh.com", 11, &[Field::Text("/tmp/x"), Field::Text("")]),
        open("auth-agent@openssh.com", 12, &[]),
        open("x11", 13, &[Field::Text("127.0.0.1"), Field::Number(6000)]),
        open("session", 14, &[]),
        open("direct-tcpip", 15, &tcp()),
        open("direct-streamlocal@openssh.com", 16, &[Field::Text("/tmp/x"), Field::Text(""), Field::Number(0)]),
        open("tun@openssh.com", 17, &[Field::Number(1), Field::Number(0)]),
        open("fax", 18, &[]),
    ];
    let (sender, answers) = mpsc::channel();
    stand_in(&world, move |mut wire| {
        let Some(channel) = wire.serve() else { return };
        for open in &opens {
            wire.outgoing.send(open);
        }
        let mut failures: Vec<u32> = Vec::new();
        let failed = |message: &[u8]| u32::from_be_bytes(message[1..5].try_into().unwrap());
        while failures.len() < opens.len() {
            let Some(failure) = wire.incoming.wait(OPEN_FAILURE) else { break };
            failures.push(failed(&failure));
        }
        end(&mut wire, channel);
        while let Some(failure) = wire.incoming.wait(OPEN_FAILURE) {
            failures.push(failed(&failure));
        }
        sender.send(failures).unwrap();
    });
    assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(0));
    let mut refused_channels = answers.recv_timeout(PATIENCE).unwrap();
    refused_channels.sort_unstable();
    assert_eq!(refused_channels, (10..19).collect::<Vec<_>>());
    let kinds = [
        Forwarding::RemoteTcp,
        Forwarding::RemoteSocket,
        Forwarding::Agent,
        Forwarding::X11,
        Forwarding::Other,
        Forwarding::Tcp,
        Forwarding::Socket,
        Forwarding::Tunnel,
    ];
    assert_eq!(refused(&world.memory), kinds.map(|kind| (kind, Side::Node)));
    assert_eq!(world.memory.closed().counters.refused, 9);
}

/// Fault: the node asks the gateway to listen for it.
///
/// Expected: each request is refused, nothing listens, and the session goes on. The library tells nobody, so there is
/// no report; news of host keys are ignored.
#[test]
fn every_global_request_of_a_node_is_refused() {
    let world = world();
    let requests = [
        message(80, &[Field::Text("tcpip-forward"), Field::Flag(1), Field::Text("0.0.0.0"), Field::Number(0)]),
        message(80, &[Field::Text("streamlocal-forward@openssh.com"), Field::Flag(1), Field::Text("/tmp/x.sock")]),
        message(80, &[Field::Text("fax@example.com"), Field::Flag(1)]),
    ];
    let (sender, answers) = mpsc::channel();
    stand_in(&world, move |mut wire| {
        let Some(channel) = wire.serve() else { return };
        let key = message(0, &[Field::Text("ssh-ed25519"), Field::Bytes(&[1; 32])])[1..].to_vec();
        wire.outgoing.send(&message(80, &[Field::Text("hostkeys-00@openssh.com"), Field::Flag(0), Field::Bytes(&key)]));
        let failures = requests.iter().filter(|request| {
            wire.outgoing.send(request);
            wire.incoming.wait(REQUEST_FAILURE).is_some()
        });
        sender.send(failures.count()).unwrap();
        end(&mut wire, channel);
        wire.incoming.drain();
    });
    assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(0));
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), 3);
    assert_eq!(refused(&world.memory), []);
}

/// Runs a flood on the first connection to the node, with the client stopped if `stopped`; all others end in order.
///
/// Expected of each: memory bounded, another session of the same thread works meanwhile, a revoke shuts both sockets
/// at once all the same.
fn survives(name: &str, stopped: bool, flood: impl Fn(&mut Outgoing, u32) -> bool + Send + Sync + 'static) {
    let world = world();
    let (connections, sent, is_over) = <(AtomicUsize, Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
    let (node_sent, node_over) = (sent.clone(), is_over.clone());
    stand_in(&world, move |mut wire| {
        let Some(channel) = wire.serve() else { return };
        if connections.fetch_add(1, Ordering::SeqCst) > 0 {
            end(&mut wire, channel);
            return wire.incoming.drain();
        }
        wire.outgoing.send(&data(channel, b"up\n"));
        while flood(&mut wire.outgoing, channel) {
            node_sent.fetch_add(1, Ordering::Relaxed);
        }
        node_over.store(true, Ordering::SeqCst);
    });
    let mut child = world.ssh(&[], &["anything"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    let client = Running(child);
    let before = resident();
    if stopped {
        kill(client.pid(), Signal::SIGSTOP).unwrap();
    }
    // It floods, or stands still because nobody reads.
    let mut stood = 0;
    until("the flood", || {
        let now = sent.load(Ordering::Relaxed);
        let stands = now > 0 && std::mem::replace(&mut stood, now) == now;
        stands || now > 20_000
    });
    for _ in 0..2 {
        let output = world.run(&[], &["true"], b"");
        assert_eq!(output.status.code(), Some(0), "{name}: another session: {}", text(&output.stderr));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < ROOM, "{name}: {grown} KiB more after {} messages", sent.load(Ordering::Relaxed));
    world.memory.revoke();
    until("the end of the node's connection", || is_over.load(Ordering::SeqCst));
    let closed = world.memory.closed_count(3);
    assert!(closed.iter().any(|closed| closed.reason == SessionEnd::Revoked), "{name}: {closed:?}");
    let delays = world.gateway.handle().cut_delays();
    assert!(delays.iter().all(|delay| *delay < Duration::from_secs(1)), "{name}: {delays:?}");
    kill(client.pid(), Signal::SIGCONT).unwrap();
    // What the node said of the exit is the node's word; it is not what it was cut for.
    assert_ne!(client.wait().status.code(), Some(0), "{name}");
}

#[test]
fn output_without_end_and_without_regard_for_the_window() {
    let small = vec![b'x'; 32 * 1024];
    survives("data", true, move |out, channel| out.send(&data(channel, &small)));
}

#[test]
fn packets_larger_than_agreed() {
    let large = vec![b'x'; 200 * 1024];
    survives("large data", true, move |out, channel| out.send(&data(channel, &large)));
}

#[test]
fn extended_data_of_types_that_do_not_exist() {
    survives("extended data", false, |out, channel| {
        [0, 2, u32::MAX].iter().all(|kind| out.send(&extended(channel, *kind, b"odd")))
    });
}

#[test]
fn data_of_no_length() {
    survives("no data", false, |out, channel| out.send(&data(channel, b"")) && out.send(&extended(channel, 1, b"")));
}

#[test]
fn room_upon_room() {
    survives("window adjusts", false, |out, channel| {
        out.send(&message(93, &[Field::Number(channel), Field::Number(u32::MAX)]))
    });
}

#[test]
fn exit_statuses_without_end() {
    survives("exit statuses", false, |out, channel| out.send(&exit_status(channel, 3)));
}

#[test]
fn exit_statuses_for_a_client_that_is_stopped() {
    survives("exit statuses, stopped", true, |out, channel| out.send(&exit_status(channel, 3)));
}

/// The node does not read the answers either.
#[test]
fn requests_without_end_whose_answers_nobody_reads() {
    survives("channel requests", false, |out, channel| {
        out.send(&message(CHANNEL_REQUEST, &[Field::Number(channel), Field::Text("fax"), Field::Flag(1)]))
    });
    survives("global requests", false, |out, _| {
        out.send(&message(80, &[Field::Text("tcpip-forward"), Field::Flag(1), Field::Text(""), Field::Number(0)]))
    });
}

#[test]
fn channels_without_end() {
    survives("channels", false, |out, _| out.send(&open("session", 7, &[])));
}

/// Fault: the node takes part up to a certain point and says nothing from then on.
///
/// Expected: up to the opening of the channel it is given up in time and named as such. A command that is not even
/// confirmed is like one that says nothing: it lasts until the employee or the consent ends it.
#[test]
fn a_node_that_hangs_is_given_up_at_every_stage() {
    let stages: [fn(&mut Wire) -> Option<()>; 4] = [
        |wire| wire.greet("ssh-ed25519"),
        |wire| wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key)),
        |wire| {
            wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key))?;
            wire.incoming.wait(5)?;
            wire.outgoing.send(&message(6, &[Field::Text("ssh-userauth")]));
            Some(())
        },
        |wire| wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key)).and_then(|()| wire.authenticate()),
    ];
    for (number, stage) in stages.into_iter().enumerate() {
        let world = hasty_world();
        stand_in(&world, move |mut wire| {
            if stage(&mut wire).is_some() {
                wire.incoming.drain();
            }
        });
        let output = world.run(&[], &["true"], b"");
        assert_eq!(text(&output.stderr), "byleave: the node does not answer in time\r\n", "stage {number}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "stage {number}");
        assert_eq!(world.memory.closed().reason, SessionEnd::NodeUnreachable, "stage {number}");
    }
}

#[test]
fn a_node_that_hangs_before_it_opens_a_log_is_given_up() {
    let world = hasty_world();
    stand_in(&world, move |mut wire| {
        let ready = wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key));
        if ready.and_then(|()| wire.authenticate()).and_then(|()| wire.open_channel()).is_some() {
            wire.incoming.drain();
        }
    });
    let logs = vec![log("mongod", LogKind::Database, "/var/log/mongod.log")];
    world.memory.change(|facts| facts.cluster.nodes[0].logs = logs);
    world.memory.grant(GrantType::DatabaseLogs);
    let output = world.run(&[], &["logs mongod"], b"");
    assert_eq!(text(&output.stderr), "byleave: the node does not answer in time\r\n");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn a_command_that_is_never_confirmed_ends_with_the_consent() {
    let world = world();
    let (asked, is_asked) = mpsc::channel();
    stand_in(&world, move |mut wire| {
        let ready = wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key));
        let ready = ready.and_then(|()| wire.authenticate()).and_then(|()| wire.open_channel());
        if ready.and_then(|_| wire.incoming.wait(CHANNEL_REQUEST)).is_some() {
            asked.send(()).unwrap();
            wire.incoming.drain();
        }
    });
    let client = Running(world.ssh(&[], &["true"]).spawn().unwrap());
    is_asked.recv_timeout(PATIENCE).unwrap();
    world.memory.revoke();
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::Revoked);
}

/// Fault: another machine in the node's place: with a certificate only, with one where a key was agreed on, with the
/// node's public key but without its private one. (With another key: `node`.)
///
/// Expected: nothing is authenticated to it, and the employee is told that the node cannot be used.
#[test]
fn a_node_that_cannot_show_exactly_its_key_gets_nothing() {
    let certificate = "ssh-ed25519-cert-v01@openssh.com";
    for (types, shows) in [
        (certificate, Shows::Certificate),
        ("ssh-ed25519", Shows::Certificate),
        ("ssh-ed25519", Shows::OtherSignature),
        ("rsa-sha2-512,ecdsa-sha2-nistp256", Shows::Key),
    ] {
        let world = world();
        let (sender, learned) = mpsc::channel();
        stand_in(&world, move |mut wire| {
            let agreed = wire.greet(types).and_then(|()| wire.agree(shows));
            let asked = agreed.and_then(|()| wire.incoming.next());
            let _ = sender.send(asked);
        });
        let output = world.run(&[], &["true"], b"");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{types}");
        assert!(text(&output.stderr).starts_with("byleave: the node "), "{types}: {}", text(&output.stderr));
        assert_eq!(learned.recv_timeout(PATIENCE).unwrap(), None, "{types}: no word after the handshake");
        assert_eq!(world.memory.closed().reason, SessionEnd::NodeUnreachable);
    }
}

/// Fault: the node sends bytes on a channel before it has accepted it, on channels that there are not, after the end of
/// its output and after the channel is closed, and says twice how it ended.
///
/// Expected: the employee sees what was sent while the channel was open, and the first end; nothing else.
#[test]
fn bytes_at_the_wrong_time_are_not_delivered() {
    let world = world();
    stand_in(&world, move |mut wire| {
        let ready = wire.greet("ssh-ed25519").and_then(|()| wire.agree(Shows::Key)).and_then(|()| wire.authenticate());
        let Some(asked) = ready.and_then(|()| wire.incoming.wait(OPEN)) else { return };
        let channel = u32::from_be_bytes(asked[12..16].try_into().unwrap());
        wire.outgoing.send(&data(channel, b"before the channel "));
        wire.outgoing.send(&confirmation(channel));
        wire.outgoing.send(&data(channel, b"early "));
        if wire.start(channel).is_none() {
            return;
        }
        for message in [
            data(channel + 7, b"elsewhere "),
            close(channel + 7),
            data(channel, b"in time"),
            eof(channel),
            data(channel, b" after the end"),
            extended(channel, 1, b"after the end"),
            exit_status(channel, 0),
            data(channel, b" after the status"),
            close(channel),
            data(channel, b" after the close"),
            exit_status(channel, 77),
        ] {
            wire.outgoing.send(&message);
        }
        wire.incoming.drain();
    });
    let output = world.run(&[], &["true"], b"");
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("early in time".to_owned(), String::new()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(world.memory.closed().counters.sent_bytes, 13);
}

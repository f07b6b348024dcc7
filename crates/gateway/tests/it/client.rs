//! A client that asks for what no `ssh` asks for: things to start that come late, or cannot be started.

use std::sync::Arc;

use byleave_core::grant::GrantType;
use russh::client::{self, Msg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};
use tokio::time::timeout;

use crate::memory::PATIENCE;
use crate::raw::{CHANNEL_REQUEST, close, eof, exit_status, stand_in, take};
use crate::world::{World, text};

struct AnyHost;

impl client::Handler for AnyHost {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Opens a channel on the node, and plays.
fn play<T>(world: &World, play: impl AsyncFnOnce(Channel<Msg>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let key = Arc::new(russh::keys::load_secret_key(world.path("employee"), None).unwrap());
        let address = ("127.0.0.1", world.port());
        let mut handle = client::connect(Arc::default(), address, AnyHost).await.unwrap();
        let key = PrivateKeyWithHashAlg::new(key, None);
        assert!(handle.authenticate_publickey("node-1.shop.example", key).await.unwrap().success());
        let channel = handle.channel_open_session().await.unwrap();
        timeout(PATIENCE * 3, play(channel)).await.unwrap()
    })
}

/// The next answer to a request: whether it was yes.
async fn answer(channel: &mut Channel<Msg>) -> Option<bool> {
    while let Some(message) = channel.wait().await {
        if matches!(message, ChannelMsg::Success | ChannelMsg::Failure) {
            return Some(matches!(message, ChannelMsg::Success));
        }
    }
    None
}

/// What a channel says on standard error, its status, and its answers, to its end.
async fn rest(channel: &mut Channel<Msg>) -> (String, Option<u32>, Vec<bool>) {
    let (mut errors, mut status, mut answers) = (Vec::new(), None, Vec::new());
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::ExtendedData { data, .. } = &message {
            errors.extend_from_slice(data);
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        } else if matches!(message, ChannelMsg::Success | ChannelMsg::Failure) {
            answers.push(matches!(message, ChannelMsg::Success));
        }
    }
    (text(&errors), status, answers)
}

#[test]
fn what_is_asked_of_a_channel_that_runs_is_refused_and_it_runs_on() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    play(&world, async |mut channel| {
        channel.request_shell(true).await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(true));
        channel.exec(true, "true").await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(false), "a command");
        channel.request_shell(true).await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(false), "a shell");
        channel.request_subsystem(true, "sftp").await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(false), "a subsystem");
        channel.request_pty(true, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(false), "a terminal");
        channel.set_env(true, "LANG", "C.UTF-8").await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(false), "a locale");
        channel.data(&b"exit 3\n"[..]).await.unwrap();
        assert_eq!(rest(&mut channel).await.1, Some(3));
    });
    let closed = world.memory.closed();
    assert_eq!((closed.counters.shells, closed.counters.commands), (1, 0));
}

/// What a node makes of it is the node's: sshd delivers none to a forced command.
#[test]
fn a_signal_passes_the_gateway() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    stand_in(&world, |mut wire| {
        let Some(channel) = wire.serve() else { return };
        while let Some(request) = wire.incoming.wait(CHANNEL_REQUEST) {
            let mut rest = &request[5..];
            if take(&mut rest) == b"signal" {
                for last in [exit_status(channel, 9), eof(channel), close(channel)] {
                    wire.outgoing.send(&last);
                }
            }
        }
    });
    play(&world, async |mut channel| {
        channel.exec(true, "true").await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(true));
        channel.signal(russh::Sig::TERM).await.unwrap();
        assert_eq!(rest(&mut channel).await.1, Some(9));
    });
}

#[test]
fn a_command_that_is_empty_is_a_shell() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    play(&world, async |mut channel| {
        channel.exec(true, "").await.unwrap();
        assert_eq!(answer(&mut channel).await, Some(true));
        channel.data(&b"exit 4\n"[..]).await.unwrap();
        channel.eof().await.unwrap();
        assert_eq!(rest(&mut channel).await.1, Some(4));
    });
    let closed = world.memory.closed();
    assert_eq!((closed.counters.shells, closed.counters.commands), (1, 0));
}

#[test]
fn a_command_with_a_nul_is_refused_with_the_reason() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    play(&world, async |mut channel| {
        channel.exec(true, &b"echo a\0b"[..]).await.unwrap();
        let (errors, status, answers) = rest(&mut channel).await;
        assert_eq!(errors, "byleave: a command must not hold a NUL byte\r\n");
        assert_eq!((status, answers), (None, vec![false]));
    });
    assert_eq!(world.memory.closed().counters.commands, 0);
}

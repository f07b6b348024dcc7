//! Those who are not known get nothing, and keep nobody out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use byleave_core::grant::GrantType;

use crate::memory::PATIENCE;
use crate::world::{World, private_key, text, until, write_key};

fn with_key(world: &World, path: &std::path::Path) -> Command {
    let mut command = world.ssh(&[], &["true"]);
    let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let employee = world.path("employee").into_os_string();
    let swapped = arguments.iter().map(|argument| if *argument == employee { path.into() } else { argument.clone() });
    let mut other = Command::new("ssh");
    other.args(swapped.collect::<Vec<std::ffi::OsString>>());
    command = other;
    command
}

#[test]
fn an_unknown_key_is_refused_and_counted_and_never_asks_for_a_target() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    write_key(&world.path("stranger"), &private_key());
    let output = crate::world::feed(with_key(&world, &world.path("stranger")), b"");
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("Permission denied (publickey)"), "{}", text(&output.stderr));
    assert_eq!(world.gateway.unknown_keys(), 1);
    assert!(world.memory.reports().is_empty());
    assert_eq!(world.memory.denials(), 0);
}

#[test]
fn a_certificate_of_an_employee_is_refused() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    write_key(&world.path("ca"), &private_key());
    let public = Command::new("ssh-keygen").arg("-y").arg("-f").arg(world.path("employee")).output().unwrap();
    std::fs::write(world.path("employee.pub"), public.stdout).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-s"]).arg(world.path("ca")).args(["-I", "x", "-n", "node-1.shop.example"]);
    assert!(sign.arg(world.path("employee.pub")).status().unwrap().success());
    let certificate = format!("CertificateFile={}", world.path("employee-cert.pub").display());
    write_key(&world.path("employee"), &private_key());
    let output = world.run(&["-o", &certificate], &["true"], b"");
    assert_eq!(output.status.code(), Some(255));
}

fn dawdler(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", world.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Some are dropped before they can say anything.
    drop(stream.write_all(b"SSH-2.0-S"));
    stream
}

/// Waits until the gateway drops a connection, within the patience of a test.
fn is_dropped(mut stream: TcpStream) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn of_too_many_who_dawdle_the_oldest_go_and_nobody_is_kept_out() {
    let world = World::with(|config| {
        config.strangers = 8;
        config.login_grace = PATIENCE * 100;
    });
    world.memory.grant(GrantType::Infrastructure);
    let dawdlers: Vec<_> = (0..64).map(|_| dawdler(&world)).collect();
    assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(0));
    // Whichever thread serves them, it is those who came first.
    assert!(dawdlers.into_iter().take(57).all(is_dropped));
}

/// Connects from an address of this machine.
fn from(address: [u8; 4], world: &World) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], world.port())).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Logs in on a connection.
async fn log_in(world: &World, stream: TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let Ok(mut client) = russh::client::connect_stream(std::sync::Arc::default(), stream, Anything).await else {
        return false;
    };
    let key = russh::keys::load_secret_key(world.path("employee"), None).unwrap();
    let key = russh::keys::PrivateKeyWithHashAlg::new(std::sync::Arc::new(key), None);
    client.authenticate_publickey("node-1.shop.example", key).await.is_ok_and(|result| result.success())
}

/// An employee connects and is slow; then a thousand connections of another address come and dawdle.
#[test]
fn a_crowd_of_one_address_pushes_out_its_own_oldest_and_nobody_of_another() {
    let world = World::with(|config| {
        config.strangers = 64;
        config.login_grace = PATIENCE * 100;
    });
    world.memory.grant(GrantType::Infrastructure);
    let slow = from([127, 0, 0, 3], &world);
    let crowd: Vec<_> = (0..1000).map(|_| from([127, 0, 0, 2], &world)).collect();
    let late = from([127, 0, 0, 3], &world);
    // Two threads admit them: when the oldest of the crowd are gone, all that came before were admitted.
    assert!(crowd.into_iter().take(900).all(is_dropped));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for stream in [slow, late] {
        assert!(runtime.block_on(log_in(&world, stream)));
    }
}

#[test]
fn one_who_dawdles_is_dropped_when_the_grace_is_over() {
    let world = World::with(|config| config.login_grace = Duration::from_millis(200));
    assert!(is_dropped(dawdler(&world)));
}

#[test]
fn a_storm_of_wrong_keys_keeps_no_known_key_out() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let over = AtomicBool::new(false);
    let memory_before = resident();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    while !over.load(Ordering::Relaxed) {
                        wrong_key(world.port()).await;
                    }
                });
            });
        }
        until("a hundred wrong keys", || world.gateway.unknown_keys() > 100);
        for _ in 0..5 {
            assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(0));
        }
        until("five hundred wrong keys", || world.gateway.unknown_keys() > 500);
        over.store(true, Ordering::Relaxed);
    });
    assert!(resident() < memory_before + 200_000, "{} KiB before, {} KiB after", memory_before, resident());
}

struct Anything;

impl russh::client::Handler for Anything {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn wrong_key(port: u16) {
    let Ok(mut client) = russh::client::connect(std::sync::Arc::default(), ("127.0.0.1", port), Anything).await else {
        return;
    };
    let key = russh::keys::PrivateKeyWithHashAlg::new(std::sync::Arc::new(private_key()), None);
    drop(client.authenticate_publickey("node-1.shop.example", key).await);
}

/// The resident memory of this process in KiB.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

//! A storm of keys that nobody has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use russh::client::{self, Handler};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use tokio::time::Instant;

use crate::fault::scene::Scene;

/// What a known key may need at most, on a build without optimisations, beside those who make the storm on the same
/// processors. `cargo xtask bench wrong-keys` measures it.
const SOON: Duration = Duration::from_secs(10);
/// What the server may grow by, in KiB.
const ROOM: u64 = 32 * 1024;

struct Anybody;

impl Handler for Anybody {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Ends the storm also when a test fails in it.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Offers keys that nobody has until the gateway has heard enough of this connection.
async fn offer(port: u16, from: u8, offered: &AtomicUsize) -> Option<()> {
    let socket = tokio::net::TcpSocket::new_v4().ok()?;
    socket.bind(([127, 0, 0, from], 0).into()).ok()?;
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await.ok()?;
    let mut client = client::connect_stream(Arc::default(), stream, Anybody).await.ok()?;
    loop {
        let mut seed = [from; 32];
        seed[..8].copy_from_slice(&offered.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let key = PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "").unwrap();
        client.authenticate_publickey("nobody.example", PrivateKeyWithHashAlg::new(Arc::new(key), None)).await.ok()?;
    }
}

/// Fault: as many unknown keys a second as this machine can offer, several on a connection, from several addresses.
///
/// Expected: the server says that it is ready all the time, its memory stays flat, a known key enters soon; nothing of
/// it is in the customer's log.
#[test]
fn a_storm_of_wrong_keys_keeps_no_known_key_out_and_the_server_ready() {
    let scene = Scene::begin();
    scene.grant();
    assert!(scene.ssh("echo in").hears("in\n"), "before the storm");
    let port = scene.server.ssh_port().parse().unwrap();
    let (is_over, offered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        for from in 2..6 {
            let (is_over, offered) = (&is_over, &offered);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    while !is_over.load(Ordering::Relaxed) {
                        offer(port, from, offered).await;
                    }
                });
            });
        }
        let storm = |keys: usize| {
            while offered.load(Ordering::Relaxed) < keys {
                assert!(scene.server.is_ready());
            }
        };
        storm(500);
        let before = scene.server.memory();
        for keys in [1_000, 2_000, 3_000] {
            let knocked = Instant::now();
            assert!(scene.ssh("echo in").hears("in\n"));
            assert!(knocked.elapsed() < SOON, "{:?}", knocked.elapsed());
            storm(keys);
        }
        let after = scene.server.memory();
        assert!(after < before + ROOM, "{before} KiB before, {after} KiB after");
    });
    let names = crate::cli::story::event_names(&scene.owner);
    assert_eq!(names.iter().filter(|name| *name == "session.opened").count(), 4);
    assert!(!names.iter().any(|name| name == "session.denied"), "unknown keys are counted, not logged one by one");
    scene.assert_evidence();
}

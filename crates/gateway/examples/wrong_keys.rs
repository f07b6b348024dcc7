//! Offers unknown keys to a gateway, as many as this machine can, and counts them: for `cargo xtask bench wrong-keys`.
//!
//! `wrong_keys <address of the gateway> <seconds>`. Connects from several addresses of the loopback network, offers as
//! many keys on each connection as the gateway lets it, and prints one line of JSON at the end. Never point it at a
//! gateway that is not yours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russh::client::{self, Handler};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Preferred, kex};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// The addresses that it connects from: 127.0.0.2 and on.
const SOURCES: u8 = 8;
/// Connections at once, of each address.
const AT_ONCE: u8 = 4;
/// Keys on one connection, at most.
const KEYS: u64 = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Default)]
struct Counts {
    keys: AtomicU64,
    connections: AtomicU64,
    failed: AtomicU64,
}

struct Anybody;

impl Handler for Anybody {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let (gateway, seconds) = (words.next().ok_or("no address")?, words.next().ok_or("no seconds")?);
    let (gateway, seconds): (SocketAddr, u64) = (gateway.parse()?, seconds.parse()?);
    let counts = Arc::new(Counts::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let crowd = (0..SOURCES).flat_map(|source| (0..AT_ONCE).map(move |number| (source, number)));
        let crowd = crowd.map(|(source, number)| {
            let (counts, first) = (counts.clone(), u64::from(source) << 56 | u64::from(number) << 48);
            tokio::spawn(storm(gateway, SocketAddr::from(([127, 0, 0, 2 + source], 0)), first, counts))
        });
        let crowd: Vec<_> = crowd.collect();
        drop(timeout(Duration::from_secs(seconds), std::future::pending::<()>()).await);
        crowd.iter().for_each(tokio::task::JoinHandle::abort);
    });
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{{\"keys\": {}, \"connections\": {}, \"failed\": {}}}",
        read(&counts.keys),
        read(&counts.connections),
        read(&counts.failed)
    );
    Ok(())
}

/// One connection after the other, each key offered once.
async fn storm(gateway: SocketAddr, from: SocketAddr, first: u64, counts: Arc<Counts>) {
    let mut next = first;
    let preferred = Preferred { kex: vec![kex::CURVE25519].into(), ..Preferred::default() };
    let config = Arc::new(client::Config { preferred, ..client::Config::default() });
    loop {
        match offer(gateway, from, &config, &mut next, &counts.keys).await {
            Ok(()) => counts.connections.fetch_add(1, Ordering::Relaxed),
            Err(_) => counts.failed.fetch_add(1, Ordering::Relaxed),
        };
    }
}

async fn offer(
    gateway: SocketAddr,
    from: SocketAddr,
    config: &Arc<client::Config>,
    next: &mut u64,
    keys: &AtomicU64,
) -> Result<(), Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(from)?;
    let stream = socket.connect(gateway).await?;
    let mut client = client::connect_stream(config.clone(), stream, Anybody).await?;
    for _ in 0..KEYS {
        *next += 1;
        let mut seed = [7; 32];
        seed.iter_mut().zip(next.to_be_bytes()).for_each(|(to, byte)| *to = byte);
        let key = PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "")?;
        let offered = client.authenticate_publickey("nobody.example", PrivateKeyWithHashAlg::new(Arc::new(key), None));
        if offered.await.is_err() {
            // It has heard enough of us.
            break;
        }
        keys.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

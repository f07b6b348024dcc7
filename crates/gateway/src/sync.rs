//! The door for sync data: clients of MongoDB that read the databases a grant names, and nothing else.
//!
//! An employee who is in by SSH opens a session with the word `sync` and is told a user and a secret that live as long
//! as that word does. Every connection that signs in with them belongs to that one session: the same permits, limits,
//! recording and cut. A request is judged whole by [`byleave_wire`] before its first byte goes on; what comes back is
//! recorded before it is delivered.
//!
//! This module must never send to a cluster what a client said, deliver what is not recorded, or keep a secret longer
//! than its session. Read next: `word` (how it opens and ends), `login` (who may sign in), `client` (a connection up to
//! signing in), `relay` (what passes), `server` (towards the cluster).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use byleave_core::time::Entropy;
use tokio_rustls::TlsAcceptor;

use crate::server::Strangers;

pub(crate) mod client;
mod frame;
mod line;
mod login;
mod relay;
mod server;
pub(crate) mod word;

use login::Logins;

/// How many connections one session may have.
pub(crate) const CONNECTIONS: usize = 64;
/// How many more may wait for a place among them, and are told so.
pub(crate) const CROWD: usize = 16;
/// How many commands of one session may be under way at the cluster.
pub(crate) const AT_ONCE: usize = 8;

/// How the door for sync data is set up.
#[derive(Clone)]
pub struct SyncConfig {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// TLS towards clients, with a certificate for [`SyncConfig::host`].
    pub tls: Arc<rustls::ServerConfig>,
    /// The certificate of the authority that clients check it by, in PEM.
    pub ca: String,
    /// The host name or IP address that clients are told.
    pub host: String,
}

/// Where the gateway listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) ssh: u16,
    pub(crate) sync: u16,
}

/// The running door.
pub(crate) struct SyncDoor {
    pub(crate) config: SyncConfig,
    /// The host and port that clients are told.
    pub(crate) address: String,
    /// How an engineer's `ssh` gets here, without user and host of the cluster.
    pub(crate) ssh: (String, u16),
    pub(crate) logins: Arc<Logins>,
    acceptor: TlsAcceptor,
    pub(crate) strangers: Strangers,
    /// Makes the salts of users that nobody is, so that they look like those of somebody.
    mock_key: [u8; 32],
}

impl SyncDoor {
    pub(crate) fn new(config: SyncConfig, ports: Ports, strangers: usize, entropy: &dyn Entropy) -> Self {
        let mut mock_key = [0; 32];
        entropy.fill(&mut mock_key);
        let address = match config.host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, ports.sync).to_string(),
            Err(_) => format!("{}:{}", config.host, ports.sync),
        };
        Self {
            address,
            ssh: (config.host.clone(), ports.ssh),
            acceptor: TlsAcceptor::from(config.tls.clone()),
            config,
            logins: Arc::default(),
            strangers: Strangers::new(strangers),
            mock_key,
        }
    }
}

//! The listener: takes connections, spreads them over threads, and keeps strangers from taking the gateway's room.
//!
//! Each thread runs its own single-threaded runtime, and both legs of a session live on one of them. Connections that
//! have not authenticated are few and short-lived: when there are too many, the oldest goes. Guards run on a thread
//! of their own, so that nothing that carries data can hold up a cut.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use byleave_core::event::Side;
use byleave_core::id::SessionId;
use byleave_core::session::SessionEnd;
use byleave_core::time::Entropy;
use russh::keys::ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use russh::{MethodKind, Preferred, SshId, cipher, compression, kex, mac};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::{Control, Order};
use crate::employee::Employee;
use crate::guard::{self, Guards};
use crate::key::HostKey;
use crate::live::{Handle, Table, Watch};
use crate::recording::Files;
use crate::session::{self, Session};
use crate::socket::Socket;
use crate::sync::{Ports, SyncConfig, SyncDoor};

mod entrance;
mod strangers;
use entrance::{Door, Listener, accept, listen, take};
pub(crate) use strangers::{Stranger, Strangers};

/// The library's own session, as its callbacks are given it.
pub(crate) use russh::server::Session as Library;

/// What both sides see of us: nothing that tells versions apart, or names anybody.
pub(crate) const BANNER: &str = "SSH-2.0-Byleave";
/// The window of a channel: larger ones leave the processor's cache.
pub(crate) const WINDOW: u32 = 2 * 1024 * 1024;
/// The largest packet; OpenSSH sends no larger ones.
pub(crate) const PACKET: u32 = 32 * 1024;
/// Messages that wait in a channel before its connection is read no further: with more, what is written at once leaves the
/// processor's cache, and the reader waits for it.
pub(crate) const CHANNEL_BUFFER: usize = 16;

/// How long the end of all sessions may take when the gateway stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How a gateway is set up.
#[derive(Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// How many threads relay; 0 for one a processor.
    pub threads: usize,
    /// The key by which employees know the gateway.
    pub host_key: HostKey,
    /// Where recordings are written, a directory a session.
    pub recordings: PathBuf,
    /// The accounts on the nodes.
    pub accounts: Accounts,
    /// How long a connection may take to authenticate, and how long one stays of which nothing is open.
    pub login_grace: Duration,
    /// How long a node may take to connect, to shake hands, and to authenticate us: each.
    pub node_patience: Duration,
    /// How long the databases may take to answer a command of sync data: the longest time of a command there, and some for
    /// what it does not count.
    pub answer_patience: Duration,
    /// How long a client of sync data may take to take up a part of an answer.
    pub client_patience: Duration,
    /// How many connections may be unauthenticated at once. One address has an eighth of that, at least sixteen.
    pub strangers: usize,
    /// How many sessions one employee may have at once.
    pub sessions_per_employee: usize,
    /// The door for sync data, where there is one.
    pub sync: Option<SyncConfig>,
}

impl Config {
    /// The usual set-up for a key, an address and a directory.
    pub fn new(listen: SocketAddr, host_key: HostKey, recordings: PathBuf) -> Self {
        Self {
            listen: vec![listen],
            threads: 0,
            host_key,
            recordings,
            accounts: Accounts::default(),
            login_grace: Duration::from_secs(30),
            node_patience: Duration::from_secs(10),
            answer_patience: Duration::from_secs(40),
            client_patience: Duration::from_secs(20),
            strangers: 512,
            sessions_per_employee: 256,
            sync: None,
        }
    }
}

impl Shared {
    /// The id of a new session.
    pub(crate) fn fresh_id(&self) -> SessionId {
        let mut id = [0; 12];
        self.entropy.fill(&mut id);
        SessionId::from_bytes(id)
    }
}

/// The accounts on the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// For shells, commands and transfers.
    pub infrastructure: String,
    /// For reading logs.
    pub logs: String,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { infrastructure: "byleave".to_owned(), logs: "byleave-logs".to_owned() }
    }
}

/// What all parts of a running gateway share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) table: Arc<Table>,
    pub(crate) guards: Arc<Guards>,
    pub(crate) reporters: TaskTracker,
    pub(crate) unknown_keys: AtomicU64,
    /// The recordings that are being written.
    pub(crate) files: Arc<Files>,
    /// The door for sync data.
    pub(crate) sync: Option<SyncDoor>,
    library: Arc<russh::server::Config>,
    strangers: Strangers,
    pub(crate) connections: TaskTracker,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No thread or runtime can be made.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// A running gateway. Dropping it stops it without waiting.
pub struct Gateway {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    sync_addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Gateway {
    /// Starts listening.
    ///
    /// # Errors
    /// [`StartError`] says what could not be had.
    pub fn start(config: Config, control: Arc<dyn Control>, entropy: Arc<dyn Entropy>) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        // First what can fail: a runtime must not be dropped where others run.
        let (mut listeners, addresses) = listen(&config.listen, Door::Ssh)?;
        let listen_sync = config.sync.as_ref().map(|sync| sync.listen.clone()).unwrap_or_default();
        let (more, sync_addresses) = listen(&listen_sync, Door::SyncData)?;
        listeners.extend(more);
        let port = |addresses: &[SocketAddr]| addresses.first().map(SocketAddr::port).unwrap_or_default();
        let ports = Ports { ssh: port(&addresses), sync: port(&sync_addresses) };
        let guards = runtime().map_err(StartError::Thread)?;
        let watch = Arc::new(Watch {
            clock: control.clock(),
            lease_until: AtomicI64::new(control.lease().borrow().until_boot_ms),
            control: control.clone(),
        });
        let table = Table::new(guards.handle().clone());
        let shared = Arc::new(Shared {
            library: Arc::new(library(&config)),
            strangers: Strangers::new(config.strangers),
            sync: config.sync.clone().map(|sync| SyncDoor::new(sync, ports, config.strangers, entropy.as_ref())),
            config,
            control,
            entropy,
            watch,
            table: table.clone(),
            guards: Guards::new(guards.handle().clone(), table),
            reporters: TaskTracker::new(),
            unknown_keys: AtomicU64::new(0),
            files: Arc::default(),
            connections: TaskTracker::new(),
        });
        let mut gateway = Self { shared, addresses, sync_addresses, stop, threads: Vec::new() };
        let follow = follow_control(gateway.shared.clone());
        gateway.run("guard", guards, async {
            guard::hurry();
            follow.await;
        })?;
        gateway.start_relays(listeners)?;
        Ok(gateway)
    }

    /// Where it listens; the port of an address given with port 0 included.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for clients of sync data.
    pub fn sync_addresses(&self) -> &[SocketAddr] {
        &self.sync_addresses
    }

    /// The hand on its live sessions.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.table.clone())
    }

    /// How many unknown keys were offered since the start.
    pub fn unknown_keys(&self) -> u64 {
        self.shared.unknown_keys.load(Ordering::Relaxed)
    }

    /// Ends all sessions and stops, once their ends are reported or ten seconds have gone.
    pub async fn stop(self) {
        self.stop.cancel();
        self.shared.table.end_all(SessionEnd::Stopped);
        self.shared.connections.close();
        self.shared.reporters.close();
        let wound_up = async {
            self.shared.connections.wait().await;
            self.shared.reporters.wait().await;
        };
        if timeout(STOP_PATIENCE, wound_up).await.is_err() {
            tracing::error!("not every session's end could be reported before the gateway stopped");
        }
    }

    /// Starts the threads that relay; the first of them also accepts.
    fn start_relays(&mut self, listeners: Vec<Listener>) -> Result<(), StartError> {
        let threads = match self.shared.config.threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            set => set,
        };
        let mut relays = Vec::new();
        for index in 0..threads {
            let (sender, queue) = mpsc::unbounded_channel();
            relays.push(sender);
            self.run(
                &format!("relay-{index}"),
                runtime().map_err(StartError::Thread)?,
                take(self.shared.clone(), queue),
            )?;
        }
        let acceptor = runtime().map_err(StartError::Thread)?;
        let (files, shared) = (self.shared.files.clone(), self.shared.clone());
        self.run("accept", acceptor, async {
            // Not on the thread of the guards: its helpers would be as urgent as it is.
            tokio::spawn(sync_recordings(files));
            accept(shared, listeners, relays).await;
        })
    }

    fn run(
        &mut self,
        name: &str,
        runtime: runtime::Runtime,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let (stop, shared) = (self.stop.clone(), self.shared.clone());
        let body = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = work => {}
                    () = stop.cancelled() => {
                        // Sessions end on this thread: it stays until they have.
                        drop(timeout(STOP_PATIENCE, async {
                            shared.connections.wait().await;
                            shared.reporters.wait().await;
                        }).await);
                    }
                }
            });
        };
        let thread = std::thread::Builder::new().name(format!("byleave-{name}"));
        self.threads.push(thread.spawn(body).map_err(StartError::Thread)?);
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.connections.close();
        self.shared.reporters.close();
        self.shared.table.end_all(SessionEnd::Stopped);
    }
}

fn runtime() -> std::io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

/// One connection from its first byte to its report.
async fn serve(shared: Arc<Shared>, stream: TcpStream, Stranger { live, place }: Stranger) {
    let Ok(socket) = Socket::new(stream, Side::Employee, live.clone()) else { return };
    shared.table.add(live.clone());
    let session = Session::new(live.clone(), shared.clone());
    let (authenticated, mut opening) = oneshot::channel();
    let employee = Employee::new(session.clone(), authenticated);
    let running = russh::server::run_stream(shared.library.clone(), socket, employee);
    let mut opened = None;
    let grace = shared.config.login_grace;
    let login = async {
        let running = running.await.ok()?;
        opened = (&mut opening).await.ok();
        Some(running)
    };
    let running = timeout(grace, login).await.ok().flatten();
    drop(place);
    match running {
        Some(running) if opened.is_some() => drop(running.await),
        Some(_) | None => {}
    }
    session::close(&session, opened).await;
    shared.table.remove(live.id);
}

/// Follows what the control says to all sessions: the lease and orders.
async fn follow_control(shared: Arc<Shared>) {
    let mut lease = shared.control.lease();
    let mut orders = shared.control.orders();
    loop {
        tokio::select! {
            changed = lease.changed() => {
                if changed.is_err() {
                    break;
                }
                let until = lease.borrow_and_update().until_boot_ms;
                shared.watch.lease_until.store(until, Ordering::Release);
            }
            order = orders.recv() => match order {
                Ok(Order::End { which, reason }) => drop(shared.table.end(which, reason)),
                // Orders were lost, and any session may have been meant.
                Err(broadcast::error::RecvError::Lagged(_)) => drop(shared.table.end_all(SessionEnd::LeaseRanOut)),
                Err(broadcast::error::RecvError::Closed) => break,
            },
        }
    }
    // Without its control the gateway lives on its lease, which nobody renews.
    std::future::pending().await
}

/// Makes durable each second what was recorded.
async fn sync_recordings(files: Arc<Files>) {
    let mut each_second = tokio::time::interval(Duration::from_secs(1));
    each_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        each_second.tick().await;
        let files = files.clone();
        drop(tokio::task::spawn_blocking(move || files.sync()).await);
    }
}

/// What we speak: what OpenSSH of the last ten years speaks too, and nothing older. ChaCha20 costs far more than AES
/// here, and clients that know both prefer it, so it is not offered.
pub(crate) fn algorithms() -> Preferred {
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    Preferred {
        kex: vec![
            kex::MLKEM768X25519_SHA256,
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::ECDH_SHA2_NISTP256,
            kex::ECDH_SHA2_NISTP384,
            kex::ECDH_SHA2_NISTP521,
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_SUPPORT_AS_SERVER,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
        ]
        .into(),
        key: vec![
            Algorithm::Ed25519,
            ecdsa(EcdsaCurve::NistP256),
            ecdsa(EcdsaCurve::NistP384),
            ecdsa(EcdsaCurve::NistP521),
            Algorithm::SkEd25519,
            Algorithm::SkEcdsaSha2NistP256,
            rsa(HashAlg::Sha512),
            rsa(HashAlg::Sha256),
        ]
        .into(),
        host_key_certificates: Vec::new().into(),
        cipher: vec![cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::AES_256_CTR, cipher::AES_128_CTR].into(),
        mac: vec![mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512].into(),
        compression: vec![compression::NONE].into(),
    }
}

/// When keys are exchanged anew.
pub(crate) fn limits() -> russh::Limits {
    russh::Limits { rekey_write_limit: 1 << 30, rekey_read_limit: 1 << 30, rekey_time_limit: Duration::from_secs(3600) }
}

fn library(config: &Config) -> russh::server::Config {
    russh::server::Config {
        server_id: SshId::Standard(BANNER.into()),
        methods: [MethodKind::PublicKey].as_slice().into(),
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![config.host_key.private()],
        limits: limits(),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: CHANNEL_BUFFER,
        event_buffer_size: 64,
        preferred: algorithms(),
        max_auth_attempts: 10,
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..russh::server::Config::default()
    }
}

//! The server: the only place where store, web and gateway meet.
//!
//! Started with a [`Config`], it holds the data directory's lock until it has stopped. Each second it records the time
//! in the store, which renews the lease of live sessions. When it stops, sessions are ended and written down first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use byleave_core::session::SessionEnd;
use byleave_core::time::{Clock, Entropy};
use byleave_gateway::Gateway;
use byleave_gateway::control::Which;
use byleave_gateway::live::Handle;
use byleave_gateway::sync::SyncConfig;
use byleave_store::{Store, StoreOptions};
use byleave_web::auth::token::TokenHash;
use byleave_web::tls::Tls;
use byleave_web::{App, Entrance, Limits, NodeSettings};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::clock::SystemClock;
use crate::config::{Config, ServeArgs};
use crate::control::{Chain, StoreControl};
use crate::data::{DataDir, Start};
use crate::door::GatewayDoor;
use crate::enders::Enders;
use crate::entropy::SystemEntropy;
use crate::probe::Prober;
use crate::readiness::{Readiness, try_recordings};
use crate::recording_key::RecordingSecret;
use crate::supplied::Supplied;
use crate::{certificate, sync_certificate};

/// How often the time is recorded.
const BEAT: Duration = Duration::from_secs(1);
/// How often it is looked for what time alone makes happen.
const SWEEP: Duration = Duration::from_secs(5);

/// How many recordings are read at once.
const READINGS: usize = 4;

/// Runs `byleave serve` until a signal.
///
/// # Errors
/// If the server cannot be started.
pub(crate) fn run(args: ServeArgs, data: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let config = Config::load(args, data)?;
    log();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let running = Running::start(config).await?;
        info!(pages = %format!("{}://{}", running.scheme, running.http), ssh = %running.ssh, "ready");
        wait_for_signal().await?;
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn log() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("BYLEAVE_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or_else(|| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

async fn wait_for_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// A running server.
pub(crate) struct Running {
    /// `https`, or `http` without a certificate.
    pub(crate) scheme: &'static str,
    /// Where pages and REST are.
    pub(crate) http: SocketAddr,
    /// Where the SSH gateway is.
    pub(crate) ssh: SocketAddr,
    /// The administrator's bearer token.
    pub(crate) administrator_token: String,
    /// The gateway's host key, one line in OpenSSH form.
    pub(crate) host_key: String,
    /// The live sessions.
    pub(crate) sessions: Handle,
    store: Store,
    gateway: Gateway,
    tasks: TaskTracker,
    web_ends: CancellationToken,
    beat_ends: CancellationToken,
    _data: DataDir,
}

impl Running {
    /// Starts everything and returns once both listeners take connections.
    ///
    /// # Errors
    /// If the data directory, the store or an address cannot be had.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        let (clock, entropy) =
            (Arc::new(SystemClock::new()?) as Arc<dyn Clock>, Arc::new(SystemEntropy) as Arc<dyn Entropy>);
        let hangups = certificate::hangups().context("SIGHUP cannot be listened to")?;
        let data = DataDir::open(&config.data)?;
        let start = data.start()?;
        let administrator_token = data.administrator_token(entropy.as_ref())?;
        let host_key = data.host_key(entropy.as_ref())?;
        let store = open_store(&config, &data, start, &entropy, clock.as_ref()).await?;
        let secret = RecordingSecret::load(&data.seal_key())?;
        let (web_ends, beat_ends, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());

        let (enders, readiness) = (Enders::default(), Arc::new(Readiness::default()));
        let supplied = Supplied::default();
        let control = Arc::new(StoreControl::new(crate::control::Parts {
            store: store.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            enders: enders.clone(),
            recordings: secret.clone(),
            supplied: supplied.clone(),
            readiness: readiness.clone(),
            source: config.gateway_source.clone(),
            helper: config.node_helper.clone(),
        }));
        control.beat().await;
        try_recording(&data.recordings(), &readiness, clock.as_ref()).await;
        let trying = keep_trying(data.recordings(), readiness.clone(), clock.clone(), beat_ends.clone());
        tasks.spawn(trying);
        let keeping = Keeping {
            control: control.clone(),
            store: store.clone(),
            clock: clock.clone(),
            supplied: supplied.clone(),
        };
        apart(&tasks, keep_time(keeping, beat_ends.clone()))?;

        let listener =
            TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
        let http = listener.local_addr()?;
        let public_key = host_key.public()?.to_string();
        let mut settings = byleave_gateway::Config::new(config.ssh_listen, host_key, data.recordings());
        if let Some(most) = config.sessions_per_employee {
            settings.sessions_per_employee = usize::try_from(most.get())?;
        }
        settings.sync = sync_door(&config, &data, clock.as_ref())?;
        let gateway = Gateway::start(settings, control, entropy.clone()).context("the SSH gateway")?;
        let ssh = gateway.addresses().first().copied().context("the SSH gateway listens nowhere")?;
        let sessions = gateway.handle();

        let source = config.gateway_source.clone();
        let prober =
            Prober { clock: clock.clone(), entropy: entropy.clone(), source, helper: config.node_helper.clone() };
        let door = GatewayDoor {
            handle: sessions.clone(),
            enders,
            store: store.clone(),
            recordings: data.recordings(),
            secret,
            supplied: supplied.clone(),
            readings: Semaphore::new(READINGS),
            prober: Arc::new(prober),
            readiness,
            clock: clock.clone(),
        };
        let app = App::new(byleave_web::Parts {
            store: store.clone(),
            door: Arc::new(door),
            clock,
            entropy,
            administrator: TokenHash::of(&administrator_token),
            vendor: config.vendor.clone(),
            digest: config.digest,
            public_url: config.public_url.clone(),
            nodes: NodeSettings {
                gateways: config.gateway_source.split(',').map(str::to_owned).collect(),
                helper: config.node_helper.clone(),
            },
            limits: Limits { rates: config.rates, ..Limits::default() },
        });
        let tls = config.tls.clone().map(Tls::load).transpose().context("TLS")?;
        tasks.spawn(certificate::keep(tls.clone(), hangups, beat_ends.clone()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let entrance = Entrance { tls, proxies: config.proxies.clone() };
        let web = byleave_web::serve(listener, app, entrance, web_ends.clone());
        tasks.spawn(async move {
            if let Err(error) = web.await {
                error!(%error, "the web server ended");
            }
        });
        Ok(Self {
            scheme,
            http,
            ssh,
            administrator_token,
            host_key: public_key,
            sessions,
            store,
            gateway,
            tasks,
            web_ends,
            beat_ends,
            _data: data,
        })
    }

    /// How many cuts the gateway has timed.
    pub(crate) fn cuts(&self) -> usize {
        self.sessions.cut_delays().len()
    }

    /// How long the next cut took, after `before` of them: from the commit's publication to both sockets dead.
    pub(crate) async fn next_cut(&self, before: usize) -> Duration {
        let mut look = interval(Duration::from_millis(1));
        loop {
            if let Some(delay) = self.sessions.cut_delays().get(before) {
                return *delay;
            }
            look.tick().await;
        }
    }

    /// Ends every session and writes that down, then closes the store.
    pub(crate) async fn stop(self) {
        self.sessions.end(Which::All, SessionEnd::Stopped);
        self.gateway.stop().await;
        self.web_ends.cancel();
        self.beat_ends.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }
}

async fn open_store(
    config: &Config,
    data: &DataDir,
    start: Start,
    entropy: &Arc<dyn Entropy>,
    clock: &dyn Clock,
) -> anyhow::Result<Store> {
    let sealing = data.sealing_key(start, entropy.as_ref()).context("the sealing key")?;
    let options = StoreOptions {
        vendor: config.vendor.clone(),
        slug: config.vendor_slug.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let context = || format!("the database in `{}`", data.path().display());
    match start {
        Start::Again => {
            let opened = Store::open(data.path(), options, sealing, entropy.clone(), &clock.read()).await;
            opened.with_context(context)
        }
        Start::First => {
            let begun = Store::begin(data.path(), options, sealing, entropy.clone(), &clock.read()).await;
            let store = begun.with_context(context)?;
            data.settle()?;
            Ok(store)
        }
    }
}

/// The door for sync data, where the settings have one.
fn sync_door(config: &Config, data: &DataDir, clock: &dyn Clock) -> anyhow::Result<Option<SyncConfig>> {
    let Some(sync) = &config.sync else { return Ok(None) };
    let (tls, ca) =
        sync_certificate::prepare(data, &sync.host, clock.read().wall).context("sync data: certificates")?;
    Ok(Some(SyncConfig { listen: vec![sync.listen], tls, ca, host: sync.host.clone() }))
}

/// What goes on as time does.
struct Keeping {
    control: Arc<StoreControl>,
    store: Store,
    clock: Arc<dyn Clock>,
    supplied: Supplied,
}

/// Does something on a thread of its own: what keeps the threads of the web busy must not keep the time from being
/// recorded, without which live sessions end at their lease.
fn apart(tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = tasks.track_future(work);
    let thread = std::thread::Builder::new().name("byleave-time".to_owned());
    thread.spawn(move || runtime.block_on(work)).context("the thread that keeps the time")?;
    Ok(())
}

/// Records the time and writes what time alone makes happen, until it is told to end.
async fn keep_time(keeping: Keeping, ends: CancellationToken) {
    let Keeping { control, store, clock, supplied } = keeping;
    let (mut beat, mut sweep) = (interval(BEAT), interval(SWEEP));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = ends.cancelled() => return,
            _ = beat.tick() => control.beat().await,
            _ = sweep.tick() => {
                if let Err(error) = store.sweep(&clock.read()).await {
                    warn!(error = %Chain(&error), "what time alone makes happen could not be written");
                }
                forget_supplied(&supplied, &store, clock.as_ref()).await;
            }
        }
    }
}

/// Wipes what customers supplied with grants that have ended. A store that does not answer says nothing of them.
async fn forget_supplied(supplied: &Supplied, store: &Store, clock: &dyn Clock) {
    for grant in supplied.grants() {
        match store.is_in_force(grant, &clock.read()).await {
            Ok(Some(false)) => supplied.forget(grant),
            Ok(None) => supplied.missed(grant),
            Ok(Some(true)) | Err(_) => {}
        }
    }
}

/// Tries each second whether recordings can be written, until it is told to end. Apart from the beat: a disk that hangs
/// must not keep the time from being recorded.
async fn keep_trying(recordings: PathBuf, readiness: Arc<Readiness>, clock: Arc<dyn Clock>, ends: CancellationToken) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = ends.cancelled() => return,
            _ = beat.tick() => {}
        }
        tokio::select! {
            () = ends.cancelled() => return,
            () = try_recording(&recordings, &readiness, clock.as_ref()) => {}
        }
    }
}

async fn try_recording(recordings: &Path, readiness: &Readiness, clock: &dyn Clock) {
    let path = recordings.to_owned();
    let tried = tokio::task::spawn_blocking(move || try_recordings(&path)).await;
    let tried = tried.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let news = readiness.recorded(clock.read().since_boot, tried.is_ok());
    if let (Err(error), true) = (&tried, news) {
        warn!(%error, "recordings cannot be written: nothing new opens");
    }
}

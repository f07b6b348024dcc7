//! `byleave sync`: says the words of sync data to the gateway over plain `ssh`, as an engineer would.
//!
//! It first saves the certificate by which MongoDB clients know the gateway, then opens the session, which lives as long
//! as this command. Keys, host keys and jump hosts are those of the engineer's own `ssh`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use byleave_core::name::HostName;
use clap::Args;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use super::fault::{Exit, Fault, Outcome};

/// What the address that the gateway prints calls the file.
const CA_FILE: &str = "byleave-sync-ca.pem";

/// The cluster and the gateway.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  byleave sync shop.harbour-books.example --gateway gateway.example:2222\n\n\
    It saves byleave-sync-ca.pem here, prints a MongoDB address, and keeps it open until you end it (Ctrl-C).\n\
    The same with plain ssh:\n  \
    ssh -p 2222 shop.harbour-books.example@gateway.example sync-ca > byleave-sync-ca.pem\n  \
    ssh -p 2222 shop.harbour-books.example@gateway.example sync")]
pub(crate) struct Sync {
    /// The cluster's host name
    host: HostName,
    /// The SSH gateway: a host, or a host and a port
    #[arg(long, env = "BYLEAVE_GATEWAY", value_name = "HOST[:PORT]")]
    gateway: String,
    /// An argument for `ssh`, such as -i or a key file; repeat for more
    #[arg(long = "ssh-argument", value_name = "ARGUMENT", allow_hyphen_values = true)]
    more: Vec<String>,
}

/// How long `ssh` may take to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Saves the certificate, opens the session and waits for its end. Whatever ends this command ends its `ssh`, too.
///
/// # Errors
/// If `ssh` cannot be run, or the gateway refuses.
pub(super) async fn run(args: &Sync) -> Outcome<()> {
    let mut stop = Stop::new()?;
    let saved = ssh(args, "sync-ca").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let saved = saved.context("cannot run `ssh`; install openssh-client")?.wait_with_output();
    let saved = tokio::select! {
        saved = saved => saved.context("`ssh` cannot be waited for")?,
        () = stop.asked() => return Err(stopped()),
    };
    if !saved.status.success() {
        return Err(refused(saved.status.code()));
    }
    save(Path::new(CA_FILE), &saved.stdout)?;
    let mut running = ssh(args, "sync").stdout(Stdio::piped()).spawn().context("cannot run `ssh`")?;
    let out = running.stdout.take().context("`ssh` has no output")?;
    let mut shown = tokio::io::stdout();
    let passed = tokio::select! {
        passed = pass(out, &mut shown) => passed,
        () = stop.asked() => {
            end(&mut running).await;
            return Err(stopped());
        }
    };
    // If nobody has the address, nothing stays open for it: `ssh` is killed where it is dropped.
    let opened = passed?;
    let ended = tokio::select! {
        ended = running.wait() => ended.context("`ssh` cannot be waited for")?,
        () = stop.asked() => {
            end(&mut running).await;
            return Err(stopped());
        }
    };
    match (ended.success(), opened) {
        (true, _) => Ok(()),
        (false, 0) => Err(refused(ended.code())),
        (false, _) => Err(ended_early(ended.code())),
    }
}

/// The signals that ask a command to end.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([listen(SignalKind::hangup())?, listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?]))
    }

    async fn asked(&mut self) {
        let [hangup, interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Ends `ssh` as a shell would; where it does not heed that, it is killed when it is dropped.
async fn end(running: &mut Child) {
    if let Some(pid) = running.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended by itself.
        let _told = kill(Pid::from_raw(pid), nix::sys::signal::SIGTERM);
    }
    drop(timeout(PATIENCE, running.wait()).await);
}

fn stopped() -> Fault {
    Fault::from(anyhow::anyhow!("ended by a signal, and the session with it"))
}

/// Shows what `ssh` says as it comes; answers how many bytes that were.
async fn pass(mut from: impl AsyncRead + Unpin, to: &mut (impl AsyncWrite + Unpin)) -> anyhow::Result<usize> {
    let (mut buffer, mut passed) = ([0; 1024], 0);
    loop {
        let read = from.read(&mut buffer).await.context("cannot read what `ssh` says")?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { return Ok(passed) };
        to.write_all(chunk).await.context("cannot write the address")?;
        to.flush().await.context("cannot write the address")?;
        passed += read;
    }
}

/// The gateway gives its reason a moment and no more, so `ssh` may have lost the connection before it heard it.
fn ended_early(code: Option<i32>) -> Fault {
    let exit = if code == Some(1) { Exit::Denied } else { Exit::Unavailable };
    let told = "the session ended, and with it the address above; `ssh` says why above, if it was told";
    Fault { exit, ..Fault::from(anyhow::anyhow!(told)) }
}

fn refused(code: Option<i32>) -> Fault {
    let exit = if code == Some(1) { Exit::Denied } else { Exit::Unavailable };
    Fault { exit, ..Fault::from(anyhow::anyhow!("the gateway did not open sync data; `ssh` says why above")) }
}

fn ssh(args: &Sync, word: &str) -> Command {
    let (gateway, port) = match args.gateway.rsplit_once(':') {
        Some((gateway, port)) if !gateway.ends_with(':') => (gateway, Some(port)),
        Some(_) | None => (args.gateway.as_str(), None),
    };
    let mut command = Command::new("ssh");
    command.kill_on_drop(true).args(&args.more);
    if let Some(port) = port {
        command.args(["-p", port]);
    }
    command.arg(format!("{}@{gateway}", args.host)).arg(word);
    command
}

/// Writes the certificate where the address says that it is.
fn save(path: &Path, pem: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o644).open(path)?;
    file.write_all(pem).with_context(|| format!("cannot write `{}`", path.display()))
}

//! `byleave demo`: a whole installation on loopback with a real OpenSSH server as its node, and the main story told
//! once with the real `ssh` client.
//!
//! Everything is done through the same REST calls, keys and programs that people use; the demo has no way of its own
//! into the store. `--once` fails at the first deviation, so the story is a test, too. Read next: `story.rs`.

mod evidence;
mod http;
mod installation;
mod node;
mod say;
mod story;

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{Global, Output, ReaderGone};
use installation::Installation;
use say::Say;

/// The settings of `byleave demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave demo                               tell the story, then stay up\n  \
    byleave demo --once                        tell the story and exit; fails at the first deviation\n  \
    byleave demo --no-story --output json      only start, on free ports, and print how to connect\n\n\
    Without --data everything lies in a directory that is removed at the end.")]
pub(crate) struct DemoArgs {
    /// Exit after the story, with failure at the first deviation
    #[arg(long, conflicts_with = "no_story")]
    once: bool,
    /// Start the installation without telling the story
    #[arg(long)]
    no_story: bool,
}

/// Runs the demo.
///
/// # Errors
/// If something cannot be started, or the story deviates.
pub(crate) fn run(args: DemoArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let done = runtime.block_on(play(args, global));
    // A read of standard input that nobody ends must not keep the process.
    runtime.shutdown_background();
    done
}

async fn play(args: DemoArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let kept = global.data.is_some();
    let scratch = tempfile::Builder::new().prefix("byleave-demo-").tempdir().context("cannot make a directory")?;
    let root = global.data.clone().unwrap_or_else(|| scratch.path().to_owned());
    let say = Say::new(global.output == Output::Text);
    say.title("Byleave: support enters production only by the customer's leave");
    let mut installation = Installation::start(&root, &say).await?;
    let told = match args.no_story {
        true => story::checked(&installation, &say).await,
        false => story::tell(&mut installation, &say).await,
    };
    if told.is_ok() && !args.once {
        // Signals are listened to before anybody is told that there is something to end.
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        match global.output {
            Output::Json => say.program(&installation.describe().to_string()),
            Output::Text => installation.invite(&say, kept),
        }
        if !say.is_unheard() {
            wait_for_end(interrupt, terminate).await;
        }
    }
    installation.stop().await;
    told.context(if args.no_story { "the node was not checked" } else { "the story deviated" })?;
    if say.is_unheard() { Err(ReaderGone.into()) } else { Ok(ExitCode::SUCCESS) }
}

/// Waits for a signal, or for the end of standard input if that is a pipe.
async fn wait_for_end(mut interrupt: Signal, mut terminate: Signal) {
    use std::io::IsTerminal;
    let input_ends = async {
        if std::io::stdin().is_terminal() {
            std::future::pending::<()>().await;
        }
        let mut input = tokio::io::stdin();
        let mut scratch = [0; 256];
        while input.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = input_ends => {}
    }
}

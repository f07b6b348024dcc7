//! `byleave watch`: the time that is left of a grant, counted by the server's clock.
//!
//! The server says what is left; between two answers the time since boot carries the count on, so that neither clock's
//! idea of the date matters.

use std::io::IsTerminal;
use std::time::Duration;

use byleave_api::byleave::Cluster;
use byleave_core::time::{Clock, Span};
use clap::Args;
use serde::Serialize;

use super::Caller;
use super::clusters::granted_but_unchecked;
use super::fault::{Fault, Outcome};
use super::find::ClusterName;
use super::grants::opens;
use super::output::{self, Output, instant, plain};
use crate::clock::SystemClock;

/// What `watch` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave watch Shop\n  byleave watch Shop --output json | jq .remainingMs\n\n\
    Ends when the grant does: 0 once it was revoked, replaced by none, or expired.")]
pub(crate) struct Watch {
    #[command(flatten)]
    cluster: ClusterName,
    /// Say it once and end
    #[arg(long)]
    once: bool,
}

/// How often the server is asked; between, we count.
const ASK_EVERY: u32 = 5;

/// What is known at one moment.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Left<'a> {
    cluster: &'a str,
    grant_id: &'a str,
    grant_type: &'a str,
    expires_at: &'a str,
    remaining_ms: i64,
}

/// Watches.
pub(super) async fn run(caller: &Caller, args: Watch) -> Outcome<()> {
    let mut cluster = caller.cluster(&args.cluster).await?;
    let clock = SystemClock::new().map_err(|error| Fault::from(anyhow::Error::new(error)))?;
    let live = caller.output == Output::Text && std::io::stdout().is_terminal() && !args.once;
    let mut asked_at = clock.read().since_boot;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut last: Option<String> = None;
    for tick in 0_u32.. {
        ticks.tick().await;
        if tick > 0 && tick % ASK_EVERY == 0 {
            let path = format!("/groups/{}/clusters/{}", cluster.group_id, cluster.name);
            cluster = caller.client.get(&path).await?;
            asked_at = clock.read().since_boot;
        }
        let since = clock.read().since_boot - asked_at;
        let Some(left) = left(&cluster, since) else { break };
        show(caller.output, &cluster, &left, live, last.as_deref() != Some(left.grant_id))?;
        if let Some(note) = granted_but_unchecked(&cluster).filter(|_| tick == 0) {
            output::note(&format!("{}{}", if live { "\n" } else { "" }, plain(&note)));
        }
        last = Some(left.grant_id.to_owned());
        if args.once {
            return Ok(());
        }
    }
    if live && last.is_some() {
        output::write(b"\n")?;
    }
    let over = serde_json::json!({ "cluster": cluster.name, "remainingMs": 0 });
    caller.output.entry(&over, |_| match last {
        Some(_) => format!("the grant on `{}` has ended", cluster.name),
        None => format!("no grant is in force on `{}`", cluster.name),
    })
}

/// What is left of the grant in force, if one is.
fn left(cluster: &Cluster, since: i64) -> Option<Left<'_>> {
    let grant = cluster.grant.as_ref()?;
    let remaining_ms = grant.remaining_ms - since;
    (remaining_ms > 0).then_some(Left {
        cluster: &cluster.name,
        grant_id: &grant.id,
        grant_type: &grant.grant_type,
        expires_at: &grant.expires_at,
        remaining_ms,
    })
}

/// A terminal sees the seconds count in place; a file or program gets a line for each change or second.
fn show(output: Output, cluster: &Cluster, left: &Left<'_>, live: bool, first: bool) -> Outcome<()> {
    let opened = cluster.grant.as_ref().map(opens).unwrap_or_default();
    let text = |left: &Left<'_>| {
        let span = Span(left.remaining_ms);
        format!("{}: {opened}, {span} left, until {}", left.cluster, instant(left.expires_at))
    };
    if live {
        return Ok(output::write(format!("\r\u{1b}[K{}", plain(&text(left))).as_bytes())?);
    }
    match output {
        Output::Json => output.entry(left, text),
        Output::Text if first => output.entry(left, text),
        Output::Text => Ok(()),
    }
}

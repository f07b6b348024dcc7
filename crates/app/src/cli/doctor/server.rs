//! What `byleave doctor` asks a running server.

use byleave_api::byleave::{Health, ReadyPart};
use byleave_core::time::{Clock, Span, Timestamp};

use super::Finding;
use crate::cli::Global;
use crate::cli::client::Client;
use crate::cli::credentials::Credentials;
use crate::cli::fault::{Exit, Fault};
use crate::clock::SystemClock;

/// How far the server's clock may be from ours before somebody should know.
const APART: i64 = 5_000;

/// Asks a server.
pub(super) async fn look(global: &Global) -> Vec<Finding> {
    let client = match Credentials::choose(global).and_then(|credentials| Client::new(global, credentials)) {
        Ok(client) => client.with_token().await,
        Err(fault) => Err(fault),
    };
    let client = match client {
        Ok(client) => client,
        Err(fault) => return vec![told("server address and credentials", &fault)],
    };
    let reached = match client.get::<Health>("/health").await {
        Ok(_) => Finding::good("reachable", format!("a server answers at {}", client.server())),
        Err(fault) => return vec![told("reachable", &fault)],
    };
    let mut findings = vec![reached, travels(&client)];
    findings.extend(ready(&client).await);
    findings.push(known(&client).await);
    findings
}

fn told(name: &'static str, fault: &Fault) -> Finding {
    Finding::wrong(name, fault.text(), fault.advice.clone().unwrap_or_default())
}

fn travels(client: &Client) -> Finding {
    if client.server().starts_with("https://") {
        Finding::good("transport", "TLS")
    } else {
        Finding::good(
            "transport",
            "plain http, on this machine only; others need TLS: `--tls-certificate`, or a proxy in front",
        )
    }
}

async fn ready(client: &Client) -> Vec<Finding> {
    let health = match client.ready().await {
        Ok(health) => health,
        Err(fault) => return vec![told("ready", &fault)],
    };
    // The clock has a line of its own.
    let troubles: Vec<String> = health.parts.iter().filter(|part| part.name != "clock").filter_map(trouble).collect();
    let mut findings = vec![if troubles.is_empty() {
        Finding::good("ready", "it can commit and record, so it can open and close")
    } else {
        let advice = "its log says why; until then nobody comes in, and live sessions end";
        Finding::wrong("ready", troubles.join("; "), advice)
    }];
    findings.push(match &health.doubt {
        None => Finding::good("clock", "trusted"),
        Some(doubt) => Finding::wrong(
            "clock",
            format!("in doubt, so nothing new opens: {doubt}"),
            "set the machine's clock right, then `byleave clock leave-doubt` (which ends every grant)",
        ),
    });
    let there = health.now.as_deref().and_then(|now| now.parse::<Timestamp>().ok());
    if let (Some(there), Ok(here)) = (there, SystemClock::new()) {
        let apart = there.since(here.read().wall).abs();
        if apart > APART {
            let text = format!("the server's clock and this machine's are {} apart", Span(apart));
            findings.push(Finding::warning("clocks", text, "one of them is wrong; grants count by the server's"));
        }
    }
    findings
}

fn trouble(part: &ReadyPart) -> Option<String> {
    (!part.ready).then(|| format!("{}: {}", part.name, part.trouble.as_deref().unwrap_or("not ready")))
}

/// Whether the credentials are good for anything.
async fn known(client: &Client) -> Finding {
    match client.get::<serde_json::Value>("/session").await {
        Ok(_) => Finding::good("credentials", format!("the server knows {}", client.who())),
        Err(fault) if fault.exit == Exit::Denied => {
            Finding::warning("credentials", fault.text(), fault.advice.unwrap_or_default())
        }
        Err(fault) => told("credentials", &fault),
    }
}

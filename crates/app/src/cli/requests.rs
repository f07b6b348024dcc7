//! `byleave requests`: what support engineers ask for, and the customer's answer. Engineers ask through the gateway.

use std::path::PathBuf;

use byleave_api::byleave::{AccessRequest, Granted, List, RequestApproval, RequestDeclined, RequestRefusal};
use byleave_core::time::{Span, Ttl};
use clap::Subcommand;

use super::Caller;
use super::clusters::not_blocked_note;
use super::fault::Outcome;
use super::grants::{Kind, credential, opens, short, written};
use super::output::{instant, table};
use super::sign_in::segment;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the requests that wait for an answer, or all
    #[command(after_help = "Examples:\n  byleave requests list\n  byleave requests list --all --output json")]
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
    },
    /// Show one request
    #[command(after_help = "Example:\n  byleave requests show 64ef00aa11bb22cc33dd44ee")]
    Show {
        /// Its id
        request: String,
    },
    /// Grant what a request asks for, or less
    #[command(after_help = "Examples:\n  byleave requests approve 64ef00aa11bb22cc33dd44ee\n  \
        byleave requests approve 64ef00aa11bb22cc33dd44ee --for 1h --type logs\n  \
        byleave requests approve 64ef00aa11bb22cc33dd44ee --sync-credential support.pem\n\n\
        The grant takes the place of the one in force. It never opens more than the request asks for. A credential for\n\
        the sync databases is used instead of what the vendor has set, kept in memory until the grant ends, and never\n\
        shown or stored.")]
    Approve {
        /// Its id
        request: String,
        /// Open less than was asked
        #[arg(long = "type", value_enum)]
        kind: Option<Kind>,
        /// How long, if shorter than was asked, such as 1h30m
        #[arg(long = "for", value_name = "TIME")]
        duration: Option<Ttl>,
        /// What the gateway signs in to the sync databases with: a file, or - for standard input. It holds a user name
        /// and, on the next line, its password, or the PEM of a certificate and its key
        #[arg(long, value_name = "FILE")]
        sync_credential: Option<PathBuf>,
    },
    /// Say no to a request
    #[command(
        after_help = "Example:\n  byleave requests decline 64ef00aa11bb22cc33dd44ee --reason 'not during the sale'"
    )]
    Decline {
        /// Its id
        request: String,
        /// Why; whoever asked reads it
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::List { all } => list(caller, all).await,
        Command::Show { request } => {
            let request: AccessRequest = caller.client.get(&format!("/requests/{}", segment(&request)?)).await?;
            caller.output.print(&request, show)
        }
        Command::Approve { request, kind, duration, sync_credential } => {
            let approval = RequestApproval {
                sync_credential: credential(sync_credential.as_deref(), kind)?,
                grant_type: kind.map(|kind| kind.grant_type().as_str().to_owned()),
                duration: duration.map(written),
            };
            let path = format!("/requests/{}:approve", segment(&request)?);
            let granted: Granted = caller.client.post(&path, &approval).await?;
            caller.take(&granted.anchors);
            caller.output.print(&granted, |granted| {
                let (until, left) = (instant(&granted.grant.expires_at), Span(granted.grant.remaining_ms));
                let done = format!("granted: {}\nexpires by itself at {until}, in {left}", opens(&granted.grant));
                let note = granted.note.as_deref().map(not_blocked_note);
                [Some(done), note].into_iter().flatten().collect::<Vec<_>>().join("\n")
            })
        }
        Command::Decline { request, reason } => {
            let path = format!("/requests/{}:decline", segment(&request)?);
            let declined: RequestDeclined = caller.client.post(&path, &RequestRefusal { reason }).await?;
            caller.take(&declined.anchors);
            caller
                .output
                .print(&declined, |declined| format!("declined the request for `{}`", declined.request.cluster_name))
        }
    }
}

async fn list(caller: &Caller, all: bool) -> Outcome<()> {
    let waiting = if all { "" } else { "?waiting=true" };
    let path = format!("/organizations/{}/requests{waiting}", caller.organization().await?);
    let requests: List<AccessRequest> = caller.client.get(&path).await?;
    caller.output.print(&requests, |requests| {
        let rows = requests.results.iter().map(|request| {
            vec![
                request.id.clone(),
                request.employee_identifier.clone(),
                request.cluster_name.clone(),
                short(&request.grant_type).to_owned(),
                Span(request.duration_ms).to_string(),
                state(request),
                request.reason.clone(),
            ]
        });
        let empty = if all { "no requests" } else { "nobody waits for an answer" };
        table(&["request", "employee", "cluster", "type", "for", "state", "why"], rows.collect(), empty)
    })
}

fn state(request: &AccessRequest) -> String {
    match &request.ended_at {
        None => format!("waits until {}", instant(&request.dies_at)),
        Some(at) => format!("{} {}", request.status, instant(at)),
    }
}

fn show(request: &AccessRequest) -> String {
    let line = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name:<9}{value}\n")).unwrap_or_default()
    };
    format!(
        "request  {}\nemployee {}\ncluster  {} ({})\nasks for {}, for {}\n{}reason   {}\nasked    {}\nstate    {}\n{}{}",
        request.id,
        request.employee_identifier,
        request.cluster_name,
        request.group_name,
        short(&request.grant_type),
        Span(request.duration_ms),
        line("case", &request.case),
        request.reason,
        instant(&request.asked_at),
        state(request),
        line("grant", &request.grant_id),
        line("answer", &request.answer),
    )
}

//! `byleave sessions`: who of the vendor is or was in, and ending it.

use byleave_api::byleave::{Cuts, List, Live, Session, SessionEnded};
use byleave_core::access::Wanted;
use byleave_core::session::SessionEnd;
use clap::Subcommand;

use super::Caller;
use super::fault::{Exit, Fault, Outcome};
use super::output::{bytes, instant, table};
use super::recording::{self, ReadRecording};
use super::sign_in::segment;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the live sessions, or all
    #[command(after_help = "Examples:\n  byleave sessions list\n  byleave sessions list --all --output json")]
    List {
        /// Those of the past, too
        #[arg(long)]
        all: bool,
    },
    /// Show one session
    #[command(after_help = "Example:\n  byleave sessions show 64ef00aa11bb22cc33dd44ee")]
    Show {
        /// Its id
        session: String,
    },
    /// Write what was recorded of a session to files (owners)
    Recording(ReadRecording),
    /// End live sessions now
    #[command(
        after_help = "Examples:\n  byleave sessions end 64ef00aa11bb22cc33dd44ee\n  byleave sessions end --all\n\n\
        Ending a session takes away no grant: the engineer can come again. To close the door, revoke or block."
    )]
    End {
        /// Its id
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        session: Option<String>,
        /// Every live session of the organization
        #[arg(long)]
        all: bool,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::List { all } => list(caller, all).await,
        Command::Show { session } => {
            let session: Session = caller.client.get(&format!("/sessions/{}", segment(&session)?)).await?;
            caller.output.print(&session, show)
        }
        Command::Recording(args) => recording::run(caller, args).await,
        Command::End { session: Some(session), .. } => end(caller, &session).await,
        Command::End { session: None, .. } => {
            let mut failed = None;
            for session in sessions(caller, true).await?.results {
                // One that cannot be ended must not keep the others alive.
                if let Err(fault) = end(caller, &session.id).await {
                    failed = Some(fault);
                }
            }
            failed.map_or(Ok(()), Err)
        }
    }
}

async fn sessions(caller: &Caller, live: bool) -> Outcome<List<Session>> {
    let path = format!("/organizations/{}/sessions?live={live}", caller.organization().await?);
    caller.client.get(&path).await
}

async fn list(caller: &Caller, all: bool) -> Outcome<()> {
    if caller.client.is_administrator() {
        return live(caller).await;
    }
    let sessions = sessions(caller, !all).await?;
    caller.output.print(&sessions, |sessions| {
        let rows = sessions.results.iter().map(|session| {
            let state = match (&session.ended_at, &session.end_reason) {
                (None, _) => format!("live until {}", instant(&session.until)),
                (Some(at), reason) => format!("ended {}: {}", instant(at), reason.as_deref().unwrap_or("unknown")),
            };
            let (employee, host) = (session.employee_identifier.clone(), session.host.clone());
            let (wanted, opened) = (session.wanted.clone(), instant(&session.opened_at));
            vec![session.id.clone(), employee, host, wanted, opened, basis(session), state]
        });
        let empty = if all { "no sessions" } else { "no live sessions" };
        table(&["session", "employee", "host", "for", "opened", "basis", "state"], rows.collect(), empty)
    })
}

/// The live sessions of the whole installation, without what is done in them, for its administrator.
async fn live(caller: &Caller) -> Outcome<()> {
    let live: Live = caller.client.get("/live").await?;
    caller.output.print(&live, |live| {
        let rows = live.results.iter().map(|session| {
            let (id, organization, host) = (session.id.clone(), session.org_id.clone(), session.host.clone());
            vec![id, organization, host, instant(&session.opened_at), instant(&session.until)]
        });
        let sessions =
            table(&["session", "organization", "host", "opened", "until"], rows.collect(), "no live sessions");
        format!("{sessions}{}", cuts(&live.cuts))
    })
}

/// How fast the latest cuts were.
fn cuts(cuts: &Cuts) -> String {
    if cuts.count == 0 {
        return String::new();
    }
    let milliseconds = |micros: u64| format!("{}.{:03} ms", micros / 1000, micros % 1000);
    let (median, p99, worst) =
        (milliseconds(cuts.median_micros), milliseconds(cuts.p99_micros), milliseconds(cuts.worst_micros));
    format!(
        "\nthe latest {} cuts, from commit to sockets shut: median {median}, p99 {p99}, worst {worst}\n",
        cuts.count
    )
}

async fn end(caller: &Caller, id: &str) -> Outcome<()> {
    let ended: SessionEnded = caller.client.act(&format!("/sessions/{}:end", segment(id)?)).await?;
    if !ended.ended {
        return Err(Fault::new(Exit::Failure, format!("session `{id}` was over already")));
    }
    caller.output.entry(&ended, |_| format!("session {id} has ended"))
}

fn basis(session: &Session) -> String {
    if session.basis == "standing" { "standing access".to_owned() } else { session.basis.replace(':', " ") }
}

/// How the API calls what a session for sync data is for.
const SYNC_DATA: &str = Wanted::SyncLogin.as_str();

fn show(session: &Session) -> String {
    let ended = match (&session.ended_at, &session.end_reason) {
        (None, _) => format!("until      {} at the latest", instant(&session.until)),
        (Some(at), reason) => format!("ended      {}: {}", instant(at), reason.as_deref().unwrap_or("unknown")),
    };
    let recording = match (&session.recording_sha256, session.partly_recorded) {
        (None, _) if session.ended_at.is_none() => "none yet".to_owned(),
        (None, _) => "no hash: nothing was recorded, or the server was interrupted".to_owned(),
        (Some(hash), false) => format!("SHA-256 {hash}"),
        (Some(hash), true) => format!("SHA-256 {hash}, partly recorded"),
    };
    let (sent, received) = (bytes(session.sent_bytes), bytes(session.received_bytes));
    let (done, moved) = if session.end_reason.as_deref() == Some(SessionEnd::Restart.as_str()) {
        ("not counted, as the server was interrupted".to_owned(), "not counted".to_owned())
    } else if session.wanted == SYNC_DATA {
        let done = format!("{} commands, {} refused", session.commands, session.refused);
        (done, format!("{sent} from the databases, {received} to them"))
    } else {
        let Session { shells, commands, transfers, refused, .. } = session;
        let done = format!("{shells} shells, {commands} commands, {transfers} transfers, {refused} refused");
        (done, format!("{sent} from the node, {received} to it"))
    };
    format!(
        "session    {}\ncluster    {}\nemployee   {}\nhost       {}\nfor        {}\nbasis      {}\nopened     {}\n{ended}\n\
         done       {}\nbytes      {}\nrecording  {recording}\n",
        session.id,
        session.cluster_name,
        session.employee_identifier,
        session.host,
        session.wanted,
        basis(session),
        instant(&session.opened_at),
        done,
        moved,
    )
}

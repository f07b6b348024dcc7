//! `byleave clock`: what the server makes of its clock, and leaving doubt. The administrator's.

use byleave_api::byleave::Done;
use clap::Subcommand;

use super::Caller;
use super::fault::Outcome;
use super::output::instant;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what time it is for the server, and whether it trusts its clock
    #[command(after_help = "Example:\n  byleave clock show")]
    Show,
    /// Trust the clock again after it was in doubt; ends every grant, and customers see it
    #[command(after_help = "Example:\n  byleave clock leave-doubt --data /var/lib/byleave\n\n\
        Set the machine's clock right first. Every grant of every organization ends.")]
    LeaveDoubt,
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Show => {
            let health = caller.client.ready().await?;
            caller.output.print(&health, |health| {
                let now = health.now.as_deref().map_or_else(|| "unknown".to_owned(), instant);
                match &health.doubt {
                    Some(doubt) => format!("{now}, in doubt: {doubt}; nothing new opens"),
                    None => format!("{now}, trusted"),
                }
            })
        }
        Command::LeaveDoubt => {
            let done: Done = caller.client.act("/clock:leaveDoubt").await?;
            caller.take(&done.anchors);
            caller.output.print(&done, |_| "the clock is trusted again; every grant has ended".to_owned())
        }
    }
}

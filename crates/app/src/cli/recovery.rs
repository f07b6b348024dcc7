//! The recovery of a lost last owner, among the commands of `byleave organizations`: an administrator begins it, every
//! member sees it and can stop it, and after 72 hours without a stop it makes one invitation.

use byleave_api::byleave::{Invited, LatestRecovery, RecoverOwner, Recovery, RecoveryChanged};
use clap::Subcommand;

use super::Caller;
use super::fault::Outcome;
use super::output::instant;
use super::users::sent;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Begin to add an owner where the last one is lost; members see it and can stop it for 72 hours (administrator)
    #[command(
        after_help = "Example:\n  byleave organizations recover --for ada@harbour-books.example --org 'Harbour Books' --data /var/lib/byleave\n\n\
        After 72 hours without a stop: byleave organizations complete-recovery. It adds an owner and removes nobody."
    )]
    Recover {
        /// The e-mail address of the new owner, which nobody has yet
        #[arg(long = "for", value_name = "E-MAIL")]
        owner: String,
    },
    /// Make the invitation of the new owner, once 72 hours are over (administrator)
    #[command(
        after_help = "Example:\n  byleave organizations complete-recovery --org 'Harbour Books' --data /var/lib/byleave"
    )]
    CompleteRecovery,
    /// Show the latest recovery of a lost owner
    #[command(after_help = "Example:\n  byleave organizations recovery")]
    Recovery,
    /// Stop the recovery of a lost owner (any member)
    #[command(after_help = "Example:\n  byleave organizations stop-recovery")]
    StopRecovery,
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Recover { owner } => {
            let path = format!("/organizations/{}:recoverOwner", caller.organization().await?);
            let changed: RecoveryChanged = caller.client.post(&path, &RecoverOwner { owner_user_name: owner }).await?;
            caller.take(&changed.anchors);
            caller.output.print(&changed, |changed| told(changed.recovery.as_ref()))
        }
        Command::CompleteRecovery => {
            let path = format!("/organizations/{}:inviteRecoveredOwner", caller.organization().await?);
            let invited: Invited = caller.client.act(&path).await?;
            caller.take(&invited.anchors);
            caller.output.print(&invited, |invited| sent(caller, invited))
        }
        Command::Recovery => {
            let path = format!("/organizations/{}/recovery", caller.organization().await?);
            let latest: LatestRecovery = caller.client.get(&path).await?;
            caller.output.print(&latest, |latest| told(latest.recovery.as_ref()))
        }
        Command::StopRecovery => {
            let path = format!("/organizations/{}:stopRecovery", caller.organization().await?);
            let changed: RecoveryChanged = caller.client.act(&path).await?;
            caller.take(&changed.anchors);
            caller.output.print(&changed, |changed| match &changed.recovery {
                Some(recovery) => told(Some(recovery)),
                None => "there is no recovery to stop".to_owned(),
            })
        }
    }
}

fn told(recovery: Option<&Recovery>) -> String {
    let Some(recovery) = recovery else { return "there has been no recovery".to_owned() };
    format!(
        "new owner  {}\nstarted    {}\ninvited    not before {}\nstate      {}",
        recovery.owner_user_name,
        instant(&recovery.started_at),
        instant(&recovery.ready_at),
        recovery.status,
    )
}

//! `byleave organizations`: the tenants. An administrator makes one with a single invitation for its first owner, and
//! has no say in it from then on.

use byleave_api::byleave::{InviteOwner, Invited, NewOrganization, Settings, SettingsPatch};
use byleave_core::time::{Span, Ttl};
use clap::Subcommand;

use super::Caller;
use super::fault::{Fault, Outcome};
use super::output::table;
use super::recovery;
use super::users::sent;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the organizations you may know of
    #[command(after_help = "Example:\n  byleave organizations list --data /var/lib/byleave")]
    List,
    /// Make an organization and the invitation of its first owner (administrator)
    #[command(
        after_help = "Example:\n  byleave organizations invite 'Harbour Books' mia@harbour-books.example --data /var/lib/byleave\n\n\
            Where the invitation was lost or has run out: byleave organizations invite-owner"
    )]
    Invite {
        /// The organization's name
        name: String,
        /// The e-mail address of its first owner
        #[arg(value_name = "E-MAIL")]
        owner: String,
        /// Make it also where another organization has this name
        #[arg(long)]
        another: bool,
    },
    /// Invite another first owner while nobody has claimed the organization (administrator)
    #[command(
        after_help = "Example:\n  byleave organizations invite-owner ada@harbour-books.example --org 'Harbour Books' --data /var/lib/byleave"
    )]
    InviteOwner {
        /// The e-mail address of the first owner
        #[arg(value_name = "E-MAIL")]
        owner: String,
    },
    /// The recovery of a lost last owner
    #[command(flatten)]
    Recovery(recovery::Command),
    /// Show the settings: the block, and the longest grant
    #[command(after_help = "Example:\n  byleave organizations settings")]
    Settings,
    /// Lower or raise the longest grant that can be given: never over 24 hours (owner)
    #[command(after_help = "Example:\n  byleave organizations longest-grant 8h")]
    LongestGrant {
        /// The longest, such as 8h
        #[arg(value_name = "TIME")]
        longest: Ttl,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::List => caller.output.list(caller.organizations().await?, |known| {
            let rows = known.iter().map(|one| vec![one.name.clone(), one.id.clone()]);
            table(&["organization", "id"], rows.collect(), "no organizations")
        }),
        Command::Invite { name, owner, another } => {
            let wanted = NewOrganization { name, owner_user_name: owner, another: another.then_some(true) };
            let invited: Invited = match caller.client.post("/organizations", &wanted).await {
                Ok(invited) => invited,
                Err(fault) => return Err(taken(caller, &wanted, fault).await),
            };
            caller.take(&invited.anchors);
            caller.output.print(&invited, |invited| {
                format!("organization {}\n{}", invited.organization_id, sent(caller, invited))
            })
        }
        Command::InviteOwner { owner } => {
            let path = format!("/organizations/{}:inviteOwner", caller.organization().await?);
            let invited: Invited = caller.client.post(&path, &InviteOwner { owner_user_name: owner }).await?;
            caller.take(&invited.anchors);
            caller.output.print(&invited, |invited| sent(caller, invited))
        }
        Command::Recovery(command) => recovery::run(caller, command).await,
        Command::Settings => {
            let path = format!("/organizations/{}/settings", caller.organization().await?);
            let settings: Settings = caller.client.get(&path).await?;
            caller.output.print(&settings, words)
        }
        Command::LongestGrant { longest } => {
            let path = format!("/organizations/{}/settings", caller.organization().await?);
            let patch = SettingsPatch { restrict_employee_access: None, longest_grant_ms: Some(longest.millis()) };
            let settings: Settings = caller.client.patch(&path, &patch).await?;
            caller.take(&settings.anchors);
            caller.output.print(&settings, words)
        }
    }
}

/// The fault, with what is meant most likely if an organization of this name is what stands in the way.
async fn taken(caller: &Caller, wanted: &NewOrganization, fault: Fault) -> Fault {
    let known = match caller.organizations().await {
        Ok(known) if wanted.another.is_none() => known,
        Ok(_) | Err(_) => return fault,
    };
    match known.iter().find(|known| known.name == wanted.name) {
        Some(known) => fault.advise(format!(
            "`{}` is {}; a new invitation for its first owner: byleave organizations invite-owner {} --org {1}; another \
             organization of the same name: --another",
            known.name, known.id, wanted.owner_user_name
        )),
        None => fault,
    }
}

fn words(settings: &Settings) -> String {
    let blocked = if settings.restrict_employee_access { "yes" } else { "no" };
    format!("support blocked  {blocked}\nlongest grant    {}", Span(settings.longest_grant_ms))
}

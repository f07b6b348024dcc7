//! `byleave users`: the organization's people and their roles. Only its owners change them.

use byleave_api::byleave::{
    Done, GroupRoles, Invited, List, NewUser, OpenInvitation, PasswordReset, Roles, RolesChanged, RolesPatch, User,
};
use byleave_core::role::{OrgRole, ProjectRole};
use clap::{Args, Subcommand};

use super::Caller;
use super::client::is_local_address;
use super::fault::{Exit, Fault, Outcome};
use super::output::{instant, table};
use super::sign_in::segment;

/// Roles on the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct RoleArgs {
    /// A role: ORG_OWNER, ORG_MEMBER, ORG_READ_ONLY, or <project>:GROUP_OWNER, <project>:GROUP_SUPPORT_ACCESS_MANAGER,
    /// <project>:GROUP_READ_ONLY; may be given several times
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List people and roles
    #[command(after_help = "Example:\n  byleave users list")]
    List,
    /// Invite somebody
    #[command(after_help = "Examples:\n  byleave users invite ada@shop.example --role ORG_MEMBER\n  \
        byleave users invite ada@shop.example --role 'Web shop:GROUP_SUPPORT_ACCESS_MANAGER'")]
    Invite {
        /// Their e-mail address
        #[arg(value_name = "E-MAIL")]
        user: String,
        #[command(flatten)]
        roles: RoleArgs,
    },
    /// List the invitations that nobody has taken up yet
    #[command(after_help = "Example:\n  byleave users invitations")]
    Invitations,
    /// Withdraw an invitation: its link opens nothing any more
    #[command(after_help = "Example:\n  byleave users withdraw ada@shop.example")]
    Withdraw {
        /// The e-mail address that was invited
        #[arg(value_name = "E-MAIL")]
        user: String,
    },
    /// Give somebody other roles instead of those they have
    #[command(after_help = "Example:\n  byleave users roles ada@shop.example --role ORG_READ_ONLY")]
    Roles {
        /// Their e-mail address or id
        #[arg(value_name = "E-MAIL")]
        user: String,
        #[command(flatten)]
        roles: RoleArgs,
    },
    /// Make a link with which somebody who lost their password chooses a new one (owner)
    #[command(after_help = "Example:\n  byleave users reset-password ada@shop.example\n\n\
        The link works once, within an hour; then all sign-ins of that person end. Both are events that everybody of the\n\
        organization sees. Only a person who is an owner can make it, no key and not the vendor's administrator: who sets\n\
        a customer's password could consent in their name. If the last owner lost theirs: byleave organizations recover.")]
    ResetPassword {
        /// Their e-mail address or id
        #[arg(value_name = "E-MAIL")]
        user: String,
    },
    /// List the links for a new password that can be used
    #[command(after_help = "Example:\n  byleave users resets")]
    Resets,
    /// Withdraw a link for a new password: it opens nothing any more
    #[command(after_help = "Example:\n  byleave users withdraw-reset ada@shop.example")]
    WithdrawReset {
        /// The e-mail address or id of whom it was made for
        #[arg(value_name = "E-MAIL")]
        user: String,
    },
    /// Remove somebody; grants that they gave stand until they end
    #[command(after_help = "Example:\n  byleave users remove ada@shop.example")]
    Remove {
        /// Their e-mail address or id
        #[arg(value_name = "E-MAIL")]
        user: String,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    let base = format!("/organizations/{}/users", caller.organization().await?);
    match command {
        Command::List => {
            let users: List<User> = caller.client.get(&base).await?;
            caller.output.print(&users, |users| {
                let rows = users.results.iter();
                let rows = rows.map(|user| vec![user.user_name.clone(), words(&user.roles), user.id.clone()]);
                table(&["user", "roles", "id"], rows.collect(), "no users")
            })
        }
        Command::Invite { user, roles } => {
            let roles = caller.roles(&roles).await?;
            let invited: Invited = caller.client.post(&base, &NewUser { user_name: user, roles }).await?;
            caller.take(&invited.anchors);
            caller.output.print(&invited, |invited| sent(caller, invited))
        }
        Command::Invitations => {
            let path = format!("/organizations/{}/invitations", caller.organization().await?);
            let open: List<OpenInvitation> = caller.client.get(&path).await?;
            caller.output.print(&open, |open| {
                let rows = open.results.iter();
                let rows = rows.map(|one| vec![one.user_name.clone(), words(&one.roles), instant(&one.expires_at)]);
                table(&["user", "roles", "until"], rows.collect(), "no open invitations")
            })
        }
        Command::Withdraw { user } => {
            let path = format!("/organizations/{}/invitations", caller.organization().await?);
            let open: List<OpenInvitation> = caller.client.get(&path).await?;
            let found = open.results.into_iter().find(|one| one.user_name == user || one.id == user);
            let found = found.ok_or_else(|| {
                let fault = Fault::new(Exit::NotFound, format!("there is no open invitation of `{user}`"));
                fault.advise("list them with `byleave users invitations`")
            })?;
            let done: Done = caller.client.delete(&format!("{path}/{}", segment(&found.id)?)).await?;
            caller.take(&done.anchors);
            caller.output.print(&done, |_| format!("the invitation of {} opens nothing any more", found.user_name))
        }
        Command::Roles { user, roles } => {
            let (id, roles) = (find(caller, &base, &user).await?, caller.roles(&roles).await?);
            let changed: RolesChanged = caller.client.patch(&format!("{base}/{id}"), &RolesPatch { roles }).await?;
            caller.take(&changed.anchors);
            caller.output.print(&changed, |RolesChanged { user, .. }| {
                format!("{} has the roles: {}", user.user_name, words(&user.roles))
            })
        }
        Command::ResetPassword { user } => {
            let path = format!("{base}/{}:resetPassword", find(caller, &base, &user).await?);
            let invited: Invited = caller.client.act(&path).await?;
            caller.take(&invited.anchors);
            caller.output.print(&invited, |invited| link(caller, "a link for a new password was made", invited))
        }
        Command::Resets => {
            let open: List<PasswordReset> = caller.client.get(&resets(caller).await?).await?;
            caller.output.print(&open, |open| {
                let rows = open.results.iter().map(|one| {
                    let (since, until) = (instant(&one.created_at), instant(&one.expires_at));
                    vec![one.user_name.clone(), one.created_by.clone(), since, until]
                });
                table(&["user", "made by", "since", "until"], rows.collect(), "no open links for a new password")
            })
        }
        Command::WithdrawReset { user } => {
            let path = resets(caller).await?;
            let open: List<PasswordReset> = caller.client.get(&path).await?;
            let found = open.results.into_iter().find(|one| [&one.user_name, &one.user_id, &one.id].contains(&&user));
            let found = found.ok_or_else(|| {
                let fault = Fault::new(Exit::NotFound, format!("there is no open link for a new password of `{user}`"));
                fault.advise("list them with `byleave users resets`")
            })?;
            let done: Done = caller.client.delete(&format!("{path}/{}", segment(&found.id)?)).await?;
            caller.take(&done.anchors);
            let told = |_: &Done| format!("the link for a new password of {} opens nothing any more", found.user_name);
            caller.output.print(&done, told)
        }
        Command::Remove { user } => {
            let done: Done = caller.client.delete(&format!("{base}/{}", find(caller, &base, &user).await?)).await?;
            caller.take(&done.anchors);
            caller.output.print(&done, |_| format!("{user} was removed and signed out"))
        }
    }
}

/// Where the links for a new password are.
async fn resets(caller: &Caller) -> Outcome<String> {
    Ok(format!("/organizations/{}/passwordResets", caller.organization().await?))
}

async fn find(caller: &Caller, base: &str, user: &str) -> Outcome<String> {
    let users: List<User> = caller.client.get(base).await?;
    let found = users.results.into_iter().find(|known| known.user_name == user || known.id == user);
    let found = found.ok_or_else(|| {
        Fault::new(Exit::NotFound, format!("there is no user `{user}`")).advise("list them with `byleave users list`")
    })?;
    Ok(segment(&found.id)?.to_owned())
}

/// An invitation, as it is handed on.
pub(super) fn sent(caller: &Caller, invited: &Invited) -> String {
    link(caller, "invited", invited)
}

/// A link, as it is handed on.
fn link(caller: &Caller, done: &str, invited: &Invited) -> String {
    let address = match invited.url.strip_suffix(&invited.path) {
        Some(address) => address.to_owned(),
        None => caller.client.server().to_owned(),
    };
    let here = if is_local_address(&address) {
        "\nnote: this address is reached from this machine only; give the server the one that people reach it by, as \
         `--public-url` or `public_url` in byleave.toml, and it stands here"
    } else {
        ""
    };
    format!(
        "{done}; hand this on, it works once and until {}:\n  {address}{}\nor: byleave claim {} --server {address}{here}",
        instant(&invited.expires_at),
        invited.path,
        invited.token,
    )
}

/// Roles in a few words.
pub(super) fn words(roles: &Roles) -> String {
    let projects = roles.group_role_assignments.iter();
    let projects = projects.flat_map(|one| one.group_roles.iter().map(|role| format!("{}:{role}", one.group_id)));
    roles.org_roles.iter().cloned().chain(projects).collect::<Vec<_>>().join(", ")
}

impl Caller {
    /// The roles of a command line; projects may be named by name or id.
    pub(super) async fn roles(&self, args: &RoleArgs) -> Outcome<Roles> {
        let wanted: Vec<Wanted> = args.roles.iter().map(|text| Wanted::parse(text)).collect::<Outcome<_>>()?;
        let mut roles = Roles::default();
        for one in wanted {
            match one {
                Wanted::Organization(role) => roles.org_roles.push(role.to_string()),
                Wanted::Project(project, role) => {
                    let group_id = self.project(&project).await?;
                    roles.group_role_assignments.push(GroupRoles { group_id, group_roles: vec![role.to_string()] });
                }
            }
        }
        Ok(roles)
    }

    /// The id of a project.
    async fn project(&self, name: &str) -> Outcome<String> {
        let clusters = self.clusters().await?;
        let found = clusters.into_iter().find(|cluster| cluster.group_name == name || cluster.group_id == name);
        found.map(|cluster| cluster.group_id).ok_or_else(|| {
            Fault::new(Exit::NotFound, format!("there is no project `{name}`"))
                .advise("list clusters and their projects with `byleave clusters list`")
        })
    }
}

/// One role of the command line.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Organization(OrgRole),
    Project(String, ProjectRole),
}

impl Wanted {
    fn parse(text: &str) -> Outcome<Self> {
        let wrong = |rule: String| Fault::usage(format!("--role `{text}` {rule}"));
        match text.rsplit_once(':') {
            None => text.parse().map(Self::Organization).map_err(|error| {
                wrong(error.to_string()).advise("roles in a project are written <project>:GROUP_OWNER")
            }),
            Some((project, role)) => role
                .parse()
                .map(|role| Self::Project(project.to_owned(), role))
                .map_err(|error| wrong(format!("after the colon {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_and_wrong_ones_named() {
        assert_eq!(Wanted::parse("ORG_OWNER").unwrap(), Wanted::Organization(OrgRole::Owner));
        let wanted = Wanted::Project("Web: shop".into(), ProjectRole::SupportAccessManager);
        assert_eq!(Wanted::parse("Web: shop:GROUP_SUPPORT_ACCESS_MANAGER").unwrap(), wanted);
        for bad in ["GROUP_OWNER", "owner", "Web:ORG_OWNER", ""] {
            assert_eq!(Wanted::parse(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}

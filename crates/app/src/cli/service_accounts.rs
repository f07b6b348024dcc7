//! `byleave service-accounts`: OAuth 2.0 accounts for programs, their secrets and access lists. Only owners manage them.

use byleave_api::atlas::account::{
    AccessListRequest, ServiceAccount, ServiceAccountAccess, ServiceAccountRequest, ServiceAccountSecret,
    ServiceAccountSecretRequest,
};
use byleave_api::page::Page;
use byleave_core::network::Network;
use clap::Subcommand;
use reqwest::Method;
use serde::Serialize;

use super::Caller;
use super::fault::{Exit, Fault, Outcome};
use super::output::{instant, table};
use super::sign_in::segment;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the service accounts
    #[command(after_help = "Example:\n  byleave service-accounts list")]
    List,
    /// Make a service account; its first secret is shown once
    #[command(
        after_help = "Example:\n  byleave service-accounts add pipeline --description 'deploys' --role ORG_READ_ONLY --hours 720"
    )]
    Add {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: String,
        /// A role in the organization; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// How long the secret lasts, in hours: 8 to 8760
        #[arg(long, value_name = "HOURS", default_value_t = 720)]
        hours: i64,
    },
    /// Remove a service account with its secrets and tokens
    #[command(after_help = "Example:\n  byleave service-accounts remove pipeline")]
    Remove {
        /// Its name or client id
        account: String,
    },
    /// Secrets of a service account: two at most, so that programs can change from one to the other
    #[command(subcommand)]
    Secrets(Secrets),
    /// From where a service account is taken; from everywhere while the list is empty
    #[command(subcommand)]
    AccessList(AccessList),
}

/// What is done with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Make another secret, which is shown once
    #[command(after_help = "Example:\n  byleave service-accounts secrets add pipeline --hours 720")]
    Add {
        /// The account, by name or client id
        account: String,
        /// How long it lasts, in hours: 8 to 8760
        #[arg(long, value_name = "HOURS", default_value_t = 720)]
        hours: i64,
    },
    /// Remove a secret and the tokens that it got
    #[command(after_help = "Example:\n  byleave service-accounts secrets remove pipeline 64b7c0ffee64b7c0ffee64b7")]
    Remove {
        /// The account, by name or client id
        account: String,
        /// The secret, by its id or its last four characters
        secret: String,
    },
}

/// What is done with an access list.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessList {
    /// List the addresses and networks
    #[command(after_help = "Example:\n  byleave service-accounts access-list list pipeline")]
    List {
        /// The account, by name or client id
        account: String,
    },
    /// Add addresses or networks; every other is refused from then on
    #[command(after_help = "Example:\n  byleave service-accounts access-list add pipeline 192.0.2.7 198.51.100.0/24")]
    Add {
        /// The account, by name or client id
        account: String,
        /// The addresses or networks
        #[arg(required = true)]
        networks: Vec<Network>,
    },
    /// Remove an address or network
    #[command(after_help = "Example:\n  byleave service-accounts access-list remove pipeline 192.0.2.7")]
    Remove {
        /// The account, by name or client id
        account: String,
        /// The address or network
        network: Network,
    },
}

/// What was removed, for programs.
#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    let base = format!("/orgs/{}/serviceAccounts", caller.organization().await?);
    match command {
        Command::List => {
            let accounts = all(caller, &base).await?;
            caller.output.print(&accounts, |accounts| describe(&accounts.results))
        }
        Command::Add { name, description, roles, hours } => {
            let new = ServiceAccountRequest { name, description, roles, secret_expires_after_hours: hours };
            let made: ServiceAccount = caller.client.atlas(Method::POST, &base, Some(&new)).await?;
            caller.output.print(&made, |made| shown(&made.client_id, made.secrets.first()))
        }
        Command::Remove { account } => {
            let found = find(caller, &base, &account).await?;
            let path = format!("{base}/{}", segment(&found.client_id)?);
            remove(caller, &path, &account).await
        }
        Command::Secrets(command) => secrets(caller, &base, command).await,
        Command::AccessList(command) => access_list(caller, &base, command).await,
    }
}

async fn secrets(caller: &Caller, base: &str, command: Secrets) -> Outcome<()> {
    match command {
        Secrets::Add { account, hours } => {
            let client = find(caller, base, &account).await?.client_id;
            let new = ServiceAccountSecretRequest { secret_expires_after_hours: hours };
            let path = format!("{base}/{}/secrets", segment(&client)?);
            let made: ServiceAccountSecret = caller.client.atlas(Method::POST, &path, Some(&new)).await?;
            caller.output.print(&made, |made| shown(&client, Some(made)))
        }
        Secrets::Remove { account, secret } => {
            let found = find(caller, base, &account).await?;
            let is_it =
                |known: &&ServiceAccountSecret| known.id == secret || known.masked_secret_value.ends_with(&secret);
            let mut matching = found.secrets.iter().filter(is_it);
            let (Some(one), None) = (matching.next(), matching.next()) else {
                let known: Vec<&str> = found.secrets.iter().map(|known| known.id.as_str()).collect();
                let text = format!("`{account}` has not one secret `{secret}`; it has: {}", known.join(", "));
                return Err(Fault::new(Exit::NotFound, text));
            };
            let path = format!("{base}/{}/secrets/{}", segment(&found.client_id)?, segment(&one.id)?);
            remove(caller, &path, &one.masked_secret_value).await
        }
    }
}

async fn access_list(caller: &Caller, base: &str, command: AccessList) -> Outcome<()> {
    let list = async |account: &str| -> Outcome<String> {
        Ok(format!("{base}/{}/accessList", segment(&find(caller, base, account).await?.client_id)?))
    };
    match command {
        AccessList::List { account } => {
            let path = format!("{}?itemsPerPage=500", list(&account).await?);
            let entries: Page<ServiceAccountAccess> = caller.client.atlas(Method::GET, &path, None::<&()>).await?;
            caller.output.print(&entries, |entries| {
                let rows = entries.results.iter().map(|one| vec![one.cidr_block.clone(), instant(&one.created_at)]);
                table(&["taken from", "since"], rows.collect(), "taken from everywhere")
            })
        }
        AccessList::Add { account, networks } => {
            let entry = |network: &Network| AccessListRequest { cidr_block: Some(network.cidr()), ip_address: None };
            let body: Vec<_> = networks.iter().map(entry).collect();
            let path = list(&account).await?;
            let entries: Page<ServiceAccountAccess> = caller.client.atlas(Method::POST, &path, Some(&body)).await?;
            caller.output.print(&entries, |_| format!("`{account}` is taken from these and no others besides its list"))
        }
        AccessList::Remove { account, network } => {
            let name = network.to_string();
            let path = format!("{}/{}", list(&account).await?, name.replace('/', "%2F").replace(':', "%3A"));
            remove(caller, &path, &name).await
        }
    }
}

async fn remove(caller: &Caller, path: &str, name: &str) -> Outcome<()> {
    caller.client.atlas::<(), ()>(Method::DELETE, path, None).await?;
    caller.output.print(&Removed { removed: name }, |_| format!("{name} was removed"))
}

pub(super) async fn all(caller: &Caller, base: &str) -> Outcome<Page<ServiceAccount>> {
    caller.client.atlas(Method::GET, &format!("{base}?itemsPerPage=500"), None::<&()>).await
}

async fn find(caller: &Caller, base: &str, account: &str) -> Outcome<ServiceAccount> {
    let accounts = all(caller, base).await?.results;
    let mut matching = accounts.into_iter().filter(|known| known.client_id == account || known.name == account);
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Fault::new(Exit::NotFound, format!("there is no service account `{account}`"))
            .advise("list them with `byleave service-accounts list`")),
        (Some(_), Some(_)) => {
            Err(Fault::usage(format!("several service accounts are called `{account}`")).advise("give the client id"))
        }
    }
}

fn describe(accounts: &[ServiceAccount]) -> String {
    let rows = accounts.iter().map(|one| {
        let secrets: Vec<String> = one
            .secrets
            .iter()
            .map(|secret| format!("{} until {}", secret.masked_secret_value, instant(&secret.expires_at)))
            .collect();
        vec![one.name.clone(), one.client_id.clone(), one.roles.join(", "), secrets.join("; ")]
    });
    table(&["name", "client id", "roles", "secrets"], rows.collect(), "no service accounts")
}

/// A secret, which nobody sees again.
fn shown(client: &str, secret: Option<&ServiceAccountSecret>) -> String {
    let text = secret.and_then(|secret| secret.secret.as_deref()).unwrap_or_default();
    let until = secret.map(|secret| instant(&secret.expires_at)).unwrap_or_default();
    format!(
        "made; the secret is shown only now, and lasts until {until}:\n  client id      {client}\n  client secret  {text}"
    )
}

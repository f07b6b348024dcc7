//! `byleave api-keys`: keys for programs. Only owners make them.

use byleave_api::byleave::{ApiKey, ApiKeyMade, Done, List, NewApiKey};
use clap::Subcommand;

use super::Caller;
use super::fault::{Exit, Fault, Outcome};
use super::output::table;
use super::sign_in::segment;
use super::users::{RoleArgs, words};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the keys
    #[command(after_help = "Example:\n  byleave api-keys list")]
    List,
    /// Make a key; its private part is shown once
    #[command(after_help = "Example:\n  byleave api-keys add 'deploy pipeline' --role ORG_READ_ONLY")]
    Add {
        /// What it is for
        description: String,
        #[command(flatten)]
        roles: RoleArgs,
    },
    /// Remove a key
    #[command(after_help = "Example:\n  byleave api-keys remove abcdefgh")]
    Remove {
        /// Its public part or id
        key: String,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    let base = format!("/organizations/{}/apiKeys", caller.organization().await?);
    match command {
        Command::List => {
            let keys: List<ApiKey> = caller.client.get(&base).await?;
            caller.output.print(&keys, |keys| {
                let rows = keys.results.iter();
                let rows = rows.map(|key| {
                    vec![key.public_key.clone(), key.description.clone(), words(&key.roles), key.id.clone()]
                });
                table(&["public key", "description", "roles", "id"], rows.collect(), "no API keys")
            })
        }
        Command::Add { description, roles } => {
            let roles = caller.roles(&roles).await?;
            let made: ApiKeyMade = caller.client.post(&base, &NewApiKey { description, roles }).await?;
            caller.take(&made.anchors);
            caller.output.print(&made, |made| {
                format!(
                    "made; the private part is shown only now:\n  export BYLEAVE_PUBLIC_KEY={}\n  export BYLEAVE_PRIVATE_KEY={}",
                    made.public_key, made.private_key
                )
            })
        }
        Command::Remove { key } => {
            let keys: List<ApiKey> = caller.client.get(&base).await?;
            let found = keys.results.into_iter().find(|known| known.public_key == key || known.id == key);
            let found = found.ok_or_else(|| {
                Fault::new(Exit::NotFound, format!("there is no API key `{key}`"))
                    .advise("list them with `byleave api-keys list`")
            })?;
            let done: Done = caller.client.delete(&format!("{base}/{}", segment(&found.id)?)).await?;
            caller.take(&done.anchors);
            caller.output.print(&done, |_| format!("the key {} was removed", found.public_key))
        }
    }
}

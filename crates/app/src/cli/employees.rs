//! `byleave employees`: the vendor's support engineers and their keys. The administrator's; nothing here consents.

use anyhow::Context;
use byleave_api::byleave::{Done, Employee, List, Made, NewEmployee, NewEmployeeKey, ResolveRequest, Resolved};
use byleave_core::name::PublicKey;
use clap::{Args, Subcommand};

use super::Caller;
use super::fault::{Exit, Fault, Outcome};
use super::output::table;
use super::sign_in::segment;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an engineer
    #[command(
        after_help = "Example:\n  byleave employees add 'Robin Hale' --key ~/.ssh/id_ed25519.pub --data /var/lib/byleave"
    )]
    Add {
        /// Their name, which no customer sees
        name: String,
        /// A file with their public key
        #[arg(long, value_name = "FILE")]
        key: Option<std::path::PathBuf>,
    },
    /// List the engineers
    #[command(after_help = "Example:\n  byleave employees list --data /var/lib/byleave")]
    List,
    /// Keep an engineer out; their live sessions end
    #[command(after_help = "Example:\n  byleave employees disable 'Robin Hale' --data /var/lib/byleave")]
    Disable(Who),
    /// Let an engineer in again
    #[command(after_help = "Example:\n  byleave employees enable 'Robin Hale' --data /var/lib/byleave")]
    Enable(Who),
    /// Public keys: one key belongs to one engineer
    #[command(subcommand)]
    Keys(Keys),
    /// Tell who is behind an employee identifier; the customer sees that it was asked
    #[command(
        after_help = "Example:\n  byleave employees resolve acme-employee-12345678 --org 'Harbour Books' --data /var/lib/byleave"
    )]
    Resolve {
        /// The identifier, as the customer saw it
        identifier: String,
    },
}

/// An engineer on the command line.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Their name or id
    employee: String,
}

/// The commands about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Add a public key
    #[command(
        after_help = "Example:\n  byleave employees keys add 'Robin Hale' ~/.ssh/id_ed25519.pub --data /var/lib/byleave"
    )]
    Add {
        #[command(flatten)]
        who: Who,
        /// The file with the public key
        #[arg(value_name = "FILE")]
        key: std::path::PathBuf,
    },
    /// Remove a public key; live sessions opened with it end
    #[command(
        after_help = "Example:\n  byleave employees keys remove 'Robin Hale' ~/.ssh/id_ed25519.pub --data /var/lib/byleave"
    )]
    Remove {
        #[command(flatten)]
        who: Who,
        /// The file with the public key, or the key's id
        #[arg(value_name = "FILE")]
        key: String,
    },
}

/// Runs one.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Add { name, key } => add(caller, name, key).await,
        Command::List => {
            let known: List<Employee> = caller.client.get("/employees").await?;
            caller.output.print(&known, |known| {
                let rows = known.results.iter().map(|one| {
                    let enabled = if one.enabled { "yes" } else { "no" };
                    vec![one.name.clone(), enabled.to_owned(), one.keys.len().to_string(), one.id.clone()]
                });
                table(&["employee", "enabled", "keys", "id"], rows.collect(), "no employees")
            })
        }
        Command::Disable(who) => switch(caller, &who, "disable", "is kept out; their live sessions have ended").await,
        Command::Enable(who) => switch(caller, &who, "enable", "may come in again where support is let in").await,
        Command::Keys(Keys::Add { who, key }) => {
            let employee = find(caller, &who).await?;
            let made = add_key(caller, &employee.id, &key).await?;
            caller.output.print(&made, |_| format!("{} may come in with the key of `{}`", employee.name, key.display()))
        }
        Command::Keys(Keys::Remove { who, key }) => remove_key(caller, &who, &key).await,
        Command::Resolve { identifier } => {
            let request = ResolveRequest { organization_id: caller.organization().await?, identifier };
            let resolved: Resolved = caller.client.post("/identifiers:resolve", &request).await?;
            caller.output.print(&resolved, |resolved| format!("{} (the customer sees that you asked)", resolved.name))
        }
    }
}

async fn add(caller: &Caller, name: String, key: Option<std::path::PathBuf>) -> Outcome<()> {
    // A key that cannot be read shall be known before somebody without one is added.
    let line = key.as_deref().map(read_key).transpose()?;
    let made: Made = caller.client.post("/employees", &NewEmployee { name: name.clone() }).await?;
    caller.take(&made.anchors);
    if let Some(public_key) = line {
        post_key(caller, &made.id, public_key).await?;
    }
    caller.output.print(&made, |made| match key {
        Some(_) => format!("{name} was added with a key, id {}", made.id),
        None => format!("{name} was added, id {}; add a key with `byleave employees keys add`", made.id),
    })
}

async fn switch(caller: &Caller, who: &Who, verb: &str, text: &str) -> Outcome<()> {
    let employee = find(caller, who).await?;
    let done: Done = caller.client.act(&format!("/employees/{}:{verb}", segment(&employee.id)?)).await?;
    caller.take(&done.anchors);
    caller.output.print(&done, |_| format!("{} {text}", employee.name))
}

async fn find(caller: &Caller, who: &Who) -> Outcome<Employee> {
    let known: List<Employee> = caller.client.get("/employees").await?;
    let mut found: Vec<Employee> =
        known.results.into_iter().filter(|known| known.name == who.employee || known.id == who.employee).collect();
    match (found.pop(), found.as_slice()) {
        (Some(only), []) => Ok(only),
        (Some(_), _) => {
            Err(Fault::usage(format!("several employees are called `{}`", who.employee)).advise("give an id"))
        }
        (None, _) => Err(Fault::new(Exit::NotFound, format!("there is no employee `{}`", who.employee))
            .advise("list them with `byleave employees list`")),
    }
}

async fn add_key(caller: &Caller, employee: &str, file: &std::path::Path) -> Outcome<Made> {
    post_key(caller, employee, read_key(file)?).await
}

async fn post_key(caller: &Caller, employee: &str, public_key: String) -> Outcome<Made> {
    let path = format!("/employees/{}/keys", segment(employee)?);
    let made: Made = caller.client.post(&path, &NewEmployeeKey { public_key }).await?;
    caller.take(&made.anchors);
    Ok(made)
}

async fn remove_key(caller: &Caller, who: &Who, key: &str) -> Outcome<()> {
    let employee = find(caller, who).await?;
    let wanted = match employee.keys.iter().find(|known| known.id == key) {
        Some(known) => known,
        None => {
            let line = read_key(std::path::Path::new(key))?;
            employee
                .keys
                .iter()
                .find(|known| known.public_key == line)
                .ok_or_else(|| Fault::new(Exit::NotFound, format!("{} has no such key", employee.name)))?
        }
    };
    let path = format!("/employees/{}/keys/{}", segment(&employee.id)?, segment(&wanted.id)?);
    let done: Done = caller.client.delete(&path).await?;
    caller.take(&done.anchors);
    caller
        .output
        .print(&done, |_| format!("{} has lost the key; live sessions opened with it have ended", employee.name))
}

/// The key of a file as OpenSSH writes it, without its comment.
fn read_key(file: &std::path::Path) -> Outcome<String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
    if text.contains("PRIVATE KEY") {
        return Err(
            Fault::usage(format!("`{name}` holds a private key")).advise(format!("give the public one: `{name}.pub`"))
        );
    }
    let key = PublicKey::from_line(&text).map_err(|error| Fault::usage(format!("`{name}` {error}")))?;
    Ok(key.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_never_sent() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("key");
        std::fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
        let fault = read_key(&file).unwrap_err();
        assert_eq!(fault.exit, Exit::Usage);
        assert!(fault.text().contains("private key"), "{}", fault.text());
        assert_eq!(read_key(&root.path().join("none")).unwrap_err().exit, Exit::Failure);
    }
}

//! With what the command line asks: an API key, a service account, a token, the administrator's token, or a sign-in kept from before.
//!
//! Secrets come from flags, the environment or files that only their owner can read; nothing here prints one.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::Global;
use super::digest::Key;
use super::fault::{Exit, Fault, Outcome};
use super::oauth::Account;

/// With what a request is sent.
pub(crate) enum Credentials {
    /// The administrator's token, read from a data directory.
    Administrator(String),
    /// A service account, before it has got its token.
    Account(Account),
    /// A token given for this command, or got for it.
    Bearer(String),
    /// An API key.
    Key(Key),
    /// Nothing.
    None,
    /// A sign-in kept from before.
    SignedIn(Kept),
}

impl Credentials {
    /// Who that is, for people.
    pub(crate) fn who(&self) -> String {
        match self {
            Self::Administrator(_) => "the administrator".to_owned(),
            Self::Account(account) => format!("the service account `{}`", account.id),
            Self::Bearer(_) => "the holder of the token given".to_owned(),
            Self::Key(key) => format!("the API key `{}`", key.public),
            Self::None => "nobody".to_owned(),
            Self::SignedIn(kept) => format!("`{}`", kept.user_name),
        }
    }

    /// What to do where the server does not know them. `is_local`: the data directory is only on the server's own machine.
    pub(crate) fn unknown(&self, is_local: bool) -> String {
        match self {
            Self::None => {
                let administrators = if is_local { "; administrators give --data DIR" } else { "" };
                format!(
                    "sign in with `byleave sign-in`, or give an API key with BYLEAVE_PUBLIC_KEY and \
                     BYLEAVE_PRIVATE_KEY{administrators}"
                )
            }
            Self::SignedIn(_) => "your sign-in is over: run `byleave sign-in`".to_owned(),
            Self::Account(_) | Self::Administrator(_) | Self::Bearer(_) | Self::Key(_) => {
                format!("you asked as {}", self.who())
            }
        }
    }

    /// What to do where they may not.
    pub(crate) fn forbidden(&self) -> String {
        match self {
            Self::Administrator(_) => {
                "you asked as the administrator, who decides nothing of a customer's: people of the \
                                       organization do, after `byleave sign-in` or with an API key"
                    .to_owned()
            }
            Self::Account(_) | Self::Bearer(_) | Self::Key(_) | Self::None | Self::SignedIn(_) => {
                format!("you asked as {}", self.who())
            }
        }
    }

    /// The bearer token, if there is one.
    pub(crate) fn bearer(&self) -> Option<&str> {
        match self {
            Self::Administrator(token) | Self::Bearer(token) => Some(token),
            Self::SignedIn(kept) => Some(&kept.token),
            Self::Account(_) | Self::Key(_) | Self::None => None,
        }
    }

    /// Takes what flags and environment give, else the sign-in kept for this server, else nothing.
    pub(crate) fn choose(global: &Global) -> Outcome<Self> {
        if let Some(token) = &global.token {
            return Ok(Self::Bearer(token.clone()));
        }
        let key = ("an API key", &global.public_key, &global.private_key);
        if let Some((public, private)) = both(key, ["--public-key", "--private-key"])? {
            return Ok(Self::Key(Key { public, private }));
        }
        let account = ("a service account", &global.client_id, &global.client_secret);
        if let Some((id, secret)) = both(account, ["--client-id", "--client-secret"])? {
            return Ok(Self::Account(Account { id, secret }));
        }
        if let Some(data) = &global.data {
            return Ok(Self::Administrator(administrator_token(data)?));
        }
        let kept = SignIns::load()?.of(&global.server);
        Ok(kept.map_or(Self::None, Self::SignedIn))
    }
}

/// The two parts of what is shown in two parts, if it is given.
fn both(
    (what, first, second): (&str, &Option<String>, &Option<String>),
    names: [&str; 2],
) -> Outcome<Option<(String, String)>> {
    let missing = |name: &str| {
        let variable = format!("BYLEAVE_{}", name.trim_start_matches('-').to_uppercase().replace('-', "_"));
        Fault::usage(format!("{what} has two parts, and {name} (or {variable}) is missing"))
    };
    match (first, second, names) {
        (Some(first), Some(second), _) => Ok(Some((first.clone(), second.clone()))),
        (None, None, _) => Ok(None),
        (Some(_), None, [_, name]) | (None, Some(_), [name, _]) => Err(missing(name)),
    }
}

fn administrator_token(data: &Path) -> Outcome<String> {
    let path = data.join("admin.token");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()));
    let text = text
        .map_err(|error| Fault { exit: Exit::Denied, ..Fault::from(error) })
        .map_err(|fault| fault.advise("run this as the user that runs `byleave serve`, with the same --data"))?;
    Ok(text.trim().to_owned())
}

/// A sign-in kept from before.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// Who signed in.
    pub(crate) user_name: String,
    /// The token of the session.
    pub(crate) token: String,
}

/// The sign-ins kept on this machine, by server.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct SignIns(BTreeMap<String, Kept>);

impl SignIns {
    /// Reads those of this user.
    pub(crate) fn load() -> Outcome<Self> {
        Ok(Self::read(&file()?)?)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read `{name}`")),
        };
        let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!("`{name}` can be read by others (mode {mode:o}); close it with: chmod 600 '{name}'");
        }
        serde_json::from_str(&text).with_context(|| format!("`{name}` is damaged; remove it and sign in again"))
    }

    /// That for one server.
    pub(crate) fn of(&self, server: &str) -> Option<Kept> {
        self.0.get(server).cloned()
    }

    /// Keeps or forgets that for one server.
    pub(crate) fn set(server: &str, kept: Option<Kept>) -> Outcome<()> {
        let path = file()?;
        let mut all = Self::read(&path)?;
        match kept {
            Some(kept) => all.0.insert(server.to_owned(), kept),
            None => all.0.remove(server),
        };
        Ok(all.write(&path)?)
    }

    /// Writes a new file and puts it in the place of the old one, readable by its owner only from the first byte.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let draft = path.with_extension("new");
        let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

fn file() -> anyhow::Result<PathBuf> {
    Ok(folder("XDG_CONFIG_HOME", ".config")?.join("credentials.json"))
}

/// Our folder below one of the places that the XDG rules name.
pub(crate) fn folder(variable: &str, otherwise: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(otherwise));
    let place = named.or_else(home).with_context(|| format!("neither {variable} nor HOME is set"))?;
    Ok(place.join("byleave"))
}

/// Makes a folder that only its owner can look into.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the folder `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_ins_are_kept_for_their_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("byleave/credentials.json");
        assert!(SignIns::read(&path).unwrap().of("https://a").is_none());
        let kept = Kept { user_name: "mia@shop.example".into(), token: "t".into() };
        SignIns(BTreeMap::from([("https://a".to_owned(), kept)])).write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SignIns::read(&path).unwrap().of("https://a").unwrap().token, "t");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(SignIns::read(&path).err().unwrap().to_string().contains("chmod 600"));
    }
}

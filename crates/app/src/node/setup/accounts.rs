//! The two accounts of a node, as lines in its passwd, group, shadow and gshadow files.
//!
//! No password opens them: `*` matches no hash. (`!` would do the same, but sshd without PAM takes it for a closed
//! account and refuses certificates, too.) Lines of others are never touched.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, ensure};

use super::state::{Body, Edit, Root, State};

/// The account of shells, commands and transfers.
pub(crate) const INFRASTRUCTURE: &str = "byleave";
/// The account that reads logs over SFTP.
pub(crate) const LOGS: &str = "byleave-logs";
/// What belongs to the accounts on the node.
pub(crate) const STATE_DIRECTORY: &str = "/var/lib/byleave-node";
/// The home of [`INFRASTRUCTURE`].
pub(crate) const HOME: &str = "/var/lib/byleave-node/home";

/// The numbers of both accounts; each has a group of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Of [`INFRASTRUCTURE`].
    pub(crate) infrastructure: u32,
    /// Of [`LOGS`].
    pub(crate) logs: u32,
}

/// Plans the lines that are missing.
///
/// # Errors
/// If a file cannot be read, an account of that name is not ours, or no number is free.
pub(crate) fn plan(root: &Root) -> anyhow::Result<(Numbers, Vec<Edit>)> {
    let passwd = read(root, "/etc/passwd")?.context("this node has no passwd file")?;
    let group = read(root, "/etc/group")?.context("this node has no group file")?;
    let mut taken: BTreeSet<u32> = numbers(&passwd).chain(numbers(&group)).collect();
    let infrastructure = number_of(&passwd, &group, INFRASTRUCTURE, &mut taken)?;
    let logs = number_of(&passwd, &group, LOGS, &mut taken)?;
    let shell = if root.has("/bin/bash") { "/bin/bash" } else { "/bin/sh" };
    let nologin = if root.has("/usr/sbin/nologin") { "/usr/sbin/nologin" } else { "/sbin/nologin" };
    let accounts = [(INFRASTRUCTURE, infrastructure, HOME, shell), (LOGS, logs, STATE_DIRECTORY, nologin)];
    let mut edits = Vec::new();
    for (path, line) in [
        ("/etc/group", |name: &str, id: u32, _: &str, _: &str| format!("{name}:x:{id}:")),
        ("/etc/gshadow", |name: &str, _: u32, _: &str, _: &str| format!("{name}:!::")),
        ("/etc/passwd", |name: &str, id: u32, home: &str, shell: &str| {
            format!("{name}:x:{id}:{id}:Byleave support access:{home}:{shell}")
        }),
        ("/etc/shadow", |name: &str, _: u32, _: &str, _: &str| format!("{name}:*:19000::::::")),
    ] as [(&str, fn(&str, u32, &str, &str) -> String); 4]
    {
        let missing = accounts.iter().map(|(name, id, home, shell)| (*name, line(name, *id, home, shell)));
        edits.extend(append(root, path, missing)?);
    }
    Ok((Numbers { infrastructure, logs }, edits))
}

/// Appends the lines whose first field is not there yet, if the file exists.
pub(crate) fn append(
    root: &Root,
    path: &str,
    lines: impl Iterator<Item = (&'static str, String)>,
) -> anyhow::Result<Option<Edit>> {
    let Some(mut state) = read(root, path)? else { return Ok(None) };
    let Body::File(content) = &mut state.body else { return Ok(None) };
    let text = String::from_utf8_lossy(content).into_owned();
    for (name, line) in lines {
        if entry(&text, name).is_none() {
            if content.last().is_some_and(|last| *last != b'\n') {
                content.push(b'\n');
            }
            content.extend_from_slice(line.as_bytes());
            content.push(b'\n');
        }
    }
    Edit::to(root, path, state)
}

fn read(root: &Root, path: &str) -> anyhow::Result<Option<State>> {
    State::read(root, Path::new(path))
}

fn text(state: &State) -> &str {
    match &state.body {
        Body::File(content) => std::str::from_utf8(content).unwrap_or_default(),
        Body::Directory | Body::Link(_) => "",
    }
}

/// The line of an account or group.
fn entry<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').next() == Some(name))
}

/// The third field of every line.
fn numbers(state: &State) -> impl Iterator<Item = u32> + '_ {
    text(state).lines().filter_map(|line| line.split(':').nth(2)?.parse().ok())
}

/// The number of an account that is there and ours, or a free one of a system account.
fn number_of(passwd: &State, group: &State, name: &str, taken: &mut BTreeSet<u32>) -> anyhow::Result<u32> {
    if let Some(line) = entry(text(passwd), name) {
        let fields: Vec<&str> = line.split(':').collect();
        let ours = matches!(fields.as_slice(), [_, _, _, _, "Byleave support access", _, _]);
        ensure!(ours, "there is an account `{name}` already that byleave did not make; remove it first");
        return fields.get(2).and_then(|field| field.parse().ok()).context("the account has no number");
    }
    ensure!(entry(text(group), name).is_none(), "there is a group `{name}` already; remove it first");
    let free = (100..1000).rev().find(|id| !taken.contains(id)).context("no system account number is free")?;
    taken.insert(free);
    Ok(free)
}

//! The whole plan of a setup: every file, directory and link, the read rights, and the programs to run.
//!
//! Making a plan reads the node and changes nothing. Applying the same facts twice plans nothing the second time.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::accounts::{self, HOME, INFRASTRUCTURE, LOGS, Numbers, STATE_DIRECTORY};
use super::rights::{self, Right};
use super::sshd::{self, CA_FILE, PRINCIPALS};
use super::state::{Edit, Root, State};
use super::wanted::{NODE_FILE, Wanted};

/// The firewall's rules.
pub(crate) const FIREWALL: &str = "/etc/byleave/node.nft";
const UNIT: &str = "/etc/systemd/system/byleave-node.service";
const BESIDE_NFTABLES: &str = "/etc/systemd/system/nftables.service.d";
const UNIT_WANTED: &str = "/etc/systemd/system/multi-user.target.wants/byleave-node.service";
/// Where nothing here tells sshd of its new configuration.
const RELOAD: &str = "sshd is not told of its new configuration here: reload it (SIGHUP to its first process, or as this \
                      system restarts services), or nobody gets in";
/// Files that a login shell reads. They belong to root and the home is sticky, so no session can leave something
/// in them for the next one. What programs read besides (`.vimrc`, `usercustomize.py`, a history) stays open.
const STARTUP: [&str; 8] =
    [".bash_login", ".bash_logout", ".bash_profile", ".bashrc", ".inputrc", ".profile", ".zprofile", ".zshrc"];

/// A program to run, and how to take that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The command line.
    pub(crate) command: Vec<String>,
    /// The command line that takes it back.
    pub(crate) undo: Vec<String>,
}

/// All that a setup would do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The accounts' numbers.
    pub(crate) numbers: Numbers,
    /// Files, directories and links, in the order in which they are written.
    pub(crate) edits: Vec<Edit>,
    /// sshd's part of the edits.
    pub(crate) sshd: Option<Edit>,
    /// Read rights on logs.
    pub(crate) rights: Vec<Right>,
    /// Programs to run on the running system.
    pub(crate) runs: Vec<Run>,
    /// What the administrator has to know or do.
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// Plans.
    ///
    /// # Errors
    /// If the node cannot be read, or an account of these names is not ours.
    pub(crate) fn make(root: &Root, wanted: &Wanted) -> anyhow::Result<Self> {
        let (numbers, mut edits) = accounts::plan(root)?;
        edits.extend(own_files(root, wanted, numbers)?);
        edits.extend(denials(root)?);
        let mut notes = Vec::new();
        if root.has("/etc/systemd/system") {
            edits.extend(units(root, numbers)?);
        } else {
            notes.push(format!("this node has no systemd: run `nft -f {FIREWALL}` at every start, before sshd"));
        }
        let sshd = sshd::plan(root, wanted)?;
        edits.extend(sshd.clone());
        let rights = rights::plan(root, &wanted.logs, &mut notes)?;
        if sshd.is_some() && !(root.is_system() && root.has("/run/systemd/system")) {
            notes.push(RELOAD.to_owned());
        }
        if !root.is_system() {
            notes.push("this is another root: no program is run and no read right is given there".to_owned());
        }
        let firewall = edits.iter().any(|edit| edit.path == Path::new(FIREWALL));
        let runs = runs(root, firewall, sshd.is_some());
        Ok(Self { numbers, edits, sshd, rights, runs, notes })
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.rights.is_empty()
    }

    /// All of it as text.
    pub(crate) fn show(&self) -> String {
        let mut text: String = self.edits.iter().map(Edit::diff).collect();
        for right in &self.rights {
            text.push_str(&format!("right {}\n", right.describe()));
        }
        for run in &self.runs {
            text.push_str(&format!("run {}\n", run.command.join(" ")));
        }
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        text
    }
}

/// The rules by uid: sockets of the accounts send nothing, not even to this machine. The session's own connection was
/// accepted by sshd as root and so does not belong to the account.
pub(crate) fn firewall(numbers: Numbers) -> String {
    let Numbers { infrastructure, logs } = numbers;
    format!(
        "# Written by `byleave node setup`. No network for the accounts {INFRASTRUCTURE} and {LOGS}, loopback included.
table inet byleave
delete table inet byleave
table inet byleave {{
    chain output {{
        type filter hook output priority -10; policy accept;
        meta skuid {{ {infrastructure}, {logs} }} counter reject with icmpx type admin-prohibited
    }}
}}
"
    )
}

fn own_files(root: &Root, wanted: &Wanted, numbers: Numbers) -> anyhow::Result<Vec<Edit>> {
    let empty =
        "# Kept empty by `byleave node setup`: no session may leave a start of a shell here for the next one.\n";
    let mut all = vec![
        ("/etc/byleave".to_owned(), State::directory()),
        (PRINCIPALS.to_owned(), State::directory()),
        (CA_FILE.to_owned(), State::file(format!("{}\n", wanted.ca))),
        (FIREWALL.to_owned(), State::file(firewall(numbers))),
        (NODE_FILE.to_owned(), State::file(wanted.to_json()?)),
        (STATE_DIRECTORY.to_owned(), State::directory()),
        (HOME.to_owned(), State { mode: 0o1770, gid: numbers.infrastructure, ..State::directory() }),
        (format!("{HOME}/.ssh"), State::directory()),
    ];
    for account in [INFRASTRUCTURE, LOGS] {
        let principal = sshd::principal(&wanted.node_id, account);
        all.push((format!("{PRINCIPALS}/{account}"), State::file(principal)));
    }
    all.extend(STARTUP.iter().map(|name| (format!("{HOME}/{name}"), State::file(empty))));
    edits(root, all)
}

/// Denies cron and at, and only to our accounts. Where no list exists, at is for root only, and making one would open
/// it to everybody; the same holds for cron, but not on Debian.
fn denials(root: &Root) -> anyhow::Result<Vec<Edit>> {
    let mut all = Vec::new();
    for path in ["/etc/cron.deny", "/etc/at.deny"] {
        let names = [INFRASTRUCTURE, LOGS];
        let opened_to_all = path == "/etc/cron.deny" && root.has("/etc/debian_version") && !root.has("/etc/cron.allow");
        if root.has(path) {
            all.extend(accounts::append(root, path, names.iter().map(|name| (*name, (*name).to_owned())))?);
        } else if opened_to_all && root.has("/usr/bin/crontab") {
            all.extend(Edit::to(root, path, State::file(format!("{INFRASTRUCTURE}\n{LOGS}\n")))?);
        }
    }
    Ok(all)
}

/// Loads the firewall at start and after every change of the machine's own rules, and keeps systemd from running
/// anything for the accounts (user services and linger outlive a session).
fn units(root: &Root, numbers: Numbers) -> anyhow::Result<Vec<Edit>> {
    let unit = format!(
        "# Written by `byleave node setup`.
[Unit]
Description=No network for the accounts of Byleave
After=nftables.service
Before=ssh.service sshd.service ssh.socket

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {FIREWALL}

[Install]
WantedBy=multi-user.target
"
    );
    let beside = format!(
        "# Written by `byleave node setup`. The machine's own rules begin by removing all others.
[Service]
ExecStartPost=/usr/sbin/nft -f {FIREWALL}
ExecReload=/usr/sbin/nft -f {FIREWALL}
ExecStopPost=/usr/sbin/nft -f {FIREWALL}
"
    );
    let mut all = vec![
        (UNIT.to_owned(), State::file(unit)),
        (BESIDE_NFTABLES.to_owned(), State::directory()),
        (format!("{BESIDE_NFTABLES}/byleave.conf"), State::file(beside)),
    ];
    if root.has("/etc/systemd/system/multi-user.target.wants") {
        all.push((UNIT_WANTED.to_owned(), State::link(UNIT)));
    }
    for uid in [numbers.infrastructure, numbers.logs] {
        all.push((format!("/etc/systemd/system/user@{uid}.service"), State::link("/dev/null")));
    }
    edits(root, all)
}

fn edits(root: &Root, all: Vec<(String, State)>) -> anyhow::Result<Vec<Edit>> {
    let planned: anyhow::Result<Vec<Option<Edit>>> =
        all.into_iter().map(|(path, state)| Edit::to(root, &path, state)).collect();
    Ok(planned?.into_iter().flatten().collect())
}

fn runs(root: &Root, firewall: bool, sshd: bool) -> Vec<Run> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all = Vec::new();
    if !root.is_system() {
        return all;
    }
    if firewall {
        all.push(Run { command: words(&format!("nft -f {FIREWALL}")), undo: words("nft delete table inet byleave") });
    }
    if root.has("/run/systemd/system") {
        all.push(Run { command: words("systemctl daemon-reload"), undo: words("systemctl daemon-reload") });
        let service =
            if root.has("/etc/systemd/system/sshd.service") || root.has("/usr/lib/systemd/system/sshd.service") {
                "sshd"
            } else {
                "ssh"
            };
        if sshd {
            let reload = words(&format!("systemctl try-reload-or-restart {service}.service"));
            all.push(Run { command: reload.clone(), undo: reload });
        }
    }
    all
}

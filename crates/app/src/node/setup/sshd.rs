//! What sshd is told: both accounts enter with certificates of the organization's CA, from the gateway's addresses
//! only, into a forced command, and forward nothing.
//!
//! The text is tried by sshd itself on a copy of the whole configuration before anything is written: it must be
//! accepted, it must hold for the accounts, and it must not hold for anybody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail, ensure};
use nix::unistd::geteuid;

use super::accounts::{INFRASTRUCTURE, LOGS};
use super::state::{Body, Edit, Root, State};
use super::wanted::Wanted;

/// The trusted CA.
pub(crate) const CA_FILE: &str = "/etc/byleave/ca.pub";
/// One file for each account with its principal.
pub(crate) const PRINCIPALS: &str = "/etc/byleave/principals";
const MAIN: &str = "/etc/ssh/sshd_config";
const DROP_IN_DIRECTORY: &str = "/etc/ssh/sshd_config.d";
/// Sorts first: among blocks that match, sshd takes the first value of each keyword.
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-byleave.conf";
const BEGIN: &str = "# byleave begin (written by `byleave node setup`, taken back by `byleave node setup --undo`)";
const END: &str = "# byleave end";
/// An address from which no gateway comes: reserved for documentation.
const ELSEWHERE: &str = "203.0.113.254";

/// Whether the rest of sshd's configuration asks programs for keys, which then must be turned off for our accounts.
/// (Where it does not, turning it off would be logged as an error at every connection.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commands {
    /// It does not.
    None,
    /// It does.
    Used,
}

/// The blocks for sshd.
pub(crate) fn blocks(wanted: &Wanted, commands: Commands) -> String {
    let from = wanted.gateways.join(",");
    let commands = match commands {
        Commands::None => "",
        Commands::Used => "    AuthorizedKeysCommand none\n    AuthorizedPrincipalsCommand none\n",
    };
    let helper = wanted.helper.display();
    let shared = format!(
        "    TrustedUserCAKeys {CA_FILE}
    AuthorizedPrincipalsFile {PRINCIPALS}/%u
    AuthorizedKeysFile none
{commands}    AuthenticationMethods publickey
    PubkeyAuthentication yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    HostbasedAuthentication no
    PermitEmptyPasswords no
    DisableForwarding yes
    AllowTcpForwarding no
    AllowStreamLocalForwarding no
    AllowAgentForwarding no
    X11Forwarding no
    PermitTunnel no
    PermitListen none
    PermitOpen none
    PermitUserRC no
    ChrootDirectory none
    ClientAliveInterval 15
    ClientAliveCountMax 3
    MaxSessions 64"
    );
    let closed = "    AuthenticationMethods publickey
    PubkeyAuthentication no
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    HostbasedAuthentication no
    AuthorizedKeysFile none
    DisableForwarding yes
    PermitTTY no
    PermitUserRC no
    ForceCommand /bin/false";
    format!(
        "{BEGIN}
Match User {INFRASTRUCTURE} Address {from}
{shared}
    PermitTTY yes
    ForceCommand {helper} node-session
Match User {LOGS} Address {from}
{shared}
    PermitTTY no
    ForceCommand internal-sftp -R
# From anywhere else nobody comes in as these accounts.
Match User {INFRASTRUCTURE},{LOGS}
{closed}
{END}
"
    )
}

/// The principal of an account in one line.
pub(crate) fn principal(node_id: &str, account: &str) -> String {
    let suffix = if account == LOGS { "-logs" } else { "" };
    format!("byleave-node:{node_id}{suffix}\n")
}

/// Plans the change of sshd's configuration: a file of our own where such files are included, else a marked block.
///
/// # Errors
/// If there is no configuration, or it cannot be read.
pub(crate) fn plan(root: &Root, wanted: &Wanted) -> anyhow::Result<Option<Edit>> {
    let main = State::read(root, Path::new(MAIN))?.context("this node has no /etc/ssh/sshd_config; install OpenSSH")?;
    let Body::File(content) = &main.body else { bail!("/etc/ssh/sshd_config is not a file") };
    let text = String::from_utf8(content.clone()).context("/etc/ssh/sshd_config is not text")?;
    let blocks = blocks(wanted, commands(root, &text));
    if root.has(DROP_IN_DIRECTORY) && includes(&text).any(|pattern| covers_drop_in(root, pattern)) {
        return Edit::to(root, DROP_IN, State { mode: 0o600, ..State::file(blocks) });
    }
    let after = State { body: Body::File(with_block(&text, &blocks).into_bytes()), ..main.clone() };
    Edit::to(root, MAIN, after)
}

/// Whether this configuration, without what is ours, asks programs.
fn commands(root: &Root, main: &str) -> Commands {
    let parts = fs::read_dir(root.at(Path::new(DROP_IN_DIRECTORY))).into_iter().flatten().flatten();
    let others = parts
        .map(|part| part.path())
        .filter(|path| !DROP_IN.ends_with(&*path.file_name().unwrap_or_default().to_string_lossy()));
    let texts = others.filter_map(|path| fs::read_to_string(path).ok()).chain([with_block(main, "")]);
    let asks = |line: &str| {
        let word = keyword(line);
        word.eq_ignore_ascii_case("authorizedkeyscommand") || word.eq_ignore_ascii_case("authorizedprincipalscommand")
    };
    if texts.into_iter().any(|text| text.lines().any(asks)) { Commands::Used } else { Commands::None }
}

/// Has sshd try the configuration as it would be.
///
/// # Errors
/// What sshd said, or which rule does not hold because of the rest of the configuration.
pub(crate) fn validate(root: &Root, edit: Option<&Edit>, wanted: &Wanted) -> anyhow::Result<()> {
    let copy = tempfile::tempdir()?;
    let candidate = copy_configuration(root, edit, copy.path())?;
    let tried = sshd(&candidate, &["-t"])?;
    ensure!(tried.status.success(), "sshd refuses the configuration: {}", said(&tried));
    let gateway = wanted.gateways.first().map_or("", |text| text.split('/').next().unwrap_or_default());
    let of = |user: &str, address: &str| -> anyhow::Result<String> {
        let who = format!("user={user},host={address},addr={address}");
        let shown = sshd(&candidate, &["-T", "-C", &who])?;
        ensure!(shown.status.success(), "sshd does not show its configuration: {}", said(&shown));
        Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
    };
    let forced = format!("forcecommand {} node-session", wanted.helper.display());
    for (account, forced) in [(INFRASTRUCTURE, forced.as_str()), (LOGS, "forcecommand internal-sftp -R")] {
        let (inside, outside) = (of(account, gateway)?, of(account, ELSEWHERE)?);
        let ca = format!("trustedusercakeys {CA_FILE}");
        for rule in [forced, &ca, "authorizedkeysfile none", "disableforwarding yes", "passwordauthentication no"] {
            ensure!(has(&inside, rule), "another part of sshd's configuration overrides `{rule}` for `{account}`");
        }
        for program in ["authorizedkeyscommand /", "authorizedprincipalscommand /"] {
            let asked = inside.lines().any(|line| line.to_ascii_lowercase().starts_with(program));
            ensure!(!asked, "sshd would ask a program for the keys of `{account}`");
        }
        for rule in ["pubkeyauthentication no", "passwordauthentication no", "kbdinteractiveauthentication no"] {
            ensure!(has(&outside, rule), "sshd would let `{account}` in from elsewhere: `{rule}` does not hold");
        }
    }
    let others = of("root", gateway)?;
    ensure!(!others.contains(CA_FILE), "sshd would trust the organization's CA for root, too");
    Ok(())
}

fn has(shown: &str, rule: &str) -> bool {
    shown.lines().any(|line| line.eq_ignore_ascii_case(rule))
}

/// The patterns of all `Include` lines before the first `Match`.
fn includes(text: &str) -> impl Iterator<Item = &str> {
    let global = text.lines().take_while(|line| !keyword(line).eq_ignore_ascii_case("match"));
    global.filter(|line| keyword(line).eq_ignore_ascii_case("include")).flat_map(|line| line.split_whitespace().skip(1))
}

fn keyword(line: &str) -> &str {
    line.split(|sign: char| sign.is_whitespace() || sign == '=').find(|word| !word.is_empty()).unwrap_or_default()
}

fn covers_drop_in(root: &Root, pattern: &str) -> bool {
    let directory = Path::new("/etc/ssh").join(pattern.trim_matches('"'));
    let ours = [PathBuf::from(DROP_IN_DIRECTORY), root.at(Path::new(DROP_IN_DIRECTORY))];
    directory.file_name().is_some_and(|name| name == "*.conf" || name == "*")
        && directory.parent().is_some_and(|parent| ours.iter().any(|own| own == parent))
}

/// Puts the block before the first `Match` of others, or at the end; replaces an older block of ours.
fn with_block(text: &str, block: &str) -> String {
    let mut kept = String::new();
    let mut ours = false;
    for line in text.split_inclusive('\n') {
        ours |= line.trim_end() == BEGIN;
        if !ours {
            kept.push_str(line);
        }
        ours &= line.trim_end() != END;
    }
    let mut before = String::new();
    let mut after = String::new();
    for line in kept.split_inclusive('\n') {
        let late = !after.is_empty() || keyword(line).eq_ignore_ascii_case("match");
        if late { &mut after } else { &mut before }.push_str(line);
    }
    if !before.is_empty() && !before.ends_with('\n') {
        before.push('\n');
    }
    format!("{before}{block}{after}")
}

/// Writes the configuration as it would be into `copy`, with its paths led there.
fn copy_configuration(root: &Root, edit: Option<&Edit>, copy: &Path) -> anyhow::Result<PathBuf> {
    let content = |path: &Path| -> anyhow::Result<Vec<u8>> {
        match edit {
            Some(Edit { path: edited, after: State { body: Body::File(new), .. }, .. }) if edited == path => {
                Ok(new.clone())
            }
            Some(_) | None => Ok(fs::read(root.at(path))?),
        }
    };
    let parts = copy.join("sshd_config.d");
    fs::create_dir(&parts)?;
    let existing = fs::read_dir(root.at(Path::new(DROP_IN_DIRECTORY))).into_iter().flatten().flatten();
    for name in existing.map(|entry| entry.file_name()).chain([DROP_IN.rsplit('/').next().unwrap_or_default().into()]) {
        let path = Path::new(DROP_IN_DIRECTORY).join(&name);
        if let Ok(bytes) = content(&path) {
            fs::write(parts.join(&name), bytes)?;
        }
    }
    let main = String::from_utf8_lossy(&content(Path::new(MAIN))?).into_owned();
    let led: String = main.split_inclusive('\n').map(|line| lead(root, line, &parts)).collect();
    let candidate = copy.join("sshd_config");
    fs::write(&candidate, led)?;
    Ok(candidate)
}

/// Leads one line's paths to the copy: included parts, and below another root the host keys.
fn lead(root: &Root, line: &str, parts: &Path) -> String {
    let word = keyword(line);
    let argument = line.split_whitespace().nth(1).unwrap_or_default();
    if word.eq_ignore_ascii_case("include") && covers_drop_in(root, argument) {
        return format!("Include {}/*.conf\n", parts.display());
    }
    let key = root.at(Path::new(argument));
    if word.eq_ignore_ascii_case("hostkey") && !root.is_system() && key.is_file() {
        return format!("HostKey {}\n", key.display());
    }
    line.to_owned()
}

/// Runs sshd on a configuration. Where its directory below `/run` is missing (no sshd has run since the start of the
/// machine), it gets one of its own that nobody else sees.
fn sshd(configuration: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd"];
    let program =
        program.iter().find(|path| Path::new(path).is_file()).context("this node has no sshd; install OpenSSH")?;
    let mut command = if geteuid().is_root() && !Path::new("/run/sshd").is_dir() {
        let mut wrapped = Command::new("unshare");
        wrapped.args([
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs none /run && mkdir /run/sshd && exec \"$@\"",
            "sh",
            program,
        ]);
        wrapped
    } else {
        Command::new(program)
    };
    command.args(arguments).arg("-f").arg(configuration).output().context("cannot run sshd")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_goes_before_other_blocks_and_replaces_itself() {
        let block = format!("{BEGIN}\nMatch User byleave\n{END}\n");
        let text = "Port 22\nMatch User git\n    PermitTTY no\n";
        let once = with_block(text, &block);
        assert_eq!(once, format!("Port 22\n{block}Match User git\n    PermitTTY no\n"));
        assert_eq!(with_block(&once, &block), once);
        assert_eq!(with_block("Port 22", &block), format!("Port 22\n{block}"));
    }
}

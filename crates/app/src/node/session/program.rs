//! What a session runs, as which account, with which environment.
//!
//! The environment is made from the account's entry in the passwd file; of what sshd set, only the kind of terminal is
//! kept. Nothing here may carry an address, a key or a name of who connected.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::{User, getuid};

/// Where distributions keep OpenSSH's sftp-server.
const SFTP_SERVERS: [&str; 6] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/misc/sftp-server",
    "/usr/local/libexec/sftp-server",
];
/// The command that asks for a node check instead of a session.
pub(crate) const CHECK: &str = "byleave node-session check";
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the gateway asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Try what this account can reach, and say so in JSON; with facts of the node in place of those that lie there.
    Check(Option<OsString>),
    /// Run one command.
    Command(OsString),
    /// Speak SFTP.
    Sftp,
    /// Run the login shell.
    Shell,
}

impl Work {
    /// Reads `SSH_ORIGINAL_COMMAND`. sshd puts the configured command of a subsystem there, so the built-in SFTP server
    /// arrives under its configuration name; any other text is a command for the shell.
    pub(crate) fn of(original: Option<OsString>) -> Self {
        let Some(original) = original.filter(|text| !text.is_empty()) else { return Self::Shell };
        let text = original.to_string_lossy();
        if text == CHECK {
            Self::Check(None)
        } else if text.split_ascii_whitespace().next() == Some("internal-sftp") {
            Self::Sftp
        } else {
            Self::Command(original)
        }
    }
}

/// A program to run: path, `argv[0]`, arguments, the whole environment, and the account that it runs as.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) account: User,
    pub(super) path: PathBuf,
    pub(super) name: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<&'static str, OsString>,
}

impl Program {
    /// The program for `work` as the account that runs this process.
    ///
    /// # Errors
    /// If the account is not in the passwd file, or there is no SFTP server.
    pub(super) fn of(work: &Work) -> anyhow::Result<Self> {
        let account = own_account()?.context("this account is not in the passwd file")?;
        let shell = if account.shell.as_os_str().is_empty() { PathBuf::from("/bin/sh") } else { account.shell.clone() };
        let (path, name, arguments) = match work {
            Work::Shell => (shell.clone(), login_name(&shell), Vec::new()),
            Work::Command(text) => (shell.clone(), base_name(&shell), vec!["-c".into(), text.clone()]),
            Work::Sftp => (sftp_server()?, "sftp-server".into(), Vec::new()),
            Work::Check(facts) => {
                let words = ["node-session".into(), "probe".into()].into_iter().chain(facts.clone());
                (super::THIS_PROGRAM.into(), "byleave".into(), words.collect())
            }
        };
        let environment = environment(&account, &shell, std::env::var_os("TERM"));
        Ok(Self { account, path, name, arguments, environment })
    }
}

/// The account that sshd named, if it is ours by its number; several names can share one.
fn own_account() -> nix::Result<Option<User>> {
    let named = std::env::var("LOGNAME").ok().and_then(|name| User::from_name(&name).ok().flatten());
    match named.filter(|account| account.uid == getuid()) {
        Some(account) => Ok(Some(account)),
        None => User::from_uid(getuid()),
    }
}

fn environment(account: &User, shell: &Path, term: Option<OsString>) -> BTreeMap<&'static str, OsString> {
    let mut all = BTreeMap::from([
        ("HOME", account.dir.clone().into_os_string()),
        ("LANG", "C.UTF-8".into()),
        ("LOGNAME", OsString::from(&account.name)),
        ("PATH", SEARCH_PATH.into()),
        ("SHELL", shell.as_os_str().to_owned()),
        ("USER", OsString::from(&account.name)),
    ]);
    if let Some(term) = term.filter(|term| is_terminal_name(&term.to_string_lossy())) {
        all.insert("TERM", term);
    }
    all
}

/// Names of terminals are short and plain; anything else could carry a message.
fn is_terminal_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

fn base_name(shell: &Path) -> OsString {
    shell.file_name().map_or_else(|| "sh".into(), OsString::from)
}

fn login_name(shell: &Path) -> OsString {
    let mut name = OsString::from("-");
    name.push(base_name(shell));
    name
}

fn sftp_server() -> anyhow::Result<PathBuf> {
    let found = SFTP_SERVERS.iter().map(Path::new).find(|path| path.is_file());
    found.map(Path::to_owned).context("this node has no sftp-server; install the one of OpenSSH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_words_are_not_for_the_shell() {
        let work = |text: &str| Work::of(Some(text.into()));
        assert_eq!(Work::of(None), Work::Shell);
        assert_eq!(work(""), Work::Shell);
        assert_eq!(work("internal-sftp"), Work::Sftp);
        assert_eq!(work("internal-sftp -l INFO"), Work::Sftp);
        assert_eq!(work(CHECK), Work::Check(None));
        for text in
            ["internal-sftpx", "byleave node-session check; id", "echo internal-sftp", "/usr/lib/openssh/sftp-server"]
        {
            assert_eq!(work(text), Work::Command(text.into()), "{text}");
        }
    }

    #[test]
    fn a_terminal_name_cannot_carry_a_message() {
        for good in ["xterm-256color", "screen.xterm-256color", "dumb", "vt100+fnkeys"] {
            assert!(is_terminal_name(good), "{good}");
        }
        for bad in ["", "robin hale", "x\ny", "an-unusually-long-terminal-name-of-somebody"] {
            assert!(!is_terminal_name(bad), "{bad}");
        }
    }
}

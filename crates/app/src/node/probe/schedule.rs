//! Ways to run something as somebody else, or after the session: sudo, cron, at, user services.

use std::path::Path;

use nix::unistd::{AccessFlags, User, getuid};

use super::super::report::{Line, Verdict};
use super::file::may;
use super::{line, output_of, text_of};

/// Where systemd keeps a file for each account whose services run without a session.
const LINGER: &str = "/var/lib/systemd/linger";

/// sudo, without a password.
pub(super) fn sudo() -> Line {
    const NAME: &str = "sudo";
    let Some(output) = output_of("sudo", &["-n", "-l"]) else {
        return line(NAME, Verdict::Closed, "sudo is not installed");
    };
    if output.status.success() {
        return line(NAME, Verdict::Open, &last_line(&text_of(&output)));
    }
    line(NAME, Verdict::Closed, "sudo grants nothing")
}

/// cron: the account's own table.
pub(super) fn cron() -> Line {
    const NAME: &str = "cron";
    for spool in ["/var/spool/cron/crontabs", "/var/spool/cron"] {
        if may(Path::new(spool), AccessFlags::W_OK) {
            return line(NAME, Verdict::Open, &format!("{spool} can be written"));
        }
    }
    let Some(output) = output_of("crontab", &["-l"]) else {
        return line(NAME, Verdict::Closed, "crontab is not installed");
    };
    let said = text_of(&output);
    if !output.status.success() && (said.contains("not allowed") || said.contains("ermission denied")) {
        return line(NAME, Verdict::Closed, "crontab is denied to this account");
    }
    line(NAME, Verdict::Open, &format!("crontab is not denied: {}", last_line(&said)))
}

/// at and batch.
pub(super) fn at() -> Line {
    const NAME: &str = "at";
    let Some(output) = output_of("at", &["-l"]) else { return line(NAME, Verdict::Closed, "at is not installed") };
    if output.status.success() {
        return line(NAME, Verdict::Open, "at is not denied to this account");
    }
    line(NAME, Verdict::Closed, "at is denied to this account")
}

/// systemd's user services, which outlive a session.
pub(super) fn user_services(account: Option<&User>) -> Line {
    const NAME: &str = "user services";
    if !Path::new("/run/systemd/system").is_dir() {
        return line(NAME, Verdict::Closed, "this node has no systemd");
    }
    let socket = format!("/run/user/{}/systemd/private", getuid());
    if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        return line(NAME, Verdict::Open, "a user manager of systemd runs for this account");
    }
    if account.is_some_and(|account| Path::new(LINGER).join(&account.name).exists()) {
        return line(NAME, Verdict::Open, "lingering is on for this account");
    }
    line(NAME, Verdict::Closed, "no user manager runs and lingering is off")
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim().to_owned()
}

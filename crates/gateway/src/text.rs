//! Everything that an employee is told, in one place.
//!
//! No text may name a customer's person, another employee, or say more of a closed target than that it is not open.
//! Lines end with CR LF, so that they stand straight on a terminal in raw mode too.

use byleave_core::access::{Basis, Denial};
use byleave_core::name::{CaseNumber, Reason};
use byleave_core::request::{RequestEnd, RequestStatus};
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, SECOND, Span};

/// The exit status of what was refused. `ssh` itself uses 255 for its own failures; 1 says that the gateway answered.
pub(crate) const REFUSED: u32 = 1;

/// One line from the gateway.
pub(crate) fn line(text: &str) -> String {
    format!("byleave: {text}\r\n")
}

/// What an engineer does about a target that is not open. The same for every one, so that it tells nothing.
const ASK: &str = "to ask its customer: the same `ssh`, with `request --for 4h --reason 'why you must come in'` as its \
                   command; `requests` shows what becomes of it";

/// A target that is not open, and nothing more.
pub(crate) const NOT_OPEN: &str = "this target is not open to you now, or does not exist";

/// The control does not answer.
pub(crate) const UNAVAILABLE: &str = "the gateway cannot open a session now; try again in a moment";

/// As many sessions as one engineer may have.
pub(crate) fn too_many(most: usize) -> String {
    line(&format!("you have {most} sessions open, as many as one engineer may have; end one of them first"))
}

/// A denial, with its reason where the employee may know it.
pub(crate) fn denied(denial: Denial, tell: bool) -> String {
    if tell { line(&format!("not open: {denial}")) } else { closed() }
}

/// A target that is not open, and what to do: the same bytes for one that is closed, unknown or blocked, and for an
/// employee who is disabled.
pub(crate) fn closed() -> String {
    [line(NOT_OPEN), line(ASK)].concat()
}

/// What a terminal shows first.
pub(crate) fn welcome(basis: Basis, case: Option<&CaseNumber>, left: i64) -> String {
    let why = match basis {
        Basis::Grant { .. } => "the customer's grant",
        Basis::Standing => "standing access",
    };
    let case = case.map(|case| format!(", case {case}")).unwrap_or_default();
    line(&format!("this session is recorded for the customer; {why}{case}, {} left", Span(left)))
}

/// The end that comes.
pub(crate) fn warning(left: i64) -> String {
    format!("\r\n{}", line(&format!("this session ends in {}", time_left(left))))
}

/// A time in words, in whole seconds or a moment more.
fn time_left(left: i64) -> String {
    /// The clocks are read once a second, so a mark is passed by about as much when it is seen.
    const MOMENT: i64 = 2 * SECOND;
    let to_minute = (MINUTE - left % MINUTE) % MINUTE;
    let left = if left >= MINUTE - MOMENT && to_minute <= MOMENT { left + to_minute } else { left };
    let seconds = (left.max(0) + SECOND - 1) / SECOND;
    let some = |number: i64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match (seconds / 60, seconds % 60) {
        (0, seconds) => some(seconds, "second"),
        (minutes, 0) => some(minutes, "minute"),
        (minutes, seconds) => format!("{} {}", some(minutes, "minute"), some(seconds, "second")),
    }
}

/// The end that came. A full-screen program's screen is left first, in plain letters and with a cursor: what is written
/// on it would go with it.
pub(crate) fn farewell(end: SessionEnd, is_alternate: bool) -> String {
    let leave = if is_alternate { "\x1b[?1049l\x1b[0m\x1b[?25h" } else { "" };
    format!("{leave}\r\n{}", line(&ended(end)))
}

/// The end that came, in a sentence.
pub(crate) fn ended(end: SessionEnd) -> String {
    format!("session ended: {}", end.told())
}

/// How many bytes of a client's connection a sentence of an end may take, with all that is around it.
pub(crate) const LONGEST_ENDED: u64 = 512;

/// What opens where only logs are.
pub(crate) const ONLY_LOGS: &str = "only logs are open here: `logs` lists them, `logs <name>` streams one; `request` asks \
                                    the customer for more, `requests` shows what becomes of it, `hand-back` says that you \
                                    are done, and `sync` reads sync data that a customer opened";

/// What opens of a node that would be open, had it passed its check.
pub(crate) const UNCHECKED: &str = "the customer lets you in, but this node has not passed its check since it was added or \
                                    last changed: ask an administrator to run `byleave nodes check`; until then";

/// What opens on the host of a cluster, where there is never a shell though its nodes are open.
pub(crate) fn shells_elsewhere(hosts: &[String]) -> String {
    let hosts = hosts.join(", ");
    format!(
        "a cluster's host has no shell; shells, commands and transfers are open to you on: {hosts}. Here `logs` lists \
         logs, `logs <name>` streams one"
    )
}

/// How `logs` is said.
pub(crate) const LOGS_USAGE: &str = "usage: `logs` lists the logs that are open; `logs <name>` or `logs <node host>/<name>` \
                                     streams one from its beginning to its end of now. There are no options, and no log \
                                     is followed";

/// What the words are.
pub(crate) const HELP: &str = "`request --for 4h --reason 'why you must come in'` asks the customer of this host (also \
                               `--type logs|infrastructure|sync`, `--case <number>`); `requests` shows what becomes of \
                               what you asked for; `hand-back` says that you are done. Where only logs are open: `logs`, \
                               `logs <name>`, `sync`";

/// A log that is not open, or not there.
pub(crate) const NO_SUCH_LOG: &str = "no log of that name is open; these are:";

/// A log that several nodes have.
pub(crate) const WHICH_NODE: &str = "several nodes have a log of that name; say `logs <node host>/<name>`";

/// A request was taken. It must never say more: whether there is such a host is not told by asking.
pub(crate) const REQUESTED: &str = "asked; if a customer has this host, they see your request for 4 days, and `requests` \
                                    shows what becomes of it";

/// The same, where a request of theirs for this host waited.
pub(crate) const REQUESTED_ANEW: &str = "asked, in place of your earlier request for this host; if a customer has it, they \
                                         see your request for 4 days, and `requests` shows what becomes of it";

/// Something was handed back, or there was nothing to.
pub(crate) const HANDED_BACK: &str = "handed back: your other sessions there end; what the customer granted is theirs to \
                                      revoke";

/// The same, where a request of theirs for this host waited.
pub(crate) const HANDED_BACK_WITH_REQUEST: &str = "handed back: your other sessions there end and your request for this \
                                                   host is withdrawn; what the customer granted is theirs to revoke";

/// No request to show.
pub(crate) const NO_REQUESTS: &str = "you have asked for nothing";

/// Nobody hears what was said.
pub(crate) const UNHEARD: &str = "the gateway cannot pass that on now; try again in a moment";

/// What has become of a request.
pub(crate) fn state(status: RequestStatus, answer: Option<&Reason>) -> String {
    match (status, answer) {
        (RequestStatus::Died { at }, _) => format!("nobody answered until {}", at.to_seconds_text()),
        (RequestStatus::Waiting { until }, _) => format!("waits until {}", until.to_seconds_text()),
        (RequestStatus::Ended { at, end }, answer) => {
            let at = at.to_seconds_text();
            match (end, answer) {
                (RequestEnd::Approved { .. }, _) => format!("approved at {at}"),
                (RequestEnd::ClockReset, _) => format!("ended at {at}: the gateway's clock was set right"),
                (RequestEnd::Declined, Some(answer)) => format!("declined at {at}: {answer}"),
                (RequestEnd::Declined, None) => format!("declined at {at}"),
                (RequestEnd::Withdrawn, _) => format!("withdrawn at {at}"),
            }
        }
    }
}

/// What clients of sync data call the file with the gateway's certificate.
pub(crate) const SYNC_CA_FILE: &str = "byleave-sync-ca.pem";

/// No door for sync data.
pub(crate) const NO_SYNC_DOOR: &str = "this gateway has no door for sync data; an administrator sets `sync_listen`";

/// Nowhere to read from.
pub(crate) const NO_SYNC_SERVERS: &str = "the inventory names no servers for the sync data of this cluster";

/// Nothing to sign in with.
pub(crate) const NO_SYNC_CREDENTIAL: &str = "the gateway has no credential for the databases of this cluster; an administrator sets one, or the customer gives one \
     with a grant (after a restart of the server, once more)";

/// What a session for sync data is told beside its address: the commands stand alone on their lines, to be copied whole.
pub(crate) fn sync_opened(cluster: &str, (gateway, port): &(String, u16), uri: &str) -> String {
    [
        line("every command is recorded for the customer, without values; this address works from here only"),
        line("it works as long as this connection stays open; close it (Ctrl-C) when you are done"),
        line("in another terminal, save the gateway's certificate and begin:"),
        format!("ssh -p {port} {cluster}@{gateway} sync-ca > {SYNC_CA_FILE}\r\n"),
        format!("mongosh '{uri}'\r\n"),
    ]
    .concat()
}

/// A command that no node can run.
pub(crate) const NUL: &str = "a command must not hold a NUL byte";

/// What went wrong with the node.
pub(crate) const NODE_REFUSED: &str = "the node refused the request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_tells_the_time_that_is_left() {
        for (left, told) in [
            (10 * MINUTE, "10 minutes"),
            (10 * MINUTE - 999, "10 minutes"),
            (MINUTE, "1 minute"),
            (MINUTE - 1, "1 minute"),
            (MINUTE - 2 * SECOND, "1 minute"),
            (MINUTE - 3 * SECOND, "57 seconds"),
            (8 * SECOND, "8 seconds"),
            (7 * SECOND + 1, "8 seconds"),
            (1, "1 second"),
            (90 * SECOND, "1 minute 30 seconds"),
            (4 * MINUTE + SECOND, "4 minutes 1 second"),
        ] {
            assert_eq!(warning(left), format!("\r\nbyleave: this session ends in {told}\r\n"), "{left}");
        }
    }
}

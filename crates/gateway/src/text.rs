//! Everything that an employee is told, in one place.
//!
//! No text may name a customer's person, another employee, or say more of a closed target than that it is not open.
//! Lines end with CR LF, so that they stand straight on a terminal in raw mode too.

use byleave_core::access::{Basis, Denial};
use byleave_core::name::{CaseNumber, Reason};
use byleave_core::request::{RequestEnd, RequestStatus};
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, Span};

/// The exit status of what was refused. `ssh` itself uses 255 for its own failures; 1 says that the gateway answered.
pub(crate) const REFUSED: u32 = 1;

/// One line from the gateway.
pub(crate) fn line(text: &str) -> String {
    format!("byleave: {text}\r\n")
}

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
    if tell { line(&format!("not open: {denial}")) } else { line(NOT_OPEN) }
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
    let minutes = (left + MINUTE - 1) / MINUTE;
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    format!("\r\n{}", line(&format!("this session ends in {minutes} {unit}")))
}

/// The end that came.
pub(crate) fn farewell(end: SessionEnd) -> String {
    format!("\r\n{}", line(&format!("session ended: {}", end.told())))
}

/// What opens where only logs are.
pub(crate) const ONLY_LOGS: &str = "only logs are open here: `logs` lists them, `logs <name>` streams one; `request` asks \
                                    the customer for more, `requests` shows what becomes of it, `hand-back` says that you \
                                    are done, and `sync` reads sync data that a customer opened";

/// What opens of a node that would be open, had it passed its check.
pub(crate) const UNCHECKED: &str = "the customer lets you in, but this node has not passed its check since it was added or \
                                    last changed: ask an administrator to run `byleave nodes check`; until then";

/// A log that is not open, or not there.
pub(crate) const NO_SUCH_LOG: &str = "no log of that name is open; these are:";

/// A log that several nodes have.
pub(crate) const WHICH_NODE: &str = "several nodes have a log of that name; say `logs <node host>/<name>`";

/// A request was taken. It must never say more: whether there is such a host is not told by asking.
pub(crate) const REQUESTED: &str = "asked; if a customer has this host, they see your request for 4 days, and `requests` \
                                    shows what becomes of it";

/// Something was handed back, or there was nothing to.
pub(crate) const HANDED_BACK: &str = "handed back: your other sessions there end and your request for this host is \
                                      withdrawn; what the customer granted is theirs to revoke";

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
pub(crate) const NO_SYNC_CREDENTIAL: &str =
    "the gateway has no credential for the databases of this cluster; an administrator sets one";

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

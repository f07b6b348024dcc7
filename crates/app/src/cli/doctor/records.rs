//! What `byleave doctor` reads in the database: whether state and log agree, and what soon needs somebody.
//!
//! It changes nothing, and it may run beside the server. How long it takes grows with the log: every entry is replayed.
//! Read next: [`recorded`] (the recordings that the logs name).

use std::path::Path;

use byleave_core::time::{Clock, DAY, Span, Timestamp};
use byleave_store::evidence::Audit;
use byleave_store::{SealingKey, Store};

use super::{Finding, recorded};
use crate::clock::SystemClock;
use crate::control::Chain;

/// How many differences are told one by one.
const TOLD: usize = 5;

/// Looks at a database, if there is one with its key.
pub(super) async fn look(directory: &Path, whole: bool) -> Vec<Finding> {
    let (Ok(clock), Ok(sealing)) = (SystemClock::new(), SealingKey::load(&directory.join("seal.key"))) else {
        return Vec::new();
    };
    if !directory.join(Store::FILE).exists() {
        return Vec::new();
    }
    let reading = clock.read();
    // What cannot be compared is told by what cannot be read.
    let differences = Store::schema_differences(directory, &reading).await;
    let mut findings: Vec<_> = differences.ok().as_deref().map(schema).into_iter().collect();
    let condition = match Store::examine(directory, &sealing, &reading).await {
        Ok(condition) => condition,
        Err(error) => {
            let advice = "restore `byleave.db` and `seal.key` of one backup; customers' anchors tell what it lacks";
            findings.push(Finding::wrong("state and log", format!("cannot be read: {}", Chain(&error)), advice));
            return findings;
        }
    };
    let clock = match condition.now.doubt {
        None => Finding::good("kept time", "this machine's clock agrees with the time kept in the database"),
        Some(doubt) => Finding::wrong(
            "kept time",
            format!("this machine's clock does not agree with the time kept in the database: {doubt}"),
            "set the clock right; if the kept time is wrong: `byleave clock leave-doubt` (which ends every grant)",
        ),
    };
    findings.extend([agree(&condition.audit), Finding::good("SQLite", condition.sqlite), clock]);
    findings.push(recorded::look(directory, &condition.recordings, whole));
    findings.extend(nodes(&condition.failed, &condition.unchecked));
    let invitations = condition.invitations.iter();
    findings.extend(invitations.filter_map(|(name, until)| invitation(&name.to_string(), *until, reading.wall)));
    findings
}

fn schema(differences: &[String]) -> Finding {
    if differences.is_empty() {
        return Finding::good("schema", "is the one that this version makes");
    }
    let told = differences.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    let advice = "somebody changed the database past Byleave: what kept entries and grants from being changed or removed \
                  may be gone. Keep this copy, compare the evidence with customers' anchors, restore the latest backup";
    Finding::wrong("schema", format!("{} differences: {told}", differences.len()), advice)
}

fn agree(audit: &Audit) -> Finding {
    let (entries, logs) = (audit.entries, audit.logs);
    if audit.findings.is_empty() {
        let mut text = format!("agree: {entries} entries of {logs} logs were replayed");
        audit.notices.iter().take(TOLD).for_each(|notice| text.push_str(&format!("; {notice}")));
        return Finding::good("state and log", text);
    }
    let mut text = format!("{} differences: ", audit.findings.len());
    text.push_str(&audit.findings.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; "));
    let advice = "somebody changed the database past Byleave, or its disk is failing: keep this copy, tell the customers \
                  it concerns, restore the latest backup";
    Finding::wrong("state and log", text, advice)
}

/// The nodes that take no infrastructure session where support is blocked.
fn nodes(failed: &[byleave_core::name::HostName], unchecked: &[byleave_core::name::HostName]) -> Vec<Finding> {
    let list =
        |hosts: &[byleave_core::name::HostName]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    if !failed.is_empty() {
        let text = format!("the check failed on {}", list(failed));
        findings.push(Finding::wrong("nodes", text, "`byleave node check` says what stands open there"));
    }
    if !unchecked.is_empty() {
        let text = format!("never checked at their present inventory revision: {}", list(unchecked));
        let advice = "run `byleave nodes check`: where support is blocked they take no infrastructure session";
        findings.push(Finding::warning("nodes", text, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::good("nodes", "each has a passing check, or its owner accepted the risk"));
    }
    findings
}

fn invitation(name: &str, until: Timestamp, now: Timestamp) -> Option<Finding> {
    let left = until.since(now);
    let text = match left {
        ..=0 => format!("that of `{name}` ran out before anybody claimed it"),
        1..=DAY => format!("that of `{name}` runs out in {}", Span(left)),
        _ => return None,
    };
    Some(Finding::warning(
        "invitations",
        text,
        format!("invite its first owner again: byleave organizations invite '{name}' EMAIL"),
    ))
}

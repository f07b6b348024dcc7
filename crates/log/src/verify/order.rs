//! Whether each entry of the evidence stands where its index says: what is missing, what changed places.

use std::collections::BTreeSet;

use super::{Finding, Kind, Seen};

/// Every entry that is missing, doubled, or in another one's place.
pub(super) fn check(entries: &[Seen]) -> Vec<Finding> {
    let indices: BTreeSet<u64> = entries.iter().filter_map(index).collect();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut expected: u64 = 0;
    for entry in entries {
        let Some(index) = index(entry) else {
            expected += 1;
            continue;
        };
        if !seen.insert(index) {
            findings.push(finding(index, Kind::Reordered, format!("entry {index} stands here a second time")));
            continue;
        }
        // What stands nowhere is missing; what stands elsewhere has changed places.
        while expected < index && !indices.contains(&expected) {
            let next = indices.range(expected..).next().copied().unwrap_or(index);
            findings.push(missing(expected, next));
            expected = next;
        }
        if expected != index {
            let text = format!("the log was reordered: entry {index} stands where entry {expected} belongs");
            findings.push(finding(expected, Kind::Reordered, text));
        }
        expected += 1;
    }
    findings
}

fn index(seen: &Seen) -> Option<u64> {
    match seen {
        Seen::Broken | Seen::Hidden => None,
        Seen::Visible(entry) => Some(entry.index),
    }
}

fn missing(from: u64, to: u64) -> Finding {
    let text = match to - from {
        1 => format!("entry {from} was dropped: the one after it follows at once"),
        _ => format!("the entries {from} to {} were dropped", to - 1),
    };
    finding(from, Kind::Dropped, text)
}

fn finding(index: u64, kind: Kind, text: String) -> Finding {
    Finding { index: Some(index), kind, text }
}

//! What a node check found: one line for each try.
//!
//! The words that the account's probe prints as JSON, and that `byleave node check` and the server read.

use serde::{Deserialize, Serialize};

/// What one try found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    /// It cannot be reached.
    Closed,
    /// It could not be tried; the detail says why. Where it matters ([`NEEDED`]) that is as bad as open.
    NotTested,
    /// It can be reached.
    Open,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// What was tried.
    pub(crate) name: String,
    /// What was found.
    pub(crate) verdict: Verdict,
    /// What exactly, or why not.
    pub(crate) detail: String,
}

/// The verdicts of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The account that tried.
    pub(crate) account: String,
    /// Whether nothing was open and all that matters was tried.
    pub(crate) passed: bool,
    /// Every try.
    pub(crate) lines: Vec<Line>,
}

/// What a session must never reach (invariant 5): tried and closed, or the node has no passing check. A database that
/// is down, or in another place than was named, is doubt, and doubt closes the door.
pub(crate) const NEEDED: [&str; 5] = ["data files", "key file", "database port", "database socket", "outside network"];

impl Line {
    /// Whether this line lets a check pass.
    pub(crate) fn passes(&self) -> bool {
        match self.verdict {
            Verdict::Closed => true,
            Verdict::NotTested => !NEEDED.contains(&self.name.as_str()),
            Verdict::Open => false,
        }
    }

    /// The verdict with its detail, for people.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.verdict.word(), self.detail)
    }
}

impl Verdict {
    /// The verdict for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::NotTested => "not tested",
            Self::Open => "open",
        }
    }
}

impl Report {
    /// Whether nothing was open and all that matters was tried. Judged from the lines, whatever the probe says of itself.
    pub(crate) fn passes(&self) -> bool {
        let is_there = |name: &&str| self.lines.iter().any(|line| line.name == **name);
        NEEDED.iter().all(is_there) && self.lines.iter().all(Line::passes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        let line = |name: &&str| Line { name: (*name).to_owned(), verdict, detail: String::new() };
        let lines = NEEDED.iter().chain(&["groups"]).map(line).collect();
        Report { account: "byleave".to_owned(), passed: true, lines }
    }

    #[test]
    fn what_matters_must_be_tried_and_closed() {
        assert!(report(Verdict::Closed).passes());
        for name in NEEDED {
            for verdict in [Verdict::NotTested, Verdict::Open] {
                let mut report = report(Verdict::Closed);
                report.lines.iter_mut().filter(|line| line.name == name).for_each(|line| line.verdict = verdict);
                assert!(!report.passes(), "{name} is {}", verdict.word());
            }
            let mut report = report(Verdict::Closed);
            report.lines.retain(|line| line.name != name);
            assert!(!report.passes(), "{name} is left out");
        }
        let mut report = report(Verdict::Closed);
        report.lines.iter_mut().filter(|line| line.name == "groups").for_each(|line| line.verdict = Verdict::NotTested);
        assert!(report.passes(), "the others are told only");
    }
}

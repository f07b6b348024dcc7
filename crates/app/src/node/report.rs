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
    /// It could not be tried; the detail says why.
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
    /// Whether nothing was open.
    pub(crate) passed: bool,
    /// Every try.
    pub(crate) lines: Vec<Line>,
}

impl Line {
    /// Whether it was tried and cannot be reached, or could not be tried.
    pub(crate) fn is_closed(&self) -> bool {
        self.verdict != Verdict::Open
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
    /// Whether nothing was open. Judged from the lines, whatever the probe says of itself.
    pub(crate) fn passes(&self) -> bool {
        self.lines.iter().all(Line::is_closed)
    }
}

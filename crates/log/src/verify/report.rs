//! What a verification found, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::bundle::Rights;

/// The outcome of a verification. Its text and JSON are what `byleave evidence verify` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The outcome in one word.
    pub verdict: Verdict,
    /// The log: `installation` or the id of an organization. Empty if the checkpoint could not be read.
    pub log: String,
    /// The installation.
    pub installation: String,
    /// How many entries the evidence has.
    pub entries: u64,
    /// With which rights the evidence says it was exported, or those that were demanded.
    pub rights: Option<Rights>,
    /// How many of them are known by hash only: those of projects that whoever exported cannot see.
    pub hidden: u64,
    /// How many texts of the others are known by hash only: erased, or taken out of the evidence.
    pub withheld_texts: u64,
    /// How many of them were replayed.
    pub replayed: u64,
    /// How many kept anchors were compared.
    pub anchors: u64,
    /// When the first visible entry was made.
    pub first_at: Option<String>,
    /// When the last visible entry was made. What happened since is not in this evidence.
    pub last_at: Option<String>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What deserves a look and can happen to an honest installation.
    pub notices: Vec<Finding>,
}

impl Report {
    pub(super) fn take(&mut self, finding: Finding, notice: bool) {
        if notice { self.notices.push(finding) } else { self.findings.push(finding) }
    }
}

/// The outcome in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Something is wrong.
    #[default]
    #[serde(rename = "failed")]
    Failed,
    /// Nothing is wrong, but without a key from elsewhere anybody could have made it.
    #[serde(rename = "consistent, not authenticated")]
    NotAuthenticated,
    /// Nothing is wrong, and the given key signed it.
    #[serde(rename = "verified")]
    Verified,
}

impl Verdict {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotAuthenticated => "consistent, not authenticated",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that is wrong, or deserves a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The index of the entry it is about, if it is about one.
    pub index: Option<u64>,
    /// What kind of thing.
    pub kind: Kind,
    /// What exactly, in words for people.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "entry {index}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The evidence does not fit an anchor.
    Anchor,
    /// An entry stands after the last one that was signed.
    Appended,
    /// An entry's text was changed.
    Changed,
    /// The checkpoint is not to be believed.
    Checkpoint,
    /// An entry is missing between others.
    Dropped,
    /// An entry is withheld from who may see the whole.
    Hidden,
    /// The key is another one.
    Key,
    /// An entry was not allowed where it stands.
    NotAllowed,
    /// Entries changed places.
    Reordered,
    /// The entries as a whole are not those that were signed.
    Root,
    /// A text beside an entry is not the one that was logged.
    Text,
    /// Entries are missing at the end.
    Truncated,
}

impl Kind {
    /// Whether the log is not whole from there on, so that replaying it further would only mislead.
    pub(super) const fn is_break(self) -> bool {
        match self {
            Self::Changed | Self::Dropped | Self::Reordered => true,
            Self::Anchor
            | Self::Appended
            | Self::Checkpoint
            | Self::Hidden
            | Self::Key
            | Self::NotAllowed
            | Self::Root
            | Self::Text
            | Self::Truncated => false,
        }
    }
}

/// A few lines for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        writeln!(f, "log {} of installation {}", self.log, self.installation)?;
        write!(f, "{} entries, {} replayed, {} anchors compared", self.entries, self.replayed, self.anchors)?;
        if let Some(last) = &self.last_at {
            write!(f, ", the last one of {last}")?;
        }
        writeln!(f)?;
        if self.hidden > 0 && self.rights != Some(Rights::Whole) {
            writeln!(
                f,
                "{} entries are known by hash only: they should be of projects that whoever exported this cannot see; an \
                 owner, who sees all, verifies with --whole",
                self.hidden
            )?;
        }
        if self.anchors == 0 {
            writeln!(
                f,
                "not checked: whether entries at the end were cut off, or all rewritten; that takes a kept anchor"
            )?;
        }
        self.findings.iter().try_for_each(|finding| writeln!(f, "wrong: {finding}"))?;
        self.notices.iter().try_for_each(|notice| writeln!(f, "look at: {notice}"))
    }
}

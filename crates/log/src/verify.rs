//! Verifies exported evidence offline and says what it found, each finding with the index it is about.
//!
//! Four questions, in this order: did the key sign the checkpoint; do the entries make the tree it tells of, each in
//! its place; do they fit what the customer kept before (anchors); was every entry allowed where it stands
//! ([`crate::replay`]). Without a key from elsewhere the best answer is "consistent, not authenticated". This must
//! never say "verified" while anything is found.

mod order;
mod report;

use std::collections::BTreeMap;

use byleave_core::event::{Entry, Event, LogId};
use byleave_core::field::{Erasable, Value};

use crate::anchor::Anchor;
use crate::bundle::{Bundle, BundleEntry, Rights};
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::key::VerifyingKey;
use crate::leaf::{decode, disclose, leaf_hash, log_text};
use crate::replay::Replay;
use crate::tree::Frontier;

pub use report::{Finding, Kind, Report, Verdict};

/// Verifies evidence. `key` is the installation's key as the customer has it from elsewhere; `anchors` are all that
/// they kept, those of other logs included. Whoever may see the whole organization says so in [`Bundle::rights`], if the
/// evidence does not.
pub fn verify(bundle: &Bundle, key: Option<&VerifyingKey>, anchors: &[Anchor]) -> Report {
    let mut verifier = Verifier { bundle, report: Report::default() };
    let Some((checkpoint, key)) = verifier.checkpoint(key) else { return verifier.end(false) };
    verifier.report.log = log_text(checkpoint.origin.log);
    verifier.report.installation = checkpoint.origin.installation.to_string();
    verifier.report.entries = bundle.entries.len() as u64;
    let entries = verifier.entries();
    let broken = verifier.order(&entries);
    verifier.tree(&checkpoint);
    verifier.anchors(&checkpoint, key.as_ref(), anchors);
    verifier.replay(&checkpoint, &entries, broken);
    verifier.end(key.is_some_and(|key| key.given))
}

/// The key to believe: the one that was given, else the one in the evidence.
struct Key {
    key: VerifyingKey,
    given: bool,
}

/// An entry of the evidence as far as it can be read.
pub(crate) enum Seen {
    /// It is no leaf, or not the one of its hash.
    Broken,
    /// Known by hash only.
    Hidden,
    /// Read.
    Visible(Box<Entry>),
}

struct Verifier<'a> {
    bundle: &'a Bundle,
    report: Report,
}

impl Verifier<'_> {
    fn find(&mut self, index: Option<u64>, kind: Kind, text: impl Into<String>) {
        self.report.findings.push(Finding { index, kind, text: text.into() });
    }

    /// The checkpoint, believed or at least read, and the key.
    fn checkpoint(&mut self, given: Option<&VerifyingKey>) -> Option<(Checkpoint, Option<Key>)> {
        let own = VerifyingKey::parse(&self.bundle.key);
        let key = match (given, &own) {
            (Some(given), Ok(own)) if own != given => {
                self.find(None, Kind::Key, "the evidence names another key than the one you gave");
                Some(Key { key: given.clone(), given: true })
            }
            (Some(given), Ok(_) | Err(_)) => Some(Key { key: given.clone(), given: true }),
            (None, Ok(own)) => Some(Key { key: own.clone(), given: false }),
            (None, Err(_)) => None,
        };
        if let Err(error) = own {
            self.find(None, Kind::Key, format!("the key in the evidence {error}"));
        }
        let note = &self.bundle.checkpoint;
        let opened = key.as_ref().map(|key| Checkpoint::open(note, &key.key));
        if let Some(Err(error)) = &opened {
            self.find(None, Kind::Checkpoint, format!("the checkpoint {error}"));
        }
        let read = opened.and_then(Result::ok).or_else(|| Checkpoint::read_unverified(note).ok());
        read.map(|checkpoint| (checkpoint, key))
    }

    /// Reads each entry and compares its text with its hash, and the texts told beside it with the hashes in it.
    fn entries(&mut self) -> Vec<Seen> {
        let bundle = self.bundle;
        bundle.entries.iter().zip(0..).map(|(entry, index)| self.entry(entry, index)).collect()
    }

    fn entry(&mut self, entry: &BundleEntry, index: u64) -> Seen {
        let Some(leaf) = &entry.leaf else {
            if self.bundle.rights == Some(Rights::Whole) {
                let text = "the entry is withheld: only its hash is told, in evidence of the whole organization";
                self.find(Some(index), Kind::Hidden, text);
            }
            if !entry.disclosures.is_empty() {
                self.find(Some(index), Kind::Text, "a text is told of an entry that is hidden");
            }
            return Seen::Hidden;
        };
        let intact = leaf_hash(leaf.as_bytes()) == entry.hash;
        if !intact {
            self.find(Some(index), Kind::Changed, "the entry was changed: its text is not the one that was hashed");
        }
        match decode(leaf.as_bytes()) {
            Ok(read) => {
                match disclose(&read.event, &entry.disclosures) {
                    Ok(told) => self.report.withheld_texts += withheld(&told),
                    Err(error) => self.find(Some(index), Kind::Text, error.to_string()),
                }
                if intact { Seen::Visible(Box::new(read)) } else { Seen::Broken }
            }
            Err(error) => {
                if intact {
                    self.find(Some(index), Kind::Changed, format!("the entry {error}"));
                }
                Seen::Broken
            }
        }
    }

    /// Whether each entry is in its place. Answers the first index at which the log is not whole.
    fn order(&mut self, entries: &[Seen]) -> u64 {
        let findings = order::check(entries);
        self.report.findings.extend(findings);
        let indices = self.report.findings.iter().filter(|finding| finding.kind.is_break());
        indices.filter_map(|finding| finding.index).min().unwrap_or(u64::MAX)
    }

    /// Whether the entries make the tree that was signed.
    fn tree(&mut self, checkpoint: &Checkpoint) {
        let size = self.bundle.entries.len() as u64;
        let is_broken = self.report.findings.iter().any(|finding| finding.kind.is_break());
        if size < checkpoint.size && !is_broken {
            let text =
                format!("entries are missing: the checkpoint is of {}, the evidence has {size}", checkpoint.size);
            self.find(Some(size), Kind::Truncated, text);
        } else if size > checkpoint.size {
            let text = format!("the checkpoint covers {} entries only; this one was appended to it", checkpoint.size);
            self.find(Some(checkpoint.size), Kind::Appended, text);
        }
        let roots = self.roots([checkpoint.size]);
        if !is_broken && roots.get(&checkpoint.size).is_some_and(|root| *root != checkpoint.root) {
            let text = "the entries are not those that were signed: at least one of them was changed with its hash";
            self.find(None, Kind::Root, text);
        }
    }

    /// The roots of the trees of the first so many entries, where there are so many.
    fn roots(&self, sizes: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Hash> {
        let mut sizes: Vec<u64> = sizes.into_iter().collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut tree = Frontier::new();
        let mut hashes = self.bundle.entries.iter().map(|entry| entry.hash);
        let mut roots = BTreeMap::new();
        for size in sizes.into_iter().filter(|size| *size <= self.bundle.entries.len() as u64) {
            let missing = usize::try_from(size - tree.size()).unwrap_or(usize::MAX);
            tree.extend(hashes.by_ref().take(missing));
            roots.insert(size, tree.root());
        }
        roots
    }

    /// Whether the entries fit the states that the customer kept.
    fn anchors(&mut self, checkpoint: &Checkpoint, key: Option<&Key>, anchors: &[Anchor]) {
        let Some(Key { key, .. }) = key else { return };
        let mut kept = Vec::new();
        for anchor in anchors.iter().filter(|anchor| concerns(anchor, checkpoint)) {
            match anchor.open(key) {
                Ok(opened) => kept.push((opened, anchor.index)),
                Err(error) => self.find(Some(anchor.index), Kind::Anchor, error.to_string()),
            }
        }
        kept.sort_by_key(|(opened, _)| opened.size);
        self.report.anchors = kept.len() as u64;
        let size = self.bundle.entries.len() as u64;
        if let Some((newest, _)) = kept.last().filter(|(newest, _)| newest.size > size.min(checkpoint.size)) {
            let first = size.min(checkpoint.size);
            let text = format!(
                "the log was cut off here: your newest anchor is of {} entries, the evidence tells {first}",
                newest.size
            );
            self.find(Some(first), Kind::Truncated, text);
        }
        let roots = self.roots(kept.iter().map(|(opened, _)| opened.size));
        let mut agreed = 0;
        for (opened, index) in kept {
            match roots.get(&opened.size) {
                Some(root) if *root == opened.root => agreed = opened.size,
                Some(_) => {
                    let last = opened.size - 1;
                    let text = format!(
                        "the log is not the one of your anchor of entry {index}: between entry {agreed} and entry {last} \
                         something was changed, dropped or reordered since you kept it"
                    );
                    self.find(Some(agreed), Kind::Anchor, text);
                    return;
                }
                None => return,
            }
        }
    }

    /// Whether every entry was allowed where it stands, up to where the log is no longer whole.
    fn replay(&mut self, checkpoint: &Checkpoint, entries: &[Seen], broken: u64) {
        let mut replay = Replay::new(checkpoint.origin.log);
        for (seen, index) in entries.iter().zip(0..) {
            let entry = match seen {
                _ if index >= broken => break,
                Seen::Broken => break,
                Seen::Hidden => {
                    replay.pass_hidden();
                    continue;
                }
                Seen::Visible(entry) => entry,
            };
            for problem in replay.apply(entry) {
                let finding = Finding { index: Some(index), kind: Kind::NotAllowed, text: problem.to_string() };
                self.report.take(finding, problem.is_notice());
            }
        }
        for (index, problem) in replay.finish() {
            let finding = Finding { index: Some(index), kind: Kind::NotAllowed, text: problem.to_string() };
            self.report.take(finding, problem.is_notice());
        }
        self.report.rights = self.bundle.rights;
        self.report.hidden = entries.iter().filter(|seen| matches!(seen, Seen::Hidden)).count() as u64;
        self.report.replayed = replay.size() - replay.hidden();
        if let Some((first, last)) = replay.span() {
            self.report.first_at = Some(first.to_string());
            self.report.last_at = Some(last.to_string());
        }
    }

    fn end(mut self, authenticated: bool) -> Report {
        if self.report.withheld_texts > 0 {
            let text = format!(
                "of {} texts, such as reasons and cases, only the hash is told: they were erased in the installation, or \
                 taken out of this file",
                self.report.withheld_texts
            );
            self.report.notices.push(Finding { index: None, kind: Kind::Text, text });
        }
        self.report.findings.sort_by_key(|finding| finding.index.map_or((0, 0), |index| (1, index)));
        self.report.verdict = match (self.report.findings.is_empty(), authenticated) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::NotAuthenticated,
            (true, true) => Verdict::Verified,
        };
        self.report
    }
}

/// How many texts of an event are known by hash only.
fn withheld(event: &Event) -> u64 {
    let fields = event.fields().into_iter();
    fields.filter(|(_, value)| matches!(value, Value::Erasable(Erasable::Erased { .. }))).count() as u64
}

/// Whether an anchor is of the log in question. Organizations' ids are unique, so one under another installation is no
/// excuse; every installation has a log of its own, so there it is.
fn concerns(anchor: &Anchor, checkpoint: &Checkpoint) -> bool {
    let elsewhere = || {
        Checkpoint::read_unverified(&anchor.checkpoint)
            .is_ok_and(|kept| kept.origin.installation != checkpoint.origin.installation)
    };
    anchor.log == checkpoint.origin.log && (anchor.log != LogId::Installation || !elsewhere())
}

//! Evidence as a file: what a customer exports and verifies offline.
//!
//! One JSON object, with each entry on a line of its own: the key, a checkpoint, and the entries in order. An entry is
//! told in full (`leaf`, the canonical text, and `disclosures`, the erasable texts with their salts) or, where whoever
//! exports may not see its project, by `hash` only. The hash stands beside each leaf so that a changed text can be told
//! from a changed tree. Nothing here is believed before [`crate::verify`](mod@crate::verify) has looked at it.

use std::fmt;

use byleave_core::event::Entry;
use serde::{Deserialize, Serialize};

use crate::hash::{Hash, read_hex};
use crate::leaf::{Disclosure, disclosures, encode, leaf_hash};

/// The name of the format, as it stands in each file.
pub const FORMAT: &str = "byleave-evidence-1";

/// Exported evidence of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The name of the format, [`FORMAT`].
    pub format: String,
    /// With which rights it was exported, as the server says. Files of before this was told have none.
    #[serde(default)]
    pub rights: Option<Rights>,
    /// The key that is said to have signed the checkpoint. Trust only one that you have from elsewhere.
    pub key: String,
    /// The signed note that covers all entries.
    pub checkpoint: String,
    /// The entries from the first on.
    pub entries: Vec<BundleEntry>,
}

/// With which rights evidence was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// Of some projects: entries of others are hashes.
    Projects,
    /// Of the whole organization: nothing may be hidden.
    Whole,
}

/// One entry of exported evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// The hash of its leaf.
    pub hash: Hash,
    /// The canonical text, unless hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// The texts that the leaf holds hashes of, as far as they are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "disclosure_texts")]
    pub disclosures: Vec<Disclosure>,
}

impl BundleEntry {
    /// An entry told in full, with those of its erasable texts that are at hand.
    pub fn visible(entry: &Entry) -> Self {
        Self::of_leaf(encode(entry), disclosures(&entry.event))
    }

    /// An entry told in full, from the bytes of its leaf.
    pub fn of_leaf(leaf: Vec<u8>, disclosures: Vec<Disclosure>) -> Self {
        let leaf = String::from_utf8(leaf).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
        Self { hash: leaf_hash(leaf.as_bytes()), leaf: Some(leaf), disclosures }
    }

    /// An entry of which only the hash is told.
    pub const fn hidden(hash: Hash) -> Self {
        Self { hash, leaf: None, disclosures: Vec::new() }
    }
}

/// The text is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Another format.
    #[error("the format is `{0}`, which this program does not know")]
    Format(String),
    /// Not of the form at all.
    #[error("is no evidence of Byleave: {0}")]
    Malformed(String),
}

impl Bundle {
    /// Evidence of these entries under this checkpoint.
    pub fn new(rights: Rights, key: String, checkpoint: String, entries: Vec<BundleEntry>) -> Self {
        Self { format: FORMAT.to_owned(), rights: Some(rights), key, checkpoint, entries }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BundleError`] if it is of another form.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_str(text).map_err(|error| BundleError::Malformed(error.to_string()))?;
        if bundle.format == FORMAT { Ok(bundle) } else { Err(BundleError::Format(bundle.format)) }
    }
}

/// The form in a file.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = begin(self.rights, &self.key, &self.checkpoint);
        for (position, entry) in self.entries.iter().enumerate() {
            push(&mut text, position as u64, entry);
            f.write_str(&std::mem::take(&mut text))?;
        }
        text.push_str(END);
        f.write_str(&text)
    }
}

/// What a file ends with.
pub const END: &str = "\n]}\n";

/// What a file begins with: for whoever writes one piece by piece, because it may be as long as a log.
pub fn begin(rights: Option<Rights>, key: &str, checkpoint: &str) -> String {
    let [format, key, checkpoint] = [FORMAT, key, checkpoint].map(json);
    let rights = rights.map(|rights| format!("\"rights\":{},\n", json(rights))).unwrap_or_default();
    format!("{{\"format\":{format},\n{rights}\"key\":{key},\n\"checkpoint\":{checkpoint},\n\"entries\":[")
}

/// Adds the entry at a position, the first of which is 0.
pub fn push(text: &mut String, position: u64, entry: &BundleEntry) {
    text.push_str(if position == 0 { "\n" } else { ",\n" });
    text.push_str(&json(entry));
}

fn json(value: impl Serialize) -> String {
    // INVARIANT: nothing here is a map or fails to serialize.
    serde_json::to_string(&value).unwrap_or_default()
}

/// Disclosures with their salts as hexadecimal digits.
mod disclosure_texts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::{Disclosure, read_hex};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Text {
        field: String,
        salt: String,
        text: String,
    }

    pub(super) fn serialize<S: Serializer>(disclosures: &[Disclosure], serializer: S) -> Result<S::Ok, S::Error> {
        let text = |disclosure: &Disclosure| Text {
            field: disclosure.field.clone(),
            salt: hex::encode(disclosure.salt),
            text: disclosure.text.clone(),
        };
        disclosures.iter().map(text).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Disclosure>, D::Error> {
        let read = |Text { field, salt, text }| {
            let salt = read_hex(&salt).ok_or_else(|| D::Error::custom("salt must be 32 hexadecimal digits"))?;
            Ok(Disclosure { field, salt, text })
        };
        Vec::<Text>::deserialize(deserializer)?.into_iter().map(read).collect()
    }
}

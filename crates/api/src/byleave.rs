//! The types of `/api/byleave/v1`: what Atlas has no path for, in the same manner.
//!
//! Instants are RFC 3339 in UTC with milliseconds; spans end in `Ms`. Answers to a change carry [`Anchor`]s, which the
//! caller keeps to prove later what was recorded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub mod access;
pub mod customer;
pub mod recovery;
pub mod request;
pub mod vendor;

pub use access::*;
pub use customer::*;
pub use recovery::*;
pub use request::*;
pub use vendor::*;

/// A place in a log and the checkpoint that covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anchor {
    /// `installation`, or the organization's id.
    pub log: String,
    /// The index of the entry.
    pub index: u64,
    /// The signed checkpoint that covers it.
    pub checkpoint: String,
}

/// The answer to a change that has nothing else to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

/// A list that comes whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// What is on it.
    pub results: Vec<T>,
}

/// Whether the server works. `GET /health` says that it runs, `GET /ready` that it can let somebody in: 503 if not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `not ready`.
    pub status: String,
    /// What time it is for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Set while the clock cannot be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// What `GET /ready` looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ReadyPart>,
}

/// Something that the server needs to let anybody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadyPart {
    /// `clock`, `lease`, `recordings` or `store`.
    pub name: String,
    /// Whether it works.
    pub ready: bool,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The key that signs the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogKey {
    /// Its public half as a C2SP verifier key.
    pub key: String,
}

/// The latest checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The signed note.
    pub checkpoint: String,
    /// With `?from=<size>`: the proof, hash by hash in base64, that the log continues what it was at that size.
    #[serde(default)]
    pub consistency: Vec<String>,
}

/// The proof that an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inclusion {
    /// The index of the entry.
    pub index: u64,
    /// Its hash, in base64 (RFC 6962 §2.1).
    pub leaf_hash: String,
    /// The signed note of the log's latest checkpoint.
    pub checkpoint: String,
    /// The proof for the tree of that checkpoint, hash by hash in base64, from the entry up (RFC 6962 §2.1.1).
    pub inclusion: Vec<String>,
}

//! Lists that come page by page, and links.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A link from an answer to another resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// The address.
    pub href: String,
    /// What it is: `self`, `next`, `previous`.
    pub rel: String,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// This page, the next and the previous one.
    pub links: Vec<Link>,
    /// What is on this page.
    pub results: Vec<T>,
    /// How many there are on all pages, unless the caller did not want it counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u64>,
}

/// An object as it travels with `envelope=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Envelope<T> {
    /// The HTTP status.
    pub status: u16,
    /// The object.
    pub content: T,
}

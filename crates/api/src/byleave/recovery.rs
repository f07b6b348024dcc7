//! The recovery of a lost last owner.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Anchor;

/// Who is to become an owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoverOwner {
    /// The name of the new owner, an e-mail address that nobody has yet.
    pub owner_user_name: String,
}

/// A recovery: it adds an owner and removes nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Its id.
    pub id: String,
    /// Who is to become an owner.
    pub owner_user_name: String,
    /// When it was started.
    pub started_at: String,
    /// Until when nobody can be invited: 72 hours later.
    pub ready_at: String,
    /// `waiting`, `ready`, `invited`, `claimed`, `stopped`, `lapsed`, or `clock reset`.
    pub status: String,
    /// Whether members can stop it.
    pub stoppable: bool,
}

/// The latest recovery of an organization, if there ever was one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatestRecovery {
    /// It.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
}

/// A recovery was started or stopped, or there was none to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryChanged {
    /// It.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What was recorded.
    pub anchors: Vec<Anchor>,
}

//! The addresses of the pages, written in one place. Cluster names need no escaping: they hold letters, digits, hyphens.

use byleave_core::id::{
    ApiKeyId, InvitationId, NodeId, ProjectId, RequestId, SecretId, ServiceAccountId, SessionId, UserId,
};
use byleave_core::name::ClusterName;
use byleave_core::network::Network;

/// The list of clusters, where a visitor arrives.
pub(super) const CLUSTERS: &str = "/clusters";
/// The activity feed.
pub(super) use crate::feed_filter::ACTIVITY;
/// The sessions.
pub(super) const SESSIONS: &str = "/sessions";
/// The organization's settings.
pub(super) const SETTINGS: &str = "/settings";
/// The dialogue that blocks.
pub(super) const BLOCK: &str = "/settings/block";
/// The dialogue that lifts the block.
pub(super) const UNBLOCK: &str = "/settings/unblock";
/// The dialogue that sets the longest grant.
pub(super) const LONGEST: &str = "/settings/longest-grant";
/// The visitor's own account.
pub(super) const ACCOUNT: &str = "/account";
/// Where another password is sent.
pub(super) const SET_PASSWORD: &str = "/account/password";
/// What can be taken away and verified.
pub(super) const EVIDENCE: &str = "/evidence";
/// The organization's log as a file.
pub(super) const EVIDENCE_FILE: &str = "/evidence/log";
/// The present checkpoint as a file.
pub(super) const ANCHOR_FILE: &str = "/evidence/checkpoint";
/// The users.
pub(super) const USERS: &str = "/users";
/// The dialogue that invites a user.
pub(super) const INVITE: &str = "/users/invite";
/// The API keys.
pub(super) const API_KEYS: &str = "/api-keys";
/// The dialogue that makes an API key.
pub(super) const NEW_API_KEY: &str = "/api-keys/new";
/// The description of the API, for people.
pub(super) const OPENAPI: &str = "/openapi";
/// Where a recovery is stopped.
pub(super) const STOP_RECOVERY: &str = "/recovery/stop";
/// The dialogue that makes a service account.
pub(super) const NEW_SERVICE_ACCOUNT: &str = "/service-accounts/new";
/// Sign-in.
pub(super) const SIGN_IN: &str = "/sign-in";
/// Sign-out.
pub(super) const SIGN_OUT: &str = "/sign-out";

/// One cluster.
pub(super) fn cluster(project: ProjectId, name: impl std::fmt::Display) -> String {
    format!("/projects/{project}/clusters/{name}")
}

/// The dialogue that grants; `sync` asks for App Services sync data.
pub(super) fn grant(project: ProjectId, name: &ClusterName, sync: bool) -> String {
    format!("/projects/{project}/clusters/{name}/grant{}", if sync { "?sync=data" } else { "" })
}

/// The dialogue that revokes.
pub(super) fn revoke(project: ProjectId, name: &ClusterName) -> String {
    format!("/projects/{project}/clusters/{name}/revoke")
}

/// The dialogue that accepts the risk of a node.
pub(super) fn accept_risk(project: ProjectId, name: &ClusterName, node: NodeId) -> String {
    format!("/projects/{project}/clusters/{name}/nodes/{node}/accept-risk")
}

/// The dialogue that approves a request.
pub(super) fn approve(request: RequestId) -> String {
    format!("/requests/{request}/approve")
}

/// The dialogue that declines a request.
pub(super) fn decline(request: RequestId) -> String {
    format!("/requests/{request}/decline")
}

/// One session.
pub(super) fn session(session: SessionId) -> String {
    format!("/sessions/{session}")
}

/// The recording of a session.
pub(super) fn recording(session: SessionId) -> String {
    format!("/sessions/{session}/recording")
}

/// A part of a recording, to take away. Names of parts hold letters, digits and full stops.
pub(super) fn recording_part(session: SessionId, name: &str) -> String {
    format!("/sessions/{session}/recording/{name}")
}

/// The button that ends a session.
pub(super) fn end_session(session: SessionId) -> String {
    format!("/sessions/{session}/end")
}

/// The dialogue that withdraws an invitation.
pub(super) fn withdraw_invitation(invitation: InvitationId) -> String {
    format!("/users/invitations/{invitation}/withdraw")
}

/// The dialogue that withdraws a link for a new password.
pub(super) fn withdraw_reset(reset: InvitationId) -> String {
    format!("/users/password-resets/{reset}/withdraw")
}

/// The dialogue of a user's roles.
pub(super) fn roles(user: UserId) -> String {
    format!("/users/{user}/roles")
}

/// The dialogue that makes a link for a new password of a user.
pub(super) fn reset_password(user: UserId) -> String {
    format!("/users/{user}/reset-password")
}

/// The dialogue that removes a user.
pub(super) fn remove_user(user: UserId) -> String {
    format!("/users/{user}/remove")
}

/// The dialogue that removes an API key.
pub(super) fn remove_api_key(key: ApiKeyId) -> String {
    format!("/api-keys/{key}/remove")
}

/// One service account.
pub(super) fn service_account(account: ServiceAccountId) -> String {
    format!("/service-accounts/{account}")
}

/// The dialogue that removes a service account.
pub(super) fn remove_service_account(account: ServiceAccountId) -> String {
    format!("/service-accounts/{account}/remove")
}

/// The dialogue that makes another secret of a service account.
pub(super) fn new_secret(account: ServiceAccountId) -> String {
    format!("/service-accounts/{account}/new-secret")
}

/// The dialogue that removes a secret.
pub(super) fn remove_secret(account: ServiceAccountId, secret: SecretId) -> String {
    format!("/service-accounts/{account}/secrets/{secret}/remove")
}

/// The dialogue that adds to the access list of a service account.
pub(super) fn new_network(account: ServiceAccountId) -> String {
    format!("/service-accounts/{account}/new-address")
}

/// The dialogue that removes an entry of an access list. The slash and the colons of a network are escaped.
pub(super) fn remove_network(account: ServiceAccountId, network: Network) -> String {
    let network = network.to_string().replace('/', "%2F").replace(':', "%3A");
    format!("/service-accounts/{account}/access-list/{network}/remove")
}

//! From what the store keeps to what the API says, and the few types that go the other way.

use byleave_api::atlas;
use byleave_api::byleave as api;
use byleave_api::error::ErrorCode;
use byleave_core::actor::By;
use byleave_core::event::LogId;
use byleave_core::field::{Erasable, Field as _, Fields, Value as Plain};
use byleave_core::grant::{Grant, GrantStatus};
use byleave_core::inventory::{Node, NodeCheck};
use byleave_core::recovery::{Recovery, RecoveryEnd, RecoveryStatus};
use byleave_core::request::{RequestEnd, RequestStatus};
use byleave_core::role::Roles;
use byleave_core::time::Timestamp;
use byleave_store::cluster::ClusterRow;
use byleave_store::event::EventRow;
use byleave_store::request::RequestRow;
use byleave_store::session::SessionRow;
use byleave_store::sync::SyncCredential;
use byleave_store::transaction::Anchor;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::api::error::Failure;

/// Whether a name begins with what a filter asks for, in whatever case, as Atlas says of its filters by name.
pub fn begins(name: &str, asked: &str) -> bool {
    name.to_lowercase().starts_with(&asked.to_lowercase())
}

/// Anchors.
pub fn anchors(anchors: Vec<Anchor>) -> Vec<api::Anchor> {
    anchors
        .into_iter()
        .map(|anchor| api::Anchor { log: log(anchor.log), index: anchor.index, checkpoint: anchor.checkpoint })
        .collect()
}

fn log(log: LogId) -> String {
    match log {
        LogId::Installation => "installation".to_owned(),
        LogId::Organization(id) => id.to_string(),
    }
}

/// Who caused something, as the log names them.
pub fn by(by: &By) -> String {
    match by.to_value() {
        Plain::Text(text) => text,
        Plain::Absent | Plain::Bool(_) | Plain::Erasable(_) | Plain::Int(_) | Plain::Texts(_) => String::new(),
    }
}

/// A grant as it stands at `now`.
pub fn grant(grant: &Grant, now: Timestamp) -> api::Grant {
    let status = grant.status(now);
    let (word, remaining_ms) = match status {
        GrantStatus::Active { until } => ("active", until.since(now)),
        GrantStatus::Ended { .. } => ("ended", 0),
        GrantStatus::Expired { .. } => ("expired", 0),
    };
    api::Grant {
        id: grant.id.to_string(),
        cluster_id: grant.cluster.to_string(),
        grant_type: grant.kind.to_string(),
        granted_by: by(&grant.granted_by),
        granted_at: grant.granted_at.to_string(),
        expires_at: grant.expires_at.to_string(),
        remaining_ms,
        status: word.to_owned(),
        ended_at: grant.ended.map(|(at, _)| at.to_string()),
        end_reason: grant.ended.map(|(_, reason)| reason.as_str().to_owned()),
        inventory_revision: grant.inventory_revision.number(),
        case: grant.case.as_ref().map(ToString::to_string),
        reason: grant.reason.as_ref().map(ToString::to_string),
    }
}

/// A recovery as it stands at `now`.
pub fn recovery(recovery: &Recovery, now: Timestamp) -> api::Recovery {
    let status = match recovery.status(now) {
        RecoveryStatus::Ended { end: RecoveryEnd::Claimed, .. } => "claimed",
        RecoveryStatus::Ended { end: RecoveryEnd::ClockReset, .. } => "clock reset",
        RecoveryStatus::Ended { end: RecoveryEnd::Stopped, .. } => "stopped",
        RecoveryStatus::Invited { .. } => "invited",
        RecoveryStatus::Lapsed { .. } => "lapsed",
        RecoveryStatus::Ready { .. } => "ready",
        RecoveryStatus::Waiting { .. } => "waiting",
    };
    api::Recovery {
        id: recovery.id.to_string(),
        owner_user_name: recovery.user_name.to_string(),
        started_at: recovery.started_at.to_string(),
        ready_at: recovery.ready_at.to_string(),
        status: status.to_owned(),
        stoppable: recovery.is_open(now),
    }
}

/// An access request as it stands at `now`.
pub fn request(row: &RequestRow, now: Timestamp) -> api::AccessRequest {
    let request = &row.request;
    let (status, ended_at, grant) = match request.status(now) {
        RequestStatus::Died { at } => ("died", Some(at), None),
        RequestStatus::Ended { at, end: RequestEnd::Approved { grant } } => ("approved", Some(at), Some(grant)),
        RequestStatus::Ended { at, end: RequestEnd::ClockReset } => ("clock reset", Some(at), None),
        RequestStatus::Ended { at, end: RequestEnd::Declined } => ("declined", Some(at), None),
        RequestStatus::Ended { at, end: RequestEnd::Withdrawn } => ("withdrawn", Some(at), None),
        RequestStatus::Waiting { .. } => ("waiting", None, None),
    };
    api::AccessRequest {
        id: request.id.to_string(),
        org_id: row.organization.to_string(),
        group_id: row.project.to_string(),
        group_name: row.project_name.to_string(),
        cluster_id: request.cluster.to_string(),
        cluster_name: row.cluster_name.to_string(),
        employee_identifier: request.asked_by.to_string(),
        grant_type: request.wish.kind.to_string(),
        duration_ms: request.wish.ttl.millis(),
        case: request.wish.case.as_ref().map(ToString::to_string),
        reason: request.wish.reason.to_string(),
        asked_at: request.asked_at.to_string(),
        dies_at: request.dies_at.to_string(),
        status: status.to_owned(),
        ended_at: ended_at.map(|at| at.to_string()),
        grant_id: grant.map(|id| id.to_string()),
        answered_by: row.answered_by.as_ref().map(by),
        answer: row.answer.as_ref().map(ToString::to_string),
    }
}

/// A cluster with its nodes.
pub fn cluster(row: &ClusterRow, now: Timestamp) -> api::Cluster {
    let cluster = &row.cluster;
    api::Cluster {
        id: cluster.id.to_string(),
        name: cluster.name.to_string(),
        group_id: cluster.project.to_string(),
        group_name: row.project_name.to_string(),
        org_id: cluster.organization.to_string(),
        host: cluster.host.to_string(),
        revision: cluster.revision.number(),
        blocked: row.blocked,
        sync_databases: cluster.sync_databases.iter().map(|(database, _)| database.to_string()).collect(),
        nodes: cluster.nodes.iter().filter(|node| !node.removed).map(node).collect(),
        grant: row.grant.as_ref().map(|found| grant(found, now)),
    }
}

fn node(node: &Node) -> api::Node {
    api::Node {
        id: node.id.to_string(),
        host: node.host.to_string(),
        address: node.address.to_string(),
        host_key: node.host_key.to_string(),
        since: node.since.number(),
        check: check(node).to_owned(),
        logs: logs(node),
    }
}

/// The logs of a node.
pub fn logs(node: &Node) -> Vec<api::Log> {
    let log = |log: &byleave_core::inventory::Log| api::Log {
        name: log.name.to_string(),
        kind: log.kind.as_str().to_owned(),
        path: log.path.to_string(),
    };
    node.logs.iter().map(log).collect()
}

/// What the latest check of a node says about its present form.
pub const fn check(node: &Node) -> &'static str {
    match node.check {
        NodeCheck::Failed => "failed",
        NodeCheck::None => "none",
        NodeCheck::Passed { revision } if revision.number() >= node.since.number() => "passed",
        NodeCheck::RiskAccepted { revision } if revision.number() >= node.since.number() => "risk accepted",
        NodeCheck::Passed { .. } | NodeCheck::RiskAccepted { .. } => "none",
    }
}

/// A session.
pub fn session(row: &SessionRow) -> api::Session {
    api::Session {
        id: row.id.to_string(),
        org_id: Some(row.organization.to_string()),
        group_id: row.project.to_string(),
        cluster_id: row.cluster.to_string(),
        cluster_name: row.cluster_name.to_string(),
        host: row.host.to_string(),
        node_id: row.node.map(|node| node.to_string()),
        wanted: row.wanted.as_str().to_owned(),
        employee_identifier: row.identifier.to_string(),
        basis: text(row.basis.to_value()),
        opened_at: row.opened_at.to_string(),
        until: row.until.to_string(),
        ended_at: row.ended.map(|(at, _)| at.to_string()),
        end_reason: row.ended.map(|(_, reason)| reason.to_string()),
        shells: row.counters.shells,
        commands: row.counters.commands,
        transfers: row.counters.transfers,
        refused: row.counters.refused,
        received_bytes: row.counters.received_bytes,
        sent_bytes: row.counters.sent_bytes,
        recording_sha256: row.recording_sha256.map(hex::encode),
        partly_recorded: row.partly_recorded,
    }
}

fn text(value: Plain) -> String {
    match value {
        Plain::Text(text) => text,
        Plain::Absent | Plain::Bool(_) | Plain::Erasable(_) | Plain::Int(_) | Plain::Texts(_) => String::new(),
    }
}

/// An event with everything in it.
pub fn event(row: &EventRow) -> api::Event {
    api::Event {
        index: row.entry.index,
        id: row.id.to_string(),
        at: row.entry.at.to_string(),
        by: by(&row.entry.by),
        user_name: row.name_of_cause().filter(|_| matches!(row.entry.by, By::User(_))).map(ToOwned::to_owned),
        event: row.entry.event.name().to_owned(),
        data: data(row.entry.event.fields()),
        names: row.names.iter().map(|(id, called)| (id.clone(), called.name.clone())).collect(),
    }
}

/// The fields of an event; an erased text is null, an absent one is left out.
pub fn data(fields: Fields) -> Map<String, Value> {
    let value = |plain| match plain {
        Plain::Absent => None,
        Plain::Bool(bool) => Some(Value::Bool(bool)),
        Plain::Erasable(Erasable::Erased { .. }) => Some(Value::Null),
        Plain::Erasable(Erasable::Kept { text, .. }) | Plain::Text(text) => Some(Value::String(text)),
        Plain::Int(int) => Some(Value::from(int)),
        Plain::Texts(texts) => Some(Value::from(texts)),
    };
    fields.into_iter().filter_map(|(key, plain)| Some((camel(key), value(plain)?))).collect()
}

/// `inventory_revision` → `inventoryRevision`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        text.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(characters.as_str());
    }
    text
}

/// A grant in force, on an Atlas path.
pub fn atlas_grant(grant: &Grant) -> atlas::EmployeeAccessGrant {
    atlas::EmployeeAccessGrant {
        expiration_time: grant.expires_at.to_seconds_text(),
        grant_type: grant.kind.to_string(),
        links: Vec::new(),
    }
}

/// Roles.
pub fn roles(roles: &Roles) -> api::Roles {
    api::Roles {
        org_roles: roles.organization.iter().map(ToString::to_string).collect(),
        group_role_assignments: roles
            .projects
            .iter()
            .map(|(project, roles)| api::GroupRoles {
                group_id: project.to_string(),
                group_roles: roles.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    }
}

/// Reads roles.
///
/// # Errors
/// [`Failure`] naming the field.
pub fn read_roles(roles: &api::Roles) -> Result<Roles, Failure> {
    let mut read = Roles::default();
    for (index, role) in roles.org_roles.iter().enumerate() {
        let role = parse_as(ErrorCode::InvalidEnumValue, &format!("roles.orgRoles[{index}]"), role)?;
        read.organization.insert(role);
    }
    for (index, assignment) in roles.group_role_assignments.iter().enumerate() {
        let field = format!("roles.groupRoleAssignments[{index}]");
        let project = parse(&format!("{field}.groupId"), &assignment.group_id)?;
        for (place, role) in assignment.group_roles.iter().enumerate() {
            let role = parse_as(ErrorCode::InvalidEnumValue, &format!("{field}.groupRoles[{place}]"), role)?;
            read.projects.entry(project).or_default().insert(role);
        }
    }
    Ok(read)
}

/// Parses a text of a body into a core type.
///
/// # Errors
/// [`Failure`] naming the field and the rule.
pub fn parse<T: std::str::FromStr<Err: ToString>>(field: &str, text: &str) -> Result<T, Failure> {
    parse_as(ErrorCode::ValidationError, field, text)
}

/// Parses an optional text.
///
/// # Errors
/// As [`parse`].
pub fn parse_if_any<T: std::str::FromStr<Err: ToString>>(
    field: &str,
    text: Option<&str>,
) -> Result<Option<T>, Failure> {
    text.map(|text| parse(field, text)).transpose()
}

fn parse_as<T: std::str::FromStr<Err: ToString>>(code: ErrorCode, field: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::field(code, field, error.to_string()))
}

/// Parses a grant type, with Atlas's words for one that is none.
///
/// # Errors
/// [`Failure`] `INVALID_ENUM_VALUE`.
pub fn grant_type(text: &str) -> Result<byleave_core::grant::GrantType, Failure> {
    text.parse().map_err(|error: byleave_core::grant::GrantTypeError| {
        Failure::field(ErrorCode::InvalidEnumValue, "grantType", error.to_string())
            .saying(format!("An invalid enumeration value {text} was specified."), vec![text.to_owned()])
    })
}

/// Why a credential for sync databases is not taken: the field, and the rule. Never its value.
pub(crate) struct CredentialFault {
    /// The field, as the API calls it.
    pub(crate) field: &'static str,
    /// What must be.
    pub(crate) rule: &'static str,
}

/// Reads what the gateway signs in with, as a part of a request.
///
/// # Errors
/// A failure that names the field, never its value.
pub fn sync_credential(within: &str, from: api::SyncCredential) -> Result<SyncCredential, Failure> {
    read_sync_credential(from).map_err(|CredentialFault { field, rule }| {
        Failure::field(ErrorCode::ValidationError, format!("{within}{field}"), rule.to_owned())
    })
}

/// Reads what the gateway signs in with: one of two forms, whole.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_sync_credential(from: api::SyncCredential) -> Result<SyncCredential, CredentialFault> {
    let refused = |field, rule| Err(CredentialFault { field, rule });
    let plain = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match (from.user, from.password, from.pem) {
        (Some(user), Some(_), None) if !plain(&user) => refused("user", "must be 1 to 256 printable ASCII characters"),
        (Some(_), Some(password), None) if !plain(&password) => {
            refused("password", "must be 1 to 256 printable ASCII characters")
        }
        (Some(user), Some(password), None) => Ok(SyncCredential::Scram { user, password: Zeroizing::new(password) }),
        (None, None, Some(pem)) if pem.len() > 64 * 1024 || !pem.contains("-----BEGIN CERTIFICATE-----") => {
            refused("pem", "must be the PEM of a certificate chain and its private key, of at most 64 KiB")
        }
        (None, None, Some(pem)) => Ok(SyncCredential::X509 { pem: Zeroizing::new(pem) }),
        (_, _, _) => refused("user", "and `password` must be given together, or `pem` alone"),
    }
}

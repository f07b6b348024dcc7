//! Samples for tests: one of every event, and a cluster with everything. Behind the feature `samples`; nothing that
//! runs for a customer may use it.

use crate::access::{Basis, Denial, Facts};
use crate::actor::By;
use crate::event::{Entry, Event, Forwarding, LogId, Scope, Side, Tried};
use crate::field::Erasable;
use crate::grant::{Grant, GrantEnd, GrantType};
use crate::id::{
    ClusterId, EmployeeId, GrantId, NodeId, OrgId, ProjectId, RequestId, ServiceAccountId, SessionId, UserId,
};
use crate::identifier::EmployeeIdentifier;
use crate::inventory::{Cluster, Log, LogKind, Node, NodeCheck, Revision, SyncMechanism};
use crate::name::{HostName, LogName, PublicKey, SyncDatabase};
use crate::role::{OrgRole, ProjectRole, Roles};
use crate::session::SessionEnd;
use crate::setting::SecretHours;
use crate::time::{DAY, HOUR, Timestamp, Ttl};

/// An instant on a day of 2026.
pub const AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// An organization.
pub const ORGANIZATION: OrgId = OrgId::from_bytes([1; 12]);
/// A project of it.
pub const PROJECT: ProjectId = ProjectId::from_bytes([2; 12]);
/// A cluster of that.
pub const CLUSTER: ClusterId = ClusterId::from_bytes([3; 12]);
/// A node of that.
pub const NODE: NodeId = NodeId::from_bytes([4; 12]);
/// A user of the organization.
pub const USER: UserId = UserId::from_bytes([5; 12]);
/// A grant for the cluster.
pub const GRANT: GrantId = GrantId::from_bytes([6; 12]);
/// A session on it.
pub const SESSION: SessionId = SessionId::from_bytes([7; 12]);
/// A service account of the organization.
pub const SERVICE_ACCOUNT: ServiceAccountId = ServiceAccountId::from_bytes([0x0f; 12]);
/// A request for the cluster.
pub const REQUEST: RequestId = RequestId::from_bytes([0x11; 12]);
/// An employee.
pub const EMPLOYEE: EmployeeId = EmployeeId::from_bytes([8; 12]);

/// The name, id or other text as the type wanted.
///
/// # Panics
/// If the text breaks the rule of the type.
#[expect(clippy::panic, reason = "a sample that breaks a rule is a broken test")]
pub fn text<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}` {error}"))
}

/// A well-formed ed25519 public key, another one for each number. (No private key is known for it.)
pub fn public_key(number: u16) -> PublicKey {
    let letter = |index: u16| char::from(b"ABCDEFGHIJKLMNOP".get(usize::from(index & 15)).copied().unwrap_or(b'A'));
    let tail: String = [number >> 12, number >> 8, number >> 4, number].into_iter().map(letter).collect();
    text(&format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9{tail}"))
}

/// A text that may be erased.
pub fn erasable(text: &str) -> Erasable {
    Erasable::Kept { salt: [9; 16], text: text.to_owned() }
}

/// Certificates, as far as their form goes.
pub const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIBAzCBtqADAgECAhQ=\n-----END CERTIFICATE-----\n";

/// The pseudonym of an employee.
pub fn identifier() -> EmployeeIdentifier {
    text("acme-employee-40718236")
}

/// A log of each kind: `mongod`, `audit` and `mongot`.
pub fn logs(since: Revision) -> Vec<Log> {
    [("audit", LogKind::Audit), ("mongod", LogKind::Database), ("mongot", LogKind::Other)]
        .map(|(name, kind)| Log { name: text(name), kind, path: text(&format!("/var/log/mongodb/{name}.log")), since })
        .into()
}

/// A cluster with one checked node, a log of each kind and a sync database, all of the first revision.
pub fn cluster() -> Cluster {
    let host: HostName = text("node-1.shop.example");
    Cluster {
        id: CLUSTER,
        organization: ORGANIZATION,
        project: PROJECT,
        name: text("Cluster0"),
        host: text("cluster0.shop.example"),
        revision: Revision::FIRST,
        sync_databases: vec![(text("appsync_*"), Revision::FIRST)],
        sync_source: None,
        nodes: vec![Node {
            id: NODE,
            host,
            address: text("10.0.0.7:22"),
            host_key: public_key(0),
            since: Revision::FIRST,
            check: NodeCheck::Passed { revision: Revision::FIRST },
            logs: logs(Revision::FIRST),
            removed: false,
        }],
        removed: false,
    }
}

/// A grant of 24 hours for that cluster, given at [`AT`].
pub fn grant(kind: GrantType) -> Grant {
    Grant {
        id: GRANT,
        cluster: CLUSTER,
        kind,
        granted_by: By::User(USER),
        granted_at: AT,
        expires_at: AT.plus(DAY),
        ended: None,
        inventory_revision: Revision::FIRST,
        case: None,
        reason: None,
    }
}

/// The facts of that cluster in a claimed organization that does not block.
pub fn facts() -> Facts {
    Facts {
        organization: ORGANIZATION,
        claimed: true,
        blocked: false,
        cluster: cluster(),
        grants: Vec::new(),
        log_size: 1,
    }
}

/// One sample of every event in the order of [`Event::NAMES`], with every optional field filled.
pub fn events() -> Vec<Event> {
    [
        organization_events(),
        inventory_events(),
        access_events(),
        account_events(),
        request_events(),
        sync_events(),
        recovery_events(),
        installation_events(),
    ]
    .concat()
}

/// An entry for each of [`events`] in the log it belongs to; the entries of each log are numbered from 0.
pub fn entries() -> Vec<Entry> {
    let by = [
        By::User(USER),
        By::Administrator,
        By::System,
        By::ApiKey(text("0a0a0a0a0a0a0a0a0a0a0a0a")),
        By::Employee(identifier()),
    ];
    let (mut organization, mut installation) = (0, 0);
    let (mut others, of_accounts, of_requests) = (by.into_iter().cycle(), account_events(), request_events());
    let of_recoveries = recovery_events();
    let entry = |event: Event| {
        let (log, next) = match event.scope() {
            Scope::Installation => (LogId::Installation, &mut installation),
            Scope::Organization => (LogId::Organization(ORGANIZATION), &mut organization),
        };
        let index = *next;
        *next += 1;
        let by = match of_accounts.contains(&event) {
            true => By::ServiceAccount(SERVICE_ACCOUNT),
            false if of_requests.contains(&event) => By::Employee(identifier()),
            false if of_recoveries.contains(&event) => By::Administrator,
            false => others.next().unwrap_or(By::System),
        };
        Entry { log, index, at: AT, by, event }
    };
    events().into_iter().map(entry).collect()
}

fn organization_events() -> Vec<Event> {
    let roles = Roles::in_organization([OrgRole::Member]).with(PROJECT, ProjectRole::SupportAccessManager);
    let (api_key, invitation) = (text("0a0a0a0a0a0a0a0a0a0a0a0a"), text("0b0b0b0b0b0b0b0b0b0b0b0b"));
    vec![
        Event::OrganizationClaimed {
            organization: ORGANIZATION,
            name: text("Laden & Söhne"),
            owner: USER,
            user_name: erasable("mia@shop.example"),
            ssh_ca: public_key(1),
        },
        Event::OrganizationBlocked {},
        Event::OrganizationUnblocked {},
        Event::LongestGrantSet { longest: Ttl::MAX },
        Event::LongestSecretSet { longest_hours: SecretHours::MAX },
        Event::SecurityContactSet { contact: Some(erasable("security@shop.example")) },
        Event::OperationsContactSet { contact: Some(erasable("ops@shop.example")) },
        Event::UserAdded { user: USER, user_name: erasable("leo@shop.example"), roles: roles.clone() },
        Event::UserInvited { invitation, user_name: erasable("ida@shop.example"), roles: roles.clone() },
        Event::InvitationChanged { invitation, roles: roles.clone() },
        Event::InvitationWithdrawn { invitation },
        Event::UserRolesChanged { user: USER, roles: Roles::default() },
        Event::UserPasswordChanged { user: USER },
        Event::UserRemoved { user: USER },
        Event::ApiKeyAdded { api_key, public_key: "qwertyui".into(), roles },
        Event::ApiKeyRemoved { api_key },
    ]
}

fn account_events() -> Vec<Event> {
    let roles = Roles::in_organization([OrgRole::Member]).with(PROJECT, ProjectRole::SupportAccessManager);
    let (api_key, secret) = (text("0a0a0a0a0a0a0a0a0a0a0a0a"), text("101010101010101010101010"));
    let service_account = SERVICE_ACCOUNT;
    vec![
        Event::ApiKeyRolesChanged { api_key, roles: roles.clone() },
        Event::ApiKeyDescriptionChanged { api_key },
        Event::ApiKeyNetworkAdded { api_key, network: text("192.0.2.0/24") },
        Event::ApiKeyNetworkRemoved { api_key, network: text("192.0.2.7") },
        Event::ServiceAccountAdded { service_account, roles: roles.clone() },
        Event::ServiceAccountDetailsChanged { service_account },
        Event::ServiceAccountRolesChanged { service_account, roles },
        Event::ServiceAccountRemoved { service_account },
        Event::ServiceAccountSecretAdded { service_account, secret, expires_at: AT.plus(DAY) },
        Event::ServiceAccountSecretRemoved { service_account, secret },
        Event::ServiceAccountNetworkAdded { service_account, network: text("2001:db8::/32") },
        Event::ServiceAccountNetworkRemoved { service_account, network: text("2001:db8::7") },
    ]
}

fn request_events() -> Vec<Event> {
    let (project, cluster, request, grant) = (PROJECT, CLUSTER, REQUEST, GRANT);
    vec![
        Event::RequestMade {
            project,
            cluster,
            request,
            kind: GrantType::Infrastructure,
            duration: Ttl::MAX,
            dies_at: AT.plus(4 * DAY),
            case: Some(erasable("00012345")),
            reason: erasable("the cluster does not answer"),
        },
        Event::RequestApproved { project, cluster, request, grant },
        Event::RequestDeclined { project, cluster, request, reason: Some(erasable("not this week")) },
        Event::RequestWithdrawn { project, cluster, request },
        Event::AccessHandedBack { project, cluster, grant: Some(grant) },
    ]
}

fn sync_events() -> Vec<Event> {
    let (project, cluster, revision) = (PROJECT, CLUSTER, Revision::FIRST);
    let servers = text("db-0.shop.example:27017,[2001:db8::7]:27017");
    vec![
        Event::SyncServersSet {
            project,
            cluster,
            servers,
            member: Some(text("db-0.shop.example:27017")),
            ca: text(CA),
            revision,
        },
        Event::SyncServersRemoved { project, cluster, revision },
        Event::SyncCredentialSet { project, cluster, mechanism: SyncMechanism::Scram },
    ]
}

fn recovery_events() -> Vec<Event> {
    let (recovery, invitation) = (text("121212121212121212121212"), text("0b0b0b0b0b0b0b0b0b0b0b0b"));
    let user_name = || erasable("ada@shop.example");
    vec![
        Event::RecoveryStarted { recovery, user_name: user_name(), ready_at: AT.plus(3 * DAY) },
        Event::RecoveryStopped { recovery },
        Event::RecoveryInvited { recovery, invitation, user_name: user_name() },
        Event::PasswordResetOffered { user: USER, invitation, expires_at: AT.plus(HOUR) },
        Event::PasswordReset { user: USER, invitation },
        Event::PasswordResetWithdrawn { user: USER, invitation },
    ]
}

fn inventory_events() -> Vec<Event> {
    let (project, cluster, node, revision) = (PROJECT, CLUSTER, NODE, Revision::FIRST);
    let (log, path): (LogName, _) = (text("mongod"), text("/var/log/mongodb/mongod.log"));
    let host: HostName = text("node-1.shop.example");
    let database: SyncDatabase = text("appsync_*");
    let (address, host_key) = (text("[2001:db8::7]:22"), public_key(2));
    vec![
        Event::ProjectAdded { project, name: text("Shop") },
        Event::ClusterAdded { project, cluster, name: text("Cluster0"), host: host.clone(), revision },
        Event::ClusterChanged { project, cluster, host: host.clone(), revision },
        Event::ClusterRemoved { project, cluster, revision },
        Event::NodeAdded {
            project,
            cluster,
            node,
            host,
            address: text("10.0.0.7:22"),
            host_key: public_key(0),
            revision,
        },
        Event::NodeChanged { project, cluster, node, address, host_key, revision },
        Event::NodeRemoved { project, cluster, node, revision },
        Event::NodeChecked { project, cluster, node, passed: false, findings: 3, revision },
        Event::NodeRiskAccepted { project, cluster, node, reason: Some(erasable("known")), revision },
        Event::LogAdded { project, cluster, node, log: log.clone(), kind: LogKind::Database, path, revision },
        Event::LogChanged {
            project,
            cluster,
            node,
            log: log.clone(),
            kind: LogKind::Audit,
            path: text("/var/log/mongodb/audit log.json"),
            revision,
        },
        Event::LogRemoved { project, cluster, node, log, revision },
        Event::SyncDatabaseAdded { project, cluster, database: database.clone(), revision },
        Event::SyncDatabaseRemoved { project, cluster, database, revision },
    ]
}

fn access_events() -> Vec<Event> {
    let (project, cluster, node, session, grant, until) = (PROJECT, CLUSTER, NODE, SESSION, GRANT, AT.plus(DAY));
    let basis = Basis::Grant { id: grant };
    let wanted = || "node".to_owned();
    vec![
        Event::GrantGiven {
            project,
            cluster,
            grant,
            kind: GrantType::Infrastructure,
            expires_at: until,
            inventory_revision: Revision::FIRST,
            replaced: Some(text("0c0c0c0c0c0c0c0c0c0c0c0c")),
            case: Some(erasable("00012345")),
            reason: Some(erasable("the cluster does not answer")),
        },
        Event::GrantRevoked { project, cluster, grant },
        Event::GrantExpired { project, cluster, grant },
        Event::GrantEnded { project, cluster, grant, reason: GrantEnd::ClusterRemoved },
        Event::SessionOpened { project, cluster, session, wanted: wanted(), node: Some(node), basis, until },
        Event::SessionContinued { project, cluster, session, basis: Basis::Standing, until },
        Event::LogDownloaded { project, cluster, session, node, log: text("mongod"), bytes: 17, sha256: [0xab; 32] },
        Event::ForwardingRefused { project, cluster, session, forwarding: Forwarding::RemoteTcp, side: Side::Node },
        Event::SessionClosed {
            project,
            cluster,
            session,
            reason: SessionEnd::Revoked,
            shells: 1,
            commands: 2,
            transfers: 3,
            refused: 4,
            received_bytes: 5,
            sent_bytes: 6,
            recording_sha256: Some([0xcd; 32]),
            partly_recorded: true,
        },
        Event::SessionDenied {
            project,
            cluster,
            wanted: Tried::Node,
            node: Some(node),
            denial: Denial::Blocked,
            tries: 2,
        },
        Event::RecordingRead { project, cluster, session },
        Event::IdentifierResolved { identifier: identifier() },
        Event::ClockDoubtLeft { set_back_ms: -1 },
        Event::TimePassed {},
    ]
}

fn installation_events() -> Vec<Event> {
    let (employee, employee_key) = (EMPLOYEE, text("0d0d0d0d0d0d0d0d0d0d0d0d"));
    let invitation = text("0b0b0b0b0b0b0b0b0b0b0b0b");
    vec![
        Event::InstallationCreated { vendor: "Acme".into() },
        Event::ServerStarted { start: text("0e0e0e0e0e0e0e0e0e0e0e0e"), version: "0.1.0".into() },
        Event::OrganizationInvited { organization: ORGANIZATION, name: text("Laden & Söhne"), invitation },
        Event::InventoryApplied { changes: 12 },
        Event::EmployeeAdded { employee },
        Event::EmployeeDisabled { employee },
        Event::EmployeeEnabled { employee },
        Event::EmployeeKeyAdded { employee, employee_key, public_key: public_key(3) },
        Event::EmployeeKeyRemoved { employee, employee_key },
        Event::InstallationDoubtLeft { set_back_ms: 3_600_000 },
    ]
}

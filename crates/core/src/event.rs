//! The closed list of events: entries of the feed and leaves of the log.
//!
//! Each event has a stable dotted name and plain fields. What the log and the feed say comes from here and from
//! nowhere else. Events of an organization carry identifiers and pseudonyms, never an employee's id, name or key.

use crate::access::{Basis, Denial};
use crate::actor::By;
use crate::field::{Erasable, Field, FieldError, Fields, Value};
use crate::grant::{GrantEnd, GrantType};
use crate::id::{
    ApiKeyId, ClusterId, EmployeeId, EmployeeKeyId, GrantId, InvitationId, NodeId, OrgId, ProjectId, RecoveryId,
    RequestId, SecretId, ServiceAccountId, SessionId, StartId, UserId,
};
use crate::identifier::EmployeeIdentifier;
use crate::inventory::{LogKind, Revision, SyncMechanism};
use crate::name::{
    Address, ClusterName, HostName, LogName, LogPath, OrgName, ProjectName, PublicKey, SyncCa, SyncDatabase,
    SyncServers,
};
use crate::network::Network;
use crate::role::Roles;
use crate::session::SessionEnd;
use crate::setting::SecretHours;
use crate::time::{Timestamp, Ttl};
use crate::word::words;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $scope:ident { $($field:ident: $kind:ty,)* })*) => {
        /// One event. The variants of an organization's log come first, those of the installation's log last.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the fields of an event are named by the words of the glossary")]
        pub enum Event {
            $($(#[$doc])* $variant { $($field: $kind,)* },)*
        }

        impl Event {
            /// Every name, in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// Every event as it is published, in the order of declaration.
            pub const SHAPES: &'static [Shape] = &[$(Shape {
                name: $name,
                scope: Scope::$scope,
                fields: &[$((stringify!($field), stringify!($kind)),)*],
            },)*];

            /// The stable dotted name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }

            /// The log it belongs to.
            pub const fn scope(&self) -> Scope {
                match self { $(Self::$variant { .. } => Scope::$scope,)* }
            }

            /// The fields as plain values.
            pub fn fields(&self) -> Fields {
                match self { $(Self::$variant { $($field,)* } => Fields::from([$((stringify!($field), $field.to_value()),)*]),)* }
            }

            /// Reads an event from its name and fields.
            ///
            /// # Errors
            /// [`EventError`] for an unknown name, an unknown or missing field, or a value that breaks a rule.
            pub fn from_fields(name: &str, mut fields: std::collections::BTreeMap<String, Value>) -> Result<Self, EventError> {
                let event = match name {
                    $($name => Self::$variant { $($field: take(&mut fields, stringify!($field))?,)* },)*
                    _ => return Err(EventError::UnknownName { name: name.to_owned() }),
                };
                match fields.into_keys().next() {
                    Some(field) => Err(EventError::UnknownField { field }),
                    None => Ok(event),
                }
            }
        }
    };
}

fn take<T: Field>(
    fields: &mut std::collections::BTreeMap<String, Value>,
    field: &'static str,
) -> Result<T, EventError> {
    let value = fields.remove(field).ok_or(EventError::MissingField { field })?;
    T::from_value(value).map_err(|rule| EventError::Field(FieldError { field, rule }))
}

/// Why a name and fields make no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A value breaks its rule.
    #[error(transparent)]
    Field(FieldError),
    /// A field is missing.
    #[error("field `{field}` is missing")]
    MissingField {
        /// The field.
        field: &'static str,
    },
    /// There is no such field.
    #[error("field `{field}` is unknown")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// There is no such event.
    #[error("event `{name}` is unknown")]
    UnknownName {
        /// The name.
        name: String,
    },
}

/// What an event looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// The log it belongs to.
    pub scope: Scope,
    /// Its fields, each with the name of its type.
    pub fields: &'static [(&'static str, &'static str)],
}

/// Which log an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The installation's own log.
    Installation,
    /// The log of one organization.
    Organization,
}

/// A log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogId {
    /// The installation's own.
    Installation,
    /// An organization's.
    Organization(OrgId),
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The log.
    pub log: LogId,
    /// Its place there, counted from 0.
    pub index: u64,
    /// When, on the server's clock; never before the entry that precedes it.
    pub at: Timestamp,
    /// Who caused it.
    pub by: By,
    /// What happened.
    pub event: Event,
}

words! {
    /// A kind of forwarding that the gateway refuses.
    Forwarding {
        /// Authentication agent.
        Agent = "agent",
        /// Any other channel or request.
        Other = "other",
        /// TCP listening on the other side.
        RemoteTcp = "remote tcp",
        /// A Unix socket listening on the other side.
        RemoteSocket = "remote socket",
        /// A Unix socket.
        Socket = "socket",
        /// TCP, local or dynamic.
        Tcp = "tcp",
        /// Tunnel device.
        Tunnel = "tunnel",
        /// X11.
        X11 = "x11",
    }
}

words! {
    /// A side of a session.
    Side {
        /// The employee's.
        Employee = "employee",
        /// The node's.
        Node = "node",
    }
}

words! {
    /// What a refused try was for.
    Tried {
        /// A database audit log.
        AuditLog = "audit log",
        /// A database log.
        DatabaseLog = "database log",
        /// A log that the inventory does not have.
        Log = "log",
        /// The logs of a cluster or node.
        Logs = "logs",
        /// A shell, command or file transfer on a node.
        Node = "node",
        /// Another log.
        OtherLog = "other log",
        /// App Services sync data.
        SyncData = "sync data",
    }
}

impl From<LogKind> for Tried {
    fn from(kind: LogKind) -> Self {
        match kind {
            LogKind::Audit => Self::AuditLog,
            LogKind::Database => Self::DatabaseLog,
            LogKind::Other => Self::OtherLog,
        }
    }
}

events! {
    /// The first owner claimed the organization: always the first leaf.
    OrganizationClaimed = "organization.claimed" in Organization { organization: OrgId, name: OrgName, owner: UserId, user_name: Erasable, ssh_ca: PublicKey, }
    /// Support is blocked from now on.
    OrganizationBlocked = "organization.blocked" in Organization {}
    /// The block was lifted.
    OrganizationUnblocked = "organization.unblocked" in Organization {}
    /// The longest grant was set.
    LongestGrantSet = "organization.longest_grant_set" in Organization { longest: Ttl, }
    /// The longest life of a service account's secret was set.
    LongestSecretSet = "organization.longest_secret_set" in Organization { longest_hours: SecretHours, }
    /// Where security notices go was set, or removed.
    SecurityContactSet = "organization.security_contact_set" in Organization { contact: Option<Erasable>, }
    /// Where operational notices go was set, or removed.
    OperationsContactSet = "organization.operations_contact_set" in Organization { contact: Option<Erasable>, }
    /// A person joined, by invitation of an owner.
    UserAdded = "user.added" in Organization { user: UserId, user_name: Erasable, roles: Roles, }
    /// An owner invited a person.
    UserInvited = "user.invited" in Organization { invitation: InvitationId, user_name: Erasable, roles: Roles, }
    /// The roles changed that an invited person will have.
    InvitationChanged = "user.invitation_changed" in Organization { invitation: InvitationId, roles: Roles, }
    /// An invitation that nobody has claimed was taken back.
    InvitationWithdrawn = "user.invitation_withdrawn" in Organization { invitation: InvitationId, }
    /// A person's roles changed.
    UserRolesChanged = "user.roles_changed" in Organization { user: UserId, roles: Roles, }
    /// A person set another password for themselves.
    UserPasswordChanged = "user.password_changed" in Organization { user: UserId, }
    /// A person left.
    UserRemoved = "user.removed" in Organization { user: UserId, }
    /// A digest key was made.
    ApiKeyAdded = "api_key.added" in Organization { api_key: ApiKeyId, public_key: String, roles: Roles, }
    /// A digest key was removed.
    ApiKeyRemoved = "api_key.removed" in Organization { api_key: ApiKeyId, }
    /// A project came: an owner made it, or the inventory names it.
    ProjectAdded = "project.added" in Organization { project: ProjectId, name: ProjectName, }
    /// The inventory got a cluster.
    ClusterAdded = "cluster.added" in Organization { project: ProjectId, cluster: ClusterId, name: ClusterName, host: HostName, revision: Revision, }
    /// A cluster's host name changed.
    ClusterChanged = "cluster.changed" in Organization { project: ProjectId, cluster: ClusterId, host: HostName, revision: Revision, }
    /// A cluster was removed.
    ClusterRemoved = "cluster.removed" in Organization { project: ProjectId, cluster: ClusterId, revision: Revision, }
    /// A cluster got a node.
    NodeAdded = "node.added" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, host: HostName, address: Address, host_key: PublicKey, revision: Revision, }
    /// A node's address or host key changed.
    NodeChanged = "node.changed" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, address: Address, host_key: PublicKey, revision: Revision, }
    /// A node was removed.
    NodeRemoved = "node.removed" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, revision: Revision, }
    /// The gateway tried what a node's account can reach.
    NodeChecked = "node.checked" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, passed: bool, findings: i64, revision: Revision, }
    /// An owner accepted the risk of a node without a passing check.
    NodeRiskAccepted = "node.risk_accepted" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, reason: Option<Erasable>, revision: Revision, }
    /// A node got a log.
    LogAdded = "log.added" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, log: LogName, kind: LogKind, path: LogPath, revision: Revision, }
    /// A log's kind or path changed.
    LogChanged = "log.changed" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, log: LogName, kind: LogKind, path: LogPath, revision: Revision, }
    /// A log was removed from the inventory.
    LogRemoved = "log.removed" in Organization { project: ProjectId, cluster: ClusterId, node: NodeId, log: LogName, revision: Revision, }
    /// A cluster got a sync database.
    SyncDatabaseAdded = "sync_database.added" in Organization { project: ProjectId, cluster: ClusterId, database: SyncDatabase, revision: Revision, }
    /// A sync database was removed from the inventory.
    SyncDatabaseRemoved = "sync_database.removed" in Organization { project: ProjectId, cluster: ClusterId, database: SyncDatabase, revision: Revision, }
    /// A grant was given, in place of another one if `replaced` is set.
    GrantGiven = "grant.given" in Organization {
        project: ProjectId, cluster: ClusterId, grant: GrantId, kind: GrantType, expires_at: Timestamp, inventory_revision: Revision,
        replaced: Option<GrantId>, case: Option<Erasable>, reason: Option<Erasable>,
    }
    /// A person or key of the customer revoked the grant in force.
    GrantRevoked = "grant.revoked" in Organization { project: ProjectId, cluster: ClusterId, grant: GrantId, }
    /// A grant ran out. Written once for the feed; nothing depends on it.
    GrantExpired = "grant.expired" in Organization { project: ProjectId, cluster: ClusterId, grant: GrantId, }
    /// A grant ended for another reason.
    GrantEnded = "grant.ended" in Organization { project: ProjectId, cluster: ClusterId, grant: GrantId, reason: GrantEnd, }
    /// An employee came in. `wanted` is `node`, `logs` or `sync data`.
    SessionOpened = "session.opened" in Organization {
        project: ProjectId, cluster: ClusterId, session: SessionId, wanted: String, node: Option<NodeId>, basis: Basis, until: Timestamp,
    }
    /// A live session goes on, on another basis.
    SessionContinued = "session.continued" in Organization { project: ProjectId, cluster: ClusterId, session: SessionId, basis: Basis, until: Timestamp, }
    /// A session read a log.
    LogDownloaded = "log.downloaded" in Organization { project: ProjectId, cluster: ClusterId, session: SessionId, node: NodeId, log: LogName, bytes: i64, sha256: [u8; 32], }
    /// A session tried to forward something. Written once per kind and side of a session.
    ForwardingRefused = "session.forwarding_refused" in Organization { project: ProjectId, cluster: ClusterId, session: SessionId, forwarding: Forwarding, side: Side, }
    /// A session ended.
    SessionClosed = "session.closed" in Organization {
        project: ProjectId, cluster: ClusterId, session: SessionId, reason: SessionEnd, shells: i64, commands: i64, transfers: i64, refused: i64,
        received_bytes: i64, sent_bytes: i64, recording_sha256: Option<[u8; 32]>, partly_recorded: bool,
    }
    /// An employee was refused, `tries` times within a minute: a session, or something in a session that is open.
    SessionDenied = "session.denied" in Organization { project: ProjectId, cluster: ClusterId, wanted: Tried, node: Option<NodeId>, denial: Denial, tries: i64, }
    /// A person read the recording of a session. What they read of it within ten minutes is told once.
    RecordingRead = "recording.read" in Organization { project: ProjectId, cluster: ClusterId, session: SessionId, }
    /// An administrator resolved an employee identifier to a person.
    IdentifierResolved = "employee_identifier.resolved" in Organization { identifier: EmployeeIdentifier, }
    /// An administrator left clock doubt; all grants ended.
    ClockDoubtLeft = "clock.doubt_left" in Organization { set_back_ms: i64, }
    /// Time went by: at least one leaf an hour.
    TimePassed = "time.passed" in Organization {}
    /// A digest key got other roles.
    ApiKeyRolesChanged = "api_key.roles_changed" in Organization { api_key: ApiKeyId, roles: Roles, }
    /// A digest key got another description.
    ApiKeyDescriptionChanged = "api_key.description_changed" in Organization { api_key: ApiKeyId, }
    /// A network was added to those from which a digest key is taken.
    ApiKeyNetworkAdded = "api_key.network_added" in Organization { api_key: ApiKeyId, network: Network, }
    /// A network was removed from those from which a digest key is taken.
    ApiKeyNetworkRemoved = "api_key.network_removed" in Organization { api_key: ApiKeyId, network: Network, }
    /// A service account was made.
    ServiceAccountAdded = "service_account.added" in Organization { service_account: ServiceAccountId, roles: Roles, }
    /// A service account got another name or description.
    ServiceAccountDetailsChanged = "service_account.details_changed" in Organization { service_account: ServiceAccountId, }
    /// A service account got other roles.
    ServiceAccountRolesChanged = "service_account.roles_changed" in Organization { service_account: ServiceAccountId, roles: Roles, }
    /// A service account was removed; its secrets and tokens went with it.
    ServiceAccountRemoved = "service_account.removed" in Organization { service_account: ServiceAccountId, }
    /// A secret was made with which a service account signs in.
    ServiceAccountSecretAdded = "service_account.secret_added" in Organization { service_account: ServiceAccountId, secret: SecretId, expires_at: Timestamp, }
    /// A secret of a service account was removed; the tokens that it got went with it.
    ServiceAccountSecretRemoved = "service_account.secret_removed" in Organization { service_account: ServiceAccountId, secret: SecretId, }
    /// A network was added to those from which a service account is taken.
    ServiceAccountNetworkAdded = "service_account.network_added" in Organization { service_account: ServiceAccountId, network: Network, }
    /// A network was removed from those from which a service account is taken.
    ServiceAccountNetworkRemoved = "service_account.network_removed" in Organization { service_account: ServiceAccountId, network: Network, }
    /// An employee asked for a grant.
    RequestMade = "request.made" in Organization {
        project: ProjectId, cluster: ClusterId, request: RequestId, kind: GrantType, duration: Ttl, dies_at: Timestamp,
        case: Option<Erasable>, reason: Erasable,
    }
    /// A customer gave the grant that the request asked for, or less: it is the entry right before.
    RequestApproved = "request.approved" in Organization { project: ProjectId, cluster: ClusterId, request: RequestId, grant: GrantId, }
    /// A customer said no to a request.
    RequestDeclined = "request.declined" in Organization { project: ProjectId, cluster: ClusterId, request: RequestId, reason: Option<Erasable>, }
    /// The employee handed back, or asked anew.
    RequestWithdrawn = "request.withdrawn" in Organization { project: ProjectId, cluster: ClusterId, request: RequestId, }
    /// An employee needs a cluster no longer. It ends no grant: the customer may.
    AccessHandedBack = "access.handed_back" in Organization { project: ProjectId, cluster: ClusterId, grant: Option<GrantId>, }
    /// A cluster got servers from which sync data is read, or other ones, another choice among them (`member`; none is
    /// whichever is the primary), or other certificates that vouch for them.
    SyncServersSet = "sync_servers.set" in Organization {
        project: ProjectId, cluster: ClusterId, servers: SyncServers, member: Option<Address>, ca: SyncCa, revision: Revision,
    }
    /// The servers were removed from the inventory.
    SyncServersRemoved = "sync_servers.removed" in Organization { project: ProjectId, cluster: ClusterId, revision: Revision, }
    /// An administrator gave the gateway what it signs in to a cluster's databases with.
    SyncCredentialSet = "sync_credential.set" in Organization { project: ProjectId, cluster: ClusterId, mechanism: SyncMechanism, }
    /// An administrator began to add an owner, because the last one is lost. Any member can stop it.
    RecoveryStarted = "recovery.started" in Organization { recovery: RecoveryId, user_name: Erasable, ready_at: Timestamp, }
    /// A member stopped it.
    RecoveryStopped = "recovery.stopped" in Organization { recovery: RecoveryId, }
    /// Nobody stopped it within 72 hours, and the new owner was invited.
    RecoveryInvited = "recovery.invited" in Organization { recovery: RecoveryId, invitation: InvitationId, user_name: Erasable, }
    /// An owner made a link with which a person can choose a new password.
    PasswordResetOffered = "user.password_reset_offered" in Organization {
        user: UserId, invitation: InvitationId, expires_at: Timestamp,
    }
    /// A person chose a new password with such a link. All their sign-ins ended.
    PasswordReset = "user.password_reset" in Organization { user: UserId, invitation: InvitationId, }
    /// An owner withdrew such a link before anybody used it.
    PasswordResetWithdrawn = "user.password_reset_withdrawn" in Organization { user: UserId, invitation: InvitationId, }

    /// The installation was made.
    InstallationCreated = "installation.created" in Installation { vendor: String, }
    /// A server started.
    ServerStarted = "server.started" in Installation { start: StartId, version: String, }
    /// An administrator created an organization and invited its first owner.
    OrganizationInvited = "organization.invited" in Installation { organization: OrgId, name: OrgName, invitation: InvitationId, }
    /// An administrator applied an inventory.
    InventoryApplied = "inventory.applied" in Installation { changes: i64, }
    /// An administrator added an employee.
    EmployeeAdded = "employee.added" in Installation { employee: EmployeeId, }
    /// An administrator disabled an employee.
    EmployeeDisabled = "employee.disabled" in Installation { employee: EmployeeId, }
    /// An administrator enabled an employee again.
    EmployeeEnabled = "employee.enabled" in Installation { employee: EmployeeId, }
    /// An administrator gave an employee a public key.
    EmployeeKeyAdded = "employee_key.added" in Installation { employee: EmployeeId, employee_key: EmployeeKeyId, public_key: PublicKey, }
    /// An administrator removed a public key.
    EmployeeKeyRemoved = "employee_key.removed" in Installation { employee: EmployeeId, employee_key: EmployeeKeyId, }
    /// An administrator left clock doubt in the whole installation.
    InstallationDoubtLeft = "installation.doubt_left" in Installation { set_back_ms: i64, }
}

impl Event {
    /// The project it belongs to, if any.
    pub fn project(&self) -> Option<ProjectId> {
        Field::from_value(self.field("project")).ok()
    }

    /// The cluster it belongs to, if any.
    pub fn cluster(&self) -> Option<ClusterId> {
        Field::from_value(self.field("cluster")).ok()
    }

    /// The session it belongs to, if any.
    pub fn session(&self) -> Option<SessionId> {
        Field::from_value(self.field("session")).ok()
    }

    fn field(&self, name: &'static str) -> Value {
        self.fields().remove(name).unwrap_or(Value::Absent)
    }
}

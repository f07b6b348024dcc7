//! Which event of Byleave is which event type of Atlas: one total function, and nothing else decides it.
//!
//! Typed clients refuse types that Atlas does not have, so what has none never appears on an Atlas path. A feed of an
//! organization there holds no events of its projects.

use byleave_core::event::Event;

macro_rules! types {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal in $feed:ident, of $name:literal;)*) => {
        /// An event type of Atlas that Byleave has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType { $($(#[doc = $doc])* $variant,)* }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Atlas's word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it tells, for people.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim(),)* }
            }

            /// The feed it belongs to.
            pub const fn feed(self) -> Feed {
                match self { $(Self::$variant => Feed::$feed,)* }
            }

            /// The dotted name of the event of Byleave.
            pub const fn event_name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

/// A feed on an Atlas path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// That of an organization.
    Organization,
    /// That of a project.
    Project,
}

types! {
    /// A digest key was made.
    ApiKeyCreated = "API_KEY_CREATED" in Organization, of "api_key.added";
    /// A digest key was removed.
    ApiKeyDeleted = "API_KEY_DELETED" in Organization, of "api_key.removed";
    /// A network was added from which a digest key is taken.
    ApiKeyAccessListEntryAdded = "API_KEY_ACCESS_LIST_ENTRY_ADDED" in Organization, of "api_key.network_added";
    /// A network was removed from which a digest key is taken.
    ApiKeyAccessListEntryDeleted = "API_KEY_ACCESS_LIST_ENTRY_DELETED" in Organization, of "api_key.network_removed";
    /// A digest key got another description.
    ApiKeyDescriptionChanged = "API_KEY_DESCRIPTION_CHANGED" in Organization, of "api_key.description_changed";
    /// A digest key got other roles.
    ApiKeyRolesChanged = "API_KEY_ROLES_CHANGED" in Organization, of "api_key.roles_changed";
    /// A cluster came.
    ClusterCreated = "CLUSTER_CREATED" in Project, of "cluster.added";
    /// A cluster went.
    ClusterDeleted = "CLUSTER_DELETED" in Project, of "cluster.removed";
    /// A customer granted support access.
    EmployeeAccessGranted = "EMPLOYEE_ACCESS_GRANTED" in Project, of "grant.given";
    /// A customer revoked it.
    EmployeeAccessRevoked = "EMPLOYEE_ACCESS_REVOKED" in Project, of "grant.revoked";
    /// A support engineer read a log.
    EmployeeDownloadedClusterLogs = "EMPLOYEE_DOWNLOADED_CLUSTER_LOGS" in Project, of "log.downloaded";
    /// A project came.
    GroupCreated = "GROUP_CREATED" in Project, of "project.added";
    /// A support engineer came in.
    HostCertificateForSupportAccess = "HOST_X509_CERTIFICATE_CERTIFICATE_GENERATED_FOR_SUPPORT_ACCESS" in Project, of "session.opened";
    /// A support engineer's session ended.
    HostSshSessionEnded = "HOST_SSH_SESSION_ENDED" in Project, of "session.closed";
    /// An invitation was taken back.
    OrgInvitationDeleted = "ORG_INVITATION_DELETED" in Organization, of "user.invitation_withdrawn";
    /// A person was invited.
    InvitedToOrg = "INVITED_TO_ORG" in Organization, of "user.invited";
    /// A person joined.
    JoinedOrg = "JOINED_ORG" in Organization, of "user.added";
    /// The organization began.
    OrgCreated = "ORG_CREATED" in Organization, of "organization.claimed";
    /// Support was blocked.
    OrgEmployeeAccessRestricted = "ORG_EMPLOYEE_ACCESS_RESTRICTED" in Organization, of "organization.blocked";
    /// The block was lifted.
    OrgEmployeeAccessUnrestricted = "ORG_EMPLOYEE_ACCESS_UNRESTRICTED" in Organization, of "organization.unblocked";
    /// The longest life of a service account's secret was set.
    OrgServiceAccountMaxSecretValidityEdited = "ORG_SERVICE_ACCOUNT_MAX_SECRET_VALIDITY_EDITED" in Organization, of "organization.longest_secret_set";
    /// A person left.
    RemovedFromOrg = "REMOVED_FROM_ORG" in Organization, of "user.removed";
    /// Where security notices go was set or removed.
    SecurityContactModified = "SECURITY_CONTACT_MODIFIED" in Organization, of "organization.security_contact_set";
    /// A network was added from which a service account is taken.
    ServiceAccountAccessListEntryAdded = "SERVICE_ACCOUNT_ACCESS_LIST_ENTRY_ADDED" in Organization, of "service_account.network_added";
    /// A network was removed from which a service account is taken.
    ServiceAccountAccessListEntryDeleted = "SERVICE_ACCOUNT_ACCESS_LIST_ENTRY_DELETED" in Organization, of "service_account.network_removed";
    /// A service account was made.
    ServiceAccountCreated = "SERVICE_ACCOUNT_CREATED" in Organization, of "service_account.added";
    /// A service account was removed.
    ServiceAccountDeleted = "SERVICE_ACCOUNT_DELETED" in Organization, of "service_account.removed";
    /// A service account got another name or description.
    ServiceAccountDetailsChanged = "SERVICE_ACCOUNT_DETAILS_CHANGED" in Organization, of "service_account.details_changed";
    /// A service account got other roles.
    ServiceAccountRolesChanged = "SERVICE_ACCOUNT_ROLES_CHANGED" in Organization, of "service_account.roles_changed";
    /// A service account got a secret.
    ServiceAccountSecretAdded = "SERVICE_ACCOUNT_SECRET_ADDED" in Organization, of "service_account.secret_added";
    /// A secret of a service account was removed.
    ServiceAccountSecretDeleted = "SERVICE_ACCOUNT_SECRET_DELETED" in Organization, of "service_account.secret_removed";
    /// A person's roles changed.
    UserRolesChanged = "USER_ROLES_CHANGED_AUDIT" in Organization, of "user.roles_changed";
}

impl EventType {
    /// The type of an event, if Atlas has one.
    pub const fn of(event: &Event) -> Option<Self> {
        match event {
            Event::ApiKeyAdded { .. } => Some(Self::ApiKeyCreated),
            Event::ApiKeyRemoved { .. } => Some(Self::ApiKeyDeleted),
            Event::ApiKeyRolesChanged { .. } => Some(Self::ApiKeyRolesChanged),
            Event::ApiKeyDescriptionChanged { .. } => Some(Self::ApiKeyDescriptionChanged),
            Event::ApiKeyNetworkAdded { .. } => Some(Self::ApiKeyAccessListEntryAdded),
            Event::ApiKeyNetworkRemoved { .. } => Some(Self::ApiKeyAccessListEntryDeleted),
            Event::ServiceAccountAdded { .. } => Some(Self::ServiceAccountCreated),
            Event::ServiceAccountDetailsChanged { .. } => Some(Self::ServiceAccountDetailsChanged),
            Event::ServiceAccountRolesChanged { .. } => Some(Self::ServiceAccountRolesChanged),
            Event::ServiceAccountRemoved { .. } => Some(Self::ServiceAccountDeleted),
            Event::ServiceAccountSecretAdded { .. } => Some(Self::ServiceAccountSecretAdded),
            Event::ServiceAccountSecretRemoved { .. } => Some(Self::ServiceAccountSecretDeleted),
            Event::ServiceAccountNetworkAdded { .. } => Some(Self::ServiceAccountAccessListEntryAdded),
            Event::ServiceAccountNetworkRemoved { .. } => Some(Self::ServiceAccountAccessListEntryDeleted),
            Event::ClusterAdded { .. } => Some(Self::ClusterCreated),
            Event::ClusterRemoved { .. } => Some(Self::ClusterDeleted),
            Event::GrantGiven { .. } => Some(Self::EmployeeAccessGranted),
            Event::GrantRevoked { .. } => Some(Self::EmployeeAccessRevoked),
            Event::InvitationWithdrawn { .. } => Some(Self::OrgInvitationDeleted),
            Event::LongestSecretSet { .. } => Some(Self::OrgServiceAccountMaxSecretValidityEdited),
            Event::LogDownloaded { .. } => Some(Self::EmployeeDownloadedClusterLogs),
            Event::OrganizationBlocked {} => Some(Self::OrgEmployeeAccessRestricted),
            Event::OrganizationClaimed { .. } => Some(Self::OrgCreated),
            Event::OrganizationUnblocked {} => Some(Self::OrgEmployeeAccessUnrestricted),
            Event::ProjectAdded { .. } => Some(Self::GroupCreated),
            Event::SecurityContactSet { .. } => Some(Self::SecurityContactModified),
            Event::SessionClosed { .. } => Some(Self::HostSshSessionEnded),
            Event::SessionOpened { .. } => Some(Self::HostCertificateForSupportAccess),
            Event::UserAdded { .. } => Some(Self::JoinedOrg),
            Event::UserInvited { .. } => Some(Self::InvitedToOrg),
            Event::UserRemoved { .. } => Some(Self::RemovedFromOrg),
            Event::UserRolesChanged { .. } => Some(Self::UserRolesChanged),
            Event::AccessHandedBack { .. }
            | Event::ClockDoubtLeft { .. }
            | Event::ClusterChanged { .. }
            | Event::EmployeeAdded { .. }
            | Event::EmployeeDisabled { .. }
            | Event::EmployeeEnabled { .. }
            | Event::EmployeeKeyAdded { .. }
            | Event::EmployeeKeyRemoved { .. }
            | Event::ForwardingRefused { .. }
            | Event::GrantEnded { .. }
            | Event::GrantExpired { .. }
            | Event::IdentifierResolved { .. }
            | Event::InstallationCreated { .. }
            | Event::InstallationDoubtLeft { .. }
            | Event::InventoryApplied { .. }
            | Event::InvitationChanged { .. }
            | Event::LogAdded { .. }
            | Event::LogChanged { .. }
            | Event::LogRemoved { .. }
            | Event::LongestGrantSet { .. }
            | Event::NodeAdded { .. }
            | Event::NodeChanged { .. }
            | Event::NodeChecked { .. }
            | Event::NodeRemoved { .. }
            | Event::NodeRiskAccepted { .. }
            | Event::OperationsContactSet { .. }
            | Event::OrganizationInvited { .. }
            | Event::PasswordReset { .. }
            | Event::PasswordResetOffered { .. }
            | Event::PasswordResetWithdrawn { .. }
            | Event::RecordingRead { .. }
            | Event::RecoveryInvited { .. }
            | Event::RecoveryStarted { .. }
            | Event::RecoveryStopped { .. }
            | Event::RequestApproved { .. }
            | Event::RequestDeclined { .. }
            | Event::RequestMade { .. }
            | Event::RequestWithdrawn { .. }
            | Event::ServerStarted { .. }
            | Event::SessionContinued { .. }
            | Event::SessionDenied { .. }
            | Event::SyncDatabaseAdded { .. }
            | Event::SyncDatabaseRemoved { .. }
            | Event::SyncCredentialSet { .. }
            | Event::SyncServersRemoved { .. }
            | Event::SyncServersSet { .. }
            | Event::TimePassed {}
            | Event::UserPasswordChanged { .. } => None,
        }
    }

    /// The dotted names of the events that appear in a feed.
    pub fn names(feed: Feed) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |kind| kind.feed() == feed).map(|kind| kind.event_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_event_and_the_event_of_a_type_agree() {
        for event in byleave_core::sample::events() {
            let by_name = EventType::ALL.iter().copied().find(|kind| kind.event_name() == event.name());
            assert_eq!(EventType::of(&event), by_name, "{}", event.name());
            let of_project = by_name.map(|kind| kind.feed() == Feed::Project);
            assert_eq!(of_project.unwrap_or(event.project().is_some()), event.project().is_some(), "{}", event.name());
        }
        assert!(EventType::ALL.iter().all(|kind| Event::NAMES.contains(&kind.event_name())));
    }
}

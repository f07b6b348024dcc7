//! Who may have caused which event: one total table from event to right.
//!
//! It must never have a wildcard arm: a new event has to say here whose it is. Consent is a customer's alone; what an
//! administrator may do is asked of [`byleave_core::policy::may`], which knows no consent.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::GrantEnd;
use byleave_core::id::{OrgId, RequestId, SessionId, UserId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::policy::{Action, Resource, has_power_over, may, may_give};
use byleave_core::role::Roles;
use byleave_core::session::SessionEnd;

use super::account::Holder;
use super::organization::Organization;
use super::problem::{Problem, text};

/// Whose an event is.
enum Right<'e> {
    /// Who has power over all roles of this API key or service account.
    Account(Holder),
    /// The vendor's administrator, by this action.
    Administrator(Action),
    /// The first owner, of themselves.
    Claim(UserId),
    /// The end of a session: its employee, Byleave, or who may end it.
    Close(SessionId, SessionEnd, Resource),
    /// Who may give this API key or service account these roles in place of those it has.
    Give(Holder, &'e Roles),
    /// A person or key of the customer, by this action.
    Customer(Action, Resource),
    /// Any employee.
    Employee,
    /// The employee of this session, or Byleave.
    EmployeeOf(SessionId),
    /// The employee who made this request.
    EmployeeOfRequest(RequestId),
    /// A person who was invited, or an owner.
    Join(UserId),
    /// This person, of themselves.
    Oneself(UserId),
    /// An owner, or the vendor's inventory.
    Project,
    /// Byleave itself.
    System,
    /// The vendor's administrator by this action, or Byleave on their behalf.
    Vendor(Action),
}

impl<'e> Right<'e> {
    fn of(event: &'e Event, organization: OrgId) -> Self {
        let whole = Resource::Organization(organization);
        let in_project = |project| Resource::Project(organization, project);
        match event {
            Event::OrganizationClaimed { owner, .. } => Self::Claim(*owner),
            Event::OrganizationBlocked {} => Self::Customer(Action::Block, whole),
            Event::OrganizationUnblocked {} => Self::Customer(Action::Unblock, whole),
            Event::LongestSecretSet { .. } | Event::OperationsContactSet { .. } | Event::SecurityContactSet { .. } => {
                Self::Customer(Action::ChangeSettings, whole)
            }
            Event::LongestGrantSet { .. } => Self::Customer(Action::SetLongestGrant, whole),
            Event::UserAdded { user, .. } => Self::Join(*user),
            Event::InvitationChanged { .. }
            | Event::InvitationWithdrawn { .. }
            | Event::PasswordResetWithdrawn { .. }
            | Event::UserInvited { .. }
            | Event::UserRolesChanged { .. }
            | Event::UserRemoved { .. } => Self::Customer(Action::ManageUsers, whole),
            Event::PasswordReset { user, .. } | Event::UserPasswordChanged { user } => Self::Oneself(*user),
            Event::PasswordResetOffered { .. } => Self::Customer(Action::ResetPassword, whole),
            Event::ApiKeyRemoved { .. } | Event::ServiceAccountRemoved { .. } => {
                Self::Customer(Action::ManageApiKeys, whole)
            }
            Event::ApiKeyAdded { api_key, roles, .. } | Event::ApiKeyRolesChanged { api_key, roles } => {
                Self::Give(Holder::ApiKey(*api_key), roles)
            }
            Event::ServiceAccountAdded { service_account, roles }
            | Event::ServiceAccountRolesChanged { service_account, roles } => {
                Self::Give(Holder::ServiceAccount(*service_account), roles)
            }
            Event::ApiKeyDescriptionChanged { api_key }
            | Event::ApiKeyNetworkAdded { api_key, .. }
            | Event::ApiKeyNetworkRemoved { api_key, .. } => Self::Account(Holder::ApiKey(*api_key)),
            Event::ServiceAccountDetailsChanged { service_account }
            | Event::ServiceAccountSecretAdded { service_account, .. }
            | Event::ServiceAccountSecretRemoved { service_account, .. }
            | Event::ServiceAccountNetworkAdded { service_account, .. }
            | Event::ServiceAccountNetworkRemoved { service_account, .. } => {
                Self::Account(Holder::ServiceAccount(*service_account))
            }
            Event::ProjectAdded { .. } => Self::Project,
            Event::ClusterAdded { .. }
            | Event::ClusterChanged { .. }
            | Event::ClusterRemoved { .. }
            | Event::NodeAdded { .. }
            | Event::NodeChanged { .. }
            | Event::NodeRemoved { .. }
            | Event::LogAdded { .. }
            | Event::LogChanged { .. }
            | Event::LogRemoved { .. }
            | Event::SyncDatabaseAdded { .. }
            | Event::SyncDatabaseRemoved { .. }
            | Event::SyncServersSet { .. }
            | Event::SyncServersRemoved { .. } => Self::Vendor(Action::ApplyInventory),
            Event::SyncCredentialSet { .. } => Self::Administrator(Action::ApplyInventory),
            Event::NodeChecked { .. } => Self::Vendor(Action::CheckNode),
            Event::NodeRiskAccepted { project, .. } => Self::Customer(Action::AcceptNodeRisk, in_project(*project)),
            Event::GrantGiven { project, .. } => Self::Customer(Action::Grant, in_project(*project)),
            Event::GrantRevoked { project, .. } => Self::Customer(Action::Revoke, in_project(*project)),
            Event::GrantExpired { .. } | Event::TimePassed {} | Event::ServerStarted { .. } => Self::System,
            Event::GrantEnded { reason, .. } => Self::Vendor(match reason {
                GrantEnd::ClockReset => Action::LeaveDoubt,
                GrantEnd::ClusterRemoved | GrantEnd::Replaced | GrantEnd::Revoked => Action::ApplyInventory,
            }),
            Event::RequestApproved { project, .. } => Self::Customer(Action::Grant, in_project(*project)),
            Event::RequestDeclined { project, .. } => Self::Customer(Action::DeclineRequest, in_project(*project)),
            Event::RequestWithdrawn { request, .. } => Self::EmployeeOfRequest(*request),
            Event::AccessHandedBack { .. }
            | Event::RequestMade { .. }
            | Event::SessionOpened { .. }
            | Event::SessionDenied { .. } => Self::Employee,
            Event::SessionContinued { session, .. }
            | Event::LogDownloaded { session, .. }
            | Event::ForwardingRefused { session, .. } => Self::EmployeeOf(*session),
            Event::SessionClosed { session, reason, project, .. } => {
                Self::Close(*session, *reason, in_project(*project))
            }
            Event::RecordingRead { project, .. } => Self::Customer(Action::ReadRecording, in_project(*project)),
            Event::RecoveryStarted { .. } | Event::RecoveryInvited { .. } => Self::Administrator(Action::RecoverOwner),
            Event::RecoveryStopped { .. } => Self::Customer(Action::StopRecovery, whole),
            Event::IdentifierResolved { .. } => Self::Administrator(Action::ResolveIdentifier),
            Event::ClockDoubtLeft { .. } | Event::InstallationDoubtLeft { .. } => {
                Self::Administrator(Action::LeaveDoubt)
            }
            Event::InstallationCreated { .. } => Self::Vendor(Action::ReadInstallation),
            Event::OrganizationInvited { .. } => Self::Administrator(Action::InviteFirstOwner),
            Event::InventoryApplied { .. } => Self::Administrator(Action::ApplyInventory),
            Event::EmployeeAdded { .. }
            | Event::EmployeeDisabled { .. }
            | Event::EmployeeEnabled { .. }
            | Event::EmployeeKeyAdded { .. }
            | Event::EmployeeKeyRemoved { .. } => Self::Administrator(Action::ManageEmployees),
        }
    }
}

/// Checks who caused an event, against the roles as they were right before it.
///
/// # Errors
/// [`Problem::NotAllowed`] says why they may not.
pub(super) fn check(event: &Event, by: &By, organization: &Organization) -> Result<(), Problem> {
    let whole = Resource::Organization(organization.id());
    let why = match Right::of(event, organization.id()) {
        Right::Account(holder) => account(by, organization, holder).err(),
        Right::Administrator(action) => administrator(by, action).err(),
        Right::Claim(owner) => (*by != By::User(owner)).then_some("only the first owner claims an organization"),
        Right::Close(session, reason, resource) => close(by, organization, (session, reason), resource).err(),
        Right::Customer(action, resource) => customer(by, organization, action, resource).err(),
        Right::Give(holder, roles) => give(by, organization, holder, roles).err(),
        Right::Employee => employee(by).err(),
        Right::EmployeeOf(session) => of_session(by, organization, session).err(),
        Right::EmployeeOfRequest(request) => of_request(by, organization, request).err(),
        Right::Join(user) => match by {
            By::System => None,
            By::User(id) if *id == user => None,
            By::Administrator | By::ApiKey(_) | By::Employee(_) | By::ServiceAccount(_) | By::User(_) => {
                customer(by, organization, Action::ManageUsers, whole).err()
            }
        },
        Right::Oneself(user) => oneself(by, organization, user).err(),
        Right::Project => match by {
            By::ApiKey(_) | By::ServiceAccount(_) | By::User(_) => {
                customer(by, organization, Action::CreateProject, whole).err()
            }
            By::Administrator | By::Employee(_) => administrator(by, Action::ApplyInventory).err(),
            By::System => None,
        },
        Right::System => (*by != By::System).then_some("only Byleave itself does"),
        Right::Vendor(_) if *by == By::System => None,
        Right::Vendor(action) => administrator(by, action).err(),
    };
    why.map_or(Ok(()), |why| Err(Problem::NotAllowed { by: text(by), why }))
}

/// The same for the installation's own log, where no customer has a say.
///
/// # Errors
/// [`Problem::NotAllowed`] says why they may not.
pub(super) fn check_installation(event: &Event, by: &By) -> Result<(), Problem> {
    check(event, by, &Organization::nobodys())
}

fn administrator(by: &By, action: Action) -> Result<(), &'static str> {
    match by {
        By::Administrator => may(&Actor::Administrator, action, Resource::Installation)
            .map_err(|_| "an administrator of the vendor can never do this"),
        By::ApiKey(_) | By::Employee(_) | By::ServiceAccount(_) | By::System | By::User(_) => {
            Err("only an administrator of the vendor does")
        }
    }
}

fn customer(by: &By, of: &Organization, action: Action, resource: Resource) -> Result<(), &'static str> {
    may(&actor(by, of)?, action, resource).map_err(|_| refused(by))
}

fn give(by: &By, of: &Organization, holder: Holder, roles: &Roles) -> Result<(), &'static str> {
    let before = of.account(holder).map(|account| account.roles.clone()).unwrap_or_default();
    may_give(&actor(by, of)?, of.id(), &before, roles).map_err(|_| refused(by))
}

fn account(by: &By, of: &Organization, holder: Holder) -> Result<(), &'static str> {
    let roles = of.account(holder).map(|account| account.roles.clone()).unwrap_or_default();
    has_power_over(&actor(by, of)?, of.id(), &roles).map_err(|_| refused(by))
}

/// Whether a person or key of the customer may do this to the whole organization now.
pub(super) fn still(by: &By, of: &Organization, action: Action) -> bool {
    customer(by, of, action, Resource::Organization(of.id())).is_ok()
}

const fn refused(by: &By) -> &'static str {
    match by {
        By::Administrator => "an administrator of the vendor can never do this",
        By::ApiKey(_) | By::Employee(_) | By::ServiceAccount(_) | By::System | By::User(_) => {
            "their roles at that moment did not allow it"
        }
    }
}

/// Who that was, with the roles of that moment.
fn actor(by: &By, of: &Organization) -> Result<Actor, &'static str> {
    let organization = of.id();
    let roles = |holder| of.account(holder).map(|account| account.roles.clone());
    Ok(match by {
        By::Administrator => Actor::Administrator,
        By::ApiKey(id) => {
            let roles = roles(Holder::ApiKey(*id)).ok_or("there was no such API key at that moment")?;
            Actor::ApiKey { id: *id, organization, roles }
        }
        By::Employee(_) => return Err("a support engineer of the vendor can never do this"),
        By::ServiceAccount(id) => {
            let roles = roles(Holder::ServiceAccount(*id)).ok_or("there was no such service account at that moment")?;
            Actor::ServiceAccount { id: *id, organization, roles }
        }
        By::System => return Err("only a person or key of the customer does"),
        By::User(id) => {
            let roles = of.user(*id).ok_or("there was no such user at that moment")?.clone();
            Actor::User { id: *id, organization, roles }
        }
    })
}

fn employee(by: &By) -> Result<&EmployeeIdentifier, &'static str> {
    match by {
        By::Employee(identifier) => Ok(identifier),
        By::Administrator | By::ApiKey(_) | By::ServiceAccount(_) | By::System | By::User(_) => {
            Err("only a support engineer does")
        }
    }
}

fn of_request(by: &By, of: &Organization, request: RequestId) -> Result<(), &'static str> {
    let identifier = employee(by)?;
    if of.request_employee(request).is_none_or(|known| known == identifier) {
        Ok(())
    } else {
        Err("the request is another support engineer's")
    }
}

fn oneself(by: &By, of: &Organization, user: UserId) -> Result<(), &'static str> {
    if *by != By::User(user) {
        return Err("only they themselves do");
    }
    of.user(user).map(drop).ok_or("there was no such user at that moment")
}

fn of_session(by: &By, of: &Organization, session: SessionId) -> Result<(), &'static str> {
    match by {
        By::System => Ok(()),
        By::Employee(identifier) if of.session_employee(session).is_none_or(|known| known == identifier) => Ok(()),
        By::Employee(_) => Err("the session is another support engineer's"),
        By::Administrator | By::ApiKey(_) | By::ServiceAccount(_) | By::User(_) => {
            Err("only the session's support engineer or Byleave does")
        }
    }
}

fn close(
    by: &By,
    of: &Organization,
    (session, reason): (SessionId, SessionEnd),
    resource: Resource,
) -> Result<(), &'static str> {
    match by {
        By::Administrator if reason == SessionEnd::EndedByAdministrator => administrator(by, Action::EndSession),
        By::Administrator => Err("an administrator of the vendor only ends sessions as such"),
        By::ApiKey(_) | By::ServiceAccount(_) | By::User(_) => customer(by, of, Action::EndSession, resource),
        By::Employee(_) | By::System => of_session(by, of, session),
    }
}

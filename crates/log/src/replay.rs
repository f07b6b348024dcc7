//! Replays a log: rebuilds who held which role, what was blocked and what was granted, and asks the rules again at
//! every entry whether it was allowed where it stands.
//!
//! An entry that was not allowed changes nothing, so that what rests on it is found, too. Entries that are known by
//! hash only belong to projects that whoever exported cannot see; they are counted, and whatever would need them is
//! not there to be checked. Nothing here trusts the log: only [`byleave_core`] says what is allowed. Read
//! `replay/rights.rs` for who may cause what, `replay/session.rs` for how sessions are decided again.

mod account;
mod installation;
mod inventory;
mod invitation;
mod organization;
mod password;
mod problem;
mod recovery;
mod request;
mod rights;
mod session;

use byleave_core::event::{Entry, Event, LogId, Scope};
use byleave_core::grant::GrantEnd;
use byleave_core::time::Timestamp;

pub use account::Account;
pub use installation::Installation;
pub use organization::Organization;
pub use problem::Problem;

/// A log that is being replayed.
#[derive(Debug)]
pub struct Replay {
    log: LogId,
    next: u64,
    hidden: u64,
    first_at: Option<Timestamp>,
    last_at: Timestamp,
    state: State,
}

#[derive(Debug)]
enum State {
    Installation(Installation),
    Organization(Box<Organization>),
}

impl Replay {
    /// Begins with the empty log.
    pub fn new(log: LogId) -> Self {
        let state = match log {
            LogId::Installation => State::Installation(Installation::default()),
            LogId::Organization(id) => State::Organization(Box::new(Organization::new(id))),
        };
        Self { log, next: 0, hidden: 0, first_at: None, last_at: Timestamp::EPOCH, state }
    }

    /// Takes the next entry and tells what is wrong with it.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Problem> {
        let mut problems = Vec::new();
        if entry.index != self.next {
            problems.push(Problem::OutOfPlace { said: entry.index, expected: self.next });
        }
        self.next += 1;
        let scope = match self.log {
            LogId::Installation => Scope::Installation,
            LogId::Organization(_) => Scope::Organization,
        };
        if entry.log != self.log || entry.event.scope() != scope {
            problems.push(Problem::WrongLog);
            return problems;
        }
        let earliest = self.last_at.plus(-set_back(&entry.event));
        if entry.at < earliest {
            problems.push(Problem::TimeBackwards { before: self.last_at });
        }
        self.last_at = if earliest < self.last_at { entry.at } else { self.last_at.max(entry.at) };
        self.first_at.get_or_insert(entry.at);
        let outcome = match &mut self.state {
            State::Installation(state) => {
                rights::check_installation(&entry.event, &entry.by).and_then(|()| state.apply(entry))
            }
            State::Organization(state) => state.apply(entry),
        };
        problems.extend(outcome.err());
        problems
    }

    /// Passes over an entry that is known by hash only.
    pub fn pass_hidden(&mut self) {
        self.next += 1;
        self.hidden += 1;
    }

    /// What is wrong at the end of the log, with the index of the entry that it is about.
    pub fn finish(&self) -> Vec<(u64, Problem)> {
        match &self.state {
            State::Installation(_) => Vec::new(),
            State::Organization(state) => state.left_open(self.last_at),
        }
    }

    /// How many entries were taken or passed over.
    pub const fn size(&self) -> u64 {
        self.next
    }

    /// How many entries were passed over.
    pub const fn hidden(&self) -> u64 {
        self.hidden
    }

    /// When the first and last entries were made, of those that are visible.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.first_at.map(|first| (first, self.last_at))
    }

    /// The organization as of the last entry, in an organization's log.
    pub const fn organization(&self) -> Option<&Organization> {
        match &self.state {
            State::Installation(_) => None,
            State::Organization(state) => Some(state),
        }
    }

    /// The installation as of the last entry, in the installation's log.
    pub const fn installation(&self) -> Option<&Installation> {
        match &self.state {
            State::Installation(state) => Some(state),
            State::Organization(_) => None,
        }
    }
}

impl Organization {
    fn apply(&mut self, entry: &Entry) -> Result<(), Problem> {
        let event = &entry.event;
        let claim = matches!(event, Event::OrganizationClaimed { .. });
        if claim && (self.claimed() || entry.index != 0) {
            return Err(Problem::ClaimedAgain);
        }
        if !claim && !self.claimed() {
            return Err(Problem::ClaimMissing);
        }
        rights::check(event, &entry.by, self)?;
        if self.snapshot.is_some_and(|claimed_at| claimed_at != entry.at || !is_snapshot(event)) {
            self.snapshot = None;
        }
        self.take(entry)
    }

    /// What an allowed event makes of the organization, and what about it breaks a rule all the same.
    fn take(&mut self, entry: &Entry) -> Result<(), Problem> {
        let (at, event) = (entry.at, &entry.event);
        match event {
            Event::OrganizationClaimed { organization, .. } if *organization != self.id() => {
                return Err(Problem::WrongLog);
            }
            Event::OrganizationClaimed { owner, .. } => self.claim(at, *owner),
            Event::OrganizationBlocked {} => self.set_blocked(at, true),
            Event::OrganizationUnblocked {} => self.set_blocked(at, false),
            Event::LongestGrantSet { longest } => self.set_longest(*longest),
            Event::LongestSecretSet { longest_hours } => self.set_longest_secret(*longest_hours),
            Event::UserAdded { user, roles, .. } => self.add_user(entry, *user, roles)?,
            Event::UserInvited { invitation, roles, .. } => self.invitations.add(entry, *invitation, roles)?,
            Event::InvitationChanged { invitation, roles } => self.invitations.change(*invitation, roles)?,
            Event::InvitationWithdrawn { invitation } => self.invitations.withdraw(*invitation)?,
            Event::UserRolesChanged { user, roles } => self.change_roles(*user, roles)?,
            Event::UserRemoved { user } => self.remove_user(*user)?,
            Event::ApiKeyAdded { .. }
            | Event::ApiKeyRemoved { .. }
            | Event::ApiKeyRolesChanged { .. }
            | Event::ApiKeyDescriptionChanged { .. }
            | Event::ApiKeyNetworkAdded { .. }
            | Event::ApiKeyNetworkRemoved { .. }
            | Event::ServiceAccountAdded { .. }
            | Event::ServiceAccountDetailsChanged { .. }
            | Event::ServiceAccountRolesChanged { .. }
            | Event::ServiceAccountRemoved { .. }
            | Event::ServiceAccountSecretAdded { .. }
            | Event::ServiceAccountSecretRemoved { .. }
            | Event::ServiceAccountNetworkAdded { .. }
            | Event::ServiceAccountNetworkRemoved { .. } => self.change_account(at, event)?,
            Event::ProjectAdded { project, .. } => self.add_project(*project)?,
            Event::ClusterAdded { .. } => self.add_cluster(entry)?,
            Event::ClusterChanged { .. }
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
            | Event::SyncServersRemoved { .. } => self.change_cluster(entry)?,
            Event::SyncCredentialSet { .. } => self.cluster(event).map(drop)?,
            Event::NodeChecked { .. } | Event::NodeRiskAccepted { .. } => self.check_node(entry)?,
            Event::GrantGiven { .. } => self.give_grant(entry)?,
            Event::GrantRevoked { grant, .. } => self.end_grant(entry, *grant, GrantEnd::Revoked)?,
            Event::GrantExpired { grant, .. } => self.expire_grant(entry, *grant)?,
            Event::GrantEnded { grant, reason, .. } => self.end_grant_otherwise(entry, *grant, *reason)?,
            Event::SessionOpened { .. } => self.open_session(entry)?,
            Event::SessionContinued { .. } => self.continue_session(entry)?,
            Event::LogDownloaded { node, log, .. } => self.download_log(entry, *node, log)?,
            Event::ForwardingRefused { .. } => self.use_session(entry)?,
            Event::SessionClosed { session, reason, .. } => self.close_session(entry, *session, *reason)?,
            Event::SessionDenied { .. } => self.cluster(event).map(drop)?,
            Event::RecordingRead { session, .. } => self.known_session(event, *session)?,
            Event::RequestMade { .. } => self.make_request(entry)?,
            Event::RequestApproved { request, grant, .. } => self.approve_request(entry, *request, *grant)?,
            Event::RequestDeclined { request, .. } | Event::RequestWithdrawn { request, .. } => {
                self.close_request(entry, *request)?;
            }
            Event::AccessHandedBack { grant, .. } => self.hand_back(entry, *grant)?,
            Event::RecoveryStarted { recovery, ready_at, .. } => self.start_recovery(entry, *recovery, *ready_at)?,
            Event::RecoveryStopped { recovery } => self.stop_recovery(*recovery)?,
            Event::RecoveryInvited { recovery, invitation, .. } => {
                self.invite_recovered(entry, *recovery, *invitation)?;
            }
            Event::ClockDoubtLeft { .. } => self.leave_doubt(at),
            Event::IdentifierResolved { .. }
            | Event::OperationsContactSet { .. }
            | Event::SecurityContactSet { .. }
            | Event::TimePassed {} => {}
            Event::UserPasswordChanged { user } => self.void_resets(*user),
            Event::PasswordResetOffered { user, invitation, expires_at } => {
                self.offer_reset(entry, *user, (*invitation, *expires_at))?;
            }
            Event::PasswordReset { user, invitation } => self.reset(entry, *user, *invitation)?,
            Event::PasswordResetWithdrawn { user, invitation } => self.withdraw_reset(*user, *invitation)?,
            Event::InstallationCreated { .. }
            | Event::ServerStarted { .. }
            | Event::OrganizationInvited { .. }
            | Event::InventoryApplied { .. }
            | Event::EmployeeAdded { .. }
            | Event::EmployeeDisabled { .. }
            | Event::EmployeeEnabled { .. }
            | Event::EmployeeKeyAdded { .. }
            | Event::EmployeeKeyRemoved { .. }
            | Event::InstallationDoubtLeft { .. } => return Err(Problem::WrongLog),
        }
        Ok(())
    }
}

/// How far an entry says that time was set back: only an administrator who leaves clock doubt does that.
const fn set_back(event: &Event) -> i64 {
    if let Event::ClockDoubtLeft { set_back_ms: millis } | Event::InstallationDoubtLeft { set_back_ms: millis } = event
        && *millis > 0
    {
        *millis
    } else {
        0
    }
}

/// Whether an event can be part of the inventory told right after the claim.
const fn is_snapshot(event: &Event) -> bool {
    matches!(
        event,
        Event::ProjectAdded { .. }
            | Event::ClusterAdded { .. }
            | Event::NodeAdded { .. }
            | Event::LogAdded { .. }
            | Event::SyncDatabaseAdded { .. }
            | Event::SyncServersSet { .. }
    )
}

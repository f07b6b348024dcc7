//! What an organization's log makes of it: roles, block, longest grant, clusters with their grants, live sessions.

use std::collections::{BTreeMap, BTreeSet};

use byleave_core::access::Facts;
use byleave_core::actor::By;
use byleave_core::event::{Entry, Event};
use byleave_core::field::Field;
use byleave_core::grant::{Grant, GrantEnd, GrantType, Request, Terms, give, in_force};
use byleave_core::id::{
    ApiKeyId, ClusterId, GrantId, InvitationId, NodeId, OrgId, ProjectId, RequestId, ServiceAccountId, SessionId,
    UserId,
};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::inventory::Revision;
use byleave_core::name::PublicKey;
use byleave_core::role::{OrgRole, Roles};
use byleave_core::setting::SecretHours;
use byleave_core::time::{Now, Timestamp, Ttl};

use super::account::Account;
use super::invitation::Invitations;
use super::password::Reset;
use super::problem::{Problem, text};
use super::recovery::Running;
use super::request::Waiting;
use super::session::{Live, Past};

/// An organization as of one entry of its log.
#[derive(Debug)]
pub struct Organization {
    pub(super) id: OrgId,
    /// When it was claimed, while nothing but the snapshot of its inventory followed.
    pub(super) snapshot: Option<Timestamp>,
    claimed: bool,
    blocked: bool,
    longest: Ttl,
    longest_secret: SecretHours,
    users: BTreeMap<UserId, Roles>,
    former: BTreeSet<UserId>,
    pub(super) invitations: Invitations,
    /// Links for a new password.
    pub(super) resets: BTreeMap<InvitationId, Reset>,
    pub(super) api_keys: BTreeMap<ApiKeyId, Account>,
    pub(super) service_accounts: BTreeMap<ServiceAccountId, Account>,
    pub(super) former_accounts: BTreeSet<ServiceAccountId>,
    pub(super) projects: BTreeSet<ProjectId>,
    pub(super) clusters: BTreeMap<ClusterId, ClusterState>,
    pub(super) nodes: BTreeMap<NodeId, ClusterId>,
    pub(super) host_keys: BTreeMap<PublicKey, ClusterId>,
    grants: BTreeSet<GrantId>,
    pub(super) recovery: Option<Running>,
    pub(super) requests: BTreeMap<RequestId, Waiting>,
    /// Requests that are over.
    pub(super) answered: BTreeSet<RequestId>,
    pub(super) sessions: BTreeMap<SessionId, Live>,
    pub(super) closed: BTreeMap<SessionId, ClusterId>,
}

/// A cluster with what the log says of it.
#[derive(Debug)]
pub(super) struct ClusterState {
    pub(super) facts: Facts,
    /// When its present revision came.
    pub(super) revised_at: Timestamp,
    /// Grants too old to matter to access.
    old_grants: BTreeMap<GrantId, Grant>,
    /// Grants whose expiry was told.
    expired: BTreeSet<GrantId>,
    /// What the facts were within the last minute.
    pub(super) past: Vec<Past>,
    /// When the present facts began.
    pub(super) since: Timestamp,
}

impl ClusterState {
    pub(super) fn new(facts: Facts, at: Timestamp) -> Self {
        Self {
            facts,
            revised_at: at,
            old_grants: BTreeMap::new(),
            expired: BTreeSet::new(),
            past: Vec::new(),
            since: at,
        }
    }

    fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.facts.grants.iter().find(|grant| grant.id == id).or_else(|| self.old_grants.get(&id))
    }

    /// Whether a change at this revision would be covered by a grant given before.
    pub(super) fn is_covered_already(&self, revision: Revision) -> bool {
        self.facts.grants.iter().chain(self.old_grants.values()).any(|grant| grant.inventory_revision >= revision)
    }

    fn end_in_force(&mut self, at: Timestamp, reason: GrantEnd) {
        for grant in self.facts.grants.iter_mut().filter(|grant| grant.is_active(at)) {
            grant.ended = Some((at, reason));
        }
    }

    /// Puts aside the grants that can have no say any more, so that deciding stays quick in a long log.
    fn retire_grants(&mut self, at: Timestamp) {
        let horizon = at.plus(-byleave_core::access::GRANTS_FOR);
        let old = self.facts.grants.extract_if(.., |grant| grant.granted_at < horizon);
        self.old_grants.extend(old.map(|grant| (grant.id, grant)));
    }

    /// Takes back what matters again because time was set back: a grant that had run out could come to life.
    fn recall_grants(&mut self, at: Timestamp) {
        let horizon = at.plus(-byleave_core::access::GRANTS_FOR);
        let mut recalled: Vec<Grant> =
            self.old_grants.extract_if(.., |_, grant| grant.granted_at >= horizon).map(|(_, grant)| grant).collect();
        recalled.sort_by_key(|grant| grant.granted_at);
        self.facts.grants.splice(..0, recalled);
    }
}

impl Organization {
    pub(super) fn new(id: OrgId) -> Self {
        Self {
            id,
            snapshot: None,
            claimed: false,
            blocked: false,
            longest: Ttl::MAX,
            longest_secret: SecretHours::MAX,
            users: BTreeMap::new(),
            former: BTreeSet::new(),
            invitations: Invitations::default(),
            resets: BTreeMap::new(),
            api_keys: BTreeMap::new(),
            service_accounts: BTreeMap::new(),
            former_accounts: BTreeSet::new(),
            projects: BTreeSet::new(),
            clusters: BTreeMap::new(),
            nodes: BTreeMap::new(),
            host_keys: BTreeMap::new(),
            grants: BTreeSet::new(),
            recovery: None,
            requests: BTreeMap::new(),
            answered: BTreeSet::new(),
            sessions: BTreeMap::new(),
            closed: BTreeMap::new(),
        }
    }

    /// An organization in which nobody has a say.
    pub(super) fn nobodys() -> Self {
        Self::new(OrgId::from_bytes([0; 12]))
    }

    /// Its id.
    pub const fn id(&self) -> OrgId {
        self.id
    }

    /// Whether it was claimed.
    pub const fn claimed(&self) -> bool {
        self.claimed
    }

    /// Whether it blocks support.
    pub const fn blocked(&self) -> bool {
        self.blocked
    }

    /// The longest grant.
    pub const fn longest(&self) -> Ttl {
        self.longest
    }

    /// The longest life of a service account's secret.
    pub const fn longest_secret(&self) -> SecretHours {
        self.longest_secret
    }

    /// Its users with their roles.
    pub const fn users(&self) -> &BTreeMap<UserId, Roles> {
        &self.users
    }

    /// Its API keys.
    pub const fn api_keys(&self) -> &BTreeMap<ApiKeyId, Account> {
        &self.api_keys
    }

    /// Its service accounts.
    pub const fn service_accounts(&self) -> &BTreeMap<ServiceAccountId, Account> {
        &self.service_accounts
    }

    /// The facts of each cluster, removed ones included.
    pub fn facts(&self) -> impl Iterator<Item = &Facts> {
        self.clusters.values().map(|cluster| &cluster.facts)
    }

    /// The sessions that are open.
    pub fn live_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    pub(super) fn user(&self, id: UserId) -> Option<&Roles> {
        self.users.get(&id)
    }

    pub(super) fn session_employee(&self, id: SessionId) -> Option<&EmployeeIdentifier> {
        self.sessions.get(&id).and_then(|live| live.by.as_ref())
    }

    pub(super) fn claim(&mut self, at: Timestamp, owner: UserId) {
        self.claimed = true;
        self.snapshot = Some(at);
        self.users.insert(owner, Roles::in_organization([OrgRole::Owner]));
    }

    pub(super) fn set_blocked(&mut self, at: Timestamp, blocked: bool) {
        self.blocked = blocked;
        self.change_all(at, |cluster| cluster.facts.blocked = blocked);
    }

    pub(super) fn set_longest(&mut self, longest: Ttl) {
        self.longest = longest;
    }

    pub(super) fn set_longest_secret(&mut self, longest: SecretHours) {
        self.longest_secret = longest;
    }

    pub(super) fn leave_doubt(&mut self, at: Timestamp) {
        self.end_requests();
        self.end_recovery();
        self.change_all(at, |cluster| {
            cluster.recall_grants(at);
            cluster.end_in_force(at, GrantEnd::ClockReset);
        });
    }

    /// A person joins: by an invitation for exactly these roles, which is used up.
    pub(super) fn add_user(&mut self, entry: &Entry, id: UserId, roles: &Roles) -> Result<(), Problem> {
        if self.users.contains_key(&id) || self.former.contains(&id) {
            return Err(Problem::Twice { what: "user" });
        }
        let by_owner = matches!(&entry.by, By::User(other) if *other != id)
            || matches!(&entry.by, By::ApiKey(_) | By::ServiceAccount(_));
        if !self.invitations.join(entry.at, roles) && !by_owner {
            return Err(Problem::NotInvited);
        }
        self.users.insert(id, roles.clone());
        Ok(())
    }

    pub(super) fn change_roles(&mut self, id: UserId, roles: &Roles) -> Result<(), Problem> {
        let known = self.users.get_mut(&id).ok_or(Problem::Unknown { what: "user" })?;
        *known = roles.clone();
        self.void_links(&By::User(id));
        Ok(())
    }

    pub(super) fn has_user(&self, id: UserId) -> bool {
        self.users.contains_key(&id)
    }

    pub(super) fn remove_user(&mut self, id: UserId) -> Result<(), Problem> {
        self.users.remove(&id).ok_or(Problem::Unknown { what: "user" })?;
        self.former.insert(id);
        self.void_links(&By::User(id));
        Ok(())
    }

    /// The cluster of an event, if it is there and in the event's project.
    pub(super) fn cluster(&self, event: &Event) -> Result<&ClusterState, Problem> {
        let known = event.cluster().and_then(|id| self.clusters.get(&id));
        let cluster = known.ok_or(Problem::Unknown { what: "cluster" })?;
        if event.project() == Some(cluster.facts.cluster.project) {
            Ok(cluster)
        } else {
            Err(Problem::Unknown { what: "cluster in this project" })
        }
    }

    pub(super) fn give_grant(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Event::GrantGiven { cluster, grant, kind, expires_at, inventory_revision, replaced, .. } = &entry.event
        else {
            return Ok(());
        };
        let state = self.cluster(&entry.event)?;
        let facts = &state.facts;
        if self.grants.contains(grant) {
            return Err(Problem::Twice { what: "grant" });
        }
        if facts.cluster.removed {
            return Err(Problem::Unknown { what: "cluster" });
        }
        if *inventory_revision != facts.cluster.revision {
            return Err(Problem::GrantRevision);
        }
        let given = self.given(entry, facts, (*kind, *grant, *expires_at))?;
        let before = in_force(&facts.grants, entry.at).map(|grant| grant.id);
        self.grants.insert(*grant);
        self.change(*cluster, entry.at, |cluster| {
            cluster.end_in_force(entry.at, GrantEnd::Replaced);
            cluster.retire_grants(entry.at);
            cluster.facts.grants.push(given);
        });
        if before == *replaced {
            Ok(())
        } else {
            let name = |grant: Option<GrantId>| grant.map_or_else(|| "no grant".into(), |id| id.to_string());
            Err(Problem::Replaced { said: name(*replaced), ought: name(before) })
        }
    }

    /// The grant as the rules would give it.
    fn given(
        &self,
        entry: &Entry,
        facts: &Facts,
        (kind, id, expires_at): (GrantType, GrantId, Timestamp),
    ) -> Result<Grant, Problem> {
        let ttl = Ttl::from_millis(expires_at.since(entry.at)).map_err(Problem::Duration)?;
        let terms = Terms {
            id,
            cluster: facts.cluster.id,
            inventory_revision: facts.cluster.revision,
            has_sync_data: facts.cluster.has_sync_data(),
            longest: self.longest,
            by: entry.by.clone(),
            now: Now { at: entry.at, doubt: None },
        };
        give(Request { kind, ttl: Some(ttl), case: None, reason: None }, terms).map_err(|error| match error {
            byleave_core::grant::GiveError::Duration(error) => Problem::Duration(error),
            byleave_core::grant::GiveError::ClockDoubt | byleave_core::grant::GiveError::NoSyncData => {
                Problem::NoSyncData
            }
        })
    }

    /// A grant ends before its time, for a reason that an event of its own tells.
    pub(super) fn end_grant(&mut self, entry: &Entry, id: GrantId, reason: GrantEnd) -> Result<(), Problem> {
        let state = self.cluster(&entry.event)?;
        let known = state.grant(id).ok_or(Problem::Unknown { what: "grant of this cluster" })?;
        // Leaving clock doubt ends all grants by itself; the event of each may follow it.
        let ended_so = known.ended.is_some_and(|(at, why)| at == entry.at && why == reason);
        if ended_so && reason == GrantEnd::ClockReset {
            return Ok(());
        }
        if in_force(&state.facts.grants, entry.at).is_none_or(|grant| grant.id != id) {
            return Err(Problem::NotInForce { grant: text(&id) });
        }
        let cluster = state.facts.cluster.id;
        self.change(cluster, entry.at, |cluster| cluster.end_in_force(entry.at, reason));
        Ok(())
    }

    /// A grant ends for a reason that is neither a person's revoke nor a newer grant: those have events of their own.
    pub(super) fn end_grant_otherwise(&mut self, entry: &Entry, id: GrantId, reason: GrantEnd) -> Result<(), Problem> {
        match reason {
            GrantEnd::ClockReset | GrantEnd::ClusterRemoved => self.end_grant(entry, id, reason),
            GrantEnd::Replaced | GrantEnd::Revoked => Err(Problem::NotAllowed {
                by: text(&entry.by),
                why: "a grant is only revoked or replaced by a customer",
            }),
        }
    }

    /// The feed tells that a grant ran out: once, and only if nothing else ended it.
    pub(super) fn expire_grant(&mut self, entry: &Entry, id: GrantId) -> Result<(), Problem> {
        let state = self.cluster(&entry.event)?;
        let known = state.grant(id).ok_or(Problem::Unknown { what: "grant of this cluster" })?;
        let ran_out = known.expires_at <= entry.at && known.ended.is_none();
        let cluster = state.facts.cluster.id;
        let told = self.clusters.get_mut(&cluster).is_some_and(|state| !state.expired.insert(id));
        if ran_out && !told { Ok(()) } else { Err(Problem::NotInForce { grant: text(&id) }) }
    }

    /// Changes the facts of a cluster: what they were is remembered for a minute, live sessions are decided again.
    pub(super) fn change(&mut self, id: ClusterId, at: Timestamp, change: impl FnOnce(&mut ClusterState)) {
        let Some(cluster) = self.clusters.get_mut(&id) else { return };
        let mut live = self.sessions.values_mut().filter(|live| live.cluster == id).peekable();
        if live.peek().is_some() {
            cluster.remember(at);
        }
        change(cluster);
        cluster.since = at;
        for session in live {
            session.decide_again(&cluster.facts, at);
        }
    }

    fn change_all(&mut self, at: Timestamp, change: impl Fn(&mut ClusterState)) {
        let ids: Vec<ClusterId> = self.clusters.keys().copied().collect();
        for id in ids {
            self.change(id, at, &change);
        }
    }

    pub(super) fn facts_of(&self, cluster: byleave_core::inventory::Cluster, log_size: u64) -> Facts {
        Facts {
            organization: self.id,
            claimed: self.claimed,
            blocked: self.blocked,
            cluster,
            grants: Vec::new(),
            log_size,
        }
    }
}

/// Reads a field that events share.
pub(super) fn field<T: Field>(event: &Event, name: &str) -> Option<T> {
    event.fields().remove(name).and_then(|value| T::from_value(value).ok())
}

//! Access requests as the log tells them: who asked, and that an answer is given once, in time, and never with more than
//! was asked.
//!
//! Who may answer is for `rights.rs` to say. This must never take the log's word for what a request asks for: the grant
//! that an approval names is looked up as it was given.

use byleave_core::actor::By;
use byleave_core::event::{Entry, Event};
use byleave_core::grant::{GrantType, in_force};
use byleave_core::id::{ClusterId, GrantId, RequestId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::request::WAITS_FOR;
use byleave_core::time::{Timestamp, Ttl};

use super::organization::Organization;
use super::problem::{Problem, text};

/// A request that nobody has answered.
#[derive(Debug)]
pub(super) struct Waiting {
    cluster: ClusterId,
    by: EmployeeIdentifier,
    kind: GrantType,
    duration: Ttl,
    dies_at: Timestamp,
}

impl Organization {
    pub(super) fn request_employee(&self, id: RequestId) -> Option<&EmployeeIdentifier> {
        self.requests.get(&id).map(|request| &request.by)
    }

    /// An employee asks.
    pub(super) fn make_request(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Event::RequestMade { cluster, request, kind, duration, dies_at, .. } = &entry.event else { return Ok(()) };
        let state = self.cluster(&entry.event)?;
        if state.facts.cluster.removed {
            return Err(Problem::Unknown { what: "cluster" });
        }
        if self.requests.contains_key(request) || self.answered.contains(request) {
            return Err(Problem::Twice { what: "request" });
        }
        if dies_at.since(entry.at) != WAITS_FOR {
            return Err(Problem::RequestLife);
        }
        let By::Employee(by) = entry.by.clone() else { return Ok(()) };
        let waiting = Waiting { cluster: *cluster, by, kind: *kind, duration: *duration, dies_at: *dies_at };
        self.requests.insert(*request, waiting);
        Ok(())
    }

    /// A customer approves: the grant was given right before, by the same person, and is no more than was asked.
    pub(super) fn approve_request(&mut self, entry: &Entry, id: RequestId, grant: GrantId) -> Result<(), Problem> {
        let (kind, duration) = self.waiting(entry, id).map(|request| (request.kind, request.duration))?;
        let facts = &self.cluster(&entry.event)?.facts;
        let given = in_force(&facts.grants, entry.at).filter(|given| given.id == grant);
        let given = given.ok_or_else(|| Problem::NotInForce { grant: text(&grant) })?;
        if given.granted_at != entry.at || given.granted_by != entry.by {
            return Err(Problem::NotItsGrant);
        }
        if !given.kind.is_within(kind) || given.expires_at.since(given.granted_at) > duration.millis() {
            return Err(Problem::MoreThanAsked);
        }
        self.end_request(id);
        Ok(())
    }

    /// A customer says no, or the employee takes it back.
    pub(super) fn close_request(&mut self, entry: &Entry, id: RequestId) -> Result<(), Problem> {
        self.waiting(entry, id)?;
        self.end_request(id);
        Ok(())
    }

    /// An employee needs a cluster no longer; if a grant is named, it is the one in force.
    pub(super) fn hand_back(&self, entry: &Entry, grant: Option<GrantId>) -> Result<(), Problem> {
        let facts = &self.cluster(&entry.event)?.facts;
        let current = in_force(&facts.grants, entry.at).map(|grant| grant.id);
        match grant {
            Some(grant) if current != Some(grant) => Err(Problem::NotInForce { grant: text(&grant) }),
            Some(_) | None => Ok(()),
        }
    }

    /// Leaving clock doubt ends every request that could still be answered.
    pub(super) fn end_requests(&mut self) {
        self.answered.extend(std::mem::take(&mut self.requests).into_keys());
    }

    /// The requests that wait for an answer at an instant.
    pub fn waiting_requests(&self, at: Timestamp) -> impl Iterator<Item = RequestId> {
        self.requests.iter().filter(move |(_, request)| at < request.dies_at).map(|(id, _)| *id)
    }

    /// A request of this cluster that can be answered where the entry stands.
    fn waiting(&self, entry: &Entry, id: RequestId) -> Result<&Waiting, Problem> {
        let facts = &self.cluster(&entry.event)?.facts;
        let known = self.requests.get(&id).filter(|request| request.cluster == facts.cluster.id);
        let request = known.ok_or(Problem::Unknown { what: "request that waits for an answer" })?;
        if entry.at < request.dies_at { Ok(request) } else { Err(Problem::RequestDied) }
    }

    fn end_request(&mut self, id: RequestId) {
        self.requests.remove(&id);
        self.answered.insert(id);
    }
}

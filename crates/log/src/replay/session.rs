//! Sessions as the log tells them: each is decided again, with the facts as they were at its index.
//!
//! This must never take the log's word for a yes: [`decide`] and [`again`] say what a session rests on, and the entry
//! has to say the same.

use byleave_core::access::{Asker, Basis, Denial, Facts, Permit, Verdict, Wanted, again, decide};
use byleave_core::actor::By;
use byleave_core::event::{Entry, Event};
use byleave_core::id::{ClusterId, NodeId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::LogName;
use byleave_core::session::SessionEnd;
use byleave_core::time::{MINUTE, Now, SECOND, Timestamp};

use super::organization::{ClusterState, Organization};
use super::problem::{Problem, basis_text};

/// How long after its end a session's last entries may still be written: a store that was busy, a lease that ran out.
const SETTLE: i64 = MINUTE;

/// How close two changes may be for the gateway to see only the second.
const MOMENT: i64 = SECOND;

/// A session that is open.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) cluster: ClusterId,
    pub(super) by: Option<EmployeeIdentifier>,
    index: u64,
    opened_at: Timestamp,
    /// None where the log had no right to open it; that was told then.
    permit: Option<Permit>,
    /// When it had to be cut, as far as events tell.
    over: Option<Timestamp>,
}

impl Live {
    /// Notes when a change ended what the session rests on.
    pub(super) fn decide_again(&mut self, facts: &Facts, at: Timestamp) {
        // Changes within a moment reach the gateway as one, so what was taken back at once has ended nothing. A revoke is
        // not taken back: `again` remembers it.
        let before = self.over;
        if before.is_some_and(|over| at.since(over) < MOMENT) {
            self.over = None;
        }
        self.over = self.over_at(facts, at).map(|over| before.unwrap_or(over));
    }

    /// When the session had to be cut, if it had to be by now.
    fn over_at(&self, facts: &Facts, at: Timestamp) -> Option<Timestamp> {
        let permit = self.permit.as_ref()?;
        self.over.or(match again(facts, Asker::Active, permit, self.opened_at, at) {
            Verdict::Cut(_) => Some(permit.until().min(at)),
            Verdict::Continued(_) | Verdict::Unchanged(_) => None,
        })
    }

    /// How long the session has been over, if longer than its last entries may take.
    fn over_for(&self, facts: &Facts, at: Timestamp) -> Option<i64> {
        self.over_at(facts, at).map(|over| at.since(over)).filter(|millis| *millis > SETTLE)
    }
}

/// What the facts of a cluster were before a change.
#[derive(Debug)]
pub(super) struct Past {
    from: Timestamp,
    to: Timestamp,
    facts: Facts,
}

impl ClusterState {
    /// Keeps the present facts, which a change is about to end, for as long as entries of sessions may refer to them.
    pub(super) fn remember(&mut self, at: Timestamp) {
        self.past.retain(|past| past.to >= at.plus(-SETTLE));
        self.past.push(Past { from: self.since, to: at, facts: self.facts.clone() });
    }

    /// Whether a log can be read now, or could be within the last minute of the session: what was read then may be told
    /// after the session was cut.
    fn is_readable(&self, live: &Live, node: NodeId, log: &LogName, at: Timestamp) -> Result<(), Denial> {
        let earliest = at.plus(-SETTLE).max(live.opened_at);
        let asked = |facts, from: Timestamp| {
            let now = Now { at: from.max(earliest), doubt: None };
            decide(facts, Asker::Active, Wanted::Log(node, log.clone()), now).map(drop)
        };
        let present = asked(&self.facts, self.since);
        let past = self.past.iter().filter(|past| past.to >= earliest);
        if past.into_iter().any(|past| asked(&past.facts, past.from).is_ok()) { Ok(()) } else { present }
    }
}

impl Organization {
    pub(super) fn open_session(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Event::SessionOpened { cluster, session, wanted, node, basis, until, .. } = &entry.event else {
            return Ok(());
        };
        if self.sessions.contains_key(session) || self.closed.contains_key(session) {
            return Err(Problem::Twice { what: "session" });
        }
        let facts = &self.cluster(&entry.event)?.facts;
        let decided = decided(facts, wanted, *node, entry.at);
        let by = if let By::Employee(identifier) = &entry.by { Some(identifier.clone()) } else { None };
        let (permit, checked) = match decided {
            Ok(permits) => confirm(permits, *basis, *until),
            Err(problem) => (None, Err(problem)),
        };
        let live = Live { cluster: *cluster, by, index: entry.index, opened_at: entry.at, permit, over: None };
        self.sessions.insert(*session, live);
        checked
    }

    pub(super) fn continue_session(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Event::SessionContinued { session, basis, until, .. } = &entry.event else { return Ok(()) };
        let facts = self.cluster(&entry.event)?.facts.clone();
        let live = self.live(&entry.event, *session)?;
        let Some(permit) = live.permit.as_ref() else { return Ok(()) };
        match again(&facts, Asker::Active, permit, live.opened_at, entry.at) {
            Verdict::Cut(reason) => Err(Problem::NoContinuation { reason: reason.to_string() }),
            Verdict::Continued(_) | Verdict::Unchanged(_) if live.over.is_some() => {
                Err(Problem::NoContinuation { reason: "it had to be ended before".into() })
            }
            Verdict::Continued(next) | Verdict::Unchanged(next) => {
                let (permit, checked) = confirm(vec![next], *basis, *until);
                live.permit = permit;
                checked
            }
        }
    }

    pub(super) fn download_log(&self, entry: &Entry, node: NodeId, log: &LogName) -> Result<(), Problem> {
        let state = self.cluster(&entry.event)?;
        let live = self.session(&entry.event)?;
        if live.permit.is_some() {
            state
                .is_readable(live, node, log, entry.at)
                .map_err(|denial| Problem::LogNotCovered { log: log.to_string(), denial })?;
        }
        self.use_session(entry)
    }

    /// Something that a session did: it must be open, and not over for longer than an entry may take.
    pub(super) fn use_session(&self, entry: &Entry) -> Result<(), Problem> {
        let state = self.cluster(&entry.event)?;
        let live = self.session(&entry.event)?;
        let over = live.over_for(&state.facts, entry.at);
        over.map_or(Ok(()), |millis| Err(Problem::SessionOver { millis }))
    }

    pub(super) fn close_session(&mut self, entry: &Entry, id: SessionId, reason: SessionEnd) -> Result<(), Problem> {
        let live = self.session(&entry.event)?;
        let late = live.over_for(&self.cluster(&entry.event)?.facts, entry.at);
        let cluster = live.cluster;
        self.sessions.remove(&id);
        self.closed.insert(id, cluster);
        late.map_or(Ok(()), |millis| Err(Problem::LateClose { millis, reason: reason.to_string() }))
    }

    /// A session that a person looks back at, open or closed.
    pub(super) fn known_session(&self, event: &Event, id: SessionId) -> Result<(), Problem> {
        let cluster = self.closed.get(&id).copied().or(self.sessions.get(&id).map(|live| live.cluster));
        if cluster.is_some() && cluster == event.cluster() {
            Ok(())
        } else {
            Err(Problem::Unknown { what: "session of this cluster" })
        }
    }

    /// The sessions that are open at the end of the log though they had to be ended, with the index of each.
    pub(super) fn left_open(&self, at: Timestamp) -> Vec<(u64, Problem)> {
        let over = |live: &Live| {
            let facts = &self.clusters.get(&live.cluster)?.facts;
            live.over_for(facts, at).map(|millis| (live.index, Problem::StillOpen { millis }))
        };
        self.sessions.values().filter_map(over).collect()
    }

    fn session(&self, event: &Event) -> Result<&Live, Problem> {
        let live = event.session().and_then(|id| self.sessions.get(&id));
        live.filter(|live| Some(live.cluster) == event.cluster()).ok_or(Problem::Unknown { what: "open session" })
    }

    fn live(&mut self, event: &Event, id: SessionId) -> Result<&mut Live, Problem> {
        let live = self.sessions.get_mut(&id);
        live.filter(|live| Some(live.cluster) == event.cluster()).ok_or(Problem::Unknown { what: "open session" })
    }
}

/// What the table says to what a session wanted: the permits it could have had.
fn decided(facts: &Facts, wanted: &str, node: Option<NodeId>, at: Timestamp) -> Result<Vec<Permit>, Problem> {
    if node.is_some_and(|id| facts.cluster.node(id).is_none()) {
        return Err(Problem::Unknown { what: "node" });
    }
    let options = match (wanted, node) {
        ("logs", _) => vec![Wanted::LogList],
        ("node", Some(id)) => vec![Wanted::Node(id)],
        ("sync data", None) => vec![Wanted::SyncLogin],
        _ => return Err(Problem::Unknown { what: "thing to want" }),
    };
    let mut denial = Denial::Unknown;
    let mut permits = Vec::new();
    for option in options {
        match decide(facts, Asker::Active, option, Now { at, doubt: None }) {
            Ok(permit) => permits.push(permit),
            Err(no) => denial = no,
        }
    }
    if permits.is_empty() { Err(Problem::NoBasis { denial }) } else { Ok(permits) }
}

/// The permit that the entry tells of; if none is, the first one, with what differs.
fn confirm(permits: Vec<Permit>, basis: Basis, until: Timestamp) -> (Option<Permit>, Result<(), Problem>) {
    let mut first = None;
    for permit in permits {
        if permit.basis() == basis && permit.until() == until {
            return (Some(permit), Ok(()));
        }
        first.get_or_insert(permit);
    }
    let problem = first.as_ref().map_or(Problem::NoBasis { denial: Denial::Unknown }, |permit| {
        if permit.basis() == basis {
            Problem::OtherUntil { said: until, ought: permit.until() }
        } else {
            Problem::OtherBasis { said: basis_text(basis), ought: basis_text(permit.basis()) }
        }
    });
    (first, Err(problem))
}

//! A model of an installation for random histories: the store's and the gateway's part played by the simplest code,
//! with everything remembered that must never be forgotten.

mod check;
mod inventory;

use std::collections::{BTreeMap, BTreeSet};

use byleave_core::access::{Asker, Facts, GRANTS_FOR, Permit, Verdict, Wanted, again, decide};
use byleave_core::event::Event;
use byleave_core::grant::{Grant, GrantEnd, GrantType, Request, Terms, give, in_force};
use byleave_core::id::{ClusterId, GrantId, NodeId, OrgId, RequestId};
use byleave_core::inventory::{Cluster, Prune};
use byleave_core::request::{AccessRequest, Approval, RequestEnd, WAITS_FOR, Wish, approve, ask};
use byleave_core::sample::{AT, USER, identifier, text};
use byleave_core::time::{BootId, DAY, Now, Reading, Timestamp, Ttl, advance, judge};
use byleave_core::{access::Basis, actor::By, session::SessionEnd};

use crate::estate::{Edit, Estate, ORGANIZATIONS};
use crate::oracle;

/// Something that happens. Small numbers choose organization, cluster, node, employee.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    AcceptRisk(usize, usize),
    /// An employee asks.
    Ask(usize, GrantType, Ttl),
    /// A customer approves one of the requests.
    Approve(usize, Approval, Ttl),
    Block(usize),
    Boot {
        gap: i64,
    },
    Check {
        cluster: usize,
        node: usize,
        passed: bool,
        stale: bool,
    },
    Employee(usize, Asker),
    Give {
        cluster: usize,
        kind: GrantType,
        ttl: Option<Ttl>,
        longest: Ttl,
    },
    Inventory(Vec<Edit>, Prune),
    LeaveDoubt,
    Open {
        employee: usize,
        cluster: usize,
        wanted: usize,
    },
    /// Time goes by, on both clocks.
    Pass(i64),
    Revoke(usize),
    Unblock(usize),
    /// The wall clock is set.
    Wall(i64),
}

struct Session {
    employee: usize,
    cluster: ClusterId,
    permit: Permit,
    opened_at: Timestamp,
    /// The revision that had brought what is open.
    born: i64,
    /// The grant that it would be on had it been decided again after each single change.
    on: Option<GrantId>,
    /// A person revoked that grant.
    doomed: bool,
}

pub(crate) struct World {
    estate: Estate,
    blocked: BTreeSet<OrgId>,
    grants: Vec<Grant>,
    employees: [Asker; 2],
    sessions: Vec<Session>,
    clock: Reading,
    mark: Reading,
    now: Now,
    ids: u32,
    /// What the inventory holds, by name, each with its form and the revision that brought that form.
    born: BTreeMap<(NodeId, String), (String, i64)>,
    born_sync: BTreeMap<(ClusterId, String), i64>,
    /// From where sync data is read, and the revision that said so.
    born_source: BTreeMap<ClusterId, (String, i64)>,
    /// Grants that are over, with how their row looked then.
    over: BTreeMap<GrantId, Option<(Timestamp, GrantEnd)>>,
    requests: Vec<AccessRequest>,
    /// Requests that nobody can answer any more.
    answered: BTreeSet<RequestId>,
    /// When requests were made, by any employee.
    asked: Vec<Timestamp>,
    pub(crate) approved: usize,
    pub(crate) opened: usize,
    pub(crate) cut: BTreeMap<SessionEnd, usize>,
    pub(crate) continued: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Reading { wall: AT, boot: BootId("0".into()), since_boot: 1_000_000 };
        let mut world = Self {
            estate: Estate::new(),
            blocked: BTreeSet::new(),
            grants: Vec::new(),
            employees: [Asker::Active; 2],
            sessions: Vec::new(),
            mark: advance(None, &clock),
            now: judge(None, &clock),
            clock,
            ids: 0,
            born: BTreeMap::new(),
            born_sync: BTreeMap::new(),
            born_source: BTreeMap::new(),
            over: BTreeMap::new(),
            requests: Vec::new(),
            answered: BTreeSet::new(),
            asked: Vec::new(),
            approved: 0,
            opened: 0,
            cut: BTreeMap::new(),
            continued: 0,
        };
        world.remember_inventory();
        world
    }

    /// One step. Live sessions are only decided again if the change is not `quiet`; a later one brings it with it.
    pub(crate) fn step(&mut self, op: Op, quiet: bool) {
        self.happen(op);
        self.check_grants();
        self.check_requests();
        self.check_table();
        self.follow_revokes();
        if !quiet {
            self.settle();
        }
    }

    fn happen(&mut self, op: Op) {
        match op {
            Op::AcceptRisk(cluster, node) => self.on_node(cluster, node, |of, node| Event::NodeRiskAccepted {
                project: of.project,
                cluster: of.id,
                node,
                reason: None,
                revision: of.revision,
            }),
            Op::Approve(request, approval, longest) => self.approve(request, approval, longest),
            Op::Ask(cluster, kind, ttl) => self.ask(cluster, kind, ttl),
            Op::Block(organization) => drop(self.blocked.insert(ORGANIZATIONS[organization])),
            Op::Boot { gap } => {
                let boot = BootId(format!("{}+", self.clock.boot.0));
                self.clock = Reading { wall: self.clock.wall.plus(gap), boot, since_boot: 10_000 };
                self.sessions.clear();
                self.tick();
            }
            Op::Check { cluster, node, passed, stale } => self.on_node(cluster, node, |of, node| Event::NodeChecked {
                project: of.project,
                cluster: of.id,
                node,
                passed,
                findings: 0,
                revision: if stale { byleave_core::inventory::Revision::FIRST } else { of.revision },
            }),
            Op::Employee(employee, state) => self.employees[employee] = state,
            Op::Give { cluster, kind, ttl, longest } => {
                let cluster = self.cluster(cluster).id;
                self.give(cluster, Request { kind, ttl, case: None, reason: None }, longest);
            }
            Op::Inventory(edits, prune) => self.change_inventory(edits, prune),
            Op::LeaveDoubt => self.leave_doubt(),
            Op::Open { employee, cluster, wanted } => self.open(employee, cluster, wanted),
            Op::Pass(millis) => {
                self.clock.wall = self.clock.wall.plus(millis);
                self.clock.since_boot += millis;
                self.tick();
            }
            Op::Revoke(cluster) => self.revoke(cluster),
            Op::Unblock(organization) => drop(self.blocked.remove(&ORGANIZATIONS[organization])),
            Op::Wall(millis) => {
                self.clock.wall = self.clock.wall.plus(millis);
                self.tick();
            }
        }
    }

    fn tick(&mut self) {
        let now = judge(Some(&self.mark), &self.clock);
        assert!(now.at >= self.now.at, "time never runs backwards");
        self.mark = advance(Some(&self.mark), &self.clock);
        assert_eq!(self.mark.wall, now.at);
        self.now = now;
    }

    fn leave_doubt(&mut self) {
        if self.now.doubt.is_none() {
            return;
        }
        self.mark = self.clock.clone();
        self.now = judge(None, &self.clock);
        for grant in &mut self.grants {
            grant.end(self.now.at, GrantEnd::ClockReset);
        }
        for request in &mut self.requests {
            request.end(self.now.at, RequestEnd::ClockReset);
        }
        // The lease of live sessions ran out long ago.
        self.sessions.clear();
    }

    fn clusters(&self) -> &[Cluster] {
        &self.estate.inventory.clusters
    }

    /// The cluster of this number that is present, or was last.
    fn cluster(&self, number: usize) -> &Cluster {
        let clusters = self.clusters();
        &clusters[number % clusters.len()]
    }

    fn on_node(&mut self, cluster: usize, node: usize, event: impl FnOnce(&Cluster, NodeId) -> Event) {
        let clusters = &mut self.estate.inventory.clusters;
        let number = cluster % clusters.len();
        let cluster = &mut clusters[number];
        if let Some(id) = cluster.nodes.iter().filter(|node| !node.removed).nth(node).map(|node| node.id) {
            let event = event(cluster, id);
            cluster.apply(&event);
        }
    }

    fn ask(&mut self, cluster: usize, kind: GrantType, ttl: Ttl) {
        let (id, cluster, now) = (RequestId::from_bytes(self.id()), self.cluster(cluster).id, self.now);
        let recent = self.asked.iter().filter(|at| now.at.since(**at).abs() < byleave_core::time::HOUR).count();
        let Ok(dies_at) = ask(recent, now) else {
            assert!(now.doubt.is_some() || recent >= byleave_core::request::MOST, "refused without a reason");
            return;
        };
        assert_eq!((now.doubt, dies_at.since(now.at)), (None, WAITS_FOR));
        let wish = Wish { kind, ttl, case: None, reason: text("it does not answer") };
        self.asked.push(now.at);
        let asked_by = identifier();
        self.requests.push(AccessRequest { id, cluster, asked_by, wish, asked_at: now.at, dies_at, ended: None });
    }

    fn approve(&mut self, request: usize, approval: Approval, longest: Ttl) {
        let Some(request) = request.checked_rem(self.requests.len()).map(|number| self.requests[number].clone()) else {
            return;
        };
        let Ok(asked) = approve(&request, approval, longest, self.now.at) else { return };
        assert!(!self.answered.contains(&request.id), "a request is answered twice, or after its death");
        let (kind, ttl) = (asked.kind, asked.ttl.unwrap());
        assert!(kind.is_within(request.wish.kind) && ttl <= request.wish.ttl, "more is given than was asked");
        if let Some(grant) = self.give(request.cluster, asked, longest) {
            self.approved += 1;
            let (id, at) = (request.id, self.now.at);
            let row = self.requests.iter_mut().find(|row| row.id == id).unwrap();
            assert!(row.end(at, RequestEnd::Approved { grant }));
        }
    }

    /// No request that is over can be answered ever again.
    fn check_requests(&mut self) {
        for request in &self.requests {
            if request.is_waiting(self.now.at) {
                assert!(!self.answered.contains(&request.id), "a request is revived");
                assert!(self.now.at.since(request.asked_at) < WAITS_FOR);
            } else {
                self.answered.insert(request.id);
            }
        }
    }

    fn id(&mut self) -> [u8; 12] {
        self.ids += 1;
        let [a, b, c, d] = self.ids.to_be_bytes();
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    fn give(&mut self, cluster: ClusterId, request: Request, longest: Ttl) -> Option<GrantId> {
        let cluster = self.clusters().iter().find(|known| known.id == cluster).unwrap().clone();
        if cluster.removed {
            return None;
        }
        let (kind, ttl) = (request.kind, request.ttl);
        let terms = Terms {
            id: GrantId::from_bytes(self.id()),
            cluster: cluster.id,
            inventory_revision: cluster.revision,
            has_sync_data: cluster.has_sync_data(),
            longest,
            by: By::User(USER),
            now: self.now,
        };
        let Ok(grant) = give(request, terms) else {
            let sync = kind == GrantType::InfrastructureAndSyncData && !cluster.has_sync_data();
            assert!(self.now.doubt.is_some() || sync || ttl > Some(longest), "a grant is refused without a reason");
            return None;
        };
        assert_eq!(self.now.doubt, None, "no grant in doubt");
        let length = grant.expires_at.since(grant.granted_at);
        assert!((1..=DAY).contains(&length) && length <= longest.millis(), "a grant of {length} ms");
        self.end_in_force(cluster.id, GrantEnd::Replaced);
        let id = grant.id;
        self.grants.push(grant);
        Some(id)
    }

    fn end_in_force(&mut self, cluster: ClusterId, reason: GrantEnd) -> Option<GrantId> {
        let at = self.now.at;
        let grant = self.grants.iter_mut().find(|grant| grant.cluster == cluster && grant.is_active(at))?;
        assert!(grant.end(at, reason));
        Some(grant.id)
    }

    fn revoke(&mut self, cluster: usize) {
        let id = self.cluster(cluster).id;
        let Some(revoked) = self.end_in_force(id, GrantEnd::Revoked) else { return };
        for session in &mut self.sessions {
            // One that is on standing access since it was last decided is not based on a grant that it never met.
            session.doomed |= session.on == Some(revoked) && matches!(session.permit.basis(), Basis::Grant { .. });
        }
    }

    fn facts(&self, id: ClusterId) -> Facts {
        let cluster = self.clusters().iter().find(|cluster| cluster.id == id).unwrap().clone();
        let recent = |grant: &&Grant| grant.cluster == id && grant.granted_at > self.now.at.plus(-GRANTS_FOR);
        Facts {
            organization: cluster.organization,
            claimed: true,
            blocked: self.blocked.contains(&cluster.organization),
            grants: self.grants.iter().filter(recent).cloned().collect(),
            log_size: 1,
            cluster,
        }
    }

    fn everything_to_want(cluster: &Cluster) -> Vec<Wanted> {
        let mut all = vec![Wanted::LogList, Wanted::Database, Wanted::SyncLogin];
        for node in &cluster.nodes {
            all.push(Wanted::Node(node.id));
            all.extend(["mongod", "audit", "mongot"].map(|log| Wanted::Log(node.id, text(log))));
        }
        all.extend(["appsync_1", "appsync_2", "state", "admin"].map(|name| Wanted::SyncData(name.to_owned())));
        all
    }

    fn open(&mut self, employee: usize, cluster: usize, wanted: usize) {
        let cluster = self.cluster(cluster).clone();
        let all = Self::everything_to_want(&cluster);
        let wanted = all[wanted % all.len()].clone();
        let born = self.born(&cluster, &wanted);
        if let Ok(permit) = decide(&self.facts(cluster.id), self.employees[employee], wanted, self.now) {
            assert_eq!(self.now.doubt, None, "nothing opens in doubt");
            self.opened += 1;
            let on = granted(&permit);
            let (opened_at, born) = (self.now.at, born.unwrap());
            self.sessions.push(Session { employee, cluster: cluster.id, permit, opened_at, born, on, doomed: false });
        }
    }

    /// What each session would be based on if it had been decided again after this very change.
    fn follow_revokes(&mut self) {
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in &mut sessions {
            let (facts, asker) = (self.facts(session.cluster), self.employees[session.employee]);
            let said = oracle::says(&facts, asker, session.permit.wanted(), session.opened_at, self.now.at);
            session.on = said.and_then(|(basis, _)| grant_of(basis)).or(session.on.filter(|_| session.doomed));
        }
        self.sessions = sessions;
    }

    /// Lets a day and more go by in good order: nothing is open any more.
    pub(crate) fn end(mut self) -> Self {
        self.step(Op::LeaveDoubt, false);
        self.step(Op::Pass(GRANTS_FOR + WAITS_FOR), false);
        assert!(self.sessions.is_empty(), "a session outlives every basis");
        assert!(self.requests.iter().all(|request| !request.is_waiting(self.now.at)), "a request lives for ever");
        assert!(self.grants.iter().all(|grant| !grant.is_active(self.now.at)));
        self
    }
}

fn grant_of(basis: Basis) -> Option<GrantId> {
    match basis {
        Basis::Grant { id } => Some(id),
        Basis::Standing => None,
    }
}

fn granted(permit: &Permit) -> Option<GrantId> {
    grant_of(permit.basis())
}

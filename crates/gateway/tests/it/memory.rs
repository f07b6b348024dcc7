//! A control over the core's facts, kept in memory. The rules are the core's own.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use byleave_core::access::{Asker, Basis, Denial, Facts, Published, Wanted, decide};
use byleave_core::actor::By;
use byleave_core::grant::{Grant, GrantEnd, GrantType};
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, GrantId, NodeId, OrgId, ProjectId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::inventory::{Cluster, Log, LogKind, Node, NodeCheck, Revision};
use byleave_core::name::PublicKey;
use byleave_core::request::RequestStatus;
use byleave_core::time::{BootId, Clock, Doubt, HOUR, Now, Reading, Timestamp};
use byleave_gateway::control::{
    Account, CertificateRequest, Closed, Control, ControlError, KnownEmployee, Lease, OpenRefused, OpenRequest, Opened,
    Order, OwnRequest, Purpose, RecordingKey, Reply, Report, SayError, Saying, SyncCredential, What,
};
use futures_util::future::{BoxFuture, FutureExt};
use nix::time::{ClockId, clock_gettime};
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::{PrivateKey, ssh_key};
use tokio::sync::{broadcast, watch};
use zeroize::Zeroizing;

pub(crate) const ORGANIZATION: OrgId = OrgId::from_bytes([1; 12]);
pub(crate) const PROJECT: ProjectId = ProjectId::from_bytes([2; 12]);
pub(crate) const CLUSTER: ClusterId = ClusterId::from_bytes([3; 12]);
pub(crate) const NODE: NodeId = NodeId::from_bytes([4; 12]);
pub(crate) const EMPLOYEE: EmployeeId = EmployeeId::from_bytes([5; 12]);
pub(crate) const KEY: EmployeeKeyId = EmployeeKeyId::from_bytes([6; 12]);
pub(crate) const GRANT: GrantId = GrantId::from_bytes([7; 12]);

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

fn published(facts: Facts) -> Arc<Published> {
    Arc::new(Published { facts, at: tokio::time::Instant::now().into_std() })
}

/// The machine's clocks, which a test may push.
#[derive(Default)]
pub(crate) struct Clocks {
    pub(crate) wall: AtomicI64,
    pub(crate) boot: AtomicI64,
    pub(crate) in_doubt: AtomicBool,
}

fn millis(clock: ClockId) -> i64 {
    let time = clock_gettime(clock).unwrap();
    time.tv_sec() * 1000 + time.tv_nsec() / 1_000_000
}

impl Clock for Clocks {
    fn read(&self) -> Reading {
        Reading {
            wall: Timestamp::from_millis(millis(ClockId::CLOCK_REALTIME) + self.wall.load(Ordering::SeqCst)),
            boot: BootId("test".to_owned()),
            since_boot: millis(ClockId::CLOCK_BOOTTIME) + self.boot.load(Ordering::SeqCst),
        }
    }
}

/// Something to be done at a certain moment.
pub(crate) type Then = Box<dyn FnOnce(&Memory) + Send>;

pub(crate) struct Memory {
    pub(crate) facts: watch::Sender<Arc<Published>>,
    pub(crate) lease: watch::Sender<Lease>,
    pub(crate) orders: broadcast::Sender<Order>,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) employees: Mutex<HashMap<PublicKey, KnownEmployee>>,
    pub(crate) ca: PrivateKey,
    /// What the gateway signs in to the databases with.
    pub(crate) credential: Mutex<Option<SyncCredential>>,
    /// What came with a grant.
    supplied: Mutex<BTreeMap<GrantId, SyncCredential>>,
    /// What comes between the opening's transaction and its answer.
    pub(crate) after_open: Mutex<Option<Then>>,
    /// An opening waits for this to become true.
    pub(crate) may_open: watch::Sender<bool>,
    pub(crate) silent: AtomicBool,
    reports: Mutex<Vec<Report>>,
    reported: Condvar,
    denials: AtomicI64,
    /// What employees said to customers.
    pub(crate) said: Mutex<Vec<Saying>>,
    /// What they are answered instead of that it was taken.
    pub(crate) deaf: Mutex<Option<SayError>>,
}

impl Memory {
    pub(crate) fn new(ca: PrivateKey, node: Node) -> Arc<Self> {
        let facts = Facts {
            organization: ORGANIZATION,
            claimed: true,
            blocked: true,
            cluster: Cluster {
                id: CLUSTER,
                organization: ORGANIZATION,
                project: PROJECT,
                name: "Cluster0".parse().unwrap(),
                host: "cluster0.shop.example".parse().unwrap(),
                revision: Revision::FIRST,
                sync_databases: Vec::new(),
                sync_source: None,
                nodes: vec![node],
                removed: false,
            },
            grants: Vec::new(),
            log_size: 1,
        };
        Arc::new(Self {
            facts: watch::Sender::new(published(facts)),
            lease: watch::Sender::new(Lease { until_boot_ms: i64::MAX }),
            orders: broadcast::Sender::new(64),
            clocks: Arc::default(),
            employees: Mutex::default(),
            ca,
            credential: Mutex::default(),
            supplied: Mutex::default(),
            after_open: Mutex::default(),
            may_open: watch::Sender::new(true),
            silent: AtomicBool::new(false),
            reports: Mutex::default(),
            reported: Condvar::new(),
            denials: AtomicI64::new(0),
            said: Mutex::default(),
            deaf: Mutex::default(),
        })
    }

    /// Commits a change and publishes it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Facts)) {
        self.facts.send_modify(|facts| {
            let mut next = facts.facts.clone();
            change(&mut next);
            next.log_size += 1;
            *facts = published(next);
        });
    }

    pub(crate) fn grant(&self, kind: GrantType) {
        self.grant_for(kind, HOUR);
    }

    /// Supplies the grant that is given next with a credential.
    pub(crate) fn supply(&self, credential: SyncCredential) {
        let mut id = *GRANT.as_bytes();
        id[11] = u8::try_from(self.facts.borrow().grants.len()).unwrap();
        self.supplied.lock().unwrap().insert(GrantId::from_bytes(id), credential);
    }

    pub(crate) fn grant_for(&self, kind: GrantType, millis: i64) {
        let at = self.now().at;
        self.change(|facts| {
            let mut id = *GRANT.as_bytes();
            id[11] = u8::try_from(facts.grants.len()).unwrap();
            for earlier in &mut facts.grants {
                earlier.ended.get_or_insert((at, GrantEnd::Replaced));
            }
            facts.grants.push(Grant {
                id: GrantId::from_bytes(id),
                cluster: CLUSTER,
                kind,
                granted_by: By::System,
                granted_at: at,
                expires_at: at.plus(millis),
                ended: None,
                inventory_revision: facts.cluster.revision,
                case: Some("00042".parse().unwrap()),
                reason: None,
            });
        });
    }

    pub(crate) fn revoke(&self) {
        let at = self.now().at;
        self.change(|facts| {
            for grant in &mut facts.grants {
                grant.ended.get_or_insert((at, GrantEnd::Revoked));
            }
        });
    }

    pub(crate) fn reports(&self) -> Vec<Report> {
        self.reports.lock().unwrap().clone()
    }

    pub(crate) fn denials(&self) -> i64 {
        self.denials.load(Ordering::SeqCst)
    }

    /// Waits for a report.
    pub(crate) fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&Report) -> Option<T>) -> T {
        let reports = self.reports.lock().unwrap();
        let (reports, _) = self
            .reported
            .wait_timeout_while(reports, PATIENCE, |reports| !reports.iter().any(|r| found(r).is_some()))
            .unwrap();
        reports.iter().find_map(found).unwrap_or_else(|| panic!("no report of {what}: {reports:?}"))
    }

    /// Waits for the end of a session.
    pub(crate) fn closed(&self) -> Closed {
        self.wait_for("an end", |report| match report {
            Report::Closed(closed) => Some(closed.clone()),
            Report::Continued { .. }
            | Report::Denied { .. }
            | Report::ForwardingRefused { .. }
            | Report::LogDownloaded { .. } => None,
        })
    }

    /// Waits until so many sessions have ended.
    pub(crate) fn closed_count(&self, count: usize) -> Vec<Closed> {
        let closed = |reports: &[Report]| {
            let closed = reports.iter().filter_map(|report| match report {
                Report::Closed(closed) => Some(closed.clone()),
                Report::Continued { .. }
                | Report::Denied { .. }
                | Report::ForwardingRefused { .. }
                | Report::LogDownloaded { .. } => None,
            });
            closed.collect::<Vec<_>>()
        };
        let reports = self.reports.lock().unwrap();
        let (reports, _) =
            self.reported.wait_timeout_while(reports, PATIENCE, |reports| closed(reports).len() < count).unwrap();
        assert!(closed(&reports).len() >= count, "{reports:?}");
        closed(&reports)
    }

    fn opened(&self, request: &OpenRequest) -> Result<Opened, OpenRefused> {
        let facts = self.facts.borrow().clone();
        let denied = |denial: Denial| OpenRefused::Denied { denial, tell: denial.is_telling() };
        let node = facts.cluster.nodes.iter().find(|node| node.host == request.host).map(|node| node.id);
        if node.is_none() && facts.cluster.host != request.host {
            return Err(denied(Denial::Unknown));
        }
        let now = self.now();
        if request.purpose == Purpose::SyncData {
            let permit = decide(&facts, Asker::Active, Wanted::SyncLogin, now).map_err(denied)?;
            return Ok(self.answer(request, &facts, permit.wanted().clone(), None));
        }
        let as_node = node.map(|node| decide(&facts, Asker::Active, Wanted::Node(node), now));
        let permit = match as_node {
            Some(Ok(permit)) => permit,
            Some(Err(denial)) => decide(&facts, Asker::Active, Wanted::LogList, now).map_err(|_| denied(denial))?,
            None => decide(&facts, Asker::Active, Wanted::LogList, now).map_err(denied)?,
        };
        let logs_of = node.filter(|_| *permit.wanted() == Wanted::LogList);
        Ok(self.answer(request, &facts, permit.wanted().clone(), logs_of))
    }

    fn answer(&self, request: &OpenRequest, facts: &Published, wanted: Wanted, logs_of: Option<NodeId>) -> Opened {
        Opened {
            wanted,
            logs_of,
            facts: facts.facts.clone(),
            identifier: EmployeeIdentifier::new(&"acme".parse().unwrap(), [0; 8]),
            opened_at: self.now().at,
            recording_key: recording_key(request.session),
        }
    }

    fn certificate(&self, request: &CertificateRequest) -> Result<String, ssh_key::Error> {
        let subject = ssh_key::PublicKey::from_openssh(request.public_key.as_str())?;
        let now = u64::try_from(millis(ClockId::CLOCK_REALTIME) / 1000).unwrap();
        let mut builder = Builder::new([9; 32], subject.key_data().clone(), now - 30, now + 60)?;
        builder.serial(1)?;
        builder.cert_type(CertType::User)?;
        builder.key_id(format!("byleave session {}", request.session))?;
        match request.account {
            Account::Infrastructure => {
                builder.valid_principal(format!("byleave-node:{}", request.node))?;
            }
            Account::Logs => {
                builder.valid_principal(format!("byleave-node:{}-logs", request.node))?;
                builder.critical_option("force-command", "internal-sftp -R")?;
            }
        }
        builder.critical_option("source-address", "127.0.0.1")?;
        if request.pty {
            builder.extension("permit-pty", "")?;
        }
        builder.sign(&self.ca)?.to_openssh()
    }
}

/// The key of a session's recording.
pub(crate) fn recording_key(session: SessionId) -> RecordingKey {
    let mut key = [7; 32];
    key[..12].copy_from_slice(session.as_bytes());
    RecordingKey(Zeroizing::new(key))
}

/// A node with two logs of each kind.
pub(crate) fn node(address: &str, host_key: &str) -> Node {
    Node {
        id: NODE,
        host: "node-1.shop.example".parse().unwrap(),
        address: address.parse().unwrap(),
        host_key: PublicKey::from_line(host_key).unwrap(),
        since: Revision::FIRST,
        check: NodeCheck::Passed { revision: Revision::FIRST },
        logs: Vec::new(),
        removed: false,
    }
}

/// A log.
pub(crate) fn log(name: &str, kind: LogKind, path: &str) -> Log {
    Log { name: name.parse().unwrap(), kind, path: path.parse().unwrap(), since: Revision::FIRST }
}

/// A request that waits.
fn own(saying: &Saying) -> Option<OwnRequest> {
    let What::Request(wish) = &saying.what else { return None };
    let status = RequestStatus::Waiting { until: Timestamp::from_millis(1_800_000_000_000) };
    let (kind, ttl, case, reason) = (wish.kind, wish.ttl, wish.case.clone(), wish.reason.clone());
    let asked_at = Timestamp::from_millis(1_799_000_000_000);
    Some(OwnRequest { host: saying.host.clone(), kind, ttl, case, reason, asked_at, status, answer: None })
}

impl Control for Memory {
    fn employee<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<Option<KnownEmployee>, ControlError>> {
        async { Ok(self.employees.lock().unwrap().get(key).copied()) }.boxed()
    }

    fn open(&self, request: OpenRequest) -> BoxFuture<'_, Result<Opened, OpenRefused>> {
        async move {
            drop(self.may_open.subscribe().wait_for(|may| *may).await);
            let opened = self.opened(&request)?;
            if let Some(then) = self.after_open.lock().unwrap().take() {
                then(self);
            }
            Ok(opened)
        }
        .boxed()
    }

    fn denied(&self, _: OpenRequest, _: Denial) -> BoxFuture<'_, Result<(), ControlError>> {
        async {
            if self.silent.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable);
            }
            self.denials.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }

    fn sync_credential(&self, _: SessionId, basis: Basis) -> BoxFuture<'_, Result<SyncCredential, ControlError>> {
        async move {
            let supplied = match basis {
                Basis::Grant { id } => self.supplied.lock().unwrap().get(&id).cloned(),
                Basis::Standing => None,
            };
            supplied.or_else(|| self.credential.lock().unwrap().clone()).ok_or(ControlError::Refused)
        }
        .boxed()
    }

    fn certify(&self, request: CertificateRequest) -> BoxFuture<'_, Result<String, ControlError>> {
        async move { self.certificate(&request).map_err(|_| ControlError::Refused) }.boxed()
    }

    fn follow(&self, _: ClusterId) -> BoxFuture<'_, Result<watch::Receiver<Arc<Published>>, ControlError>> {
        async { Ok(self.facts.subscribe()) }.boxed()
    }

    fn report(&self, report: Report) -> BoxFuture<'_, Result<(), ControlError>> {
        async move {
            if self.silent.load(Ordering::SeqCst) {
                return Err(ControlError::Unavailable);
            }
            self.reports.lock().unwrap().push(report);
            self.reported.notify_all();
            Ok(())
        }
        .boxed()
    }

    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<Reply, SayError>> {
        async move {
            if let Some(error) = self.deaf.lock().unwrap().clone() {
                return Err(error);
            }
            let mut said = self.said.lock().unwrap();
            let about = |earlier: &&Saying| earlier.host == saying.host && earlier.what != What::Requests;
            let waits = said.iter().rev().find(about).is_some_and(|said| matches!(said.what, What::Request(_)));
            let reply = match &saying.what {
                What::HandBack => Reply::HandedBack { withdrawn: waits },
                What::Request(_) => Reply::Requested { replaced: waits },
                What::Requests => Reply::Requests(said.iter().filter_map(own).collect()),
            };
            said.push(saying);
            Ok(reply)
        }
        .boxed()
    }

    fn lease(&self) -> watch::Receiver<Lease> {
        self.lease.subscribe()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clocks.clone()
    }

    fn now(&self) -> Now {
        let doubt = self.clocks.in_doubt.load(Ordering::SeqCst).then_some(Doubt::Behind(HOUR));
        Now { at: self.clocks.read().wall, doubt }
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.orders.subscribe()
    }
}

//! An installation to test with: one organization with two projects, three clusters, an employee.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use byleave_core::actor::Actor;
use byleave_core::grant::{GrantType, Request};
use byleave_core::id::{EmployeeId, EmployeeKeyId, NodeId, OrgId, ProjectId, SessionId};
use byleave_core::inventory::{Cluster, LogKind, Prune, WantedCluster, WantedLog, WantedNode};
use byleave_core::name::{ClusterName, HostName, PublicKey};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{BootId, Entropy, HOUR, Reading, Timestamp};
use byleave_store::invitation::SameName;
use byleave_store::node::NodeReport;
use byleave_store::session::{CloseSession, OpenError, OpenSession, OpenedSession, Shape};
use byleave_store::{SealingKey, Secret, Store, StoreError, StoreOptions};
use sha2::{Digest as _, Sha256};

pub(crate) const START: i64 = 1_795_000_000_000;

/// Random bytes that differ in each test run of a world but not between runs.
#[derive(Debug)]
pub(crate) struct Drawn(AtomicU64);

impl Entropy for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let hash: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            chunk.copy_from_slice(&hash[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) entropy: Arc<Drawn>,
    pub(crate) now: Reading,
    pub(crate) organization: OrgId,
    pub(crate) project: ProjectId,
    pub(crate) other_project: ProjectId,
    pub(crate) owner: Actor,
    pub(crate) employee: EmployeeId,
    pub(crate) key: EmployeeKeyId,
    sessions: AtomicU64,
}

pub(crate) fn at(millis: i64) -> Reading {
    let wall = Timestamp::from_millis(START + millis);
    Reading { wall, boot: BootId("first".into()), since_boot: 1_000_000 + millis }
}

fn options() -> StoreOptions {
    StoreOptions { vendor: "Acme Databases".parse().unwrap(), slug: "acme".parse().unwrap(), version: "0.1.0".into() }
}

/// A store that is made.
pub(crate) async fn begin_store(dir: &Path, entropy: Arc<Drawn>, now: &Reading) -> Store {
    Store::begin(dir, options(), SealingKey::from_bytes([7; 32]), entropy, now).await.unwrap()
}

/// A store that must be there.
pub(crate) async fn open_store(dir: &Path, entropy: Arc<Drawn>, now: &Reading) -> Result<Store, StoreError> {
    Store::open(dir, options(), SealingKey::from_bytes([7; 32]), entropy, now).await
}

/// A public key that is different for each number.
pub(crate) fn key(number: u8) -> PublicKey {
    use base64::Engine as _;
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([number; 32]);
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob)).parse().unwrap()
}

pub(crate) fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

pub(crate) fn host(text: &str) -> HostName {
    text.parse().unwrap()
}

fn wanted_log(name: &str, kind: LogKind) -> WantedLog {
    let path = format!("/var/log/mongodb/{name}.log").parse().unwrap();
    WantedLog { name: name.parse().unwrap(), kind, path }
}

pub(crate) fn wanted_node(host: &str, number: u8) -> WantedNode {
    WantedNode {
        host: host.parse().unwrap(),
        address: format!("10.0.0.{number}:22").parse().unwrap(),
        host_key: key(number),
        logs: vec![wanted_log("mongod", LogKind::Database), wanted_log("audit", LogKind::Audit)],
    }
}

/// Cluster `a` with two nodes and sync data and `b` with one in project Shop, `c` with one in project Bank.
pub(crate) fn wanted(organization: OrgId) -> Vec<WantedCluster> {
    let cluster = |project: &str, name: &str, nodes: Vec<WantedNode>, sync: &[&str]| WantedCluster {
        organization,
        project: project.parse().unwrap(),
        name: name.parse().unwrap(),
        host: format!("{name}.example").parse().unwrap(),
        sync_databases: sync.iter().map(|name| name.parse().unwrap()).collect(),
        sync_source: None,
        nodes,
    };
    vec![
        cluster("Shop", "a", vec![wanted_node("a-1.example", 1), wanted_node("a-2.example", 2)], &["realm_sync"]),
        cluster("Shop", "b", vec![wanted_node("b-1.example", 3)], &[]),
        cluster("Bank", "c", vec![wanted_node("c-1.example", 4)], &[]),
    ]
}

impl World {
    /// Claimed, not blocked, with an inventory and an employee. The nodes of cluster `a` have a passing check.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let entropy = Arc::new(Drawn(AtomicU64::new(0)));
        let now = at(0);
        let store = begin_store(dir.path(), entropy.clone(), &now).await;
        let (organization, owner) = organization(&store, &now, "Shop Inc", "mia@shop.example").await;
        let wanted = wanted(organization);
        store.apply_inventory(&Actor::Administrator, &now, &wanted, Prune::Keep).await.unwrap();
        let projects = store.projects(&owner).await.unwrap();
        let project = |name: &str| projects.iter().find(|project| project.name.as_str() == name).unwrap().id;
        let (shop, bank) = (project("Shop"), project("Bank"));
        let admin = Actor::Administrator;
        let employee = store.add_employee(&admin, &now, "Ada".parse().unwrap()).await.unwrap().value.id;
        let key = store.add_employee_key(&admin, &now, employee, key(200)).await.unwrap().value.id;
        let world = Self {
            dir,
            store,
            entropy,
            now,
            organization,
            project: shop,
            other_project: bank,
            owner,
            employee,
            key,
            sessions: AtomicU64::new(0),
        };
        for node in ["a-1.example", "a-2.example"] {
            world.check(node).await;
        }
        world
    }

    pub(crate) fn later(&mut self, millis: i64) {
        self.now.wall = self.now.wall.plus(millis);
        self.now.since_boot += millis;
    }

    pub(crate) async fn cluster(&self, name: &str) -> Cluster {
        let all = self.store.inventory(&Actor::Administrator).await.unwrap().clusters;
        all.into_iter().find(|cluster| cluster.name.as_str() == name && !cluster.removed).unwrap()
    }

    pub(crate) async fn node(&self, host: &str) -> NodeId {
        let all = self.store.inventory(&Actor::Administrator).await.unwrap().clusters;
        let mut nodes = all.into_iter().flat_map(|cluster| cluster.nodes);
        nodes.find(|node| node.host.as_str() == host && !node.removed).unwrap().id
    }

    pub(crate) async fn check(&self, host: &str) {
        let (admin, node) = (Actor::Administrator, self.node(host).await);
        let report = NodeReport { passed: true, findings: 0, report: "{}".into() };
        let tried = self.store.node(&admin, node).await.unwrap().node.since;
        self.store.record_node_check(&admin, &self.now, node, tried, report).await.unwrap();
    }

    pub(crate) async fn block(&self) {
        self.store.block(&self.owner, &self.now, self.organization).await.unwrap();
    }

    pub(crate) async fn grant(&self, cluster: &str, kind: GrantType) -> byleave_core::grant::Grant {
        let request = request(kind);
        let written = self.store.give_grant(&self.owner, &self.now, self.project, &name(cluster), request).await;
        written.unwrap().value
    }

    pub(crate) async fn revoke(&self, cluster: &str) -> Option<byleave_core::grant::Grant> {
        let written = self.store.revoke_grant(&self.owner, &self.now, self.project, &name(cluster)).await;
        written.unwrap().value
    }

    pub(crate) fn wants(&self, target: &str, shape: Shape) -> OpenSession {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let mut id = [9; 12];
        id[..8].copy_from_slice(&number.to_be_bytes());
        OpenSession {
            session: SessionId::from_bytes(id),
            employee: self.employee,
            key: self.key,
            host: host(target),
            shape,
            from: "192.0.2.1:50000".into(),
        }
    }

    pub(crate) async fn open(&self, target: &str, shape: Shape) -> Result<OpenedSession, OpenError> {
        self.store.open_session(&self.now, self.wants(target, shape)).await
    }

    /// What a denied try is answered with; it is written down.
    pub(crate) async fn denied(&self, target: &str, shape: Shape) -> (byleave_core::access::Denial, bool) {
        match self.open(target, shape).await {
            Err(OpenError::Denied { denial, tell }) => {
                self.store.open_denied(&self.now, self.wants(target, shape), denial).await.unwrap();
                (denial, tell)
            }
            other => panic!("should be denied: {other:?}"),
        }
    }

    /// The names of the organization's events, oldest first.
    pub(crate) async fn feed(&self) -> Vec<&'static str> {
        let query = byleave_store::event::EventQuery {
            per_page: 10_000,
            ..byleave_store::event::EventQuery::newest(byleave_store::event::EventsOf::Organization(self.organization))
        };
        let page = self.store.events(&self.owner, query).await.unwrap();
        page.rows.iter().rev().map(|row| row.entry.event.name()).collect()
    }

    /// State and logs agree, and the evidence verifies.
    pub(crate) async fn assert_sound(&self) {
        let audit = self.store.audit_state().await.unwrap();
        assert_eq!(audit.findings, Vec::<String>::new());
        let evidence = self.store.evidence(&self.owner, self.organization).await.unwrap();
        let bundle = byleave_log::bundle::Bundle::from_json(&evidence).unwrap();
        let key = byleave_log::key::VerifyingKey::parse(&self.store.verifying_key()).unwrap();
        let report = byleave_log::verify::verify(&bundle, Some(&key), &[]);
        assert_eq!(report.findings, Vec::new());
        assert_eq!(report.verdict, byleave_log::verify::Verdict::Verified);
    }
}

pub(crate) fn request(kind: GrantType) -> Request {
    Request { kind, ttl: None, case: Some("CASE-1".parse().unwrap()), reason: None }
}

pub(crate) fn closed(session: SessionId, reason: SessionEnd) -> CloseSession {
    let counters = Counters { shells: 1, received_bytes: 10, sent_bytes: 3, ..Counters::default() };
    CloseSession { session, reason, by: None, counters, recording_sha256: Some([5; 32]), partly_recorded: false }
}

/// Makes an organization and claims it.
pub(crate) async fn organization(store: &Store, now: &Reading, name: &str, owner: &str) -> (OrgId, Actor) {
    let admin = Actor::Administrator;
    let invited = store
        .invite_organization(&admin, now, (name.parse().unwrap(), SameName::Refused), owner.parse().unwrap())
        .await;
    let invited = invited.unwrap().value;
    let claimed = store.claim(invited.token.expose(), Secret::new("hash".into()), now).await.unwrap().value;
    let roles = Roles::in_organization([OrgRole::Owner]);
    (invited.organization, Actor::User { id: claimed.user, organization: invited.organization, roles })
}

/// Invites a person and claims for them.
pub(crate) async fn join(world: &World, user: &str, roles: Roles) -> Actor {
    let invited =
        world.store.invite_user(&world.owner, &world.now, world.organization, user.parse().unwrap(), roles.clone());
    let token = invited.await.unwrap().value.token;
    let claimed = world.store.claim(token.expose(), Secret::new("hash".into()), &world.now).await.unwrap().value;
    Actor::User { id: claimed.user, organization: world.organization, roles }
}

pub(crate) const DAY: i64 = 24 * HOUR;

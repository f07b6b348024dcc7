//! What the browsers look at: a store with an organization, two clusters and an employee, the router on loopback, and
//! a door that does what the gateway does: it follows the facts and closes the sessions that lost their basis.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use byleave_core::access::{Basis, Published};
use byleave_core::actor::{Actor, By};
use byleave_core::grant::in_force;
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, GrantId, NodeId, OrgId, ProjectId, SessionId};
use byleave_core::inventory::{LogKind, Prune, Revision, WantedCluster, WantedLog, WantedNode};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::sample::{public_key, text};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{BootId, Clock, Entropy, Reading, SECOND, Timestamp};
use byleave_store::cluster::NodeReport as StoredReport;
use byleave_store::invitation::SameName;
use byleave_store::session::{CloseSession, OpenSession, SessionQuery, SessionsOf, Shape};
use byleave_store::sync::SyncCredential;
use byleave_store::{SealingKey, Store, StoreOptions};
use byleave_web::Entrance;
use byleave_web::app::{App, Limits, Parts};
use byleave_web::auth::digest::Algorithm;
use byleave_web::auth::token::TokenHash;
use byleave_web::door::{Door, DoorError, Most, NodeReport, Part, Pending, Pieces, RecordingPart, Scope};
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::browser::Browser;
use crate::lock::Lock;

/// The owner whom the invitation is for.
pub(crate) const OWNER: &str = "mia.berger@northwind.example";
/// The owner's password.
pub(crate) const PASSWORD: &str = "a calm evening by the sea";

/// The server's clock: it runs like the machine's, but years ahead of it, and can be set forward.
pub(crate) struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn read(&self) -> Reading {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let (seconds, hundredths) = uptime.split_whitespace().next().unwrap().split_once('.').unwrap();
        let up = seconds.parse::<i64>().unwrap() * SECOND + hundredths.parse::<i64>().unwrap() * 10;
        let since_boot = up + self.0.load(Ordering::Relaxed);
        Reading { wall: Timestamp::from_millis(NEW_YEAR + since_boot), boot: BootId("test".into()), since_boot }
    }
}

/// The first of January 2031.
const NEW_YEAR: i64 = 1_924_992_000_000;

/// The kernel's randomness.
pub(crate) struct Kernel;

impl Entropy for Kernel {
    fn fill(&self, bytes: &mut [u8]) {
        File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
    }
}

/// A running server and what is needed to act behind its back.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) invitation: String,
    pub(crate) project: ProjectId,
    pub(crate) orders: ClusterId,
    node: NodeId,
    recordings: Recordings,
    supplied: Supplied,
    clock: Arc<Ahead>,
    employee: (EmployeeId, EmployeeKeyId),
    stop: CancellationToken,
    directory: tempfile::TempDir,
}

/// What the door hands out as recordings.
pub(crate) type Recordings = Arc<Mutex<BTreeMap<SessionId, Vec<RecordingPart>>>>;

/// What the door was supplied with.
pub(crate) type Supplied = Arc<Mutex<Vec<(GrantId, SyncCredential)>>>;

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn draw() -> [u8; 12] {
    let mut bytes = [0; 12];
    Kernel.fill(&mut bytes);
    bytes
}

fn wanted(organization: OrgId, name: &str, number: u16, sync: bool) -> WantedCluster {
    let lower = name.to_lowercase();
    let log =
        |name: &str, kind| WantedLog { name: text(name), kind, path: text(&format!("/var/log/mongodb/{name}.log")) };
    let node = |index: u16| WantedNode {
        host: text(&format!("{lower}-{index}.db.northwind.example")),
        address: text(&format!("10.2.{number}.{index}:22")),
        host_key: public_key(number * 16 + index),
        logs: vec![log("mongod", LogKind::Database), log("audit", LogKind::Audit)],
    };
    WantedCluster {
        organization,
        project: text("Shop"),
        name: text(name),
        host: text(&format!("{lower}.db.northwind.example")),
        sync_databases: if sync { vec![text("__realm_sync")] } else { Vec::new() },
        sync_source: None,
        nodes: vec![node(1), node(2)],
    }
}

impl Site {
    /// Starts a server with an organization that nobody has claimed yet.
    pub(crate) async fn start() -> Self {
        // The one provider of cryptography that every HTTP client asks for; a second call changes nothing.
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(Ahead(AtomicI64::new(0)));
        let options = StoreOptions { vendor: text("Acme"), slug: text("acme"), version: "0.0.0".into() };
        let sealing = SealingKey::from_bytes([7; 32]);
        let store = Store::begin(directory.path(), options, sealing, Arc::new(Kernel), &clock.read()).await.unwrap();
        let administrator = Actor::Administrator;
        let now = clock.read();
        let invited = store
            .invite_organization(&administrator, &now, (text("Northwind Traders"), SameName::Refused), text(OWNER))
            .await;
        let invited = invited.unwrap().value;
        let clusters =
            [wanted(invited.organization, "Orders", 1, true), wanted(invited.organization, "Catalogue", 2, false)];
        store.apply_inventory(&administrator, &now, &clusters, Prune::Keep).await.unwrap();
        let inventory = store.inventory(&administrator).await.unwrap();
        let orders = inventory.clusters.iter().find(|cluster| cluster.name.as_str() == "Orders").unwrap();
        let node = orders.nodes.iter().find(|node| node.host.as_str().starts_with("orders-1")).unwrap().id;
        let (project, orders) = (orders.project, orders.id);
        let employee = store.add_employee(&administrator, &now, text("Eva Hollis")).await.unwrap().value.id;
        let key = store.add_employee_key(&administrator, &now, employee, public_key(900)).await.unwrap().value.id;
        let stop = CancellationToken::new();
        let (recordings, supplied) = (Recordings::default(), Supplied::default());
        let door = TestDoor {
            store: store.clone(),
            clock: clock.clone(),
            recordings: recordings.clone(),
            supplied: supplied.clone(),
        };
        let url = serve(door, &stop).await;
        gateway(&store, &clock, orders, &stop).await;
        Self {
            url,
            invitation: invited.token.expose().to_owned(),
            store,
            project,
            orders,
            node,
            recordings,
            supplied,
            clock,
            employee: (employee, key),
            stop,
            directory,
        }
    }

    /// Sets the server's clock forward.
    pub(crate) fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    /// The owner, once they have claimed the organization.
    pub(crate) async fn owner(&self) -> Actor {
        let facts = self.store.sign_in_facts(&text(OWNER)).await.unwrap().unwrap();
        let roles = Roles::in_organization([OrgRole::Owner]);
        Actor::User { id: facts.user, organization: facts.organization, roles }
    }

    /// Has a browser belong to a new user with these roles.
    pub(crate) async fn join(&self, browser: &Browser, name: &str, roles: Roles) {
        let owner = self.owner().await;
        let organization = owner.membership().unwrap().0;
        let invited =
            self.store.invite_user(&owner, &self.clock.read(), organization, text(name), roles).await.unwrap();
        browser.go(&format!("{}/invitations/{}", self.url, invited.value.token.expose())).await;
        browser.fill("#password", PASSWORD).await;
        browser.fill("#again", PASSWORD).await;
        browser.click("button[type=submit]").await;
        browser.see("h1", "Clusters").await;
    }

    /// Keeps the store from writing anything.
    pub(crate) fn lock(&self) -> Lock {
        Lock::take(self.directory.path())
    }

    /// Blocks support behind the pages' back.
    pub(crate) async fn block(&self) {
        let owner = self.owner().await;
        self.store.block(&owner, &self.clock.read(), owner.membership().unwrap().0).await.unwrap();
    }

    /// Revokes what is in force behind the pages' back.
    pub(crate) async fn revoke(&self) {
        let owner = self.owner().await;
        self.store.revoke_grant(&owner, &self.clock.read(), self.project, &text("Orders")).await.unwrap();
    }

    /// Has the door hand this out as the recording of a session.
    pub(crate) fn record(&self, session: SessionId, parts: &[(&str, &[u8])]) {
        let part = |(name, content): &(&str, &[u8])| RecordingPart {
            name: (*name).to_owned(),
            kind: "text/html".to_owned(),
            content: content.to_vec(),
            bytes: content.len() as u64,
            sha256: Sha256::digest(content).into(),
        };
        self.recordings.lock().unwrap().insert(session, parts.iter().map(part).collect());
    }

    /// Has a session end by itself, with this hash of its recording.
    pub(crate) async fn leave(&self, session: SessionId, recording_sha256: [u8; 32]) {
        let close =
            CloseSession { recording_sha256: Some(recording_sha256), ..closed(session, SessionEnd::ClosedByEmployee) };
        self.store.close_session(&self.clock.read(), close).await.unwrap();
    }

    /// What the door was supplied with since the last call.
    pub(crate) fn supplied(&self) -> Vec<SyncCredential> {
        self.supplied.lock().unwrap().drain(..).map(|(_, credential)| credential).collect()
    }

    /// Has the employee read sync data.
    pub(crate) async fn read_sync_data(&self) -> SessionId {
        let session = SessionId::from_bytes(draw());
        let (employee, key) = self.employee;
        let host = text("orders.db.northwind.example");
        let open = OpenSession { session, employee, key, host, shape: Shape::SyncData, from: "192.0.2.7:50122".into() };
        self.store.open_session(&self.clock.read(), open).await.unwrap();
        session
    }

    /// Has a session for sync data end by itself, after these tries that were refused.
    pub(crate) async fn close_sync_data(&self, session: SessionId, refused: i64) {
        let counters =
            Counters { commands: 12, refused, sent_bytes: 48_213, received_bytes: 1_204, ..Counters::default() };
        let close = CloseSession { counters, ..closed(session, SessionEnd::ClosedByEmployee) };
        self.store.close_session(&self.clock.read(), close).await.unwrap();
    }

    /// Has the employee come in to the node, which has passed its check.
    pub(crate) async fn come_in(&self) -> SessionId {
        let report = StoredReport { passed: true, findings: 0, report: "{}".into() };
        self.store
            .record_node_check(&Actor::Administrator, &self.clock.read(), self.node, Revision::FIRST, report)
            .await
            .unwrap();
        let session = SessionId::from_bytes(draw());
        let (employee, key) = self.employee;
        let host = text("orders-1.db.northwind.example");
        let open = OpenSession { session, employee, key, host, shape: Shape::Node, from: "192.0.2.7:50122".into() };
        self.store.open_session(&self.clock.read(), open).await.unwrap();
        session
    }
}

async fn serve(door: TestDoor, stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = App::new(Parts {
        store: door.store.clone(),
        clock: door.clock.clone(),
        door: Arc::new(door),
        entropy: Arc::new(Kernel),
        administrator: TokenHash::of("administrator"),
        vendor: text("Acme"),
        digest: Algorithm::Md5,
        nodes: byleave_web::NodeSettings::default(),
        public_url: None,
        limits: Limits::default(),
    });
    tokio::spawn(byleave_web::serve(listener, app, Entrance::default(), stop.clone()));
    url
}

fn closed(session: SessionId, reason: SessionEnd) -> CloseSession {
    CloseSession {
        session,
        reason,
        by: None,
        counters: Counters { shells: 1, commands: 3, received_bytes: 48_213, sent_bytes: 1_204, ..Counters::default() },
        recording_sha256: Some([9; 32]),
        partly_recorded: false,
    }
}

async fn close(store: &Store, clock: &Ahead, session: SessionId, reason: SessionEnd) {
    store.close_session(&clock.read(), closed(session, reason)).await.unwrap();
}

/// What the gateway does with the facts of a cluster: sessions that lost their basis are closed.
async fn gateway(store: &Store, clock: &Arc<Ahead>, cluster: ClusterId, stop: &CancellationToken) {
    let mut facts = store.follow(cluster).await.unwrap();
    let (store, clock, stop) = (store.clone(), clock.clone(), stop.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = facts.changed() => if changed.is_err() { return },
            }
            let now: Arc<Published> = facts.borrow_and_update().clone();
            let granted = in_force(&now.grants, clock.read().wall).map(|grant| grant.id);
            let query = SessionQuery { of: SessionsOf::Installation, live: true, limit: 100 };
            for session in store.sessions(&Actor::Administrator, query).await.unwrap() {
                match session.basis {
                    Basis::Grant { id } if granted != Some(id) => {
                        close(&store, &clock, session.id, SessionEnd::Revoked).await;
                    }
                    Basis::Standing if now.blocked => close(&store, &clock, session.id, SessionEnd::Blocked).await,
                    Basis::Grant { .. } | Basis::Standing => {}
                }
            }
        }
    });
}

struct TestDoor {
    store: Store,
    clock: Arc<Ahead>,
    recordings: Recordings,
    supplied: Supplied,
}

impl Door for TestDoor {
    fn cut_and_latch(&self, _: Scope) -> usize {
        3
    }

    fn unlatch(&self, _: Scope) {}

    fn supply(&self, grant: GrantId, credential: SyncCredential) {
        self.supplied.lock().unwrap().push((grant, credential));
    }

    fn forget_supplied(&self, grant: GrantId) {
        self.supplied.lock().unwrap().retain(|(kept, _)| *kept != grant);
    }

    fn end(&self, session: SessionId, reason: SessionEnd, _: Option<By>) -> bool {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        tokio::spawn(async move { close(&store, &clock, session, reason).await });
        true
    }

    fn end_employee(&self, _: EmployeeId) -> usize {
        0
    }

    fn end_key(&self, _: EmployeeKeyId) -> usize {
        0
    }

    fn counters(&self, _: SessionId) -> Option<Counters> {
        None
    }

    fn ready(&self) -> Vec<Part> {
        Vec::new()
    }

    fn cut_delays(&self) -> Vec<std::time::Duration> {
        vec![std::time::Duration::from_micros(700), std::time::Duration::from_micros(300)]
    }

    fn recording(&self, session: SessionId, _: Most) -> Pending<'_, Result<Vec<RecordingPart>, DoorError>> {
        let parts = self.recordings.lock().unwrap().get(&session).cloned();
        Box::pin(async { parts.ok_or(DoorError::NotFound) })
    }

    fn recording_part(&self, session: SessionId, name: String) -> Pending<'_, Result<Pieces, DoorError>> {
        let parts = self.recordings.lock().unwrap().get(&session).cloned().unwrap_or_default();
        let part = parts.into_iter().find(|part| part.name == name).ok_or(DoorError::NotFound);
        Box::pin(async { part.map(|part| Box::pin(stream::iter([Ok(part.content)])) as Pieces) })
    }

    fn check_node(&self, _: NodeId) -> Pending<'_, Result<NodeReport, DoorError>> {
        Box::pin(async { Err(DoorError::NotFound) })
    }
}

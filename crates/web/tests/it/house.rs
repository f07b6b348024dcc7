//! A server on loopback with a store in a temporary directory, one organization, and a door that only takes notes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SecureRandom as _;
use byleave_core::actor::By;
use byleave_core::id::{EmployeeId, EmployeeKeyId, GrantId, NodeId, SessionId};
use byleave_core::session::{Counters, SessionEnd};
use byleave_core::time::{BootId, Clock, Entropy, Reading, Timestamp};
use byleave_store::session::{OpenSession, Shape};
use byleave_store::sync::SyncCredential;
use byleave_store::{SealingKey, Store, StoreOptions};
use byleave_web::auth::digest::Algorithm;
use byleave_web::auth::token::TokenHash;
use byleave_web::door::{
    Door, DoorError, Most, NodeReport, NodeReportLine, Part, Pending, Pieces, RecordingPart, Scope,
};
use byleave_web::{App, Entrance, Limits, Parts};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::Client;

/// The administrator's bearer token.
pub(crate) const ADMINISTRATOR: &str = "the-administrator's-token";

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The machine's randomness.
pub(crate) struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::SystemRandom::new().fill(bytes).unwrap();
    }
}

/// A clock that moves when it is told to.
pub(crate) struct ManualClock {
    /// Since the test began, by the boot clock.
    passed: Mutex<i64>,
    /// How far the wall clock is off.
    off: Mutex<i64>,
}

/// When every test begins.
pub(crate) const BEGIN: &str = "2026-11-23T18:00:00Z";

impl ManualClock {
    pub(crate) fn advance(&self, millis: i64) {
        *self.passed.lock().unwrap() += millis;
    }

    /// Turns the wall clock, and only that.
    pub(crate) fn turn(&self, millis: i64) {
        *self.off.lock().unwrap() += millis;
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        let since_boot = *self.passed.lock().unwrap();
        let wall = BEGIN.parse::<Timestamp>().unwrap().plus(since_boot + *self.off.lock().unwrap());
        Reading { wall, boot: BootId("test".into()), since_boot }
    }
}

/// What the door was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Cut(Scope),
    Unlatch(Scope),
    End(SessionId, SessionEnd),
    EndEmployee(EmployeeId),
    EndKey(EmployeeKeyId),
    Forgot(GrantId),
    Supplied(GrantId),
}

/// A door that takes notes: it is the edge of this crate.
#[derive(Default)]
pub(crate) struct NotingDoor(Mutex<Vec<Told>>, Mutex<Option<String>>, Mutex<Option<u64>>);

impl NotingDoor {
    /// Has trouble with the recordings from now on.
    pub(crate) fn trouble(&self, text: &str) {
        *self.1.lock().unwrap() = Some(text.to_owned());
    }

    /// Has recordings of so many bytes from now on.
    pub(crate) fn record(&self, bytes: u64) {
        *self.2.lock().unwrap() = Some(bytes);
    }

    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }
}

impl Door for NotingDoor {
    fn cut_and_latch(&self, scope: Scope) -> usize {
        self.note(Told::Cut(scope));
        3
    }

    fn unlatch(&self, scope: Scope) {
        self.note(Told::Unlatch(scope));
    }

    fn supply(&self, grant: GrantId, _: SyncCredential) {
        self.note(Told::Supplied(grant));
    }

    fn forget_supplied(&self, grant: GrantId) {
        self.note(Told::Forgot(grant));
    }

    fn end(&self, session: SessionId, reason: SessionEnd, _: Option<By>) -> bool {
        self.note(Told::End(session, reason));
        true
    }

    fn counters(&self, _: SessionId) -> Option<Counters> {
        None
    }

    fn end_employee(&self, employee: EmployeeId) -> usize {
        self.note(Told::EndEmployee(employee));
        1
    }

    fn end_key(&self, key: EmployeeKeyId) -> usize {
        self.note(Told::EndKey(key));
        1
    }

    fn cut_delays(&self) -> Vec<std::time::Duration> {
        vec![std::time::Duration::from_micros(700), std::time::Duration::from_micros(300)]
    }

    fn ready(&self) -> Vec<Part> {
        let trouble = self.1.lock().unwrap().clone();
        vec![Part { name: "store", trouble: None }, Part { name: "recordings", trouble }]
    }

    fn recording(&self, _: SessionId, most: Most) -> Pending<'_, Result<Vec<RecordingPart>, DoorError>> {
        let bytes = self.2.lock().unwrap().unwrap_or(3);
        let mut content = b"{}\n".to_vec();
        content.resize(usize::try_from(bytes).unwrap().min(most.part), b' ');
        let part = RecordingPart { name: "1.cast".into(), kind: "asciicast".into(), content, bytes, sha256: [0; 32] };
        Box::pin(async move { Ok(vec![part]) })
    }

    fn recording_part(&self, _: SessionId, _: String) -> Pending<'_, Result<Pieces, DoorError>> {
        Box::pin(async { Err(DoorError::NotFound) })
    }

    fn check_node(&self, _: NodeId) -> Pending<'_, Result<NodeReport, DoorError>> {
        let line = NodeReportLine { name: "database port".into(), passed: true, text: "closed".into() };
        Box::pin(async move { Ok(NodeReport { passed: true, lines: vec![line] }) })
    }
}

/// The server and everything around it.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) door: Arc<NotingDoor>,
    pub(crate) dir: TempDir,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::behind(limits, Entrance::default()).await
    }

    pub(crate) async fn behind(limits: Limits, entrance: Entrance) -> Self {
        Self::set(limits, entrance, Algorithm::Md5).await
    }

    pub(crate) async fn with_digest(limits: Limits, digest: Algorithm) -> Self {
        Self::set(limits, Entrance::default(), digest).await
    }

    async fn set(limits: Limits, entrance: Entrance, digest: Algorithm) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock { passed: Mutex::new(0), off: Mutex::new(0) });
        let options =
            StoreOptions { vendor: "Acme".parse().unwrap(), slug: "acme".parse().unwrap(), version: "0.0.0".into() };
        let sealing = SealingKey::from_bytes([7; 32]);
        let store = Store::begin(dir.path(), options, sealing, Arc::new(Random), &clock.read()).await.unwrap();
        let door = Arc::new(NotingDoor::default());
        let app = App::new(Parts {
            store: store.clone(),
            door: door.clone(),
            clock: clock.clone(),
            entropy: Arc::new(Random),
            administrator: TokenHash::of(ADMINISTRATOR),
            vendor: "Acme".parse().unwrap(),
            digest,
            nodes: byleave_web::NodeSettings::default(),
            public_url: None,
            limits,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(byleave_web::serve(listener, app.clone(), entrance, shutdown.clone()));
        Self { address, app, store, clock, door, dir, shutdown, serving }
    }

    pub(crate) fn nobody(&self) -> Client {
        Client::nobody(self.address)
    }

    pub(crate) fn administrator(&self) -> Client {
        Client::bearer(self.address, ADMINISTRATOR)
    }

    /// A customer whose first owner has claimed it, with a project, a cluster with sync data, and a node.
    pub(crate) async fn customer(&self, word: &str) -> Customer {
        let administrator = self.administrator();
        let body = json!({ "name": format!("Shop {word}"), "ownerUserName": format!("owner@{word}.example") });
        let invited = administrator.post("/api/byleave/v1/organizations", body).await.created();
        let organization = text(&invited["organizationId"]);
        let inventory = json!({ "clusters": [cluster(&organization, word)] });
        administrator.post("/api/byleave/v1/inventory:apply", inventory).await.ok();
        let claim = format!("/api/byleave/v1/invitations/{}:claim", text(&invited["token"]));
        self.nobody().post(&claim, json!({ "password": PASSWORD })).await.created();
        let owner = self.sign_in(&format!("owner@{word}.example")).await;
        let clusters = owner.get(&format!("/api/byleave/v1/organizations/{organization}/clusters")).await.ok();
        let found = &clusters["results"][0];
        Customer {
            organization,
            project: text(&found["groupId"]),
            cluster: text(&found["name"]),
            cluster_id: text(&found["id"]),
            node: text(&found["nodes"][0]["id"]),
            host: text(&found["nodes"][0]["host"]),
            owner,
        }
    }

    /// Signs a person in: a client with a bearer token.
    pub(crate) async fn sign_in(&self, user_name: &str) -> Client {
        let body = json!({ "userName": user_name, "password": PASSWORD });
        let signed_in = self.nobody().post("/api/byleave/v1/session", body).await.created();
        Client::bearer(self.address, &text(&signed_in["token"]))
    }

    /// A client with a new digest key of these roles.
    pub(crate) async fn key(&self, customer: &Customer, roles: Value) -> Client {
        let path = format!("/api/byleave/v1/organizations/{}/apiKeys", customer.organization);
        let made = customer.owner.post(&path, json!({ "description": "test", "roles": roles })).await.created();
        Client::digest(self.address, &text(&made["publicKey"]), &text(&made["privateKey"]))
    }

    /// A client with a new digest key of these roles, made by the owner after giving their password again.
    pub(crate) async fn key_after_sign_in(&self, customer: &Customer, roles: Value) -> Client {
        customer.owner.post("/api/byleave/v1/session/refresh", json!({ "password": PASSWORD })).await.ok();
        self.key(customer, roles).await
    }

    /// Invites a person, claims for them, and signs them in.
    pub(crate) async fn person(&self, customer: &Customer, user_name: &str, roles: Value) -> Client {
        let path = format!("/api/byleave/v1/organizations/{}/users", customer.organization);
        let invited = customer.owner.post(&path, json!({ "userName": user_name, "roles": roles })).await.created();
        let claim = format!("/api/byleave/v1/invitations/{}:claim", text(&invited["token"]));
        self.nobody().post(&claim, json!({ "password": PASSWORD })).await.created();
        self.sign_in(user_name).await
    }

    /// Adds an employee with a key.
    pub(crate) async fn employee(&self, name: &str, key: &str) -> (EmployeeId, EmployeeKeyId) {
        let administrator = self.administrator();
        let made = administrator.post("/api/byleave/v1/employees", json!({ "name": name })).await.created();
        let employee = text(&made["id"]);
        let keys = format!("/api/byleave/v1/employees/{employee}/keys");
        let key = administrator.post(&keys, json!({ "publicKey": key })).await.created();
        (employee.parse().unwrap(), text(&key["id"]).parse().unwrap())
    }

    /// Lets an employee in.
    pub(crate) async fn session(&self, customer: &Customer) -> SessionId {
        let (employee, key) = self.employee(&format!("Kim {}", customer.host), &public_key(&customer.host)).await;
        let mut session = [0; 12];
        Random.fill(&mut session);
        let session = SessionId::from_bytes(session);
        let open = OpenSession {
            session,
            employee,
            key,
            host: customer.host.parse().unwrap(),
            shape: Shape::Node,
            from: "127.0.0.1:9".into(),
        };
        self.store.open_session(&self.clock.read(), open).await.unwrap();
        session
    }
}

/// An organization and what belongs to it.
pub(crate) struct Customer {
    pub(crate) organization: String,
    pub(crate) project: String,
    pub(crate) cluster: String,
    pub(crate) cluster_id: String,
    pub(crate) node: String,
    pub(crate) host: String,
    pub(crate) owner: Client,
}

impl Customer {
    pub(crate) fn atlas_cluster(&self) -> String {
        format!("/api/atlas/v2/groups/{}/clusters/{}", self.project, self.cluster)
    }

    pub(crate) fn own_cluster(&self) -> String {
        format!("/api/byleave/v1/groups/{}/clusters/{}", self.project, self.cluster)
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::Cluster(self.cluster_id.parse().unwrap())
    }
}

/// A cluster as an inventory names it.
pub(crate) fn cluster(organization: &str, word: &str) -> Value {
    json!({
        "organization": organization,
        "project": "Production",
        "name": "Cluster0",
        "host": format!("cluster0.{word}.example"),
        "syncDatabases": ["__realm_sync"],
        "nodes": [{
            "host": format!("node-1.{word}.example"),
            "address": format!("{word}.internal:22"),
            "hostKey": public_key(word),
            "logs": [{ "name": "mongod", "kind": "database", "path": "/var/log/mongodb/mongod.log" }],
        }],
    })
}

/// A sound ed25519 public key made from a word.
pub(crate) fn public_key(word: &str) -> String {
    use base64::Engine as _;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, word.as_bytes());
    let mut blob = vec![0, 0, 0, 11];
    blob.extend_from_slice(b"ssh-ed25519");
    blob.extend_from_slice(&[0, 0, 0, 32]);
    blob.extend_from_slice(hash.as_ref());
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

//! The installation that the demo starts: a server, a sample node, an organization with its owner, an employee.
//!
//! It is set up by the calls that people would make: the administrator invites, applies the inventory and adds the
//! employee; the owner claims the organization and makes an API key and a service account.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use byleave_web::auth::digest::Algorithm;
use byleave_web::came::Proxies;
use byleave_web::rate::Rates;
use serde_json::{Value, json};

use super::node::SampleNode;
use super::say::Say;
use crate::config::Config;
use crate::demo::http::{Http, text};
use crate::entropy::{SystemEntropy, draw};
use crate::serve::Running;

/// The owner's e-mail address.
pub(super) const OWNER: &str = "mia@harbour-books.example";
/// The employee's name, which no customer sees.
pub(super) const EMPLOYEE: &str = "Robin Hale";
/// The node's host name.
pub(super) const NODE: &str = "shop-0.harbour-books.example";
/// The cluster's host name.
pub(super) const CLUSTER_HOST: &str = "shop.harbour-books.example";
/// The cluster's name.
pub(super) const CLUSTER: &str = "Shop";

/// A running installation.
pub(super) struct Installation {
    /// Where everything lies.
    pub(super) root: PathBuf,
    /// The server.
    pub(super) server: Running,
    /// The sample node.
    pub(super) node: SampleNode,
    /// Calls as the administrator.
    pub(super) administrator: Http,
    /// Calls as the owner, by a signed-in session.
    pub(super) owner: Http,
    /// The owner's password.
    pub(super) password: String,
    /// The organization.
    pub(super) organization: String,
    /// The project.
    pub(super) project: String,
    /// The node's id.
    pub(super) node_id: String,
    /// A digest key with ORG_OWNER: public and private part.
    pub(super) api_key: (String, String),
    /// A service account with ORG_OWNER: client id and secret.
    service_account: (String, String),
    /// The employee's private key file.
    pub(super) identity: PathBuf,
}

impl Installation {
    /// Starts everything below `root`.
    pub(super) async fn start(root: &Path, say: &Say) -> anyhow::Result<Self> {
        std::fs::create_dir_all(root)?;
        say.line("starting the server, an OpenSSH node, and an organization with its owner …");
        let node = SampleNode::start(&root.join("node")).await.context("cannot start the sample node")?;
        let server = Running::start(config(root, &node)?).await.context("cannot start the server")?;
        let identity = make_identity(root)?;
        write_known_hosts(root, &server)?;
        let administrator = Http::new(server.http, &server.administrator_token)?;
        let password = format!("harbour-{}", hex::encode(draw::<4>(&SystemEntropy)));
        let (organization, owner) = claim(&administrator, &password).await?;
        let (project, node_id, ca) = apply_inventory(&administrator, &owner, &organization, &node).await?;
        node.trust(&ca, &node_id).await.context("the node does not take the organization's CA")?;
        add_employee(&administrator, &identity).await?;
        let api_key = add_api_key(&owner, &organization).await?;
        let service_account = add_service_account(&owner, &organization).await?;
        Ok(Self {
            root: root.to_owned(),
            server,
            node,
            administrator,
            owner,
            password,
            organization,
            project,
            node_id,
            api_key,
            service_account,
            identity,
        })
    }

    /// One JSON line for programs.
    pub(super) fn describe(&self) -> Value {
        json!({
            "url": self.owner.base(),
            "orgId": self.organization,
            "groupId": self.project,
            "cluster": CLUSTER,
            "publicKey": self.api_key.0,
            "privateKey": self.api_key.1,
            "clientId": self.service_account.0,
            "clientSecret": self.service_account.1,
            "owner": { "email": OWNER, "password": self.password },
            "employee": { "name": EMPLOYEE },
            "ssh": {
                "host": self.server.ssh.ip().to_string(),
                "port": self.server.ssh.port(),
                "node": NODE,
                "clusterHost": CLUSTER_HOST,
                "identityFile": self.identity,
            },
        })
    }

    /// Tells people how to go on by themselves.
    pub(super) fn invite(&self, say: &Say, kept: bool) {
        let root = self.root.display();
        say.title("It stays up. Your turn:");
        say.line(&format!("page       {}   sign in as {OWNER} with {}", self.owner.base(), self.password));
        say.line(&format!("engineer   {}", self.ssh_line()));
        say.line(&format!("           {}", self.logs_line()));
        let (public, private) = &self.api_key;
        say.line(&format!(
            "customer   export {}BYLEAVE_SERVER={} BYLEAVE_PUBLIC_KEY={public} BYLEAVE_PRIVATE_KEY={private}",
            path(),
            self.owner.base()
        ));
        say.line(&format!("           byleave grant {CLUSTER}    byleave watch {CLUSTER}    byleave revoke {CLUSTER}"));
        say.line(&format!("data       {root}{}", if kept { "" } else { "   (removed at the end)" }));
        say.line("stop       Ctrl-C");
        say.line("");
    }

    /// The engineer's way in, as typed.
    pub(super) fn ssh_line(&self) -> String {
        format!("{} {NODE}@{}", self.ssh_start(), self.server.ssh.ip())
    }

    fn logs_line(&self) -> String {
        format!("{} {CLUSTER_HOST}@{} logs", self.ssh_start(), self.server.ssh.ip())
    }

    fn ssh_start(&self) -> String {
        let known = self.root.join("known_hosts");
        format!(
            "ssh -i {} -o UserKnownHostsFile={} -p {}",
            self.identity.display(),
            known.display(),
            self.server.ssh.port()
        )
    }

    /// Stops node and server; nothing is left behind but the data.
    pub(super) async fn stop(self) {
        self.server.stop().await;
        self.node.stop().await;
    }
}

/// What makes a shell find `byleave`, where it does not yet.
fn path() -> String {
    let Ok(program) = std::env::current_exe() else { return String::new() };
    let known = std::env::var_os("PATH").unwrap_or_default();
    match program.parent() {
        Some(folder) if !std::env::split_paths(&known).any(|known| known == folder) => {
            format!("PATH={}:$PATH ", folder.display())
        }
        Some(_) | None => String::new(),
    }
}

fn config(root: &Path, node: &SampleNode) -> anyhow::Result<Config> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let source: IpAddr = node.gateway_address();
    Ok(Config {
        public_url: None,
        data: root.join("data"),
        listen: free,
        tls: None,
        proxies: Proxies::default(),
        rates: Rates::default(),
        sessions_per_employee: None,
        ssh_listen: free,
        sync: None,
        vendor: "Acme".parse()?,
        vendor_slug: "acme".parse()?,
        gateway_source: source.to_string(),
        digest: Algorithm::Md5,
        node_helper: node.helper().to_owned(),
    })
}

/// Makes the employee's key pair with `ssh-keygen`, as an engineer would.
fn make_identity(root: &Path) -> anyhow::Result<PathBuf> {
    let identity = root.join("employee_key");
    if !identity.exists() {
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "employee", "-f"])
            .arg(&identity)
            .status()
            .context("cannot run ssh-keygen; install the package openssh-client")?;
        ensure!(made.success(), "ssh-keygen failed");
    }
    Ok(identity)
}

fn write_known_hosts(root: &Path, server: &Running) -> anyhow::Result<()> {
    let (address, key) = (server.ssh, &server.host_key);
    std::fs::write(root.join("known_hosts"), format!("[{}]:{} {key}\n", address.ip(), address.port()))?;
    Ok(())
}

async fn claim(administrator: &Http, password: &str) -> anyhow::Result<(String, Http)> {
    let invited =
        administrator.post("/organizations", json!({ "name": "Harbour Books", "ownerUserName": OWNER })).await?;
    let token = text(&invited, "/token")?;
    let anyone = administrator.anonymous();
    anyone.post(&format!("/invitations/{token}:claim"), json!({ "password": password })).await?;
    let signed_in = anyone.post("/session", json!({ "userName": OWNER, "password": password })).await?;
    Ok((text(&invited, "/organizationId")?, administrator.with_token(&text(&signed_in, "/token")?)))
}

async fn apply_inventory(
    administrator: &Http,
    owner: &Http,
    organization: &str,
    node: &SampleNode,
) -> anyhow::Result<(String, String, String)> {
    let logs: Vec<Value> =
        node.logs().iter().map(|(name, kind, path)| json!({ "name": name, "kind": kind, "path": path })).collect();
    let cluster = json!({
        "organization": organization, "project": "Web shop", "name": CLUSTER, "host": CLUSTER_HOST, "syncDatabases": [],
        "nodes": [{ "host": NODE, "address": node.address().to_string(), "hostKey": node.host_key(), "logs": logs }],
    });
    administrator.post("/inventory:apply", json!({ "clusters": [cluster], "prune": false })).await?;
    let clusters = owner.get(&format!("/organizations/{organization}/clusters")).await?;
    let project = text(&clusters, "/results/0/groupId")?;
    let node_id = text(&clusters, "/results/0/nodes/0/id")?;
    let setup = administrator.get(&format!("/nodes/{node_id}/setup")).await?;
    let ca = text(&setup, "/ca")?;
    Ok((project, node_id, ca))
}

async fn add_employee(administrator: &Http, identity: &Path) -> anyhow::Result<()> {
    let employee = administrator.post("/employees", json!({ "name": EMPLOYEE })).await?;
    let key = std::fs::read_to_string(identity.with_extension("pub"))?;
    let path = format!("/employees/{}/keys", text(&employee, "/id")?);
    administrator.post(&path, json!({ "publicKey": key.trim() })).await?;
    Ok(())
}

async fn add_api_key(owner: &Http, organization: &str) -> anyhow::Result<(String, String)> {
    let wanted = json!({ "description": "the owner's command line", "roles": { "orgRoles": ["ORG_OWNER"] } });
    let key = owner.post(&format!("/organizations/{organization}/apiKeys"), wanted).await?;
    Ok((text(&key, "/publicKey")?, text(&key, "/privateKey")?))
}

async fn add_service_account(owner: &Http, organization: &str) -> anyhow::Result<(String, String)> {
    let wanted = json!({
        "name": "atlas clients", "description": "programs written for Atlas", "roles": ["ORG_OWNER"],
        "secretExpiresAfterHours": 8760,
    });
    let made = owner.post_atlas(&format!("/orgs/{organization}/serviceAccounts"), wanted).await?;
    Ok((text(&made, "/clientId")?, text(&made, "/secrets/0/secret")?))
}

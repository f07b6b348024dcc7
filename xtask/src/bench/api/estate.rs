//! A server with many organizations and clusters, made by the calls that people would make.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Size;
use super::wire::Wire;
use crate::step;

/// The password of every owner.
const PASSWORD: &str = "a bench needs no secret";
/// How many owners sign in, whose clusters are read and granted.
const OWNERS: usize = 20;
/// How many owners claim at the same time.
const CLAIMS: usize = 2;
/// Clusters in one call of `inventory:apply`; a body has at most a mebibyte.
const BATCH: usize = 2000;
/// Clusters of the first organization's only project.
const LARGEST: usize = 500;

/// A cluster that is read and granted.
pub(super) struct Target {
    pub(super) project: String,
    pub(super) cluster: String,
    pub(super) token: String,
}

impl Target {
    /// Its path.
    pub(super) fn path(&self) -> String {
        format!("/api/atlas/v2/groups/{}/clusters/{}", self.project, self.cluster)
    }
}

/// The organization with the most clusters, its only project, and its owner's token.
#[derive(Default)]
pub(super) struct Largest {
    pub(super) organization: String,
    pub(super) project: String,
    pub(super) token: String,
}

/// Where the server's data are.
enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    fn data(&self) -> PathBuf {
        match self {
            Self::Kept(folder) => folder.join("data"),
            Self::Passing(folder) => folder.path().join("data"),
        }
    }
}

/// The server and what is in it.
pub(super) struct Estate {
    binary: PathBuf,
    folder: Folder,
    server: Child,
    address: String,
    targets: Vec<Target>,
    largest: Largest,
}

impl Estate {
    /// Starts a server and fills it, unless it is one in a folder that is full already.
    pub(super) fn make(binary: &Path, size: Size, kept: Option<&Path>) -> Result<Self> {
        let folder = match kept {
            Some(folder) => Folder::Kept(folder.to_owned()),
            None => Folder::Passing(tempfile::Builder::new().prefix("byleave-bench-").tempdir_in("/var/tmp")?),
        };
        let is_full = folder.data().exists();
        let (server, address) = serve(binary, &folder)?;
        let mut estate = Self {
            binary: binary.to_owned(),
            folder,
            server,
            address,
            targets: Vec::new(),
            largest: Largest::default(),
        };
        let begin = step::now();
        if !is_full {
            estate.fill(size)?;
        }
        let mut wire = Wire::connect(&estate.address)?;
        for number in 0..size.organizations.min(OWNERS) {
            estate.sign_in(&mut wire, number)?;
        }
        let (clusters, organizations) = (size.clusters, size.organizations);
        eprintln!("{clusters} clusters in {organizations} organizations made in {}", step::Span(begin.elapsed()));
        Ok(estate)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// How many clusters are read and granted.
    pub(super) fn targets(&self) -> usize {
        self.targets.len()
    }

    /// One of the clusters that are read and granted.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn target(&self, turn: usize) -> Result<&Target> {
        self.targets.get(turn % self.targets.len().max(1)).context("there is no cluster to read")
    }

    /// The organization with the most clusters.
    pub(super) fn largest(&self) -> &Largest {
        &self.largest
    }

    /// Stops it and starts it again; answers how long it takes until it is ready.
    pub(super) fn restart(&mut self) -> Result<Duration> {
        self.end()?;
        self.start()
    }

    /// Starts it again; answers how long it takes until it is ready.
    pub(super) fn start(&mut self) -> Result<Duration> {
        let begin = step::now();
        (self.server, self.address) = serve(&self.binary, &self.folder)?;
        Wire::connect(&self.address)?.get("/api/byleave/v1/ready", "")?;
        Ok(begin.elapsed())
    }

    /// Stops it; answers its database.
    pub(super) fn stop(&mut self) -> Result<PathBuf> {
        self.end()?;
        Ok(self.folder.data().join("byleave.db"))
    }

    fn end(&mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.server.id())?), Signal::SIGTERM)?;
        ensure!(self.server.wait()?.success(), "the server did not end well");
        Ok(())
    }

    fn fill(&self, size: Size) -> Result<()> {
        let administrator = std::fs::read_to_string(self.folder.data().join("admin.token"))?.trim().to_owned();
        let mut wire = Wire::connect(&self.address)?;
        let organizations = self.organizations(&administrator, size.organizations)?;
        let clusters: Vec<Value> = (0..size.clusters).map(|number| cluster(&organizations, number)).collect();
        for batch in clusters.chunks(BATCH) {
            let body = json!({ "clusters": batch }).to_string();
            wire.post("/api/byleave/v1/inventory:apply", &administrator, &body)?;
        }
        Ok(())
    }

    /// Makes organizations, each with an owner, who choose their passwords a few at a time.
    fn organizations(&self, administrator: &str, count: usize) -> Result<Vec<String>> {
        let numbers: Vec<usize> = (0..count).collect();
        let some = |numbers: &[usize]| -> Result<Vec<String>> {
            let mut wire = Wire::connect(&self.address)?;
            numbers.iter().map(|number| organization(&mut wire, administrator, *number)).collect()
        };
        std::thread::scope(|scope| {
            let each = count.div_ceil(CLAIMS).max(1);
            let claims: Vec<_> = numbers.chunks(each).map(|chunk| scope.spawn(move || some(chunk))).collect();
            let made = claims.into_iter().map(|claims| claims.join().ok().context("a claim panicked")?);
            Ok(made.collect::<Result<Vec<_>>>()?.concat())
        })
    }

    /// Signs an owner in and opens all their clusters.
    fn sign_in(&mut self, wire: &mut Wire, number: usize) -> Result<()> {
        let body = json!({ "userName": owner(number), "password": PASSWORD }).to_string();
        let signed_in = read(&wire.post("/api/byleave/v1/session", "", &body)?)?;
        let token = text(&signed_in, "token")?;
        let organization = text(signed_in.get("user").context("nobody signed in")?, "orgId")?;
        let path = format!("/api/byleave/v1/organizations/{organization}/clusters?itemsPerPage=500");
        let found = read(&wire.get(&path, &token)?)?;
        for cluster in found.get("results").and_then(Value::as_array).context("no list came")? {
            let (project, cluster) = (text(cluster, "groupId")?, text(cluster, "name")?);
            if number == 0 {
                let (organization, project) = (organization.clone(), project.clone());
                self.largest = Largest { organization, project, token: token.clone() };
            }
            let grant = format!("/api/byleave/v1/groups/{project}/clusters/{cluster}:grant");
            wire.post(&grant, &token, &json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }).to_string())?;
            self.targets.push(Target { project, cluster, token: token.clone() });
        }
        Ok(())
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Invites an owner, who claims the organization.
fn organization(wire: &mut Wire, administrator: &str, number: usize) -> Result<String> {
    let body = json!({ "name": format!("Organization {number}"), "ownerUserName": owner(number) }).to_string();
    let invited = read(&wire.post("/api/byleave/v1/organizations", administrator, &body)?)?;
    let claim = format!("/api/byleave/v1/invitations/{}:claim", text(&invited, "token")?);
    wire.post(&claim, "", &json!({ "password": PASSWORD }).to_string())?;
    text(&invited, "organizationId")
}

fn owner(number: usize) -> String {
    format!("owner{number}@bench.example")
}

/// The first organization has the largest project, the others share the rest.
fn cluster(organizations: &[String], number: usize) -> Value {
    let organization = if number < LARGEST { 0 } else { 1 + number % (organizations.len() - 1).max(1) };
    json!({
        "organization": organizations.get(organization).or(organizations.first()),
        "project": "Main",
        "name": format!("Cluster{number}"),
        "host": format!("cluster{number}.bench.example"),
    })
}

/// Starts a server on free ports and waits until it says where it listens.
fn serve(binary: &Path, folder: &Folder) -> Result<(Child, String)> {
    let most = u32::MAX.to_string();
    let mut command = Command::new(binary);
    command.args(["serve", "--data"]).arg(folder.data());
    command.args(["--listen", "127.0.0.1:0", "--ssh-listen", "127.0.0.1:0"]);
    command.args(["--requests-per-caller", &most, "--requests-per-address", &most]);
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(server.stderr.take().context("no standard error")?);
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(said.read_line(&mut line)? > 0, "the server ended before it was ready");
        if let Some((_, rest)) = line.split_once("pages=http://") {
            let address = rest.split_whitespace().next().context("no address")?.to_owned();
            // Read on, so that the server never waits for us.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok((server, address));
        }
    }
}

fn read(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value.get(name).and_then(Value::as_str).with_context(|| format!("no {name}: {value}"))?.to_owned())
}

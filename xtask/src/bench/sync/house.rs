//! An installation with a door for sync data, a server of our own behind it, and clients.
//!
//! It is set up by the calls that people would make.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Programs;
use crate::bench::api::wire::Wire;
use crate::bench::http::Owner;
use crate::bench::relay;
use crate::step;

/// Documents of the server, of about a kibibyte each.
const DOCUMENTS: usize = 100_000;
const PASSWORD: &str = "a bench needs no secret";
const OWNER: &str = "owner@bench.example";
const CLUSTER: &str = "Shop";
const HOST: &str = "shop.bench.example";
const FREE: &str = "127.0.0.1:0";

/// What was started. All of it ends when this is dropped.
pub(super) struct House {
    folder: TempDir,
    byleave: PathBuf,
    http: String,
    server: Process,
    upstream: Process,
    owner: Owner,
    administrator: String,
    ssh: String,
    direct: Value,
    ca: String,
    client: Vec<PathBuf>,
    /// Of the gateway's door for sync data, and of the server behind it.
    ports: (u16, u16),
}

/// A process that ends when this is dropped.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A session for sync data: it is open until this is dropped.
pub(super) struct Session {
    /// How a client gets there.
    pub(super) way: Value,
    _ssh: Process,
    _out: BufReader<ChildStdout>,
}

impl House {
    /// Starts it all.
    pub(super) fn start(programs: &Programs<'_>) -> Result<Self> {
        let mut upstream = Command::new(programs.upstream);
        let (upstream, said) = program(upstream.arg(DOCUMENTS.to_string()), programs.upstream)?;
        Self::before(programs, upstream, &serde_json::from_str(&said)?, vec![programs.client.to_owned()])
    }

    /// Starts the gateway before a server of which is said where it is and who signs in. `client` is a program and its
    /// first arguments.
    pub(super) fn before(
        programs: &Programs<'_>,
        upstream: Process,
        said: &Value,
        client: Vec<PathBuf>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("byleave-bench-").tempdir_in("/var/tmp")?;
        let (server, [http, ssh]) = serve(programs.byleave, &folder, &[FREE; 3])?;
        let administrator = fs::read_to_string(folder.path().join("data/admin.token"))?.trim().to_owned();
        let port = u16::try_from(said.get("port").and_then(Value::as_u64).context("the server tells no port")?)?;
        let ca = text(said, "/ca")?;
        let mut wire = Wire::connect(&http)?;
        let mut call = |path: &str, token: &str, body: Value| -> Result<Value> {
            Ok(serde_json::from_str(&wire.post(&format!("/api/byleave/v1{path}"), token, &body.to_string())?)?)
        };
        let invited = call("/organizations", &administrator, json!({ "name": "Bench", "ownerUserName": OWNER }))?;
        call(&format!("/invitations/{}:claim", text(&invited, "/token")?), "", json!({ "password": PASSWORD }))?;
        let cluster = json!({
            "organization": text(&invited, "/organizationId")?, "project": "Main", "name": CLUSTER, "host": HOST, "nodes": [],
            "syncDatabases": ["appsync_*"], "syncServers": [format!("127.0.0.1:{port}")], "syncCa": ca,
        });
        call("/inventory:apply", &administrator, json!({ "clusters": [cluster], "prune": false }))?;
        let employee = call("/employees", &administrator, json!({ "name": "Robin Hale" }))?;
        let key = folder.path().join("key");
        step::must(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        let public = fs::read_to_string(key.with_extension("pub"))?;
        let path = format!("/employees/{}/keys", text(&employee, "/id")?);
        call(&path, &administrator, json!({ "publicKey": public.trim() }))?;
        let (user, password) = (text(said, "/user")?, text(said, "/password")?);
        let credential = json!({ "user": user, "password": password });
        let body = json!({ "host": HOST, "credential": credential });
        call("/inventory:setSyncCredential", &administrator, body)?;
        let signed_in = call("/session", "", json!({ "userName": OWNER, "password": PASSWORD }))?;
        let organization = text(&signed_in, "/user/orgId")?;
        let path = format!("/api/byleave/v1/organizations/{organization}/clusters");
        let clusters: Value = serde_json::from_str(&wire.get(&path, &text(&signed_in, "/token")?)?)?;
        let owner = Owner::of(&json!({
            "url": format!("http://{http}"), "groupId": text(&clusters, "/results/0/groupId")?, "cluster": CLUSTER,
            "owner": { "email": OWNER, "password": PASSWORD },
        }))?;
        let written = password.replace(' ', "%20");
        let direct = json!({ "uri": format!("mongodb://{user}:{written}@127.0.0.1:{port}/"), "ca": ca });
        let mut house = Self {
            folder,
            byleave: programs.byleave.to_owned(),
            http,
            server,
            upstream,
            owner,
            administrator,
            ssh,
            direct,
            ca: String::new(),
            client,
            ports: (0, port),
        };
        house.grant()?;
        house.ca = house.said("sync-ca")?;
        house.ports.0 = house.session()?.port()?;
        Ok(house)
    }

    /// Starts the server anew, where it was: a process that has hashed passwords keeps some of the memory for it.
    pub(super) fn restart(&mut self) -> Result<()> {
        let Process(server) = &mut self.server;
        kill(Pid::from_raw(i32::try_from(server.id())?), Signal::SIGTERM)?;
        ensure!(server.wait()?.success(), "the server did not end well");
        let sync = format!("127.0.0.1:{}", self.ports.0);
        (self.server, _) = serve(&self.byleave, &self.folder, &[&self.http, &self.ssh, &sync])?;
        Ok(())
    }

    /// The process of the gateway.
    pub(super) fn byleave(&self) -> u32 {
        self.server.0.id()
    }

    /// The process of the server behind it.
    pub(super) fn upstream(&self) -> u32 {
        self.upstream.0.id()
    }

    /// The customer.
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The administrator's token.
    pub(super) fn administrator(&self) -> &str {
        &self.administrator
    }

    /// Where clients of the gateway connect, and where the server behind it listens.
    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// The way to the server without the gateway.
    pub(super) fn direct(&self) -> Value {
        self.direct.clone()
    }

    /// The way to the server through a plain relay, which ends with this process.
    pub(super) fn relayed(&self) -> Result<Value> {
        let (port, relay) = (self.ports.1, relay::start(self.ports.1)?);
        let uri = text(&self.direct, "/uri")?.replace(&format!(":{port}/"), &format!(":{relay}/"));
        Ok(json!({ "uri": uri, "ca": text(&self.direct, "/ca")? }))
    }

    /// Grants sync data.
    pub(super) fn grant(&self) -> Result<()> {
        let token = self.owner.sign_in()?;
        let kind = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA";
        self.owner.grant_this(&token, &json!({ "grantType": kind }))
    }

    /// Opens a session for sync data.
    pub(super) fn session(&self) -> Result<Session> {
        // What it tells people beside the address holds the secret, too, and is for nobody here.
        let mut ssh = self.ssh("sync");
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut out = BufReader::new(child.stdout.take().context("ssh has no output")?);
        let mut uri = String::new();
        out.read_line(&mut uri)?;
        ensure!(uri.starts_with("mongodb://"), "no session came: {uri}");
        Ok(Session { way: json!({ "uri": uri.trim(), "ca": self.ca }), _ssh: Process(child), _out: out })
    }

    fn said(&self, word: &str) -> Result<String> {
        let output = self.ssh(word).stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn ssh(&self, word: &str) -> Command {
        let (host, port) = self.ssh.rsplit_once(':').unwrap_or((&self.ssh, "22"));
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-p", port, "-i"]).arg(self.folder.path().join("key"));
        for option in
            ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        {
            command.args(["-o", option]);
        }
        command.args([&format!("{HOST}@{host}"), word]);
        command
    }

    /// A client with so many connections over each way.
    pub(super) fn client(&self, ways: &[Value], connections: usize) -> Result<Client> {
        let file = self.folder.path().join("ways");
        let lines: Vec<String> = ways.iter().map(|way| format!("{way}\n")).collect();
        fs::write(&file, lines.concat())?;
        let (program, arguments) = self.client.split_first().context("no client")?;
        let mut command = Command::new(program);
        command.args(arguments).arg(&file).arg(connections.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the client")?;
        let out = BufReader::new(child.stdout.take().context("the client has no output")?);
        let mut client = Client { process: Process(child), out };
        client.expect("up")?;
        Ok(client)
    }
}

impl Session {
    fn port(&self) -> Result<u16> {
        let uri = text(&self.way, "/uri")?;
        let rest = uri.rsplit_once('@').context("no host")?.1;
        let address = rest.split('/').next().context("no host")?;
        Ok(address.rsplit_once(':').context("no port")?.1.parse()?)
    }
}

/// A client that does what it is told.
pub(super) struct Client {
    process: Process,
    out: BufReader<ChildStdout>,
}

impl Client {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Tells it what to do.
    pub(super) fn begin(&mut self, work: &str) -> Result<()> {
        Ok(writeln!(self.process.0.stdin.as_mut().context("the client has no input")?, "{work}")?)
    }

    /// Waits until it says this.
    pub(super) fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        ensure!(line.trim() == word, "the client says `{line}`, not `{word}`");
        Ok(())
    }

    /// Waits for what it says of its work.
    pub(super) fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Has it do something; answers what it says of it.
    pub(super) fn tell(&mut self, work: &str) -> Result<Value> {
        self.begin(work)?;
        self.answer()
    }
}

/// Starts a program that says one line and ends with its standard input; answers that line.
pub(super) fn program(command: &mut Command, name: &Path) -> Result<(Process, String)> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start `{}`", name.display()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    ensure!(!line.is_empty(), "`{}` ended before it was ready", name.display());
    Ok((Process(child), line))
}

/// Starts a server that listens there for pages, `ssh` and clients of sync data, and waits until it says where it is.
fn serve(binary: &Path, folder: &TempDir, [http, ssh, sync]: &[&str; 3]) -> Result<(Process, [String; 2])> {
    let most = u32::MAX.to_string();
    let mut command = Command::new(binary);
    command.args(["serve", "--data"]).arg(folder.path().join("data"));
    command.args(["--listen", http, "--ssh-listen", ssh, "--sync-listen", sync]);
    command.args(["--requests-per-caller", &most, "--requests-per-address", &most]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(child.stderr.take().context("no standard error")?);
    let server = Process(child);
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(said.read_line(&mut line)? > 0, "the server ended before it was ready");
        if let Some((_, rest)) = line.split_once("pages=http://") {
            let (http, ssh) = rest.split_once(" ssh=").context("no address")?;
            let address = |text: &str| text.split_whitespace().next().map(str::to_owned).context("no address");
            let addresses = [address(http)?, address(ssh)?];
            // Read on, so that the server never waits for us.
            std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
            return Ok((server, addresses));
        }
    }
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("no {pointer}: {value}"))
}

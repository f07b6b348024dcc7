//! An installation to hurt: `byleave serve`, a sample node that trusts it, an owner with an API key, an engineer with
//! plain `ssh`. The organization blocks support and has accepted the node, so that only grants open anything.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

use crate::cli::story::{self, Story};
use crate::node::rig::{Node, keygen};
use crate::server::{Person, Server};

/// The node's host name, the user name of `ssh <host>@gateway`.
pub(super) const NODE: &str = "shop-0.harbour-books.example";
/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the server is asked whether it is ready: each time is a whole command, so this is minutes.
const MOST_ASKED: usize = 1_000;

/// The installation.
pub(super) struct Scene {
    pub(super) server: Server,
    pub(super) administrator: Person,
    /// Signed in with a password, for what keys may not.
    pub(super) signed_in: Person,
    /// With an API key.
    pub(super) owner: Person,
    pub(super) node: Node,
}

impl Scene {
    pub(super) fn begin() -> Self {
        let node = Node::start();
        let host_key = fs::read_to_string(node.path("etc/ssh/ssh_host_ed25519_key.pub")).unwrap();
        let inventory = story::INVENTORY
            .replace("127.0.0.1:9", &format!("127.0.0.1:{}", node.port))
            .lines()
            .map(|line| match line.starts_with("host_key") {
                true => format!("host_key = \"{}\"\n", host_key.split(' ').take(2).collect::<Vec<_>>().join(" ")),
                false => format!("{line}\n"),
            })
            .collect::<String>()
            .replace("[[cluster.node]]", "sync_databases = [\"app-sync-*\"]\n[[cluster.node]]");
        let Story { server, administrator, owner: signed_in } = story::begin_with(&inventory);
        let administrator = administrator.with("BYLEAVE_ORG", "Harbour Books");
        let setup = administrator.run(&["nodes", "setup", NODE, "--output", "json"]).json();
        trust(&node, &setup);
        keygen(&node.path("engineer"));
        let key = node.path("engineer.pub");
        administrator.run(&["employees", "add", "Robin Hale", "--key", key.to_str().unwrap()]).ok();
        let gateway = fs::read_to_string(server.data().join("ssh_host_ed25519_key.pub")).unwrap();
        fs::write(node.path("gateway_hosts"), format!("gateway {gateway}")).unwrap();
        let made = signed_in.run(&["api-keys", "add", "scripts", "--role", "ORG_OWNER", "--output", "json"]).json();
        let part = |name: &str| made[name].as_str().unwrap().to_owned();
        let owner = server.anybody().with("BYLEAVE_PUBLIC_KEY", part("publicKey"));
        let owner = owner.with("BYLEAVE_PRIVATE_KEY", part("privateKey"));
        owner.run(&["nodes", "accept-risk", NODE]).ok();
        owner.run(&["block"]).ok();
        Self { server, administrator, signed_in, owner, node }
    }

    /// Grants the infrastructure for an hour.
    pub(super) fn grant(&self) {
        self.owner.run(&["grant", "Shop", "--for", "1h"]).ok();
    }

    /// `ssh` to the node through the gateway, as the engineer.
    pub(super) fn ssh(&self, command: &str) -> Ssh {
        self.ssh_to(NODE, command)
    }

    /// The same with options.
    pub(super) fn ssh_with(&self, options: &[&str], command: &str) -> Ssh {
        self.start_ssh(options, NODE, command)
    }

    /// `ssh` to any host through the gateway, as the engineer.
    pub(super) fn ssh_to(&self, host: &str, command: &str) -> Ssh {
        self.start_ssh(&[], host, command)
    }

    fn start_ssh(&self, options: &[&str], host: &str, command: &str) -> Ssh {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
            .args(["-o", "HostKeyAlias=gateway", "-o", "GlobalKnownHostsFile=/dev/null", "-o"])
            .arg(format!("UserKnownHostsFile={}", self.node.path("gateway_hosts").display()))
            .arg("-i")
            .arg(self.node.path("engineer"))
            .args(options)
            .args(["-p", self.server.ssh_port(), &format!("{host}@127.0.0.1"), command]);
        Ssh::start(ssh)
    }

    /// A session that is in and says again what it is told.
    pub(super) fn enter(&self) -> Ssh {
        let mut ssh = self.ssh("echo in; exec cat");
        assert!(ssh.hears("in\n"), "it does not get in: {:?}", ssh.ends());
        ssh
    }

    /// All sessions, newest first, as the owner sees them.
    pub(super) fn sessions(&self) -> Vec<Value> {
        let listed = self.owner.run(&["sessions", "list", "--all", "--output", "json"]).json();
        listed["results"].as_array().unwrap().clone()
    }

    /// Waits until no session is open in the records, and tells why the newest one ended.
    pub(super) fn newest_end(&self) -> String {
        loop {
            let sessions = self.sessions();
            if sessions.iter().all(|session| session["endedAt"].is_string()) {
                return sessions[0]["endReason"].as_str().unwrap().to_owned();
            }
        }
    }

    /// Waits until the server says that it is ready, or that these parts are not. As a monitor asks.
    pub(super) fn is_ready_but(&self, parts: &[&str]) {
        let mut last = String::new();
        for _ in 0..MOST_ASKED {
            let ran = self.server.anybody().run(&["doctor", "--output", "json"]);
            let findings: Value = serde_json::from_str(&ran.out).unwrap();
            let ready = findings["results"]
                .as_array()
                .unwrap()
                .iter()
                .find(|finding| finding["name"] == "ready")
                .unwrap()
                .clone();
            let text = ready["text"].as_str().unwrap();
            let said: Vec<&str> = match ready["verdict"].as_str().unwrap() {
                "good" => Vec::new(),
                _ => text.split("; ").map(|trouble| trouble.split_once(": ").unwrap().0).collect(),
            };
            if said == parts {
                return;
            }
            last = text.to_owned();
        }
        panic!("it says `{last}` and not {parts:?}");
    }

    /// The grants in force.
    pub(super) fn in_force(&self) -> Vec<Value> {
        let listed = self.owner.run(&["grants", "--active", "--output", "json"]).json();
        listed["results"].as_array().unwrap().clone()
    }

    /// Whether the organization blocks.
    pub(super) fn is_blocked(&self) -> bool {
        let settings = self.owner.run(&["organizations", "settings", "--output", "json"]).json();
        settings["restrictEmployeeAccess"].as_bool().unwrap()
    }

    /// Exports the evidence; answers the file.
    pub(super) fn evidence(&self) -> PathBuf {
        let file = self.owner.home().join("evidence.json");
        self.owner.run(&["evidence", "export", "--force", "--to", file.to_str().unwrap()]).ok();
        file
    }

    /// Keeps the log's key; answers the file.
    pub(super) fn log_key(&self) -> PathBuf {
        let file = self.owner.home().join("log.vkey");
        fs::write(&file, self.owner.run(&["evidence", "key"]).ok()).unwrap();
        file
    }

    /// The evidence verifies, offline, with the log's key and every anchor that the owner was ever given.
    #[track_caller]
    pub(super) fn assert_evidence(&self) {
        let (file, key) = (self.evidence(), self.log_key());
        let ran = verify(&file, &key, &self.anchors());
        assert!(ran.out.starts_with("verified") && ran.code == 0, "{ran:#?}");
    }

    /// The owner's anchors.
    pub(super) fn anchors(&self) -> PathBuf {
        self.owner.home().join(".local/share/byleave/anchors.jsonl")
    }
}

/// Verifies a file with a key and anchors.
pub(super) fn verify(file: &Path, key: &Path, anchors: &Path) -> crate::server::Ran {
    let [file, key, anchors] = [file, key, anchors].map(|path| path.to_str().unwrap());
    Person::new().run(&["evidence", "verify", file, "--key", key, "--anchor", anchors])
}

/// Makes the node trust the organization's CA, as `byleave node setup` would.
fn trust(node: &Node, setup: &Value) {
    let id = setup["nodeId"].as_str().unwrap();
    fs::write(node.path("etc/byleave/ca.pub"), format!("{}\n", setup["ca"].as_str().unwrap())).unwrap();
    fs::write(node.path("etc/byleave/principals/byleave"), format!("byleave-node:{id}\n")).unwrap();
    fs::write(node.path("etc/byleave/principals/byleave-logs"), format!("byleave-node:{id}-logs\n")).unwrap();
}

/// A running `ssh`.
pub(super) struct Ssh {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    /// What came on standard output so far.
    pub(super) heard: Vec<u8>,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) heard: Vec<u8>,
    pub(super) told: String,
}

impl Ssh {
    fn start(mut ssh: Command) -> Self {
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (chunks, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                if chunks.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { input: child.stdin.take(), child, output, heard: Vec::new() }
    }

    /// Reads until `words` come; false if the output ends without them.
    pub(super) fn hears(&mut self, words: &str) -> bool {
        loop {
            if String::from_utf8_lossy(&self.heard).contains(words) {
                return true;
            }
            match self.output.recv_timeout(PATIENCE) {
                Ok(chunk) => self.heard.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("`{words}` do not come"),
            }
        }
    }

    /// Reads what comes until nothing has come for a while.
    pub(super) fn hears_out(&mut self, quiet: Duration) {
        while let Ok(chunk) = self.output.recv_timeout(quiet) {
            self.heard.extend(chunk);
        }
    }

    /// Whether its output ends without another byte.
    pub(super) fn hears_nothing_more(&mut self) -> bool {
        match self.output.recv_timeout(PATIENCE) {
            Ok(_) => false,
            Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => panic!("ssh does not end"),
        }
    }

    /// Says a line to a session that answers it; false if no answer comes because it has ended.
    pub(super) fn answers(&mut self, line: &str) -> bool {
        let said = self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes());
        said.is_ok() && self.hears(line)
    }

    /// Whether it is still there.
    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Closes its standard input: `cat` and with it the session end in order.
    pub(super) fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits for its end.
    pub(super) fn ends(&mut self) -> Ended {
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(chunk) => self.heard.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("ssh does not end"),
            }
        }
        let mut told = String::new();
        self.child.stderr.as_mut().unwrap().read_to_string(&mut told).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Ended { code, heard: std::mem::take(&mut self.heard), told }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

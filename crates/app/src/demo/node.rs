//! The sample node of the demo: a real OpenSSH server with a fake database beside it, to be reached by the gateway only.
//!
//! As root it has walls of its own (accounts, firewall, processes) and the machine stays untouched; otherwise it runs
//! as oneself and says so. It ends with this process, however that ends. How it is built: `node/sample.rs`.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use byleave_core::id::NodeId;
use byleave_core::name::PublicKey;
use byleave_core::time::{Clock, SECOND, Timestamp};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::clock::SystemClock;
use crate::node::session::descendants;
use crate::node::{self, Ready, setup};

/// How long the node may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running sample node.
#[derive(Debug)]
pub(crate) struct SampleNode {
    directory: PathBuf,
    address: SocketAddr,
    host_key: String,
    ready: Ready,
    process: Child,
    /// As long as this is open, the node runs.
    _output: BufReader<ChildStdout>,
}

impl SampleNode {
    /// Starts a node whose files lie in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// If OpenSSH is not installed, or neither root nor user namespaces are to be had.
    pub(crate) async fn start(directory: &Path) -> anyhow::Result<Self> {
        ensure!(Path::new("/usr/sbin/sshd").is_file(), "there is no sshd here; install the package openssh-server");
        for below in ["etc/ssh", "log/mongodb"] {
            fs::create_dir_all(directory.join(below))?;
        }
        let directory = directory.canonicalize()?;
        let host_key = host_key(&directory)?;
        write_logs(&directory, SystemClock::new()?.read().wall)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["node-session", "sample", "outer"])
            .arg(&directory)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::piped())
            .stderr(File::create(directory.join("node.log"))?)
            .spawn()
            .context("cannot start the sample node")?;
        let mut output = BufReader::new(process.stdout.take().context("the sample node has no output")?);
        let mut line = String::new();
        timeout(PATIENCE, output.read_line(&mut line)).await.context("the sample node does not get ready")??;
        let ready: Ready = serde_json::from_str(&line).map_err(|_| {
            let said = fs::read_to_string(directory.join("node.log")).unwrap_or_default();
            anyhow::anyhow!("the sample node did not start: {}", said.trim())
        })?;
        Ok(Self { directory, address, host_key, ready, process, _output: output })
    }

    /// Where its sshd listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its host key, one OpenSSH line without a comment.
    pub(crate) fn host_key(&self) -> &str {
        &self.host_key
    }

    /// Where it has this program.
    pub(crate) fn helper(&self) -> &'static str {
        node::HELPER
    }

    /// From where it sees the gateway come.
    pub(crate) fn gateway_address(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    /// Whether it has walls between accounts, which takes root.
    pub(crate) fn as_root(&self) -> bool {
        self.ready.as_root
    }

    /// Why its accounts have no firewall, if they have none.
    pub(crate) fn no_firewall(&self) -> Option<&str> {
        self.ready.no_firewall.as_deref()
    }

    /// Its logs: name, kind and path.
    pub(crate) fn logs(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &node::LOGS
    }

    /// What a session must not reach, with a command that tries and must fail.
    pub(crate) fn forbidden(&self) -> Vec<(&'static str, String)> {
        if !self.ready.as_root {
            return Vec::new();
        }
        let (data, key) = (node::DATA_DIRECTORY, node::KEY_FILE);
        let mut all = vec![
            ("the database's files", format!("cat {data}/*.wt")),
            ("its key file", format!("cat {key}")),
            ("its socket", "test -w /tmp/mongodb-27017.sock".to_owned()),
            ("other people's processes", "kill -0 $(pidof mongod sshd)".to_owned()),
            ("root, by sudo", "sudo -n true".to_owned()),
        ];
        if self.ready.no_firewall.is_none() {
            all.push(("the database's port", "exec 3<>/dev/tcp/127.0.0.1/27017".to_owned()));
            all.push(("the outside network", r#"timeout 2 bash -c "exec 3<>/dev/tcp/192.0.2.1/443""#.to_owned()));
        }
        all
    }

    /// Makes the node trust an organization's CA for the node of this id, and nobody else.
    ///
    /// # Errors
    /// If CA or id are malformed, or its files cannot be written.
    pub(crate) async fn trust(&self, ca: &str, node_id: &str) -> anyhow::Result<()> {
        let ca = PublicKey::from_line(ca).context("the CA is no public key")?;
        let id: NodeId = node_id.parse().context("the node id is malformed")?;
        for account in [setup::INFRASTRUCTURE, setup::LOGS] {
            let file = self.etc(setup::PRINCIPALS)?.join(account);
            tokio::fs::write(file, setup::principal(&id.to_string(), account)).await?;
        }
        tokio::fs::write(self.etc(setup::CA_FILE)?, format!("{} {}\n", ca.algorithm(), ca.base64())).await?;
        Ok(())
    }

    /// Waits until no process of the node has `words` in its command line.
    ///
    /// # Errors
    /// If the node itself is gone.
    pub(crate) async fn until_gone(&self, words: &str) -> anyhow::Result<()> {
        let own = i32::try_from(self.process.id().context("the node has ended")?)?;
        while descendants(Pid::from_raw(own)).into_iter().any(|pid| command_line(pid).contains(words)) {
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Ends the node and everything in it.
    pub(crate) async fn stop(self) {
        let Self { mut process, _output: output, .. } = self;
        drop(output);
        if !matches!(timeout(PATIENCE, process.wait()).await, Ok(Ok(_))) {
            let _ended_meanwhile = process.kill().await;
        }
    }

    /// A file of the node's `/etc`, from outside.
    fn etc(&self, path: &str) -> anyhow::Result<PathBuf> {
        Ok(self.directory.join("etc").join(Path::new(path).strip_prefix("/etc")?))
    }
}

fn command_line(pid: Pid) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// Makes the host key if there is none from an earlier start.
fn host_key(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join("etc/ssh/ssh_host_ed25519_key");
    if !path.is_file() {
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "sample-node", "-f"])
            .arg(&path)
            .status()
            .context("cannot run ssh-keygen; install the package openssh-client")?;
        ensure!(made.success(), "ssh-keygen failed");
    }
    let line = fs::read_to_string(path.with_extension("pub"))?;
    let key = PublicKey::from_line(&line)?;
    Ok(format!("{} {}", key.algorithm(), key.base64()))
}

/// Writes logs such as a database under load leaves: one line every half minute of the last hour.
fn write_logs(directory: &Path, now: Timestamp) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let lines = |count: i64, line: fn(&str, i64) -> String| -> String {
        let ago = |number: i64| now.plus((number - count) * 30 * SECOND).to_string();
        (0..count).map(|number| line(&ago(number), number)).collect()
    };
    for (name, text) in [("mongod.log", lines(120, log_line)), ("mongod-audit.log", lines(40, audit_line))] {
        let path = directory.join("log/mongodb").join(name);
        let _absent = fs::remove_file(&path);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn log_line(at: &str, number: i64) -> String {
    let (severity, component, id, context, message, attributes) = match number % 4 {
        0 => (
            "I",
            "NETWORK",
            22943,
            "listener".to_owned(),
            "Connection accepted",
            format!(
                r#"{{"remote":"10.0.4.{}:{}","connectionCount":{}}}"#,
                number % 9 + 2,
                40_000 + number,
                20 + number % 7
            ),
        ),
        1 => (
            "I",
            "COMMAND",
            51803,
            format!("conn{}", 900 + number),
            "Slow query",
            format!(
                r#"{{"type":"command","ns":"shop.orders","planSummary":"COLLSCAN","docsExamined":{},"nreturned":20,"durationMillis":{}}}"#,
                180_000 + number * 37,
                1_400 + number * 3
            ),
        ),
        2 => (
            "I",
            "WTCHKPT",
            22430,
            "Checkpointer".to_owned(),
            "WiredTiger message",
            format!(r#"{{"message":"saving checkpoint snapshot min: {number}, snapshot max: {number}"}}"#),
        ),
        _ => (
            "W",
            "STORAGE",
            22271,
            "ftdc".to_owned(),
            "Disk latency above threshold",
            format!(r#"{{"device":"nvme1n1","latencyMillis":{}}}"#, 90 + number),
        ),
    };
    format!(
        r#"{{"t":{{"$date":"{at}"}},"s":"{severity}","c":"{component}","id":{id},"ctx":"{context}","msg":"{message}","attr":{attributes}}}"#
    ) + "\n"
}

fn audit_line(at: &str, number: i64) -> String {
    format!(
        r#"{{"atype":"authenticate","ts":{{"$date":"{at}"}},"local":{{"ip":"10.0.4.1","port":27017}},"remote":{{"ip":"10.0.4.{}","port":{}}},"users":[{{"user":"shop-app","db":"admin"}}],"result":0}}"#,
        number % 9 + 2,
        40_000 + number
    ) + "\n"
}

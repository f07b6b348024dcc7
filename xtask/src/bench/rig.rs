//! What a bench runs against: an OpenSSH server, an OpenSSH bastion, and a Byleave installation with its sample node.
//!
//! All of it listens on loopback, on free ports. The OpenSSH servers live in a mount namespace with a `passwd` of their
//! own, so that the machine's accounts stay untouched. Everything ends when the rig is dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::relay;
use crate::step;

/// The cipher of every client, so that all ways do the same work.
const CIPHER: &str = "aes256-gcm@openssh.com";

/// How the kernel counts processor time for programs, on Linux everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

/// A way to the work.
pub(super) struct Way {
    /// What it is called in tables.
    pub(super) name: &'static str,
    /// What `ssh` is given to get there.
    args: Vec<String>,
}

/// Everything that was started.
pub(super) struct Rig {
    /// The ways.
    pub(super) ways: Vec<Way>,
    /// The process that is the bastion.
    pub(super) bastion: u32,
    /// The process that is Byleave.
    pub(super) byleave: u32,
    /// What `byleave demo` said of itself.
    pub(super) facts: Value,
    folder: TempDir,
    children: Vec<Child>,
}

/// The release build of the product.
pub(super) fn release(root: &Path) -> PathBuf {
    target(root).join("release/byleave")
}

/// The release build of the client that holds many sessions.
pub(super) fn light_clients(root: &Path) -> PathBuf {
    target(root).join("release/examples/sessions")
}

/// The release build of the client that offers wrong keys.
pub(super) fn storm(root: &Path) -> PathBuf {
    target(root).join("release/examples/wrong_keys")
}

/// The release build of a program that takes part in measuring.
pub(super) fn example(root: &Path, name: &str) -> PathBuf {
    target(root).join("release/examples").join(name)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into)
}

impl Rig {
    /// Starts it all and tries each way once.
    pub(super) fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("byleave-bench-").tempdir_in("/var/tmp")?;
        let place = folder.path();
        // The servers read the keys as the user that logs in.
        fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        prepare(place)?;
        let (target_port, bastion_port) = (free_port()?, free_port()?);
        let target = openssh(place, "target", target_port)?;
        let bastion = openssh(place, "bastion", bastion_port)?;
        let (byleave, facts) = demo(binary, place)?;
        let ways = ways(place, [target_port, bastion_port, relay::start(target_port)?], &facts)?;
        let (bastion_id, byleave_id) = (bastion.id(), byleave.id());
        let children = vec![target, bastion, byleave];
        let rig = Self { ways, bastion: bastion_id, byleave: byleave_id, facts, folder, children };
        for way in &rig.ways {
            let said = rig.ssh(way, &[], Some("echo works")).stdin(Stdio::null()).output()?;
            let told = String::from_utf8_lossy(&said.stderr);
            ensure!(said.stdout == b"works\n", "the way `{}` does not work: {told}", way.name);
        }
        Ok(rig)
    }

    /// A folder for what a test writes.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ways in the order of this round.
    pub(super) fn round(&self, number: usize) -> impl Iterator<Item = &Way> {
        let count = self.ways.len();
        self.ways.iter().cycle().skip(number % count).take(count)
    }

    /// An `ssh` command over a way.
    pub(super) fn ssh(&self, way: &Way, options: &[&str], remote: Option<&str>) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", &self.config(), "-c", CIPHER]).args(options).args(&way.args).args(remote);
        command
    }

    fn config(&self) -> String {
        self.folder.path().join("ssh_config").display().to_string()
    }

    /// What the demo says of its SSH, such as `node` or `identityFile`.
    pub(super) fn ssh_fact(&self, name: &str) -> Result<&str> {
        let fact = self.facts.pointer(&format!("/ssh/{name}")).and_then(Value::as_str);
        fact.with_context(|| format!("the demo names no ssh {name}"))
    }

    /// The port of Byleave's gateway.
    pub(super) fn gateway_port(&self) -> Result<u16> {
        let port = self.facts.pointer("/ssh/port").and_then(Value::as_u64).context("the demo names no port")?;
        Ok(u16::try_from(port)?)
    }

    /// Seconds of processor time that Byleave has used.
    pub(super) fn processor_time(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.byleave))?;
        // After the name, which may hold spaces: the fields from the third on (proc(5)); user time is the 14th.
        let fields = stat.rsplit_once(')').context("the kernel's word on a process")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// The administrator's token of Byleave.
    pub(super) fn administrator(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("byleave/data/admin.token"))?.trim().to_owned())
    }

    /// What was measured where.
    pub(super) fn heading(&self) -> Result<String> {
        let version = Command::new("ssh").arg("-V").output()?.stderr;
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
        Ok(format!(
            "{}; {} cores, {}; {CIPHER} on the client's side of every way; × is times `jump`.\n",
            String::from_utf8_lossy(&version).trim(),
            std::thread::available_parallelism()?,
            processor.trim_start_matches([' ', '\t', ':']),
        ))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // The demo stops by itself when its standard input closes, and takes its node along.
            drop(child.stdin.take());
            let gone = step::wait_until(Duration::from_secs(10), || child.try_wait().is_ok_and(|done| done.is_some()));
            if !gone {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Keys, accounts and the client's configuration.
fn prepare(place: &Path) -> Result<()> {
    for key in ["id", "host_target", "host_bastion"] {
        let file = place.join(key);
        step::must(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file))?;
    }
    fs::copy(place.join("id.pub"), place.join("authorized_keys"))?;
    let home = place.join("home");
    fs::create_dir(&home)?;
    let passwd = fs::read_to_string("/etc/passwd")?;
    let user = format!("bench:x:64999:64999:bench:{}:/bin/bash\n", home.display());
    fs::write(place.join("passwd"), format!("{passwd}{user}"))?;
    fs::write(place.join("shadow"), format!("{}bench:*:19000:0:99999:7:::\n", fs::read_to_string("/etc/shadow")?))?;
    std::os::unix::fs::chown(&home, Some(64999), Some(64999))?;
    Ok(fs::write(
        place.join("ssh_config"),
        "Host *\n  IdentitiesOnly yes\n  IdentityAgent none\n  StrictHostKeyChecking no\n  \
         UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n  \
         ControlPath none\n  IgnoreUnknown ObscureKeystrokeTiming\n  ObscureKeystrokeTiming no\n",
    )?)
}

/// Starts an OpenSSH server in a mount namespace of its own.
fn openssh(place: &Path, name: &str, port: u16) -> Result<Child> {
    let show = |file: &str| place.join(file).display().to_string();
    let config = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 2000:30:4000\nMaxSessions 1000\n\
         PrintMotd no\nPrintLastLog no\nUseDNS no\nLogLevel ERROR\nSubsystem sftp internal-sftp\n",
        show(&format!("host_{name}")),
        show("authorized_keys"),
    );
    let file = show(&format!("{name}.conf"));
    fs::write(&file, config)?;
    fs::create_dir_all("/run/sshd")?;
    // Temporary files are in memory, as on the sample node.
    let script = "mount --bind \"$1\" /etc/passwd && mount --bind \"$2\" /etc/shadow && mount -t tmpfs tmpfs /tmp && \
                  chmod 1777 /tmp && exec /usr/sbin/sshd -D -e -f \"$3\"";
    let child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .args([show("passwd"), show("shadow"), file])
        .stdin(Stdio::null())
        .stderr(fs::File::create(place.join(format!("{name}.log")))?)
        .spawn()
        .context("cannot run unshare")?;
    let up = step::wait_until(Duration::from_secs(10), || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    ensure!(up, "{name} does not start: {}", fs::read_to_string(place.join(format!("{name}.log")))?);
    Ok(child)
}

/// Starts a Byleave installation with its sample node.
fn demo(binary: &Path, place: &Path) -> Result<(Child, Value)> {
    let mut child = Command::new(binary)
        .args(["demo", "--no-story", "--output", "json", "--data"])
        .arg(place.join("byleave"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(place.join("byleave.log"))?)
        .spawn()
        .context("cannot start byleave")?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("byleave has no output")?).read_line(&mut line)?;
    let facts = serde_json::from_str(&line);
    if facts.is_err() {
        let _ = child.kill();
        let _ = child.wait();
        bail!("byleave demo did not start: {line}{}", fs::read_to_string(place.join("byleave.log"))?);
    }
    Ok((child, facts?))
}

fn ways(place: &Path, [target, bastion, relay]: [u16; 3], facts: &Value) -> Result<Vec<Way>> {
    let text = |pointer: &str| {
        let found = facts.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).with_context(|| format!("the demo names no {pointer}"))
    };
    let (config, identity) = (place.join("ssh_config"), place.join("id"));
    let (config, identity) = (config.display().to_string(), identity.display().to_string());
    let at = |port: u16| {
        vec!["-i".to_owned(), identity.clone(), "-p".to_owned(), port.to_string(), "bench@127.0.0.1".to_owned()]
    };
    let through =
        format!("ProxyCommand=ssh -F {config} -c {CIPHER} -i {identity} -p {bastion} -W %h:%p bench@127.0.0.1");
    let jump = ["-o".to_owned(), through].into_iter().chain(at(target)).collect();
    let port = facts.pointer("/ssh/port").and_then(Value::as_u64).context("the demo names no port")?;
    let node = format!("{}@{}", text("/ssh/node")?, text("/ssh/host")?);
    let gateway = vec!["-i".to_owned(), text("/ssh/identityFile")?, "-p".to_owned(), port.to_string(), node];
    let way = |name, args| Way { name, args };
    Ok(vec![way("direct", at(target)), way("relay", at(relay)), way("jump", jump), way("byleave", gateway)])
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

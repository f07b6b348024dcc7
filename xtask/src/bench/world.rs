//! What is measured: an OpenSSH server with the gateway's account, a bastion before it, and an installation of
//! Byleave, all on loopback and all gone afterwards.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::table::Way;
use crate::step::now;

const NODE: &str = "node.bench.example";
const CLUSTER: &str = "Bench";
const OWNER: &str = "owner@bench.example";
const PASSWORD: &str = "a long enough password";
/// How long anything may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that runs.
pub(crate) struct World {
    /// The program.
    binary: PathBuf,
    dir: tempfile::TempDir,
    /// The processes, ended in this order.
    children: Vec<(&'static str, Child)>,
    /// The ports of server, bastion, gateway and pages.
    ports: [u16; 4],
    keys: Option<(String, String)>,
}

impl Drop for World {
    fn drop(&mut self) {
        for (_, child) in self.children.iter_mut().rev() {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

impl World {
    /// Starts all of it, with a grant in force.
    ///
    /// # Errors
    /// If something does not start.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("byleave-bench-").tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let ports = [free_port()?, free_port()?, free_port()?, free_port()?];
        let mut world = Self { binary: binary.to_owned(), dir, children: Vec::new(), ports, keys: None };
        for key in ["employee", "host_server", "host_bastion"] {
            world.done(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(world.path(key)))?;
        }
        world.write_accounts()?;
        world.start_gateway()?;
        world.set_up()?;
        world.start_sshd("server", 0)?;
        world.start_sshd("bastion", 1)?;
        world.write_config()?;
        world.cli_owner(&["grant", CLUSTER])?;
        for way in Way::ALL {
            let said = world.ssh(way, "echo in").output()?;
            ensure!(said.stdout == b"in\n", "{way:?} does not work: {}", String::from_utf8_lossy(&said.stderr));
        }
        Ok(world)
    }

    /// A file of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The process of the gateway, or of the bastion's listener.
    pub(crate) fn process(&self, name: &str) -> Option<u32> {
        self.children.iter().find(|(known, _)| *known == name).map(|(_, child)| child.id())
    }

    /// The gateway's port.
    pub(crate) fn gateway_port(&self) -> u16 {
        self.ports[2]
    }

    /// `ssh` over a way with a remote command.
    pub(crate) fn ssh(&self, way: Way, command: &str) -> Command {
        let mut ssh = self.client("ssh", way);
        ssh.arg(alias(way)).arg(command);
        ssh
    }

    /// A client program over a way; the host is still to be named.
    pub(crate) fn client(&self, program: &str, _way: Way) -> Command {
        let mut client = Command::new(program);
        client.arg("-F").arg(self.path("ssh_config"));
        client
    }

    /// Runs a command of the owner's.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn cli_owner(&self, words: &[&str]) -> Result<Value> {
        let (public, private) = self.keys.clone().unwrap_or_default();
        let mut command = self.cli(words);
        command.env("BYLEAVE_PUBLIC_KEY", public).env("BYLEAVE_PRIVATE_KEY", private);
        json(&mut command)
    }

    fn cli_administrator(&self, words: &[&str]) -> Result<Value> {
        json(self.cli(words).env("BYLEAVE_DATA", self.path("data")))
    }

    fn cli(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(words).args(["--output", "json", "--server"]).arg(format!("http://127.0.0.1:{}", self.ports[3]));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BYLEAVE_")) {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_DATA_HOME", self.path("share"));
        command
    }

    fn start_gateway(&mut self) -> Result<()> {
        let log = fs::File::create(self.path("serve.log"))?;
        let child = Command::new(&self.binary)
            .args(["serve", "--vendor", "Bench", "--vendor-slug", "bench", "--node-helper"])
            .arg(self.path("byleave"))
            .arg("--data")
            .arg(self.path("data"))
            .args(["--listen", &format!("127.0.0.1:{}", self.ports[3])])
            .args(["--ssh-listen", &format!("127.0.0.1:{}", self.ports[2])])
            .stderr(log)
            .spawn()?;
        fs::copy(&self.binary, self.path("byleave"))?;
        self.children.push(("gateway", child));
        self.until_listening(self.ports[2])?;
        self.until_listening(self.ports[3])
    }

    /// Makes organization, inventory, employee and key, as people would.
    fn set_up(&mut self) -> Result<()> {
        let invited = self.cli_administrator(&["organizations", "invite", "Bench", OWNER])?;
        let token = text(&invited, "/token")?;
        self.done(self.cli(&["claim", &token]).env("BYLEAVE_PASSWORD", PASSWORD))?;
        self.done(self.cli(&["sign-in", OWNER]).env("BYLEAVE_PASSWORD", PASSWORD))?;
        let key = json(&mut self.cli(&["api-keys", "add", "bench", "--role", "ORG_OWNER"]))?;
        self.keys = Some((text(&key, "/publicKey")?, text(&key, "/privateKey")?));
        let host_key = fs::read_to_string(self.path("host_server.pub"))?;
        let inventory = format!(
            "[[cluster]]\norganization = 'Bench'\nproject = 'Bench'\nname = '{CLUSTER}'\nhost = 'bench.example'\n\
             [[cluster.node]]\nhost = '{NODE}'\naddress = '127.0.0.1:{}'\nhost_key = '{}'\n",
            self.ports[0],
            host_key.trim()
        );
        fs::write(self.path("inventory.toml"), inventory)?;
        let file = self.path("inventory.toml").display().to_string();
        self.cli_administrator(&["inventory", "apply", &file])?;
        let public = self.path("employee.pub").display().to_string();
        self.cli_administrator(&["employees", "add", "Robin", "--key", &public])?;
        let facts = self.cli_administrator(&["nodes", "setup", NODE, "--org", "Bench"])?;
        fs::write(self.path("ca.pub"), text(&facts, "/ca")?)?;
        fs::write(self.path("principals"), format!("byleave-node:{}\n", text(&facts, "/nodeId")?))?;
        Ok(())
    }

    fn write_accounts(&self) -> Result<()> {
        let home = self.path("home");
        fs::create_dir_all(&home)?;
        nix::unistd::chown(&home, Some(22022.into()), Some(22022.into()))?;
        let home = home.display();
        let passwd = fs::read_to_string("/etc/passwd")?;
        fs::write(self.path("passwd"), format!("{passwd}byleave:x:22022:22022::{home}:/bin/sh\n"))?;
        let shadow = fs::read_to_string("/etc/shadow")?;
        fs::write(self.path("shadow"), format!("{shadow}byleave:*:19000:0:99999:7:::\n"))?;
        fs::copy(self.path("employee.pub"), self.path("authorized_keys"))?;
        Ok(())
    }

    /// An OpenSSH server in a mount namespace where the account is known.
    fn start_sshd(&mut self, name: &'static str, port: usize) -> Result<()> {
        let port = self.ports.get(port).copied().unwrap_or_default();
        let at = |file: &str| self.path(file).display().to_string();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nTrustedUserCAKeys {}\n\
             AuthorizedPrincipalsFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nMaxStartups 2000:30:4000\nMaxSessions 1000\nPrintMotd no\n\
             PrintLastLog no\nUseDNS no\nLogLevel ERROR\nSubsystem sftp internal-sftp\n",
            at(&format!("host_{name}")),
            at("authorized_keys"),
            at("ca.pub"),
            at("principals"),
        );
        fs::write(self.path(&format!("{name}.conf")), config)?;
        fs::create_dir_all("/run/sshd")?;
        let script = "mount --make-rprivate / && mount --bind \"$1\" /etc/passwd && mount --bind \"$2\" /etc/shadow && \
                      exec /usr/sbin/sshd -D -e -f \"$3\"";
        let log = fs::File::create(self.path(&format!("{name}.log")))?;
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([self.path("passwd"), self.path("shadow"), self.path(&format!("{name}.conf"))])
            .stderr(log)
            .spawn()?;
        self.children.push((name, child));
        self.until_listening(port)
    }

    fn write_config(&self) -> Result<()> {
        let [server, bastion, gateway, _] = self.ports;
        let common = format!(
            "  HostName 127.0.0.1\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n  \
             StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  GlobalKnownHostsFile /dev/null\n  \
             LogLevel ERROR\n  Ciphers aes256-gcm@openssh.com\n",
            self.path("employee").display()
        );
        let config = format!(
            "Host direct\n  User byleave\n  Port {server}\n{common}\nHost bastion\n  User byleave\n  Port {bastion}\n{common}\n\
             Host jump\n  User byleave\n  Port {server}\n  ProxyCommand ssh -F {} -W %h:%p bastion\n{common}\n\
             Host byleave\n  User {NODE}\n  Port {gateway}\n{common}",
            self.path("ssh_config").display()
        );
        Ok(fs::write(self.path("ssh_config"), config)?)
    }

    fn until_listening(&mut self, port: u16) -> Result<()> {
        let started = now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > PATIENCE {
                bail!("nothing listens on port {port}; see {}", self.dir.path().display());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn done(&self, command: &mut Command) -> Result<()> {
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

/// The name of a way in the client's configuration.
pub(crate) fn alias(way: Way) -> &'static str {
    match way {
        Way::Direct => "direct",
        Way::Jump => "jump",
        Way::Byleave => "byleave",
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn json(command: &mut Command) -> Result<Value> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} did not print JSON"))
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no `{pointer}` in {answer}"))
}

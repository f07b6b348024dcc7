//! A node (a real `sshd`), a gateway before it, and clients to try it with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use byleave_core::access::Asker;
use byleave_core::name::PublicKey;
use byleave_core::time::Entropy;
use byleave_gateway::control::KnownEmployee;
use byleave_gateway::key::HostKey;
use byleave_gateway::server::Accounts;
use byleave_gateway::{Config, Gateway};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use tempfile::TempDir;

use crate::memory::{EMPLOYEE, KEY, Memory, NODE, PATIENCE, node};

pub(crate) struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        std::fs::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
    }
}

pub(crate) fn private_key() -> PrivateKey {
    let mut seed = [0; 32];
    Random.fill(&mut seed);
    PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "").unwrap()
}

/// A process that ends with its test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Running {
    /// Waits for its end, within the patience of a test.
    pub(crate) fn wait(mut self) -> Output {
        let (sender, receiver) = mpsc::channel();
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        drop(self.0.stdin.take());
        let pid = self.0.id();
        std::thread::spawn(move || {
            let errors = std::thread::spawn(move || read(stderr));
            let stdout = read(stdout);
            drop(sender.send((stdout, errors.join().unwrap())));
        });
        let Ok((stdout, stderr)) = receiver.recv_timeout(PATIENCE * 3) else {
            panic!("process {pid} does not end");
        };
        Output { status: self.0.wait().unwrap(), stdout, stderr }
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap())
    }
}

fn read(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        drop(from.read_to_end(&mut bytes));
    }
    bytes
}

pub(crate) struct World {
    pub(crate) memory: Arc<Memory>,
    pub(crate) gateway: Gateway,
    pub(crate) directory: TempDir,
    pub(crate) sshd: Running,
    pub(crate) node_address: SocketAddr,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = TempDir::new().unwrap();
        let (ca, host, employee) = (private_key(), private_key(), private_key());
        write_key(&directory.path().join("employee"), &employee);
        let (sshd, node_address) = start_sshd(directory.path(), &ca, &host);
        let node = node(&node_address.to_string(), &host.public_key().to_openssh().unwrap());
        let memory = Memory::new(ca, node);
        let known = KnownEmployee { employee: EMPLOYEE, key: KEY, asker: Asker::Active };
        let public = PublicKey::from_line(&employee.public_key().to_openssh().unwrap()).unwrap();
        memory.employees.lock().unwrap().insert(public, known);
        let mut config = Config::new(
            "127.0.0.1:0".parse().unwrap(),
            HostKey::generate(&Random).unwrap(),
            directory.path().join("recordings"),
        );
        config.accounts = Accounts { infrastructure: "root".to_owned(), logs: "root".to_owned() };
        config.threads = 2;
        change(&mut config);
        let host_key = config.host_key.public().unwrap();
        let gateway = Gateway::start(config, memory.clone(), Arc::new(Random)).unwrap();
        let port = gateway.addresses()[0].port();
        let known_hosts = format!("[127.0.0.1]:{port} {host_key}\n");
        std::fs::write(directory.path().join("known_hosts"), known_hosts).unwrap();
        Self { memory, gateway, directory, sshd, node_address }
    }

    pub(crate) fn port(&self) -> u16 {
        self.gateway.addresses()[0].port()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What every client is told.
    pub(crate) fn options(&self) -> Vec<String> {
        let known_hosts = self.path("known_hosts").display().to_string();
        let mut options = vec!["-F".to_owned(), "none".to_owned(), "-i".to_owned()];
        options.push(self.path("employee").display().to_string());
        for option in [
            format!("UserKnownHostsFile={known_hosts}"),
            "GlobalKnownHostsFile=none".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "BatchMode=yes".to_owned(),
        ] {
            options.extend(["-o".to_owned(), option]);
        }
        options
    }

    /// `ssh <options> -p <port> <more> node-1.shop.example@127.0.0.1 <arguments>`, not started yet.
    pub(crate) fn ssh(&self, more: &[&str], arguments: &[&str]) -> Command {
        self.ssh_to("node-1.shop.example", more, arguments)
    }

    pub(crate) fn ssh_to(&self, host: &str, more: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.options()).arg("-p").arg(self.port().to_string()).args(more);
        command.arg(format!("{host}@127.0.0.1")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("SSH_AUTH_SOCK");
        command
    }

    /// Runs `ssh` with input and waits for its end.
    pub(crate) fn run(&self, more: &[&str], arguments: &[&str], input: &[u8]) -> Output {
        feed(self.ssh(more, arguments), input)
    }
}

/// Starts a command, answers with input once it has shown something, and waits for its end.
pub(crate) fn answer(mut command: Command, shown: &str, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !text(&seen).contains(shown) {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    stdin.write_all(input).unwrap();
    let reader = std::thread::spawn(move || {
        seen.extend(read(Some(stdout)));
        seen
    });
    // The input's end would be a byte of its own to a terminal.
    let mut output = Running(child).wait();
    drop(stdin);
    output.stdout = reader.join().unwrap();
    output
}

/// Runs a command with input and waits for its end.
pub(crate) fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = Running(child).wait();
    writer.join().unwrap();
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until something is so, looking again when the machine had time for something else.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let (_sender, receiver) = mpsc::channel::<()>();
    for _ in 0..PATIENCE.as_millis() / 5 {
        if is_so() {
            return;
        }
        let _ = receiver.recv_timeout(Duration::from_millis(5));
    }
    panic!("{what} does not happen");
}

pub(crate) fn write_key(path: &Path, key: &PrivateKey) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start_sshd(directory: &Path, ca: &PrivateKey, host: &PrivateKey) -> (Running, SocketAddr) {
    std::fs::create_dir_all("/run/sshd").unwrap();
    write_key(&directory.join("node_host_key"), host);
    std::fs::write(directory.join("ca.pub"), ca.public_key().to_openssh().unwrap()).unwrap();
    let principals = format!("byleave-node:{NODE}\nbyleave-node:{NODE}-logs\n");
    std::fs::write(directory.join("principals"), principals).unwrap();
    let port = free_port();
    let here = directory.display();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/node_host_key\nTrustedUserCAKeys {here}/ca.pub\n\
         AuthorizedPrincipalsFile {here}/principals\nAuthorizedKeysFile none\nPermitRootLogin yes\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\nPidFile none\nUseDNS no\n\
         AcceptEnv LANG LC_*\nMaxStartups 1000\nPrintMotd no\nPrintLastLog no\nSubsystem sftp internal-sftp\n"
    );
    std::fs::write(directory.join("sshd_config"), config).unwrap();
    let mut child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(directory.join("sshd_config"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Server listening") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "sshd does not start");
    }
    let file = directory.join("sshd.log");
    std::thread::spawn(move || {
        let mut file = std::fs::File::create(file).unwrap();
        drop(std::io::copy(&mut log, &mut file));
    });
    (Running(child), SocketAddr::from(([127, 0, 0, 1], port)))
}

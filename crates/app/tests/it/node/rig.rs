//! A sample node for tests, a CA made by `ssh-keygen`, and the real `ssh`, `scp` and `sftp`.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(super) const BYLEAVE: &str = env!("CARGO_BIN_EXE_byleave");
/// The node's id.
pub(super) const NODE_ID: &str = "65a0c1f2e4b5a6978812d3f4";

/// What the node's kernel lets an ordinary user make.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    /// Namespaces, so that a session lives in one of its own.
    Usual,
    /// None: the node lives in a user namespace that has every user and allows no further one.
    WithoutNamespaces,
}

/// A running sample node with a user certificate for it.
pub(crate) struct Node {
    pub(super) directory: TempDir,
    pub(crate) port: u16,
    pub(super) as_root: bool,
    kernel: Kernel,
    process: Child,
    _output: BufReader<ChildStdout>,
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::start_on(Kernel::Usual)
    }

    /// The second kind takes root.
    pub(super) fn start_on(kernel: Kernel) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("etc/ssh")).unwrap();
        fs::create_dir_all(at("log/mongodb")).unwrap();
        for name in ["mongod.log", "mongod-audit.log"] {
            fs::write(at("log/mongodb").join(name), "{\"msg\":\"a line of the log\"}\n").unwrap();
            fs::set_permissions(at("log/mongodb").join(name), Permissions::from_mode(0o600)).unwrap();
        }
        keygen(&at("etc/ssh/ssh_host_ed25519_key"));
        keygen(&at("ca"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let namespace = match kernel {
            Kernel::Usual => None,
            Kernel::WithoutNamespaces => Some(user_namespace()),
        };
        let mut program = match &namespace {
            None => Command::new(BYLEAVE),
            Some(file) => {
                let mut enter = Command::new("nsenter");
                let allow_none = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
                enter.arg(format!("--user=/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
                enter.args(["sh", "-c", allow_none, BYLEAVE]);
                enter
            }
        };
        let mut process = program
            .args(["node-session", "sample", "outer"])
            .arg(directory.path())
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::piped())
            .stderr(File::create(at("node.log")).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the node did not start: {}", fs::read_to_string(at("node.log")).unwrap()));
        let host = fs::read_to_string(at("etc/ssh/ssh_host_ed25519_key.pub")).unwrap();
        fs::write(at("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        fs::copy(at("ca.pub"), at("etc/byleave/ca.pub")).unwrap();
        fs::write(at("etc/byleave/principals/byleave"), format!("byleave-node:{NODE_ID}\n")).unwrap();
        fs::write(at("etc/byleave/principals/byleave-logs"), format!("byleave-node:{NODE_ID}-logs\n")).unwrap();
        let as_root = ready["as_root"].as_bool().unwrap();
        let node = Self { directory, port, as_root, kernel, process, _output: output };
        node.certify("user", &format!("byleave-node:{NODE_ID}"), "/usr/bin/byleave node-session");
        node.certify("logs", &format!("byleave-node:{NODE_ID}-logs"), "internal-sftp -R");
        node
    }

    /// Makes a key and a certificate as the gateway would ask for.
    pub(super) fn certify(&self, name: &str, principal: &str, force: &str) {
        let (key, ca) = (self.path(name), self.path("ca"));
        keygen(&key);
        let signed = Command::new("ssh-keygen")
            .args(["-q", "-I", "byleave session 00", "-V", "-1m:+5m", "-n", principal, "-O", "clear"])
            .args(["-O", "permit-pty", "-O", "source-address=127.0.0.1", "-O", &format!("force-command={force}"), "-s"])
            .arg(&ca)
            .arg(key.with_extension("pub"))
            .status()
            .unwrap();
        assert!(signed.success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The options that ssh, scp and sftp share; `key` is the name given to [`Node::certify`].
    pub(super) fn options(&self, key: &str) -> Vec<String> {
        let known = format!("UserKnownHostsFile={}", self.path("known_hosts").display());
        let mut all: Vec<String> = ["-F", "none", "-i"].map(str::to_owned).into();
        all.push(self.path(key).display().to_string());
        for option in ["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "LogLevel=ERROR", &known] {
            all.extend(["-o".to_owned(), option.to_owned()]);
        }
        all
    }

    /// `ssh` as the infrastructure account.
    pub(super) fn ssh(&self, options: &[&str], command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(self.options("user")).args(["-p", &self.port.to_string()]).args(options).arg("byleave@127.0.0.1");
        if !command.is_empty() {
            ssh.arg(command);
        }
        ssh
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, command: &str) -> Output {
        self.ssh(&[], command).stdin(Stdio::null()).output().unwrap()
    }

    /// The node's processes whose command line holds `words`.
    pub(super) fn processes(&self, words: &str) -> Vec<i32> {
        descendants(self.process.id()).into_iter().filter(|pid| command_line(*pid).contains(words)).collect()
    }

    /// Waits until there is no such process; a survivor fails the test by its time limit.
    pub(crate) fn wait_until_gone(&self, words: &str) {
        while !self.processes(words).is_empty() {
            std::thread::yield_now();
        }
    }

    /// A program in the node and outside every session, as root or as the account with this number.
    pub(super) fn beside(&self, account: u32, program: &str) -> Command {
        let (pid, account) = (self.inner().to_string(), account.to_string());
        let mut command = Command::new("nsenter");
        command.args(["-t", &pid, "-m", "-n", "-p", "-S", &account, "-G", &account]);
        match self.kernel {
            Kernel::Usual => {}
            Kernel::WithoutNamespaces => {
                command.arg("-U");
            }
        }
        command.arg(program);
        command
    }

    /// The process id of the node's first process, seen from outside: the only child of what was started. Ids tell nothing of
    /// who came first, since they begin anew.
    pub(super) fn inner(&self) -> i32 {
        let process = i32::try_from(self.process.id()).unwrap();
        descendants(self.process.id()).into_iter().find(|pid| parent(*pid) == Some(process)).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for pid in descendants(self.process.id()) {
            let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A user namespace with every user of the machine.
fn user_namespace() -> File {
    let mut holder = Command::new("unshare")
        .args(["--user", "sh", "-c", "echo there; read end || :"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    read_until(&mut BufReader::new(holder.stdout.take().unwrap()), "there");
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", holder.id()), "0 0 4294967295").unwrap();
    }
    let namespace = File::open(format!("/proc/{}/ns/user", holder.id())).unwrap();
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    namespace
}

/// Makes a key pair.
pub(crate) fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status().unwrap();
    assert!(made.success());
}

/// Every living process below `ancestor`.
pub(super) fn descendants(ancestor: u32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut open = vec![i32::try_from(ancestor).unwrap()];
    let all: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| Some((pid, parent(pid)?)))
        .collect();
    while let Some(parent) = open.pop() {
        for (pid, _) in all.iter().filter(|(_, of)| *of == parent) {
            found.push(*pid);
            open.push(*pid);
        }
    }
    found
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next()? == "Z" { None } else { fields.next()?.parse().ok() }
}

/// The words by which a process was started.
pub(super) fn command_line(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// Reads lines until one holds `words`.
pub(super) fn read_until(output: &mut impl BufRead, words: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended without `{words}`: {all}");
        all.push_str(&line);
        if line.contains(words) {
            return all;
        }
    }
}

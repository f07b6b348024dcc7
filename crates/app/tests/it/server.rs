//! A real server for one test, and the command line beside it, with a home directory of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BYLEAVE: &str = env!("CARGO_BIN_EXE_byleave");

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// The output, of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// The error text, of a command that must have failed with this code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(!self.err.is_empty(), "a failure says why: {self:#?}");
        self.err
    }

    /// The output as JSON, of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// Somebody at a terminal: a home directory and an environment.
pub(crate) struct Person {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Person {
    /// Somebody with a fresh home directory.
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// The same with a variable set.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Their home directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Gives a command their environment.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    /// Runs a command line.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.type_in(args, "")
    }

    /// Runs a command line with a text on standard input.
    pub(crate) fn type_in(&self, args: &[&str], input: &str) -> Ran {
        let mut command = Command::new(BYLEAVE);
        self.prepare(command.args(args));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
    }
}

/// A running `byleave serve`.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    url: String,
    ssh: String,
}

impl Server {
    /// Starts one on free ports with a fresh data directory.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// Starts one on free ports with its data in `data` below this directory.
    pub(crate) fn start_in(data: TempDir) -> Self {
        let (child, url, ssh) = serve(&[], &data.path().join("data"), ["127.0.0.1:0"; 2]);
        Self { child, data, url, ssh }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// Kills it, does something with its data directory, and starts it again where it was.
    pub(crate) fn while_stopped(&mut self, work: impl FnOnce(&Path)) {
        self.kill();
        work(&self.data());
        self.start_again(&[]);
    }

    /// Kills it, if it still runs.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, by way of another program if one is named.
    pub(crate) fn start_again(&mut self, through: &[&str]) {
        let listen = self.url.trim_start_matches("http://").to_owned();
        (self.child, _, _) = serve(through, &self.data(), [&listen, &self.ssh]);
    }

    /// Tries to start it again where it was; answers why it does not.
    #[track_caller]
    pub(crate) fn does_not_start(&self) -> String {
        let command = Command::new(BYLEAVE);
        let listen = self.url.trim_start_matches("http://").to_owned();
        let (mut child, said) = spawn(command, &self.data(), [&listen, &self.ssh]);
        let mut told = String::new();
        for line in BufReader::new(said).lines() {
            told.push_str(&line.unwrap());
            if told.contains("pages=") {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success(), "{told}");
        told
    }

    /// The address of its pages.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Whether it says that it can work.
    pub(crate) fn is_ready(&self) -> bool {
        let mut stream = std::net::TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        let request = "GET /api/byleave/v1/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer.starts_with("HTTP/1.1 200")
    }

    /// The memory that is its own, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The most memory that it ever had, in KiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The port of its gateway.
    pub(crate) fn ssh_port(&self) -> &str {
        self.ssh.rsplit(':').next().unwrap()
    }

    /// The administrator at a terminal of this machine.
    pub(crate) fn administrator(&self) -> Person {
        self.anybody().with("BYLEAVE_DATA", self.data().to_str().unwrap())
    }

    /// Somebody without credentials.
    pub(crate) fn anybody(&self) -> Person {
        Person::new().with("BYLEAVE_SERVER", &self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.data().with_file_name("server.log"));
            eprintln!("what the server logged:\n{}", log.unwrap_or_default());
        }
    }
}

/// Starts a server by way of a command (`byleave` itself, or what runs it); answers what it says.
pub(crate) fn spawn(mut command: Command, data: &Path, [listen, ssh]: [&str; 2]) -> (Child, ChildStderr) {
    if command.get_program() != BYLEAVE {
        command.arg(BYLEAVE);
    }
    command.args(["serve", "--data"]).arg(data).args(["--listen", listen, "--ssh-listen", ssh]);
    command.args(["--vendor", "Acme", "--vendor-slug", "acme"]);
    command.args(["--gateway-source", "127.0.0.1", "--node-helper", "/run/byleave/byleave"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let said = child.stderr.take().unwrap();
    (child, said)
}

/// How often a start is tried while another test has one of its ports.
const TRIES: usize = 200;

/// Starts a server and waits until it says where it listens: pages and SSH.
fn serve(through: &[&str], data: &Path, addresses: [&str; 2]) -> (Child, String, String) {
    for _ in 0..TRIES {
        match try_serve(through, data, addresses) {
            Ok(served) => return served,
            Err(said) if said.contains("Address already in use") => {}
            Err(said) => panic!("the server ended before it was ready: {said}"),
        }
    }
    panic!("its ports are never free");
}

fn try_serve(through: &[&str], data: &Path, addresses: [&str; 2]) -> Result<(Child, String, String), String> {
    let mut command = Command::new(through.first().unwrap_or(&BYLEAVE));
    command.args(through.iter().skip(1));
    let (mut child, said) = spawn(command, data, addresses);
    let mut said = BufReader::new(said);
    let mut all = String::new();
    let (url, ssh) = loop {
        let mut line = String::new();
        if said.read_line(&mut line).unwrap() == 0 {
            child.wait().unwrap();
            return Err(all);
        }
        all.push_str(&line);
        let after = |name| line.split_once::<&str>(name)?.1.split_whitespace().next();
        if let (Some(url), Some(ssh)) = (after("pages="), after("ssh=")) {
            break (url.to_owned(), ssh.to_owned());
        }
    };
    // Its log is read to the end, so that it never waits for us, and kept beside the data until the test ends.
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.with_file_name("server.log"));
    std::thread::spawn(move || std::io::copy(&mut said, &mut log.unwrap()));
    Ok((child, url, ssh))
}

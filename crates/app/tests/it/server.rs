//! A real server for one test, and the command line beside it, with a home directory of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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

    /// Runs a command line.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.type_in(args, "")
    }

    /// Runs a command line with a text on standard input.
    pub(crate) fn type_in(&self, args: &[&str], input: &str) -> Ran {
        let mut command = Command::new(BYLEAVE);
        command.args(args).env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
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
}

impl Server {
    /// Starts one on free ports with a fresh data directory.
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (child, url) = serve(&data.path().join("data"), "127.0.0.1:0");
        Self { child, data, url }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// Kills it, does something with its data directory, and starts it again where it was.
    pub(crate) fn while_stopped(&mut self, work: impl FnOnce(&Path)) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        work(&self.data());
        let listen = self.url.trim_start_matches("http://").to_owned();
        (self.child, _) = serve(&self.data(), &listen);
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
    }
}

/// Starts a server and waits until it says where it listens.
fn serve(data: &Path, listen: &str) -> (Child, String) {
    let mut command = Command::new(BYLEAVE);
    command.arg("serve").arg("--data").arg(data);
    command.args(["--listen", listen, "--ssh-listen", "127.0.0.1:0", "--vendor", "Acme", "--vendor-slug", "acme"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let url = loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the server ended before it was ready");
        if let Some(rest) = line.split("pages=").nth(1) {
            break rest.split_whitespace().next().unwrap().to_owned();
        }
    };
    // Its log is read to the end, so that it never waits for us.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    (child, url)
}

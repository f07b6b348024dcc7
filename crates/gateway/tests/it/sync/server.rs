//! The servers behind the door that are not ours: programs from PyPI, or one that the environment names.
//!
//! `BYLEAVE_TEST_MONGODB_URI` names a real server, by a URI with the right to make databases, a role and a user; the
//! suite then runs against that one. `docs/sync-data.md` says how.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;

use byleave_gateway::control::SyncCredential;
use zeroize::Zeroizing;

use super::front::{self, SigningIn};
use super::rig::{Authority, House, program, python};
use crate::memory::PATIENCE;
use crate::world::free_port;

/// The variable that names a real server.
pub(super) const NAMED: &str = "BYLEAVE_TEST_MONGODB_URI";

/// A server with documents, until it is dropped.
pub(crate) struct Server {
    /// The inventory's text for it.
    pub(super) servers: String,
    pub(super) ca: String,
    pub(super) credential: SyncCredential,
    /// The database that is open to support, and one that is not.
    pub(crate) opened: String,
    pub(crate) closed: String,
    /// Collections that it may list beside those of the database: smongo has one room for all databases.
    pub(super) tolerated: &'static [&'static str],
    /// The port of the first of its addresses.
    pub(super) port: u16,
    program: Program,
}

/// The program that is the server, or that prepares it.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

/// The credential that programs and servers of our own know.
pub(super) fn credential() -> SyncCredential {
    SyncCredential::Scram {
        user: "gateway".to_owned(),
        password: Zeroizing::new("a password of the cluster".to_owned()),
    }
}

impl Server {
    /// The real server that the environment names, otherwise smongo.
    pub(super) fn start(house: &House) -> Self {
        match std::env::var(NAMED) {
            Ok(uri) => Self::named(&house.authority, &uri),
            Err(_) => Self::smongo(house),
        }
    }

    fn smongo(house: &House) -> Self {
        let directory = house.world.directory.path();
        let (certificate, key) = house.authority.write(directory);
        let port = free_port();
        let mut command = Command::new(python());
        command.arg(program("smongo_server.py")).arg(directory.join("database")).arg(port.to_string());
        command.args([certificate, key]);
        Self::ready(command, port, house.authority.pem.clone())
    }

    /// nx-27017, which has neither TLS nor users: a front of our own has both.
    pub(super) fn nx(house: &House) -> Self {
        Self::nx_with(house, SigningIn::Here)
    }

    /// The same; who lets the gateway sign in is said.
    pub(super) fn nx_with(house: &House, signing_in: SigningIn) -> Self {
        let port = free_port();
        let mut command = Command::new(python());
        command.arg(program("nx_server.py")).arg(house.world.path("database")).arg(port.to_string());
        let front = front::start(&house.authority, format!("127.0.0.1:{port}"), signing_in);
        Self { tolerated: &[], ..Self::ready(command, front, house.authority.pem.clone()) }
    }

    /// A real server. Where it has no TLS, a front of our own has it; signing in passes to the server in any case.
    fn named(authority: &Authority, uri: &str) -> Self {
        let named = Named::read(uri);
        let (user, password) = (format!("byleave_test_{}", std::process::id()), "a password of the cluster");
        let (opened, closed) = (format!("appsync_t{}", std::process::id()), format!("bank_t{}", std::process::id()));
        let mut command = Command::new(python());
        command.arg(program("named_server.py")).args([&user, password, &opened, &closed]);
        let (servers, ca) = match named.ca {
            Some(path) => (named.hosts, std::fs::read_to_string(path).unwrap()),
            None => {
                let to = named.hosts.split(',').next().unwrap().to_owned();
                (format!("127.0.0.1:{}", front::start(authority, to, SigningIn::There)), authority.pem.clone())
            }
        };
        let port = servers.split(',').next().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        let credential = SyncCredential::Scram { user, password: Zeroizing::new(password.to_owned()) };
        Self { servers, credential, opened, closed, ..Self::ready(command, port, ca) }
    }

    fn ready(command: Command, port: u16, ca: String) -> Self {
        Self {
            servers: format!("127.0.0.1:{port}"),
            ca,
            credential: credential(),
            opened: "appsync_1".to_owned(),
            closed: "bank".to_owned(),
            tolerated: &["accounts"],
            port,
            program: Program::start(command),
        }
    }

    /// A hash of all that it holds: databases, collections, indexes, documents.
    pub(super) fn digest(&mut self) -> String {
        let digest = self.program.say("digest");
        assert_eq!(digest.len(), 64, "{digest}");
        digest
    }

    /// Writes a document, past the gateway.
    pub(super) fn write(&mut self) {
        assert_eq!(self.program.say("write"), "written");
    }
}

impl Program {
    /// Starts a program and waits until it has its documents.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut program = Self { child, input, output };
        assert_eq!(program.line(), "ready");
        program
    }

    /// Says a word; the line that it answers.
    fn say(&mut self, word: &str) -> String {
        self.input.as_mut().unwrap().write_all(format!("{word}\n").as_bytes()).unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Program {
    /// Lets it take away what it made elsewhere, for a while.
    fn drop(&mut self) {
        drop(self.input.take());
        let (sender, ended) = mpsc::channel();
        let output = self.output.take();
        std::thread::spawn(move || {
            drop(output.map(|mut output| std::io::copy(&mut output, &mut std::io::sink())));
            let _gone = sender.send(());
        });
        let _late = ended.recv_timeout(PATIENCE);
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the gateway has to know of a URI.
struct Named {
    hosts: String,
    /// The file of its authority; `None` without TLS.
    ca: Option<String>,
}

impl Named {
    fn read(uri: &str) -> Self {
        let rest = uri.strip_prefix("mongodb://").expect("`BYLEAVE_TEST_MONGODB_URI` begins with `mongodb://`");
        let (hosts, query) = rest.split_once('?').unwrap_or((rest, ""));
        let hosts = hosts.split('/').next().unwrap().rsplit('@').next().unwrap();
        let hosts: Vec<String> = hosts
            .split(',')
            .map(|host| if host.contains(':') { host.to_owned() } else { format!("{host}:27017") })
            .collect();
        let option = |name: &str| {
            let named = |one: &&str| one.split_once('=').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
            query.split('&').find(named).map(|one| one.split_once('=').unwrap().1.replace("%2F", "/"))
        };
        let tls = option("tls").or_else(|| option("ssl")).as_deref() == Some("true");
        let ca = option("tlsCAFile");
        assert!(!tls || ca.is_some(), "`BYLEAVE_TEST_MONGODB_URI` with TLS names its authority by `tlsCAFile`");
        Self { hosts: hosts.join(","), ca: ca.filter(|_| tls) }
    }
}

#[test]
fn a_named_servers_addresses_and_authority_are_read_from_its_uri() {
    let read = |uri: &str| (Named::read(uri).hosts, Named::read(uri).ca);
    let plain = "mongodb://a:p%40@db-0.example,db-1.example:27018/admin?replicaSet=x";
    assert_eq!(read(plain), ("db-0.example:27017,db-1.example:27018".to_owned(), None));
    let tls = "mongodb://a:b@127.0.0.1:1/?directConnection=true&tls=true&tlsCAFile=%2Ftmp/ca.pem";
    assert_eq!(read(tls), ("127.0.0.1:1".to_owned(), Some("/tmp/ca.pem".to_owned())));
    assert_eq!(read("mongodb://localhost"), ("localhost:27017".to_owned(), None));
}

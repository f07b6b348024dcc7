//! Sync data, end to end: an administrator sets it up, a customer grants it, an engineer's client reads, a revoke ends it.
//!
//! Python and its packages come from `cargo xtask test`; `BYLEAVE_TEST_PYTHON` names another interpreter that has them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::story::{Story, begin_on, event_names};
use crate::server::{BYLEAVE, Person, Server};

pub(super) const HOST: &str = "shop.harbour-books.example";

/// A process that ends with its test.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn python() -> PathBuf {
    let named = std::env::var_os("BYLEAVE_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python"));
    assert!(python.exists(), "`{}` is not there; `cargo xtask test` installs it", python.display());
    python
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/tests/programs").join(name)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server of the protocol with TLS, and the certificate that vouches for it.
pub(super) fn database(directory: &Path) -> (Running, u16, String) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "the databases' authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap().pem().replace('\r', "");
    let of_server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = of_server.signed_by(&key, &Issuer::new(params, ca_key)).unwrap().pem();
    std::fs::write(directory.join("server.pem"), format!("{certificate}{ca}")).unwrap();
    std::fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
    let port = free_port();
    let mut command = Command::new(python());
    command.arg(program("smongo_server.py")).arg(directory.join("database")).arg(port.to_string());
    command.args([directory.join("server.pem"), directory.join("server.key")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (Running(child), port, ca)
}

/// A server with a door for sync data, a customer, and a cluster whose sync data lies on that port.
pub(super) fn story(port: u16, ca: &str) -> Story {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    std::fs::write(data.join("byleave.toml"), format!("sync_listen = '127.0.0.1:{}'\n", free_port())).unwrap();
    let inventory = format!(
        "[[cluster]]\norganization = 'Harbour Books'\nproject = 'Web shop'\nname = 'Shop'\nhost = '{HOST}'\n\
         sync_databases = ['appsync_*']\nsync_servers = ['127.0.0.1:{port}']\nsync_ca = '''\n{ca}'''\n"
    );
    begin_on(Server::start_in(directory), &inventory)
}

/// An engineer's key, known to the server, and what their `ssh` needs besides.
pub(super) fn engineer(story: &Story, home: &TempDir) -> Vec<String> {
    let at = |name: &str| home.path().join(name).display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at("key")]).status().unwrap();
    assert!(made.success());
    story.administrator.run(&["employees", "add", "Robin Hale", "--key", &at("key.pub")]).ok();
    let host_key = std::fs::read_to_string(story.server.data().join("ssh_host_ed25519_key.pub")).unwrap();
    let known = format!("[127.0.0.1]:{} {host_key}", story.server.ssh_port());
    std::fs::write(at("known_hosts"), known).unwrap();
    let known = format!("UserKnownHostsFile={}", at("known_hosts"));
    ["-F", "none", "-i", &at("key"), "-o", &known, "-o", "BatchMode=yes"].map(str::to_owned).to_vec()
}

pub(super) fn sync(story: &Story, home: &TempDir, ssh: &[String]) -> Command {
    let mut command = Command::new(BYLEAVE);
    command.args(["sync", HOST, "--gateway", &format!("127.0.0.1:{}", story.server.ssh_port())]);
    command.args(ssh.iter().map(|argument| format!("--ssh-argument={argument}")));
    command.current_dir(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_customer_grants_sync_data_and_an_engineers_client_reads_until_they_revoke() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_database, port, ca) = database(files.path());
    let story = story(port, &ca);
    let ssh = engineer(&story, &home);
    story.owner.run(&["block"]).ok();
    let refused = sync(&story, &home, &ssh).output().unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    story.owner.run(&["grant", "Shop", "--type", "sync"]).ok();
    let refused = sync(&story, &home, &ssh).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("no credential for the databases"), "{told}");
    let lines = "gateway\na password of the cluster\n";
    story.administrator.type_in(&["clusters", "sync-credential", HOST], lines).ok();
    let mut running = Running(sync(&story, &home, &ssh).spawn().unwrap());
    let mut uri = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut uri).unwrap();
    assert!(uri.starts_with("mongodb://"), "{uri}");
    let mut client = Command::new(python());
    client.arg(program("sync_client.py")).arg(uri.trim()).current_dir(home.path());
    let seen = String::from_utf8(client.output().unwrap().stdout).unwrap();
    assert!(seen.contains("{\"step\": \"cursor\", \"result\": 2000}"), "{seen}");
    who_cannot_sign_in_is_logged(&story, &home, uri.trim());
    let listed = story.owner.run(&["sessions", "list"]).ok();
    assert!(listed.contains("sync data") && !listed.contains("Robin"), "{listed}");
    let live = story.owner.run(&["sessions", "list", "--output", "json"]).json();
    let done = |session: &serde_json::Value| session["commands"].as_i64().unwrap();
    let session = live["results"].as_array().unwrap().iter().max_by_key(|session| done(session)).unwrap();
    let shown = story.owner.run(&["sessions", "show", session["id"].as_str().unwrap()]).ok();
    let counts = format!("done       {} commands, ", done(session));
    assert!(done(session) >= 10 && shown.contains(&counts) && shown.contains("until "), "what it did so far: {shown}");
    story.owner.run(&["revoke", "Shop"]).ok();
    let mut told = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("session ended") && !running.0.wait().unwrap().success(), "{told}");
    let names = event_names(&story.owner);
    for name in ["sync_servers.set", "sync_credential.set", "grant.given", "grant.revoked"] {
        assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{name}: {names:?}");
    }
    verify(&story.owner);
}

/// Tries a wrong secret, and one that stands in the place of the user: the log names the session that was meant, never what
/// was typed.
fn who_cannot_sign_in_is_logged(story: &Story, home: &TempDir, uri: &str) {
    let (user, rest) = uri.strip_prefix("mongodb://").unwrap().split_once(':').unwrap();
    let (secret, rest) = rest.split_once('@').unwrap();
    let log = || std::fs::read_to_string(story.server.data().with_file_name("server.log")).unwrap();
    let lines = || log().lines().filter(|line| line.contains("a client of sync data could not sign in")).count();
    let mut known = lines();
    for (user, typed, is_named) in [(user, "a-wrong-secret", true), (secret, "another-secret", false)] {
        let mut client = Command::new(python());
        let uri = format!("mongodb://{user}:{typed}@{rest}");
        client.arg(program("sync_client.py")).arg(uri).args(["appsync_1", "bank"]).current_dir(home.path());
        let seen = String::from_utf8(client.output().unwrap().stdout).unwrap();
        assert!(seen.contains("\"code\": 18"), "{seen}");
        assert!(lines() > known, "nothing is logged of it");
        known = lines();
        let log = log();
        let last = log.lines().rfind(|line| line.contains("could not sign in")).unwrap();
        assert_eq!(last.contains(user), is_named, "{last}");
        assert!(last.contains("127.0.0.1") && !log.contains(typed) && !log.contains(secret), "{last}");
    }
}

/// The processes whose parent this is.
fn children(parent: u32) -> Vec<i32> {
    let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    listed.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_signal_that_ends_the_command_ends_its_ssh_and_the_session_with_it() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_database, port, ca) = database(files.path());
    let story = story(port, &ca);
    let ssh = engineer(&story, &home);
    let lines = "gateway\na password of the cluster\n";
    story.administrator.type_in(&["clusters", "sync-credential", HOST], lines).ok();
    story.owner.run(&["grant", "Shop", "--type", "sync"]).ok();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut running = Running(sync(&story, &home, &ssh).spawn().unwrap());
        let mut out = BufReader::new(running.0.stdout.take().unwrap());
        let mut uri = String::new();
        out.read_line(&mut uri).unwrap();
        assert!(uri.starts_with("mongodb://"), "{uri}");
        let children = children(running.0.id());
        assert_eq!(children.len(), 1, "its `ssh`");
        kill(Pid::from_raw(i32::try_from(running.0.id()).unwrap()), signal).unwrap();
        let ended = running.0.wait().unwrap();
        assert_eq!(ended.code(), Some(1), "{signal}");
        // It was waited for, so nothing has its number.
        assert_eq!(kill(Pid::from_raw(children[0]), None), Err(Errno::ESRCH), "{signal}: its `ssh` goes on");
    }
}

/// The evidence of all of it verifies, the session's basis included.
fn verify(owner: &Person) {
    let at = |name: &str| owner.home().join(name).display().to_string();
    owner.run(&["evidence", "export", "--to", &at("evidence.json")]).ok();
    std::fs::write(at("byleave.vkey"), owner.run(&["evidence", "key"]).ok()).unwrap();
    let verified = owner.run(&["evidence", "verify", &at("evidence.json"), "--key", &at("byleave.vkey")]);
    assert!(verified.ok().starts_with("verified"));
}

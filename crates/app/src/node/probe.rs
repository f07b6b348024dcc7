//! The probe: tries, as the account that runs it, everything that must be closed to a support session.
//!
//! It tries the thing itself wherever that does no harm (opens, connects, sends, lists), and asks the kernel for the
//! right where trying would (it never writes to a file of others, never traces or signals a process of others). It
//! runs inside a session, behind the same walls. Read next: `probe/file.rs`.

mod file;
mod leftover;
mod network;
mod process;
mod schedule;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output, Stdio};

use nix::unistd::{User, getuid};

use super::report::{Line, Report, Verdict};
use super::setup::{NODE_FILE, Wanted};

/// Where MongoDB keeps its data unless told otherwise.
const DATA: [&str; 4] = ["/var/lib/mongodb", "/var/lib/mongo", "/data/db", "/data/configdb"];
/// Where MongoDB's configuration lies.
const CONFIGURATION: &str = "/etc/mongod.conf";
/// MongoDB's ports.
const PORTS: [u16; 3] = [27017, 27018, 27019];

/// What to try, besides what is tried everywhere.
#[derive(Debug)]
struct Targets {
    account: Option<User>,
    data: Vec<PathBuf>,
    key_files: Vec<PathBuf>,
    ports: Vec<u16>,
    gateways: Vec<IpAddr>,
}

/// Runs the probe and prints its report as JSON.
pub(crate) fn run(facts: Option<&str>) -> ExitCode {
    let facts = match facts {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => Wanted::read(NODE_FILE.as_ref()).unwrap_or_default(),
    };
    let report = report(&targets(facts));
    match serde_json::to_string(&report) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("byleave node check: {error}"),
    }
    if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(targets: &Targets) -> Report {
    let lines = vec![
        file::data(&targets.data),
        file::key_files(&targets.key_files),
        network::database_ports(&targets.ports),
        network::database_sockets(&targets.ports),
        network::other_sockets(),
        network::loopback(),
        network::outside(&targets.gateways),
        process::of_others(),
        process::core_files(),
        process::groups(targets.account.as_ref()),
        schedule::sudo(),
        file::authorized_keys(targets.account.as_ref()),
        schedule::cron(),
        schedule::at(),
        schedule::user_services(targets.account.as_ref()),
        file::system_files(targets.account.as_ref()),
        leftover::leftovers(),
        leftover::guard(),
    ];
    let account = targets.account.as_ref().map_or_else(|| getuid().to_string(), |user| user.name.clone());
    let mut report = Report { account, passed: false, lines };
    report.passed = report.passes();
    report
}

fn targets(facts: Wanted) -> Targets {
    let mut data = facts.data;
    let mut key_files = facts.key_files;
    let configuration = std::fs::read_to_string(CONFIGURATION).unwrap_or_default();
    let named = |word: &str| -> Vec<PathBuf> {
        let value = |line: &str| line.trim().strip_prefix(word).map(|path| path.trim().trim_matches('"').into());
        configuration.lines().filter_map(value).collect()
    };
    data.extend(DATA.iter().map(PathBuf::from).filter(|path| path.symlink_metadata().is_ok()));
    data.extend(named("dbPath:"));
    key_files.extend(named("keyFile:"));
    let mut ports = facts.ports;
    ports.extend(PORTS);
    for list in [&mut data, &mut key_files] {
        list.sort();
        list.dedup();
    }
    ports.sort_unstable();
    ports.dedup();
    // To the gateway there must be a way, also where there is none to anywhere else.
    let address = |text: &String| text.split('/').next().and_then(|address| address.parse::<IpAddr>().ok());
    let gateways = facts.gateways.iter().filter_map(address).filter(|address| !address.is_loopback()).collect();
    Targets { account: User::from_uid(getuid()).ok().flatten(), data, key_files, ports, gateways }
}

/// A line that is open if `found` holds anything, else closed for the reason given.
fn open_if_any(name: &str, found: &[String], closed: &str) -> Line {
    if found.is_empty() { line(name, Verdict::Closed, closed) } else { line(name, Verdict::Open, &some(found)) }
}

fn line(name: &str, verdict: Verdict, detail: &str) -> Line {
    Line { name: name.to_owned(), verdict, detail: detail.to_owned() }
}

/// The first few of a list, and how many more.
fn some(found: &[String]) -> String {
    let shown: Vec<&str> = found.iter().take(3).map(String::as_str).collect();
    let more = found.len().saturating_sub(shown.len());
    if more == 0 { shown.join("; ") } else { format!("{}; and {more} more", shown.join("; ")) }
}

/// Runs a program without input; `None` if it is not installed.
fn output_of(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()
}

fn text_of(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
}

//! What pymongo may read and what it may not, what is recorded of it, and the cut while a cursor streams.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};

use byleave_core::id::SessionId;
use byleave_core::session::SessionEnd;
use byleave_gateway::control::{Closed, Report};
use byleave_gateway::recording::{Most, read};

use super::raw::{Answer, Raw};
use super::rig::{CLUSTER_HOST, House};
use super::server::Server;
use super::upstream::{Place, Upstream};
use crate::memory::recording_key;
use crate::world::{Running, text, until};

/// Recordings of these tests are read in one go.
pub(super) const WHOLE: Most = Most { part: usize::MAX, all: usize::MAX };

/// The end of the session that recorded commands.
pub(super) fn sync_end(house: &House, sessions: usize) -> (Closed, String) {
    let ended = house.world.memory.closed_count(sessions);
    let recorded = |closed: &Closed| {
        let directory = house.world.path("recordings").join(closed.session.to_string());
        let parts = read(&directory, &recording_key(closed.session), WHOLE).unwrap();
        parts.iter().find(|part| part.name.ends_with(".commands")).map(|part| text(&part.content))
    };
    ended.iter().find_map(|closed| Some((closed.clone(), recorded(closed)?))).unwrap()
}

/// Why so many sessions ended, but for those that the engineer closed.
pub(super) fn other_ends(house: &House, sessions: usize) -> Vec<SessionEnd> {
    let ended = house.world.memory.closed_count(sessions);
    ended.iter().map(|closed| closed.reason).filter(|reason| *reason != SessionEnd::ClosedByEmployee).collect()
}

fn steps(stdout: &[u8]) -> BTreeMap<String, serde_json::Value> {
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["step"].as_str().unwrap().to_owned(), line["result"].clone())
    };
    text(stdout).lines().map(line).collect()
}

#[test]
fn a_client_reads_what_is_open_and_nothing_else_and_every_command_is_recorded() {
    let house = House::new();
    let server = Server::start(&house);
    house.grant_server(&server);
    let (ssh, _out, uri) = house.open();
    let secret = uri.split(':').nth(2).unwrap().split('@').next().unwrap().to_owned();
    assert!(secret.len() == 64 && !uri.contains("nsecure"), "{uri}");
    let output = house.client("sync_client.py", &[&uri, &server.opened, &server.closed]).output().unwrap();
    let seen = steps(&output.stdout);
    let is = |step: &str, ought: serde_json::Value| {
        assert_eq!(seen.get(step), Some(&ought), "{step}: {seen:#?} {}", text(&output.stderr));
    };
    is("databases", serde_json::json!([server.opened]));
    is("explain", true.into());
    is("count", 2000.into());
    is("one", 1007.into());
    is("cursor", 2000.into());
    is("aggregate", serde_json::json!([["done", 100], ["open", 200]]));
    is("distinct", serde_json::json!(["done", "open"]));
    for step in ["insert", "other database", "out", "admin", "where"] {
        assert_eq!(seen[step]["code"], 13, "{step}: {seen:#?}");
    }
    let elsewhere =
        house.client("sync_client.py", &[&uri, &server.opened, &server.closed, "127.0.0.2"]).output().unwrap();
    let elsewhere = steps(&elsewhere.stdout);
    assert!(!elsewhere.is_empty() && elsewhere.values().all(|result| result["code"] == 18), "{elsewhere:#?}");
    drop(ssh);
    let (closed, commands) = sync_end(&house, 3);
    assert_eq!(closed.reason, SessionEnd::ClosedByEmployee);
    assert!(
        closed.counters.commands >= 10 && closed.counters.refused >= 5 && closed.counters.sent_bytes > 50_000,
        "{closed:?}"
    );
    assert!(commands.contains("\"command\":\"getMore\"") && commands.contains("\"refused\""), "{commands}");
    for value in ["person 1", "xxxxxxxx", "\"open\"", "elsewhere", &secret] {
        assert!(!commands.contains(value), "{value} is recorded: {commands}");
    }
    // The secret is worthless now.
    let again = house.client("sync_client.py", &[&uri, &server.opened, &server.closed]).output().unwrap();
    let again = steps(&again.stdout);
    assert!(!again.is_empty() && again.values().all(|result| result["error"].is_string()), "{again:#?}");
}

#[test]
fn a_revoke_cuts_a_streaming_cursor_and_nothing_more_comes() {
    let house = House::new();
    let server = Server::start(&house);
    house.grant_server(&server);
    let (mut ssh, mut out, uri) = house.open();
    let mut stream = Running(house.client("sync_stream.py", &[&uri, &server.opened]).spawn().unwrap());
    let mut lines = BufReader::new(stream.0.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "1");
    let before = house.world.gateway.handle().cut_delays().len();
    house.world.memory.revoke();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.last().unwrap().starts_with("ended"), "{rest:?}");
    until("the sockets' end", || connections(&house, server.port) == 0);
    assert!(house.world.gateway.handle().cut_delays().len() >= before + 2, "both sessions were cut by the change");
    let mut told = String::new();
    out.read_to_string(&mut told).unwrap();
    drop(ssh.0.wait());
    let (closed, _) = sync_end(&house, 3);
    assert_eq!(closed.reason, SessionEnd::Revoked);
    let denied = house.world.ssh_to(CLUSTER_HOST, &[], &["sync"]).output().unwrap();
    assert!(!denied.status.success() && denied.stdout.is_empty());
    let reports = house.world.memory.reports();
    assert!(!reports.iter().any(|report| matches!(report, Report::Continued { .. })), "{reports:?}");
}

#[test]
fn the_record_says_that_a_command_begins_before_the_cluster_hears_of_it() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    assert!(matches!(raw.command(r#"{count: "orders", $db: "appsync_1"}"#), Answer::Body { code: None, .. }));
    raw.say(r#"{find: "slow", filter: {a: "secret"}, $db: "appsync_1"}"#);
    until("it was asked", || upstream.commands().iter().any(|(_, name)| name == "find"));
    // What the kernel has now is what a killed server leaves.
    let (user, _) = super::raw::user_and_secret(&uri);
    let id: SessionId = user.parse().unwrap();
    let parts = read(&house.world.path("recordings").join(&user), &recording_key(id), WHOLE).unwrap();
    let commands = parts.iter().find(|part| part.name.ends_with(".commands")).unwrap();
    let lines: Vec<serde_json::Value> =
        text(&commands.content).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let begun = |line: &&serde_json::Value| line.get("begun").is_some();
    let (last, before) = lines.split_last().unwrap();
    assert_eq!(
        (&last["begun"], &last["command"], &last["database"], &last["collection"]),
        (&2.into(), &"find".into(), &"appsync_1".into(), &"slow".into())
    );
    let ends: Vec<_> = before.iter().filter(|line| !begun(line)).map(|line| &line["ends"]).collect();
    assert_eq!((before.iter().filter(begun).count(), ends), (1, vec![&1.into()]), "{before:?}");
    assert!(!text(&commands.content).contains("secret"));
    drop((raw, ssh));
    let (closed, commands) = sync_end(&house, 3);
    let last: serde_json::Value = serde_json::from_str(commands.lines().last().unwrap()).unwrap();
    assert_eq!((closed.counters.commands, &last["ends"]), (2, &2.into()), "each command counts once: {commands}");
}

#[test]
fn a_command_that_is_under_way_when_the_session_ends_is_recorded_too() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    let find = raw.command(r#"{find: "items", filter: {a: "secret"}, $db: "appsync_1"}"#);
    assert!(matches!(find, Answer::Body { code: None, .. }), "{find:?}");
    // It is never answered.
    let waits =
        std::thread::spawn(move || raw.command(r#"{getMore: long(77), collection: "items", $db: "appsync_1"}"#));
    until("it was asked", || upstream.commands().iter().any(|(_, name)| name == "getMore"));
    house.world.memory.revoke();
    let (closed, commands) = sync_end(&house, 3);
    assert!(matches!(waits.join().unwrap(), Answer::Body { code: Some(13), .. }), "it is told why");
    assert_eq!((closed.reason, closed.counters.commands), (SessionEnd::Revoked, 2));
    let lines: Vec<serde_json::Value> = commands.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["command"], &last["database"], &last["collection"]),
        (&"getMore".into(), &"appsync_1".into(), &"items".into())
    );
    assert_eq!(last["failed"], "the session ended before it was answered");
}

/// The TCP connections of the gateway to clients and to the server.
fn connections(house: &House, port: u16) -> usize {
    let output = std::process::Command::new("ss").args(["-Htnp", "state", "established"]).output().unwrap();
    let ours = [house.world.gateway.sync_addresses()[0].port(), port].map(|port| format!(":{port} "));
    let mine = format!("pid={},", std::process::id());
    let lines = text(&output.stdout);
    lines.lines().filter(|line| line.contains(&mine) && ours.iter().any(|port| line.contains(port.as_str()))).count()
}

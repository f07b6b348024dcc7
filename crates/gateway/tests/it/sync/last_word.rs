//! What clients hear of a session's end: whoever waits for an answer is told why none comes, and nobody waits for ever.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use super::raw::{Answer, Raw};
use super::rig::{House, program};
use super::server::Server;
use super::upstream::{Place, Upstream};
use crate::world::{Running, text, until};

/// So many shells read at the same time, each at another point of its answers when the cut comes.
const SHELLS: usize = 4;

const TOLD: &str = "session ended: the customer revoked the grant";

fn asked(upstream: &Upstream, command: &str) -> usize {
    upstream.commands().iter().filter(|(_, name)| name == command).count()
}

/// A shell that reads the collection of an open database until that ends.
fn shell(house: &House, uri: &str, database: &str, collection: &str) -> Running {
    let script = program("sync_stream.js").display().to_string();
    let uri = format!("{uri}&serverSelectionTimeoutMS=5000");
    let mut command = house.mongosh(&[&uri, "--quiet", "--norc", "--file", &script]);
    Running(command.env("OPENED", database).env("COLLECTION", collection).spawn().unwrap())
}

/// The error with which a shell ended.
fn error(line: Option<&str>) -> Value {
    serde_json::from_str(line.expect("an error")).unwrap()
}

#[test]
fn whoever_waits_for_an_answer_at_a_cut_is_told_why_none_comes_and_nothing_else() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let mut waits: Vec<Raw> = (0..9).map(|_| Raw::signed_in(&house, &uri)).collect();
    let mut idle = Raw::signed_in(&house, &uri);
    let answer = idle.command(r#"{count: "orders", $db: "appsync_1"}"#);
    assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    // Eight are under way at the cluster, one waits for its turn.
    waits.iter_mut().for_each(|raw| raw.say(r#"{find: "slow", $db: "appsync_1"}"#));
    until("eight questions", || asked(&upstream, "find") == 8);
    house.world.memory.revoke();
    for raw in &mut waits {
        let told = raw.answer();
        assert!(matches!(&told, Answer::Body { code: Some(13), text } if text == TOLD), "{told:?}");
        assert!(matches!(raw.answer(), Answer::Closed));
    }
    assert!(matches!(idle.answer(), Answer::Closed), "it asked for nothing");
    assert_eq!(asked(&upstream, "find"), 8);
}

#[test]
fn mongosh_that_waits_for_an_answer_at_a_cut_shows_why_none_comes() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let shell = shell(&house, &uri, "appsync_1", "slow");
    until("the question to be there", || asked(&upstream, "find") == 1);
    house.world.memory.revoke();
    let output = shell.wait();
    let shown = text(&output.stdout);
    assert_eq!(error(shown.lines().last()), json!({ "code": 13, "error": "MongoServerError", "message": TOLD }));
}

#[test]
fn mongosh_ends_whenever_a_cut_comes() {
    let house = House::new();
    let server = Server::start(&house);
    house.grant_server(&server);
    let (_ssh, _out, uri) = house.open();
    let mut shells: Vec<_> = (0..SHELLS).map(|_| shell(&house, &uri, &server.opened, "orders")).collect();
    let lines = |shell: &mut Running| BufReader::new(shell.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut lines: Vec<_> = shells.iter_mut().map(lines).collect();
    for lines in &mut lines {
        assert_eq!(lines.next().as_deref(), Some("streaming"));
    }
    house.world.memory.revoke();
    for (shell, lines) in shells.into_iter().zip(lines) {
        assert!(shell.wait().status.success());
        let error = error(lines.last().as_deref());
        assert!(error["message"].is_string(), "{error}");
    }
}

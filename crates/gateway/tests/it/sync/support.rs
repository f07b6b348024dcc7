//! The same session of support with each client, before each server: what is read, what is refused, and the cut as the
//! client sees it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use byleave_core::session::SessionEnd;
use byleave_gateway::recording::read;
use serde_json::{Value, json};

use super::driver;
use super::front::SigningIn;
use super::rig::House;
use super::server::Server;
use super::session::{WHOLE, sync_end};
use crate::memory::{PATIENCE, recording_key};
use crate::world::{Running, text};

/// A step and its result, as a client tells them.
pub(super) type Step = (String, Value);

/// A client that was started with the session's URI.
struct Started {
    steps: Receiver<Step>,
    /// What mongosh waits for the end of.
    input: Option<ChildStdin>,
    /// Its process, if it is one.
    _running: Option<Running>,
}

impl Started {
    fn new(mut child: Child) -> Self {
        let (sender, receiver) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        std::thread::spawn(move || {
            for line in lines {
                let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                let step = (line["step"].as_str().unwrap().to_owned(), line["result"].clone());
                sender.send(step).unwrap();
            }
        });
        Self { steps: receiver, input: child.stdin.take(), _running: Some(Running(child)) }
    }

    fn next(&mut self, name: &str) -> Value {
        let step = self.steps.recv_timeout(PATIENCE * 2);
        let (step, result) = step.unwrap_or_else(|error| panic!("no `{name}`: {error}"));
        assert_eq!(step, name, "{result}");
        result
    }
}

fn pymongo(house: &House, server: &Server, uri: &str) -> Started {
    Started::new(house.client("support_session.py", &[uri, &server.opened, &server.closed]).spawn().unwrap())
}

fn mongosh(house: &House, server: &Server, uri: &str) -> Started {
    let uri = format!("{uri}&serverSelectionTimeoutMS=5000");
    let script = super::rig::program("support_session.js").display().to_string();
    let mut command = house.mongosh(&[&uri, "--quiet", "--norc", "--file", &script]);
    command.stdin(Stdio::piped());
    Started::new(command.env("OPENED", &server.opened).env("CLOSED", &server.closed).spawn().unwrap())
}

fn rust_driver(house: &House, server: &Server, uri: &str) -> Started {
    Started {
        steps: driver::start(house.local(uri), server.opened.clone(), server.closed.clone()),
        input: None,
        _running: None,
    }
}

fn session(start: impl FnOnce(&House, &Server, &str) -> Started, server: impl FnOnce(&House) -> Server) {
    let house = House::new();
    let mut server = server(&house);
    let before = server.digest();
    house.grant_server(&server);
    let (mut ssh, _out, uri) = house.open();
    let mut client = start(&house, &server, &uri);
    let collections = client.next("collections");
    let asked = |name: &&Value| !server.tolerated.iter().any(|tolerated| *name == tolerated);
    assert!(collections.as_array().unwrap().iter().filter(asked).eq(&["orders", "people"]), "{collections}");
    assert_eq!(client.next("ordered"), json!([2000, 3999, 1001, ["_id", "number"]]));
    assert_eq!(client.next("cursor"), json!(3000 * 1000 + 2999 * 3000 / 2));
    assert_eq!(client.next("aggregate"), json!([["done", 100], ["open", 200]]));
    assert_eq!(client.next("explain"), json!(true));
    assert_eq!(client.next("count"), json!(2000));
    assert_eq!(client.next("distinct"), json!(["done", "open"]));
    assert_eq!(client.next("databases"), json!([server.opened]));
    for refused in ["insert", "delete", "elsewhere"] {
        assert_eq!(client.next(refused)["code"], 13, "{refused}");
    }
    assert_eq!(client.next("streaming"), Value::Null);
    house.world.memory.revoke();
    drop(client.input.take());
    // The client is told why no answer comes, or sees its connections end; where it tries for new ones, nobody signs in.
    for (gone, codes) in [("cut", &[18, 13][..]), ("after", &[18])] {
        let seen = client.next(gone);
        let is_known = seen["code"].is_null() || codes.iter().any(|code| seen["code"] == *code);
        assert!(seen["error"].is_string() && is_known, "{gone}: {seen}");
    }
    assert_eq!(client.steps.recv_timeout(PATIENCE * 2), Err(RecvTimeoutError::Disconnected), "its end");
    drop(ssh.0.wait());
    let (closed, commands) = sync_end(&house, 3);
    assert_eq!(closed.reason, SessionEnd::Revoked);
    assert!(closed.counters.refused >= 3, "{closed:?}");
    let count = |command: &str| commands.matches(&format!("\"command\":\"{command}\"")).count();
    assert!(count("getMore") >= 6 + 29, "{commands}");
    for command in ["listDatabases", "listCollections", "find", "aggregate", "explain", "distinct", "insert", "delete"]
    {
        assert!(count(command) >= 1, "{command}: {commands}");
    }
    let secret = uri.split(':').nth(2).unwrap().split('@').next().unwrap();
    for closed in house.world.memory.closed_count(3) {
        let directory = house.world.path("recordings").join(closed.session.to_string());
        for part in read(&directory, &recording_key(closed.session), WHOLE).unwrap() {
            assert!(!text(&part.content).contains(secret), "the secret is in {}", part.name);
        }
    }
    assert_eq!(server.digest(), before, "the server is as it was");
    house.refused();
}

#[test]
fn pymongo_in_a_session_of_support() {
    session(pymongo, Server::start);
}

#[test]
fn mongosh_in_a_session_of_support() {
    session(mongosh, Server::start);
}

#[test]
fn the_rust_driver_in_a_session_of_support() {
    session(rust_driver, Server::start);
}

#[test]
fn pymongo_in_a_session_of_support_before_another_server() {
    session(pymongo, Server::nx);
}

#[test]
fn mongosh_in_a_session_of_support_before_another_server() {
    session(mongosh, Server::nx);
}

#[test]
fn the_rust_driver_in_a_session_of_support_before_another_server() {
    session(rust_driver, Server::nx);
}

#[test]
fn a_server_at_which_nobody_can_sign_in_is_not_used() {
    let house = House::new();
    let server = Server::nx_with(&house, SigningIn::There);
    house.grant_server(&server);
    let told = house.refused();
    assert!(told.contains("answered what the gateway does not understand"), "{told}");
}

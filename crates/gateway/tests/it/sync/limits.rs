//! The limits of a session, and what is left at the cluster by clients that hang up or are cut.

use std::time::Duration;

use byleave_core::session::SessionEnd;
use byleave_gateway::Config;

use super::raw::{Answer, Raw};
use super::rig::House;
use super::session::sync_end;
use super::upstream::{FIRST_OF_MANY, Place, Upstream};
use crate::world::until;

const COUNT: &str = r#"{count: "orders", $db: "appsync_1"}"#;
const SLOW: &str = r#"{find: "slow", $db: "appsync_1"}"#;

fn house() -> (House, Upstream) {
    house_with(|_| {})
}

fn house_with(change: impl FnOnce(&mut Config)) -> (House, Upstream) {
    let house = House::with(change);
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    (house, upstream)
}

fn count_of(upstream: &Upstream, command: &str) -> usize {
    upstream.commands().iter().filter(|(_, name)| name == command).count()
}

#[test]
fn what_is_under_way_at_a_cut_is_ended_at_the_cluster_under_the_sessions_own_name() {
    let (house, upstream) = house();
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    raw.say(SLOW);
    until("the question to be there", || count_of(&upstream, "find") == 1);
    house.world.memory.revoke();
    until("the end of the server's session", || count_of(&upstream, "endSessions") == 1);
    let commands = upstream.commands();
    let words: Vec<&str> = commands.iter().map(|(_, name)| name.as_str()).collect();
    assert!(words.ends_with(&["killSessions", "endSessions"]), "{words:?}");
    let (user, _) = super::raw::user_and_secret(&uri);
    let frames = upstream.frames();
    let hellos = frames.iter().zip(&commands).filter(|(_, (_, name))| name == "hello").map(|((_, frame), _)| frame);
    for hello in hellos {
        assert!(hello.windows(user.len()).any(|window| window == user.as_bytes()), "another application's name");
    }
}

#[test]
fn whoever_hangs_up_frees_their_turn_and_the_cluster_sees_it() {
    let (house, upstream) = house();
    let (_ssh, _out, uri) = house.open();
    let mut last = Raw::signed_in(&house, &uri);
    let mut raws: Vec<Raw> = (0..8).map(|_| Raw::signed_in(&house, &uri)).collect();
    raws.iter_mut().for_each(|raw| raw.say(SLOW));
    until("eight questions", || count_of(&upstream, "find") == 8);
    let asked = upstream.commands().into_iter().filter(|(_, name)| name == "find").map(|(number, _)| number);
    let asked: Vec<usize> = asked.collect();
    drop(raws);
    let answer = last.command(COUNT);
    assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    until("the end of what nobody waits for", || upstream.ended(&asked));
}

#[test]
fn whoever_does_not_read_their_answer_frees_their_turn_and_is_reset() {
    let (house, upstream) = house_with(|config| config.client_patience = Duration::from_millis(300));
    let (_ssh, _out, uri) = house.open();
    let mut last = Raw::signed_in(&house, &uri);
    let mut raws: Vec<Raw> = (0..8).map(|_| Raw::signed_in(&house, &uri)).collect();
    raws.iter_mut().for_each(|raw| raw.say(r#"{find: "large", $db: "appsync_1"}"#));
    until("eight questions", || count_of(&upstream, "find") == 8);
    let answer = last.command(COUNT);
    assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    let asked = upstream.commands().into_iter().filter(|(_, name)| name == "find").map(|(number, _)| number);
    let asked: Vec<usize> = asked.collect();
    until("the end of their connections", || upstream.ended(&asked));
    // What they read now is no whole answer.
    raws.iter_mut().for_each(|raw| assert!(matches!(raw.answer(), Answer::Closed)));
}

#[test]
fn a_cluster_that_does_not_answer_in_time_is_not_waited_for_and_sees_that() {
    let (house, upstream) = house_with(|config| config.answer_patience = Duration::from_millis(300));
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    let answer = raw.command(SLOW);
    let late = |text: &str| text == "the databases do not answer in time";
    assert!(matches!(&answer, Answer::Body { code: Some(6), text } if late(text)), "{answer:?}");
    let asked = upstream.commands().into_iter().filter(|(_, name)| name == "find").map(|(number, _)| number);
    let asked: Vec<usize> = asked.collect();
    until("the end of what nobody waits for", || upstream.ended(&asked));
    assert!(matches!(raw.command(COUNT), Answer::Body { code: None, .. }), "on the same connection");
}

#[test]
fn one_cursor_too_many_ends_the_oldest_and_is_opened() {
    let (house, upstream) = house();
    let (_ssh, _out, uri) = house.open();
    let find = r#"{find: "many", $db: "appsync_1"}"#;
    // Whoever opened them is gone.
    let mut raw = Raw::signed_in(&house, &uri);
    for _ in 0..256 {
        assert!(matches!(raw.command(find), Answer::Body { code: None, .. }));
    }
    assert_eq!(count_of(&upstream, "killCursors"), 0);
    let mut raw = Raw::signed_in(&house, &uri);
    let answer = raw.command(find);
    assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    assert_eq!(count_of(&upstream, "killCursors"), 1);
    for (id, code) in [(0, Some(43)), (1, None)] {
        let id = FIRST_OF_MANY + id;
        let kill = format!(r#"{{killCursors: "many", cursors: [long({id})], $db: "appsync_1"}}"#);
        let told = raw.command(&kill);
        assert!(matches!(&told, Answer::Body { code: told, .. } if *told == code), "{told:?}");
    }
}

#[test]
fn one_connection_too_many_is_told_so_and_has_a_place_as_soon_as_there_is_one() {
    let (house, _upstream) = house();
    let (_ssh, _out, uri) = house.open();
    assert!(uri.contains("maxPoolSize=24&"), "{uri}");
    let mut raws: Vec<Raw> = (0..64).map(|_| Raw::signed_in(&house, &uri)).collect();
    let mut last = Raw::signed_in(&house, &uri);
    let answer = last.command(COUNT);
    let told = matches!(&answer, Answer::Body { code: Some(365), text } if text.contains("at most 64 connections"));
    assert!(told, "{answer:?}");
    raws.pop();
    until("a place", || matches!(last.command(COUNT), Answer::Body { code: None, .. }));
}

#[test]
fn what_is_refused_for_what_is_in_it_is_answered_and_recorded_and_the_connection_goes_on() {
    let (house, upstream) = house();
    let (ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    assert!(matches!(raw.command(COUNT), Answer::Body { code: None, .. }));
    let bytes = upstream.bytes().len();
    let long =
        |many: usize| format!(r#"{{find: "items", filter: {{_id: {{$in: [{}]}}}}, $db: "state"}}"#, "1, ".repeat(many));
    let code = r#"{find: "items", filter: {$where: code("secret")}, $db: "state"}"#;
    let twice = r#"{find: "items", $db: "state", $db: "bank"}"#;
    let tries = [(code.to_owned(), 13), (twice.to_owned(), 13), (long(100_001), 10_334), (long(400_000), 10_334)];
    for (command, code) in &tries {
        let answer = raw.command(command);
        assert!(matches!(answer, Answer::Body { code: Some(told), .. } if told == *code), "{answer:?}");
    }
    assert_eq!(upstream.bytes().len(), bytes);
    assert!(matches!(raw.command(COUNT), Answer::Body { code: None, .. }), "on the same connection");
    drop((raw, ssh));
    let (closed, commands) = sync_end(&house, 3);
    assert_eq!((closed.reason, closed.counters.refused), (SessionEnd::ClosedByEmployee, 4));
    let refused: Vec<serde_json::Value> = commands
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line.get("refused").is_some())
        .collect();
    assert_eq!(refused.len(), 4, "{commands}");
    for line in &refused {
        assert_eq!((&line["command"], &line["collection"]), (&"find".into(), &"items".into()), "{line}");
    }
    assert!(!commands.contains("secret"));
}

//! The words by which an employee speaks to the customer: taken where no shell is open, and answered alike wherever they
//! are said.

use byleave_core::grant::GrantType;
use byleave_core::request::AskError;
use byleave_gateway::control::{SayError, What};

use crate::world::{World, feed, text};

const CLUSTER_HOST: &str = "cluster0.shop.example";
const NODE_HOST: &str = "node-1.shop.example";
const UNKNOWN: &str = "nobody.elsewhere.example";

const REQUEST: &[&str] = &["request", "--for", "4h", "--type", "logs", "--case", "00042", "--reason", "'disk is full'"];

#[test]
fn who_asked_for_nothing_is_told_so() {
    let world = World::new();
    let output = feed(world.ssh_to(UNKNOWN, &[], &["requests"]), b"");
    assert_eq!(
        (text(&output.stdout), output.status.code()),
        ("byleave: you have asked for nothing\r\n".into(), Some(0))
    );
}

#[test]
fn a_request_for_a_closed_host_and_for_none_get_the_same_answer() {
    let world = World::new();
    let answers = [CLUSTER_HOST, NODE_HOST, UNKNOWN].map(|host| {
        let output = feed(world.ssh_to(host, &[], REQUEST), b"");
        assert_eq!(output.status.code(), Some(0), "{host}: {}", text(&output.stderr));
        text(&output.stdout)
    });
    assert!(answers[0].contains("if a customer has this host"), "{answers:?}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let said = world.memory.said.lock().unwrap().clone();
    assert_eq!(said.iter().map(|saying| saying.host.as_str()).collect::<Vec<_>>(), [CLUSTER_HOST, NODE_HOST, UNKNOWN]);
    let What::Request(wish) = &said[2].what else { panic!("{said:?}") };
    assert_eq!((wish.kind, wish.ttl.to_string()), (GrantType::DatabaseLogs, "4h".to_owned()));
    assert_eq!((wish.case.as_ref().unwrap().as_str(), wish.reason.as_str()), ("00042", "disk is full"));
    let shown = feed(world.ssh_to(UNKNOWN, &[], &["requests"]), b"");
    let shown = text(&shown.stdout);
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.starts_with(&format!("{CLUSTER_HOST}\tlogs\t4h\twaits until 2027-01-15")), "{shown}");
}

#[test]
fn handing_back_is_answered_alike_on_every_host() {
    let world = World::new();
    let answers = [CLUSTER_HOST, UNKNOWN].map(|host| {
        let output = feed(world.ssh_to(host, &[], &["hand-back"]), b"");
        assert_eq!(output.status.code(), Some(0), "{host}: {}", text(&output.stderr));
        text(&output.stdout)
    });
    assert!(answers[0].contains("your other sessions there end") && answers[0] == answers[1], "{answers:?}");
}

#[test]
fn words_are_taken_where_logs_are_open_and_recorded_there() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = feed(world.ssh_to(CLUSTER_HOST, &[], &["hand-back"]), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let closed = world.memory.closed();
    assert_eq!((closed.commands, closed.refused), (1, 0));
    assert!(closed.recording_sha256.is_some());
    let said = world.memory.said.lock().unwrap().clone();
    assert_eq!((said[0].session, &said[0].what), (closed.session, &What::HandBack), "its own session is named");
}

#[test]
fn with_a_shell_permit_a_word_passes_untouched() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    for word in ["requests", "hand-back"] {
        let output = feed(world.ssh_to(NODE_HOST, &[], &[word]), b"");
        assert_eq!(output.status.code(), Some(127), "no such command on the node: {}", text(&output.stderr));
    }
    assert_eq!(world.memory.said.lock().unwrap().len(), 0);
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_passed_on() {
    let world = World::new();
    for (words, told) in [
        (&["request"][..], "`--for` is missing"),
        (&["request", "--for", "25h", "--reason", "slow"], "`--for` must be at most 24h from now"),
        (&["requests", "all"], "takes nothing after it"),
    ] {
        let output = feed(world.ssh_to(UNKNOWN, &[], words), b"");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains(told) && output.stdout.is_empty(), "{}", text(&output.stderr));
    }
    assert_eq!(world.memory.said.lock().unwrap().len(), 0);
    for (error, told) in [
        (SayError::Ask(AskError::TooMany), "wait before you ask again"),
        (SayError::Ask(AskError::ClockDoubt), "clock is in doubt"),
        (SayError::NotOpen, "not open to you now, or does not exist"),
        (SayError::Unavailable, "cannot pass that on now"),
    ] {
        *world.memory.deaf.lock().unwrap() = Some(error);
        let output = feed(world.ssh_to(UNKNOWN, &[], REQUEST), b"");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    let other = feed(world.ssh_to(UNKNOWN, &[], &["id"]), b"");
    assert!(text(&other.stderr).contains("not open to you now"), "{}", text(&other.stderr));
}

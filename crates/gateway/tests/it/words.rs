//! The words by which an employee speaks to the customer: taken where no shell is open, and answered alike wherever they
//! are said.

use std::sync::atomic::Ordering;

use byleave_core::grant::GrantType;
use byleave_core::request::AskError;
use byleave_gateway::control::{SayError, What};

use crate::cut::connections;
use crate::memory::PATIENCE;
use crate::world::{Running, World, feed, text, until};

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
    let end = "\tasked at 2027-01-03T18:13:20Z\tcase 00042\tdisk is full";
    assert!(shown.lines().all(|line| line.ends_with(end)), "{shown}");
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
    assert!(!answers[0].contains("request"), "there was none: {answers:?}");
}

#[test]
fn what_becomes_of_a_request_that_waits_is_told_by_the_next_word() {
    let world = World::new();
    let say = |words: &[&str]| text(&feed(world.ssh_to(UNKNOWN, &[], words), b"").stdout);
    assert!(!say(REQUEST).contains("in place of"));
    assert!(say(REQUEST).contains("asked, in place of your earlier request for this host"));
    assert!(say(&["hand-back"]).contains("your request for this host is withdrawn"));
    assert!(!say(&["hand-back"]).contains("withdrawn"));
}

/// Invariant of the customer's feed: only tries to get in are refusals there.
#[test]
fn who_only_speaks_to_the_customer_has_not_tried_to_get_in() {
    let world = World::new();
    // An agent to be forwarded is a setting of the client, beside the word.
    let socket = world.path("agent.sock");
    let _agent = Running(std::process::Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).spawn().unwrap());
    until("the agent's socket", || socket.exists());
    for host in [CLUSTER_HOST, NODE_HOST, UNKNOWN] {
        for words in [REQUEST, &["requests"], &["hand-back"], &["help"], &["request", "--help"], &["requests", "all"]] {
            let mut command = world.ssh_to(host, &["-A"], words);
            command.env("SSH_AUTH_SOCK", &socket);
            feed(command, b"");
        }
    }
    until("the end of every connection", || connections(&world) == 0);
    assert_eq!(world.memory.denials(), 0);
    for (arguments, tries) in [(&["requst"][..], 1), (&["logs"], 2), (&["uptime"], 3), (&[], 4), (&["sync"], 5)] {
        let output = feed(world.ssh_to(CLUSTER_HOST, &[], arguments), b"");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(world.memory.denials(), tries, "{arguments:?}: noted before it is told");
    }
}

#[test]
fn who_is_refused_without_a_word_has_tried_once_however_they_leave() {
    let world = World::with(|config| config.login_grace = PATIENCE / 6);
    let free = crate::world::free_port();
    for (options, arguments, tries) in [
        (vec!["-N".to_owned()], &[][..], 1),
        (vec!["-N".to_owned(), "-R".to_owned(), format!("{free}:127.0.0.1:1")], &[], 2),
        (vec!["-W".to_owned(), "127.0.0.1:1".to_owned()], &[], 3),
        // A word does not hide what is tried beside it.
        (vec!["-R".to_owned(), format!("{free}:127.0.0.1:1")], &["requests"], 4),
    ] {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        feed(world.ssh_to(CLUSTER_HOST, &options, arguments), b"");
        until("the denial", || world.memory.denials() == tries);
    }
    until("the end of every connection", || connections(&world) == 0);
    assert_eq!(world.memory.denials(), 4);
}

#[test]
fn a_word_and_a_command_on_one_connection_are_a_try() {
    let world = World::new();
    let path = format!("ControlPath={}", world.path("master").display());
    let master = Running(world.ssh_to(NODE_HOST, &["-N", "-M", "-o", &path], &[]).spawn().unwrap());
    until("the master", || world.path("master").exists());
    let more = ["-o", &path, "-o", "ControlMaster=no", "-o", "ProxyCommand=false"];
    assert_eq!(feed(world.ssh_to(NODE_HOST, &more, &["requests"]), b"").status.code(), Some(0));
    assert_eq!(world.memory.denials(), 0);
    for _ in 0..2 {
        assert_eq!(feed(world.ssh_to(NODE_HOST, &more, &["id"]), b"").status.code(), Some(1));
        assert_eq!(world.memory.denials(), 1, "one connection is one try");
    }
    drop(master);
    until("the end of every connection", || connections(&world) == 0);
    assert_eq!(world.memory.denials(), 1);
}

#[test]
fn a_denial_that_cannot_be_written_is_not_told() {
    let world = World::new();
    world.memory.silent.store(true, Ordering::SeqCst);
    let output = feed(world.ssh_to(NODE_HOST, &[], &["id"]), b"");
    assert_eq!(text(&output.stderr), "byleave: the gateway cannot open a session now; try again in a moment\r\n");
}

#[test]
fn words_are_taken_where_logs_are_open_and_recorded_there() {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    let output = feed(world.ssh_to(CLUSTER_HOST, &[], &["hand-back"]), b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let closed = world.memory.closed();
    assert_eq!((closed.counters.commands, closed.counters.refused), (1, 0));
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

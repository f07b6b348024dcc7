//! Nobody reads what a command prints.

use std::io::Read;
use std::process::{Command, Stdio};

use super::story::{INVENTORY, Story, begin_with};
use crate::server::{BYLEAVE, Person};

/// What shells say of a program that SIGPIPE ended.
const READER_GONE: i32 = 141;

/// Runs a command whose standard output is a pipe that nobody reads; answers its exit code and standard error.
fn run(person: &Person, args: &[&str]) -> (i32, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(BYLEAVE);
    person.prepare(&mut command);
    let ran = command.args(args).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    (ran.status.code().unwrap_or(-1), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn a_command_whose_output_nobody_reads_ends_quietly() {
    let Story { server: _server, administrator, owner } = begin_with(INVENTORY);
    owner.run(&["grant", "Shop"]).ok();
    for args in [
        ["completions", "bash"].as_slice(),
        &["--help"],
        &["grant", "--help"],
        &["--version"],
        &["grants"],
        &["grants", "--output", "json"],
        &["clusters", "show", "Shop"],
        &["watch", "Shop"],
        &["watch", "Shop", "--output", "json"],
        &["events"],
        &["events", "--follow"],
        &["evidence", "export"],
        &["evidence", "key"],
        &["api", "GET", "/api/atlas/v2/orgs"],
        &["doctor"],
        &["revoke", "Shop"],
    ] {
        assert_eq!(run(&owner, args), (READER_GONE, String::new()), "{args:?}");
    }
    assert_eq!(run(&administrator, &["inventory", "show"]), (READER_GONE, String::new()));
    // What was asked for was done all the same, and what proves it is kept.
    let listed = owner.run(&["grants", "--active", "--output", "json"]).json();
    assert_eq!(listed["results"].as_array().unwrap().len(), 0, "{listed}");
    let kept = std::fs::read_to_string(owner.home().join(".local/share/byleave/anchors.jsonl")).unwrap();
    assert!(kept.lines().count() >= 2, "{kept}");
}

#[test]
fn a_demo_whose_story_nobody_hears_ends_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(BYLEAVE);
    let ran =
        command.args(["demo", "--once"]).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr).unwrap().as_str()), (Some(READER_GONE), ""));
}

#[test]
fn a_reader_who_has_heard_enough_hears_no_panic() {
    let mut child = Command::new(BYLEAVE)
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 8]).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    // The pipe may have taken all of it before.
    assert!([Some(0), Some(READER_GONE)].contains(&ended.status.code()) && ended.stderr.is_empty(), "{ended:?}");
}

//! What commands say of themselves and of mistakes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::story::{INVENTORY, PASSWORD, Story, begin_with};
use crate::server::{BYLEAVE, Person};

#[test]
fn help_shows_no_option_that_does_nothing() {
    let person = Person::new();
    for (command, shown, hidden) in [
        (
            ["serve"].as_slice(),
            ["--data", "--listen"].as_slice(),
            ["--server", "--token", "--org", "--output"].as_slice(),
        ),
        (&["demo"], &["--data", "--once", "--output"], &["--server", "--token", "--public-key", "--org"]),
        (&["node", "check"], &["--as", "--output"], &["--server", "--token", "--data <", "--org"]),
        (&["grant"], &["--server", "--token", "--data", "--org", "--output"], &["--listen"]),
    ] {
        let help = person.run(&[command, &["--help"]].concat()).ok();
        let lines: Vec<&str> = help.lines().map(str::trim_start).collect();
        let has = |option: &&&str| lines.iter().any(|line| line.starts_with(**option));
        assert_eq!(shown.iter().filter(has).count(), shown.len(), "{command:?}: {help}");
        assert_eq!(hidden.iter().filter(has).count(), 0, "{command:?}: {help}");
    }
}

#[test]
fn the_usage_that_a_mistake_shows_is_the_same_whatever_stands_in_the_environment() {
    let plain = Person::new().run(&["grant"]).fails(2);
    assert!(plain.contains("Usage: byleave grant [OPTIONS] <CLUSTER>"), "{plain}");
    let set = Person::new().with("BYLEAVE_SERVER", "http://127.0.0.1:1").with("BYLEAVE_ORG", "Harbour Books");
    assert_eq!(set.run(&["grant"]).fails(2), plain);
}

#[test]
fn a_mistake_is_told_once_and_without_a_page() {
    let Story { server, administrator: _administrator, owner } = begin_with(INVENTORY);
    let told = owner.run(&["grant", "Shop", "--case", &"7".repeat(500)]).fails(1);
    assert_eq!((told.matches("case").count(), told.lines().count()), (1, 1), "{told}");
    let ran = owner.run(&["api", "GET", "/nope"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{ran:#?}");
    assert!(ran.err.contains("GET /nope answered 404 Not Found") && ran.err.contains("/api/byleave/v1/"), "{ran:#?}");
    let nobody = server.anybody().run(&["grants"]).fails(3);
    assert!(nobody.contains("sign-in") && nobody.contains("--data DIR"), "on the server's machine: {nobody}");
}

/// A person who signed in more than 5 minutes ago, at a terminal: whatever opens the door asks for the password, and goes
/// on. Changes of the terminal are made slow (20 ms each): what is typed as soon as the prompt stands is not shown either.
#[test]
fn a_password_given_long_ago_is_asked_for_at_a_terminal() {
    let Story { mut server, administrator: _administrator, owner } = begin_with(INVENTORY);
    server.while_stopped(|data| {
        let aged = "UPDATE web_sessions SET fresh_at = fresh_at - 360000";
        assert!(Command::new("sqlite3").arg(data.join("byleave.db")).arg(aged).status().unwrap().success());
    });
    let told = owner.run(&["grant", "Shop"]).fails(3);
    assert!(told.contains("byleave sign-in"), "without a terminal: {told}");
    let path = owner.run(&["clusters", "show", "Shop", "--output", "json"]).json();
    let (project, cluster) = (path["groupId"].as_str().unwrap(), path["name"].as_str().unwrap());
    for asked in [
        format!(
            "{BYLEAVE} api POST /api/byleave/v1/groups/{project}/clusters/{cluster}:grant -d '{{\"grantType\":\"CLUSTER_INFRASTRUCTURE\"}}'"
        ),
        format!("{BYLEAVE} grant Shop"),
    ] {
        // Each of the two in turn is the first to need it.
        server.while_stopped(|data| {
            let aged = "UPDATE web_sessions SET fresh_at = signed_in_at - 360000";
            assert!(Command::new("sqlite3").arg(data.join("byleave.db")).arg(aged).status().unwrap().success());
        });
        let mut command = Command::new("script");
        owner.prepare(&mut command);
        let asked = format!("strace -f -qq -o /dev/null -e trace=ioctl -e inject=ioctl:delay_enter=20000 {asked}");
        let mut script =
            command.args(["-qec", &asked, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut told = Vec::new();
        let mut byte = [0];
        while !told.ends_with(b"opens the door: ") {
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&told));
            told.push(byte[0]);
        }
        input.write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        output.read_to_end(&mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(script.wait().unwrap().success() && !told.contains(PASSWORD), "{told}");
        assert!(told.contains("CLUSTER_INFRASTRUCTURE") || told.contains("granted on `Shop`"), "{told}");
    }
}

/// Whoever gives up at the prompt, or whose command is ended there, finds the terminal as it was.
#[test]
fn the_terminal_shows_again_what_is_typed_after_a_prompt_was_left() {
    let Story { server: _server, administrator: _administrator, owner } = begin_with(INVENTORY);
    for key in [3_u8, 28] {
        let asked = format!("trap : INT QUIT; {BYLEAVE} sign-in mia@shop.example; echo ended with $?; stty -a");
        let mut command = Command::new("script");
        owner.prepare(&mut command);
        let mut script =
            command.args(["-qec", &asked, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut told = Vec::new();
        let mut byte = [0];
        while !told.ends_with(b"Password: ") {
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&told));
            told.push(byte[0]);
        }
        input.write_all(&[b'x', key]).unwrap();
        output.read_to_end(&mut told).unwrap();
        script.wait().unwrap();
        let told = String::from_utf8(told).unwrap();
        let ended = if key == 3 { "ended with 130" } else { "ended with 131" };
        assert!(told.contains(ended) && told.contains(" icanon ") && told.contains(" echo "), "{told}");
        assert!(told.contains(" -echonl ") && told.contains("susp = ^Z"), "{told}");
    }
}

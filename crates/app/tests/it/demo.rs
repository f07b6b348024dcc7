//! The demo as a program that others start: what it prints, and how it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The demo reads its standard input only to see its end: a signal must not wait for that.
#[test]
fn the_demo_ends_on_a_signal_while_its_input_is_open() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_byleave"))
        .args(["demo", "--no-story", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = demo.stdin.take();
    let mut line = String::new();
    BufReader::new(demo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let facts: Value = serde_json::from_str(&line).unwrap();
    assert!(facts["url"].is_string() && facts["ssh"]["identityFile"].is_string(), "{facts}");
    kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), Signal::SIGTERM).unwrap();
    // A demo that hangs is ended by the test's time limit.
    assert!(demo.wait().unwrap().success());
    drop(input);
}

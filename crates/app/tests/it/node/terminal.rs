//! Terminals: a shell with job control, the interrupt key, window sizes, and their end.

use std::io::{BufReader, Write};
use std::process::{Child, Stdio};

use super::rig::{Node, read_until};

fn open(node: &Node, command: &str) -> Child {
    node.ssh(&["-tt"], command).env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_shell_has_a_terminal_and_job_control() {
    let node = Node::start();
    let mut client = open(&node, "");
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"PS1=; echo $TERM-$((40+2)); sleep 471201 & kill %1; wait; jobs; tty; exit 5\n").unwrap();
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("xterm-42") && text.contains("/dev/pts/"), "{text}");
    assert!(!text.contains("no job control") && !text.contains("cannot set terminal"), "{text}");
}

#[test]
fn the_interrupt_key_reaches_the_command_and_not_the_guard() {
    let node = Node::start();
    let mut client = open(&node, "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.01; done");
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    read_until(&mut output, "ready");
    input.write_all(b"\x03").unwrap();
    read_until(&mut output, "caught");
    assert_eq!(client.wait().unwrap().code(), Some(9));
}

#[test]
fn the_stop_key_does_not_hang_a_command() {
    let node = Node::start();
    let mut client = open(&node, "echo ready; read line; echo got $line; exit 6");
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    read_until(&mut output, "ready");
    input.write_all(b"\x1ahello\n").unwrap();
    read_until(&mut output, "got hello");
    assert_eq!(client.wait().unwrap().code(), Some(6));
}

#[test]
fn the_stop_key_stops_a_job_of_a_shell_and_fg_wakes_it() {
    let node = Node::start();
    let mut client = open(&node, "");
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    // Each key is pressed when the shell has come that far: what is typed ahead would go to the shell's line editor.
    for (typed, awaited) in [
        ("PS1=; stty -echo; echo be''gin; cat; echo stopped $?\n", "begin"),
        ("one\n", "one"),
        ("\x1a", "stopped 148"),
        ("fg\n", "cat"),
        ("two\n", "two"),
    ] {
        input.write_all(typed.as_bytes()).unwrap();
        read_until(&mut output, awaited);
    }
    input.write_all(b"\x04").unwrap();
    input.write_all(b"exit 4\n").unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(4));
}

#[test]
fn nothing_of_a_terminal_survives_its_cut() {
    let node = Node::start();
    let mut client = open(&node, "");
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let tmux =
        if std::path::Path::new("/usr/bin/tmux").exists() { "tmux -L x new-session -d 'sleep 471202';" } else { "" };
    let line = format!("PS1=; trap '' HUP; {tmux} setsid sleep 471202 & nohup sleep 471202 & echo le''ft\n");
    input.write_all(line.as_bytes()).unwrap();
    read_until(&mut output, "left");
    while node.processes("471202").len() < 2 {
        std::thread::yield_now();
    }
    client.kill().unwrap();
    client.wait().unwrap();
    node.wait_until_gone("471202");
}

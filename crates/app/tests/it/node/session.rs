//! Invariant 2 on the node: nothing that a session started survives its end. And invariant 8: its environment is clean.

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::rig::{BYLEAVE, Node, command_line, descendants, read_until};

/// Leaves processes behind in every way known; each carries MARK in its command line.
const LEAVE: &str = "trap '' HUP TERM INT; setsid sleep MARK & nohup sleep MARK >/dev/null 2>&1 & \
    (setsid sh -c 'sleep MARK & sleep MARK &' &); setsid sh -c 'kill -STOP $$; : MARK' & \
    setsid sh -c 'trap \"\" HUP TERM; while :; do sleep MARK; done' & \
    setsid sh -c 'exec </dev/null >/dev/null 2>&1; exec sleep MARK' & disown -a;";

fn leave(mark: &str, then: &str) -> String {
    format!("{}{then}", LEAVE.replace("MARK", mark))
}

#[test]
fn nothing_survives_when_the_connection_is_cut() {
    let node = Node::start();
    let mut client =
        node.ssh(&[], &leave("471101", "echo left; cat")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    read_until(&mut BufReader::new(client.stdout.as_mut().unwrap()), "left");
    while node.processes("471101").len() < 8 {
        std::thread::yield_now();
    }
    client.kill().unwrap();
    client.wait().unwrap();
    node.wait_until_gone("471101");
}

#[test]
fn nothing_survives_when_the_command_ends() {
    let node = Node::start();
    let output = node.run(&leave("471102", "echo left; exit 3"));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    // The client hears of the end only after the guard has ended, and the guard ends last.
    assert_eq!(node.processes("471102"), Vec::<i32>::new());
}

#[test]
fn nothing_survives_when_sshd_is_killed() {
    let node = Node::start();
    let mut client =
        node.ssh(&[], &leave("471103", "echo left; cat")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    read_until(&mut BufReader::new(client.stdout.as_mut().unwrap()), "left");
    for pid in node.processes("sshd: byleave") {
        let _may_be_gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    node.wait_until_gone("471103");
    client.wait().unwrap();
}

#[test]
fn a_session_cannot_stop_or_kill_its_guard() {
    let node = Node::start();
    let attack = "main=$$; setsid sh -c \"for pid in $(seq -s ' ' 2 3000) 1 $PPID; do [ \\$pid != \\$\\$ ] && [ \\$pid != $main ] && \
        kill -STOP \\$pid && kill -KILL \\$pid; done 2>/dev/null; echo struck >&2; exec sleep 471104\" & read line";
    let mut client = node.ssh(&[], attack).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    read_until(&mut BufReader::new(client.stderr.as_mut().unwrap()), "struck");
    client.kill().unwrap();
    client.wait().unwrap();
    node.wait_until_gone("471104");
    assert_eq!(node.run("echo still here").stdout, b"still here\n");
}

#[test]
fn without_namespaces_the_reaper_leaves_nothing_either() {
    // A user namespace that allows no further ones stands for a kernel that has none.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" node-session";
    let guard = |command: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "sh", "-c", script, BYLEAVE]).env("SSH_ORIGINAL_COMMAND", command);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        shell
    };
    let mut cut = guard(&leave("471105", "echo left; cat")).spawn().unwrap();
    let mut output = BufReader::new(cut.stdout.take().unwrap());
    read_until(&mut output, "left");
    let below = |id: u32| -> Vec<i32> {
        descendants(id).into_iter().filter(|pid| command_line(*pid).contains("471105")).collect()
    };
    while below(cut.id()).len() < 8 {
        std::thread::yield_now();
    }
    let started = below(cut.id());
    drop(output);
    cut.wait().unwrap();
    for pid in started {
        assert!(!command_line(pid).contains("471105"), "process {pid} survived");
    }
    let ended = guard("setsid sleep 471106 & exit 9").status().unwrap();
    assert_eq!(ended.code(), Some(9));
}

#[test]
fn the_end_of_a_command_is_told_exactly() {
    let local = |command: &str| Command::new(BYLEAVE).arg("node-session").env("SSH_ORIGINAL_COMMAND", command).status();
    for code in [0, 1, 7, 127, 255] {
        assert_eq!(local(&format!("exit {code}")).unwrap().code(), Some(code));
    }
    for (name, number) in [("HUP", 1), ("INT", 2), ("SEGV", 11), ("PIPE", 13), ("TERM", 15), ("KILL", 9), ("USR1", 10)]
    {
        assert_eq!(local(&format!("kill -{name} $$")).unwrap().signal(), Some(number), "{name}");
    }
    let node = Node::start();
    assert_eq!(node.run("exit 41").status.code(), Some(41));
    let killed = node.ssh(&["-v"], "kill -TERM $$").stdin(Stdio::null()).env("LC_ALL", "C").output().unwrap();
    assert_eq!(killed.status.code(), Some(255));
}

#[test]
fn bytes_pass_both_ways_with_half_close_and_stderr_apart() {
    let node = Node::start();
    let sent: Vec<u8> = (0..8_u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut client = node
        .ssh(&[], "cat; echo end >&2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    let bytes = sent.clone();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = client.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.stdout == sent, "{} bytes came back", output.stdout.len());
    assert_eq!(output.stderr, b"end\n");
}

#[test]
fn sftp_and_both_scp_protocols_work() {
    let node = Node::start();
    let (near, back) = (node.path("near"), node.path("back"));
    fs::write(&near, vec![7_u8; 300_000]).unwrap();
    for protocol in ["-O", "-s"] {
        let scp = |from: String, to: String| {
            let mut scp = Command::new("scp");
            scp.args(node.options("user")).args(["-q", protocol, "-P", &node.port.to_string()]).args([from, to]);
            let output = scp.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        scp(near.display().to_string(), "byleave@127.0.0.1:/tmp/far".to_owned());
        scp("byleave@127.0.0.1:/tmp/far".to_owned(), back.display().to_string());
        assert_eq!(fs::read(&near).unwrap(), fs::read(&back).unwrap());
        fs::remove_file(&back).unwrap();
    }
    let said = sftp(
        &node,
        "user",
        "byleave",
        &format!("put {} /tmp/again\nget /tmp/again {}\n", near.display(), back.display()),
    );
    assert!(said.status.success(), "{said:?}");
    assert_eq!(fs::read(&near).unwrap(), fs::read(&back).unwrap());
}

#[test]
fn the_logs_account_reads_logs_and_does_nothing_else() {
    let node = Node::start();
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    let back = node.path("back");
    let get = sftp(&node, "logs", "byleave-logs", &format!("get /var/log/mongodb/mongod.log {}\n", back.display()));
    assert!(get.status.success(), "{get:?}");
    assert!(fs::read_to_string(&back).unwrap().contains("a line of the log"));
    for refused in
        ["put /etc/hostname /tmp/x\n", "rm /var/log/mongodb/mongod.log\n", "get /etc/mongodb/keyfile /dev/null\n"]
    {
        assert!(!sftp(&node, "logs", "byleave-logs", refused).status.success(), "{refused}");
    }
    let shell = Command::new("ssh")
        .args(node.options("logs"))
        .args(["-p", &node.port.to_string(), "byleave-logs@127.0.0.1", "id"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!shell.status.success() && !String::from_utf8_lossy(&shell.stdout).contains("uid="), "{shell:?}");
}

#[test]
fn the_environment_holds_nothing_of_who_came() {
    let node = Node::start();
    let output = node
        .ssh(&["-o", "SendEnv=*", "-o", "SetEnv=EMPLOYEE=robin LC_NAME=robin"], "env")
        .env("LANG", "de_DE.UTF-8")
        .env("TERM", "robin hale")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.retain(|name| !["_", "PWD", "OLDPWD", "SHLVL"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER"], "{text}");
    assert!(!text.contains("robin") && !text.contains("de_DE") && text.contains("LANG=C.UTF-8"), "{text}");
}

#[test]
fn other_certificates_accounts_and_forwardings_are_refused() {
    let node = Node::start();
    node.certify("stranger", "byleave-node:000000000000000000000001", "true");
    let enter = |key: &str, account: &str| {
        let mut ssh = Command::new("ssh");
        ssh.args(node.options(key)).args(["-p", &node.port.to_string(), &format!("{account}@127.0.0.1"), "id"]);
        ssh.stdin(Stdio::null()).output().unwrap().status.success()
    };
    assert!(enter("user", "byleave"));
    for (key, account) in [("stranger", "byleave"), ("logs", "byleave"), ("user", "root"), ("user", "byleave-logs")] {
        assert!(!enter(key, account), "{key} as {account}");
    }
    let forwarded = node.ssh(&["-W", "127.0.0.1:27017"], "").stdin(Stdio::null()).output().unwrap();
    assert!(!forwarded.status.success(), "{forwarded:?}");
}

#[test]
fn the_forced_command_cannot_be_called_with_other_words() {
    let mut session = Command::new(BYLEAVE);
    session.arg0("byleave").args(["node-session", "sh"]);
    assert_eq!(session.output().unwrap().status.code(), Some(2));
}

fn sftp(node: &Node, key: &str, account: &str, batch: &str) -> std::process::Output {
    let mut client = Command::new("sftp");
    client.args(node.options(key)).args([
        "-q",
        "-b",
        "-",
        "-P",
        &node.port.to_string(),
        &format!("{account}@127.0.0.1"),
    ]);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    client.stdin.take().unwrap().write_all(batch.as_bytes()).unwrap();
    client.wait_with_output().unwrap()
}

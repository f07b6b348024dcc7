//! `byleave node check`: whatever is left open on a node, exactly its line is red, and green again when it is shut.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::rig::{Kernel, Node, read_until};

/// The names of the lines that are open.
fn open(report: &Value) -> Vec<&str> {
    let lines = report["lines"].as_array().unwrap().iter().filter(|line| line["verdict"] == "open");
    lines.map(|line| line["name"].as_str().unwrap()).collect()
}

/// Checks through ssh, and that the exit code follows the verdict.
fn check(node: &Node) -> Value {
    let output = node.run("byleave node-session check");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let passes = open(&report).is_empty();
    assert_eq!((&report["passed"], output.status.code()), (&Value::from(passes), Some(if passes { 0 } else { 1 })));
    report
}

/// The node's file system, seen from outside.
fn inside(node: &Node, path: &str) -> String {
    format!("/proc/{}/root{path}", node.inner())
}

fn append(node: &Node, path: &str, text: &str) {
    OpenOptions::new().append(true).open(inside(node, path)).unwrap().write_all(text.as_bytes()).unwrap();
}

fn as_root(node: &Node, script: &str) {
    let output = node.beside(0, "sh").args(["-ec", script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

/// The number of the account `byleave` on the node.
fn account(node: &Node) -> u32 {
    let passwd = fs::read_to_string(inside(node, "/etc/passwd")).unwrap();
    let fields = passwd.lines().find_map(|line| line.strip_prefix("byleave:x:")).unwrap();
    fields.split(':').next().unwrap().parse().unwrap()
}

/// A program beside the sessions that says `ready`.
fn started(node: &Node, account: u32, script: &str) -> Child {
    let mut child =
        node.beside(account, "sh").args(["-ec", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    read_until(&mut BufReader::new(child.stdout.as_mut().unwrap()), "ready");
    child
}

fn end(mut started: Child) {
    drop(started.stdin.take());
    assert!(started.wait().unwrap().success());
}

/// Opens each in turn and shuts it again.
fn each_is_red(node: &Node, always: &[&str], holes: &[(&str, &str, &str)]) {
    assert_eq!(open(&check(node)), always);
    for (name, hole, mend) in holes {
        as_root(node, hole);
        let report = check(node);
        let mut expected = always.to_vec();
        expected.push(name);
        let mut found = open(&report);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{hole}: {report:#}");
        as_root(node, mend);
    }
    let report = check(node);
    assert_eq!(open(&report), always, "{report:#}");
}

#[test]
fn files_and_memberships_that_open_a_door_are_red() {
    let node = Node::start();
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    // The machine's `/var/spool` and `/var/crash` stay as they are.
    as_root(&node, "mount -t tmpfs -o mode=755 none /var/spool && mkdir -p /var/spool/cron/crontabs");
    let number = account(&node);
    let docker = format!("echo docker:x:{number}: >> /etc/group");
    let manager = format!("mkdir -p /run/systemd/system /run/user/{number}/systemd");
    as_root(&node, &manager);
    let holes = [
        (
            "core files",
            "mkdir -p /var/lib/systemd/coredump/of-mongod && cd /var/lib/systemd/coredump/of-mongod && echo customers > core.4711 && chmod 644 core.4711",
            "rm -r /var/lib/systemd/coredump",
        ),
        ("groups", "cp -p /etc/group /root/ && echo disk:x:6:byleave >> /etc/group", "cp -p /root/group /etc/"),
        ("groups", docker.as_str(), "cp -p /root/group /etc/"),
        ("cron", "chmod 1777 /var/spool/cron/crontabs", "chmod 1730 /var/spool/cron/crontabs"),
        (
            "user services",
            "mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/byleave",
            "rm -r /var/lib/systemd/linger",
        ),
        ("system files", "chmod 777 /etc/ssh/sshd_config.d", "chmod 755 /etc/ssh/sshd_config.d"),
        ("system files", "chmod 666 /etc/passwd", "chmod 644 /etc/passwd"),
        ("authorized_keys", "chmod 777 /var/lib/byleave-node/home/.ssh", "chmod 755 /var/lib/byleave-node/home/.ssh"),
    ];
    each_is_red(&node, &[], &holes);
}

#[test]
fn sockets_of_others_and_a_user_manager_are_red() {
    let node = Node::start();
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    // The kernel does not list these for the node: they were made in the network of the machine.
    let listen = |path: &str| {
        let path = inside(&node, path);
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        listener
    };
    let number = account(&node);
    as_root(&node, &format!("mkdir -p /run/systemd/system /run/user/{number}/systemd"));
    assert_eq!(open(&check(&node)), [""; 0]);
    drop(listen("/tmp/nobody-listens.sock"));
    let elsewhere = listen("/run/admin.sock");
    assert_eq!(open(&check(&node)), ["sockets of others"]);
    drop(elsewhere);
    let script = "umask 0; nc -lkU /var/lib/admin.sock & pid=$!; while [ ! -S /var/lib/admin.sock ]; do :; done; \
         echo ready; read end || kill $pid";
    let listed = started(&node, 0, script);
    assert_eq!(open(&check(&node)), ["sockets of others"]);
    end(listed);
    let manager = listen(&format!("/run/user/{number}/systemd/private"));
    assert_eq!(open(&check(&node)), ["user services"]);
    drop(manager);
    assert_eq!(open(&check(&node)), [""; 0]);
}

#[test]
fn processes_of_others_are_red_where_a_signal_or_their_memory_is_open() {
    let node = Node::start_on(Kernel::WithoutNamespaces);
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    // The guard has the account's number: without a namespace it can be killed, and the check says so throughout.
    let guard = "guard of the session";
    assert_eq!(open(&check(&node)), [guard]);
    // Somebody with whom the account shares its number.
    let number = account(&node);
    let other = started(&node, number, "echo ready; read end || :");
    let report = check(&node);
    assert_eq!(open(&report), ["processes of others", guard], "{report:#}");
    end(other);
    assert_eq!(open(&check(&node)), [guard]);
    // The account has rights that it should not have.
    for right in ["kill", "sys_ptrace"] {
        let script = format!(
            "exec setpriv --reuid {number} --regid {number} --clear-groups --inh-caps +{right} --ambient-caps +{right} \
             /run/byleave/byleave node-session"
        );
        let mut session = node.beside(0, "sh");
        session.args(["-c", &script]).env("SSH_ORIGINAL_COMMAND", "byleave node-session check");
        let output = session.stdin(Stdio::null()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert!(open(&report).contains(&"processes of others"), "{right}: {report:#}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn what_only_namespaces_shut_is_red_without_them() {
    let node = Node::start_on(Kernel::WithoutNamespaces);
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    // The guard has the account's number: without a namespace it can be killed, and the check says so throughout.
    let guard = "guard of the session";
    append(&node, "/etc/passwd", "daemon:x:1:1::/:/usr/sbin/nologin\n");
    append(&node, "/etc/group", "daemon:x:1:\n");
    as_root(
        &node,
        "mkdir -p /etc/pam.d; for all in auth account session; do echo $all required pam_permit.so; done > /etc/pam.d/sudo",
    );
    let sudoers = "umask 337; echo 'byleave ALL=(root) NOPASSWD: /usr/bin/id' > /etc/sudoers";
    let holes = [
        ("sudo", sudoers, "rm /etc/sudoers"),
        ("cron", "mv /etc/cron.deny /root", "mv /root/cron.deny /etc"),
        ("at", ": > /etc/at.deny", "rm /etc/at.deny"),
    ];
    each_is_red(&node, &[guard], &holes);
    // A helper of root that what a session starts can hide behind.
    as_root(&node, "mount -t tmpfs -o mode=755 none /usr/local/bin");
    as_root(&node, "umask 337; echo 'byleave ALL=(root) NOPASSWD: /usr/bin/setsid' > /etc/sudoers");
    as_root(
        &node,
        "echo '#!/bin/sh\nexec sudo -n /usr/bin/setsid \"$@\"' > /usr/local/bin/setsid; chmod 755 /usr/local/bin/setsid",
    );
    let report = check(&node);
    assert_eq!(open(&report), ["sudo", "leftovers", guard], "{report:#}");
}

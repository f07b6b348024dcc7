//! `byleave node check`: green on a node that is set up, red where one wall is missing, and it says which.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::rig::{BYLEAVE, Node};

/// The verdict of a line.
fn verdict<'a>(report: &'a Value, name: &str) -> &'a str {
    let lines = report["lines"].as_array().unwrap();
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("no `{name}`"))["verdict"].as_str().unwrap()
}

fn check(node: &Node) -> Value {
    let output = node.run("byleave node-session check");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(output.status.code(), Some(if report["passed"] == true { 0 } else { 1 }));
    report
}

#[test]
fn a_node_that_is_set_up_is_green_and_every_missing_wall_is_red() {
    let node = Node::start();
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    let report = check(&node);
    assert_eq!(report["passed"], true, "{report:#}");
    for name in [
        "data files",
        "key file",
        "database port",
        "database socket",
        "outside network",
        "loopback network",
        "leftovers",
        "guard of the session",
    ] {
        assert_eq!(verdict(&report, name), "closed", "{report:#}");
    }

    let inside = format!("/proc/{}/root", node.inner());
    let holes: [(&str, &dyn Fn()); 4] = [
        ("key file", &|| mode(&format!("{inside}/etc/mongodb/keyfile"), 0o444)),
        ("data files", &|| mode(&format!("{inside}/var/lib/mongodb/WiredTiger"), 0o644)),
        ("database socket", &|| mode(&format!("{inside}/tmp/mongodb-27017.sock"), 0o777)),
        ("authorized_keys", &|| mode(&format!("{inside}/var/lib/byleave-node/home/.ssh"), 0o777)),
    ];
    for (name, open) in holes {
        open();
        let report = check(&node);
        assert_eq!(report["passed"], false, "{name}: {report:#}");
        assert_eq!(verdict(&report, name), "open", "{report:#}");
    }
    assert_eq!(verdict(&report, "database port"), "closed");
    let firewall = Command::new("nsenter")
        .args(["-t", &node.inner().to_string(), "-n", "nft", "delete", "table", "inet", "byleave"])
        .status()
        .unwrap();
    assert!(firewall.success());
    let report = check(&node);
    assert_eq!(verdict(&report, "database port"), "open", "{report:#}");
    assert_eq!(verdict(&report, "outside network"), "open", "{report:#}");
    assert_eq!(verdict(&report, "loopback network"), "open", "{report:#}");
}

#[test]
fn a_node_on_which_something_that_matters_cannot_be_tried_does_not_pass() {
    let node = Node::start();
    if !node.as_root {
        return eprintln!("skipped: takes root");
    }
    let facts = node.path("etc/byleave/node.json");
    let sound: Value = serde_json::from_str(&fs::read_to_string(&facts).unwrap()).unwrap();
    for (fact, value, name) in [
        ("data", json!(["/var/lib/mongodb", "/nowhere"]), "data files"),
        ("keyFiles", json!([]), "key file"),
        ("keyFiles", json!(["/etc/mongodb/nothing"]), "key file"),
    ] {
        let mut changed = sound.clone();
        changed[fact] = value;
        fs::write(&facts, changed.to_string()).unwrap();
        let report = check(&node);
        assert_eq!((verdict(&report, name), &report["passed"]), ("notTested", &json!(false)), "{report:#}");
    }
    fs::write(&facts, sound.to_string()).unwrap();
    let inside = format!("/proc/{}/root", node.inner());
    fs::remove_file(format!("{inside}/tmp/mongodb-27017.sock")).unwrap();
    assert_eq!(check(&node)["passed"], true, "a socket that has no name can be reached by nobody");
    for pid in node.processes("sample database") {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    node.wait_until_gone("sample database");
    let report = check(&node);
    for name in ["database port", "database socket"] {
        assert_eq!((verdict(&report, name), &report["passed"]), ("notTested", &json!(false)), "{report:#}");
    }
}

#[test]
fn a_machine_without_walls_is_red() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let data = tempfile::tempdir().unwrap();
    fs::set_permissions(data.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(data.path().join("collection-0.wt"), "data").unwrap();
    let mut check = Command::new(BYLEAVE);
    check.args(["node", "check", "--output", "json", "--port", &port, "--data-directory"]).arg(data.path());
    if nix::unistd::geteuid().is_root() {
        check.args(["--as", "nobody"]);
    }
    let output = check.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for name in ["data files", "database port", "loopback network"] {
        assert_eq!(verdict(&report, name), "open", "{report:#}");
    }
    assert_eq!(verdict(&report, "key file"), "notTested", "{report:#}");
}

#[test]
fn a_guard_that_a_session_can_kill_is_red() {
    // A user namespace that allows no further ones stands for a kernel that has none: then there is only the reaper.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" node-session check";
    let mut check = Command::new("unshare");
    check.args(["--user", "--map-root-user", "sh", "-c", script, BYLEAVE]);
    let output = check.stdin(Stdio::null()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict(&report, "guard of the session"), "open", "{report:#}");
    assert_eq!(verdict(&report, "leftovers"), "closed", "{report:#}");
}

fn mode(path: &str, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

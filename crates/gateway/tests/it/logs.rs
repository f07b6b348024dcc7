//! The words `logs` and `logs <name>`: exactly the logs that are open, and nothing else.

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_core::grant::GrantType;
use byleave_core::id::NodeId;
use byleave_core::inventory::{LogKind, NodeCheck};
use byleave_core::session::SessionEnd;
use byleave_gateway::control::Report;

use crate::memory::{NODE, log};
use crate::world::{World, feed, text};

const CLUSTER_HOST: &str = "cluster0.shop.example";
const NODE_HOST: &str = "node-1.shop.example";

fn world_with_logs(content: &[u8]) -> World {
    let world = World::new();
    std::fs::write(world.path("mongod.log"), content).unwrap();
    std::fs::write(world.path("audit.log"), b"audit\n").unwrap();
    let path = |name: &str| world.path(name).display().to_string();
    let logs = vec![
        log("audit", LogKind::Audit, &path("audit.log")),
        log("gone", LogKind::Database, &path("gone.log")),
        log("mongod", LogKind::Database, &path("mongod.log")),
        log("search", LogKind::Other, &path("search.log")),
    ];
    world.memory.change(|facts| facts.cluster.nodes[0].logs = logs);
    world
}

#[test]
fn a_grant_for_logs_lists_and_streams_exactly_database_logs() {
    let content: Vec<u8> = (0..400_000_u32).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
    let world = world_with_logs(&content);
    world.memory.grant(GrantType::DatabaseLogs);
    for host in [CLUSTER_HOST, NODE_HOST] {
        let output = feed(world.ssh_to(host, &[], &["logs"]), b"");
        let expected = format!("gone\tdatabase\t{NODE_HOST}\nmongod\tdatabase\t{NODE_HOST}\n");
        assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
        let output = feed(world.ssh_to(host, &[], &["logs", "mongod"]), b"");
        assert!(output.stdout == content, "{} {}", output.stdout.len(), text(&output.stderr));
        let output = feed(world.ssh_to(host, &[], &[&format!("logs {NODE_HOST}/mongod")]), b"");
        assert!(output.stdout == content);
    }
    let (bytes, sha256) = world.memory.wait_for("a download", |report| match report {
        Report::LogDownloaded { bytes, sha256, .. } => Some((*bytes, *sha256)),
        Report::Closed(_) | Report::Continued { .. } | Report::Denied { .. } | Report::ForwardingRefused { .. } => None,
    });
    assert_eq!(usize::try_from(bytes).unwrap(), content.len());
    assert_eq!(
        sha256,
        *<[u8; 32]>::try_from(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content).as_ref())
            .as_ref()
            .unwrap()
    );
}

#[test]
fn every_other_try_says_what_is_open() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::DatabaseLogs);
    for (arguments, input) in [
        (&["cat", "/etc/passwd"][..], &b""[..]),
        (&[], b"id\n"),
        (&["logs", "audit"], b""),
        (&["logs", "../mongod"], b""),
    ] {
        let output = feed(world.ssh_to(NODE_HOST, &[], arguments), input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains("mongod\tdatabase") && !told.contains("audit.log"), "{arguments:?} {told}");
        assert!(output.stdout.is_empty());
    }
    let output = feed(world.ssh_to(NODE_HOST, &["-s"], &["sftp"]), b"");
    assert_eq!(output.status.code(), Some(1));
    let output = feed(world.ssh_to(NODE_HOST, &[], &["logs", "gone"]), b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the log is not there"), "{}", text(&output.stderr));
}

/// What was refused, and how often.
fn denied(world: &World) -> Vec<(Tried, Option<NodeId>, Denial, i64)> {
    let denied = world.memory.reports().into_iter().filter_map(|report| match report {
        Report::Denied { wanted, node, denial, tries, .. } => Some((wanted, node, denial, tries)),
        Report::Closed(_)
        | Report::Continued { .. }
        | Report::ForwardingRefused { .. }
        | Report::LogDownloaded { .. } => None,
    });
    denied.collect()
}

#[test]
fn a_refused_try_is_reported_by_kind_and_never_by_what_was_typed() {
    for (host, arguments, expected) in [
        (NODE_HOST, &["cat /etc/passwd"][..], (Tried::Node, Some(NODE), Denial::NotCovered)),
        (NODE_HOST, &[], (Tried::Node, Some(NODE), Denial::NotCovered)),
        (CLUSTER_HOST, &["id"], (Tried::Node, None, Denial::NotCovered)),
        (NODE_HOST, &["logs audit"], (Tried::AuditLog, Some(NODE), Denial::NotCovered)),
        (CLUSTER_HOST, &["logs search"], (Tried::OtherLog, Some(NODE), Denial::NotCovered)),
        (NODE_HOST, &["logs Robin-Hale"], (Tried::Log, Some(NODE), Denial::Unknown)),
        (CLUSTER_HOST, &["logs elsewhere.example/mongod"], (Tried::Log, None, Denial::Unknown)),
    ] {
        let world = world_with_logs(b"x");
        world.memory.grant(GrantType::DatabaseLogs);
        let output = feed(world.ssh_to(host, &[], arguments), b"");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let (wanted, node, denial) = expected;
        assert_eq!(world.memory.closed().counters.refused, 1, "{arguments:?}");
        assert_eq!(denied(&world), [(wanted, node, denial, 1)], "{arguments:?}");
    }
    for tool in [&["sftp"][..], &["scp", "-O"], &["scp"]] {
        let world = world_with_logs(b"x");
        world.memory.grant(GrantType::DatabaseLogs);
        let mut command = std::process::Command::new(tool[0]);
        let (port, from) = (world.port().to_string(), format!("{NODE_HOST}@127.0.0.1:/etc/passwd"));
        command.args(world.options()).args(["-P", &port]).args(&tool[1..]).args([from.as_str(), "/dev/null"]);
        assert_ne!(feed(command, b"").status.code(), Some(0), "{tool:?}");
        world.memory.closed();
        assert_eq!(denied(&world), [(Tried::Node, Some(NODE), Denial::NotCovered, 1)], "{tool:?}");
    }
}

#[test]
fn on_a_clusters_host_the_nodes_that_have_the_shell_are_named() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::Infrastructure);
    world.memory.change(|facts| {
        let mut second = facts.cluster.nodes[0].clone();
        (second.id, second.host) = (NodeId::from_bytes([44; 12]), "node-2.shop.example".parse().unwrap());
        let mut unchecked = second.clone();
        (unchecked.id, unchecked.host) = (NodeId::from_bytes([45; 12]), "node-3.shop.example".parse().unwrap());
        unchecked.check = NodeCheck::None;
        facts.cluster.nodes.extend([second, unchecked]);
    });
    for arguments in [&["uptime"][..], &[]] {
        let output = feed(world.ssh_to(CLUSTER_HOST, &[], arguments), b"");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(told.contains("are open to you on: node-1.shop.example, node-2.shop.example. Here"), "{told}");
        assert!(!told.contains("only logs are open") && !told.contains("asks the customer"), "{told}");
    }
    assert!(world.memory.closed_count(2).iter().all(|closed| closed.counters.refused == 0));
    assert_eq!(denied(&world), [], "what is open is not refused");
}

#[test]
fn words_that_are_said_wrongly_are_told_how_and_are_no_tries() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::DatabaseLogs);
    for arguments in [["logs -f mongod"], ["logs -f"], ["logs mongod --help"]] {
        let output = feed(world.ssh_to(NODE_HOST, &[], &arguments), b"");
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.starts_with("byleave: usage: `logs` lists") && told.contains("no log is followed"), "{told}");
    }
    let output = feed(world.ssh_to(NODE_HOST, &[], &["help"]), b"");
    let told = text(&output.stdout);
    assert!(output.status.success() && told.contains("`request --for 4h") && told.contains("`logs <name>`"), "{told}");
    world.memory.closed_count(4);
    assert_eq!(denied(&world), []);
}

#[test]
fn a_granted_node_without_a_passing_check_says_so() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::Infrastructure);
    world.memory.change(|facts| facts.cluster.nodes[0].check = NodeCheck::None);
    let output = feed(world.ssh_to(NODE_HOST, &[], &["true"]), b"");
    let told = text(&output.stderr);
    assert!(told.contains("has not passed its check") && told.contains("administrator"), "{told}");
    assert!(told.contains("`logs` lists them"), "{told}");
}

#[test]
fn a_list_and_an_open_log_are_no_refusals() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::DatabaseLogs);
    for arguments in [["logs"], ["logs mongod"]] {
        assert_eq!(feed(world.ssh_to(NODE_HOST, &[], &arguments), b"").status.code(), Some(0));
    }
    assert!(world.memory.closed_count(2).iter().all(|closed| closed.counters.refused == 0));
    assert_eq!(denied(&world), []);
}

#[test]
fn a_loop_of_tries_in_one_session_is_told_in_few_reports_and_none_is_lost() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::DatabaseLogs);
    let path = format!("ControlPath={}", world.path("master").display());
    let master = world.ssh_to(NODE_HOST, &["-N", "-M", "-o", &path], &[]).spawn().unwrap();
    let master = crate::world::Running(master);
    crate::world::until("the master", || world.path("master").exists());
    let tries = 40;
    for _ in 0..tries {
        let more = ["-o", &path, "-o", "ControlMaster=no", "-o", "ProxyCommand=false"];
        let output = feed(world.ssh_to(NODE_HOST, &more, &["logs audit"]), b"");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    }
    drop(master);
    world.memory.closed();
    let denied = denied(&world);
    assert_eq!(denied.iter().map(|denied| denied.3).sum::<i64>(), tries, "{denied:?}");
    assert_eq!(denied[0].3, 1, "the first at once");
    assert!(denied.len() < 20, "{denied:?}");
}

#[test]
fn a_shell_permit_passes_the_word_to_the_node_and_the_cluster_host_shows_all_logs() {
    let world = world_with_logs(b"x");
    world.memory.grant(GrantType::Infrastructure);
    let output = feed(world.ssh_to(NODE_HOST, &[], &["logs"]), b"");
    assert_eq!(output.status.code(), Some(127), "no such command on the node: {}", text(&output.stderr));
    let output = feed(world.ssh_to(CLUSTER_HOST, &[], &["logs"]), b"");
    assert_eq!(text(&output.stdout).lines().count(), 4);
    let output = feed(world.ssh_to(CLUSTER_HOST, &[], &["logs audit"]), b"");
    assert_eq!(text(&output.stdout), "audit\n", "{}", text(&output.stderr));
}

#[test]
fn a_log_on_its_way_is_cut_when_its_grant_is_revoked() {
    let world = world_with_logs(b"");
    // A log that has no end while the test runs.
    let file = std::fs::File::create(world.path("mongod.log")).unwrap();
    file.set_len(64 << 30).unwrap();
    world.memory.grant(GrantType::DatabaseLogs);
    let mut child = world.ssh_to(NODE_HOST, &[], &["logs", "mongod"]).spawn().unwrap();
    let mut some = vec![0; 1 << 20];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut some).unwrap();
    let running = crate::world::Running(child);
    world.memory.revoke();
    let output = running.wait();
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::Revoked);
    let reports = world.memory.reports();
    assert!(matches!(reports[0], Report::LogDownloaded { bytes, .. } if bytes > 0), "{reports:?}");
}

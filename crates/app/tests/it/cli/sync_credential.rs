//! The customer's own credential for sync data, from the command line: it opens, and stands nowhere.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::story::{Story, event_names};
use super::sync::{HOST, Running, database, engineer, story, sync};
use crate::server::Ran;

const SECRET: &str = "a password of the cluster";

/// Every file below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// Neither what the server keeps and logs, nor what the feed tells, nor what was printed holds the secret.
fn stands_nowhere(story: &Story, printed: &[&Ran]) {
    let log = story.server.data().with_file_name("server.log");
    let mut kept = vec![log];
    files(&story.server.data(), &mut kept);
    files(story.owner.home(), &mut kept);
    assert!(kept.iter().any(|file| file.ends_with("byleave.db")), "{kept:?}");
    for file in kept {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let holds = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!holds, "{} holds it", file.display());
    }
    let events = story.owner.run(&["events", "--limit", "500", "--output", "json"]).ok();
    assert!(events.contains("grant.given") && !events.contains(SECRET), "{events}");
    for ran in printed {
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{} {}", ran.out, ran.err);
    }
}

#[test]
fn a_customers_own_credential_opens_for_one_grant_and_stands_nowhere() {
    let (home, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_database, port, ca) = database(kept.path());
    let story = story(port, &ca);
    let ssh = engineer(&story, &home);
    let own = ["grant", "Shop", "--type", "sync", "--sync-credential", "-"];
    let given = story.owner.type_in(&own, &format!("gateway\n{SECRET}\n"));
    assert_eq!(given.code, 0, "{} {}", given.out, given.err);
    let mut running = Running(sync(&story, &home, &ssh).spawn().unwrap());
    let mut uri = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut uri).unwrap();
    assert!(uri.starts_with("mongodb://"), "it signs in with nothing but that: {uri}");
    let file = kept.path().join("credential");
    std::fs::write(&file, format!("gateway\n{SECRET}\n")).unwrap();
    let again = story.owner.run(&["grant", HOST, "--type", "sync", "--sync-credential", file.to_str().unwrap()]);
    assert_eq!(again.code, 0, "{} {}", again.out, again.err);
    stands_nowhere(&story, &[&given, &again]);
    story.owner.run(&["grant", "Shop", "--type", "sync"]).ok();
    let refused = sync(&story, &home, &ssh).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("no credential for the databases"), "with the next grant it is gone: {told}");
    stands_nowhere(&story, &[]);
}

#[test]
fn a_customers_own_credential_comes_with_the_approval_of_a_request_too() {
    let (home, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_database, port, ca) = database(kept.path());
    let story = story(port, &ca);
    let ssh = engineer(&story, &home);
    let asks = |kind: &str| {
        let mut command = std::process::Command::new("ssh");
        command.args(&ssh).args(["-p", story.server.ssh_port(), &format!("{HOST}@127.0.0.1")]);
        let asked = command.arg(format!("request --for 2h --type {kind} --reason broken")).output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
        let listed = story.owner.run(&["requests", "list", "--output", "json"]).ok();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        listed["results"][0]["id"].as_str().unwrap().to_owned()
    };
    let credential = format!("gateway\n{SECRET}\n");
    let refused = |args: &[&str], told: &str| {
        let ran = story.owner.type_in(args, &credential);
        assert!(ran.code != 0 && ran.err.contains(told), "{args:?}: {} {}", ran.out, ran.err);
        assert!(!ran.err.contains(SECRET), "{}", ran.err);
    };
    let of_nodes = asks("infrastructure");
    refused(
        &["requests", "approve", &of_nodes, "--sync-credential", "-"],
        "can only be given with a grant of sync data",
    );
    let id = asks("sync");
    let less = ["requests", "approve", &id, "--type", "infrastructure", "--sync-credential", "-"];
    refused(&less, "--sync-credential can only be given with --type sync");
    let approved = story.owner.type_in(&["requests", "approve", &id, "--sync-credential", "-"], &credential);
    assert_eq!(approved.code, 0, "{} {}", approved.out, approved.err);
    let mut running = Running(sync(&story, &home, &ssh).spawn().unwrap());
    let mut uri = String::new();
    BufReader::new(running.0.stdout.as_mut().unwrap()).read_line(&mut uri).unwrap();
    assert!(uri.starts_with("mongodb://"), "it signs in with nothing but that: {uri}");
    stands_nowhere(&story, &[&approved]);
}

#[test]
fn a_credential_that_cannot_be_one_is_refused_before_anything_is_granted() {
    let (_database, story) = {
        let directory = tempfile::tempdir().unwrap();
        let found = database(directory.path());
        let story = story(found.1, &found.2);
        ((found, directory), story)
    };
    let refused = |args: &[&str], input: &str, told: &str| {
        let ran = story.owner.type_in(args, input);
        assert!(ran.code != 0 && ran.err.contains(told), "{args:?}: {} {}", ran.out, ran.err);
        assert!(!ran.err.contains(SECRET) && !ran.out.contains(SECRET), "{} {}", ran.out, ran.err);
    };
    let credential = format!("gateway\n{SECRET}\n");
    let own = ["grant", "Shop", "--type", "sync", "--sync-credential", "-"];
    refused(&["grant", "Shop", "--sync-credential", "-"], &credential, "only be given with --type sync");
    refused(&own, &format!("{credential}more\n"), "a user name and, on the next line, its password; or PEM");
    refused(&own, SECRET, "a user name and, on the next line, its password; or PEM");
    refused(&own, &format!("gateway\n{}\n", SECRET.repeat(20)), "syncCredential.password");
    refused(
        &["grant", "Shop", "--type", "sync", "--sync-credential", "/no/such/file"],
        "",
        "`/no/such/file` cannot be read",
    );
    assert!(!event_names(&story.owner).iter().any(|name| name == "grant.given"));
}

#[test]
fn sync_data_is_not_granted_where_the_inventory_names_none() {
    let story = super::story::begin_with(super::story::INVENTORY);
    for blocked in [false, true] {
        if blocked {
            story.owner.run(&["block"]).ok();
        }
        let ran = story.owner.run(&["grant", "Shop", "--type", "sync"]);
        let told = ran.fails(1);
        assert!(told.contains("no App Services sync data in the inventory"), "blocked {blocked}: {told}");
    }
    assert!(!event_names(&story.owner).iter().any(|name| name == "grant.given"));
}

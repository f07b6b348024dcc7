//! The demo as a program that others start: what it prints, and how it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::Value;

/// The demo reads its standard input only to see its end: a signal must not wait for that.
#[test]
fn the_demo_ends_on_a_signal_while_its_input_is_open() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_byleave"))
        .args(["demo", "--no-story", "--output", "json"])
        // As root after `su`: what the administrator's programs are is not in it.
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = demo.stdin.take();
    let mut line = String::new();
    BufReader::new(demo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let facts: Value = serde_json::from_str(&line).unwrap();
    assert!(facts["url"].is_string() && facts["ssh"]["identityFile"].is_string(), "{facts}");
    assert_eq!(client_credentials(&facts), [200, 200, 401]);
    let firewall = Command::new("/usr/sbin/nft").args(["list", "ruleset"]).output();
    let has_walls = geteuid().is_root() && firewall.is_ok_and(|output| output.status.success());
    assert_eq!(node_check(&facts), if has_walls { "passed" } else { "risk accepted" });
    kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), Signal::SIGTERM).unwrap();
    // A demo that hangs is ended by the test's time limit.
    assert!(demo.wait().unwrap().success());
    drop(input);
}

/// What the latest check of the demo's node found.
fn node_check(facts: &Value) -> String {
    let text = |name: &str| facts[name].as_str().unwrap().to_owned();
    let listed = Command::new(env!("CARGO_BIN_EXE_byleave"))
        .args(["clusters", "show", "Shop", "--output", "json"])
        .env("BYLEAVE_SERVER", text("url"))
        .env("BYLEAVE_PUBLIC_KEY", text("publicKey"))
        .env("BYLEAVE_PRIVATE_KEY", text("privateKey"))
        .env("HOME", std::env::temp_dir())
        .output()
        .unwrap();
    let cluster: Value = serde_json::from_slice(&listed.stdout).unwrap();
    cluster["nodes"][0]["check"].as_str().unwrap().to_owned()
}

/// What a program gets that signs in as the demo's service account: for its token, with it, and with another.
fn client_credentials(facts: &Value) -> [u16; 3] {
    let text = |name: &str| facts[name].as_str().unwrap().to_owned();
    let (url, id, secret) = (text("url"), text("clientId"), text("clientSecret"));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let form = "grant_type=client_credentials";
        let ask = http.post(format!("{url}/api/oauth/token")).basic_auth(id, Some(secret)).body(form);
        let issued = ask.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let status = issued.status().as_u16();
        let token: Value = serde_json::from_str(&issued.text().await.unwrap()).unwrap();
        let group = format!("{url}/api/atlas/v2/groups/{}/clusters", text("groupId"));
        let get = async |token: &str| {
            let get = http.get(&group).header("accept", "application/vnd.atlas.2025-03-12+json").bearer_auth(token);
            get.send().await.unwrap().status().as_u16()
        };
        [status, get(token["access_token"].as_str().unwrap()).await, get("mdb_sa_at_0").await]
    })
}

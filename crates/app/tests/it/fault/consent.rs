//! The administrator tries everything to consent, by every verb of the command line. What the calls of the API refuse is
//! in the web's and the store's tests.

use std::fs;

use crate::cli::story::event_names;
use crate::fault::scene::{NODE, Scene};
use crate::server::Person;

const OWNER: &str = "mia@harbour-books.example";

/// What is typed, with the exit codes that are refusals of it: 3 denied, 4 nothing that one may know of, 1 refused by a
/// rule.
fn tries(token: &str, inventories: &[String]) -> Vec<(Vec<String>, &'static [i32])> {
    let lines: [(&[&str], &[i32]); 26] = [
        (&["block"], &[3, 4]),
        (&["unblock"], &[3, 4]),
        (&["grant", "Shop"], &[3, 4]),
        (&["grant", NODE, "--type", "logs", "--for", "1m"], &[3, 4]),
        (&["revoke", "Shop"], &[3, 4]),
        (&["organizations", "longest-grant", "24h"], &[3, 4]),
        (&["organizations", "invite-owner", "eve@acme.example"], &[1, 3, 4]),
        (&["users", "list"], &[3, 4]),
        (&["users", "invite", "eve@acme.example", "--role", "ORG_OWNER"], &[3, 4]),
        (&["users", "invite", "eve@acme.example", "--role", "Web shop:GROUP_SUPPORT_ACCESS_MANAGER"], &[3, 4]),
        (&["users", "roles", OWNER, "--role", "ORG_READ_ONLY"], &[3, 4]),
        (&["users", "remove", OWNER], &[3, 4]),
        (&["api-keys", "list"], &[3, 4]),
        (&["api-keys", "add", "a way in", "--role", "ORG_OWNER"], &[3, 4]),
        (&["nodes", "accept-risk", NODE, "--reason", "trust me"], &[3, 4]),
        (&["claim", token, "--password-stdin"], &[1, 3, 4]),
        (&["sign-in", OWNER, "--password-stdin"], &[3]),
        (&["change-password", "--password-stdin"], &[2, 3]),
        (&["employees", "add", OWNER], &[0]),
        (&["sign-in", "eve@acme.example", "--password-stdin"], &[3]),
        (&["clock", "leave-doubt"], &[1]),
        (&["evidence", "export"], &[3, 4]),
        (&["sessions", "recording", "000000000000000000000000", "--to", "."], &[3, 4]),
        (&["organizations", "invite", "Harbour Books", OWNER], &[1]),
        (&["organizations", "invite", "Another Name", OWNER], &[1]),
        (&["api", "PUT", "/api/byleave/v1/inventory"], &[1, 4]),
    ];
    let mut all: Vec<(Vec<String>, &[i32])> =
        lines.iter().map(|(line, codes)| (line.iter().map(|word| (*word).to_owned()).collect(), *codes)).collect();
    for file in inventories {
        all.push((["inventory", "apply", file, "--prune"].map(str::to_owned).to_vec(), &[1, 2]));
    }
    all
}

/// Inventories that would widen a consent or move it to somebody else.
fn tricks(scene: &Scene) -> Vec<String> {
    let sound = fs::read_to_string(scene.administrator.home().join("inventory.toml")).unwrap();
    let twin = sound.replace("Harbour Books", "Evil Twin");
    let other_host = twin.replace("shop.harbour-books.example", "evil.example");
    [
        ("moved", twin.clone()),
        ("twice", format!("{sound}\n{twin}")),
        ("node-twice", format!("{sound}\n{}", other_host.replace("Shop", "Evil"))),
        ("reserved", sound.replace("app-sync-*", "admin")),
        ("everything", sound.replace("app-sync-*", "*")),
    ]
    .iter()
    .map(|(name, text)| {
        let file = scene.administrator.home().join(format!("{name}.toml"));
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    })
    .collect()
}

/// Fault: the vendor's administrator, with the server's data directory, tries every verb that consents or takes over
/// who consents, and inventories that widen.
///
/// Expected: each is refused, and the customer's log shows nothing but what was tried and seen of the installation's
/// own: no grant, no block changed, no user, role, key or risk.
#[test]
fn an_administrator_cannot_consent_by_any_verb() {
    let scene = Scene::begin();
    scene.administrator.run(&["organizations", "invite", "Evil Twin", "eve@twin.example"]).ok();
    let token = fs::read_to_string(scene.server.data().join("admin.token")).unwrap();
    let before = (event_names(&scene.owner), scene.is_blocked());
    for (line, refusals) in tries(token.trim(), &tricks(&scene)) {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let ran = scene.administrator.type_in(&words, "a password that is guessed");
        assert!(refusals.contains(&ran.code), "{line:?}: {ran:#?}");
    }
    // The token in the place of a customer's.
    let disguised = scene.server.anybody().with("BYLEAVE_TOKEN", token.trim()).with("BYLEAVE_ORG", "Harbour Books");
    let disguised: &Person = &disguised;
    for line in [["grant", "Shop"], ["revoke", "Shop"], ["unblock", "--output=text"]] {
        let ran = disguised.run(&line);
        assert!(matches!(ran.code, 3 | 4), "{line:?}: {ran:#?}");
    }
    assert_eq!((event_names(&scene.owner), scene.is_blocked()), before);
    assert_eq!(scene.in_force().len(), 0);
    let refused = scene.ssh("echo in").ends();
    assert!(refused.code != 0 && refused.heard.is_empty(), "{refused:?}");
    assert!(scene.signed_in.run(&["users", "list"]).ok().contains(OWNER));
    scene.assert_evidence();
}

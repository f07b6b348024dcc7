//! The main story told with nothing but the command line: an administrator sets up, a customer decides and proves.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::{Person, Server};

pub(crate) const OWNER: &str = "mia@harbour-books.example";
pub(crate) const PASSWORD: &str = "a harbour at dawn";

/// A server with one organization, its owner signed in, and one cluster. Tests keep all of it: a dropped server stops.
pub(crate) struct Story {
    pub(crate) server: Server,
    pub(crate) administrator: Person,
    pub(crate) owner: Person,
}

fn begin() -> Story {
    begin_with(INVENTORY)
}

/// Begins with another inventory.
pub(crate) fn begin_with(inventory: &str) -> Story {
    begin_on(Server::start(), inventory)
}

/// Begins on a server that has started.
pub(crate) fn begin_on(server: Server, inventory: &str) -> Story {
    let administrator = server.administrator();
    let invited = administrator.run(&["organizations", "invite", "Harbour Books", OWNER, "--output", "json"]).json();
    let owner = server.anybody();
    let token = invited["token"].as_str().unwrap();
    owner.type_in(&["claim", token, "--password-stdin"], PASSWORD).ok();
    sign_in(&owner);
    let file = administrator.home().join("inventory.toml");
    std::fs::write(&file, inventory).unwrap();
    administrator.run(&["inventory", "apply", file.to_str().unwrap()]).ok();
    Story { server, administrator, owner }
}

/// Signs the owner in.
pub(crate) fn sign_in(owner: &Person) {
    owner.type_in(&["sign-in", OWNER, "--password-stdin"], PASSWORD).ok();
}

pub(crate) const INVENTORY: &str = r#"
[[cluster]]
organization = "Harbour Books"
project = "Web shop"
name = "Shop"
host = "shop.harbour-books.example"

[[cluster.node]]
host = "shop-0.harbour-books.example"
address = "127.0.0.1:9"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

[[cluster.node.log]]
name = "mongod"
kind = "database"
path = "/var/log/mongodb/mongod.log"
"#;

/// The names of all events, oldest first.
pub(crate) fn event_names(person: &Person) -> Vec<String> {
    let out = person.run(&["events", "--limit", "500", "--output", "json"]).ok();
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_customer_blocks_grants_watches_and_revokes() {
    let Story { server: _server, administrator: _administrator, owner } = begin();
    assert!(owner.run(&["block"]).ok().contains("support is blocked"));
    assert!(owner.run(&["clusters", "list"]).ok().contains("nothing"));
    let granted =
        owner.run(&["grant", "Shop", "--type", "logs", "--for", "2h", "--case", "0042", "--output", "json"]).json();
    assert_eq!(granted["grant"]["grantType"], "CLUSTER_DATABASE_LOGS");
    assert_eq!(granted["grant"]["case"], "0042");
    let watched = owner.run(&["watch", "shop.harbour-books.example", "--once", "--output", "json"]).json();
    let left = watched["remainingMs"].as_i64().unwrap();
    assert!((7_100_000..=7_200_000).contains(&left), "{left}");
    assert!(owner.run(&["grants", "--active"]).ok().contains("logs"));
    assert!(owner.run(&["revoke", "Shop"]).ok().contains("revoked on `Shop`"));
    assert!(owner.run(&["revoke", "Shop"]).ok().contains("nothing was in force"), "revoking twice is no fault");
    assert!(owner.run(&["watch", "Shop"]).ok().contains("no grant is in force"));
    assert!(owner.run(&["grants"]).ok().contains("revoked"));
    owner.run(&["unblock"]).ok();
    let names = event_names(&owner);
    for wanted in
        ["organization.claimed", "organization.blocked", "grant.given", "grant.revoked", "organization.unblocked"]
    {
        assert_eq!(names.iter().filter(|name| *name == wanted).count(), 1, "{wanted} once in {names:?}");
    }
}

#[test]
fn the_feed_calls_things_by_their_names() {
    let Story { server, administrator: _administrator, owner } = begin();
    let role = "Web shop:GROUP_READ_ONLY";
    owner.run(&["users", "invite", "ada@harbour-books.example", "--role", role]).ok();
    let key = owner.run(&["api-keys", "add", "pipeline", "--role", "ORG_OWNER", "--output", "json"]).json();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let (public, private) = (text("publicKey"), text("privateKey"));
    let pipeline = server.anybody().with("BYLEAVE_PUBLIC_KEY", &public).with("BYLEAVE_PRIVATE_KEY", private);
    pipeline.run(&["grant", "Shop", "--type", "logs"]).ok();
    let told = owner.run(&["events"]).ok();
    let line = |event: &str| told.lines().find(|line| line.contains(event)).unwrap().to_owned();
    assert!(
        line("node.added").contains("cluster=Shop") && line("node.added").contains("project=\"Web shop\""),
        "{told}"
    );
    assert!(line("organization.claimed").contains(&format!("owner={OWNER}")), "{told}");
    assert!(line("user.invited").contains("GROUP_READ_ONLY:Web shop"), "{told}");
    let granted = line("grant.given");
    assert!(granted.contains(&public) && granted.contains("cluster=Shop"), "{granted}");
    let json = owner.run(&["events", "--output", "json"]).ok();
    let granted = json.lines().find(|line| line.contains("grant.given")).unwrap();
    let granted: Value = serde_json::from_str(granted).unwrap();
    let (cluster, by) = (granted["data"]["cluster"].as_str().unwrap(), granted["by"].as_str().unwrap());
    assert_eq!(granted["names"][cluster], "Shop", "programs get both: {granted}");
    assert_eq!(granted["names"][by.strip_prefix("api-key:").unwrap()], public.as_str(), "{granted}");
}

#[test]
fn the_feed_keeps_the_names_of_what_was_removed() {
    let Story { server, administrator, owner } = begin();
    let key = owner.run(&["api-keys", "add", "pipeline", "--role", "ORG_OWNER", "--output", "json"]).json();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let (public, private) = (text("publicKey"), text("privateKey"));
    let pipeline = server.anybody().with("BYLEAVE_PUBLIC_KEY", &public).with("BYLEAVE_PRIVATE_KEY", private);
    pipeline.run(&["grant", "Shop", "--type", "logs"]).ok();
    owner.run(&["api-keys", "remove", &public]).ok();
    let file = administrator.home().join("inventory.toml");
    std::fs::write(&file, "").unwrap();
    administrator.run(&["inventory", "apply", file.to_str().unwrap(), "--prune"]).ok();
    let told = owner.run(&["events"]).ok();
    let line = |event: &str| told.lines().find(|line| line.contains(event)).unwrap().to_owned();
    let granted = line("grant.given");
    assert!(granted.contains(&format!("  {public}  ")), "{granted}");
    assert!(granted.contains("cluster=Shop") && granted.contains("project=\"Web shop\""), "{granted}");
    assert!(line("api_key.removed").contains(&format!("apiKey={public}")), "{told}");
    assert!(line("cluster.removed").contains("cluster=Shop"), "{told}");
    assert!(line("node.added").contains("node=shop-0.harbour-books.example"), "{told}");
}

#[test]
fn a_second_organization_of_one_name_is_asked_for() {
    let Story { server: _server, administrator, owner: _owner } = begin();
    let err = administrator.run(&["organizations", "invite", "Harbour Books", "eve@other.example"]).fails(1);
    for part in ["an organization of this name exists", "invite-owner eve@other.example --org", "--another"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let listed = administrator.run(&["organizations", "list", "--output", "json"]).json();
    assert_eq!(listed["results"].as_array().unwrap().len(), 1, "{listed}");
    administrator.run(&["organizations", "invite", "Harbour Books", "eve@other.example", "--another"]).ok();
    administrator.run(&["organizations", "settings", "--org", "Harbour Books"]).fails(2);
}

#[test]
fn exit_codes_tell_what_kind_of_no_it_was() {
    let Story { server, administrator, owner } = begin();
    let err = owner.run(&["grant", "Shpo"]).fails(4);
    assert!(err.contains("`Shop`"), "the known ones are named: {err}");
    owner.run(&["grants", "--org", "Nobody"]).fails(4);
    server.anybody().run(&["grants", "--org", "000000000000000000000000"]).fails(3);
    server.anybody().with("BYLEAVE_TOKEN", "made up").run(&["grants", "--org", "000000000000000000000000"]).fails(3);
    let err = server.anybody().type_in(&["sign-in", OWNER, "--password-stdin"], "wrong password").fails(3);
    assert!(!err.contains("wrong password"), "a password is never shown: {err}");
    // The administrator runs the installation and has no say.
    for args in [vec!["block"], vec!["grant", "Shop"], vec!["revoke", "Shop"]] {
        let ran = administrator.run(&args);
        assert!(matches!(ran.code, 3 | 4), "{args:?}: {ran:#?}");
    }
    assert!(!event_names(&owner).iter().any(|name| name == "grant.given" || name == "organization.blocked"));
}

#[test]
fn a_person_changes_their_password_and_is_signed_out_elsewhere() {
    let Story { server, administrator: _administrator, owner } = begin();
    let other = server.anybody();
    other.type_in(&["sign-in", OWNER, "--password-stdin"], PASSWORD).ok();
    let change = |lines: &str| owner.type_in(&["change-password", "--password-stdin"], lines);
    let err = change(&format!("{PASSWORD}\nshort")).fails(1);
    assert!(err.contains("must have 12 to 128 characters"), "{err}");
    let err = change("wrong password\na lighthouse at dusk").fails(3);
    assert!(!err.contains("lighthouse") && !err.contains("wrong password"), "a password is never shown: {err}");
    change("only one line").fails(2);
    assert!(change(&format!("{PASSWORD}\na lighthouse at dusk\n")).ok().contains("everywhere else"));
    owner.run(&["clusters", "list"]).ok();
    other.run(&["clusters", "list"]).fails(3);
    other.type_in(&["sign-in", OWNER, "--password-stdin"], PASSWORD).fails(3);
    other.type_in(&["sign-in", OWNER, "--password-stdin"], "a lighthouse at dusk").ok();
    assert_eq!(event_names(&owner).last().map(String::as_str), Some("user.password_changed"));
}

#[test]
fn an_owner_helps_somebody_who_lost_their_password() {
    let Story { server, administrator, owner } = begin();
    let (ada, name) = (server.anybody(), "ada@harbour-books.example");
    let invited = owner.run(&["users", "invite", name, "--role", "ORG_OWNER", "--output", "json"]).json();
    ada.type_in(&["claim", invited["token"].as_str().unwrap(), "--password-stdin"], "another fine password").ok();
    ada.type_in(&["sign-in", name, "--password-stdin"], "another fine password").ok();
    administrator.run(&["users", "reset-password", name]).fails(3);
    assert!(owner.run(&["users", "resets"]).ok().contains("no open links"));
    let lost = owner.run(&["users", "reset-password", name, "--output", "json"]).json();
    let open = owner.run(&["users", "resets"]).ok();
    assert!(
        open.contains(name) && open.contains("MADE BY") && !open.contains(lost["token"].as_str().unwrap()),
        "{open}"
    );
    administrator.run(&["users", "withdraw-reset", name]).fails(3);
    assert!(owner.run(&["users", "withdraw-reset", name]).ok().contains("opens nothing any more"));
    owner.run(&["users", "withdraw-reset", name]).fails(4);
    ada.type_in(&["claim", lost["token"].as_str().unwrap(), "--password-stdin"], "a lighthouse at dusk").fails(4);
    let link = owner.run(&["users", "reset-password", name, "--output", "json"]).json();
    // On a machine that knows the organization's log, though the sign-in there ends with this.
    let url = format!("https://byleave.vendor.example/invitations/{}", link["token"].as_str().unwrap());
    let chosen = ada.type_in(&["claim", &url, "--password-stdin"], "a lighthouse at dusk");
    assert!(chosen.err.contains("a new password"), "{chosen:#?}");
    chosen.ok();
    ada.run(&["clusters", "list"]).fails(3);
    ada.type_in(&["sign-in", name, "--password-stdin"], "a lighthouse at dusk").ok();
    let names = event_names(&ada);
    assert!(
        names.ends_with(&["user.password_reset_offered".to_owned(), "user.password_reset".to_owned()]),
        "{names:?}"
    );
}

#[test]
fn an_api_key_does_what_its_roles_allow() {
    let Story { server, administrator: _administrator, owner } = begin();
    let made = owner.run(&["api-keys", "add", "pipeline", "--role", "ORG_READ_ONLY", "--output", "json"]).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let reader =
        server.anybody().with("BYLEAVE_PUBLIC_KEY", text("publicKey")).with("BYLEAVE_PRIVATE_KEY", text("privateKey"));
    assert!(reader.run(&["clusters", "list"]).ok().contains("Shop"));
    let err = reader.run(&["grant", "Shop"]).fails(3);
    assert!(err.contains(&text("publicKey")), "whoever asked is named: {err}");
    let orgs = reader.run(&["api", "GET", "/api/atlas/v2/orgs"]).json();
    assert_eq!(orgs["results"][0]["name"], "Harbour Books");
    assert!(owner.run(&["api-keys", "list"]).ok().contains("pipeline"));
    owner.run(&["api-keys", "remove", &text("publicKey")]).ok();
    reader.run(&["clusters", "list"]).fails(3);
}

#[test]
fn employees_come_with_a_key_and_go() {
    let Story { server: _server, administrator, owner: _owner } = begin();
    let key = administrator.home().join("key.pub");
    std::fs::write(
        &key,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyCZRWrXwVKbGDQYUGqfBL7fjEHoRsTuDaZ9cDnk1GV robin@laptop\n",
    )
    .unwrap();
    let key = key.to_str().unwrap();
    administrator.run(&["employees", "add", "Robin Hale", "--key", key]).ok();
    assert!(administrator.run(&["employees", "list"]).ok().contains("Robin Hale"));
    administrator.run(&["employees", "disable", "Robin Hale"]).ok();
    assert!(administrator.run(&["employees", "list"]).ok().contains("no"));
    administrator.run(&["employees", "enable", "Robin Hale"]).ok();
    administrator.run(&["employees", "keys", "remove", "Robin Hale", key]).ok();
    administrator.run(&["employees", "disable", "Nobody"]).fails(4);
}

#[test]
fn people_are_invited_with_roles() {
    let Story { server, administrator: _administrator, owner } = begin();
    let role = "Web shop:GROUP_SUPPORT_ACCESS_MANAGER";
    let invited =
        owner.run(&["users", "invite", "ada@harbour-books.example", "--role", role, "--output", "json"]).json();
    assert!(owner.run(&["users", "invitations"]).ok().contains("ada@"));
    let ada = server.anybody();
    ada.type_in(&["claim", invited["token"].as_str().unwrap(), "--password-stdin"], "another fine password").ok();
    ada.type_in(&["sign-in", "ada@harbour-books.example", "--password-stdin"], "another fine password").ok();
    ada.run(&["grant", "Shop", "--for", "5m"]).ok();
    ada.run(&["block"]).fails(3);
    let told = ada.run(&["revoke", "Shop"]).ok();
    assert!(told.contains("support is not blocked") && told.contains("byleave block"), "{told}");
    owner.run(&["block"]).ok();
    assert!(!owner.run(&["grant", "Shop"]).ok().contains("support is not blocked"), "the grant is what opens");
    let told = owner.run(&["grant", "Shop", "--type", "logs"]).ok();
    assert!(told.contains("takes the place of"), "{told}");
    let again = owner.run(&["users", "invite", "eve@wrong.example", "--role", "ORG_OWNER", "--output", "json"]).json();
    owner.run(&["users", "withdraw", "eve@wrong.example"]).ok();
    owner.run(&["users", "withdraw", "eve@wrong.example"]).fails(4);
    let eve = server.anybody();
    eve.type_in(&["claim", again["token"].as_str().unwrap(), "--password-stdin"], "another fine password").fails(4);
    owner.run(&["users", "remove", "ada@harbour-books.example"]).ok();
    ada.run(&["clusters", "list"]).fails(3);
    assert!(owner.run(&["grants", "--active"]).ok().contains("logs"), "grants stand");
    owner.run(&["sign-out"]).ok();
    owner.run(&["grants"]).fails(3);
}

#[test]
fn a_plan_changes_nothing_and_prune_is_asked_for() {
    let Story { server: _server, administrator, owner } = begin();
    let file = administrator.home().join("inventory.toml");
    let path = file.to_str().unwrap();
    assert!(administrator.run(&["inventory", "plan", path]).ok().contains("nothing to change"));
    std::fs::write(&file, INVENTORY.replace("127.0.0.1:9", "127.0.0.1:10")).unwrap();
    assert!(administrator.run(&["inventory", "plan", path]).ok().contains("127.0.0.1:10"));
    assert!(owner.run(&["clusters", "show", "Shop"]).ok().contains("127.0.0.1:9,"), "a plan changes nothing");
    std::fs::write(&file, "").unwrap();
    assert!(administrator.run(&["inventory", "apply", path]).ok().contains("kept"), "nothing goes without --prune");
    assert!(owner.run(&["clusters", "list"]).ok().contains("Shop"));
    administrator.run(&["inventory", "apply", path, "--prune"]).ok();
    assert!(owner.run(&["clusters", "list"]).ok().contains("no clusters"));
}

#[test]
fn evidence_is_exported_and_verified_against_kept_anchors() {
    let Story { server: _server, administrator: _administrator, owner } = begin();
    owner.run(&["block"]).ok();
    owner.run(&["grant", "Shop"]).ok();
    owner.run(&["revoke", "Shop"]).ok();
    let in_home = |name: &str| -> PathBuf { owner.home().join(name) };
    let (file, key) = (in_home("evidence.json"), in_home("byleave.vkey"));
    owner.run(&["evidence", "export", "--to", file.to_str().unwrap()]).ok();
    let first = std::fs::read(&file).unwrap();
    owner.run(&["unblock"]).ok();
    let err = owner.run(&["evidence", "export", "--to", file.to_str().unwrap()]).fails(2);
    assert!(err.contains("there already") && err.contains("--force"), "{err}");
    assert_eq!(std::fs::read(&file).unwrap(), first, "an earlier export is not overwritten");
    owner.run(&["evidence", "export", "--to", file.to_str().unwrap(), "--force"]).ok();
    assert_ne!(std::fs::read(&file).unwrap(), first);
    assert!(owner.run(&["evidence", "export", "--to", "/dev/stdout"]).ok().starts_with('{'), "a pipe holds nothing");
    let printed = owner.run(&["evidence", "export", "--to", "-"]).json();
    assert!(printed["entries"].is_array() && !Path::new("-").exists(), "it is printed, not a file of that name");
    std::fs::write(&key, owner.run(&["evidence", "key"]).ok()).unwrap();
    let anchors = in_home(".local/share/byleave/anchors.jsonl");
    assert!(std::fs::read_to_string(&anchors).unwrap().lines().count() >= 3, "each answer left an anchor");
    let verify = |file: &str| {
        let (key, anchors) = (key.to_str().unwrap(), anchors.to_str().unwrap());
        // Verifying needs no server and no credentials.
        Person::new().run(&["evidence", "verify", file, "--key", key, "--anchor", anchors])
    };
    assert!(verify(file.to_str().unwrap()).ok().starts_with("verified"));
    let err = Person::new().run(&["evidence", "verify", file.to_str().unwrap()]);
    assert!(err.out.starts_with("consistent, not authenticated") && err.code == 1, "{err:#?}");
    let (empty, key_file) = (in_home("empty.jsonl"), key.to_str().unwrap());
    std::fs::write(&empty, "\n").unwrap();
    let with_empty = ["evidence", "verify", file.to_str().unwrap(), "--key", key_file, "--anchor"];
    let err = Person::new().run(&[with_empty.as_slice(), &[empty.to_str().unwrap()]].concat()).fails(2);
    assert!(err.contains("holds no anchor"), "{err}");
    let withheld = in_home("withheld.json");
    let mut bundle: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(bundle["rights"], "whole");
    bundle["entries"][2].as_object_mut().unwrap().retain(|name, _| name == "hash");
    std::fs::write(&withheld, bundle.to_string()).unwrap();
    let ran = verify(withheld.to_str().unwrap());
    assert!(ran.code == 1 && ran.out.contains("entry 2: the entry is withheld"), "{ran:#?}");
    bundle["rights"] = "projects".into();
    std::fs::write(&withheld, bundle.to_string()).unwrap();
    let ran = Person::new().run(&["evidence", "verify", withheld.to_str().unwrap(), "--key", key_file, "--whole"]);
    assert!(ran.code == 1 && ran.out.contains("entry 2: the entry is withheld"), "{ran:#?}");
    let tampered = in_home("tampered.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen("organization.blocked", "organization.unblocked", 1);
    assert_ne!(text, changed);
    std::fs::write(&tampered, changed).unwrap();
    let ran = verify(tampered.to_str().unwrap());
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.out.contains("wrong: entry "), "the entry is named: {}", ran.out);
}

#[test]
fn a_backup_restored_silently_is_found_at_the_next_command() {
    let Story { mut server, administrator: _administrator, owner } = begin();
    owner.run(&["block"]).ok();
    let backup = tempfile::tempdir().unwrap();
    server.while_stopped(|data| copy(data, backup.path()));
    owner.run(&["grant", "Shop"]).ok();
    owner.run(&["revoke", "Shop"]).ok();
    server.while_stopped(|data| {
        std::fs::remove_dir_all(data).unwrap();
        copy(backup.path(), data);
    });
    let err = owner.run(&["events"]).fails(1);
    assert!(err.contains("not to be believed") && err.contains("older backup"), "{err}");
    // Closing the door never waits for that.
    let ran = owner.run(&["revoke", "Shop"]);
    assert!(ran.out.contains("nothing was in force") && ran.code == 1, "{ran:#?}");
}

/// Copies a folder with the modes of its files.
pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
    let source = format!("{}/.", from.display());
    assert!(std::process::Command::new("cp").args(["-a", &source]).arg(to).status().unwrap().success());
}

//! `byleave doctor`: each thing that can be wrong with an installation is made wrong, and it says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::story::{INVENTORY, Story, begin_with, copy};
use crate::server::{BYLEAVE, Person, Ran};

/// The findings that are not good: verdict, name and text with advice.
fn findings(ran: &Ran) -> Vec<(String, String, String)> {
    let all: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let all = all["results"].as_array().unwrap().iter().filter(|finding| finding["verdict"] != "good");
    all.map(|one| (word(one, "verdict"), word(one, "name"), word(one, "text") + " " + &word(one, "advice"))).collect()
}

fn sql(data: &Path, statement: &str) {
    let ran = Command::new("sqlite3").arg(data.join("byleave.db")).arg(statement).output();
    let ran = ran.expect("sqlite3 is needed for this test; install the package sqlite3");
    assert!(ran.status.success(), "{statement}: {ran:?}");
}

fn close(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn doctor_finds_a_sound_installation_sound() {
    let Story { server, administrator, owner: _owner } = begin_with(INVENTORY);
    let ran = administrator.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    for line in [
        "good   state and log: agree:",
        "good   ready: ",
        "good   server: one runs",
        "good   host key: ssh-ed25519 ",
        "good   kept time: ",
        "good   schema: ",
        "good   what was recorded: 0 recordings are there",
        "look   nodes: never checked",
    ] {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(!ran.out.contains("WRONG"), "{}", ran.out);
    let ran = server.anybody().run(&["doctor"]);
    assert!(
        ran.code == 0 && !ran.out.contains("state and log"),
        "without the directory it looks from outside: {ran:#?}"
    );
}

/// Something that is broken: where it is broken, and what is said of it.
type Case = (fn(&Path), &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    (|data| close(data, 0o755), "wrong", "data directory", "chmod 700"),
    (|data| close(&data.join("admin.token"), 0o644), "wrong", "admin.token", "chmod 600"),
    (|data| close(&data.join("seal.key"), 0o640), "wrong", "seal.key", "chmod 600"),
    (|data| close(&data.join("ssh_host_ed25519_key"), 0o604), "wrong", "ssh_host_ed25519_key", "chmod 600"),
    (|data| close(&data.join("byleave.db"), 0o644), "wrong", "byleave.db", "chmod 600"),
    (
        |data| {
            fs::rename(data.join("seal.key"), data.join("elsewhere")).unwrap();
            symlink("elsewhere", data.join("seal.key")).unwrap();
        },
        "wrong",
        "seal.key",
        "is a link",
    ),
    (|data| fs::remove_file(data.join("seal.key")).unwrap(), "wrong", "sealing key", "restore it"),
    (|data| fs::write(data.join("seal.key"), "short").unwrap(), "wrong", "sealing key", "is damaged"),
    (|data| fs::write(data.join("seal.key"), "ab".repeat(32)).unwrap(), "wrong", "state and log", "does not open"),
    (|data| fs::write(data.join("ssh_host_ed25519_key"), "no key").unwrap(), "wrong", "host key", "is no ed25519 key"),
    (|data| fs::remove_file(data.join("ssh_host_ed25519_key")).unwrap(), "warning", "host key", "restore it"),
    (|data| fs::write(data.join("ssh_host_ed25519_key.pub"), "x").unwrap(), "warning", "host key", "its public part"),
    (|data| fs::remove_file(data.join("byleave.db")).unwrap(), "wrong", "database", "restore `byleave.db`"),
    (|data| fs::write(data.join("byleave.db"), "x".repeat(99)).unwrap(), "wrong", "database", "no SQLite database"),
    (|data| sql(data, "DROP TABLE clock"), "wrong", "state and log", "cannot be read"),
    (|data| sql(data, "UPDATE organizations SET blocked = 1"), "wrong", "state and log", "the block differs"),
    (|data| sql(data, "DROP TRIGGER leaves_no_update"), "wrong", "schema", "trigger `leaves_no_update` is gone"),
    (
        |data| {
            sql(data, "DROP TRIGGER grants_no_delete");
            sql(data, "CREATE TRIGGER grants_no_delete BEFORE DELETE ON grants BEGIN SELECT 1; END");
        },
        "wrong",
        "schema",
        "trigger `grants_no_delete` was altered",
    ),
    (
        |data| sql(data, "CREATE TRIGGER x AFTER INSERT ON sessions BEGIN DELETE FROM sessions; END"),
        "wrong",
        "schema",
        "trigger `x` is none of Byleave's",
    ),
    (|data| sql(data, "DELETE FROM roles"), "wrong", "state and log", "the users or their roles differ"),
    (|data| sql(data, "UPDATE clock SET wall = wall + 3600000"), "wrong", "kept time", "behind the latest time"),
    (
        |data| sql(data, "UPDATE nodes SET check_outcome = 'failed', check_revision = NULL"),
        "wrong",
        "nodes",
        "the check failed on shop-0",
    ),
    (
        |data| {
            sql(data, "UPDATE organizations SET claimed_at = NULL");
            sql(data, "UPDATE invitations SET closed_at = NULL, closed = NULL, expires_at = 5");
        },
        "warning",
        "invitations",
        "ran out before anybody claimed it",
    ),
    (|data| fs::write(data.join("recordings"), "").unwrap(), "wrong", "recordings", "is no directory"),
    (|data| fs::write(data.join("byleave.toml"), "colour = 1").unwrap(), "wrong", "byleave.toml", "colour"),
    (|data| fs::remove_file(data.join("lock")).unwrap(), "warning", "server", "none has run"),
];

#[test]
fn doctor_finds_each_thing_that_is_wrong() {
    let Story { mut server, administrator: _administrator, owner: _owner } = begin_with(INVENTORY);
    server.kill();
    let doctor = |data: &Path| {
        let person = server.anybody().with("BYLEAVE_DATA", data.to_str().unwrap());
        person.run(&["doctor", "--output", "json"])
    };
    let usual: Vec<_> = findings(&doctor(&server.data())).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(usual, ["server", "nodes", "reachable"], "what is said of a sound one that does not run");
    for (spoil, verdict, name, text) in CASES {
        let spoiled = tempfile::tempdir().unwrap();
        copy(&server.data(), spoiled.path());
        let _no_recordings_yet = fs::remove_dir(spoiled.path().join("recordings"));
        spoil(spoiled.path());
        let before = names(spoiled.path());
        let ran = doctor(spoiled.path());
        let found = findings(&ran);
        let said = found.iter().any(|one| one.0 == *verdict && one.1 == *name && one.2.contains(text));
        assert!(said, "{verdict} {name}: {text} in {found:#?}");
        assert_eq!(ran.code, 1);
        assert_eq!(names(spoiled.path()), before, "it changes nothing");
    }
}

/// The files of a directory, but for those with which programs that read a database know of each other.
fn names(directory: &Path) -> Vec<String> {
    let inside = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = inside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with("byleave.db-"));
    names.sort();
    names
}

#[test]
fn doctor_finds_a_foreign_file_and_a_full_disk() {
    let Story { mut server, administrator: _administrator, owner: _owner } = begin_with(INVENTORY);
    server.kill();
    let (data, place) = (server.data(), tempfile::tempdir().unwrap());
    let script = "mount -t tmpfs -o size=32m,mode=0700 byleave \"$1\"; cp -a \"$2/.\" \"$1\"; \
                  exec \"$3\" doctor --output json --data \"$1\"";
    let own = if nix::unistd::getuid().is_root() { "-m" } else { "-rm" };
    let mut command = Command::new("unshare");
    command.args([own, "sh", "-ec", script, "sh"]).arg(place.path()).arg(&data).arg(BYLEAVE);
    let out = command.env("HOME", Person::new().home()).output().unwrap();
    let (code, err) = (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap());
    let ran = Ran { code, out: String::from_utf8(out.stdout).unwrap(), err };
    let found = findings(&ran);
    assert!(found.iter().any(|one| one.1 == "disk" && one.2.contains("make room")), "{found:#?}");
    if nix::unistd::getuid().is_root() {
        chown(data.join("admin.token"), Some(65_534), None).unwrap();
        let found = findings(&server.administrator().run(&["doctor", "--output", "json"]));
        assert!(found.iter().any(|one| one.1 == "admin.token" && one.2.contains("another user")), "{found:#?}");
    }
}

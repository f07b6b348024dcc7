//! `byleave node setup` on a copy of a machine: idempotent, undone byte for byte, and refused where sshd would not hold.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::rig::{BYLEAVE, NODE_ID, keygen};

const CA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g a comment";

struct Machine(TempDir);

impl Machine {
    /// A copy of a machine as Debian ships it.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for below in
            ["etc/ssh/sshd_config.d", "etc/systemd/system/multi-user.target.wants", "var/lib", "usr/bin", "bin"]
        {
            fs::create_dir_all(root.path().join(below)).unwrap();
        }
        let files = [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nmongodb:x:999:999::/var/lib/mongodb:/bin/false\n"),
            ("etc/group", "root:x:0:\nmongodb:x:999:\nstaff:x:998:\n"),
            ("etc/shadow", "root:$y$secret:19000:0:99999:7:::\nmongodb:!:19000::::::"),
            ("etc/gshadow", "root:*::\n"),
            ("etc/debian_version", "12.9\n"),
            ("etc/at.deny", "daemon\n"),
            ("usr/bin/crontab", ""),
            ("bin/bash", ""),
            (
                "etc/ssh/sshd_config",
                "Include /etc/ssh/sshd_config.d/*.conf\nHostKey /etc/ssh/key\nUsePAM yes\nX11Forwarding yes\n",
            ),
        ];
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        fs::set_permissions(root.path().join("etc/shadow"), Permissions::from_mode(0o640)).unwrap();
        keygen(&root.path().join("etc/ssh/key"));
        Self(root)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// Takes systemd away.
    fn without_systemd(self) -> Self {
        fs::remove_dir_all(self.at("etc/systemd")).unwrap();
        self
    }

    fn setup(&self, more: &[&str]) -> Output {
        let mut setup = Command::new(BYLEAVE);
        setup.args(["node", "setup", "--root"]).arg(self.0.path()).args(more).output().unwrap()
    }

    fn prepare(&self, more: &[&str]) -> Output {
        let facts =
            ["--ca", CA, "--node-id", NODE_ID, "--gateway", "10.0.0.7,10.1.0.0/24", "--helper", "/usr/bin/byleave"];
        self.setup(&[&facts, more].concat())
    }

    /// Every path with its kind, mode, owner and content.
    fn snapshot(&self) -> BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)> {
        let mut all = BTreeMap::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(path) = open.pop() {
            let found = path.symlink_metadata().unwrap();
            let content = if found.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            } else if found.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            all.insert(path, (found.mode(), found.uid(), found.gid(), content));
        }
        all
    }
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_apply_nothing_is_written_and_all_is_told() {
    let machine = Machine::new();
    let before = machine.snapshot();
    let told = good(&machine.prepare(&[]));
    assert_eq!(machine.snapshot(), before);
    for part in [
        "+ byleave:x:997:997:",
        "+ byleave-logs:x:996:996:",
        "meta skuid { 997, 996 }",
        "TrustedUserCAKeys",
        "user@997",
    ] {
        assert!(told.contains(part), "`{part}` is missing: {told}");
    }
    assert!(!told.contains("secret"), "the diff must not show other lines of the shadow file: {told}");
}

#[test]
fn whoever_must_reload_sshd_themselves_is_told_so() {
    let machine = Machine::new().without_systemd();
    let told = good(&machine.prepare(&["--apply"]));
    assert!(told.contains("note: sshd is not told of its new configuration here: reload it"), "{told}");
    assert!(!good(&machine.prepare(&["--apply"])).contains("reload"), "nothing changed");
}

#[test]
fn applying_twice_changes_nothing_more_and_undo_is_exact() {
    let machine = Machine::new();
    let before = machine.snapshot();
    good(&machine.prepare(&["--apply"]));
    let applied = machine.snapshot();
    assert_ne!(applied, before);
    assert!(good(&machine.prepare(&["--apply"])).contains("nothing to do"));
    assert_eq!(machine.snapshot(), applied);
    assert!(
        machine
            .read("etc/shadow")
            .ends_with("mongodb:!:19000::::::\nbyleave:*:19000::::::\nbyleave-logs:*:19000::::::\n")
    );
    assert_eq!(machine.read("etc/byleave/principals/byleave-logs"), format!("byleave-node:{NODE_ID}-logs\n"));
    assert_eq!(machine.read("etc/cron.deny"), "byleave\nbyleave-logs\n");
    assert_eq!(machine.read("etc/at.deny"), "daemon\nbyleave\nbyleave-logs\n");
    good(&machine.setup(&["--undo"]));
    assert_eq!(machine.snapshot(), before);
    assert!(refused(&machine.setup(&["--undo"])).contains("no setup"));
}

#[test]
fn a_changed_setup_is_still_undone_to_the_first_state() {
    let machine = Machine::new();
    let before = machine.snapshot();
    good(&machine.prepare(&["--apply"]));
    good(&machine.prepare(&["--apply", "--gateway", "10.9.0.1"]));
    assert!(machine.read("etc/ssh/sshd_config.d/00-byleave.conf").contains("10.9.0.1"));
    good(&machine.setup(&["--undo"]));
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn undo_keeps_what_others_changed_meanwhile() {
    let machine = Machine::new();
    let before = machine.read("etc/passwd");
    good(&machine.prepare(&["--apply"]));
    let mut passwd = machine.read("etc/passwd");
    passwd.push_str("mia:x:1000:1000::/home/mia:/bin/bash\n");
    fs::write(machine.at("etc/passwd"), &passwd).unwrap();
    good(&machine.setup(&["--undo"]));
    assert_eq!(machine.read("etc/passwd"), format!("{before}mia:x:1000:1000::/home/mia:/bin/bash\n"));
}

#[test]
fn an_sshd_configuration_that_is_broken_is_refused_untouched() {
    let machine = Machine::new();
    fs::write(machine.at("etc/ssh/sshd_config.d/50-broken.conf"), "NoSuchKeyword yes\n").unwrap();
    let before = machine.snapshot();
    assert!(refused(&machine.prepare(&["--apply"])).contains("sshd refuses the configuration"));
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn an_sshd_configuration_that_overrides_ours_is_refused_untouched() {
    for (text, rule) in [
        ("Match User byleave\n    DisableForwarding no\n", "disableforwarding yes"),
        ("Match User byleave-logs\n    ForceCommand /bin/bash\n", "forcecommand internal-sftp -R"),
        ("Match Address 203.0.113.0/24\n    PasswordAuthentication yes\n", "passwordauthentication no"),
    ] {
        let machine = Machine::new();
        fs::write(machine.at("etc/ssh/sshd_config.d/00-a.conf"), text).unwrap();
        let before = machine.snapshot();
        assert!(refused(&machine.prepare(&["--apply"])).contains(rule), "{text}");
        assert_eq!(machine.snapshot(), before);
    }
}

#[test]
fn an_sshd_without_included_files_gets_a_marked_block() {
    let machine = Machine::new();
    let text = "HostKey /etc/ssh/key\nMatch User git\n    PermitTTY no";
    fs::write(machine.at("etc/ssh/sshd_config"), text).unwrap();
    let before = machine.snapshot();
    good(&machine.prepare(&["--apply"]));
    let now = machine.read("etc/ssh/sshd_config");
    assert!(
        now.starts_with("HostKey /etc/ssh/key\n# byleave begin")
            && now.ends_with("# byleave end\nMatch User git\n    PermitTTY no"),
        "{now}"
    );
    assert!(good(&machine.prepare(&["--apply"])).contains("nothing to do"));
    good(&machine.setup(&["--undo"]));
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn accounts_of_others_with_our_names_are_not_taken_over() {
    let machine = Machine::new();
    let mut passwd = machine.read("etc/passwd");
    passwd.push_str("byleave:x:1000:1000:Somebody:/home/byleave:/bin/bash\n");
    fs::write(machine.at("etc/passwd"), passwd).unwrap();
    let before = machine.snapshot();
    assert!(refused(&machine.prepare(&["--apply"])).contains("byleave did not make"));
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn malformed_facts_are_named() {
    let machine = Machine::new();
    for (facts, named) in [
        (["--ca", "ssh-dss AAAA", "--node-id", NODE_ID, "--gateway", "10.0.0.7"], "ca"),
        (["--ca", CA, "--node-id", "7", "--gateway", "10.0.0.7"], "node id"),
        (["--ca", CA, "--node-id", NODE_ID, "--gateway", "10.0.0.7/8"], "gateway"),
    ] {
        assert!(refused(&machine.setup(&facts)).contains(named), "{named}");
    }
    let file = machine.at("facts.json");
    let facts = format!(r#"{{"ca":"{CA}","nodeId":"{NODE_ID}","gateways":["10.0.0.7"],"helper":"/usr/bin/byleave"}}"#);
    fs::write(&file, facts).unwrap();
    good(&machine.setup(&["--from", file.to_str().unwrap()]));
    assert!(!Path::new("/etc/byleave").exists(), "another root must leave this machine alone");
}

/// What the printed role is run with in place of a database: it keeps what it is told.
const KEEPER: &str = "
    const told = [];
    const keeper = { createRole: (role) => told.push(role), createUser: (user) => told.push(user) };
    const passwordPrompt = () => 'secret';
    const db = {
      adminCommand: () => ({ databases: [{ name: 'appsync_1' }, { name: 'bank' }, { name: 'appsync_22' }] }),
      getSiblingDB: (name) => { told.push(name); return keeper; },
    };
";

/// The shell of MongoDB, which `cargo xtask test` installs.
fn mongosh() -> PathBuf {
    let named = std::env::var_os("BYLEAVE_TEST_MONGOSH").map(PathBuf::from);
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules/.bin/mongosh");
    named.unwrap_or_else(installed)
}

#[test]
fn mongosh_takes_the_printed_role_and_it_reads_what_is_open_and_no_more() {
    let machine = Machine::new();
    let facts = serde_json::json!({
        "ca": CA, "nodeId": NODE_ID, "gateways": ["10.0.0.7"], "helper": "/usr/bin/byleave", "syncDatabases": ["appsync_*"],
    });
    let (from, script) = (machine.at("node.json"), machine.at("role.js"));
    fs::write(&from, facts.to_string()).unwrap();
    let printed = String::from_utf8(machine.setup(&["--from", from.to_str().unwrap()]).stdout).unwrap();
    let role = printed.find("// The gateway's role").unwrap_or_else(|| panic!("no role is printed: {printed}"));
    let role = printed.get(role..).unwrap().split("\n\n").next().unwrap();
    fs::write(&script, format!("{{{KEEPER}{role}\nprint(JSON.stringify(told));\n}}")).unwrap();
    let mut shell = Command::new(mongosh());
    shell.args(["--nodb", "--quiet", "--norc", "--file"]).arg(script).env("HOME", machine.0.path());
    let output = shell.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let told: serde_json::Value =
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)));
    let open = told[1]["privileges"].as_array().unwrap().iter().map(|one| one["resource"]["db"].as_str().unwrap());
    assert!(told[0] == "admin" && open.eq(["appsync_1", "appsync_22"]), "{told}");
    assert_eq!(told[2]["roles"], serde_json::json!([told[1]["role"]]));
    assert_eq!(told[2]["mechanisms"], serde_json::json!(["SCRAM-SHA-256"]));
    let from_where = &told[2]["authenticationRestrictions"];
    assert_eq!(*from_where, serde_json::json!([{ "clientSource": ["10.0.0.7"] }]));
}

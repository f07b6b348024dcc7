//! What was shown, run and moved is recorded, and what cannot be recorded is not delivered.

use byleave_core::grant::GrantType;
use byleave_core::session::SessionEnd;
use byleave_gateway::control::Closed;
use byleave_gateway::recording::{Most, RecordingPart, read};
use serde_json::Value;

use crate::memory::recording_key;
use crate::world::{World, answer, text};

fn open_world() -> World {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    world
}

fn recording(world: &World, closed: &Closed) -> Vec<RecordingPart> {
    let directory = world.path("recordings").join(closed.session.to_string());
    read(&directory, &recording_key(closed.session), Most { part: usize::MAX, all: usize::MAX }).unwrap()
}

fn part<'a>(parts: &'a [RecordingPart], name: &str) -> &'a [u8] {
    let names: Vec<_> = parts.iter().map(|part| &part.name).collect();
    &parts.iter().find(|part| part.name == name).unwrap_or_else(|| panic!("{name} in {names:?}")).content
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

#[test]
fn a_command_is_kept_whole_and_its_hashes_hang_on_the_report() {
    let world = open_world();
    world.run(&[], &["cat; echo err >&2; exit 5"], b"some input");
    let closed = world.memory.closed();
    let parts = recording(&world, &closed);
    assert_eq!(part(&parts, "1.stdin"), b"some input");
    assert_eq!(part(&parts, "1.stdout"), b"some input");
    assert_eq!(part(&parts, "1.stderr"), b"err\n");
    let contents = part(&parts, "contents.json");
    assert_eq!(hex::encode(closed.recording_sha256.unwrap()), sha256(contents));
    let contents: Value = serde_json::from_slice(contents).unwrap();
    let channel = &contents["channels"][0];
    assert_eq!(channel["command"], "cat; echo err >&2; exit 5");
    assert_eq!(channel["exit"]["status"], 5);
    for listed in channel["parts"].as_array().unwrap() {
        assert_eq!(listed["sha256"], sha256(part(&parts, listed["name"].as_str().unwrap())));
    }
    assert!(!closed.partly_recorded);
}

#[test]
fn a_terminal_is_kept_as_a_cast_without_what_was_typed() {
    let world = open_world();
    let script = "stty -echo; echo ready; read secret; echo got äöü";
    let output = answer(world.ssh(&["-tt"], &[script]), "ready\r", b"hunter2\n");
    assert!(text(&output.stdout).contains("got äöü"));
    let closed = world.memory.closed();
    let parts = recording(&world, &closed);
    let cast = text(part(&parts, "1.cast"));
    let mut lines = cast.lines();
    let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((header["version"].as_i64(), header["command"].as_str().is_some()), (Some(2), true));
    let shown: String = lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event[1] == "o")
        .map(|event| event[2].as_str().unwrap().to_owned())
        .collect();
    assert!(shown.contains("got äöü") && shown.contains("this session is recorded"), "{shown}");
    assert!(!text(&parts.iter().flat_map(|part| part.content.clone()).collect::<Vec<_>>()).contains("hunter2"));
}

#[test]
fn what_is_too_large_is_hashed_and_marked() {
    let world = open_world();
    let output = world.run(&[], &["head -c 20000000 /dev/zero | tr '\\0' x"], b"");
    let closed = world.memory.closed();
    assert!(closed.partly_recorded);
    let parts = recording(&world, &closed);
    assert_eq!(part(&parts, "1.stdout").len(), 16 * 1024 * 1024);
    let contents: Value = serde_json::from_slice(part(&parts, "contents.json")).unwrap();
    let listed = &contents["channels"][0]["parts"][0];
    assert_eq!((listed["bytes"].as_u64(), listed["recorded_bytes"].as_u64()), (Some(20_000_000), Some(16 << 20)));
    assert_eq!(listed["sha256"], sha256(part(&parts, "1.stdout")), "what is kept can be checked by itself");
    assert_eq!(listed["whole_blake3"], blake3::hash(&output.stdout).to_hex().as_str(), "and so can the whole");
}

#[test]
fn transfers_are_kept_as_names_sizes_and_hashes() {
    for options in [&["-O"][..], &[]] {
        let world = open_world();
        let bytes = vec![b'x'; 100_000];
        std::fs::write(world.path("from"), &bytes).unwrap();
        let mut command = std::process::Command::new("scp");
        command.args(options).args(world.options()).arg("-P").arg(world.port().to_string());
        command.arg(world.path("from")).arg(format!("node-1.shop.example@127.0.0.1:{}", world.path("to").display()));
        let output = crate::world::feed(command, b"");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let closed = world.memory.closed();
        let parts = recording(&world, &closed);
        let contents: Value = serde_json::from_slice(part(&parts, "contents.json")).unwrap();
        let file = &contents["channels"][0]["files"][0];
        assert_eq!(
            (file["bytes"].as_u64(), file["direction"].as_str()),
            (Some(100_000), Some("to node")),
            "{contents}"
        );
        assert_eq!(file["sha256"], sha256(&bytes), "{options:?}");
        assert!(!closed.partly_recorded);
    }
}

/// Runs a batch of `sftp`; answers how the session ended and the entry of its channel.
fn sftp(world: &World, batch: &str) -> (Closed, Value) {
    let mut command = std::process::Command::new("sftp");
    command.args(["-b", "-"]).args(world.options()).arg("-P").arg(world.port().to_string());
    command.arg(format!("node-1.shop.example@127.0.0.1:{}", world.directory.path().display()));
    let output = crate::world::feed(command, batch.as_bytes());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let closed = world.memory.closed();
    let parts = recording(world, &closed);
    let contents: Value = serde_json::from_slice(part(&parts, "contents.json")).unwrap();
    (closed, contents["channels"][0].clone())
}

#[test]
fn what_sftp_changes_without_moving_a_byte_is_kept_by_name() {
    let world = open_world();
    std::fs::write(world.path("a"), b"hello").unwrap();
    let batch = "cp a b\nrename b c\nln c d\nln -s c e\nchmod -h 600 d\nmkdir f\nrmdir f\nrm c\ndf\nls\n";
    let (closed, entry) = sftp(&world, batch);
    let path = |name: &str| world.path(name).display().to_string();
    assert_eq!(std::fs::read(world.path("d")).unwrap(), b"hello");
    let changes = entry["changes"].as_array().unwrap();
    for (what, names) in [
        ("copy data", vec![path("a"), path("b")]),
        ("rename", vec![path("b"), path("c")]),
        ("make hard link", vec![path("c"), path("d")]),
        ("make symbolic link", vec!["c".to_owned(), path("e")]),
        ("set attributes of link", vec![path("d")]),
        ("make directory", vec![path("f")]),
        ("remove directory", vec![path("f")]),
        ("remove", vec![path("c")]),
    ] {
        assert!(changes.iter().any(|change| change[what] == serde_json::json!(names)), "{what} in {changes:?}");
    }
    assert_eq!(entry["files"], serde_json::json!([]), "nothing passed the gateway");
    assert!(!closed.partly_recorded, "{entry}");
}

#[test]
fn nothing_on_disk_can_be_read_without_the_key() {
    let world = open_world();
    world.run(&[], &["echo confidential"], b"");
    let closed = world.memory.closed();
    let directory = world.path("recordings").join(closed.session.to_string());
    for entry in std::fs::read_dir(directory).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"confidential"));
    }
}

#[test]
fn a_recording_that_cannot_be_started_lets_nothing_run() {
    let world = open_world();
    std::fs::write(world.path("recordings"), b"in the way").unwrap();
    let mark = world.path("ran");
    let output = world.run(&[], &[&format!("touch {}", mark.display())], b"");
    assert_eq!(output.status.code(), Some(255));
    assert!(!mark.exists());
    assert_eq!(world.memory.closed().reason, SessionEnd::RecordingFailed);
}

/// A file system so small that it fills up.
struct Tiny(std::path::PathBuf);

impl Tiny {
    fn mount(path: std::path::PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        nix::mount::mount(Some("tmpfs"), &path, Some("tmpfs"), nix::mount::MsFlags::empty(), Some("size=1m")).unwrap();
        Self(path)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_ends_the_session_and_nothing_unrecorded_is_delivered() {
    let world = World::new();
    let _tiny = Tiny::mount(world.path("recordings"));
    world.memory.grant(GrantType::Infrastructure);
    let output = world.run(&[], &["head -c 3000000 /dev/zero | tr '\\0' x; sleep 1000"], b"");
    assert_eq!(output.status.code(), Some(255));
    let closed = world.memory.closed();
    assert_eq!(closed.reason, SessionEnd::RecordingFailed);
    let parts = recording(&world, &closed);
    let recorded = part(&parts, "1.stdout");
    assert!(!output.stdout.is_empty());
    assert!(output.stdout.len() <= recorded.len(), "{} delivered, {} recorded", output.stdout.len(), recorded.len());
}

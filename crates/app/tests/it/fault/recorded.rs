//! Recordings: that their names survive a power loss, and that long ones are read without being held.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cli::story::{OWNER, PASSWORD};
use crate::fault::scene::Scene;

/// How much more memory the server may have had at its worst, in KiB.
const FLAT: u64 = 32 * 1024;

/// How many lines are recorded at most until the names must be durable: with each a command is run, so this is a minute.
const MOST_LINES: usize = 200;

/// `strace` of a server's syncs of files, with the paths.
struct Syncs(Child);

impl Drop for Syncs {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Fault: the power is lost while a session is recorded.
///
/// Expected: what was recorded is there. No test can pull the plug; but the server tells the disk to keep each name that
/// it makes, the session's own in the directory of all and the file's in the session's, while the session is live.
#[test]
fn the_names_of_a_recording_are_made_durable_while_it_is_written() {
    let scene = Scene::begin();
    scene.grant();
    let trace = scene.node.path("syncs");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=fsync", "-o"]).arg(&trace).args(["-p", &scene.server.pid().to_string()]);
    let mut syncs = Syncs(strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let mut said = BufReader::new(syncs.0.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert!(line.contains("attached"), "strace cannot attach (as root it can): {line}");
    let mut live = scene.enter();
    let id = scene.sessions()[0]["id"].as_str().unwrap().to_owned();
    let wanted = ["/recordings>".to_owned(), format!("/recordings/{id}>")];
    let mut told = String::new();
    for number in 0..MOST_LINES {
        assert!(live.answers(&format!("line {number} to record")));
        told = fs::read_to_string(&trace).unwrap();
        if wanted.iter().all(|path| told.contains(path)) {
            return;
        }
        scene.sessions();
    }
    panic!("{wanted:?} are not among {told}");
}

/// Fault: a recording is changed, or taken away, while nobody looks.
///
/// Expected: `doctor` names the session and the file.
#[test]
fn doctor_finds_a_recording_that_was_changed_or_taken_away() {
    let scene = Scene::begin();
    scene.grant();
    assert_eq!(scene.ssh("echo first").ends().code, 0);
    assert_eq!(scene.ssh("echo second").ends().code, 0);
    scene.newest_end();
    let doctor = || scene.administrator.run(&["doctor"]).out;
    let sound = doctor();
    assert!(sound.contains("good   what was recorded: 2 recordings are there, 2 read to the last byte\n"), "{sound}");
    let ids: Vec<_> = scene.sessions().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
    let place = |id: &str, name: &str| scene.server.data().join("recordings").join(id).join(name);
    let mut bytes = fs::read(place(&ids[0], "1.rec")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place(&ids[0], "1.rec"), bytes).unwrap();
    let told = doctor();
    let wanted = format!(
        "WRONG  what was recorded: 1 of 2 recordings are not those that the log names: session {}: `1.rec` was changed",
        ids[0]
    );
    assert!(told.contains(&wanted), "{told}");
    fs::remove_dir_all(place(&ids[1], "")).unwrap();
    let told = doctor();
    assert!(told.contains(&format!("session {}: `contents.rec` is gone", ids[1])) && told.contains("2 of 2"), "{told}");
    assert!(told.contains("from a backup"), "it says what to do: {told}");
}

/// Fault: somebody reads a recording that is longer than what the server may hold.
///
/// Expected: the page shows it, the part is handed out whole, and the server's memory stays flat meanwhile.
#[test]
fn the_memory_stays_flat_while_a_long_recording_is_read() {
    let scene = Scene::begin();
    scene.grant();
    let mut terminal = scene.ssh_with(&["-tt"], "head -c 60000000 /dev/zero | tr '\\0' x | fold");
    assert_eq!(terminal.ends().code, 0);
    let id = scene.sessions()[0]["id"].as_str().unwrap().to_owned();
    scene.newest_end();
    let cookies = scene.node.path("cookies");
    let curl = |path: &str, more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sSf", "-b"]).arg(&cookies).arg("-c").arg(&cookies).args(more);
        let url = format!("{}{path}", scene.server.url());
        let output = curl.args(["-H", &format!("Origin: {}", scene.server.url()), &url]).output().unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let [user, password] = [format!("user_name={OWNER}"), format!("password={PASSWORD}")];
    curl("/sign-in", &["--data-urlencode", &user, "--data-urlencode", &password]);
    let recording = format!("/sessions/{id}/recording");
    let before = scene.server.most_memory();
    let page = String::from_utf8(curl(&recording, &[])).unwrap();
    assert!(page.contains("1.cast"), "{page}");
    let part = curl(&format!("{recording}/1.cast"), &[]);
    assert!(part.len() > 60_000_000, "{}", part.len());
    let more = scene.server.most_memory().saturating_sub(before);
    assert!(more < FLAT, "{more} KiB more");
}

//! The tables of hostile attempts of the crate `wire`, sent over TLS through the whole door: what the client is told, what is
//! recorded, and that not a byte of it reaches the cluster or changes anything there.

use std::time::Duration;

use byleave_core::session::SessionEnd;
use byleave_wire::builder::Builder;
use byleave_wire::frame::message;

use super::bson_text;
use super::raw::{Answer, Raw};
use super::rig::House;
use super::server::Server;
use super::session::sync_end;
use super::upstream::{Place, Upstream};
use crate::world::until;

/// One line of a table.
struct Attempt {
    /// Of which file and line it is.
    place: String,
    /// `before/` a code, `frame`, or a code.
    expected: String,
    command: String,
    words: String,
}

fn attempts() -> Vec<Attempt> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wire/tests/hostile");
    let mut attempts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read_to_string(&path).unwrap();
        for (number, line) in content.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let (attempt, words) = line.split_once(" -- ").unwrap();
            let (expected, command) = attempt.split_once(' ').unwrap();
            attempts.push(Attempt {
                place: format!("{}:{}", path.file_name().unwrap().display(), number + 1),
                expected: expected.to_owned(),
                command: command.to_owned(),
                words: words.trim().to_owned(),
            });
        }
    }
    assert!(attempts.len() >= 150, "only {} attempts", attempts.len());
    attempts
}

const UNANSWERED: &str = "a write that wants no answer";

/// Frames that are no commands of today: of which operation, or how a command is split over sections.
fn strange_frames() -> Vec<(&'static str, Vec<u8>)> {
    let whole = |operation: i32, rest: &[u8]| {
        let length = i32::try_from(16 + rest.len()).unwrap();
        [&[length, 5, 0, operation].map(i32::to_le_bytes).concat()[..], rest].concat()
    };
    let document = bson_text::document("{_id: 1}");
    let named = [&[0; 4][..], b"appsync_1.items\0", &document].concat();
    let query = |command: &str| {
        let document = bson_text::document(command);
        [&[0; 4][..], b"appsync_1.$cmd\0", &[0; 4], &[255; 4], &document].concat()
    };
    let insert = bson_text::document(r#"{insert: "items", $db: "appsync_1"}"#);
    let size = i32::try_from(4 + 10 + document.len()).unwrap().to_le_bytes();
    let sequence = [&[1][..], &size, b"documents\0", &document].concat();
    let body = [&[0][..], &insert].concat();
    vec![
        ("an old insert", whole(2002, &named)),
        ("an old update", whole(2001, &named)),
        ("an old removal", whole(2006, &named)),
        ("an old read", whole(2004, &[&[0; 4][..], b"appsync_1.items\0", &[0; 8], &document].concat())),
        ("a command in an old read", whole(2004, &query(r#"{drop: "items"}"#))),
        (
            "an old next batch",
            whole(2005, &[&[0; 4][..], b"appsync_1.items\0", &[0; 4], &77_i64.to_le_bytes()].concat()),
        ),
        ("a compressed command", whole(2012, &[&2013_i32.to_le_bytes()[..], &[9, 0, 0, 0, 0], &body].concat())),
        ("an operation that nobody knows", whole(2099, &body)),
        ("documents beside a write", whole(2013, &[&[0; 4][..], &body, &sequence].concat())),
        (UNANSWERED, whole(2013, &[&[2, 0, 0, 0][..], &body, &sequence].concat())),
        ("two bodies", whole(2013, &[&[0; 4][..], &body, &body].concat())),
    ]
}

/// A session with somebody who says what no driver says.
struct Attack<'a> {
    house: &'a House,
    uri: &'a str,
    /// Signed in; made anew where the door hung up.
    insider: Option<Raw>,
    stranger: Option<Raw>,
    refused: Vec<Option<i32>>,
    wrong: Vec<String>,
}

impl<'a> Attack<'a> {
    fn new(house: &'a House, uri: &'a str) -> Self {
        Self { house, uri, insider: None, stranger: None, refused: Vec::new(), wrong: Vec::new() }
    }

    fn insider(&mut self) -> &mut Raw {
        self.insider.get_or_insert_with(|| Raw::signed_in(self.house, self.uri))
    }

    fn stranger(&mut self) -> &mut Raw {
        self.stranger.get_or_insert_with(|| Raw::connect(self.house))
    }

    /// Tries one line of a table, and compares what it is told.
    fn line(&mut self, attempt: &Attempt) {
        let frame = |raw: &mut Raw| message(raw.next_id(), 0, &bson_text::document(&attempt.command));
        let answer = if attempt.expected.starts_with("before/") {
            let raw = self.stranger();
            let frame = frame(raw);
            raw.ask(&frame)
        } else {
            let raw = self.insider();
            let frame = frame(raw);
            raw.ask(&frame)
        };
        let told = match &answer {
            Answer::Body { code: Some(code), .. } if attempt.expected.starts_with("before/") => {
                format!("before/{code}")
            }
            Answer::Body { code: Some(code), .. } => code.to_string(),
            Answer::Body { code: None, .. } => "ok".to_owned(),
            Answer::Closed => "frame".to_owned(),
        };
        let fits =
            attempt.words.is_empty() || matches!(&answer, Answer::Body { text, .. } if text.contains(&attempt.words));
        if told != attempt.expected || (told != "frame" && !fits) {
            self.wrong
                .push(format!("{}: {told} {answer:?} for {} {}", attempt.place, attempt.expected, attempt.command));
        }
        self.note(&attempt.expected, answer);
    }

    /// Keeps what ought to be recorded, and gives up a connection that was closed.
    fn note(&mut self, expected: &str, answer: Answer) {
        let before = expected.starts_with("before/");
        match answer {
            Answer::Body { code, .. } if !before => self.refused.push(code),
            Answer::Body { .. } => {}
            Answer::Closed if before => self.stranger = None,
            Answer::Closed => {
                self.refused.push(None);
                self.insider = None;
            }
        }
    }

    fn strange(&mut self) {
        for (what, frame) in strange_frames() {
            let answer = self.insider().ask(&frame);
            if matches!(answer, Answer::Body { code: None, .. }) {
                self.wrong.push(format!("{what}: {answer:?}"));
            }
            self.note("", answer);
            if what == UNANSWERED {
                // It is refused like any write, only that nobody waits for the answer.
                *self.refused.last_mut().unwrap() = Some(13);
            }
        }
    }
}

/// The codes under which refused commands are recorded, in order; `None` for a frame that is not understood.
fn recorded(commands: &str) -> Vec<Option<i32>> {
    let refused = commands.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.get("refused")?;
        assert!(line.get("documents").is_none() && line["at"].is_string(), "{line}");
        Some(line.get("error").and_then(serde_json::Value::as_i64).map(|code| i32::try_from(code).unwrap()))
    });
    refused.collect()
}

#[test]
fn no_hostile_attempt_brings_a_byte_to_the_cluster_and_each_is_refused_and_recorded() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (ssh, _out, uri) = house.open();
    let mut attack = Attack::new(&house, &uri);
    // As in the tables: a collection that is known to be one, and a cursor over it.
    let held = attack.insider().command(r#"{find: "items", $db: "appsync_1"}"#);
    assert!(matches!(held, Answer::Body { code: None, .. }), "{held:?}");
    let (bytes, connected) = (upstream.bytes(), upstream.connected());
    for attempt in attempts() {
        attack.line(&attempt);
    }
    attack.strange();
    assert!(attack.wrong.is_empty(), "{}", attack.wrong.join("\n"));
    assert!(upstream.bytes() == bytes, "{:?}", upstream.commands());
    assert_eq!(upstream.connected(), connected);
    // The door is as it was: what is allowed still passes, and reaches the cluster.
    let answer = attack.insider().command(r#"{count: "items", $db: "appsync_1"}"#);
    assert!(matches!(answer, Answer::Body { code: None, .. }), "{answer:?}");
    assert!(upstream.bytes().len() > bytes.len());
    let refused = std::mem::take(&mut attack.refused);
    drop((attack, ssh));
    let (closed, commands) = sync_end(&house, 3);
    assert_eq!(closed.reason, SessionEnd::ClosedByEmployee);
    let recorded = recorded(&commands);
    let differs = recorded.iter().zip(&refused).position(|(recorded, told)| recorded != told);
    assert_eq!((recorded.len(), differs), (refused.len(), None));
    assert_eq!(closed.counters.refused, i64::try_from(refused.len()).unwrap());
}

/// Reads of what is not there, which some servers would make; `OPEN` is the open database.
const MISSING: &[&str] = &[
    r#"{find: "missing1", $db: "OPEN"}"#,
    r#"{count: "missing2", $db: "OPEN"}"#,
    r#"{aggregate: "missing3", pipeline: [], cursor: {}, $db: "OPEN"}"#,
    r#"{distinct: "missing4", key: "a", $db: "OPEN"}"#,
    r#"{listIndexes: "missing5", $db: "OPEN"}"#,
    r#"{collStats: "missing6", $db: "OPEN"}"#,
    r#"{explain: {find: "missing7"}, $db: "OPEN"}"#,
    r#"{find: "a\nb", $db: "OPEN"}"#,
    r#"{find: "keyVault.datakeys", $db: "OPEN"}"#,
    r#"{find: "orders", $db: "appsync_new1"}"#,
    r#"{count: "orders", $db: "appsync_new2"}"#,
    r#"{listCollections: 1, $db: "appsync_new3"}"#,
    r#"{dbStats: 1, $db: "appsync_new4"}"#,
    r#"{collStats: "orders", $db: "appsync_new5"}"#,
    r#"{listIndexes: "orders", $db: "appsync_new6"}"#,
    r#"{explain: {count: "orders"}, $db: "appsync_new7"}"#,
    r#"{listCollections: 1, $db: "state"}"#,
];

/// Sends every attempt as if it were meant for what the server holds.
fn nothing_changes(server: impl FnOnce(&House) -> Server) {
    let house = House::new();
    let mut server = server(&house);
    let before = server.digest();
    house.grant_server(&server);
    let (_ssh, _out, uri) = house.open();
    let mut attack = Attack::new(&house, &uri);
    let aimed = |command: &str| {
        let text = command.replace("\"state\"", &format!("\"{}\"", server.opened));
        let text = text.replace("\"appsync_1\"", &format!("\"{}\"", server.opened));
        text.replace("\"shop\"", &format!("\"{}\"", server.closed)).replace("\"items\"", "\"orders\"")
    };
    for attempt in attempts() {
        let body = bson_text::document(&aimed(&attempt.command));
        let raw = attack.insider();
        let frame = message(raw.next_id(), 0, &body);
        let answer = raw.ask(&frame);
        // What only a stranger may not say is left out; all else is refused here, too.
        let refused = !matches!(answer, Answer::Body { code: None, .. });
        assert!(refused || attempt.expected.starts_with("before/"), "{}: {answer:?}", attempt.place);
        attack.note("", answer);
    }
    attack.strange();
    assert!(attack.wrong.is_empty(), "{}", attack.wrong.join("\n"));
    let answers: Vec<Answer> =
        MISSING.iter().map(|read| attack.insider().command(&read.replace("OPEN", &server.opened))).collect();
    assert_eq!(server.digest(), before);
    for (read, answer) in MISSING.iter().zip(answers) {
        let code = if read.contains("listIndexes") { Some(26) } else { None };
        assert!(matches!(&answer, Answer::Body { code: told, .. } if *told == code), "{read}: {answer:?}");
    }
    // The digest tells a change: a document more is another one.
    server.write();
    assert_ne!(server.digest(), before);
}

#[test]
fn no_hostile_attempt_changes_anything_at_a_real_server() {
    nothing_changes(Server::start);
}

#[test]
fn no_hostile_attempt_changes_anything_at_another_real_server() {
    nothing_changes(Server::nx);
}

#[test]
fn a_client_that_is_nobodys_reaches_nothing() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let bytes = upstream.bytes();
    let mut raw = Raw::connect(&house);
    assert!(matches!(raw.command(r#"{hello: 1, $db: "admin"}"#), Answer::Body { code: None, .. }));
    let find = Builder::new().string("find", "items").string("$db", "appsync_1").finish();
    assert!(matches!(raw.ask(&message(9, 0, &find)), Answer::Body { code: Some(13), .. }));
    // Not one bit of the secret may be wrong.
    let (user, secret) = super::raw::user_and_secret(&uri);
    let mut wrong = secret;
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    assert!(matches!(
        Raw::connect(&house).sign_in(&user, &wrong),
        Answer::Body { code: Some(18), .. } | Answer::Closed
    ));
    assert!(upstream.bytes() == bytes);
}

#[test]
fn a_stranger_who_only_says_hello_may_do_so_for_a_while() {
    let house = House::with(|config| config.login_grace = Duration::from_secs(1));
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let hello = |raw: &mut Raw| matches!(raw.command(r#"{hello: 1, $db: "admin"}"#), Answer::Body { code: None, .. });
    let mut raw = Raw::connect(&house);
    until("the door hangs up", || !hello(&mut raw));
    // Drivers watch a server in this way, so it goes on while there is a session, and not after it.
    let (ssh, _out, _uri) = house.open();
    let mut watching = Raw::connect(&house);
    let since = tokio::time::Instant::now();
    until("more than a while", || hello(&mut watching) && since.elapsed() > Duration::from_secs(2));
    drop(ssh);
    until("the door hangs up", || !hello(&mut watching));
}

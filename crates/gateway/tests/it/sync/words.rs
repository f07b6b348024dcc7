//! What reaches the cluster, to the byte, and what is left there after a cut.

use std::io::{BufRead as _, BufReader};

use byleave_wire::bson::Value;
use byleave_wire::frame::LONGEST_REQUEST;
use byleave_wire::request::Request;

use super::raw::{Answer, Raw};
use super::rig::House;
use super::upstream::{CURSOR, CURSOR_OF_ITEMS, Place, Upstream};
use crate::world::{Running, until};

#[test]
fn nothing_of_the_client_reaches_the_cluster_and_its_cursors_are_killed_there_after_a_cut() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let user = uri.split("//").nth(1).unwrap().split(':').next().unwrap().to_owned();
    let mut reader = Running(house.client("sync_reader.py", &[&uri]).spawn().unwrap());
    let mut lines = BufReader::new(reader.0.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "open");
    until("the next batch to be asked for", || upstream.commands().iter().any(|(_, name)| name == "getMore"));
    let before = upstream.commands();
    house.world.memory.revoke();
    let last = lines.next().unwrap().unwrap();
    assert_eq!(last, "ended OperationFailure", "it is told why no answer comes");
    until("the cursor's end", || upstream.commands().iter().any(|(_, name)| name == "endSessions"));
    let after = upstream.commands();
    let used: Vec<usize> = before.iter().map(|(number, _)| *number).collect();
    let later: Vec<_> = after.iter().skip(before.len()).collect();
    assert!(later.iter().all(|(number, _)| !used.contains(number)), "on a connection of its own: {after:?}");
    let words: Vec<&str> = later.iter().map(|(_, name)| name.as_str()).collect();
    assert!(words.ends_with(&["killCursors", "killSessions", "endSessions"]), "{words:?}");
    let allowed = [
        "hello",
        "saslStart",
        "saslContinue",
        "buildInfo",
        "listDatabases",
        "listCollections",
        "find",
        "getMore",
        "killCursors",
        "killSessions",
        "endSessions",
    ];
    assert!(after.iter().all(|(_, name)| allowed.contains(&name.as_str())), "{after:?}");
    assert!(upstream.holds(user.as_bytes()), "the application name is the session's id");
    assert!(upstream.holds(&CURSOR.to_le_bytes()) && upstream.holds(b"Mia"), "the question itself goes on");
    for never in [b"Robin".as_slice(), b"ymongo", b"ymon", b"comment\0", b"CPython", b"127.0.0.1"] {
        assert!(!upstream.holds(never), "{} reaches the cluster", String::from_utf8_lossy(never));
    }
}

#[test]
fn each_cursor_that_is_left_is_killed_in_its_own_collection() {
    let house = House::new();
    let upstream = Upstream::start(house.authority.tls(), Place::Primary);
    house.grant(&upstream.address());
    let (_ssh, _out, uri) = house.open();
    let mut raw = Raw::signed_in(&house, &uri);
    for command in [r#"{find: "orders", $db: "appsync_1"}"#, r#"{find: "items", $db: "appsync_2"}"#] {
        assert!(matches!(raw.command(command), Answer::Body { code: None, .. }));
    }
    house.world.memory.revoke();
    until("the end of the server's session", || upstream.commands().iter().any(|(_, name)| name == "endSessions"));
    let killed = |frame: &[u8]| {
        let request = Request::read(frame, LONGEST_REQUEST).unwrap();
        let text = |name| request.body.get(name).unwrap().and_then(Value::text).map(str::to_owned);
        let cursors = request.body.get("cursors").unwrap().and_then(Value::array)?;
        let ids: Vec<i64> = cursors.elements().map(|one| one.unwrap().value.whole().unwrap()).collect();
        Some((text("$db")?, text("killCursors")?, ids))
    };
    let mut killed: Vec<_> = upstream.frames().iter().filter_map(|(_, frame)| killed(frame)).collect();
    killed.sort();
    let named = |database: &str, name: &str, id| (database.to_owned(), name.to_owned(), vec![id]);
    assert_eq!(killed, [named("appsync_1", "orders", CURSOR), named("appsync_2", "items", CURSOR_OF_ITEMS)]);
}

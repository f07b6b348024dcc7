//! Every line of `tests/hostile/*.txt` is an attempt that must be refused, with this code and for this reason.
//!
//! A line is `<code> <command> -- <words of the refusal>`. `before` in place of the code: somebody who has not signed in
//! (code 13 or as after `/`). `frame`: the connection cannot go on. `#` begins a comment.

use byleave_wire::frame::LONGEST_REQUEST;
use byleave_wire::judge::{Verdict, judge, judge_before_sign_in};
use byleave_wire::request::Request;

use crate::{framed, read, scope};

/// The fewest attempts that the tables must hold.
const FEWEST: usize = 150;

fn tables() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

/// What happens to an attempt: the code and text of its refusal, or what let it through.
fn outcome(expected: &str, command: &str) -> (String, String) {
    let frame = framed(command);
    if expected == "frame" {
        let error = Request::read(&frame, LONGEST_REQUEST).map(drop);
        return error.map_or_else(|error| ("frame".into(), error.to_string()), |()| ("read".into(), String::new()));
    }
    let request = read(&frame);
    let (verdict, before) = match expected.strip_prefix("before/") {
        Some(_) => (judge_before_sign_in(&request), "before/"),
        None => (judge(&request, &scope()), ""),
    };
    match verdict {
        Verdict::Refused(refusal) => (format!("{before}{}", refusal.code.number()), refusal.text),
        Verdict::Allowed(_) | Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Lookup(_) => {
            ("let through".into(), String::new())
        }
    }
}

#[test]
fn every_hostile_attempt_is_refused_for_its_reason() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, content) in tables() {
        for (number, line) in content.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let (attempt, words) = line.split_once(" -- ").unwrap_or_else(|| panic!("{path}:{}: no words", number + 1));
            let (expected, command) = attempt.split_once(' ').unwrap();
            let (code, text) = outcome(expected, command);
            count += 1;
            if code != expected || !text.contains(words.trim()) {
                wrong.push(format!("{path}:{}: {code} `{text}` for {line}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= FEWEST, "only {count} attempts");
}

#[test]
fn whoever_reaches_for_what_is_not_open_is_told_of_and_what_programs_ask_by_themselves_is_not() {
    let is_reach = |command: &str| match judge(&read(&framed(command)), &scope()) {
        Verdict::Refused(refusal) => refusal.is_reach(),
        other => panic!("{other:?}"),
    };
    for reach in [
        r#"{insert: "items", documents: [{a: 1}], $db: "state"}"#,
        r#"{find: "items", $db: "shop"}"#,
        r#"{aggregate: "items", pipeline: [{$out: "copy"}], cursor: {}, $db: "state"}"#,
        r#"{aggregate: 1, pipeline: [{$currentOp: {}}], cursor: {}, $db: "admin"}"#,
        r#"{aggregate: 1, pipeline: [{$changeStream: {}}], cursor: {}, $db: "state"}"#,
        r#"{dropDatabase: 1, $db: "state"}"#,
        r#"{shutdown: 1, $db: "admin"}"#,
        r#"{usersInfo: 1, $db: "admin"}"#,
        r#"{getLog: "global", $db: "admin"}"#,
        r#"{createUser: "x", pwd: "y", roles: ["root"], $db: "bank"}"#,
        r#"{listCollections: 1, $db: "bank"}"#,
        r#"{dbStats: 1, $db: "bank"}"#,
        r#"{renameCollection: "bank.a", to: "state.a", $db: "admin"}"#,
        r#"{explain: {update: "items", updates: []}, $db: "state"}"#,
        r#"{find: "items", $audit: {}, $db: "state"}"#,
        r#"{find: "items", filter: {$where: code("1")}, $db: "state"}"#,
        r#"{mapReduce: "items", map: code("1"), reduce: code("1"), out: {inline: 1}, $db: "state"}"#,
        r#"{find: "items", $db: "state", $db: "bank"}"#,
        r#"{aggregate: "atlascli", pipeline: [], cursor: {}, $db: "bank"}"#,
        r#"{find: "atlascli", $db: "admin"}"#,
    ] {
        assert!(is_reach(reach), "{reach}");
    }
    for none in [
        r#"{getParameter: 1, featureCompatibilityVersion: 1, $db: "admin"}"#,
        r#"{hostInfo: 1, $db: "admin"}"#,
        r#"{atlasVersion: 1, $db: "admin"}"#,
        r#"{noSuchThing: "items", $db: "state"}"#,
        r#"{find: "items", noSuchField: 1, $db: "state"}"#,
        r#"{find: 1, $db: "state"}"#,
        r#"{aggregate: "atlascli", pipeline: [{$match: {managedAtlasCLI: true}}], cursor: {}, $db: "admin"}"#,
        r#"{find: "items", allowDiskUse: true, $db: "state"}"#,
        r#"{find: "items", noCursorTimeout: true, $db: "state"}"#,
        r#"{find: "items", filter: {a: undefined}, $db: "state"}"#,
    ] {
        assert!(!is_reach(none), "{none}");
    }
}

#[test]
fn a_try_is_recorded_by_names_and_shape_and_never_by_values() {
    let record = |command: &str| match judge(&read(&framed(command)), &scope()) {
        Verdict::Refused(refusal) => refusal.record,
        other => panic!("{other:?}"),
    };
    let insert = record(r#"{insert: "items", documents: [{a: "secret", b: {c: 1}}], comment: "secret", $db: "shop"}"#);
    assert_eq!(
        (insert.database.as_str(), insert.collection.as_deref(), insert.command.as_str()),
        ("shop", Some("items"), "insert")
    );
    assert_eq!(insert.shape, "{insert: <string>, documents: [{a: <string>, b: {c: <int>}}]}");
    for command in [
        r#"{eval: "secret", $db: "state"}"#,
        r#"{find: "items", filter: {$where: "secret"}, $db: "state"}"#,
        r#"{find: "items", filter: {a: {$comment: "secret"}}, $db: "state"}"#,
        r#"{getParameter: "secret", $db: "admin"}"#,
        r#"{aggregate: "items", pipeline: [{$out: "secret"}], cursor: {}, $db: "state"}"#,
        r#"{distinct: "items", key: 1, query: {a: "secret"}, $db: "state"}"#,
        r#"{getLog: "secret", collection: "secret", $db: "admin"}"#,
    ] {
        assert!(!format!("{:?}", record(command)).contains("secret"), "{command}");
    }
    let long = format!(
        "{{find: \"items\", filter: {{$where: 1, {}}}, $db: \"state\"}}",
        (0..5000).map(|n| format!("field{n}: {n},")).collect::<String>()
    );
    assert!(record(&long).shape.len() <= byleave_wire::shape::LONGEST + 4);
    let printable = record("{find: \"it\\nems\", filter: {\"a\\nb\": 1, $where: 1}, $db: \"state\"}");
    assert!(!format!("{}{}", printable.shape, printable.collection.unwrap()).contains('\n'));
}

#[test]
fn why_it_was_refused_is_recorded_by_names_that_are_known_and_never_by_what_a_client_made_up() {
    let recorded = |command: &str| match judge(&read(&framed(command)), &scope()) {
        Verdict::Refused(refusal) => refusal.recorded,
        other => panic!("{other:?}"),
    };
    for (command, recorded_as) in [
        (
            r#"{find: "items", filter: {$where: "1"}, $db: "state"}"#,
            "the query operator `$where` is not open to support",
        ),
        (
            r#"{find: "items", filter: {$expr: {$eq: ["$iban", "$$DE89370400440532013000"]}}, $db: "state"}"#,
            "the variable is not open to support",
        ),
        (r#"{find: "items", allowDiskUse: true, $db: "state"}"#, "the option `allowDiskUse` is not open to support"),
    ] {
        assert_eq!(recorded(command), recorded_as);
    }
    for command in [
        r#"{find: "items", filter: {$secret: 1}, $db: "state"}"#,
        r#"{find: "items", filter: {a: {$secret: 1}}, $db: "state"}"#,
        r#"{find: "items", secret: 1, $db: "state"}"#,
        r#"{find: "items", sort: {secret: "x"}, $db: "state"}"#,
        r#"{find: "items", filter: {secret: 1, secret: 2}, $db: "state"}"#,
        r#"{find: "items", filter: {secret: code("secret")}, $db: "state"}"#,
        r#"{find: "items", filter: {secret: symbol("secret")}, $db: "state"}"#,
        r#"{find: "items", collation: {secret: 1}, $db: "state"}"#,
        r#"{find: "items", projection: {a: {$secret: 1}}, $db: "state"}"#,
        r#"{aggregate: "items", pipeline: [{$secret: 1}], cursor: {}, $db: "state"}"#,
        r#"{aggregate: "items", pipeline: [{$group: {_id: "$$SECRET.secret"}}], cursor: {}, $db: "state"}"#,
        r#"{explain: {"secret": 1}, $db: "state"}"#,
        r#"{find: "items", $db: "secret"}"#,
        r#"{find: "system.secret", $db: "state"}"#,
        r#"{secret: 1, $db: "state"}"#,
    ] {
        assert!(!recorded(command).to_lowercase().contains("secret"), "{command}: {}", recorded(command));
    }
}

#[test]
fn what_is_printed_for_a_log_holds_no_value() {
    let frame = framed(r#"{find: "items", filter: {a: "secret", b: 123454321}, $db: "appsync_1"}"#);
    let request = read(&frame);
    let verdict = judge(&request, &scope());
    let element = request.body.elements().nth(1).unwrap().unwrap();
    let sign_in = framed(r#"{saslContinue: 1, conversationId: 1, payload: bytes("secret"), $db: "admin"}"#);
    let signing = read(&sign_in);
    let signing = judge_before_sign_in(&signing);
    let printed = format!("{request:?} {verdict:?} {element:?} {signing:?}");
    assert!(printed.contains("items") && printed.contains("SaslContinue"), "{printed}");
    let secret = "secret".bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    for never in ["secret", "123454321", &secret] {
        assert!(!printed.contains(never), "{printed}");
    }
}

#[test]
fn a_pipeline_has_at_most_a_hundred_stages() {
    for (stages, passes) in [(100, true), (101, false)] {
        let list = "{$limit: 1}, ".repeat(stages);
        let frame = framed(&format!(r#"{{aggregate: "items", pipeline: [{list}], cursor: {{}}, $db: "appsync_1"}}"#));
        assert_eq!(matches!(judge(&read(&frame), &scope()), Verdict::Allowed(_)), passes, "{stages}");
    }
}

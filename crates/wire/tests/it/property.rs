//! Random bytes and random commands: nothing panics, what is written reads back, and nothing outside is ever reached.

use byleave_wire::bson::{Document, Value, check};
use byleave_wire::frame::{HEADER, Header, LONGEST_REPLY, LONGEST_REQUEST, Message, message};
use byleave_wire::judge::{Verdict, judge, judge_before_sign_in};
use byleave_wire::reply::pass;
use byleave_wire::request::Request;
use byleave_wire::shape;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{LSID, framed, scope, text};

/// Values of every type, nested a little, as text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        Just("long(77)".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("oid()".to_owned()),
        Just("uuid(1)".to_owned()),
        Just("double(1)".to_owned()),
        word().prop_map(|word| format!("\"{word}\"")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec((word(), inner.clone()), 0..4).prop_map(|fields| document(&fields)),
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
}

fn document(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

/// Words that mean something to a server, and some that do not.
fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "$match",
        "$out",
        "$lookup",
        "$where",
        "$function",
        "$expr",
        "$and",
        "$eq",
        "$gt",
        "$db",
        "$project",
        "$group",
        "$sum",
        "$$ROOT",
        "$$USER_ROLES",
        "$a",
        "a",
        "b.c",
        "items",
        "system.users",
        "find",
        "aggregate",
        "filter",
        "pipeline",
        "cursor",
        "query",
        "key",
        "sort",
        "projection",
        "collection",
        "cursors",
        "limit",
        "batchSize",
        "maxTimeMS",
        "lsid",
        "id",
        "let",
        "explain",
        "verbosity",
        "queryPlanner",
        "shop",
        "state",
        "appsync_1",
        "admin",
        "level",
        "local",
        "readConcern",
        "hint",
        "comment",
        "txnNumber",
        "allowDiskUse",
        "nameOnly",
        "",
        "from",
        "into",
        "$literal",
        "$meta",
        "textScore",
        "$unwind",
        "$facet",
    ];
    prop::sample::select(WORDS).prop_map(str::to_owned)
}

/// A command with a likely beginning, random fields and a likely database.
fn command() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "find",
        "aggregate",
        "count",
        "distinct",
        "listCollections",
        "listIndexes",
        "collStats",
        "dbStats",
        "explain",
        "getMore",
        "killCursors",
        "listDatabases",
        "insert",
        "hello",
        "ping",
        "endSessions",
        "saslStart",
    ];
    const DATABASES: &[&str] = &["state", "appsync_1", "shop", "admin", "local", "STATE", "appsync_1.x", ""];
    let head = prop_oneof![Just("\"items\"".to_owned()), Just("1".to_owned()), Just("long(77)".to_owned()), value()];
    (prop::sample::select(NAMES), head, vec((word(), value()), 0..4), prop::sample::select(DATABASES)).prop_map(
        |(name, head, mut fields, database)| {
            fields.insert(0, (name.to_owned(), head));
            fields.push(("$db".to_owned(), format!("\"{database}\"")));
            document(&fields)
        },
    )
}

/// Every name of a document, at any depth, but what stands in a `$literal`.
fn names<'a>(document: Document<'a>, out: &mut Vec<&'a str>) {
    for element in document.elements() {
        let element = element.unwrap();
        out.push(element.name);
        if let Some(inner) = element.value.document().or(element.value.array())
            && element.name != "$literal"
        {
            names(inner, out);
        }
    }
}

/// What must hold for whatever goes to the server.
fn stays_inside(body: &[u8]) {
    let body = Document::whole(body).unwrap();
    check(body).unwrap();
    let name = body.head().unwrap().unwrap().name;
    let database = body.get("$db").unwrap().and_then(Value::text).unwrap();
    assert!(scope().covers(database) || (name == "listDatabases" && database == "admin"), "{database}");
    let lsid = body.get("lsid").unwrap().and_then(Value::document).unwrap();
    assert_eq!(lsid.get("id").unwrap(), Some(Value::Binary(4, &LSID)));
    if !matches!(name, "getMore" | "killCursors") {
        let time = body.get("maxTimeMS").unwrap().and_then(Value::whole).unwrap();
        assert!((1..=30_000).contains(&time));
    }
    if let Some(cursor) = body.get("getMore").unwrap() {
        assert_eq!(cursor, Value::Int64(77));
    }
    let mut all = Vec::new();
    names(body, &mut all);
    for never in
        ["$where", "$function", "$out", "$merge", "$lookup", "$comment", "comment", "txnNumber", "from", "into"]
    {
        // `from` and `into` may be fields of a document, but not beside a stage.
        let stage = matches!(never, "from" | "into");
        assert!(stage || !all.contains(&never), "`{never}` in {all:?}");
    }
    assert_eq!(all.iter().filter(|name| **name == "$db").count(), 1);
    assert_eq!(all.iter().filter(|name| **name == "lsid").count(), 1);
    assert!(!all.contains(&"insert"));
}

fn judge_bytes(frame: &[u8]) {
    let Ok(request) = Request::read(frame, LONGEST_REQUEST) else { return };
    let _verdict = judge_before_sign_in(&request);
    assert!(shape::of(request.body).len() <= shape::LONGEST + 4);
    match judge(&request, &scope()) {
        Verdict::Allowed(allowed) => stays_inside(allowed.body()),
        Verdict::Lookup(lookup) => {
            stays_inside(lookup.body());
            let mut scope = scope();
            scope.learn(lookup.namespace().clone());
            let Verdict::Allowed(allowed) = judge(&request, &scope) else { panic!("looked up, and then not allowed") };
            stays_inside(allowed.body());
        }
        Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Refused(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        judge_bytes(&bytes);
        let _ = Document::whole(&bytes).map(check);
        if let Some(head) = bytes.first_chunk::<HEADER>() {
            let _ = Header::read(head, LONGEST_REPLY);
        }
    }

    #[test]
    fn random_bytes_in_a_frame_never_panic(flags in 0_u32..4, sections in vec(any::<u8>(), 0..300)) {
        judge_bytes(&crate::framing::parts(flags, &sections, &[]));
    }

    #[test]
    fn a_frame_with_a_changed_byte_never_panics(command in command(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut frame = framed(&command);
        let place = place.index(frame.len());
        frame[place] = byte;
        judge_bytes(&frame);
    }

    #[test]
    fn whatever_is_asked_nothing_outside_is_reached(command in command()) {
        judge_bytes(&framed(&command));
    }

    #[test]
    fn a_frame_reads_back_as_it_was_written(id in any::<i32>(), answers in any::<i32>(), value in value()) {
        let body = text::document(&format!("{{a: {value}}}"));
        let frame = message(id, answers, &body);
        let read = Message::read(&frame, LONGEST_REPLY).unwrap();
        prop_assert_eq!((read.header.id, read.header.answers, read.header.length), (id, answers, frame.len()));
        prop_assert_eq!(read.body.as_bytes(), &body[..]);
        let copied: Vec<u8> = read.body.elements().flat_map(|element| element.unwrap().raw.to_vec()).collect();
        prop_assert_eq!(&copied[..], &body[4..body.len() - 1]);
    }

    #[test]
    fn a_servers_answer_never_panics_and_stays_a_frame(fields in vec((word(), value()), 0..4), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let request = framed(r#"{find: "items", $db: "appsync_1"}"#);
        let request = crate::read(&request);
        let mut scope = scope();
        let Verdict::Allowed(allowed) = judge(&request, &scope) else { panic!("not allowed") };
        let mut fields = fields;
        fields.push(("cursor".to_owned(), r#"{x: 1, firstBatch: [{a: 1}], y: {z: 1}, id: long(5), ns: "appsync_1.items"}"#.to_owned()));
        fields.push(("ok".to_owned(), "1".to_owned()));
        let whole = message(1, 41, &text::document(&document(&fields)));
        let mut changed = whole.clone();
        let place = place.index(changed.len());
        changed[place] = byte;
        for mut frame in [whole, changed] {
            if pass(&mut frame, &allowed, 41, (7, 5), &mut scope).is_ok() {
                let read = Message::read(&frame, LONGEST_REPLY).unwrap();
                let names: Vec<&str> = read.body.elements().map(|element| element.unwrap().name).collect();
                let error = ["ok", "errmsg", "code", "codeName"];
                prop_assert!(names.iter().all(|name| error.contains(name) || *name == "cursor"), "{:?}", names);
            }
        }
    }
}

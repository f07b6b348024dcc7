//! Any bytes as a command: whatever passes stays inside what is open, in the gateway's words.

#![no_main]

use byleave_wire::bson::{Document, Value, check};
use byleave_wire::frame::{LONGEST_REQUEST, message};
use byleave_wire::judge::{Verdict, judge, judge_before_sign_in};
use byleave_wire::request::Request;
use byleave_wire::scope::{Limits, Namespace, Scope};
use libfuzzer_sys::fuzz_target;

/// What a server would obey and must never get.
const NEVER: &[&str] =
    &["$where", "$function", "$accumulator", "$out", "$merge", "$lookup", "$unionWith", "comment", "txnNumber"];

fn scope() -> Scope {
    let open = ["appsync_*", "state"].into_iter().filter_map(|name| name.parse().ok()).collect();
    let mut scope = Scope::new(open, [9; 16], Limits::default());
    let namespace = Namespace { database: "appsync_1".to_owned(), collection: "items".to_owned() };
    scope.learn(namespace.clone());
    scope.hold_cursor(77, namespace);
    scope
}

fn stays_inside(bytes: &[u8], scope: &Scope) {
    let body = Document::whole(bytes).expect("what is written is a document");
    check(body).expect("and a whole one");
    let name = body.head().expect("readable").expect("named").name;
    let database = body.get("$db").expect("readable").and_then(Value::text).expect("a database");
    assert!(scope.covers(database) || (name == "listDatabases" && database == "admin"), "{database}");
    none_of_never(body);
}

fn none_of_never(document: Document<'_>) {
    for element in document.elements() {
        let element = element.expect("readable");
        // A field of a filter may be called `comment`, as any other name without `$`; an option may not.
        assert!(!NEVER.contains(&element.name) || !element.name.starts_with('$'), "{}", element.name);
        let inner = element.value.document().or(element.value.array());
        if let Some(inner) = inner.filter(|_| element.name != "$literal") {
            none_of_never(inner);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let frame = message(1, 0, bytes);
    let Ok(request) = Request::read(&frame, LONGEST_REQUEST) else { return };
    let _ = judge_before_sign_in(&request);
    let scope = scope();
    match judge(&request, &scope) {
        Verdict::Allowed(allowed) => stays_inside(allowed.body(), &scope),
        Verdict::Lookup(lookup) => stays_inside(lookup.body(), &scope),
        Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Refused(_) => {}
    }
});

//! What servers answer: what is passed on, what is cut, and what ends the connection.

use byleave_wire::frame::{LONGEST_REPLY, Message, message};
use byleave_wire::judge::{Allowed, Verdict, judge};
use byleave_wire::reply::{ReplyError, Returned, pass};
use byleave_wire::scope::Scope;

use crate::framing::parts;
use crate::{framed, namespace, read, scope, text};

fn allowed(command: &str, scope: &Scope) -> Allowed {
    let frame = framed(command);
    match judge(&read(&frame), scope) {
        Verdict::Allowed(allowed) => allowed,
        Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Lookup(_) | Verdict::Refused(_) => {
            panic!("not allowed: {command}")
        }
    }
}

/// Passes an answer on: the body that the client gets, and the counts.
fn passed(command: &str, answer: &str, scope: &mut Scope) -> Result<(Vec<u8>, Returned), ReplyError> {
    let allowed = allowed(command, scope);
    let mut frame = message(900, 41, &text::document(answer));
    let returned = pass(&mut frame, &allowed, 41, (7, 5), scope)?;
    let read = Message::read(&frame, LONGEST_REPLY).unwrap();
    assert_eq!((read.header.id, read.header.answers), (7, 5));
    assert_eq!(returned.bytes, frame.len() as u64);
    Ok((read.body.as_bytes().to_vec(), returned))
}

const FIND: &str = r#"{find: "items", $db: "appsync_1"}"#;
const MORE: &str = r#"{getMore: long(77), collection: "items", $db: "appsync_1"}"#;

#[test]
fn a_batch_passes_as_it_is_and_what_tells_of_the_cluster_is_cut() {
    let mut scope = scope();
    let answer = r#"{$before: {a: 1}, cursor: {atClusterTime: ts(1), firstBatch: [{_id: 1, c: code("x")}, {}, {a: [1]}], postBatchResumeToken: {a: 1}, id: long(5),
        partialResultsReturned: true, ns: "appsync_1.items"}, ok: double(1), $clusterTime: {clusterTime: ts(1), signature: {}}, operationTime: ts(2)}"#;
    let (body, returned) = passed(FIND, answer, &mut scope).unwrap();
    let expected = r#"{cursor: {firstBatch: [{_id: 1, c: code("x")}, {}, {a: [1]}], id: long(5), partialResultsReturned: true, ns: "appsync_1.items"}, ok: double(1)}"#;
    assert_eq!(body, text::document(expected));
    assert_eq!((returned.documents, returned.error), (3, None));
    assert_eq!(scope.cursor(5), Some(&namespace("appsync_1", "items")));
}

#[test]
fn a_cursor_is_held_until_it_is_used_up_or_killed() {
    let mut scope = scope();
    let more = |id| format!(r#"{{cursor: {{nextBatch: [{{a: 1}}], id: long({id}), ns: "appsync_1.items"}}, ok: 1}}"#);
    passed(MORE, &more(77), &mut scope).unwrap();
    assert!(scope.cursor(77).is_some());
    let (_, returned) = passed(MORE, &more(0), &mut scope).unwrap();
    assert_eq!(returned.documents, 1);
    assert_eq!(scope.cursor(77), None);
    scope.hold_cursor(78, namespace("appsync_1", "items"));
    let kill = r#"{killCursors: "items", cursors: [long(78)], $db: "appsync_1"}"#;
    let answer = "{cursorsKilled: [long(78)], cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [], ok: 1, operationTime: ts(1)}";
    let (body, _) = passed(kill, answer, &mut scope).unwrap();
    assert_eq!(
        body,
        text::document("{cursorsKilled: [long(78)], cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [], ok: 1}")
    );
    assert_eq!(scope.cursors().count(), 0);
    scope.hold_cursor(77, namespace("appsync_1", "items"));
    passed(MORE, r#"{ok: 0, errmsg: "cursor not found", code: 43}"#, &mut scope).unwrap();
    assert_eq!(scope.cursor(77), None);
}

#[test]
fn one_cursor_too_many_takes_the_place_of_the_one_that_was_not_used_for_longest() {
    let mut scope = scope();
    for id in 1000..1254 {
        scope.hold_cursor(id, namespace("appsync_1", "items"));
    }
    assert_eq!(scope.make_room(), None);
    scope.hold_cursor(1254, namespace("state", "others"));
    let more = r#"{cursor: {nextBatch: [], id: long(77), ns: "appsync_1.items"}, ok: 1}"#;
    passed(MORE, more, &mut scope).unwrap();
    assert_eq!(scope.make_room(), Some((1000, namespace("appsync_1", "items"))), "77 was used since");
    assert_eq!((scope.make_room(), scope.cursors().count()), (None, 255));
    // One that was forgotten while its next batch was under way stays forgotten.
    scope.forget_cursors();
    assert_eq!(scope.cursors().count(), 0);
}

#[test]
fn an_answer_of_another_namespace_or_form_ends_the_connection() {
    let cursor = |inner: &str| format!("{{cursor: {{{inner}}}, ok: 1}}");
    for (command, inner) in [
        (FIND, r#"firstBatch: [], id: long(0), ns: "shop.items""#),
        (FIND, r#"firstBatch: [], id: long(0), ns: "appsync_1.other""#),
        (FIND, r#"firstBatch: [], id: long(5), ns: "appsync_1""#),
        (FIND, r#"firstBatch: [], id: long(0)"#),
        (FIND, r#"firstBatch: [], ns: "appsync_1.items""#),
        (FIND, r#"nextBatch: [], id: long(0), ns: "appsync_1.items""#),
        (FIND, r#"firstBatch: [1], id: long(0), ns: "appsync_1.items""#),
        (FIND, r#"firstBatch: {}, id: long(0), ns: "appsync_1.items""#),
        (MORE, r#"firstBatch: [], id: long(77), ns: "appsync_1.items""#),
        (MORE, r#"nextBatch: [], id: long(78), ns: "appsync_1.items""#),
        (MORE, r#"nextBatch: [], id: long(77), ns: "appsync_1.other""#),
        (MORE, r#"nextBatch: [], id: long(77), ns: "appsync_2.items""#),
    ] {
        let mut scope = scope();
        assert!(passed(command, &cursor(inner), &mut scope).is_err(), "{inner}");
        assert!(scope.cursors().all(|(id, _)| id == 77), "{inner}");
    }
    for answer in ["{}", "{ok: 1}", "{cursor: 1, ok: 1}", "{n: 1, ok: 1}", r#"{ok: "yes"}"#] {
        assert!(passed(FIND, answer, &mut scope()).is_err(), "{answer}");
    }
    for answer in ["{ok: 1}", "{n: 1}"] {
        assert!(passed(r#"{count: "items", $db: "appsync_1"}"#, answer, &mut scope()).is_err(), "{answer}");
    }
    assert!(passed(r#"{distinct: "items", key: "a", $db: "appsync_1"}"#, "{values: {}, ok: 1}", &mut scope()).is_err());
}

#[test]
fn a_frame_that_answers_something_else_ends_the_connection() {
    let mut scope = scope();
    let allowed = allowed(FIND, &scope);
    let body = [&[0][..], &text::document(r#"{cursor: {firstBatch: [], id: long(0), ns: "appsync_1.items"}, ok: 1}"#)]
        .concat();
    let mut right = parts(0, &body, &[]);
    assert!(pass(&mut right, &allowed, 0, (7, 5), &mut scope).is_ok());
    assert_eq!(pass(&mut parts(0, &body, &[]), &allowed, 1, (7, 5), &mut scope), Err(ReplyError::Other(0)));
    // More to come, which was not asked for.
    assert!(pass(&mut parts(2, &body, &[]), &allowed, 0, (7, 5), &mut scope).is_err());
    let beside = [&body[..], &[1, 6, 0, 0, 0, b'a', 0][..]].concat();
    assert!(pass(&mut parts(0, &beside, &[]), &allowed, 0, (7, 5), &mut scope).is_err());
}

#[test]
fn a_servers_checksum_is_verified_and_not_passed_on() {
    let mut scope = scope();
    let allowed = allowed(FIND, &scope);
    let body =
        [&[0][..], &text::document(r#"{cursor: {firstBatch: [{a: 1}], id: long(0), ns: "appsync_1.items"}, ok: 1}"#)]
            .concat();
    let mut frame = parts(1, &body, &[0; 4]);
    let end = frame.len() - 4;
    assert!(pass(&mut frame.clone(), &allowed, 0, (7, 5), &mut scope).is_err());
    let right = crate::framing::checksum(&frame[..end]);
    frame[end..].copy_from_slice(&right);
    pass(&mut frame, &allowed, 0, (7, 5), &mut scope).unwrap();
    assert_eq!(frame, message(7, 5, &body[1..]));
}

#[test]
fn numbers_values_and_errors_pass_without_what_stands_beside() {
    let count = r#"{count: "items", $db: "appsync_1"}"#;
    let (body, _) = passed(count, "{n: 3, ok: 1, $clusterTime: {}, operationTime: ts(1)}", &mut scope()).unwrap();
    assert_eq!(body, text::document("{n: 3, ok: 1}"));
    let distinct = r#"{distinct: "items", key: "a", $db: "appsync_1"}"#;
    let answer = r#"{values: [1, code("x"), undefined], stats: {host: "h"}, ok: 1}"#;
    let (body, returned) = passed(distinct, answer, &mut scope()).unwrap();
    assert_eq!(body, text::document(r#"{values: [1, code("x"), undefined], ok: 1}"#));
    assert_eq!(returned.documents, 3);
    for (code, name, shown, why) in [
        (96, "OperationFailed", "OperationFailed", "the server refuses the command"),
        (13, "Unauthorized", "Unauthorized", "the gateway's user of the databases may not do that"),
        (50, "at secret-host-1.internal", "InternalError", "the command took longer than it may"),
    ] {
        let text = "not authorized on payroll to execute command { find: 'salaries' } at secret-host-1.internal:27017";
        let answer = format!(
            r#"{{ok: double(0), errmsg: "{text}", code: {code}, codeName: "{name}", errorLabels: ["x"], topologyVersion: {{}}, $clusterTime: {{}}}}"#
        );
        let (body, returned) = passed(FIND, &answer, &mut scope()).unwrap();
        let shown = format!(r#"{{ok: double(0), errmsg: "{why}", code: {code}, codeName: "{shown}"}}"#);
        assert_eq!((body, returned.error), (text::document(&shown), Some(code)));
    }
}

#[test]
fn only_open_databases_are_named() {
    let answer = r#"{databases: [{name: "admin", sizeOnDisk: 1, empty: false}, {name: "appsync_1", sizeOnDisk: 2, empty: false, shards: {a: 1}},
        {name: "shop"}, {name: "state", sizeOnDisk: {host: "h"}}, {name: "APPSYNC_2"}], totalSize: 10, totalSizeMb: 1, ok: 1, $clusterTime: {}}"#;
    let (body, returned) = passed(r#"{listDatabases: 1, $db: "admin"}"#, answer, &mut scope()).unwrap();
    let expected = r#"{databases: [{name: "appsync_1", sizeOnDisk: 2, empty: false}, {name: "state"}], ok: double(1)}"#;
    assert_eq!(body, text::document(expected));
    assert_eq!(returned.documents, 2);
}

#[test]
fn figures_and_explanations_name_no_host() {
    let answer = r#"{ns: "/data/appsync_1.items", count: 3, size: "h:1", raw: {"shard/h:1": {}}, shards: {s: {host: "h"}}, primary: "s", host: "h:1",
        shardNames: ["rs-secret-0"], wiredTiger: {uri: "x"}, indexSizes: {_id_: 4, a: "h"}, capped: false, ok: 1, operationTime: ts(1)}"#;
    let (body, _) = passed(r#"{collStats: "items", $db: "appsync_1"}"#, answer, &mut scope()).unwrap();
    let expected = r#"{ns: "appsync_1.items", count: 3, indexSizes: {_id_: 4}, capped: false, ok: double(1)}"#;
    assert_eq!(body, text::document(expected));
    let answer = r#"{db: "/tmp/appsync_1.db", objects: 3, fsTotalSize: 5, fsUsedSize: 4, ok: 1}"#;
    let (body, _) = passed(r#"{dbStats: 1, $db: "appsync_1"}"#, answer, &mut scope()).unwrap();
    assert_eq!(body, text::document(r#"{db: "appsync_1", objects: 3, ok: double(1)}"#));
    let answer = r#"{queryPlanner: {namespace: "x@h", winningPlan: {stage: "X", shardName: "s", shards: [{host: "h"}], inputStages: [{host: "h", serverInfo: {host: "h"}, stage: "Y"}, "h"]},
        parsedQuery: {host: {$eq: "mine"}}}, executionStats: {nReturned: 1, hostAndPort: "h:1"}, hosts: ["h"], stages: [{$cursor: {host: "h"}, nReturned: 2}, {$group: {_id: "$host"}}],
        serverInfo: {host: "h"}, serverParameters: {a: 1}, command: {$db: "appsync_1"}, ok: 1}"#;
    let (body, _) = passed(r#"{explain: {find: "items"}, $db: "appsync_1"}"#, answer, &mut scope()).unwrap();
    let expected = r#"{queryPlanner: {namespace: "appsync_1.items", winningPlan: {stage: "X", inputStages: [{stage: "Y"}]}, parsedQuery: {host: {$eq: "mine"}}},
        executionStats: {nReturned: 1}, stages: [{$cursor: {}, nReturned: 2}, {$group: {_id: "$host"}}], ok: double(1)}"#;
    assert_eq!(body, text::document(expected));
}

fn settle(answer: &str, scope: &mut Scope) -> Result<Verdict<'static>, ReplyError> {
    let frame = framed(r#"{find: "other", $db: "appsync_1"}"#);
    let Verdict::Lookup(lookup) = judge(&read(&frame), scope) else { panic!("not looked up") };
    let asked = text::document(
        r#"{listCollections: 1, filter: {name: "other"}, cursor: {}, maxTimeMS: 30000, lsid: {id: uuid(9)}, $db: "appsync_1", $readPreference: {mode: "primaryPreferred"}}"#,
    );
    assert_eq!(lookup.body(), asked);
    lookup.settle(&message(900, 41, &text::document(answer)), 41, scope)
}

fn listed(inner: &str) -> String {
    format!(r#"{{cursor: {{id: long(0), ns: "appsync_1.$cmd.listCollections", firstBatch: [{inner}]}}, ok: 1}}"#)
}

#[test]
fn a_collection_passes_and_is_remembered() {
    let mut scope = scope();
    let answer =
        listed(r#"{name: "other2", type: "view"}, {name: "other", type: "collection", options: {}, info: {}}"#);
    assert!(matches!(settle(&answer, &mut scope), Ok(Verdict::Allowed(_))));
    assert!(scope.knows(&namespace("appsync_1", "other")));
}

/// What comes of a question, and the answer to the client if nothing is there.
fn settled(command: &str, answers: &[&str]) -> (Option<i32>, Vec<u8>) {
    let (frame, mut scope) = (framed(command), scope());
    let mut verdict = judge(&read(&frame), &scope);
    for answer in answers {
        let Verdict::Lookup(lookup) = verdict else { panic!("{command}: not looked up, but {verdict:?}") };
        verdict = lookup.settle(&message(900, 41, &text::document(answer)), 41, &mut scope).unwrap();
    }
    let Verdict::Empty(empty) = verdict else { panic!("{command}: {verdict:?}") };
    (empty.code.map(byleave_wire::answer::Code::number), empty.body)
}

#[test]
fn a_collection_that_is_not_there_is_answered_and_never_asked_for() {
    let none = listed("");
    let empty = r#"{cursor: {firstBatch: [], id: long(0), ns: "appsync_1.other"}, ok: double(1)}"#;
    let zeros = r#"{ns: "appsync_1.other", size: 0, count: 0, numOrphanDocs: 0, storageSize: 0, totalSize: 0, nindexes: 0,
        totalIndexSize: 0, indexSizes: {}, scaleFactor: 1, ok: double(1)}"#;
    for (command, code, answer) in [
        (r#"{find: "other", $db: "appsync_1"}"#, None, empty),
        (r#"{aggregate: "other", pipeline: [], cursor: {}, $db: "appsync_1"}"#, None, empty),
        (r#"{count: "other", $db: "appsync_1"}"#, None, "{n: 0, ok: double(1)}"),
        (r#"{distinct: "other", key: "a", $db: "appsync_1"}"#, None, "{values: [], ok: double(1)}"),
        (r#"{collStats: "other", $db: "appsync_1"}"#, None, zeros),
        (
            r#"{listIndexes: "other", $db: "appsync_1"}"#,
            Some(26),
            r#"{ok: double(0), errmsg: "ns does not exist: appsync_1.other", code: 26, codeName: "NamespaceNotFound"}"#,
        ),
    ] {
        assert_eq!(settled(command, &[&none]), (code, text::document(answer)), "{command}");
    }
    let (code, explained) = settled(r#"{explain: {find: "other"}, $db: "appsync_1"}"#, &[&none]);
    let explained = byleave_wire::bson::Document::whole(&explained).unwrap();
    assert!(code.is_none() && explained.get("queryPlanner").unwrap().is_some());
}

#[test]
fn of_a_database_that_is_not_there_nothing_is_asked() {
    let none = r#"{databases: [{name: "appsync_1"}, {name: "APPSYNC_9"}], ok: 1}"#;
    for command in [
        r#"{find: "other", $db: "appsync_9"}"#,
        r#"{listCollections: 1, $db: "appsync_9"}"#,
        r#"{dbStats: 1, $db: "appsync_9"}"#,
        r#"{count: "other", $db: "state"}"#,
    ] {
        assert_eq!(settled(command, &[none]).0, None, "{command}");
    }
    let there = r#"{databases: [{name: "appsync_9"}], ok: 1}"#;
    assert_eq!(settled(r#"{count: "other", $db: "appsync_9"}"#, &[there, &listed("")]).0, None);
    let (frame, mut scope) = (framed(r#"{dbStats: 1, $db: "appsync_9"}"#), scope());
    for (answer, open) in [(r#"{ok: 0, errmsg: "no", code: 13}"#, false), (there, true)] {
        let Verdict::Lookup(lookup) = judge(&read(&frame), &scope) else { panic!("not looked up") };
        let asked = r#"{listDatabases: 1, filter: {name: "appsync_9"}, nameOnly: true, authorizedDatabases: true, maxTimeMS: 30000, lsid: {id: uuid(9)}, $db: "admin", $readPreference: {mode: "primaryPreferred"}}"#;
        assert_eq!(lookup.body(), text::document(asked));
        let settled = lookup.settle(&message(900, 41, &text::document(answer)), 41, &mut scope).unwrap();
        assert_eq!(matches!(settled, Verdict::Allowed(_)), open, "{settled:?}");
    }
    assert!(matches!(judge(&read(&frame), &scope), Verdict::Allowed(_)), "and it is remembered");
}

#[test]
fn views_and_what_is_not_understood_are_refused() {
    for answer in [
        listed(r#"{name: "other", type: "view", options: {viewOn: "secrets", pipeline: []}}"#),
        listed(r#"{name: "other", type: "collection", options: {viewOn: "secrets"}}"#),
        listed(r#"{name: "other", type: "timeseries"}"#),
        listed(r#"{name: "other", type: "Collection"}"#),
        listed(r#"{name: "other"}"#),
        r#"{ok: 0, errmsg: "not authorized", code: 13}"#.to_owned(),
    ] {
        let mut scope = scope();
        assert!(
            matches!(settle(&answer, &mut scope), Ok(Verdict::Refused(refusal)) if refusal.code.number() == 13),
            "{answer}"
        );
        assert!(!scope.knows(&namespace("appsync_1", "other")));
    }
    for answer in
        ["{ok: 1}".to_owned(), r#"{cursor: {id: long(9), ns: "x", firstBatch: []}, ok: 1}"#.to_owned(), listed("1")]
    {
        assert!(settle(&answer, &mut scope()).is_err(), "{answer}");
    }
}

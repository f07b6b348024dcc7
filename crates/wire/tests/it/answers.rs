//! What the gateway says by itself, to clients and to the cluster, word for word.

use byleave_wire::answer::{self, Code, HelloName, Mechanisms, Server};
use byleave_wire::frame::message;
use byleave_wire::upstream::{self, Greeting, Place};

use crate::{namespace, scope, text};

fn server() -> Server {
    Server { max_wire_version: 21, version: "7.0.12-rc1".to_owned() }
}

#[test]
fn a_hello_tells_of_one_server_without_members_or_compression() {
    let rest = "maxBsonObjectSize: 1032192, maxMessageSizeBytes: 48000000, maxWriteBatchSize: 1, localTime: date(5), \
        logicalSessionTimeoutMinutes: 30, connectionId: 3, minWireVersion: 0, maxWireVersion: 21, readOnly: true";
    let hello = answer::hello(HelloName::Hello, Mechanisms::NotAsked, &server(), 3, 5);
    assert_eq!(hello, text::document(&format!("{{helloOk: true, isWritablePrimary: true, {rest}, ok: double(1)}}")));
    let hello = answer::hello(HelloName::Legacy, Mechanisms::Asked, &server(), 3, 5);
    let expected =
        format!(r#"{{helloOk: true, ismaster: true, {rest}, saslSupportedMechs: ["SCRAM-SHA-256"], ok: double(1)}}"#);
    assert_eq!(hello, text::document(&expected));
}

#[test]
fn small_questions_are_answered_as_a_server_would() {
    let build = r#"{version: "7.0.12-rc1", gitVersion: "", modules: [], versionArray: [7, 0, 12, 0], bits: 64, debug: false,
        maxBsonObjectSize: 1032192, ok: double(1)}"#;
    assert_eq!(answer::build_info(&server()), text::document(build));
    let status = r#"{authInfo: {authenticatedUsers: [{user: "u", db: "admin"}], authenticatedUserRoles: [], authenticatedUserPrivileges: []},
        ok: double(1)}"#;
    assert_eq!(answer::connection_status("u"), text::document(status));
    assert_eq!(answer::no_log(), text::document("{totalLinesWritten: 0, log: [], ok: double(1)}"));
    assert_eq!(answer::done(), text::document("{ok: double(1)}"));
    let error = r#"{ok: double(0), errmsg: "no", code: 13, codeName: "Unauthorized"}"#;
    assert_eq!(answer::error(Code::Unauthorized, "no"), text::document(error));
}

#[test]
fn the_cluster_hears_the_session_id_and_nothing_of_the_client() {
    let hello = r#"{hello: 1, client: {application: {name: "session-1"}, driver: {name: "byleave", version: "1"}, os: {type: "Linux"}},
        $db: "admin"}"#;
    assert_eq!(upstream::hello("session-1"), text::document(hello));
    assert_eq!(upstream::build_info(), text::document(r#"{buildInfo: 1, $db: "admin"}"#));
    let start = r#"{saslStart: 1, mechanism: "SCRAM-SHA-256", payload: bytes("x"), options: {skipEmptyExchange: true}, $db: "admin"}"#;
    assert_eq!(upstream::sasl_start("admin", b"x"), text::document(start));
    let more = r#"{saslContinue: 1, conversationId: 4, payload: bytes("x"), $db: "admin"}"#;
    assert_eq!(upstream::sasl_continue("admin", 4, b"x"), text::document(more));
    assert_eq!(upstream::x509(), text::document(r#"{authenticate: 1, mechanism: "MONGODB-X509", $db: "$external"}"#));
    let kill = r#"{killCursors: "items", cursors: [long(7), long(8)], $db: "state"}"#;
    assert_eq!(upstream::kill_cursors(&namespace("state", "items"), &[7, 8]), text::document(kill));
    assert_eq!(upstream::kill_session(&scope()), text::document(r#"{killSessions: [{id: uuid(9)}], $db: "admin"}"#));
    assert_eq!(upstream::end_session(&scope()), text::document(r#"{endSessions: [{id: uuid(9)}], $db: "admin"}"#));
}

#[test]
fn a_servers_words_about_itself_are_read_or_refused() {
    let greet = |answer: &str| upstream::greeting(&message(1, 2, &text::document(answer)), 2);
    let table = [
        ("{isWritablePrimary: true, maxWireVersion: 21, ok: 1}", Place::Primary),
        ("{ismaster: true, maxWireVersion: 21, ok: 1}", Place::Primary),
        ("{isWritablePrimary: false, secondary: true, maxWireVersion: 21, ok: 1}", Place::Secondary),
        ("{isWritablePrimary: false, arbiterOnly: true, maxWireVersion: 21, ok: 1}", Place::Neither),
    ];
    for (answer, place) in table {
        assert_eq!(greet(answer), Ok(Ok(Greeting { max_wire_version: 21, place })), "{answer}");
    }
    assert!(greet("{isWritablePrimary: true, ok: 1}").is_err());
    assert!(greet("{isWritablePrimary: true, maxWireVersion: 21}").is_err());
    assert_eq!(greet(r#"{ok: 0, errmsg: "no"}"#), Ok(Err("no".to_owned())));
    assert!(upstream::greeting(&message(1, 3, &text::document("{ok: 1}")), 2).is_err());
    let version = |answer: &str| upstream::version(&message(1, 2, &text::document(answer)), 2);
    assert_eq!(version(r#"{version: "7.0.12", ok: 1}"#), Ok(Ok("7.0.12".to_owned())));
    assert!(version("{ok: 1}").is_err());
    let step = |answer: &str| upstream::sasl_step(&message(1, 2, &text::document(answer)), 2);
    assert!(step(r#"{conversationId: 1, done: false, payload: bytes("x"), ok: 1}"#).unwrap().is_ok());
    for answer in
        ["{ok: 1}", "{conversationId: 1, done: true, ok: 1}", r#"{conversationId: 1, payload: bytes("x"), ok: 1}"#]
    {
        assert!(step(answer).is_err(), "{answer}");
    }
    assert_eq!(upstream::done(&message(1, 2, &text::document("{ok: 1}")), 2), Ok(Ok(())));
}

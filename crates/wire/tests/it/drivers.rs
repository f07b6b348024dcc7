//! Every line of `tests/drivers/*.txt` is something that a real driver or shell sends and that must pass.
//!
//! `< command` is what the client sends, `> command` what goes to the server after the collection was looked up, `= shape` what
//! is recorded of it, `! answer` what the gateway answers by itself.

use byleave_wire::bson::Document;
use byleave_wire::judge::{Verdict, judge, judge_before_sign_in};

use crate::{framed, read, scope, text};

/// What the gateway adds to every command.
const ENDED: &str = r#"lsid: {id: uuid(9)}, $db: "appsync_1", $readPreference: {mode: "primaryPreferred"}"#;

/// What became of a command, in the words of the tables.
enum Outcome {
    Allowed { body: Vec<u8>, shape: String },
    Answered(String),
    Refused(String),
}

fn outcome(command: &str) -> Outcome {
    let frame = framed(command);
    let request = read(&frame);
    let mut scope = scope();
    match judge(&request, &scope) {
        Verdict::Allowed(allowed) => {
            Outcome::Allowed { body: allowed.body().to_vec(), shape: allowed.record().shape.clone() }
        }
        Verdict::Lookup(lookup) => {
            scope.learn(lookup.namespace().clone());
            match judge(&request, &scope) {
                Verdict::Allowed(allowed) => {
                    Outcome::Allowed { body: allowed.body().to_vec(), shape: allowed.record().shape.clone() }
                }
                Verdict::Answered(_) | Verdict::Empty(_) | Verdict::Lookup(_) | Verdict::Refused(_) => {
                    panic!("looked up twice: {command}")
                }
            }
        }
        Verdict::Answered(local) => Outcome::Answered(format!("{local:?}")),
        Verdict::Empty(empty) => panic!("{empty:?}"),
        Verdict::Refused(refusal) => Outcome::Refused(refusal.text),
    }
}

#[test]
fn what_drivers_send_passes_in_the_gateways_words() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drivers");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let content = std::fs::read_to_string(&path).unwrap();
        let mut sent = String::new();
        for line in content.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (mark, rest) = line.split_once(' ').unwrap();
            let rest = &rest.replace("TIMED", &format!("maxTimeMS: 30000, {ENDED}")).replace("ENDED", ENDED);
            if mark == "<" {
                sent = rest.to_owned();
                continue;
            }
            count += 1;
            let (good, found) = match (mark, outcome(&sent)) {
                (">", Outcome::Allowed { body, .. }) => (body == text::document(rest), shown(&body)),
                ("=", Outcome::Allowed { shape, .. }) => (shape == *rest, shape),
                ("!", Outcome::Answered(local)) => (local == *rest, local),
                (_, Outcome::Allowed { body, .. }) => (false, shown(&body)),
                (_, Outcome::Answered(text) | Outcome::Refused(text)) => (false, text),
            };
            if !good {
                wrong.push(format!("{}: {sent}\n  wanted {rest}\n  found  {found}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} lines");
}

/// Names and types, which is enough to see what differs.
fn shown(body: &[u8]) -> String {
    fn one(document: Document<'_>, out: &mut String) {
        for element in document.elements() {
            let element = element.unwrap();
            out.push_str(&format!("{}: ", element.name));
            match element.value.document().or(element.value.array()) {
                Some(inner) => {
                    out.push('{');
                    one(inner, out);
                    out.push_str("} ");
                }
                None => out.push_str(&format!("{:?} ", element.value)),
            }
        }
    }
    let mut out = String::new();
    one(Document::whole(body).unwrap(), &mut out);
    out
}

#[test]
fn a_hello_is_answered_before_and_after_signing_in() {
    for command in [
        r#"{hello: 1, helloOk: true, client: {driver: {name: "x", version: "1"}}, $db: "admin"}"#,
        r#"{ismaster: 1, helloOk: true, compression: ["zstd"], saslSupportedMechs: "admin.u", $db: "admin"}"#,
        r#"{isMaster: 1, loadBalanced: false, topologyVersion: {processId: oid(), counter: long(1)}, maxAwaitTimeMS: 10000, $db: "admin"}"#,
    ] {
        let frame = framed(command);
        assert!(matches!(judge_before_sign_in(&read(&frame)), Verdict::Answered(_)), "{command}");
        assert!(matches!(judge(&read(&frame), &scope()), Verdict::Answered(_)), "{command}");
    }
}

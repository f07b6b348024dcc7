//! The table of bad input: every operation, on Atlas's paths and on ours, with everything that nobody should send. Each gets the
//! documented 4xx that names the field, and changes nothing.
//!
//! A new operation that takes a body belongs into [`bodies`](mod@bodies); the first test fails until it is there.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, text};

mod accounts;
mod bodies;
mod ours;
use accounts::{Accounts, LISTS};
use bodies::bodies;
use ours::Ours;

/// Operations without a body. Closing the door fails for no form of one.
const BODILESS: [&str; 1] = ["POST /api/atlas/v2/groups/{groupId}/clusters/{clusterName}:revokeMongoDBEmployeeAccess"];

/// What a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Any text: the field is of no use here, only its type is checked.
    AnyText,
    /// An e-mail address, and the empty text.
    Contact,
    Flag,
    List,
    /// A whole number; `true` if any will do.
    Number(bool),
    Object,
    Text,
}

/// A field of a body: its place, whether it may be missing, and what it takes.
struct Field(&'static str, Need, Takes);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It may be missing or null.
    Nullable,
    Optional,
    Required,
}

/// An operation that takes a body.
struct Body {
    operation: &'static str,
    sound: Value,
    fields: Vec<Field>,
}

/// A house with one customer, and what must not change in it.
struct Scene {
    house: House,
    shop: Customer,
    user: String,
    accounts: Accounts,
    ours: Ours,
    before: Value,
}

impl Scene {
    async fn set() -> Self {
        let house = House::open().await;
        let shop = house.customer("shop").await;
        let user = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
        let accounts = Accounts::make(&shop).await;
        let ours = Ours::make(&house, &shop).await;
        let mut scene = Self { house, shop, user, accounts, ours, before: Value::Null };
        scene.before = scene.state().await;
        scene
    }

    /// The length of the log, and the store against the log.
    async fn state(&self) -> Value {
        let feed = format!("/api/byleave/v1/organizations/{}/events?itemsPerPage=1", self.shop.organization);
        let feed = self.shop.owner.get(&feed).await.ok();
        let findings = self.house.store.audit_state().await.unwrap().findings;
        json!([feed["totalCount"], feed["results"], findings, self.ours.state().await])
    }

    async fn assert_unchanged(&self) {
        assert_eq!(self.state().await, self.before, "what is refused changes nothing");
    }

    /// The path of an operation, with everything in it that is sound.
    fn path(&self, template: &str) -> String {
        self.accounts
            .fill(&self.ours.fill(template))
            .replace("{orgId}", &self.shop.organization)
            .replace("{groupId}", &self.shop.project)
            .replace("{clusterName}", &self.shop.cluster)
            .replace("{groupName}", "Production")
            .replace("{hostname}", &self.shop.host)
            .replace("{id}", &self.user)
            .replace("{tile}", "0/000")
    }

    /// Who may send an operation.
    fn caller(&self, operation: &str) -> &Client {
        self.ours.caller(operation).unwrap_or(&self.shop.owner)
    }

    async fn send(&self, operation: &str, body: impl Into<Vec<u8>>) -> Answer {
        let (method, path) = operation.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.caller(operation).send(Call::new(method, &self.path(path)).body(body)).await
    }

    /// Sends a body and expects a 400 of one of these codes that names the field.
    async fn refused(&self, body: &Body, sent: String, field: &str, codes: &[&str]) {
        let shown: String = sent.chars().take(200).collect();
        let answer = self.send(body.operation, sent).await;
        let said = answer.json();
        assert_eq!(answer.status, 400, "{} {shown}: {said}", body.operation);
        let code = said["errorCode"].as_str().unwrap();
        assert!(codes.contains(&code), "{} {shown}: {said}", body.operation);
        let named = said["badRequestDetail"]["fields"][0]["field"].as_str().unwrap_or_default();
        assert_eq!(named, field, "{} {shown}: {said}", body.operation);
        answer.refused(400, code);
    }
}

fn pointer(field: &str) -> String {
    format!("/{}", field.replace(['.', '['], "/").replace(']', ""))
}

/// The sound body with this in the place of a field.
fn with(sound: &Value, field: &str, value: Value) -> Value {
    let mut body = sound.clone();
    let pointer = pointer(field);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(list) => list[key.parse::<usize>().unwrap()] = value,
        None => _ = parent.as_object_mut().unwrap().insert(key.to_owned(), value),
    }
    body
}

/// The sound body without a field.
fn without(sound: &Value, field: &str) -> Value {
    let mut body = sound.clone();
    let pointer = pointer(field);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    body
}

#[tokio::test]
async fn every_operation_that_takes_a_body_is_in_the_table() {
    let scene = Scene::set().await;
    let known: BTreeSet<String> = bodies(&scene.shop)
        .iter()
        .map(|body| body.operation)
        .chain(BODILESS)
        .chain(LISTS)
        .map(ToOwned::to_owned)
        .collect();
    let all = byleave_web::api::atlas::OPERATIONS.iter().filter(|(method, _)| !matches!(*method, "GET" | "DELETE"));
    let all: BTreeSet<String> = all.map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(known, all);
}

#[tokio::test]
async fn every_field_is_refused_by_name() {
    let scene = Scene::set().await;
    each_field(&scene, bodies(&scene.shop)).await;
}

async fn each_field(scene: &Scene, bodies: Vec<Body>) {
    for body in bodies {
        for Field(field, need, takes) in &body.fields {
            let wrong = [json!("x"), json!(1), json!(true), json!({}), json!([]), Value::Null];
            for value in wrong {
                let fits = match (takes, &value) {
                    (_, Value::Null) => *need == Need::Nullable,
                    (Takes::Flag, Value::Bool(_))
                    | (Takes::List, Value::Array(_))
                    | (Takes::Number(_), Value::Number(_))
                    | (Takes::Object, Value::Object(_))
                    | (Takes::AnyText | Takes::Contact | Takes::Text, Value::String(_)) => true,
                    _ => false,
                };
                if !fits {
                    let sent = with(&body.sound, field, value).to_string();
                    scene.refused(&body, sent, field, &["INVALID_ATTRIBUTE"]).await;
                }
            }
            for value in bad_values(*takes) {
                let codes = [
                    "INVALID_ATTRIBUTE",
                    "VALIDATION_ERROR",
                    "INVALID_ENUM_VALUE",
                    "INVALID_ORG_ID",
                    "INVALID_GROUP_ID",
                ];
                scene.refused(&body, with(&body.sound, field, value).to_string(), field, &codes).await;
            }
            if *need == Need::Required {
                scene.refused(&body, without(&body.sound, field).to_string(), field, &["MISSING_ATTRIBUTE"]).await;
            }
        }
    }
    scene.assert_unchanged().await;
}

/// Too long, of characters that nobody sees, empty, too large: of the right type and wrong.
fn bad_values(takes: Takes) -> Vec<Value> {
    let texts = ["x".repeat(70_000), "a\u{0}b".into(), "a\u{202e}b".into(), "\u{feff}".into(), " ".into()];
    match takes {
        Takes::AnyText | Takes::Flag | Takes::List | Takes::Object | Takes::Number(true) => Vec::new(),
        Takes::Contact => texts.into_iter().map(Value::String).collect(),
        Takes::Number(false) => vec![json!(-1), json!(0), json!(i64::MAX), json!(1.5), json!(1e30)],
        Takes::Text => texts.into_iter().map(Value::String).chain([json!("")]).collect(),
    }
}

#[tokio::test]
async fn keys_that_nobody_knows_or_that_come_twice_are_refused_by_name() {
    let scene = Scene::set().await;
    each_key(&scene, bodies(&scene.shop)).await;
}

async fn each_key(scene: &Scene, bodies: Vec<Body>) {
    for body in bodies {
        let unknown = with(&body.sound, "surprise", json!(1)).to_string();
        scene.refused(&body, unknown, "surprise", &["INVALID_ATTRIBUTE"]).await;
        for (key, value) in body.sound.as_object().unwrap() {
            let rest: Map<String, Value> = body.sound.as_object().unwrap().clone();
            let rest = Value::Object(rest).to_string();
            let twice = format!("{{\"{key}\":{value},{}", rest.strip_prefix('{').unwrap());
            scene.refused(&body, twice, key, &["INVALID_ATTRIBUTE"]).await;
            // The same key in other letters is another key, and unknown.
            let shouted = key.to_uppercase();
            let sent = with(&body.sound, &shouted, value.clone()).to_string();
            scene.refused(&body, sent, &shouted, &["INVALID_ATTRIBUTE"]).await;
        }
        for Field(field, _, takes) in &body.fields {
            if *takes == Takes::Object && body.sound.pointer(&pointer(field)).is_some() {
                let unknown = format!("{field}.surprise");
                let sent = with(&body.sound, &unknown, json!(1)).to_string();
                scene.refused(&body, sent, &unknown, &["INVALID_ATTRIBUTE"]).await;
            }
        }
    }
    scene.assert_unchanged().await;
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_whole() {
    let scene = Scene::set().await;
    each_whole(&scene, bodies(&scene.shop)).await;
}

async fn each_whole(scene: &Scene, bodies: Vec<Body>) {
    for body in bodies {
        let sound = body.sound.to_string();
        let first = body.sound.as_object().unwrap().keys().next().unwrap().clone();
        let deep = |open: &str, close: &str| format!("{{\"{first}\":{}{}}}", open.repeat(5_000), close.repeat(5_000));
        let list = format!("[{}]", sound);
        let texts = [
            String::new(),
            " ".into(),
            "{".into(),
            sound.strip_suffix('}').unwrap().to_owned(),
            format!("{sound}}}"),
            format!("{sound}{sound}"),
            format!("{sound} x"),
            format!("\u{feff}{sound}"),
            format!("{sound}\u{0}"),
            sound.replace('"', "'"),
            sound.replacen(':', "=", 1),
            sound.replacen('}', ",}", 1),
            "null".into(),
            "1".into(),
            "\"x\"".into(),
            "[]".into(),
            list,
            deep("[", "]"),
            deep("{\"a\":", "}"),
            format!("// hello\n{sound}"),
            "NaN".into(),
            format!("{{\"{first}\":1e999999}}"),
        ];
        for sent in texts {
            if sent.is_empty() && ours::MAY_BE_EMPTY.contains(&body.operation) {
                continue;
            }
            let shown: String = sent.chars().take(120).collect();
            let answer = scene.send(body.operation, sent).await;
            assert_eq!(answer.header("x-error-code"), "INVALID_JSON", "{} {shown}: {}", body.operation, answer.text);
            answer.refused(400, "INVALID_JSON");
        }
        scene.send(body.operation, b"{\"\xff\":1}".as_slice()).await.refused(400, "INVALID_JSON");
        let utf16: Vec<u8> = sound.encode_utf16().flat_map(u16::to_le_bytes).collect();
        scene.send(body.operation, utf16).await.refused(400, "INVALID_JSON");
        let huge = format!("{{\"{first}\":\"{}\"}}", "x".repeat(10 << 20));
        scene.send(body.operation, huge).await.refused(413, "PAYLOAD_TOO_LARGE");
        let (method, path) = body.operation.split_once(' ').unwrap();
        // What only blocks is taken in any type: it is sent here with something else.
        let sound = if path.ends_with("/settings") { sound.replace("true", "false") } else { sound };
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data", ""] {
            let call = Call::new(Method::from_bytes(method.as_bytes()).unwrap(), &scene.path(path));
            let call = call.body(sound.clone()).header("content-type", kind);
            scene.caller(body.operation).send(call).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        }
    }
    scene.assert_unchanged().await;
}

/// What cannot stand in the place of each parameter of a path, and how that is answered.
fn bad_parts(parameter: &str) -> (&'static str, &'static str, Vec<String>) {
    let ids = || {
        let odd =
            ["x", "0123456789ABCDEF01234567", "0123456789abcdef0123456", "0123456789abcdef012345678", "%00", "%ff"];
        let more =
            ["%2e%2e%2f", "0123456789abcdef0123456%20", "%30123456789abcdef012345g", "%c3%a4", "%7bid%7d", "*", "%27"];
        odd.into_iter().chain(more).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let names = || {
        let odd = ["a%20b", "a%00b", "%2543luster0", "..%2fCluster0", "a%2fb", "a%5cb", "a%0ab", "%c3%a4", "-a", "a_b"];
        let more = ["%ff", "%3cscript%3e", "a%3fb", "a%23b", "a;b", "a,b", "a%3ab", "a:b", "a%e2%80%aeb"];
        let long = "x".repeat(65);
        odd.into_iter().chain(more).map(ToOwned::to_owned).chain([long]).collect::<Vec<_>>()
    };
    match parameter {
        "orgId" => ("INVALID_ORG_ID", "orgId", ids()),
        "groupId" => ("INVALID_GROUP_ID", "groupId", ids()),
        "id" => ("INVALID_ID", "id", ids()),
        "apiUserId" => ("INVALID_ID", "apiUserId", ids()),
        "clientId" => ("INVALID_ID", "clientId", ids()),
        "secretId" => ("INVALID_ID", "secretId", ids()),
        "key" => ("INVALID_ID", "key", ids()),
        // Any text names an invitation that is not there; tiles have a test of their own.
        "token" | "tile" => ("", "", Vec::new()),
        "ipAddress" => ("INVALID_ATTRIBUTE", "ipAddress", accounts::bad_addresses()),
        "clusterName" => ("INVALID_ATTRIBUTE", "clusterName", names()),
        "hostname" => {
            let long = format!("{}.example", "x".repeat(250));
            (
                "INVALID_ATTRIBUTE",
                "hostname",
                names().into_iter().filter(|name| name.len() < 65).chain([long]).collect(),
            )
        }
        "groupName" => {
            let odd = ["a%00b", "%20a", "a%0ab", "%ff", "%e2%80%ae"].map(ToOwned::to_owned);
            ("INVALID_ATTRIBUTE", "groupName", odd.into_iter().chain(["x".repeat(65)]).collect())
        }
        other => panic!("no bad values for {{{other}}}: add them here"),
    }
}

#[tokio::test]
async fn every_part_of_a_path_is_refused_by_name_before_roles_are_asked() {
    let scene = Scene::set().await;
    each_part(&scene, byleave_web::api::atlas::OPERATIONS).await;
}

async fn each_part(scene: &Scene, operations: &[(&str, &str)]) {
    let reader = scene.house.key(&scene.shop, json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let before = scene.state().await;
    for (method, template) in operations {
        let parameters = template.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
        for parameter in parameters {
            let (code, field, parts) = bad_parts(parameter);
            for part in parts {
                let path = scene.path(&template.replace(&format!("{{{parameter}}}"), &part));
                let call = || Call::new(Method::from_bytes(method.as_bytes()).unwrap(), &path);
                let answer = scene.shop.owner.send(call().body("{}")).await;
                let said = answer.json();
                assert_eq!(answer.status, 400, "{method} {path}: {said}");
                assert_eq!(said["errorCode"], code, "{method} {path}: {said}");
                let named = said["badRequestDetail"]["fields"][0]["field"].as_str();
                assert_eq!(named, Some(field), "{method} {path}: {said}");
                answer.refused(400, code);
                if part == "x" {
                    scene.house.nobody().send(call()).await.refused(401, "UNEXPECTED_ERROR");
                    reader.send(call().body("{}")).await.refused(400, code);
                }
            }
        }
    }
    assert_eq!(scene.state().await, before);
}

#[tokio::test]
async fn verbs_and_methods_that_nobody_knows_lead_nowhere() {
    let scene = Scene::set().await;
    each_verb(&scene, byleave_web::api::atlas::OPERATIONS).await;
}

async fn each_verb(scene: &Scene, operations: &[(&str, &str)]) {
    for (method, template) in operations {
        let caller = scene.caller(&format!("{method} {template}"));
        if let Some((place, verb)) = template.rsplit_once(':') {
            let (first, rest) = verb.split_at(1);
            let odd = [
                "x".to_owned(),
                String::new(),
                verb.to_uppercase(),
                format!("{verb}%20"),
                format!("{verb}x"),
                format!("%20{verb}"),
                format!("{}{rest}", first.to_uppercase()),
                format!("{verb}%00"),
                "toString".to_owned(),
            ];
            for verb in odd {
                let path = scene.path(&format!("{place}:{verb}"));
                caller.post(&path, json!({})).await.refused(404, "RESOURCE_NOT_FOUND");
            }
            // Two verbs: what comes before the last colon is no name.
            let twice = scene.path(&format!("{place}:x:{verb}"));
            let is_known = place.ends_with('}') && !place.ends_with("{token}");
            assert_eq!(caller.post(&twice, json!({})).await.status, if is_known { 400 } else { 404 }, "{twice}");
            let encoded = scene.path(&format!("{place}%253A{verb}"));
            assert!(caller.post(&encoded, json!({})).await.status.is_client_error(), "{encoded}");
        }
        if *method == "GET" {
            for method in [Method::PUT, Method::TRACE, Method::OPTIONS, Method::from_bytes(b"BREW").unwrap()] {
                let answer = scene.shop.owner.send(Call::new(method.clone(), &scene.path(template))).await;
                assert_eq!(answer.status, 405, "{method} {template}: {}", answer.text);
                answer.refused(405, "METHOD_NOT_ALLOWED");
            }
            for odd in ["/", "/x", "%2f", ":x"] {
                let path = format!("{}{odd}", scene.path(template));
                let status = scene.shop.owner.get(&path).await.status;
                assert!(matches!(status.as_u16(), 400 | 404 | 405 | 406), "{path}: {status}");
            }
        }
    }
    scene.assert_unchanged().await;
}

#[tokio::test]
async fn parameters_of_every_query_are_refused_by_name() {
    let scene = Scene::set().await;
    let single = [("envelope", "yes"), ("envelope", ""), ("pretty", "1"), ("envelope", "true&envelope=true")];
    let paged = [
        ("pageNum", "0"),
        ("pageNum", "-1"),
        ("pageNum", "1.5"),
        ("pageNum", "99999999999999999999"),
        ("pageNum", ""),
        ("itemsPerPage", "0"),
        ("itemsPerPage", "501"),
        ("itemsPerPage", "x"),
        ("includeCount", "maybe"),
        ("pageNum", "1&pageNum=1"),
    ];
    for (method, template) in byleave_web::api::atlas::OPERATIONS {
        let path = scene.path(template).replace(&format!("events/{}", scene.user), "events/0123456789abcdef01234567");
        let call = |query: &str| {
            let call = Call::new(Method::from_bytes(method.as_bytes()).unwrap(), &format!("{path}?{query}"));
            if *method == "GET" { call } else { call.body("{}") }
        };
        let mut cases: Vec<(&str, &str)> = single.to_vec();
        let found = scene.shop.owner.send(call("")).await;
        if *method == "GET" && found.status == 200 && found.json()["results"].is_array() {
            cases.extend(paged);
            assert_eq!(found.json()["links"][0]["rel"], "self", "{path}");
        }
        for (name, value) in cases {
            let answer = scene.shop.owner.send(call(&format!("{name}={value}"))).await;
            let said = answer.json();
            assert_eq!(said["badRequestDetail"]["fields"][0]["field"], name, "{method} {path}?{name}={value}: {said}");
            answer.refused(400, "INVALID_QUERY_PARAMETER");
        }
    }
}

#[tokio::test]
async fn odd_names_that_keep_the_rule_travel_unchanged() {
    let scene = Scene::set().await;
    for name in
        ["a:b/c", "%2e%2e", "..", "日本 🏯", "a?b#c&d=e+f", "'; DROP TABLE projects; --", "<b>", "a\\b", "\"", "%"]
    {
        let body = json!({ "name": name, "orgId": scene.shop.organization });
        let made = scene.shop.owner.post("/api/atlas/v2/groups", body).await.created();
        assert_eq!(made["name"], name);
        let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        let found = scene.shop.owner.get(&format!("/api/atlas/v2/groups/byName/{encoded}")).await;
        // A client that tidies paths takes `..` away, however it is written.
        if name != ".." {
            assert_eq!(found.ok(), made, "{name}");
        }
        let feed = format!("/api/atlas/v2/groups/{}/events?includeRaw=true", text(&made["id"]));
        assert_eq!(scene.shop.owner.get(&feed).await.ok()["results"][0]["raw"]["data"]["name"], name);
    }
    assert_eq!(scene.state().await[2], json!([]));
}

//! The description of the API as it is served: the document, against `tests/golden/openapi.json`, and its page.
//!
//! The document is read by people before it changes: `BYLEAVE_BLESS=1` writes it anew.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::described;
use crate::house::House;

#[tokio::test]
async fn the_document_is_as_written_down() {
    let house = House::open().await;
    let served = house.nobody().get("/openapi.json").await;
    assert_eq!((served.status.as_u16(), served.header("content-type")), (200, "application/json"));
    let served = format!("{:#}\n", served.json());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openapi.json");
    if std::env::var_os("BYLEAVE_BLESS").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let first = served.lines().zip(golden.lines()).find(|(is, was)| is != was);
    assert!(served == golden, "BYLEAVE_BLESS=1 writes it anew; the first difference: {first:#?}");
}

#[test]
fn the_document_has_every_operation_and_no_other() {
    let served = byleave_web::api::atlas::OPERATIONS.iter().chain(byleave_web::api::byleave::OPERATIONS);
    let served = served.chain(byleave_web::api::oauth::OPERATIONS);
    let served: BTreeSet<String> = served.map(|(method, path)| format!("{method} {path}")).collect();
    let told = described::operations().iter().map(|one| format!("{} {}", one.method, one.path));
    assert_eq!(told.collect::<BTreeSet<_>>(), served);
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_type_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = &*byleave_web::openapi::DOCUMENT;
    let mut found = BTreeSet::new();
    references(document, &mut found);
    for place in &found {
        assert!(document.pointer(place.strip_prefix('#').unwrap()).is_some(), "{place}");
    }
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name} is not used");
        }
    }
}

#[tokio::test]
async fn the_page_tells_every_operation_and_links_only_to_itself() {
    let house = House::open().await;
    let page = house.nobody().get("/openapi").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    for operation in described::operations() {
        let line = format!("<span class=\"chip\">{}</span> <code>{}</code>", operation.method, operation.path);
        assert!(page.text.contains(&line), "{line}");
    }
    let attributes = |name: &str| -> BTreeSet<String> {
        let start = format!(" {name}=\"");
        let parts = page.text.split(&start).skip(1);
        parts.filter_map(|rest| rest.split_once('"')).map(|(value, _)| value.to_owned()).collect()
    };
    let ids = attributes("id");
    for target in attributes("href").iter().filter_map(|href| href.strip_prefix('#')) {
        assert!(ids.contains(target), "nothing has the id {target}");
    }
    let outside: Vec<_> = attributes("href").into_iter().filter(|href| !href.starts_with(['#', '/'])).collect();
    assert_eq!(outside, [""; 0]);
    let sign_in = house.nobody().get("/sign-in").await.text;
    assert!(sign_in.contains("href=\"/openapi\""));
}

//! Every answer that a test gets is looked up in the description of the API: its status, media type, headers and body.
//!
//! Here objects are taken at their word: a field that the description does not have is wrong, though clients must not
//! mind it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use boon::{Compiler, Schemas};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Answer;

/// Where the validator finds the document.
const PLACE: &str = "http://byleave.example/openapi.json";

static BOOK: LazyLock<Book> = LazyLock::new(Book::read);

thread_local! {
    /// The validator, which keeps what it has read.
    static VALIDATOR: RefCell<(Compiler, Schemas)> = RefCell::new((compiler(), Schemas::new()));
}

/// A documented operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// The document.
struct Book {
    document: Value,
    operations: Vec<Operation>,
}

fn compiler() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(PLACE, strict(BOOK.document.clone())).unwrap();
    compiler
}

/// Validates a body by the schema at a place of the document.
fn validate(place: &str, body: &Value) -> Result<(), String> {
    let place = place.replace('{', "%7B").replace('}', "%7D");
    VALIDATOR.with_borrow_mut(|(compiler, schemas)| {
        let schema = compiler.compile(&format!("{PLACE}{place}"), schemas).map_err(|error| format!("{error:#}"))?;
        schemas.validate(body, schema).map_err(|error| format!("{error:#}"))
    })
}

/// Every status of every operation in the document.
pub(crate) fn pairs() -> BTreeSet<(Operation, u16)> {
    let statuses = |operation: &Operation| {
        let answers = BOOK.answers(operation).as_object().unwrap();
        answers.keys().map(|status| (operation.clone(), status.parse().unwrap())).collect::<Vec<_>>()
    };
    BOOK.operations.iter().flat_map(statuses).collect()
}

/// Every operation in the document.
pub(crate) fn operations() -> &'static [Operation] {
    &BOOK.operations
}

/// Checks an answer, if the call was of an operation that there is.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let Some(operation) = BOOK.find(method.as_str(), path) else { return };
    if let Err(fault) = BOOK.compare(operation, answer) {
        panic!("{method} {path} answered {} {}: {fault}", answer.status, answer.text);
    }
}

impl Book {
    fn read() -> Self {
        let document = byleave_web::openapi::DOCUMENT.clone();
        let mut operations: Vec<Operation> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            operations.extend(methods.map(|name| Operation { method: name.to_uppercase(), path: path.clone() }));
        }
        // Of paths that both fit, the one with a verb, or with a word where the other has a parameter, is meant.
        operations.sort_by_key(|one| (!one.path.contains("}:"), one.path.matches('{').count()));
        Self { document, operations }
    }

    fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|one| one.method == method && fits(&one.path, path))
    }

    fn answers(&self, operation: &Operation) -> &Value {
        &self.document["paths"][&operation.path][operation.method.to_lowercase()]["responses"]
    }

    fn compare(&self, operation: &Operation, answer: &Answer) -> Result<(), String> {
        let status = answer.status.as_str();
        let told = self.answers(operation).get(status).ok_or("the status is not in the description")?;
        let (told, place) = match told.get("$ref").and_then(Value::as_str) {
            Some(place) => (self.document.pointer(place.strip_prefix('#').unwrap()).unwrap(), place.to_owned()),
            None => {
                let path = operation.path.replace('~', "~0").replace('/', "~1");
                (told, format!("#/paths/{path}/{}/responses/{status}", operation.method.to_lowercase()))
            }
        };
        for (name, header) in told["headers"].as_object().into_iter().flatten() {
            if header["required"] == true && answer.header(&name.to_lowercase()).is_empty() {
                return Err(format!("the header {name} is missing"));
            }
        }
        let Some(content) = told["content"].as_object() else {
            return if answer.bytes.is_empty() { Ok(()) } else { Err("there is a body".to_owned()) };
        };
        let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let told = content.get(&kind).ok_or(format!("the media type is {kind}"))?;
        if !kind.ends_with("json") || told.get("schema").is_none() {
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&answer.bytes).map_err(|error| error.to_string())?;
        validate(&format!("{place}/content/{}/schema", kind.replace('/', "~1")), &body)
    }
}

/// Whether a path is one of these: parameters hold what is between slashes, the tile's whatever follows.
fn fits(template: &str, path: &str) -> bool {
    let templates: Vec<_> = template.split('/').collect();
    let parts: Vec<_> =
        path.splitn(if template.ends_with("{tile}") { templates.len() } else { usize::MAX }, '/').collect();
    templates.len() == parts.len() && templates.iter().zip(&parts).all(|(template, part)| fits_part(template, part))
}

fn fits_part(template: &str, part: &str) -> bool {
    match template.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, verb)) => part.strip_suffix(verb).is_some_and(|value| !value.is_empty()),
        None => template == part,
    }
}

/// Takes the objects of the document at their word, but for those that others are made of.
fn strict(mut document: Value) -> Value {
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    let composed = schemas.values().filter_map(|schema| schema["allOf"].as_array()).flatten();
    let parts: BTreeSet<String> = composed.filter_map(|part| part["$ref"].as_str()).map(ToOwned::to_owned).collect();
    for (name, schema) in schemas {
        let is_part = parts.contains(&format!("#/components/schemas/{name}"));
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() && !is_part {
            schema["additionalProperties"] = json!(false);
        }
    }
    document
}

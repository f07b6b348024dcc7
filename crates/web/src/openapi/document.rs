//! Puts the document together.

use std::collections::BTreeSet;

use byleave_api::atlas::account::OAuthError;
use byleave_api::error::{ApiError, ErrorCode};
use serde_json::{Map, Value, json};

use super::description::{Answers, Asks, Description, Section, Shape, Takes};
use super::parameter::Parameter;
use super::schema::Schemas;
use super::{described, sections};
use crate::api::version::Versions;

const ABOUT: &str = "Two families of paths, one manner. `/api/atlas/v2` follows the MongoDB Atlas Administration API \
    around support access, so that its clients work here with another base address; `/api/byleave/v1` is what Atlas has \
    no path for. Byleave is not affiliated with MongoDB.\n\n\
    Atlas's paths take a version: `Accept: application/vnd.atlas.<date>+json` answers in the newest version of the \
    resource that is not later than the date. Refusals come in a fixed order: 401, 406 or 415, 400 for a malformed id, \
    404 for what the caller may not know of, 403, and only then what is wrong with the body. Answers to a change carry \
    anchors: what was recorded, and the signed checkpoint that covers it.";

/// The document.
pub(super) fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::<String, Value>::new();
    let mut refusals = BTreeSet::new();
    for (section, operation, versions) in described() {
        refusals.extend(operation.refusals(versions));
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.method.to_lowercase(), tell(section, operation, versions, &mut schemas));
        }
    }
    let error = schemas.refer(Shape::of::<ApiError>());
    let responses: Map<String, Value> =
        refusals.into_iter().map(|status| (status.to_string(), refusal(status, &error))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Byleave",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": sections().map(|one| json!({ "name": one.title, "description": one.says })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.into_value(),
            "responses": responses,
            "securitySchemes": security_schemes(),
        },
    })
}

fn security_schemes() -> Value {
    let oauth = json!({ "clientCredentials": { "tokenUrl": "/api/oauth/token", "scopes": {} } });
    let digest = "An API key: its public part is the user name, its private part the password.";
    let bearer = "The token of `POST /api/byleave/v1/session`, or the administrator's.";
    json!({
        "digest": { "type": "http", "scheme": "digest", "description": digest },
        "serviceAccount": { "type": "oauth2", "description": "The token of a service account.", "flows": oauth },
        "session": { "type": "http", "scheme": "bearer", "description": bearer },
        "client": { "type": "http", "scheme": "basic", "description": "Client id and secret of a service account." },
    })
}

/// A name of the operation for programs, made of its path: `getAtlasOrgsByOrgIdUsers`.
pub(super) fn operation_id(operation: &Description) -> String {
    let parts = operation.path.split(['/', ':']).filter(|part| !matches!(*part, "" | "api" | "v1" | "v2"));
    let word = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => format!("By{}", capital(name)),
        None => capital(part),
    };
    format!("{}{}", operation.method.to_lowercase(), parts.map(word).collect::<String>())
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| format!("{}{}", first.to_uppercase(), characters.as_str())).unwrap_or_default()
}

fn tell(section: &Section, operation: &Description, versions: Versions, schemas: &mut Schemas) -> Value {
    let mut told = json!({
        "operationId": operation_id(operation),
        "tags": [section.title],
        "summary": operation.says,
        "security": security(operation.asks),
        "responses": answers(operation, versions, schemas),
    });
    let parameters = Parameter::of_path(operation.path).chain(operation.all_parameters());
    let parameters: Vec<Value> = parameters.map(Parameter::value).collect();
    if let Some(told) = told.as_object_mut() {
        if !parameters.is_empty() {
            told.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = body(operation.takes, schemas) {
            told.insert("requestBody".to_owned(), body);
        }
    }
    told
}

fn security(asks: Asks) -> Value {
    match asks {
        Asks::Credentials => json!([{ "digest": [] }, { "serviceAccount": [] }, { "session": [] }]),
        Asks::Client => json!([{ "client": [] }, {}]),
        Asks::Nothing => json!([]),
    }
}

fn body(takes: Takes, schemas: &mut Schemas) -> Option<Value> {
    let (kind, required, schema) = match takes {
        Takes::Nothing => return None,
        Takes::Form(shape) => ("application/x-www-form-urlencoded", true, schemas.refer(shape)),
        Takes::List(shape) => ("application/json", true, list(schemas.refer(shape))),
        Takes::Object(shape) => ("application/json", true, schemas.refer(shape)),
        Takes::ObjectIfAny(shape) => ("application/json", false, schemas.refer(shape)),
    };
    Some(json!({ "required": required, "content": content(&[kind.to_owned()], &schema) }))
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// The same schema under each media type.
fn content(kinds: &[String], schema: &Value) -> Value {
    kinds.iter().map(|kind| (kind.clone(), json!({ "schema": schema }))).collect::<Map<_, _>>().into()
}

fn answers(operation: &Description, versions: Versions, schemas: &mut Schemas) -> Value {
    let mut answers = Map::new();
    for status in operation.refusals(versions) {
        let answer = match (operation.asks, status) {
            (Asks::Client, 400 | 401) => oauth_refusal(status, schemas),
            _ => json!({ "$ref": format!("#/components/responses/{status}") }),
        };
        answers.insert(status.to_string(), answer);
    }
    let kinds: Vec<String> = match versions {
        [] => vec!["application/json".to_owned()],
        versions => versions.iter().map(|version| format!("application/vnd.atlas.{version}+json")).collect(),
    };
    if operation.is_tagged() {
        answers.insert("304".to_owned(), json!({ "description": "It has not changed." }));
    }
    if let Some((status, shape)) = operation.otherwise {
        let schema = schemas.refer(shape);
        answers.insert(status.to_string(), json!({ "description": "Not now.", "content": content(&kinds, &schema) }));
    }
    let done = match operation.status {
        201 => "Made.",
        204 => "Done.",
        _ => "The answer.",
    };
    let mut answer = json!({ "description": done });
    if let (Some(content), Some(answer)) = (done_content(operation, &kinds, schemas), answer.as_object_mut()) {
        answer.insert("content".to_owned(), content);
    }
    answers.insert(operation.status.to_string(), answer);
    answers.into()
}

fn done_content(operation: &Description, kinds: &[String], schemas: &mut Schemas) -> Option<Value> {
    let enveloped = |schema: Value| match operation.asks {
        Asks::Credentials => envelope(&schema),
        Asks::Client | Asks::Nothing => schema,
    };
    match operation.answers {
        Answers::Nothing => None,
        Answers::Bytes(kind @ "application/json") => Some(json!({ kind: { "schema": { "type": "object" } } })),
        Answers::Bytes(kind) => Some(json!({ kind: {} })),
        Answers::Text(kind) => Some(json!({ kind: { "schema": { "type": "string" } } })),
        Answers::List(shape) => Some(content(kinds, &enveloped(list(schemas.refer(shape))))),
        Answers::Object(shape) => Some(content(kinds, &enveloped(schemas.refer(shape)))),
        Answers::Page(listed) => Some(content(kinds, &schemas.refer_list("PageOf", listed))),
        Answers::Whole(listed) => Some(content(kinds, &enveloped(schemas.refer_list("ListOf", listed)))),
    }
}

/// As it is, or with `envelope=true`.
fn envelope(schema: &Value) -> Value {
    let wrapped = json!({
        "type": "object",
        "description": "With `envelope=true`.",
        "required": ["status", "content"],
        "properties": { "status": { "type": "integer" }, "content": schema },
    });
    json!({ "anyOf": [schema, wrapped] })
}

fn oauth_refusal(status: u16, schemas: &mut Schemas) -> Value {
    let schema = schemas.refer(Shape::of::<OAuthError>());
    json!({
        "description": format!("{}. In the words of RFC 6749.", reason(status)),
        "content": content(&["application/json".to_owned()], &schema),
    })
}

fn refusal(status: u16, error: &Value) -> Value {
    let codes: Vec<String> =
        ErrorCode::ALL.iter().filter(|code| code.status() == status).map(|code| format!("`{code}`")).collect();
    let code = json!({ "description": "The code of the body.", "required": true, "schema": { "type": "string" } });
    let mut headers = json!({ "X-Error-Code": code });
    let more = match status {
        401 => Some(("WWW-Authenticate", "How to sign in with HTTP Digest.", false)),
        429 => Some(("Retry-After", "After how many seconds the next request is taken.", true)),
        503 => Some(("Retry-After", "After how many seconds to try again.", false)),
        _ => None,
    };
    if let (Some((name, says, required)), Some(headers)) = (more, headers.as_object_mut()) {
        let header = json!({ "description": says, "required": required, "schema": { "type": "string" } });
        headers.insert(name.to_owned(), header);
    }
    json!({
        "description": format!("{}: {}.", reason(status), codes.join(", ")),
        "headers": headers,
        "content": content(&["application/json".to_owned()], error),
    })
}

/// Why a request is refused with a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        400 => "A parameter or the body breaks a rule",
        401 => "Nobody is signed in with these credentials",
        403 => {
            "The role for it is missing, or the password must be given again, or the address is not on the access list"
        }
        404 => "There is no such thing that the caller may know of",
        406 => "`Accept` names no version of the resource",
        409 => "It does not fit what is there, or was asked for before under its key",
        412 => "It has changed since it was read, or has no tag",
        413 => "The body is too large",
        415 => "The body is of another media type",
        422 => "Another request was carried out under its key",
        429 => "Too many requests at once",
        503 => "The server cannot read or record anything now",
        _ => "Refused",
    }
}

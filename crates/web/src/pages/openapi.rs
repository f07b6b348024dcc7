//! The description of the API for people, and the document for programs. Both are the same for everybody: nobody has to
//! sign in, and nothing here says more than the source does.
//!
//! The page is made of the document alone, so that the two cannot differ.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::layout::{answer, reference};
use crate::openapi::{DOCUMENT, TEXT};

static PAGE: LazyLock<String> = LazyLock::new(|| page(&DOCUMENT).into_string());

/// The document.
pub(super) async fn document() -> Response {
    let headers =
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache"), (X_CONTENT_TYPE_OPTIONS, "nosniff")]
            .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, TEXT.as_str()).into_response()
}

/// The page.
pub(super) async fn show() -> Response {
    answer(StatusCode::OK, PreEscaped(PAGE.clone()))
}

fn page(document: &Value) -> Markup {
    let about = text(document, "/info/description");
    let tags = list(document, "/tags");
    let content = html! {
        div.head { div {
            h1 { "The API" }
            @for part in about.split("\n\n") { p { (prose(part)) } }
            p { "The same for programs: " a href="/openapi.json" { code { "/openapi.json" } } " (OpenAPI 3.1)." }
        } }
        section.panel { header { h2 { "Signing in" } } div.body { (schemes(document)) } }
        section.panel { header { h2 { "Refusals" } } div.body { (refusals(document)) } }
        @for tag in tags { (section(document, tag)) }
        section.panel #types { header { h2 { "Types" } } div.body { @for (name, schema) in entries(document, "/components/schemas") {
            (kind(name, schema))
        } } }
    };
    reference("The API", content)
}

fn schemes(document: &Value) -> Markup {
    html! {
        dl.facts { @for (name, scheme) in entries(document, "/components/securitySchemes") {
            dt { code { (name) } }
            dd { (prose(text(scheme, "/description"))) }
        } }
    }
}

fn refusals(document: &Value) -> Markup {
    html! {
        p.quiet { "Every refusal is an " a href="#type-ApiError" { code { "ApiError" } } " whose code says what is wrong." }
        dl.facts { @for (status, refusal) in entries(document, "/components/responses") {
            dt #(format!("status-{status}")) { (status) }
            dd { (prose(text(refusal, "/description"))) }
        } }
    }
}

/// The operations that belong together, each closed until somebody wants to know more.
fn section(document: &Value, tag: &Value) -> Markup {
    let title = text(tag, "/name");
    let paths = entries(document, "/paths");
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    });
    html! {
        section.panel {
            header { h2 { (title) } }
            div.body {
                p.quiet { (prose(text(tag, "/description"))) }
                div.stack { @for (path, method, operation) in operations.filter(|(.., one)| text(one, "/tags/0") == title) {
                    (self::operation(path, method, operation))
                } }
            }
        }
    }
}

fn operation(path: &str, method: &str, operation: &Value) -> Markup {
    html! {
        details.operation #(text(operation, "/operationId")) {
            summary { span.chip { (method.to_uppercase()) } " " code { (path) } br; span { (prose(text(operation, "/summary"))) } }
            dl.facts {
                @for parameter in list(operation, "/parameters") {
                    dt { code { (text(parameter, "/name")) } }
                    dd { (parameter_of(parameter)) }
                }
                @if let Some(body) = operation.get("requestBody") {
                    dt { "Body" }
                    dd {
                        @for (media, content) in entries(body, "/content") { (shape(&content["schema"])) " as " code { (media) } }
                        @if body["required"] != true { ", or nothing" }
                    }
                }
                @for (status, answer) in entries(operation, "/responses").filter(|(_, answer)| answer.get("$ref").is_none()) {
                    dt { "Answers " (status) }
                    dd { (answered(answer)) }
                }
                dt { "Refuses with" }
                dd { @for (status, _) in entries(operation, "/responses").filter(|(_, answer)| answer.get("$ref").is_some()) {
                    a href=(format!("#status-{status}")) { (status) } " "
                } }
            }
        }
    }
}

fn parameter_of(parameter: &Value) -> Markup {
    html! {
        (shape(&parameter["schema"]))
        @match text(parameter, "/in") { "path" => ", in the path", "header" => ", in a header", _ => "" }
        @if parameter["required"] == true && text(parameter, "/in") != "path" { ", required" }
        ". " (prose(text(parameter, "/description")))
    }
}

fn answered(answer: &Value) -> Markup {
    html! {
        (prose(text(answer, "/description")))
        @for (index, (media, content)) in entries(answer, "/content").enumerate() {
            @if index == 0 {
                @if let Some(schema) = content.get("schema") { " " (shape(first(schema))) }
                " as "
            } @else { ", " }
            code { (media) }
        }
    }
}

/// What is meant, where the envelope is the other choice: it is told once, above.
fn first(schema: &Value) -> &Value {
    schema.pointer("/anyOf/0").unwrap_or(schema)
}

/// A type with its fields.
fn kind(name: &str, schema: &Value) -> Markup {
    let parts: Vec<&Value> = match schema.get("allOf").and_then(Value::as_array) {
        Some(parts) => parts.iter().collect(),
        None => vec![schema],
    };
    html! {
        div.part #(format!("type-{name}")) {
            h3 { code { (name) } }
            p.quiet { (prose(text(schema, "/description"))) }
            @for part in parts { (fields(part)) }
        }
    }
}

fn fields(schema: &Value) -> Markup {
    let required = list(schema, "/required");
    html! {
        @if schema.get("$ref").is_some() { p { "All of " (shape(schema)) ", and:" } }
        @if schema.get("enum").is_some() { p { (shape(schema)) } }
        dl.facts { @for (name, field) in entries(schema, "/properties") {
            dt { code { (name) } }
            dd {
                (shape(field))
                @if !required.iter().any(|required| required == name) { span.optional { ", optional" } }
                @let says = text(field, "/description");
                @if !says.is_empty() { ". " (prose(says)) }
            }
        } }
    }
}

/// What a value is, in a few words.
fn shape(schema: &Value) -> Markup {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return html! { a href=(format!("#type-{name}")) { code { (name) } } };
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return html! { @for (index, word) in words.iter().filter_map(Value::as_str).enumerate() {
            @if index > 0 { ", " } code { (word) }
        } };
    }
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
        return html! { @for (index, choice) in choices.iter().enumerate() { @if index > 0 { " or " } (shape(choice)) } };
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec!["anything"],
    };
    if kinds.contains(&"array") {
        return html! { "list of " (shape(&schema["items"])) };
    }
    let range = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least} up"),
        (None, _) => String::new(),
    };
    let format = schema.get("format").and_then(Value::as_str).filter(|format| !format.starts_with("int"));
    html! {
        (kinds.join(" or ")) (range)
        @if let Some(format) = format { " (" (format) ")" }
        @if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) { " like " code { (pattern) } }
    }
}

/// A text in which backticks stand around code.
fn prose(text: &str) -> Markup {
    html! { @for (index, part) in text.split('`').enumerate() {
        @if index % 2 == 1 { code { (part) } } @else { (part) }
    } }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn entries<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

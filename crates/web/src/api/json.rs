//! Strict bodies: what is malformed, unknown, named twice, of a wrong type or too large is refused by name, before
//! anything changes.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use byleave_api::error::ErrorCode;
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::error::Failure;
use crate::api::repeat::Slot;
use crate::app::App;
use crate::serve::TooSlow;

/// How much of a body that is too large is still read, so that the caller hears the answer.
const DRAINED: usize = 32 * 1024 * 1024;

/// A body that nobody has read yet: it is read after everything that could refuse the request before.
pub struct Raw {
    body: Body,
    slot: Option<Slot>,
}

impl From<Body> for Raw {
    fn from(body: Body) -> Self {
        Self { body, slot: None }
    }
}

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let slot = request.extensions().get::<Slot>().cloned();
        Ok(Self { body: request.into_body(), slot })
    }
}

impl Raw {
    /// Reads a body that must be there.
    ///
    /// # Errors
    /// [`Failure`] naming the field and the rule.
    pub async fn json<T: DeserializeOwned + Serialize>(self, app: &App) -> Result<T, Failure> {
        read(&self.bytes(app.limits.body).await?)
    }

    /// Reads a body that may be empty.
    ///
    /// # Errors
    /// [`Failure`] naming the field and the rule.
    pub async fn json_if_any<T: DeserializeOwned + Serialize + Default>(self, app: &App) -> Result<T, Failure> {
        let bytes = self.bytes(app.limits.body).await?;
        if bytes.is_empty() { Ok(T::default()) } else { read(&bytes) }
    }

    /// Reads a list of objects that must be there.
    ///
    /// # Errors
    /// [`Failure`] naming the field and the rule.
    pub async fn json_list<T: DeserializeOwned + Serialize>(self, app: &App) -> Result<Vec<T>, Failure> {
        read_as(&self.bytes(app.limits.body).await?, Shape::List)
    }

    /// Reads the bytes, up to a limit.
    ///
    /// # Errors
    /// [`Failure`] if there are more, or they do not come in time.
    pub async fn bytes(self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut stream = self.body.into_data_stream();
        let mut bytes = Vec::new();
        let mut size = 0_usize;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| broken(&error))?;
            size = size.saturating_add(chunk.len());
            if size <= limit {
                bytes.extend_from_slice(&chunk);
            } else if size > DRAINED {
                break;
            }
        }
        if size <= limit {
            if let Some(ticket) = self.slot.as_ref().and_then(Slot::ticket) {
                ticket.bring(&bytes);
            }
            Ok(bytes)
        } else {
            Err(Failure::field(ErrorCode::PayloadTooLarge, "body", format!("must have at most {limit} bytes")))
        }
    }
}

/// Whether a request brings a body.
pub fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn broken(error: &axum::Error) -> Failure {
    let mut chain = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let slow = chain.any(|error| error.is::<TooSlow>());
    let rule = if slow { "did not come in time" } else { "ended too early" };
    Failure::field(ErrorCode::InvalidJson, "body", rule)
}

/// Reads one JSON object into a request type.
///
/// # Errors
/// [`Failure`] naming the field and the rule.
pub fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Failure> {
    read_as(bytes, Shape::Object)
}

/// What a body is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    List,
    Object,
}

fn read_as<T: DeserializeOwned + Serialize>(bytes: &[u8], shape: Shape) -> Result<T, Failure> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Failure::field(ErrorCode::InvalidJson, "body", format!("is not JSON: {error}")))?;
    match shape {
        Shape::List if !value.is_array() => {
            return Err(Failure::field(ErrorCode::InvalidJson, "body", "must be a list"));
        }
        Shape::Object if !value.is_object() => {
            return Err(Failure::field(ErrorCode::InvalidJson, "body", "must be an object"));
        }
        Shape::List | Shape::Object => {}
    }
    // From the bytes, not from the value: the value has forgotten fields that are named twice.
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let request: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, &error.into_inner().to_string())
    })?;
    // A list in place of an object would be read field by field; nobody means that.
    let seen = serde_json::to_value(&request).unwrap_or(Value::Null);
    match misshapen(&value, &seen, String::new()) {
        Some(field) => Err(Failure::field(ErrorCode::InvalidAttribute, field, "must be an object")),
        None => Ok(request),
    }
}

/// Turns what serde says into the field and its rule.
fn explain(path: &str, message: &str) -> Failure {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let parent = if path == "." { "" } else { path };
    let inner = |name: &str| match parent {
        _ if parent == name || parent.ends_with(&format!(".{name}")) => parent.to_owned(),
        "" => name.to_owned(),
        parent => format!("{parent}.{name}"),
    };
    if message.starts_with("unknown field") {
        Failure::field(ErrorCode::InvalidAttribute, inner(quoted), "is not known here")
    } else if message.starts_with("missing field") {
        Failure::field(ErrorCode::MissingAttribute, inner(quoted), "is required")
    } else if message.starts_with("duplicate field") {
        Failure::field(ErrorCode::InvalidAttribute, inner(quoted), "is named twice")
    } else {
        let rule = message.rsplit_once("expected ").map_or("a value of another type", |(_, rule)| plain(rule));
        let field = if parent.is_empty() { "body" } else { parent };
        Failure::field(ErrorCode::InvalidAttribute, field, format!("must be {rule}"))
    }
}

/// What serde expected, in words for people.
fn plain(expected: &str) -> &str {
    match expected {
        "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        rust if rust.starts_with("struct ") => "an object",
        rule => rule,
    }
}

/// The first place where the body has a list and the request type an object.
fn misshapen(body: &Value, seen: &Value, path: String) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (body, seen) {
        (Value::Array(_), Value::Object(_)) => Some(path),
        (Value::Array(body), Value::Array(seen)) => body
            .iter()
            .zip(seen)
            .enumerate()
            .find_map(|(index, (body, seen))| misshapen(body, seen, format!("{path}[{index}]"))),
        (Value::Object(body), Value::Object(seen)) => {
            body.iter().find_map(|(key, body)| misshapen(body, seen.get(key)?, below(key)))
        }
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use byleave_api::atlas::GrantRequest;
    use byleave_api::byleave::{InventoryRequest, NewUser};

    use super::*;

    fn refusal<T: DeserializeOwned + Serialize>(body: &str) -> (ErrorCode, String) {
        let Err(failure) = read::<T>(body.as_bytes()) else { panic!("taken: {body}") };
        let text = serde_json::to_value(failure.clone_body()).unwrap();
        (failure.code(), text["detail"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_body_is_refused_by_name() {
        use ErrorCode::{InvalidAttribute, InvalidJson, MissingAttribute};
        let cases = [
            (r#"{"grantType":"x"}"#, MissingAttribute, "field `expirationTime` is required"),
            (r#"{"grantType":"x","expirationTime":"y","a":1}"#, InvalidAttribute, "field `a` is not known here"),
            (
                r#"{"grantType":"x","grantType":"x","expirationTime":"y"}"#,
                InvalidAttribute,
                "field `grantType` is named twice",
            ),
            (r#"{"grantType":1,"expirationTime":"y"}"#, InvalidAttribute, "field `grantType` must be a string"),
            (r#"{"grantType":null,"expirationTime":"y"}"#, InvalidAttribute, "field `grantType` must be a string"),
            (r#"{"grantType":"x","expirationTime":"y","links":1}"#, InvalidAttribute, "field `links` must be a list"),
            (
                r#"{"grantType":"x","expirationTime":"y","links":[1]}"#,
                InvalidAttribute,
                "field `links[0]` must be an object",
            ),
            (r#"["x","y"]"#, InvalidJson, "field `body` must be an object"),
            (r#""x""#, InvalidJson, "field `body` must be an object"),
        ];
        for (body, code, detail) in cases {
            assert_eq!(refusal::<GrantRequest>(body), (code, detail.to_owned()), "{body}");
        }
        for body in ["", "{", "{}x", "{} {}", "\u{feff}{}", r#"{"grantType":"x",}"#, "nul", &"[".repeat(100_000)] {
            assert_eq!(refusal::<GrantRequest>(body).0, InvalidJson, "{}", body.len());
        }
    }

    #[test]
    fn nested_fields_are_named_with_their_path() {
        let body = r#"{"userName":"a@b.c","roles":[["ORG_OWNER"],[]]}"#;
        assert_eq!(refusal::<NewUser>(body).1, "field `roles` must be an object");
        let body = r#"{"userName":"a@b.c","roles":{"orgRoles":["ORG_OWNER",5]}}"#;
        assert_eq!(refusal::<NewUser>(body).1, "field `roles.orgRoles[1]` must be a string");
        let body = r#"{"clusters":[{"organization":"o","project":"p","name":"n","host":"h","nodes":[{"host":"h","adress":"x"}]}]}"#;
        assert_eq!(refusal::<InventoryRequest>(body).1, "field `clusters[0].nodes[0].adress` is not known here");
    }
}

//! `ETag`, `If-Match` and `If-None-Match`: nobody overwrites what they have not seen.
//!
//! The store compares inside the transaction (see [`byleave_store::tag`]); here the headers are read and written. A
//! request with `If-Match` that changes something without a tag is refused; one that ends access or only blocks never is.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use byleave_api::error::ErrorCode;
use byleave_api::path::takes_key;
use byleave_store::tag::{Expectation, Tag};

use crate::api::error::Failure;
use crate::closing::Closing;

/// What a request expects of the thing that it changes; `None` if anything will do.
///
/// # Errors
/// [`Failure`] for a header that is no list of tags.
pub(crate) fn expectation(parts: &Parts) -> Result<Option<Arc<Expectation>>, Failure> {
    let Parts { method, uri, headers, extensions, .. } = parts;
    let is_read = *method == Method::GET || *method == Method::HEAD;
    if is_read || Closing::of(extensions) == Closing::Door || !takes_key(method.as_str(), uri.path()) {
        return Ok(None);
    }
    let tags = tags(headers, &header::IF_MATCH).ok_or_else(|| {
        let rule = "must be `*` or tags in double quotes, separated by commas";
        Failure::field(ErrorCode::ValidationError, "If-Match", rule)
    })?;
    Ok(tags.map(|tags| Arc::new(Expectation::new(tags))))
}

/// The answer to a read of a thing with this tag: shorter if the caller has it already.
pub(crate) fn tagged(tag: &Tag, unless: &HeaderMap, answer: Response) -> Response {
    let known = tags(unless, &header::IF_NONE_MATCH).flatten();
    let is_known = known.is_some_and(|known| known.iter().any(|known| known == tag.as_str()));
    let answer = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { answer };
    with(tag, answer)
}

/// An answer that tells the tag of what it shows.
pub(crate) fn with(tag: &Tag, mut answer: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", tag.as_str())) {
        answer.headers_mut().insert(header::ETAG, value);
    }
    answer
}

/// The strong tags of a header. The outer `None` is a header of another form, or one that names nothing; the inner one is
/// no header, or `*`. Weak tags are none of ours. Empty parts of the list count for nothing (RFC 9110, 5.6.1).
fn tags(headers: &HeaderMap, name: &header::HeaderName) -> Option<Option<Vec<String>>> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        for part in value.to_str().ok()?.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let strong = part.strip_prefix("W/").unwrap_or(part);
            let inner = strong.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            match inner {
                Some(inner) if !inner.contains('"') => found.push(if strong == part { inner } else { "" }.to_owned()),
                None if part == "*" => return Some(None),
                Some(_) | None => return None,
            }
        }
    }
    match headers.contains_key(name) {
        true if found.is_empty() => None,
        true => Some(Some(found)),
        false => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_strictly() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_str(text).unwrap())]);
            tags(&headers, &header::IF_MATCH)
        };
        assert_eq!(tags(&HeaderMap::new(), &header::IF_MATCH), Some(None));
        assert_eq!(read("*"), Some(None));
        assert_eq!(read(r#""a""#), Some(Some(vec!["a".to_owned()])));
        assert_eq!(read(r#""a" , "b""#), Some(Some(vec!["a".to_owned(), "b".to_owned()])));
        for gaps in [r#""a", , "b""#, r#", "a",,"b","#] {
            assert_eq!(read(gaps), Some(Some(vec!["a".to_owned(), "b".to_owned()])), "{gaps}");
        }
        assert_eq!(read(r#"W/"a""#), Some(Some(vec![String::new()])), "a weak tag matches nothing");
        for bad in ["a", "", ",", " , ", "\"", r#""a"#, r#""a"b""#, r#""a", b"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

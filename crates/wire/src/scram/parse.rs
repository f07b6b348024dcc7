//! The messages of SCRAM as text: attributes of one letter, in their one order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{LONGEST, ScramError};

/// The text of a message, whose length is bounded before anything else.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ScramError> {
    if bytes.len() > LONGEST {
        return Err(ScramError::Message);
    }
    std::str::from_utf8(bytes).map_err(|_| ScramError::Message)
}

/// The value of an attribute.
pub(super) fn attribute<'a>(part: Option<&'a str>, letter: &str) -> Result<&'a str, ScramError> {
    let value = part.and_then(|part| part.strip_prefix(letter)).and_then(|rest| rest.strip_prefix('='));
    value.filter(|value| !value.is_empty()).ok_or(ScramError::Message)
}

/// A nonce: printable ASCII without a comma.
pub(super) fn nonce(text: &str) -> Result<&str, ScramError> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if printable && !text.is_empty() { Ok(text) } else { Err(ScramError::Message) }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(text).map_err(|_| ScramError::Message)
}

/// A name as it lies in a message.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name of a message.
pub(super) fn unescape(name: &str) -> Result<String, ScramError> {
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix("3D"), part.strip_prefix("2C")) {
            (Some(rest), _) => ('=', rest),
            (None, Some(rest)) => (',', rest),
            (None, None) => return Err(ScramError::Message),
        };
        plain.push(character);
        plain.push_str(rest);
    }
    if super::plain(&plain) { Ok(plain) } else { Err(ScramError::NotAscii) }
}

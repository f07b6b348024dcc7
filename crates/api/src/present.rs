//! Optional fields of requests: absent is fine, `null` is a wrong type.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there: `null` is refused like any other wrong type.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

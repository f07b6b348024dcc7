//! Optional fields of requests: absent is fine, `null` is a wrong type unless it means something of its own.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there: `null` is refused like any other wrong type.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a field that is there and may be `null`, which is not the same as absent.
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

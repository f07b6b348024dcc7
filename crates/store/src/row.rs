//! Rows into core types: whatever does not decode is [`StoreError::Corrupt`], never skipped.

use std::fmt::Display;
use std::str::FromStr;

use byleave_core::field::{Field, Value};
use byleave_core::inventory::Revision;
use byleave_core::time::Timestamp;

use crate::error::StoreError;
use crate::sql::{Read, Row};

/// Any column as it is.
pub(crate) fn raw<T: Read>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    row.get(column)
}

/// A text that is parsed.
pub(crate) fn text<T: FromStr<Err: Display>>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let text = row.text(column)?.ok_or_else(|| StoreError::corrupt(format!("column `{column}` must not be empty")))?;
    parse(text, column)
}

/// A text that is parsed, or nothing.
pub(crate) fn text_or_none<T: FromStr<Err: Display>>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError> {
    row.text(column)?.map(|text| parse(text, column)).transpose()
}

fn parse<T: FromStr<Err: Display>>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|rule| StoreError::corrupt(format!("column `{column}` {rule}")))
}

/// A text in the form of an event's field.
pub(crate) fn field<T: Field>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let text: String = raw(row, column)?;
    T::from_value(Value::Text(text)).map_err(|rule| StoreError::corrupt(format!("column `{column}` {rule}")))
}

/// A field's text form, or nothing.
pub(crate) fn field_or_none<T: Field>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError> {
    match raw::<Option<String>>(row, column)? {
        None => Ok(None),
        Some(text) => T::from_value(Value::Text(text))
            .map(Some)
            .map_err(|rule| StoreError::corrupt(format!("column `{column}` {rule}"))),
    }
}

/// The text form of a field whose plain value is a text.
pub(crate) fn field_text(value: &impl Field) -> Result<String, StoreError> {
    match value.to_value() {
        Value::Text(text) => Ok(text),
        Value::Absent | Value::Bool(_) | Value::Erasable(_) | Value::Int(_) | Value::Texts(_) => {
            Err(StoreError::corrupt("a field is no text"))
        }
    }
}

/// A flag of 0 or 1.
pub(crate) fn flag(row: &Row, column: &'static str) -> Result<bool, StoreError> {
    match raw::<i64>(row, column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StoreError::corrupt(format!("column `{column}` must be 0 or 1"))),
    }
}

/// An instant.
pub(crate) fn instant(row: &Row, column: &'static str) -> Result<Timestamp, StoreError> {
    exact_instant(raw(row, column)?, column)
}

/// An instant, or nothing.
pub(crate) fn instant_or_none(row: &Row, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    raw::<Option<i64>>(row, column)?.map(|millis| exact_instant(millis, column)).transpose()
}

fn exact_instant(millis: i64, column: &'static str) -> Result<Timestamp, StoreError> {
    let instant = Timestamp::from_millis(millis);
    if instant.millis() == millis {
        Ok(instant)
    } else {
        Err(StoreError::corrupt(format!("column `{column}` must be an instant")))
    }
}

/// An inventory revision.
pub(crate) fn revision(row: &Row, column: &'static str) -> Result<Revision, StoreError> {
    let number = raw(row, column)?;
    Revision::new(number).ok_or_else(|| StoreError::corrupt(format!("column `{column}` must be positive")))
}

/// A count.
pub(crate) fn count(row: &Row, column: &'static str) -> Result<u64, StoreError> {
    let number: i64 = raw(row, column)?;
    u64::try_from(number).map_err(|_| StoreError::corrupt(format!("column `{column}` must not be negative")))
}

/// Exactly `N` bytes.
pub(crate) fn bytes<const N: usize>(row: &Row, column: &'static str) -> Result<[u8; N], StoreError> {
    sized(raw(row, column)?, column)
}

/// Exactly `N` bytes, or nothing.
pub(crate) fn bytes_or_none<const N: usize>(row: &Row, column: &'static str) -> Result<Option<[u8; N]>, StoreError> {
    raw::<Option<Vec<u8>>>(row, column)?.map(|bytes| sized(bytes, column)).transpose()
}

fn sized<const N: usize>(bytes: Vec<u8>, column: &'static str) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt(format!("column `{column}` must have {N} bytes")))
}

/// A count or index as the database holds it.
pub(crate) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::corrupt("a count is too large"))
}

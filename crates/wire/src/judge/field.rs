//! The value of one field, by its [`Field`].

use super::list::Field;
use super::{Objection, expression, query, stage};
use crate::bson::{Document, Element, Value};
use crate::builder::Builder;
use crate::scope::Limits;

/// The fields of a `getMore`.
pub(super) struct Own<'a> {
    pub collection: Option<&'a str>,
    pub batch_size: Option<i32>,
}

/// Judges a field and writes it, if it goes on.
pub(super) fn pass(field: Field, element: &Element<'_>, limits: &Limits, out: Builder) -> Result<Builder, Objection> {
    let document = || document(element);
    match field {
        Field::BatchSize => return Ok(out.int32(element.name, batch_size(element, limits)?)),
        Field::Cursor => return cursor(element, limits, out),
        Field::LeftOut => return Ok(out),
        Field::Never if element.value.flag() == Some(false) => return Ok(out),
        Field::Never => return Err(Objection::option("", element.name)),
        Field::Collation => collation(document()?)?,
        Field::Filter => query::filter(document()?)?,
        Field::Flag if element.value.flag().is_some() => {}
        Field::Flag => return Err(Objection::wrong(element.name, "must be true or false")),
        Field::Hint => hint(element)?,
        Field::Literals => query::literals(document()?)?,
        Field::Pipeline => stage::pipeline(array(element)?)?,
        Field::Projection => query::projection(document()?)?,
        Field::ReadConcern => read_concern(document()?)?,
        Field::Sort => query::sort(document()?)?,
        Field::Text => text(element)?,
        Field::Variables => expression::object(document()?)?,
        Field::Whole => whole(element).map(drop)?,
    }
    Ok(out.copy(element))
}

pub(super) fn document<'a>(element: &Element<'a>) -> Result<Document<'a>, Objection> {
    element.value.document().ok_or_else(|| Objection::wrong(element.name, "must be a document"))
}

pub(super) fn array<'a>(element: &Element<'a>) -> Result<Document<'a>, Objection> {
    element.value.array().ok_or_else(|| Objection::wrong(element.name, "must be an array"))
}

/// A string without a zero byte.
pub(super) fn text(element: &Element<'_>) -> Result<(), Objection> {
    let plain = element.value.text().is_some_and(|text| !text.contains('\0'));
    if plain { Ok(()) } else { Err(Objection::wrong(element.name, "must be a string without a zero byte")) }
}

/// A whole number that is not negative.
pub(super) fn whole(element: &Element<'_>) -> Result<i64, Objection> {
    let number = element.value.whole().filter(|number| *number >= 0);
    number.ok_or_else(|| Objection::wrong(element.name, "must be a whole number from 0"))
}

/// The size of a batch, at most the limit.
pub(super) fn batch_size(element: &Element<'_>, limits: &Limits) -> Result<i32, Objection> {
    Ok(i32::try_from(whole(element)?).unwrap_or(i32::MAX).min(limits.batch_size))
}

fn cursor(element: &Element<'_>, limits: &Limits, out: Builder) -> Result<Builder, Objection> {
    let mut inner = Builder::new();
    for option in document(element)?.elements() {
        let option = option?;
        match option.name {
            "batchSize" => inner = inner.int32("batchSize", batch_size(&option, limits)?),
            other => return Err(Objection::option("a cursor", other)),
        }
    }
    Ok(out.document(element.name, inner))
}

fn collation(document: Document<'_>) -> Result<(), Objection> {
    const KNOWN: &[&str] = &[
        "alternate",
        "backwards",
        "caseFirst",
        "caseLevel",
        "locale",
        "maxVariable",
        "normalization",
        "numericOrdering",
        "strength",
    ];
    for element in document.elements() {
        let element = element?;
        if !KNOWN.contains(&element.name) {
            return Err(Objection::option("a collation", element.name));
        }
        if element.value.text().is_none() && element.value.flag().is_none() && element.value.whole().is_none() {
            return Err(Objection::wrong(element.name, "must be a string, number or boolean"));
        }
    }
    Ok(())
}

/// Levels that read what is there now, without a time of the cluster and without waiting for a majority to answer.
fn read_concern(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        match (element.name, element.value.text()) {
            ("level", Some("available" | "local" | "majority")) => {}
            ("level", _) => return Err(Objection::wrong("level", "of reading must be local, available or majority")),
            (other, _) => return Err(Objection::option("a read concern", other)),
        }
    }
    Ok(())
}

/// The name of an index, or its keys.
fn hint(element: &Element<'_>) -> Result<(), Objection> {
    if element.value.text().is_some() {
        return text(element);
    }
    for key in document(element)?.elements() {
        let key = key?;
        let named = !key.name.starts_with('$') || matches!(key.name, "$**" | "$natural");
        let kind = key.value.whole().is_some() || matches!(key.value, Value::String(_) | Value::Double(_));
        if !named || !kind {
            return Err(Objection::wrong(element.name, "must be the name or the keys of an index"));
        }
    }
    Ok(())
}

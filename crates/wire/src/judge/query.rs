//! Query operators: filters, and what shows and orders documents.
//!
//! It must never take a name that begins with `$` for anything but an operator of its list. JavaScript in any form,
//! comments and what is not listed are refused by name.

use super::{Objection, expression};
use crate::bson::{Document, Value};

/// Operators whose operand is a plain value or a list of them.
const PLAIN: &[&str] = &[
    "$bitsAllClear",
    "$bitsAllSet",
    "$bitsAnyClear",
    "$bitsAnySet",
    "$eq",
    "$exists",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$mod",
    "$ne",
    "$nin",
    "$options",
    "$regex",
    "$size",
    "$type",
];

/// Operators that hold others.
pub(super) const KNOWN: &[&str] = &["$all", "$and", "$elemMatch", "$expr", "$meta", "$nor", "$not", "$or", "$text"];

/// Operators of places, whose operand holds only each other and plain values.
const PLACES: &[&str] = &["$geoIntersects", "$geoWithin", "$near", "$nearSphere"];

/// What describes a place.
const FORMS: &[&str] = &["$box", "$center", "$centerSphere", "$geometry", "$maxDistance", "$minDistance", "$polygon"];

/// What a text search may say.
const SEARCH: &[&str] = &["$caseSensitive", "$diacriticSensitive", "$language", "$search"];

fn closed(name: &str) -> Objection {
    Objection::closed("query operator", name)
}

/// A filter: fields, and operators that combine filters.
pub(super) fn filter(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        match element.name {
            "$and" | "$nor" | "$or" => {
                let list = element.value.array().ok_or_else(|| Objection::wrong(element.name, "must be an array"))?;
                for one in list.elements() {
                    let one = one?.value.document();
                    filter(one.ok_or_else(|| Objection::wrong(element.name, "must hold documents"))?)?;
                }
            }
            "$expr" => expression::value(element.value)?,
            "$text" => {
                let search = element.value.document().ok_or_else(|| Objection::wrong("$text", "must be a document"))?;
                listed(search, SEARCH)?;
            }
            operator if operator.starts_with('$') => return Err(closed(operator)),
            _field => predicate(element.value)?,
        }
    }
    Ok(())
}

/// What a field is compared with: operators, or a plain value.
fn predicate(value: Value<'_>) -> Result<(), Objection> {
    match value.document() {
        Some(document) if begins_with_operator(document)? => operators(document),
        Some(_) | None => literal(value),
    }
}

fn begins_with_operator(document: Document<'_>) -> Result<bool, Objection> {
    Ok(document.head()?.is_some_and(|element| element.name.starts_with('$')))
}

fn operators(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        match element.name {
            "$elemMatch" => either(element.value)?,
            "$not" => predicate(element.value)?,
            "$all" => {
                let list = element.value.array().ok_or_else(|| Objection::wrong("$all", "must be an array"))?;
                for one in list.elements() {
                    predicate(one?.value)?;
                }
            }
            name if PLAIN.contains(&name) => literal(element.value)?,
            name if PLACES.contains(&name) || FORMS.contains(&name) => place(element.value)?,
            other => return Err(closed(other)),
        }
    }
    Ok(())
}

/// The operand of `$elemMatch`: operators for plain elements, a filter for documents.
fn either(value: Value<'_>) -> Result<(), Objection> {
    let document = value.document().ok_or_else(|| Objection::wrong("$elemMatch", "must be a document"))?;
    let first = document.head()?.map_or("", |element| element.name);
    let combines = matches!(first, "$and" | "$expr" | "$nor" | "$or");
    if first.starts_with('$') && !combines { operators(document) } else { filter(document) }
}

fn place(value: Value<'_>) -> Result<(), Objection> {
    let Some(document) = value.document() else { return literal(value) };
    for element in document.elements() {
        let element = element?;
        if element.name.starts_with('$') && !FORMS.contains(&element.name) {
            return Err(closed(element.name));
        }
        place(element.value)?;
    }
    Ok(())
}

/// A document that has only these names, each with a plain value.
fn listed(document: Document<'_>, names: &[&str]) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        if !names.contains(&element.name) {
            return Err(closed(element.name));
        }
        literal(element.value)?;
    }
    Ok(())
}

/// A plain value: no name in it begins with `$`.
fn literal(value: Value<'_>) -> Result<(), Objection> {
    match (value.document(), value.array()) {
        (Some(document), _) => literals(document),
        (None, Some(array)) => array.elements().try_for_each(|element| literal(element?.value)),
        (None, None) => Ok(()),
    }
}

/// A document of plain values.
pub(super) fn literals(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        if element.name.starts_with('$') {
            return Err(closed(element.name));
        }
        literal(element.value)?;
    }
    Ok(())
}

/// What is shown of a document: fields, with numbers, expressions, or what a query matched in an array.
pub(super) fn projection(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        if element.name.starts_with('$') {
            return Err(closed(element.name));
        }
        shown(element.value)?;
    }
    Ok(())
}

fn shown(value: Value<'_>) -> Result<(), Objection> {
    let Some(document) = value.document() else { return expression::value(value) };
    match document.head()? {
        Some(first) if first.name == "$elemMatch" && document.elements().count() == 1 => either(first.value),
        Some(first) if first.name.starts_with('$') => expression::value(value),
        Some(_) | None => projection(document),
    }
}

/// The order: fields with 1 or -1, or the score of a text search.
pub(super) fn sort(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        let named = !element.name.starts_with('$') || element.name == "$natural";
        if !named {
            return Err(closed(element.name));
        }
        match (element.value.document(), element.value.whole()) {
            (None, Some(1 | -1)) => {}
            (Some(_), _) => expression::meta(element.value)?,
            (None, _) => return Err(Objection::wrong(element.name, "must be sorted by 1, -1 or {$meta}")),
        }
    }
    Ok(())
}

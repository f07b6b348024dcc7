//! Stages of aggregation.
//!
//! It must never let through a stage that reads another namespace, writes, runs code, or tells of the server.

use super::field::{array, document, text, whole};
use super::{Objection, expression, query};
use crate::answer::Code;
use crate::bson::{Document, Element};

/// How many stages a pipeline may have.
const STAGES: usize = 100;

/// How many documents a sample may have.
const SAMPLE: i64 = 10_000;

/// A pipeline: a list of documents, each with one stage.
pub(super) fn pipeline(list: Document<'_>) -> Result<(), Objection> {
    let mut count = 0_usize;
    for one in list.elements() {
        count = count.saturating_add(1);
        let one = one?.value.document().ok_or_else(|| Objection::wrong("pipeline", "must hold documents"))?;
        let mut elements = one.elements();
        match (elements.next().transpose()?, elements.next()) {
            (Some(element), None) => stage(&element)?,
            (Some(_) | None, _) => return Err(Objection::wrong("pipeline", "must have one stage in each document")),
        }
    }
    if count > STAGES {
        return Err(Objection::wrong("pipeline", "must have at most 100 stages"));
    }
    Ok(())
}

fn stage(element: &Element<'_>) -> Result<(), Objection> {
    match element.name {
        "$addFields" | "$set" => expression::object(document(element)?),
        "$bucket" | "$bucketAuto" => bucket(document(element)?),
        "$count" => text(element),
        "$facet" => document(element)?.elements().try_for_each(|facet| pipeline(array(&facet?)?)),
        "$group" => group(document(element)?),
        "$limit" | "$skip" => whole(element).map(drop),
        "$match" => query::filter(document(element)?),
        "$project" => query::projection(document(element)?),
        "$redact" | "$replaceWith" | "$sortByCount" => expression::value(element.value),
        "$replaceRoot" => only(document(element)?, &["newRoot"]),
        "$sample" => sample(document(element)?),
        "$sort" => query::sort(document(element)?),
        "$unset" => unset(element),
        "$unwind" => unwind(element),
        // It names the server's host. mongosh asks for the same figures by the command when it hears this code.
        "$collStats" => {
            Err(Objection::new(Code::FailedToParse, "the stage `$collStats` is not open to support; use the command"))
        }
        other => Err(Objection::closed("stage", other)),
    }
}

/// A document with only these names, each an expression.
fn only(document: Document<'_>, names: &[&str]) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        if !names.contains(&element.name) {
            return Err(Objection::option("a stage", element.name));
        }
        expression::value(element.value)?;
    }
    Ok(())
}

/// `_id` and accumulators: every field is an expression.
fn group(document: Document<'_>) -> Result<(), Objection> {
    expression::object(document)
}

fn bucket(document: Document<'_>) -> Result<(), Objection> {
    for option in document.elements() {
        let option = option?;
        match option.name {
            "boundaries" | "buckets" | "default" | "granularity" | "groupBy" => expression::value(option.value)?,
            "output" => group(self::document(&option)?)?,
            other => return Err(Objection::option("a stage", other)),
        }
    }
    Ok(())
}

fn sample(document: Document<'_>) -> Result<(), Objection> {
    for option in document.elements() {
        let option = option?;
        match option.name {
            "size" if whole(&option)? <= SAMPLE => {}
            "size" => return Err(Objection::wrong("size", "of a sample must be at most 10000")),
            other => return Err(Objection::option("a stage", other)),
        }
    }
    Ok(())
}

fn unset(element: &Element<'_>) -> Result<(), Objection> {
    if element.value.text().is_some() {
        return text(element);
    }
    array(element)?.elements().try_for_each(|name| text(&name?))
}

fn unwind(element: &Element<'_>) -> Result<(), Objection> {
    if element.value.text().is_some() {
        return expression::value(element.value);
    }
    for option in document(element)?.elements() {
        let option = option?;
        match option.name {
            "includeArrayIndex" => text(&option)?,
            "path" => text(&option).and_then(|()| expression::value(option.value))?,
            "preserveNullAndEmptyArrays" if option.value.flag().is_some() => {}
            other => return Err(Objection::option("a stage", other)),
        }
    }
    Ok(())
}

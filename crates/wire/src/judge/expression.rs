//! Expressions of aggregation: paths, variables, operators, plain values.
//!
//! It must never take an operator or a variable of the system that is not listed: some run JavaScript, some tell the
//! rights of the gateway's own user or the cluster's time.

use super::Objection;
use crate::bson::{Document, Value};

/// The operators that compute something from documents.
#[rustfmt::skip]
pub(super) const OPERATORS: &[&str] = &[
    "$abs", "$acos", "$acosh", "$add", "$addToSet", "$allElementsTrue", "$and", "$anyElementTrue", "$arrayElemAt",
    "$arrayToObject", "$asin", "$asinh", "$atan", "$atan2", "$atanh", "$avg", "$binarySize", "$bitAnd", "$bitNot", "$bitOr",
    "$bitXor", "$bottom", "$bottomN", "$bsonSize", "$ceil", "$cmp", "$concat", "$concatArrays", "$cond", "$convert", "$cos",
    "$cosh", "$count", "$dateAdd", "$dateDiff", "$dateFromParts", "$dateFromString", "$dateSubtract", "$dateToParts",
    "$dateToString", "$dateTrunc", "$dayOfMonth", "$dayOfWeek", "$dayOfYear", "$degreesToRadians", "$divide", "$eq", "$exp",
    "$filter", "$first", "$firstN", "$floor", "$getField", "$gt", "$gte", "$hour", "$ifNull", "$in", "$indexOfArray",
    "$indexOfBytes", "$indexOfCP", "$isArray", "$isNumber", "$isoDayOfWeek", "$isoWeek", "$isoWeekYear", "$last", "$lastN",
    "$let", "$ln", "$log", "$log10", "$lt", "$lte", "$ltrim", "$map", "$max", "$maxN", "$median", "$mergeObjects",
    "$millisecond", "$min", "$minN", "$minute", "$mod", "$month", "$multiply", "$ne", "$not", "$objectToArray", "$or",
    "$percentile", "$pow", "$push", "$radiansToDegrees", "$rand", "$range", "$reduce", "$regexFind", "$regexFindAll",
    "$regexMatch", "$replaceAll", "$replaceOne", "$reverseArray", "$round", "$rtrim", "$second", "$setDifference",
    "$setEquals", "$setField", "$setIntersection", "$setIsSubset", "$setUnion", "$sin", "$sinh", "$size", "$slice",
    "$sortArray", "$split", "$sqrt", "$stdDevPop", "$stdDevSamp", "$strLenBytes", "$strLenCP", "$strcasecmp", "$substr",
    "$substrBytes", "$substrCP", "$subtract", "$sum", "$switch", "$tan", "$tanh", "$toBool", "$toDate", "$toDecimal",
    "$toDouble", "$toInt", "$toLong", "$toLower", "$toObjectId", "$toString", "$toUUID", "$toUpper", "$top", "$topN", "$trim",
    "$trunc", "$tsIncrement", "$tsSecond", "$type", "$unsetField", "$week", "$year", "$zip",
];

/// The variables of the system that hold only documents, the time of day, and what becomes of a document.
const VARIABLES: &[&str] = &["CURRENT", "DESCEND", "KEEP", "NOW", "PRUNE", "REMOVE", "ROOT"];

/// What a query knows of a document beside its fields.
const META: &[&str] = &["indexKey", "recordId", "textScore"];

/// An expression.
pub(super) fn value(value: Value<'_>) -> Result<(), Objection> {
    if let Some(text) = value.text() {
        return variable(text);
    }
    if let Some(array) = value.array() {
        return array.elements().try_for_each(|element| self::value(element?.value));
    }
    let Some(document) = value.document() else { return Ok(()) };
    let Some(first) = document.head()? else { return Ok(()) };
    if !first.name.starts_with('$') {
        return object(document);
    }
    if document.elements().count() != 1 {
        return Err(Objection::wrong(first.name, "must stand alone in its document"));
    }
    match first.name {
        // A plain value, whatever is in it.
        "$literal" => Ok(()),
        "$meta" => meta(value),
        name if OPERATORS.contains(&name) => self::value(first.value),
        other => Err(Objection::closed("expression operator", other)),
    }
}

/// A document whose fields are expressions.
pub(super) fn object(document: Document<'_>) -> Result<(), Objection> {
    for element in document.elements() {
        let element = element?;
        if element.name.starts_with('$') {
            return Err(Objection::closed("expression operator", element.name));
        }
        value(element.value)?;
    }
    Ok(())
}

/// Exactly `{$meta: <one of the list>}`.
pub(super) fn meta(value: Value<'_>) -> Result<(), Objection> {
    let Some(document) = value.document() else { return Err(Objection::wrong("$meta", "must be a document")) };
    for element in document.elements() {
        let element = element?;
        match (element.name, element.value.text()) {
            ("$meta", Some(text)) if META.contains(&text) => {}
            ("$meta", _) => return Err(Objection::wrong("$meta", "must be textScore, indexKey or recordId")),
            (other, _) => return Err(Objection::closed("expression operator", other)),
        }
    }
    Ok(())
}

/// A text: a variable if it begins with `$$`, else a path or a plain text.
fn variable(text: &str) -> Result<(), Objection> {
    let Some(path) = text.strip_prefix("$$") else { return Ok(()) };
    let name = path.split('.').next().unwrap_or_default();
    let own = name.starts_with(|first: char| first.is_ascii_lowercase());
    if own || VARIABLES.contains(&name) { Ok(()) } else { Err(Objection::closed("variable", name)) }
}

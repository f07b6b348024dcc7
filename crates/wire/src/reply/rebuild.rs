//! Small answers that are written anew: errors, names of databases, figures, explanations.
//!
//! It must never copy what no list names: hosts, members, shards, paths, the cluster's time, and other databases stand in
//! fields and texts that differ from release to release.

use super::{ReplyError, Returned};
use crate::bson::{BsonError, Document, Value};
use crate::builder::Builder;
use crate::scope::{Namespace, Scope};

/// How deep a small answer may be: as deep as a server can store. An explanation is deeper than what it explains.
const DEPTH: usize = 200;

/// What a collection or database is told by: numbers, and yes or no.
const FIGURES: &[&str] = &[
    "avgObjSize",
    "capped",
    "collections",
    "count",
    "dataSize",
    "freeStorageSize",
    "indexFreeStorageSize",
    "indexSize",
    "indexes",
    "max",
    "maxSize",
    "nindexes",
    "numOrphanDocs",
    "objects",
    "scaleFactor",
    "size",
    "storageSize",
    "totalFreeStorageSize",
    "totalIndexSize",
    "totalSize",
    "views",
];

/// What an explanation is made of, at any depth.
#[rustfmt::skip]
const EXPLAINED: &[&str] = &[
    "$cursor", "advanced", "allPlansExecution", "direction", "docsExamined", "dupsDropped", "dupsTested", "executionStages",
    "executionStats", "executionSuccess", "executionTimeMillis", "executionTimeMillisEstimate", "explainVersion", "failed",
    "hasSortStage", "indexFilterSet", "indexName", "indexVersion", "inputStage", "inputStages", "isEOF", "isMultiKey",
    "isPartial", "isSparse", "isUnique", "keysExamined", "limitAmount", "maxAccumulatorMemoryUsageBytes",
    "maxIndexedAndSolutionsReached", "maxIndexedOrSolutionsReached", "maxScansToExplodeReached", "memLimit", "memUsage",
    "nCounted", "nReturned", "nSkipped", "needTime", "needYield", "optimizationTimeMillis", "optimizedPipeline",
    "planCacheKey", "planCacheShapeHash", "prunedSimilarIndexes", "queryHash", "queryPlan", "queryPlanner",
    "queryShapeHash", "rejectedPlans", "restoreState", "saveState", "score", "seeks", "skipAmount", "spills", "stage",
    "stages", "totalDataSizeSorted", "totalDocsExamined", "totalKeysExamined", "totalOutputDataSizeBytes", "type",
    "usedDisk", "winningPlan", "works",
];

/// The stages of a pipeline, each of which stands under its own name.
const STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$facet",
    "$group",
    "$limit",
    "$match",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unset",
    "$unwind",
];

/// What repeats the question, or the keys of an index: fields of the collection's own stand in it.
const REPEATED: &[&str] = &[
    "collation",
    "filter",
    "indexBounds",
    "keyPattern",
    "multiKeyPaths",
    "parsedQuery",
    "runtimeFilter",
    "sortPattern",
    "transformBy",
];

/// What was wrong, in words of ours: a server's own may name hosts, users and databases that are not open.
const fn why(code: i32) -> &'static str {
    match code {
        2 | 9 | 14 | 72 | 40415 => "the server does not take the command in this form",
        13 => "the gateway's user of the databases may not do that",
        26 => "there is no such collection",
        27 => "there is no such index",
        43 => "there is no such cursor any more",
        50 => "the command took longer than it may",
        59 => "the server does not know the command",
        91 | 189 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436 => "the server cannot be read now; try again",
        175 => "the command was ended because the collection changed",
        237 => "the cursor was killed",
        292 => "the command needs more memory than it may have",
        11_601 => "the command was interrupted",
        10_334 => "a document is too large",
        _ => "the server refuses the command",
    }
}

/// The error of a server: its code, the name of that, and what it comes to.
pub(super) fn error(body: Document<'_>) -> Result<(i32, Vec<u8>), ReplyError> {
    let code = body.get("code")?.and_then(Value::whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(1);
    let named = |name: &&str| name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = body.get("codeName")?.and_then(Value::text).filter(named).unwrap_or("InternalError");
    let document =
        Builder::new().double("ok", 0.0).string("errmsg", why(code)).int32("code", code).string("codeName", name);
    Ok((code, document.finish()))
}

/// The databases that are open, of those that the server names.
pub(super) fn databases(body: Document<'_>, scope: &Scope, returned: &mut Returned) -> Result<Vec<u8>, ReplyError> {
    let list = body.get("databases")?.and_then(Value::array).ok_or(ReplyError::Shape("databases"))?;
    let (mut open, mut count) = (Builder::new(), 0_u64);
    for one in list.elements() {
        let one = one?.value.document().ok_or(ReplyError::Shape("databases"))?;
        let name = one.get("name")?.and_then(Value::text).ok_or(ReplyError::Shape("name"))?;
        if !scope.covers(name) {
            continue;
        }
        let mut shown = Builder::new();
        for element in one.elements() {
            let element = element?;
            if matches!(element.name, "name" | "sizeOnDisk" | "empty") && plain(element.value) {
                shown = shown.copy(&element);
            }
        }
        open = open.document(&count.to_string(), shown);
        count = count.saturating_add(1);
    }
    returned.documents = count;
    Ok(Builder::new().array("databases", open).double("ok", 1.0).finish())
}

fn plain(value: Value<'_>) -> bool {
    value.document().is_none() && value.array().is_none()
}

/// Figures about what was asked for; its name is ours.
pub(super) fn statistics(body: Document<'_>, of: &Namespace) -> Result<Vec<u8>, ReplyError> {
    let mut out = match of.collection.strip_prefix("$cmd.") {
        Some(_) => Builder::new().string("db", &of.database),
        None => Builder::new().string("ns", &of.to_string()),
    };
    for element in body.elements() {
        let element = element?;
        if FIGURES.contains(&element.name) && is_figure(element.value) {
            out = out.copy(&element);
        } else if element.name == "indexSizes"
            && let Some(sizes) = element.value.document()
        {
            let mut kept = Builder::new();
            for size in sizes.elements() {
                let size = size?;
                if is_figure(size.value) {
                    kept = kept.copy(&size);
                }
            }
            out = out.document("indexSizes", kept);
        }
    }
    Ok(out.double("ok", 1.0).finish())
}

const fn is_figure(value: Value<'_>) -> bool {
    matches!(value, Value::Bool(_) | Value::Decimal(_) | Value::Double(_) | Value::Int32(_) | Value::Int64(_))
}

/// The explanation of a command.
pub(super) fn explanation(body: Document<'_>, of: &Namespace) -> Result<Vec<u8>, ReplyError> {
    Ok(explained(body, of, DEPTH)?.double("ok", 1.0).finish())
}

/// Copies what an explanation is made of, at any depth.
fn explained(document: Document<'_>, of: &Namespace, depth: usize) -> Result<Builder, ReplyError> {
    let depth = depth.checked_sub(1).ok_or(BsonError::Depth)?;
    let mut out = Builder::new();
    for element in document.elements() {
        let element = element?;
        let repeats = REPEATED.contains(&element.name) || STAGES.contains(&element.name);
        if element.name == "namespace" {
            out = out.string("namespace", &of.to_string());
        } else if repeats {
            out = out.copy(&element);
        } else if EXPLAINED.contains(&element.name) {
            out = match (element.value.document(), element.value.array()) {
                (Some(inner), _) => out.document(element.name, explained(inner, of, depth)?),
                (None, Some(list)) => out.array(element.name, explained_list(list, of, depth)?),
                (None, None) => out.copy(&element),
            };
        }
    }
    Ok(out)
}

/// The plans and stages of a list; what is no document in it is left out.
fn explained_list(list: Document<'_>, of: &Namespace, depth: usize) -> Result<Builder, ReplyError> {
    let (mut out, mut count) = (Builder::new(), 0_usize);
    for one in list.elements() {
        if let Some(inner) = one?.value.document() {
            out = out.document(&count.to_string(), explained(inner, of, depth)?);
            count = count.saturating_add(1);
        }
    }
    Ok(out)
}

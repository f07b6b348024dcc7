//! One command by its table: every field compared with the list, the namespace with what is open, and the command
//! written anew.
//!
//! It must never copy an element that no list names. `maxTimeMS`, `allowDiskUse`, `lsid`, `$db` and `$readPreference` are
//! always the gateway's own words.

use super::field::{self, Own};
use super::list::{self, Command, Disk, Field, Gives, Target};
use super::lookup::looked_up;
use super::{Allowed, Expect, Objection, Reach, Verdict, record};
use crate::answer::Code;
use crate::bson::{Document, Element, Value, short};
use crate::builder::Builder;
use crate::request::Request;
use crate::scope::{Namespace, Scope};

/// Judges a command that would go to the cluster.
pub(super) fn judge(request: &Request<'_>, scope: &Scope) -> Result<Verdict<'static>, Objection> {
    let name = request.command().unwrap_or_default();
    match name {
        "getMore" => get_more(request, scope).map(Verdict::Allowed),
        "killCursors" => kill_cursors(request, scope).map(Verdict::Allowed),
        "explain" => explain(request, scope),
        "listDatabases" => list_databases(request, scope).map(Verdict::Allowed),
        _from_the_table => {
            let command = listed(name).ok_or_else(|| not_open(name, scope))?;
            let database = open_database(request, scope)?;
            let time = times(request, scope)?;
            let Written { body, namespace } = write(command, request.body, database, scope, Place::Outermost)?;
            let body = finish(body.int32("maxTimeMS", time), database, scope);
            let then =
                Allowed { body, record: record(request, command.name), expect: expect(command.gives, &namespace) };
            Ok(looked_up(command.target, namespace, then, scope))
        }
    }
}

fn listed(name: &str) -> Option<&'static Command> {
    list::COMMANDS.iter().find(|command| command.name == name || command.alias == name)
}

/// Whether the first value of this command is the name of a collection.
pub(super) fn names_collection(name: &str) -> bool {
    let target = listed(name).map(|command| command.target);
    target == Some(Target::Collection) || name == "killCursors" || list::NAMING.contains(&name)
}

fn not_open(name: &str, scope: &Scope) -> Objection {
    if list::CLOSED.contains(&name) {
        let text = format!(
            "the command `{}` is not open to support; open on {} are {}",
            short(name),
            scope.says_open(),
            list::OPEN
        );
        Objection::new(Code::Unauthorized, text)
    } else {
        let text = format!("no such command: `{}`", short(name));
        Objection::naming(name, Code::CommandNotFound, text, "no such command")
    }
}

/// A field that no list names.
pub(super) fn unknown(request: &Request<'_>, field: &str) -> Objection {
    unknown_of(request.command().unwrap_or_default(), field)
}

fn unknown_of(command: &str, field: &str) -> Objection {
    if list::TRANSACTION.contains(&field) {
        return Objection::closed("field of transactions", field);
    }
    let text = format!("the field `{}.{}` is not known here, so it does not pass", short(command), short(field));
    let objection =
        Objection::naming(field, Code::UnknownField, text, "a field is not known here, so it does not pass");
    // A client that speaks as somebody else.
    let reach = if list::FORGED.contains(&field) { Reach::Yes } else { objection.reach };
    Objection { reach, ..objection }
}

/// The database that a request names, in the one place where it may.
pub(super) fn database<'a>(request: &Request<'a>) -> Result<&'a str, Objection> {
    let database = request.body.get("$db")?.and_then(Value::text);
    let plain = |name: &&str| !name.is_empty() && !name.contains(['\0', '.', '/', '\\', ' ', '"', '$']);
    database.filter(plain).ok_or_else(|| Objection::wrong("$db", "must be there, once, with the name of a database"))
}

/// The database, if it is open.
fn open_database<'a>(request: &Request<'a>, scope: &Scope) -> Result<&'a str, Objection> {
    let database = database(request)?;
    if scope.covers(database) {
        return Ok(database);
    }
    let text = format!("the database `{}` is not open to support; open are {}", short(database), scope.says_open());
    Err(Objection::about(Code::Unauthorized, text, "the database is not open to support"))
}

/// Judges a field that every command may carry and that is left out.
pub(super) fn common(element: &Element<'_>) -> Result<(), Objection> {
    let objection = |rule| Err(Objection::wrong(element.name, rule));
    match element.name {
        "lsid" => session_id(element.value),
        "$clusterTime" if element.value.document().is_none() => objection("must be a document"),
        "$db" if element.value.text().is_none() => objection("must be a string"),
        "$readPreference" => read_preference(element.value),
        "apiVersion" if element.value.text() != Some("1") => objection("must be \"1\""),
        "apiStrict" | "apiDeprecationErrors" if element.value.flag().is_none() => objection("must be true or false"),
        "maxTimeMS" => time(element.value).map(drop),
        _judged_or_free => Ok(()),
    }
}

/// `{id: UUID}`, the driver's own session, of which the server learns nothing.
fn session_id(value: Value<'_>) -> Result<(), Objection> {
    let wrong = || Objection::wrong("lsid", "must be {id: UUID}");
    for element in value.document().ok_or_else(wrong)?.elements() {
        let element = element?;
        match (element.name, element.value) {
            ("id", Value::Binary(4, id)) if id.len() == 16 => {}
            (_, _) => return Err(wrong()),
        }
    }
    Ok(())
}

/// Which member would be read; the gateway has dialled one.
fn read_preference(value: Value<'_>) -> Result<(), Objection> {
    const MODES: &[&str] = &["nearest", "primary", "primaryPreferred", "secondary", "secondaryPreferred"];
    let wrong =
        || Objection::wrong("$readPreference", "must be {mode}, perhaps with maxStalenessSeconds, tags and hedge");
    for element in value.document().ok_or_else(wrong)?.elements() {
        let element = element?;
        match element.name {
            "mode" if element.value.text().is_some_and(|mode| MODES.contains(&mode)) => {}
            "maxStalenessSeconds" if element.value.whole().is_some() => {}
            "tags" if element.value.array().is_some() => {}
            "hedge" if element.value.document().is_some() => {}
            _other => return Err(wrong()),
        }
    }
    Ok(())
}

/// The time that the client allows; 0 is as good as none.
fn time(value: Value<'_>) -> Result<i32, Objection> {
    let time = value.whole().and_then(|time| i32::try_from(time).ok()).filter(|time| *time >= 0);
    time.ok_or_else(|| Objection::wrong("maxTimeMS", "must be a whole number from 0"))
}

/// The time that the server gets: what the client allows, at most the limit.
fn capped(wanted: Option<i32>, scope: &Scope) -> i32 {
    let most = scope.limits().max_time_ms;
    wanted.filter(|time| *time > 0).map_or(most, |time| time.min(most))
}

fn times(request: &Request<'_>, scope: &Scope) -> Result<i32, Objection> {
    Ok(capped(request.body.get("maxTimeMS")?.map(time).transpose()?, scope))
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Inside an `explain`, where nothing of the conversation may be, and only what the client's driver adds is left out.
    Explained,
    /// By itself.
    Outermost,
}

struct Written {
    body: Builder,
    namespace: Namespace,
}

/// Writes a command of the table anew, without what the gateway adds to the outermost one.
fn write(
    command: &'static Command,
    body: Document<'_>,
    database: &str,
    scope: &Scope,
    place: Place,
) -> Result<Written, Objection> {
    let mut elements = body.elements();
    let head = elements.next().transpose()?.ok_or_else(|| Objection::wrong("command", "must be there"))?;
    let (mut out, collection) = match command.target {
        // What runs, who is there, what changes: stages of a server or database as a whole.
        Target::Collection if command.name == "aggregate" && head.value.flag() == Some(true) => {
            let text = "an aggregate that names no collection is not open to support";
            return Err(Objection::new(Code::Unauthorized, text));
        }
        Target::Collection => {
            let collection = collection(head.value)?;
            (Builder::new().string(command.name, collection), collection.to_owned())
        }
        Target::Database if head.value.flag() == Some(true) => {
            (Builder::new().int32(command.name, 1), format!("$cmd.{}", command.name))
        }
        Target::Database => return Err(Objection::wrong(head.name, "must be 1")),
    };
    let mut missing: Vec<&str> = command.needs.to_vec();
    for element in elements {
        let element = element?;
        missing.retain(|name| *name != element.name);
        if let Some((_, field)) = command.fields.iter().find(|(name, _)| *name == element.name) {
            out = field::pass(*field, &element, scope.limits(), out)?;
        } else if may_be_left_out(element.name, place) {
            common(&element)?;
        } else {
            return Err(unknown_of(command.name, element.name));
        }
    }
    if let Some(name) = missing.first() {
        return Err(Objection::wrong(name, "must be there"));
    }
    let out = match command.disk {
        Disk::Forbidden => out.flag("allowDiskUse", false),
        Disk::Unknown => out,
    };
    Ok(Written { body: out, namespace: Namespace { database: database.to_owned(), collection } })
}

fn may_be_left_out(name: &str, place: Place) -> bool {
    match place {
        Place::Explained => matches!(name, "comment" | "maxTimeMS"),
        Place::Outermost => list::COMMON.iter().any(|(known, field)| *known == name && *field == Field::LeftOut),
    }
}

/// The name of a collection: no system collection, nothing that a server takes for another namespace.
fn collection(value: Value<'_>) -> Result<&str, Objection> {
    let wrong = |rule| Objection::wrong("collection", rule);
    let name = value.text().ok_or_else(|| wrong("must be named by a string"))?;
    if name.is_empty() || name.len() > 255 || name.contains(['\0', '$']) || name.starts_with('.') || name.ends_with('.')
    {
        return Err(wrong("must have 1 to 255 bytes, no `$`, no zero byte, and no `.` at either end"));
    }
    if name.split('.').any(|part| part.eq_ignore_ascii_case("system")) {
        return Err(Objection::closed("collection", name));
    }
    Ok(name)
}

/// What the gateway says at the end of every command.
pub(super) fn finish(body: Builder, database: &str, scope: &Scope) -> Vec<u8> {
    body.document("lsid", Builder::new().binary("id", 4, scope.lsid()))
        .string("$db", database)
        .document("$readPreference", Builder::new().string("mode", "primaryPreferred"))
        .finish()
}

fn expect(gives: Gives, namespace: &Namespace) -> Expect {
    match gives {
        Gives::Collections | Gives::Cursor => Expect::Cursor(namespace.clone()),
        Gives::Number => Expect::Number,
        Gives::Statistics => Expect::Statistics(namespace.clone()),
        Gives::Values => Expect::Values,
    }
}

/// `explain` of a command of the list; the inner command names no database and no session.
fn explain(request: &Request<'_>, scope: &Scope) -> Result<Verdict<'static>, Objection> {
    let database = open_database(request, scope)?;
    let mut elements = request.body.elements();
    let head = elements.next().transpose()?.and_then(|element| element.value.document());
    let inner = head.ok_or_else(|| Objection::wrong("explain", "must be a document"))?;
    let name = inner.head()?.map_or("", |element| element.name);
    let command = listed(name).filter(|command| list::EXPLAINED.contains(&command.name));
    let command = command.ok_or_else(|| Objection::closed("explanation of", name))?;
    let Written { body, namespace } = write(command, inner, database, scope, Place::Explained)?;
    let inner_time = inner.get("maxTimeMS")?.map(time).transpose()?;
    let mut out = Builder::new().document("explain", body);
    for element in elements {
        let element = element?;
        match element.name {
            "verbosity" if element.value.text().is_some_and(|text| list::VERBOSITIES.contains(&text)) => {
                out = out.copy(&element);
            }
            "verbosity" => return Err(Objection::wrong("verbosity", "must be one that MongoDB documents")),
            name if may_be_left_out(name, Place::Outermost) => common(&element)?,
            other => return Err(unknown(request, other)),
        }
    }
    let outer_time = request.body.get("maxTimeMS")?.map(time).transpose()?;
    let time = capped(outer_time, scope).min(capped(inner_time, scope));
    let body = finish(out.int32("maxTimeMS", time), database, scope);
    let mut record = record(request, "explain");
    record.collection = Some(short(&namespace.collection));
    let then = Allowed { body, record, expect: Expect::Explanation(namespace.clone()) };
    Ok(looked_up(command.target, namespace, then, scope))
}

/// The names of databases, asked for at `admin`; of the answer only the open ones are passed on.
fn list_databases(request: &Request<'_>, scope: &Scope) -> Result<Allowed, Objection> {
    if database(request)? != "admin" {
        return Err(Objection::wrong("$db", "must be `admin` for `listDatabases`"));
    }
    let mut out = Builder::new().int32("listDatabases", 1);
    for element in request.body.elements().skip(1) {
        let element = element?;
        match element.name {
            "nameOnly" => out = field::pass(Field::Flag, &element, scope.limits(), out)?,
            "filter" => out = field::pass(Field::Filter, &element, scope.limits(), out)?,
            // Written below: the server names nothing that its own rights do not cover.
            "authorizedDatabases" if element.value.flag().is_some() => {}
            name if may_be_left_out(name, Place::Outermost) => common(&element)?,
            other => return Err(unknown(request, other)),
        }
    }
    let out = out.flag("authorizedDatabases", true).int32("maxTimeMS", times(request, scope)?);
    Ok(Allowed {
        body: finish(out, "admin", scope),
        record: record(request, "listDatabases"),
        expect: Expect::Databases,
    })
}

/// The cursor's namespace, if it is one of this session and the request names the same.
fn own_cursor(id: i64, database: &str, collection: &str, scope: &Scope) -> Result<Namespace, Objection> {
    let own = scope.cursor(id).filter(|own| own.database == database && own.collection == collection);
    own.cloned().ok_or_else(|| {
        let text = format!("this session has no cursor {id} of this collection");
        Objection::about(Code::CursorNotFound, text, "this session has no such cursor")
    })
}

fn get_more(request: &Request<'_>, scope: &Scope) -> Result<Allowed, Objection> {
    let database = open_database(request, scope)?;
    let id = request.body.head()?.and_then(|element| element.value.long());
    let id = id.ok_or_else(|| Objection::wrong("getMore", "must be a cursor id"))?;
    let mut own = Own { collection: None, batch_size: None };
    for element in request.body.elements().skip(1) {
        let element = element?;
        match element.name {
            "collection" => own.collection = element.value.text(),
            "batchSize" => own.batch_size = Some(field::batch_size(&element, scope.limits())?),
            // The time of the first command goes on counting; the server takes another for tailable cursors only.
            name if may_be_left_out(name, Place::Outermost) => common(&element)?,
            other => return Err(unknown(request, other)),
        }
    }
    let collection = own.collection.ok_or_else(|| Objection::wrong("collection", "must be a string"))?;
    let namespace = own_cursor(id, database, collection, scope)?;
    let out = Builder::new().int64("getMore", id).string("collection", &namespace.collection);
    let out = own.batch_size.into_iter().fold(out, |out, size| out.int32("batchSize", size));
    Ok(Allowed {
        body: finish(out, &namespace.database, scope),
        record: record(request, "getMore"),
        expect: Expect::Next(id, namespace),
    })
}

fn kill_cursors(request: &Request<'_>, scope: &Scope) -> Result<Allowed, Objection> {
    let database = open_database(request, scope)?;
    let head = request.body.head()?.and_then(|element| element.value.text());
    let collection = head.ok_or_else(|| Objection::wrong("killCursors", "must name a collection"))?;
    let mut ids = Vec::new();
    for element in request.body.elements().skip(1) {
        let element = element?;
        match element.name {
            "cursors" => ids = cursor_ids(element.value)?,
            name if may_be_left_out(name, Place::Outermost) => common(&element)?,
            other => return Err(unknown(request, other)),
        }
    }
    if ids.is_empty() {
        return Err(Objection::wrong("cursors", "must name at least one cursor"));
    }
    for id in &ids {
        own_cursor(*id, database, collection, scope)?;
    }
    let out = Builder::new().string("killCursors", collection).int64s("cursors", &ids);
    Ok(Allowed {
        body: finish(out, database, scope),
        record: record(request, "killCursors"),
        expect: Expect::Killed(ids),
    })
}

fn cursor_ids(value: Value<'_>) -> Result<Vec<i64>, Objection> {
    let wrong = || Objection::wrong("cursors", "must be a list of cursor ids");
    let array = value.array().ok_or_else(wrong)?;
    array.elements().map(|element| element?.value.long().ok_or_else(wrong)).collect()
}

//! What the ids in an event are called. What was removed keeps its row, and so its name: history stays readable.
//!
//! Whoever may read an event may know what it is about. It must never tell more than that: the name of a project that
//! the reader cannot read, of a service account that did nothing here, or of a person whose name was erased.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use byleave_core::actor::By;
use byleave_core::event::Entry;
use byleave_core::field::{Fields, Value};
use byleave_core::id::SessionId;
use byleave_core::identifier::EmployeeIdentifier;

use crate::error::StoreError;
use crate::feed::Sight;
use crate::row;
use crate::sql::{Sql, query};

/// What something is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Its name: of a node its host name, of an API key its public part.
    pub name: String,
    /// Whether it was removed since.
    pub is_removed: bool,
}

/// The names on a page for one reader, each looked up once.
pub(super) struct Names {
    sight: Sight,
    known: HashMap<(&'static str, String), Option<Called>>,
    sessions: HashMap<SessionId, Option<EmployeeIdentifier>>,
}

impl Names {
    pub(super) fn new(sight: Sight) -> Self {
        Self { sight, known: HashMap::new(), sessions: HashMap::new() }
    }

    /// What an entry with these fields names, by id.
    pub(super) fn of(
        &mut self,
        sql: &mut Sql,
        entry: &Entry,
        fields: &Fields,
    ) -> Result<BTreeMap<String, Called>, StoreError> {
        let in_fields = ids(fields).filter(|(kind, id)| match *kind {
            "project" => self.sight.shows(Some(id)),
            "service_account" => self.sight.service_accounts,
            _ => true,
        });
        let ids: Vec<_> = in_fields.chain(cause(&entry.by)).collect();
        let mut names = BTreeMap::new();
        for (kind, id) in ids {
            let look_up = |sql: &mut Sql, (kind, id)| look_up(sql, kind, id);
            if let Some(called) = once(sql, &mut self.known, (kind, id.clone()), look_up)? {
                names.insert(id, called);
            }
        }
        Ok(names)
    }

    /// The identifier of the employee whose session it is.
    pub(super) fn identifier(
        &mut self,
        sql: &mut Sql,
        session: SessionId,
    ) -> Result<Option<EmployeeIdentifier>, StoreError> {
        once(sql, &mut self.sessions, session, identifier)
    }
}

/// Answers what is in a map, or looks it up and puts it there.
pub(crate) fn once<K: Clone + Eq + Hash, V: Clone>(
    sql: &mut Sql,
    known: &mut HashMap<K, V>,
    key: K,
    look_up: impl FnOnce(&mut Sql, K) -> Result<V, StoreError>,
) -> Result<V, StoreError> {
    if let Some(known) = known.get(&key) {
        return Ok(known.clone());
    }
    let found = look_up(sql, key.clone())?;
    known.insert(key, found.clone());
    Ok(found)
}

/// What somebody of a customer is called: the name of a user or service account, the public part of a key.
pub(crate) fn name_of(sql: &mut Sql, by: &By) -> Result<Option<String>, StoreError> {
    let Some((kind, id)) = cause(by) else { return Ok(None) };
    Ok(look_up(sql, kind, id)?.map(|called| called.name))
}

/// The id of who caused an event, if they have a name of their own.
pub(super) fn cause(by: &By) -> Option<(&'static str, String)> {
    match by {
        By::ApiKey(id) => Some(("api_key", id.to_string())),
        By::ServiceAccount(id) => Some(("service_account", id.to_string())),
        By::User(id) => Some(("user", id.to_string())),
        By::Administrator | By::Employee(_) | By::System => None,
    }
}

/// The ids in the fields of an event, each with the field that says what it is; of a role in a project, the project.
fn ids(fields: &Fields) -> impl Iterator<Item = (&'static str, String)> {
    fields.iter().flat_map(|(field, value)| match value {
        Value::Text(id) if select(field).is_some() => vec![(*field, id.clone())],
        Value::Texts(roles) if *field == "roles" => {
            let projects = roles.iter().filter_map(|role| role.split_once(':'));
            projects.map(|(_, project)| ("project", project.to_owned())).collect()
        }
        Value::Absent | Value::Bool(_) | Value::Erasable(_) | Value::Int(_) | Value::Text(_) | Value::Texts(_) => {
            Vec::new()
        }
    })
}

/// The row that keeps the name, by the field that holds its id; `None` for a field that holds no such id.
fn select(field: &str) -> Option<&'static str> {
    Some(match field {
        "api_key" => "SELECT public_key AS name, removed_at IS NOT NULL AS removed FROM api_keys WHERE id = $1",
        "cluster" => "SELECT name, removed FROM clusters WHERE id = $1",
        "node" => "SELECT host AS name, removed FROM nodes WHERE id = $1",
        "owner" | "user" => USER,
        "project" => "SELECT name, 0 AS removed FROM projects WHERE id = $1",
        "service_account" => "SELECT name, removed_at IS NOT NULL AS removed FROM service_accounts WHERE id = $1",
        _ => return None,
    })
}

/// Who was removed has a name only while the log still tells it where they joined: once it is erased there, it must not
/// come back from this row.
const USER: &str = "SELECT name, removed_at IS NOT NULL AS removed FROM users WHERE id = $1 AND (removed_at IS NULL
    OR EXISTS (
        SELECT 1 FROM leaves JOIN disclosures ON disclosures.log = leaves.log AND disclosures.idx = leaves.idx
        WHERE leaves.log = users.organization AND leaves.at = users.added_at
            AND leaves.name IN ('organization.claimed', 'user.added')
            AND disclosures.field = 'user_name' AND disclosures.text = users.name))";

fn look_up(sql: &mut Sql, kind: &str, id: String) -> Result<Option<Called>, StoreError> {
    let Some(select) = select(kind) else { return Ok(None) };
    let row = query(select).bind(id).fetch_optional(sql)?;
    row.map(|row| Ok(Called { name: row::raw(&row, "name")?, is_removed: row::flag(&row, "removed")? })).transpose()
}

fn identifier(sql: &mut Sql, id: SessionId) -> Result<Option<EmployeeIdentifier>, StoreError> {
    let row = query("SELECT identifier FROM sessions WHERE id = $1").bind(id.to_string()).fetch_optional(sql)?;
    row.map(|row| row::text(&row, "identifier")).transpose()
}

//! The schemas of the API's types, as their derives write them, made exact where a derive cannot know.
//!
//! Two rules hold for every type: a field that may be left out is never null, and a field of a name holds the same
//! everywhere (`grantType` one of the grant types, whatever ends in `At` an instant). The types themselves say the rest.

use std::collections::BTreeMap;

use byleave_core::grant::GrantType;
use byleave_core::role::{OrgRole, ProjectRole};
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::description::{Listed, Shape};

/// What an id looks like.
pub(super) const ID: &str = "^[0-9a-f]{24}$";

/// Fields that may be left out and may be null, which is not the same.
const NULLABLE: &[(&str, &str)] =
    &[("OrganizationSettingsPatch", "customSessionTimeouts"), ("OrganizationSettingsPatch", "operationsContact")];

/// The id of a caller is a client id if it is a service account.
const NO_ID: (&str, &str) = ("Me", "id");

/// The schemas that the document refers to, by name.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Adds a type and all within it; answers the reference to it.
    pub(super) fn refer(&mut self, shape: Shape) -> Value {
        self.add_within(shape);
        let name = (shape.name)().into_owned();
        self.add(&name, &(shape.schema)());
        reference(&name)
    }

    /// Adds a list in an object, under a name of its own.
    pub(super) fn refer_list(&mut self, prefix: &str, listed: Listed) -> Value {
        self.refer(listed.of);
        self.add_within(listed.list);
        let name = format!("{prefix}{}", (listed.of.name)());
        self.add(&name, &(listed.list.schema)());
        if let Some(Value::Object(fields)) = self.0.get_mut(&name).and_then(|list| list.get_mut("properties")) {
            let status = json!({ "type": "integer", "description": "The status, with `envelope=true`." });
            if prefix == "PageOf" {
                fields.insert("status".to_owned(), status);
            }
        }
        reference(&name)
    }

    /// All of them.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }

    fn add_within(&mut self, shape: Shape) {
        let mut within = Vec::new();
        (shape.within)(&mut within);
        for (name, schema) in within {
            self.add(&name, &schema);
        }
    }

    fn add(&mut self, name: &str, schema: &RefOr<Schema>) {
        let mut value = serde_json::to_value(schema).unwrap_or_default();
        refine(name, &mut value);
        self.0.insert(name.to_owned(), value);
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Makes the fields of a type exact.
fn refine(name: &str, schema: &mut Value) {
    if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(|part| refine(name, part));
    }
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (field, schema) in fields.iter_mut() {
        if !required.iter().any(|required| required == field) && !NULLABLE.contains(&(name, field)) {
            never_null(schema);
        }
        if NO_ID != (name, field) {
            by_name(field, schema);
        }
    }
}

/// Takes null out of what an optional field may be.
fn never_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type") {
        let one = kinds.as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned();
        if let Some(one) = one {
            *kinds = one;
        }
    }
    let one =
        schema.get("oneOf").and_then(Value::as_array).and_then(|all| all.iter().find(|one| one["type"] != "null"));
    if let Some(one) = one.cloned() {
        *schema = one;
    }
}

/// What a field of a name holds, wherever it is.
fn by_name(field: &str, schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => extend(schema, text(field)),
        Some("array") => {
            let items = schema.get_mut("items").and_then(Value::as_object_mut);
            if let Some(items) = items.filter(|items| items.get("type").is_some_and(|kind| kind == "string")) {
                extend(items, one_of(field));
            }
        }
        Some("integer") => extend(schema, number(field)),
        Some(_) | None => {}
    }
}

fn extend(schema: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        schema.extend(more);
    }
}

fn text(field: &str) -> Value {
    const INSTANTS: &[&str] =
        &["at", "createDate", "created", "expirationTime", "freshUntil", "now", "timestamp", "until"];
    const IDS: &[&str] = &["id", "apiKeyId", "clusterId", "groupId", "invitationId", "nodeId", "orgId"];
    const MORE_IDS: &[&str] = &["organization", "organizationId", "sessionId", "userId"];
    if field.ends_with("At") || INSTANTS.contains(&field) {
        return json!({ "format": "date-time" });
    }
    if IDS.contains(&field) || MORE_IDS.contains(&field) {
        return json!({ "pattern": ID });
    }
    one_of(field)
}

/// The words of closed lists, as the core knows them.
fn one_of(field: &str) -> Value {
    let organization = || OrgRole::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>();
    let project = || ProjectRole::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>();
    match field {
        "grantType" => json!({ "enum": GrantType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>() }),
        "groupRole" | "groupRoles" => json!({ "enum": project() }),
        "orgMembershipStatus" => json!({ "enum": ["ACTIVE", "PENDING"] }),
        "orgRole" | "orgRoles" => json!({ "enum": organization() }),
        "roleName" | "roles" => json!({ "enum": ([organization(), project()].concat()) }),
        _ => Value::Null,
    }
}

fn number(field: &str) -> Value {
    match field {
        "maxServiceAccountSecretValidityInHours" | "secretExpiresAfterHours" => {
            json!({ "minimum": 8, "maximum": 8760 })
        }
        "longestGrantMs" => json!({ "minimum": 1, "maximum": 86_400_000 }),
        _ => Value::Null,
    }
}

//! Support engineers and their public keys, for the administrator.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::byleave::{Done, Employee, EmployeeKey, List, Made, NewEmployee, NewEmployeeKey};
use byleave_api::error::ErrorCode;
use byleave_core::id::{EmployeeId, EmployeeKeyId};
use byleave_core::name::PublicKey;
use byleave_core::policy::{Action, Resource};
use byleave_store::employee::EmployeeRow;

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::path::{IdPath, IdVerbPath, KeyPath};
use crate::api::show::{self, parse};

/// Lists them.
pub(super) async fn list(caller: Caller) -> Result<Response, Failure> {
    caller.may(Action::ManageEmployees, Resource::Installation)?;
    let rows = caller.ask(caller.app.store.employees(&caller.actor)).await?;
    caller.ok(&List { results: rows.iter().map(show).collect() })
}

/// Adds one.
pub(super) async fn add(caller: Caller, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageEmployees, Resource::Installation)?;
    let body: NewEmployee = body.json(&caller.app).await?;
    let name = parse("name", &body.name)?;
    let written = caller.ask(caller.app.store.add_employee(&caller.actor, &caller.now, name)).await?;
    let made = Made { id: written.value.id.to_string(), anchors: show::anchors(written.anchors) };
    caller.object(StatusCode::CREATED, &made)
}

/// Disables or enables one; disabling ends their sessions.
pub(super) async fn post(caller: Caller, path: IdVerbPath<EmployeeId>) -> Result<Response, Failure> {
    caller.may(Action::ManageEmployees, Resource::Installation)?;
    let (store, actor, now) = (&caller.app.store, &caller.actor, &caller.now);
    let written = match path.verb.as_str() {
        "disable" => {
            let written = caller.ask(store.disable_employee(actor, now, path.id)).await?;
            caller.app.door.end_employee(path.id);
            written
        }
        "enable" => caller.ask(store.enable_employee(actor, now, path.id)).await?,
        _ => return Err(caller.nothing_here()),
    };
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

/// Gives one a public key.
pub(super) async fn add_key(caller: Caller, IdPath(id): IdPath<EmployeeId>, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageEmployees, Resource::Installation)?;
    let body: NewEmployeeKey = body.json(&caller.app).await?;
    let key = PublicKey::from_line(&body.public_key)
        .map_err(|error| Failure::field(ErrorCode::ValidationError, "publicKey", error.to_string()))?;
    let written = caller.ask(caller.app.store.add_employee_key(&caller.actor, &caller.now, id, key)).await?;
    let made = Made { id: written.value.id.to_string(), anchors: show::anchors(written.anchors) };
    caller.object(StatusCode::CREATED, &made)
}

/// Removes a public key, which ends the sessions opened with it.
pub(super) async fn remove_key(
    caller: Caller,
    IdPath(id): IdPath<EmployeeId>,
    KeyPath(key): KeyPath<EmployeeKeyId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageEmployees, Resource::Installation)?;
    let store = &caller.app.store;
    let written = caller.ask(store.remove_employee_key(&caller.actor, &caller.now, id, key)).await?;
    caller.app.door.end_key(key);
    caller.ok(&Done { anchors: show::anchors(written.anchors) })
}

fn show(row: &EmployeeRow) -> Employee {
    let key = |key: &byleave_store::employee::EmployeeKeyRow| EmployeeKey {
        id: key.id.to_string(),
        public_key: key.public_key.to_string(),
    };
    Employee {
        id: row.id.to_string(),
        name: row.name.to_string(),
        enabled: row.enabled,
        keys: row.keys.iter().map(key).collect(),
    }
}

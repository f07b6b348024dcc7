//! Employees: the vendor's support engineers, their public keys, and the pseudonyms under which customers see them.

use byleave_core::access::Asker;
use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{EmployeeId, EmployeeKeyId, OrgId};
use byleave_core::identifier::{Assignment, EmployeeIdentifier, RESERVED_FOR};
use byleave_core::name::{EmployeeName, PublicKey};
use byleave_core::policy::{Action, Resource};
use byleave_core::time::{Reading, Timestamp};

use crate::authority::require;
use crate::error::{Conflict, Fault, StoreError, Thing};
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// An employee, as administrators see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmployeeRow {
    /// Their id.
    pub id: EmployeeId,
    /// Their name.
    pub name: EmployeeName,
    /// Whether they are enabled.
    pub enabled: bool,
    /// Their keys, removed ones left out.
    pub keys: Vec<EmployeeKeyRow>,
    /// When they were added.
    pub added_at: Timestamp,
}

/// A public key of an employee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmployeeKeyRow {
    /// Its id.
    pub id: EmployeeKeyId,
    /// The key.
    pub public_key: PublicKey,
    /// When it was added.
    pub added_at: Timestamp,
}

/// Who offers a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEmployee {
    /// The employee.
    pub employee: EmployeeId,
    /// Their name, for the server's own log.
    pub name: EmployeeName,
    /// The key.
    pub key: EmployeeKeyId,
    /// Whether they and the key are valid.
    pub asker: Asker,
}

impl Store {
    /// Adds an employee.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Conflict`] if the name is taken.
    pub async fn add_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        name: EmployeeName,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("add employee", now, move |tx| {
            manage(tx.sql, &actor)?;
            let taken = query("SELECT id FROM employees WHERE name = $1").bind(name.as_str());
            if taken.fetch_optional(tx.sql)?.is_some() {
                return Err(StoreError::Conflict(Conflict::EmployeeNameTaken));
            }
            let id = EmployeeId::from_bytes(tx.random());
            query("INSERT INTO employees (id, name, enabled, added_at) VALUES ($1, $2, 1, $3)")
                .bind(id.to_string())
                .bind(name.as_str())
                .bind(tx.at().millis())
                .execute(tx.sql)?;
            tx.append_installation(By::Administrator, Event::EmployeeAdded { employee: id })?;
            load(tx.sql, id)
        });
        body.await
    }

    /// The employees, by name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator.
    pub async fn employees(&self, actor: &Actor) -> Result<Vec<EmployeeRow>, StoreError> {
        let mut sql = self.read()?;
        require(&mut sql, actor, Action::ReadInstallation, Resource::Installation, Thing::Installation)?;
        let rows = query("SELECT id FROM employees ORDER BY name").fetch_all(&mut sql)?;
        let mut found = Vec::new();
        for row in &rows {
            found.push(load(&mut sql, row::text(row, "id")?)?);
        }
        Ok(found)
    }

    /// Disables an employee. The caller ends their sessions. Writes nothing if they are disabled already.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn disable_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("disable employee", now, move |tx| {
            manage(tx.sql, &actor)?;
            set_enabled(tx, id, false)
        });
        body.await
    }

    /// Enables an employee again. Writes nothing if they are enabled.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn enable_employee(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
    ) -> Result<Written<EmployeeRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("enable employee", now, move |tx| {
            manage(tx.sql, &actor)?;
            set_enabled(tx, id, true)
        });
        body.await
    }

    /// Gives an employee a public key. A key belongs to one employee for ever.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] for an unknown
    /// employee, [`StoreError::Conflict`] if the key is, or was, somebody else's.
    pub async fn add_employee_key(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
        key: PublicKey,
    ) -> Result<Written<EmployeeKeyRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("add employee key", now, move |tx| {
            manage(tx.sql, &actor)?;
            load(tx.sql, id)?;
            add_key(tx, id, key)
        });
        body.await
    }

    /// Removes a public key. The caller ends the sessions opened with it.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is none.
    pub async fn remove_employee_key(
        &self,
        actor: &Actor,
        now: &Reading,
        id: EmployeeId,
        key: EmployeeKeyId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("remove employee key", now, move |tx| {
            manage(tx.sql, &actor)?;
            let removed = query(
                "UPDATE employee_keys SET removed_at = $3 WHERE id = $1 AND employee = $2 AND removed_at IS NULL",
            )
            .bind(key.to_string())
            .bind(id.to_string())
            .bind(tx.at().millis())
            .execute(tx.sql)?;
            if removed == 0 {
                return Err(StoreError::NotFound(Thing::EmployeeKey));
            }
            let event = Event::EmployeeKeyRemoved { employee: id, employee_key: key };
            tx.append_installation(By::Administrator, event)?;
            Ok(())
        });
        body.await
    }

    /// Who offers this public key; `None` if nobody known ever had it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn employee_by_key(&self, key: &PublicKey) -> Result<Option<KnownEmployee>, StoreError> {
        let row = query(
            "SELECT employee_keys.id, employee_keys.employee, employee_keys.removed_at, employees.name,
                    employees.enabled
             FROM employee_keys JOIN employees ON employees.id = employee_keys.employee
             WHERE employee_keys.public_key = $1
             ORDER BY employee_keys.removed_at IS NOT NULL, employee_keys.added_at DESC LIMIT 1",
        )
        .bind(key.as_str())
        .fetch_optional(&mut *self.read()?)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(KnownEmployee {
            employee: row::text(&row, "employee")?,
            name: row::text(&row, "name")?,
            key: row::text(&row, "id")?,
            asker: asker(row::flag(&row, "enabled")?, row::instant_or_none(&row, "removed_at")?.is_some()),
        }))
    }

    /// Resolves a pseudonym to a person, which the customer sees.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if the organization
    /// never saw it.
    pub async fn resolve_identifier(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        identifier: EmployeeIdentifier,
    ) -> Result<Written<EmployeeName>, StoreError> {
        let actor = actor.clone();
        let body = self.write("resolve identifier", now, move |tx| {
            let resource = Resource::Installation;
            require(tx.sql, &actor, Action::ResolveIdentifier, resource, Thing::Identifier)?;
            let row = query(
                "SELECT employees.name FROM identifiers JOIN employees ON employees.id = identifiers.employee
                     WHERE identifiers.organization = $1 AND identifiers.identifier = $2
                     ORDER BY identifiers.assigned_at DESC LIMIT 1",
            )
            .bind(organization.to_string())
            .bind(identifier.as_str())
            .fetch_optional(tx.sql)?;
            let name = row::text(&row.ok_or(StoreError::NotFound(Thing::Identifier))?, "name")?;
            tx.append(organization, By::Administrator, Event::IdentifierResolved { identifier })?;
            Ok(name)
        });
        body.await
    }
}

fn manage(sql: &mut Sql, actor: &Actor) -> Result<(), StoreError> {
    require(sql, actor, Action::ManageEmployees, Resource::Installation, Thing::Employee).map(drop)
}

/// The state of an employee with one key.
pub(crate) const fn asker(enabled: bool, key_removed: bool) -> Asker {
    match (enabled, key_removed) {
        (false, _) => Asker::Disabled,
        (true, true) => Asker::KeyRemoved,
        (true, false) => Asker::Active,
    }
}

fn load(sql: &mut Sql, id: EmployeeId) -> Result<EmployeeRow, StoreError> {
    let row = query("SELECT name, enabled, added_at FROM employees WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut *sql)?;
    let row = row.ok_or(StoreError::NotFound(Thing::Employee))?;
    let keys = query(
        "SELECT id, public_key, added_at FROM employee_keys WHERE employee = $1 AND removed_at IS NULL
         ORDER BY added_at, id",
    )
    .bind(id.to_string())
    .fetch_all(sql)?;
    Ok(EmployeeRow {
        id,
        name: row::text(&row, "name")?,
        enabled: row::flag(&row, "enabled")?,
        keys: keys.iter().map(read_key).collect::<Result<_, _>>()?,
        added_at: row::instant(&row, "added_at")?,
    })
}

fn read_key(row: &Row) -> Result<EmployeeKeyRow, StoreError> {
    let (id, public_key) = (row::text(row, "id")?, row::text(row, "public_key")?);
    Ok(EmployeeKeyRow { id, public_key, added_at: row::instant(row, "added_at")? })
}

fn set_enabled(tx: &mut Transaction<'_>, id: EmployeeId, enabled: bool) -> Result<EmployeeRow, StoreError> {
    if load(tx.sql, id)?.enabled != enabled {
        query("UPDATE employees SET enabled = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(i64::from(enabled))
            .execute(tx.sql)?;
        let event = match enabled {
            true => Event::EmployeeEnabled { employee: id },
            false => Event::EmployeeDisabled { employee: id },
        };
        tx.append_installation(By::Administrator, event)?;
    }
    load(tx.sql, id)
}

fn add_key(tx: &mut Transaction<'_>, id: EmployeeId, key: PublicKey) -> Result<EmployeeKeyRow, StoreError> {
    let known = query("SELECT id, employee, public_key, added_at, removed_at FROM employee_keys WHERE public_key = $1")
        .bind(key.as_str())
        .fetch_all(tx.sql)?;
    for row in &known {
        if row::text::<EmployeeId>(row, "employee")? != id {
            return Err(StoreError::Conflict(Conflict::EmployeeKeyTaken));
        }
        if row::instant_or_none(row, "removed_at")?.is_none() {
            return read_key(row);
        }
    }
    let row = EmployeeKeyRow { id: EmployeeKeyId::from_bytes(tx.random()), public_key: key, added_at: tx.at() };
    query("INSERT INTO employee_keys (id, employee, public_key, added_at, removed_at) VALUES ($1, $2, $3, $4, NULL)")
        .bind(row.id.to_string())
        .bind(id.to_string())
        .bind(row.public_key.as_str())
        .bind(row.added_at.millis())
        .execute(tx.sql)?;
    let (employee_key, public_key) = (row.id, row.public_key.clone());
    let event = Event::EmployeeKeyAdded { employee: id, employee_key, public_key };
    tx.append_installation(By::Administrator, event)?;
    Ok(row)
}

/// The pseudonym of an employee in an organization: the current one, or a new one that nobody had for a year.
pub(crate) fn identifier(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    employee: EmployeeId,
) -> Result<EmployeeIdentifier, StoreError> {
    let latest = query(
        "SELECT identifier, assigned_at FROM identifiers WHERE organization = $1 AND employee = $2
         ORDER BY assigned_at DESC LIMIT 1",
    )
    .bind(organization.to_string())
    .bind(employee.to_string())
    .fetch_optional(tx.sql)?;
    if let Some(row) = latest {
        let latest =
            Assignment { identifier: row::text(&row, "identifier")?, assigned_at: row::instant(&row, "assigned_at")? };
        if latest.is_current(tx.at()) {
            return Ok(latest.identifier);
        }
    }
    // With eight digits and a thousand employees, each draw is taken once in a hundred thousand times.
    for _ in 0..16 {
        let identifier = EmployeeIdentifier::new(&tx.store.options().slug, tx.random());
        let reserved = query(
            "SELECT identifier FROM identifiers WHERE organization = $1 AND identifier = $2 AND assigned_at > $3",
        )
        .bind(organization.to_string())
        .bind(identifier.as_str())
        .bind(tx.at().millis() - RESERVED_FOR)
        .fetch_optional(tx.sql)?;
        if reserved.is_none() {
            assign(tx, organization, employee, &identifier)?;
            return Ok(identifier);
        }
    }
    Err(StoreError::Unavailable(Fault::new("no free employee identifier was found")))
}

fn assign(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    employee: EmployeeId,
    identifier: &EmployeeIdentifier,
) -> Result<(), StoreError> {
    query("INSERT INTO identifiers (organization, identifier, employee, assigned_at) VALUES ($1, $2, $3, $4)")
        .bind(organization.to_string())
        .bind(identifier.as_str())
        .bind(employee.to_string())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    Ok(())
}

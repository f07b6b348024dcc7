//! Opening a session: facts, the decision and `session.opened` in one transaction, or the denial.

use byleave_core::access::{Asker, Denial, Facts, Permit, Record, Wanted, decide};
use byleave_core::actor::By;
use byleave_core::event::{Event, Tried};
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, NodeId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::HostName;
use byleave_core::time::{Now, Reading};

use super::record::basis_columns;
use super::{OpenError, OpenSession, OpenTarget, OpenedSession, SessionRow, Shape};
use crate::denial::{self, Try};
use crate::employee;
use crate::error::{Conflict, StoreError, Thing};
use crate::facts::{self, Which};
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

impl Store {
    /// Decides and opens a session in one transaction: facts, [`byleave_core::access::decide`], `session.opened`. A denial
    /// is not written: what follows tells whether it was a try to get in ([`Store::open_denied`]).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_session(&self, now: &Reading, open: OpenSession) -> Result<OpenedSession, OpenError> {
        let body = self.write("open session", now, move |tx| run(tx, open));
        match body.await.map_err(OpenError::Store)?.value {
            Ok(opened) => Ok(*opened),
            Err((denial, tell)) => Err(OpenError::Denied { denial, tell }),
        }
    }

    /// Notes that [`Store::open_session`] denied this: as `session.denied`, or for the one of its minute. A host that there
    /// is not has nobody to be told.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown employee or key.
    pub async fn open_denied(
        &self,
        now: &Reading,
        open: OpenSession,
        denial: Denial,
    ) -> Result<Written<()>, StoreError> {
        self.write("open denied", now, move |tx| note(tx, &open, denial)).await
    }

    /// What is open to an employee now, by host name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown employee.
    pub async fn open_targets(&self, employee: EmployeeId, now: &Reading) -> Result<Vec<OpenTarget>, StoreError> {
        let mut sql = self.read()?;
        let enabled = query("SELECT enabled FROM employees WHERE id = $1")
            .bind(employee.to_string())
            .fetch_optional(&mut sql)?
            .ok_or(StoreError::NotFound(Thing::Employee))?;
        let asker = if row::flag(&enabled, "enabled")? { Asker::Active } else { Asker::Disabled };
        let now = self.judged(&sql, now);
        let mut facts = facts::all(&mut sql, Which::All, now.at)?;
        facts.retain(|facts| !facts.cluster.removed);
        facts.sort_by(|a, b| a.cluster.host.cmp(&b.cluster.host));
        Ok(facts.iter().filter_map(|facts| target(facts, asker, now)).collect())
    }
}

fn target(facts: &Facts, asker: Asker, now: Now) -> Option<OpenTarget> {
    let open = |wanted| decide(facts, asker, wanted, now).ok().map(|permit| (permit.basis(), permit.until()));
    let logs = open(Wanted::LogList);
    let present = facts.cluster.nodes.iter().filter(|node| !node.removed);
    let nodes: Vec<_> = present
        .filter_map(|node| open(Wanted::Node(node.id)).map(|(basis, until)| (node.host.clone(), basis, until)))
        .collect();
    let sync = open(Wanted::SyncLogin);
    if logs.is_none() && nodes.is_empty() && sync.is_none() {
        return None;
    }
    let (cluster_name, host) = (facts.cluster.name.clone(), facts.cluster.host.clone());
    Some(OpenTarget { cluster_name, host, logs, nodes, sync })
}

type Answer = Result<Box<OpenedSession>, (Denial, bool)>;

fn run(tx: &mut Transaction<'_>, open: OpenSession) -> Result<Answer, StoreError> {
    let taken = query("SELECT id FROM sessions WHERE id = $1").bind(open.session.to_string()).fetch_optional(tx.sql)?;
    if taken.is_some() {
        return Err(StoreError::Conflict(Conflict::SessionTaken));
    }
    let asker = asker(tx.sql, open.employee, open.key)?;
    let Some((cluster, node)) = find(tx.sql, &open.host)? else {
        return Ok(Err(nowhere(asker, tx.now)));
    };
    let at = tx.at();
    let facts = facts::load(tx.sql, cluster, at)?;
    let facts = facts.ok_or_else(|| StoreError::corrupt("a host without its cluster"))?;
    // Sync data is the cluster's, not a node's.
    let node = node.filter(|_| open.shape != Shape::SyncData);
    let mut first = None;
    for wanted in wanted(open.shape, node) {
        match decide(&facts, asker, wanted.clone(), tx.now) {
            Ok(permit) => return Ok(Ok(Box::new(opened(tx, open, facts, node, &permit)?))),
            Err(denial) => {
                first.get_or_insert(denial);
            }
        }
    }
    // A host of a cluster has no shell.
    let denial = first.unwrap_or(nowhere(asker, tx.now).0);
    let tell = denial.is_telling() || is_anything_open(&facts, asker, tx.now);
    Ok(Err((denial, tell)))
}

/// Notes a denial for the customer of the host, if there is one.
fn note(tx: &mut Transaction<'_>, open: &OpenSession, denial: Denial) -> Result<(), StoreError> {
    // They must be known.
    asker(tx.sql, open.employee, open.key)?;
    let Some((cluster, node)) = find(tx.sql, &open.host)? else { return Ok(()) };
    let at = tx.at();
    let facts = facts::load(tx.sql, cluster, at)?;
    let facts = facts.ok_or_else(|| StoreError::corrupt("a host without its cluster"))?;
    if !facts.claimed {
        return Ok(());
    }
    let node = node.filter(|_| open.shape != Shape::SyncData);
    let wanted = wanted(open.shape, node).first().map_or(Tried::Node, tried);
    let (organization, project) = (facts.organization, facts.cluster.project);
    let (employee, tries) = (open.employee, 1);
    denial::record(tx, Try { employee, organization, project, cluster, wanted, node, denial, tries })
}

/// What a shape means on a host, best first.
fn wanted(shape: Shape, node: Option<NodeId>) -> Vec<Wanted> {
    match (shape, node) {
        (Shape::Node, Some(node)) => vec![Wanted::Node(node)],
        (Shape::Node, None) => Vec::new(),
        (Shape::Widest, Some(node)) => vec![Wanted::Node(node), Wanted::LogList],
        (Shape::Logs, _) | (Shape::Widest, None) => vec![Wanted::LogList],
        (Shape::SyncData, _) => vec![Wanted::SyncLogin],
    }
}

/// What a session that is refused was for.
const fn tried(wanted: &Wanted) -> Tried {
    match wanted {
        Wanted::Node(_) => Tried::Node,
        Wanted::SyncData(_) | Wanted::SyncLogin => Tried::SyncData,
        // A session is for a node, for logs or for sync data.
        Wanted::Database | Wanted::Log(..) | Wanted::LogList => Tried::Logs,
    }
}

/// The answer for a host that there is not: the same that a closed one gets.
const fn nowhere(asker: Asker, now: Now) -> (Denial, bool) {
    let denial = match (now.doubt, asker) {
        (Some(_), _) => Denial::ClockDoubt,
        (None, Asker::Active) => Denial::Unknown,
        (None, Asker::Disabled) => Denial::EmployeeDisabled,
        (None, Asker::KeyRemoved) => Denial::KeyRemoved,
    };
    (denial, denial.is_telling())
}

fn is_anything_open(facts: &Facts, asker: Asker, now: Now) -> bool {
    target(facts, asker, now).is_some()
}

/// The state of the employee and the key.
pub(crate) fn asker(sql: &mut Sql, employee: EmployeeId, key: EmployeeKeyId) -> Result<Asker, StoreError> {
    let row = query(
        "SELECT employees.enabled, employee_keys.removed_at FROM employees
         JOIN employee_keys ON employee_keys.employee = employees.id WHERE employees.id = $1 AND employee_keys.id = $2",
    )
    .bind(employee.to_string())
    .bind(key.to_string())
    .fetch_optional(sql)?
    .ok_or(StoreError::NotFound(Thing::EmployeeKey))?;
    Ok(employee::asker(row::flag(&row, "enabled")?, row::instant_or_none(&row, "removed_at")?.is_some()))
}

/// What has this host name: a node, or a cluster.
pub(crate) fn find(sql: &mut Sql, host: &HostName) -> Result<Option<(ClusterId, Option<NodeId>)>, StoreError> {
    let node = query(
        "SELECT nodes.id, nodes.cluster FROM nodes JOIN clusters ON clusters.id = nodes.cluster
         WHERE nodes.host = $1 AND nodes.removed = 0 AND clusters.removed = 0",
    )
    .bind(host.as_str())
    .fetch_optional(&mut *sql)?;
    if let Some(row) = node {
        return Ok(Some((row::text(&row, "cluster")?, Some(row::text(&row, "id")?))));
    }
    let cluster = query("SELECT id FROM clusters WHERE host = $1 AND removed = 0").bind(host.as_str());
    cluster.fetch_optional(sql)?.map(|row| Ok((row::text(&row, "id")?, None))).transpose()
}

/// Writes the session that is permitted.
fn opened(
    tx: &mut Transaction<'_>,
    open: OpenSession,
    mut facts: Facts,
    node: Option<NodeId>,
    permit: &Permit,
) -> Result<OpenedSession, StoreError> {
    let identifier = employee::identifier(tx, facts.organization, open.employee)?;
    insert(tx, &open, node, permit, &identifier)?;
    let event = Event::SessionOpened {
        project: permit.project(),
        cluster: permit.cluster(),
        session: open.session,
        wanted: permit.wanted().as_str().to_owned(),
        node,
        basis: permit.basis(),
        until: permit.until(),
    };
    facts.log_size = tx.append(facts.organization, By::Employee(identifier.clone()), event)?;
    let named = node.and_then(|id| facts.cluster.node(id)).cloned();
    Ok(OpenedSession {
        session: open.session,
        wanted: permit.wanted().clone(),
        node: named,
        basis: permit.basis(),
        until: permit.until(),
        identifier,
        opened_at: tx.at(),
        log_size: facts.log_size,
        facts,
    })
}

fn insert(
    tx: &mut Transaction<'_>,
    open: &OpenSession,
    node: Option<NodeId>,
    permit: &Permit,
    identifier: &EmployeeIdentifier,
) -> Result<(), StoreError> {
    let (basis, grant) = basis_columns(permit.basis());
    query(
        "INSERT INTO sessions (id, organization, project, cluster, node, host, wanted, employee, employee_key,
                               identifier, from_address, basis, grant_id, opened_at, until, ended_at, end_reason,
                               shells, commands, transfers, refused, received_bytes, sent_bytes, recording_sha256,
                               partly_recorded, since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL,
                 0, $16)",
    )
    .bind(open.session.to_string())
    .bind(permit.organization().to_string())
    .bind(permit.project().to_string())
    .bind(permit.cluster().to_string())
    .bind(node.map(|node| node.to_string()))
    .bind(open.host.as_str())
    .bind(permit.wanted().as_str())
    .bind(open.employee.to_string())
    .bind(open.key.to_string())
    .bind(identifier.as_str())
    .bind(&open.from)
    .bind(basis)
    .bind(grant)
    .bind(tx.at().millis())
    .bind(permit.until().millis())
    .bind(permit.since().number())
    .execute(tx.sql)?;
    Ok(())
}

/// What is written down of a session that is open, and the state of its employee and key.
pub(super) fn held(sql: &mut Sql, session: &SessionRow) -> Result<(Asker, Record), StoreError> {
    let row = query("SELECT employee, employee_key, since FROM sessions WHERE id = $1")
        .bind(session.id.to_string())
        .fetch_one(&mut *sql)?;
    let asker = asker(sql, row::text(&row, "employee")?, row::text(&row, "employee_key")?)?;
    let (basis, wanted, opened_at) = (session.basis, session.wanted.clone(), session.opened_at);
    Ok((asker, Record { basis, wanted, since: row::revision(&row, "since")?, opened_at }))
}

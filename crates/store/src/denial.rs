//! Denied tries, folded: the first of each minute is an event at once, further ones of the same employee, target and
//! reason are counted and told with their number when the minute is over. It makes no difference whether a session was
//! refused or something in a session that is open.
//!
//! What was typed must never come here: only words of closed lists and identifiers.

use byleave_core::access::Denial;
use byleave_core::actor::By;
use byleave_core::event::{Event, Tried};
use byleave_core::id::{ClusterId, EmployeeId, NodeId, OrgId, ProjectId};
use byleave_core::time::MINUTE;

use crate::employee;
use crate::error::StoreError;
use crate::row;
use crate::sql::{Row, query};
use crate::transaction::Transaction;

/// One kind of denied try.
pub(crate) struct Try {
    /// Whose.
    pub(crate) employee: EmployeeId,
    /// The organization.
    pub(crate) organization: OrgId,
    /// The project.
    pub(crate) project: ProjectId,
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// What for.
    pub(crate) wanted: Tried,
    /// The node, if one was named.
    pub(crate) node: Option<NodeId>,
    /// Why not.
    pub(crate) denial: Denial,
    /// How often.
    pub(crate) tries: i64,
}

impl Try {
    fn node_text(&self) -> String {
        self.node.map(|node| node.to_string()).unwrap_or_default()
    }
}

/// Notes a denied try: as an event, or for the event of its minute.
pub(crate) fn record(tx: &mut Transaction<'_>, denied: Try) -> Result<(), StoreError> {
    let known = query(
        "SELECT since, tries FROM denials
         WHERE employee = $1 AND cluster = $2 AND wanted = $3 AND node = $4 AND denial = $5",
    )
    .bind(denied.employee.to_string())
    .bind(denied.cluster.to_string())
    .bind(denied.wanted.as_str())
    .bind(denied.node_text())
    .bind(denied.denial.as_str())
    .fetch_optional(tx.sql)?;
    let Some(known) = known else {
        return begin(tx, &denied);
    };
    // Either way: a clock that was set back begins a new minute.
    if tx.at().since(row::instant(&known, "since")?).abs() < MINUTE {
        return count(tx, &denied);
    }
    let tries: i64 = row::raw(&known, "tries")?;
    if tries > 0 {
        log(tx, &denied, tries)?;
    }
    begin(tx, &denied)
}

/// Writes the counted tries whose minute is over.
pub(crate) fn log_folded(tx: &mut Transaction<'_>) -> Result<usize, StoreError> {
    let rows = query(
        "SELECT denials.employee, denials.cluster, denials.wanted, denials.node, denials.denial, denials.tries,
                clusters.organization, clusters.project
         FROM denials JOIN clusters ON clusters.id = denials.cluster WHERE denials.since <= $1 OR denials.since > $2
         ORDER BY denials.since",
    )
    .bind(tx.at().millis() - MINUTE)
    .bind(tx.at().millis())
    .fetch_all(tx.sql)?;
    let mut written = 0;
    for row in &rows {
        let denied = read(row)?;
        if denied.tries > 0 {
            log(tx, &denied, denied.tries)?;
            written += 1;
        }
        query("DELETE FROM denials WHERE employee = $1 AND cluster = $2 AND wanted = $3 AND node = $4 AND denial = $5")
            .bind(denied.employee.to_string())
            .bind(denied.cluster.to_string())
            .bind(denied.wanted.as_str())
            .bind(denied.node_text())
            .bind(denied.denial.as_str())
            .execute(tx.sql)?;
    }
    Ok(written)
}

fn begin(tx: &mut Transaction<'_>, denied: &Try) -> Result<(), StoreError> {
    query(
        "INSERT INTO denials (employee, cluster, wanted, node, denial, since, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)
         ON CONFLICT (employee, cluster, wanted, node, denial) DO UPDATE SET since = excluded.since, tries = 0",
    )
    .bind(denied.employee.to_string())
    .bind(denied.cluster.to_string())
    .bind(denied.wanted.as_str())
    .bind(denied.node_text())
    .bind(denied.denial.as_str())
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    log(tx, denied, denied.tries)
}

fn count(tx: &mut Transaction<'_>, denied: &Try) -> Result<(), StoreError> {
    query(
        "UPDATE denials SET tries = tries + $6
         WHERE employee = $1 AND cluster = $2 AND wanted = $3 AND node = $4 AND denial = $5",
    )
    .bind(denied.employee.to_string())
    .bind(denied.cluster.to_string())
    .bind(denied.wanted.as_str())
    .bind(denied.node_text())
    .bind(denied.denial.as_str())
    .bind(denied.tries)
    .execute(tx.sql)?;
    Ok(())
}

fn log(tx: &mut Transaction<'_>, denied: &Try, tries: i64) -> Result<(), StoreError> {
    let identifier = employee::identifier(tx, denied.organization, denied.employee)?;
    let event = Event::SessionDenied {
        project: denied.project,
        cluster: denied.cluster,
        wanted: denied.wanted,
        node: denied.node,
        denial: denied.denial,
        tries,
    };
    tx.append(denied.organization, By::Employee(identifier), event)?;
    Ok(())
}

fn read(row: &Row) -> Result<Try, StoreError> {
    let node: String = row::raw(row, "node")?;
    let node = if node.is_empty() { None } else { Some(row::text(row, "node")?) };
    Ok(Try {
        employee: row::text(row, "employee")?,
        organization: row::text(row, "organization")?,
        project: row::text(row, "project")?,
        cluster: row::text(row, "cluster")?,
        wanted: row::field(row, "wanted")?,
        node,
        denial: row::field(row, "denial")?,
        tries: row::raw(row, "tries")?,
    })
}

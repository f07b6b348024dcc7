//! Asking: what an employee says through the gateway, and what they may see of it afterwards.

use byleave_core::access::Asker;
use byleave_core::actor::By;
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, RequestId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::inventory::Cluster;
use byleave_core::name::{HostName, Reason};
use byleave_core::policy::Refusal;
use byleave_core::request::{RequestEnd, RequestStatus, Wish, ask};
use byleave_core::time::{HOUR, Reading, Timestamp};

use super::{ended, wish, word};
use crate::employee;
use crate::error::{Rule, StoreError};
use crate::facts;
use crate::row;
use crate::session::{asker, find};
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// How many requests an employee is shown.
const SHOWN: i64 = 20;

/// What an employee asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who.
    pub employee: EmployeeId,
    /// By which key they came in.
    pub key: EmployeeKeyId,
    /// For which host: of a cluster, of one of its nodes, or of nothing.
    pub host: HostName,
    /// For what, and why.
    pub wish: Wish,
}

/// A request as its employee sees it: the same whether there is such a host or not, until a customer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRequest {
    /// What was typed.
    pub host: HostName,
    /// What was asked for.
    pub wish: Wish,
    /// When.
    pub asked_at: Timestamp,
    /// What has become of it.
    pub status: RequestStatus,
    /// What the customer said when they declined.
    pub answer: Option<Reason>,
}

impl Store {
    /// Makes a request, in place of one for the same host that waits; answers whether there was one. Whatever the host is,
    /// the answer is the same.
    ///
    /// # Errors
    /// [`StoreError::Refused`] in clock doubt and for too many requests, [`StoreError::Forbidden`] for an employee who is
    /// disabled or whose key was removed.
    pub async fn make_request(&self, now: &Reading, asked: Ask) -> Result<Written<bool>, StoreError> {
        let body = self.write("make request", now, move |tx| {
            refuse_inactive(tx.sql, asked.employee, asked.key)?;
            let recent = recent(tx, asked.employee)?;
            let dies_at = ask(recent, tx.now).map_err(|error| StoreError::Refused(Rule::Ask(error)))?;
            let replaced = withdraw(tx, asked.employee, &asked.host)?;
            insert(tx, &asked, dies_at)?;
            Ok(replaced)
        });
        body.await
    }

    /// The latest requests of an employee, newest first.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for an employee who is disabled or whose key was removed.
    pub async fn own_requests(
        &self,
        now: &Reading,
        employee: EmployeeId,
        key: EmployeeKeyId,
    ) -> Result<Vec<OwnRequest>, StoreError> {
        let mut sql = self.read()?;
        refuse_inactive(&mut sql, employee, key)?;
        let at = self.judged(&sql, now).at;
        let rows = query("SELECT * FROM requests WHERE employee = $1 ORDER BY asked_at DESC, id DESC LIMIT $2")
            .bind(employee.to_string())
            .bind(SHOWN)
            .fetch_all(&mut sql)?;
        rows.iter().map(|row| own(row, at)).collect()
    }
}

fn own(row: &Row, now: Timestamp) -> Result<OwnRequest, StoreError> {
    let dies_at = row::instant(row, "dies_at")?;
    let status = match ended(row)? {
        Some((at, end)) => RequestStatus::Ended { at, end },
        None if now >= dies_at => RequestStatus::Died { at: dies_at },
        None => RequestStatus::Waiting { until: dies_at },
    };
    Ok(OwnRequest {
        host: row::text(row, "host")?,
        wish: wish(row)?,
        asked_at: row::instant(row, "asked_at")?,
        status,
        answer: row::text_or_none(row, "answer")?,
    })
}

/// Refuses an employee who may not even ask.
pub(super) fn refuse_inactive(sql: &mut Sql, employee: EmployeeId, key: EmployeeKeyId) -> Result<(), StoreError> {
    match asker(sql, employee, key)? {
        Asker::Active => Ok(()),
        Asker::Disabled | Asker::KeyRemoved => Err(StoreError::Forbidden(Refusal::Forbidden)),
    }
}

/// How many requests the employee made within the last hour, for whatever host. A clock that was set back forgives none.
fn recent(tx: &mut Transaction<'_>, employee: EmployeeId) -> Result<usize, StoreError> {
    let at = tx.at().millis();
    let row = query("SELECT COUNT(*) AS made FROM requests WHERE employee = $1 AND asked_at > $2 AND asked_at < $3")
        .bind(employee.to_string())
        .bind(at - HOUR)
        .bind(at + HOUR)
        .fetch_one(tx.sql)?;
    Ok(usize::try_from(row::count(&row, "made")?).unwrap_or(usize::MAX))
}

/// The cluster that a host belongs to, if somebody there can be asked.
fn asked(tx: &mut Transaction<'_>, host: &HostName) -> Result<Option<Cluster>, StoreError> {
    let Some((cluster, _)) = find(tx.sql, host)? else { return Ok(None) };
    let at = tx.at();
    let facts = facts::load(tx.sql, cluster, at)?;
    Ok(facts.filter(|facts| facts.claimed).map(|facts| facts.cluster))
}

fn insert(tx: &mut Transaction<'_>, ask: &Ask, dies_at: Timestamp) -> Result<(), StoreError> {
    let (id, cluster) = (RequestId::from_bytes(tx.random()), asked(tx, &ask.host)?);
    let identifier = match &cluster {
        Some(cluster) => Some(employee::identifier(tx, cluster.organization, ask.employee)?),
        None => None,
    };
    let wish = &ask.wish;
    query(
        "INSERT INTO requests (id, employee, host, cluster, identifier, kind, duration_ms, case_number, reason, asked_at,
                               dies_at, ended_at, end_reason, grant_id, answered_by, answer)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, NULL, NULL, NULL, NULL)",
    )
    .bind(id.to_string())
    .bind(ask.employee.to_string())
    .bind(ask.host.as_str())
    .bind(cluster.as_ref().map(|cluster| cluster.id.to_string()))
    .bind(identifier.as_ref().map(ToString::to_string))
    .bind(wish.kind.as_str())
    .bind(wish.ttl.millis())
    .bind(wish.case.as_ref().map(ToString::to_string))
    .bind(wish.reason.as_str())
    .bind(tx.at().millis())
    .bind(dies_at.millis())
    .execute(tx.sql)?;
    if let (Some(cluster), Some(identifier)) = (cluster, identifier) {
        let event = Event::RequestMade {
            project: cluster.project,
            cluster: cluster.id,
            request: id,
            kind: wish.kind,
            duration: wish.ttl,
            dies_at,
            case: wish.case.as_ref().map(|case| tx.erasable(case)),
            reason: tx.erasable(&wish.reason),
        };
        tx.append(cluster.organization, By::Employee(identifier), event)?;
    }
    Ok(())
}

/// Takes back the employee's request for this host that waits; answers whether there was one. By what was typed, not by what it leads
/// to: else two names of one cluster would tell that they are.
pub(super) fn withdraw(tx: &mut Transaction<'_>, employee: EmployeeId, host: &HostName) -> Result<bool, StoreError> {
    let at = tx.at();
    let rows = query(
        "SELECT id, cluster, identifier FROM requests
         WHERE employee = $1 AND host = $2 AND ended_at IS NULL AND dies_at > $3",
    )
    .bind(employee.to_string())
    .bind(host.as_str())
    .bind(at.millis())
    .fetch_all(tx.sql)?;
    for row in &rows {
        let request: RequestId = row::text(row, "id")?;
        query("UPDATE requests SET ended_at = $2, end_reason = $3 WHERE id = $1")
            .bind(request.to_string())
            .bind(at.millis())
            .bind(word(RequestEnd::Withdrawn))
            .execute(tx.sql)?;
        let by = row::text_or_none::<EmployeeIdentifier>(row, "identifier")?;
        if let (Some(cluster), Some(by)) = (row::text_or_none::<ClusterId>(row, "cluster")?, by) {
            let facts = facts::cluster(tx.sql, cluster)?;
            let of = facts.ok_or_else(|| StoreError::corrupt("a request without its cluster"))?;
            let event = Event::RequestWithdrawn { project: of.project, cluster, request };
            tx.append(of.organization, By::Employee(by), event)?;
        }
    }
    Ok(!rows.is_empty())
}

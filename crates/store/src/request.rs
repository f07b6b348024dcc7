//! Access requests: made by employees through the gateway, answered by customers. Approving one is giving a grant, in one
//! transaction with the answer.
//!
//! Asking must never tell an employee what exists: a request for a host that there is not is kept like any other, waits
//! as long and dies as it does, and what is counted or withdrawn goes by what the employee typed.

mod ask;
mod hand_back;

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::Grant;
use byleave_core::id::{ClusterId, OrgId, ProjectId, RequestId};
use byleave_core::name::{ClusterName, ProjectName, Reason};
use byleave_core::policy::{Action, Resource};
use byleave_core::request::{AccessRequest, Approval, ApproveError, RequestEnd, Wish, approve};
use byleave_core::time::{Reading, Timestamp, Ttl};

use crate::authority::{self, require, require_in_organization, require_in_project};
use crate::error::{Conflict, Rule, StoreError, Thing};
use crate::facts;
use crate::grant::{give_in, longest};
use crate::row;
use crate::session::id_list;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

pub use self::ask::{Ask, OwnRequest};
pub use self::hand_back::{GivenBack, HandBack, HandedBack};

/// How many requests a list has at most.
const LISTED: i64 = 500;

/// A request with the names that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The request.
    pub request: AccessRequest,
    /// The organization.
    pub organization: OrgId,
    /// The project.
    pub project: ProjectId,
    /// The project's name.
    pub project_name: ProjectName,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// Who approved or declined it.
    pub answered_by: Option<By>,
    /// Why it was declined, if that was said.
    pub answer: Option<Reason>,
}

/// The columns of [`RequestRow`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT requests.*, clusters.project, clusters.organization, clusters.name AS cluster_name, ",
            "projects.name AS project_name FROM requests JOIN clusters ON clusters.id = requests.cluster ",
            "JOIN projects ON projects.id = clusters.project ",
            $rest
        )
    };
}

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestsOf {
    /// Those of an organization whose projects the actor can read.
    Organization(OrgId),
    /// Those of a project.
    Project(ProjectId),
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// All, however they ended.
    Any,
    /// Those that wait for an answer, of clusters that are there.
    Not,
}

impl Store {
    /// Requests, newest first: at most 500.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization or project.
    pub async fn requests(
        &self,
        actor: &Actor,
        now: &Reading,
        of: RequestsOf,
        answered: Answered,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let mut sql = self.read()?;
        let projects = match of {
            RequestsOf::Organization(id) => {
                let actor = require_in_organization(&mut sql, actor, Action::ReadOrganization, id)?;
                id_list(&authority::readable(&mut sql, &actor, id)?)
            }
            RequestsOf::Project(id) => {
                require_in_project(&mut sql, actor, Action::ReadProject, id)?;
                id_list([id])
            }
        };
        let waiting_at = match answered {
            Answered::Any => None,
            Answered::Not => Some(self.judged(&sql, now).at.millis()),
        };
        let rows = query(select!(
            "WHERE $1 LIKE '%|' || clusters.project || '|%'
               AND (CAST($2 AS BIGINT) IS NULL OR requests.ended_at IS NULL AND requests.dies_at > $2 AND clusters.removed = 0)
             ORDER BY requests.asked_at DESC, requests.id DESC LIMIT $3"
        ))
        .bind(projects)
        .bind(waiting_at)
        .bind(LISTED)
        .fetch_all(&mut sql)?;
        rows.iter().map(read).collect()
    }

    /// One request.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn request(&self, actor: &Actor, id: RequestId) -> Result<RequestRow, StoreError> {
        allowed(&mut *self.read()?, actor, Action::ReadProject, id)
    }

    /// Approves a request: gives the grant that it asks for, or less, in place of the one in force.
    ///
    /// # Errors
    /// As [`Store::give_grant`], and [`StoreError::Conflict`] for a request that is over, [`StoreError::Refused`] for more
    /// than it asks for.
    pub async fn approve_request(
        &self,
        actor: &Actor,
        now: &Reading,
        id: RequestId,
        approval: Approval,
    ) -> Result<Written<Grant>, StoreError> {
        let actor = actor.clone();
        let body = self.write("approve request", now, move |tx| {
            let row = allowed(tx.sql, &actor, Action::Grant, id)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Request))?;
            let cluster = facts::cluster(tx.sql, row.request.cluster)?.filter(|cluster| !cluster.removed);
            let cluster = cluster.ok_or(StoreError::NotFound(Thing::Cluster))?;
            let asked = approve(&row.request, approval, longest(tx.sql, row.organization)?, tx.at());
            let asked = asked.map_err(|error| match error {
                ApproveError::Over => StoreError::Conflict(Conflict::RequestOver),
                ApproveError::Longer { .. } | ApproveError::Wider { .. } => StoreError::Refused(Rule::Approve(error)),
            })?;
            let grant = give_in(tx, &by, &cluster, asked)?;
            let end = RequestEnd::Approved { grant: grant.id };
            finish(tx, &row.request, end, Some((&by, None)))?;
            let (project, cluster) = (row.project, cluster.id);
            let event = Event::RequestApproved { project, cluster, request: id, grant: grant.id };
            tx.append(row.organization, by, event)?;
            Ok(grant)
        });
        body.await
    }

    /// Declines a request. Works in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`] by role, [`StoreError::Conflict`] for a request that is over.
    pub async fn decline_request(
        &self,
        actor: &Actor,
        now: &Reading,
        id: RequestId,
        answer: Option<Reason>,
    ) -> Result<Written<RequestRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("decline request", now, move |tx| {
            let row = allowed(tx.sql, &actor, Action::DeclineRequest, id)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Request))?;
            finish(tx, &row.request, RequestEnd::Declined, Some((&by, answer.as_ref())))?;
            let reason = answer.map(|answer| tx.erasable(&answer));
            let (project, cluster) = (row.project, row.request.cluster);
            tx.append(row.organization, by, Event::RequestDeclined { project, cluster, request: id, reason })?;
            load(tx.sql, id)
        });
        body.await
    }
}

/// The request, if the actor may do this to it.
fn allowed(sql: &mut Sql, actor: &Actor, action: Action, id: RequestId) -> Result<RequestRow, StoreError> {
    let row = load(sql, id)?;
    require(sql, actor, action, Resource::Project(row.organization, row.project), Thing::Request)?;
    Ok(row)
}

/// A request that a customer could be asked.
fn load(sql: &mut Sql, id: RequestId) -> Result<RequestRow, StoreError> {
    let row = query(select!("WHERE requests.id = $1")).bind(id.to_string()).fetch_optional(sql)?;
    read(&row.ok_or(StoreError::NotFound(Thing::Request))?)
}

fn read(row: &Row) -> Result<RequestRow, StoreError> {
    let cluster: ClusterId = row::text(row, "cluster")?;
    let request = AccessRequest {
        id: row::text(row, "id")?,
        cluster,
        asked_by: row::text(row, "identifier")?,
        wish: wish(row)?,
        asked_at: row::instant(row, "asked_at")?,
        dies_at: row::instant(row, "dies_at")?,
        ended: ended(row)?,
    };
    Ok(RequestRow {
        request,
        organization: row::text(row, "organization")?,
        project: row::text(row, "project")?,
        project_name: row::text(row, "project_name")?,
        cluster_name: row::text(row, "cluster_name")?,
        answered_by: row::field_or_none(row, "answered_by")?,
        answer: row::text_or_none(row, "answer")?,
    })
}

/// What a request asks for.
fn wish(row: &Row) -> Result<Wish, StoreError> {
    let ttl = Ttl::from_millis(row::raw(row, "duration_ms")?);
    Ok(Wish {
        kind: row::text(row, "kind")?,
        ttl: ttl.map_err(|rule| StoreError::corrupt(format!("column `duration_ms` {rule}")))?,
        case: row::text_or_none(row, "case_number")?,
        reason: row::text(row, "reason")?,
    })
}

/// When and how a request ended.
fn ended(row: &Row) -> Result<Option<(Timestamp, RequestEnd)>, StoreError> {
    let Some(at) = row::instant_or_none(row, "ended_at")? else { return Ok(None) };
    let word: String = row::raw(row, "end_reason")?;
    let end = match (word.as_str(), row::text_or_none(row, "grant_id")?) {
        ("approved", Some(grant)) => RequestEnd::Approved { grant },
        ("clock reset", None) => RequestEnd::ClockReset,
        ("declined", None) => RequestEnd::Declined,
        ("withdrawn", None) => RequestEnd::Withdrawn,
        _ => return Err(StoreError::corrupt("a request that ended as nothing known")),
    };
    Ok(Some((at, end)))
}

/// How the end of a request is stored.
const fn word(end: RequestEnd) -> &'static str {
    match end {
        RequestEnd::Approved { .. } => "approved",
        RequestEnd::ClockReset => "clock reset",
        RequestEnd::Declined => "declined",
        RequestEnd::Withdrawn => "withdrawn",
    }
}

/// Ends a request that waits; the event is the caller's.
fn finish(
    tx: &mut Transaction<'_>,
    request: &AccessRequest,
    end: RequestEnd,
    answer: Option<(&By, Option<&Reason>)>,
) -> Result<(), StoreError> {
    let mut ended = request.clone();
    if !ended.end(tx.at(), end) {
        return Err(StoreError::Conflict(Conflict::RequestOver));
    }
    let grant = if let RequestEnd::Approved { grant } = end { Some(grant.to_string()) } else { None };
    query(
        "UPDATE requests SET ended_at = $2, end_reason = $3, grant_id = $4, answered_by = $5, answer = $6 WHERE id = $1",
    )
    .bind(request.id.to_string())
    .bind(tx.at().millis())
    .bind(word(end))
    .bind(grant)
    .bind(answer.map(|(by, _)| row::field_text(by)).transpose()?)
    .bind(answer.and_then(|(_, reason)| reason).map(ToString::to_string))
    .execute(tx.sql)?;
    Ok(())
}

/// Ends every request that could still be answered, when an administrator leaves clock doubt: the entry that tells of
/// that tells of this, too.
pub(crate) fn end_all(tx: &mut Transaction<'_>) -> Result<(), StoreError> {
    query("UPDATE requests SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL AND dies_at > $1")
        .bind(tx.at().millis())
        .bind(word(RequestEnd::ClockReset))
        .execute(tx.sql)?;
    Ok(())
}

/// The requests of an organization that wait for an answer at an instant, for the audit.
pub(crate) fn waiting(sql: &mut Sql, organization: OrgId, at: Timestamp) -> Result<Vec<RequestId>, StoreError> {
    let rows = query(
        "SELECT requests.id FROM requests JOIN clusters ON clusters.id = requests.cluster
         WHERE clusters.organization = $1 AND requests.ended_at IS NULL AND requests.dies_at > $2",
    )
    .bind(organization.to_string())
    .bind(at.millis())
    .fetch_all(sql)?;
    rows.iter().map(|row| row::text(row, "id")).collect()
}

//! Grants: given, revoked, looked back at. What they open is told in [`byleave_core::access`].
//!
//! A row never changes but by ending once; triggers of the database say so, too.

use std::collections::HashMap;

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::{Grant, GrantEnd, Request, Terms, give, in_force};
use byleave_core::id::{ClusterId, GrantId, OrgId, ProjectId};
use byleave_core::inventory::Cluster;
use byleave_core::name::ClusterName;
use byleave_core::policy::Action;
use byleave_core::time::{Reading, Ttl};

use crate::authority::require_in_project;
use crate::cluster;
use crate::error::{Conflict, Rule, StoreError};
use crate::event::{name_of, once};
use crate::facts;
use crate::row;
use crate::sql::{Assembly, Row, Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

/// A grant with the names that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The grant.
    pub grant: Grant,
    /// The project.
    pub project: ProjectId,
    /// The cluster's name.
    pub cluster_name: ClusterName,
    /// The name of the user or service account that gave it, or the public part of the API key.
    pub granted_by_name: Option<String>,
}

impl Store {
    /// Gives a grant for a cluster, in place of the one in force.
    ///
    /// # Errors
    /// [`StoreError::Refused`] in clock doubt, over the longest time, and for sync data where there is none;
    /// [`StoreError::Stale`] if another grant than the expected one is in force; [`StoreError::Forbidden`] and [`StoreError::NotFound`] by role.
    pub async fn give_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        cluster: &ClusterName,
        request: Request,
    ) -> Result<Written<Grant>, StoreError> {
        let (actor, name) = (actor.clone(), cluster.clone());
        let body = self.write("give grant", now, move |tx| {
            require_in_project(tx.sql, &actor, Action::Grant, project)?;
            let by = actor.by().ok_or(StoreError::Conflict(Conflict::NotClaimed))?;
            let cluster = cluster::by_name(tx.sql, project, &name)?;
            give_in(tx, &by, &cluster, request)
        });
        body.await
    }

    /// Revokes whatever is in force for a cluster. With nothing in force it succeeds and writes nothing. Works in clock
    /// doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::NotFound`] by role; [`StoreError::Unavailable`] if it cannot be
    /// committed, after which the caller has to cut by itself.
    pub async fn revoke_grant(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        cluster: &ClusterName,
    ) -> Result<Written<Option<Grant>>, StoreError> {
        let (actor, name) = (actor.clone(), cluster.clone());
        let body = self.write("revoke grant", now, move |tx| {
            let (_, organization) = require_in_project(tx.sql, &actor, Action::Revoke, project)?;
            let by = actor.by().ok_or(StoreError::Conflict(Conflict::NotClaimed))?;
            let cluster = cluster::by_name(tx.sql, project, &name)?;
            let revoked = end_in_force(tx, cluster.id, GrantEnd::Revoked)?;
            if let Some(grant) = &revoked {
                let event = Event::GrantRevoked { project, cluster: cluster.id, grant: grant.id };
                tx.append(organization, by, event)?;
            }
            Ok(revoked)
        });
        body.await
    }

    /// The grants of a project, or of one of its clusters, newest first: at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn grants(
        &self,
        actor: &Actor,
        project: ProjectId,
        cluster: Option<&ClusterName>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let mut sql = self.read()?;
        let (_, organization) = require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let mut select = of_project(organization, project);
        if let Some(name) = cluster {
            let id = cluster::by_name(&mut sql, project, name)?.id;
            select.push(" AND clusters.id = ").push_bind(id.to_string());
        }
        select.push(" ORDER BY grants.granted_at DESC, grants.number DESC LIMIT ").push_bind(i64::from(limit));
        let rows = select.build().fetch_all(&mut sql)?;
        let mut names = HashMap::new();
        rows.iter().map(|row| grant_row(&mut sql, row, project, &mut names)).collect()
    }

    /// One grant of a project; `None` if the project has no such grant.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn grant(&self, actor: &Actor, project: ProjectId, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        let mut sql = self.read()?;
        let (_, organization) = require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let mut select = of_project(organization, project);
        select.push(" AND grants.id = ").push_bind(id.to_string());
        let row = select.build().fetch_optional(&mut sql)?;
        row.map(|row| grant_row(&mut sql, &row, project, &mut HashMap::new())).transpose()
    }
}

/// The grants of a project.
fn of_project(organization: OrgId, project: ProjectId) -> Assembly {
    let mut select = Assembly::new(
        "SELECT grants.id, grants.cluster, grants.kind, grants.granted_by, grants.granted_at, grants.expires_at,
                grants.ended_at, grants.end_reason, grants.inventory_revision, grants.case_number, grants.reason,
                clusters.name AS cluster_name
         FROM clusters JOIN grants ON grants.cluster = clusters.id
         WHERE clusters.organization = ",
    );
    select.push_bind(organization.to_string()).push(" AND clusters.project = ").push_bind(project.to_string());
    select
}

fn grant_row(
    sql: &mut Sql,
    row: &Row,
    project: ProjectId,
    names: &mut HashMap<By, Option<String>>,
) -> Result<GrantRow, StoreError> {
    let grant = facts::grant(row)?;
    let granted_by_name = once(sql, names, grant.granted_by.clone(), |sql, by| name_of(sql, &by))?;
    Ok(GrantRow { grant, project, cluster_name: row::text(row, "cluster_name")?, granted_by_name })
}

/// Gives a grant for a cluster that is there, with its event. Whoever calls has asked whether the actor may.
pub(crate) fn give_in(
    tx: &mut Transaction<'_>,
    by: &By,
    cluster: &Cluster,
    request: Request,
) -> Result<Grant, StoreError> {
    let terms = Terms {
        id: tx.store.supplied().unwrap_or_else(|| tx.store.new_grant_id()),
        cluster: cluster.id,
        inventory_revision: cluster.revision,
        has_sync_data: cluster.has_sync_data(),
        longest: longest(tx.sql, cluster.organization)?,
        by: by.clone(),
        now: tx.now,
    };
    let grant = give(request, terms).map_err(|error| StoreError::Refused(Rule::Give(error)))?;
    let in_force = grant_in_force(tx, cluster.id)?.map(|grant| grant.id);
    tx.expect(|| Tag::of_grant(in_force))?;
    let replaced = end_in_force(tx, cluster.id, GrantEnd::Replaced)?.map(|grant| grant.id);
    insert(tx, &grant)?;
    let event = given(tx, cluster, &grant, replaced);
    tx.append(cluster.organization, by.clone(), event)?;
    Ok(grant)
}

fn given(tx: &Transaction<'_>, cluster: &Cluster, grant: &Grant, replaced: Option<GrantId>) -> Event {
    Event::GrantGiven {
        project: cluster.project,
        cluster: cluster.id,
        grant: grant.id,
        kind: grant.kind,
        expires_at: grant.expires_at,
        inventory_revision: grant.inventory_revision,
        replaced,
        case: grant.case.as_ref().map(|case| tx.erasable(case)),
        reason: grant.reason.as_ref().map(|reason| tx.erasable(reason)),
    }
}

/// Ends every grant that is or could come in force, each with its event.
pub(crate) fn end_all(tx: &mut Transaction<'_>, reason: GrantEnd) -> Result<(), StoreError> {
    let rows = query("SELECT DISTINCT cluster FROM grants WHERE ended_at IS NULL AND expires_at > $1 ORDER BY cluster")
        .bind(tx.at().millis())
        .fetch_all(tx.sql)?;
    for row in &rows {
        end_of_cluster(tx, row::text(row, "cluster")?, reason)?;
    }
    Ok(())
}

/// Ends what is in force for a cluster, with `grant.ended`.
pub(crate) fn end_of_cluster(tx: &mut Transaction<'_>, cluster: ClusterId, reason: GrantEnd) -> Result<(), StoreError> {
    let ids = facts::cluster(tx.sql, cluster)?.map(|cluster| (cluster.organization, cluster.project));
    let (organization, project) = ids.ok_or_else(|| StoreError::corrupt("a grant without its cluster"))?;
    while let Some(grant) = end_in_force(tx, cluster, reason)? {
        let event = Event::GrantEnded { project, cluster, grant: grant.id, reason };
        tx.append(organization, By::System, event)?;
    }
    Ok(())
}

/// The grant in force.
fn grant_in_force(tx: &mut Transaction<'_>, cluster: ClusterId) -> Result<Option<Grant>, StoreError> {
    let at = tx.at();
    let grants = facts::grants(tx.sql, facts::Which::One(cluster), at.millis() - byleave_core::access::GRANTS_FOR)?;
    Ok(in_force(&grants, at).cloned())
}

/// Ends the grant in force, without an event.
fn end_in_force(tx: &mut Transaction<'_>, cluster: ClusterId, reason: GrantEnd) -> Result<Option<Grant>, StoreError> {
    let at = tx.at();
    let Some(mut grant) = grant_in_force(tx, cluster)? else { return Ok(None) };
    if !grant.end(at, reason) {
        return Err(StoreError::corrupt("a grant in force does not end"));
    }
    query("UPDATE grants SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(grant.id.to_string())
        .bind(at.millis())
        .bind(reason.as_str())
        .execute(tx.sql)?;
    Ok(Some(grant))
}

fn insert(tx: &mut Transaction<'_>, grant: &Grant) -> Result<(), StoreError> {
    query(
        "INSERT INTO grants (id, number, cluster, kind, granted_by, granted_at, expires_at, ended_at, end_reason,
                             inventory_revision, case_number, reason, expiry_logged, supplied)
         VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM grants WHERE cluster = $2), $2, $3, $4, $5, $6, NULL,
                 NULL, $7, $8, $9, 0, $10)",
    )
    .bind(grant.id.to_string())
    .bind(grant.cluster.to_string())
    .bind(grant.kind.as_str())
    .bind(row::field_text(&grant.granted_by)?)
    .bind(grant.granted_at.millis())
    .bind(grant.expires_at.millis())
    .bind(grant.inventory_revision.number())
    .bind(grant.case.as_ref().map(ToString::to_string))
    .bind(grant.reason.as_ref().map(ToString::to_string))
    .bind(i64::from(tx.store.supplied().is_some()))
    .execute(tx.sql)?;
    Ok(())
}

/// The longest grant of an organization.
pub(crate) fn longest(sql: &mut Sql, organization: OrgId) -> Result<Ttl, StoreError> {
    let row = query("SELECT longest_ms FROM organizations WHERE id = $1").bind(organization.to_string());
    ttl(&row.fetch_one(sql)?)
}

/// Reads `longest_ms`.
pub(crate) fn ttl(row: &Row) -> Result<Ttl, StoreError> {
    Ttl::from_millis(row::raw(row, "longest_ms")?).map_err(|rule| StoreError::corrupt(format!("`longest_ms` {rule}")))
}

/// Writes `grant.expired` once for each grant that ran out.
pub(crate) fn log_expired(tx: &mut Transaction<'_>) -> Result<usize, StoreError> {
    let rows = query(
        "SELECT grants.id, grants.cluster, clusters.project, clusters.organization
         FROM grants JOIN clusters ON clusters.id = grants.cluster
         WHERE grants.ended_at IS NULL AND grants.expiry_logged = 0 AND grants.expires_at <= $1
         ORDER BY grants.expires_at, grants.id",
    )
    .bind(tx.at().millis())
    .fetch_all(tx.sql)?;
    for row in &rows {
        let grant: GrantId = row::text(row, "id")?;
        let event =
            Event::GrantExpired { project: row::text(row, "project")?, cluster: row::text(row, "cluster")?, grant };
        tx.append(row::text(row, "organization")?, By::System, event)?;
        query("UPDATE grants SET expiry_logged = 1 WHERE id = $1").bind(grant.to_string()).execute(tx.sql)?;
    }
    Ok(rows.len())
}

//! Clusters as customers see them.

use std::collections::HashMap;

use byleave_core::access::GRANTS_FOR;
use byleave_core::actor::Actor;
use byleave_core::grant::{Grant, in_force};
use byleave_core::id::{ClusterId, OrgId, ProjectId};
use byleave_core::inventory::Cluster;
use byleave_core::name::{ClusterName, ProjectName};
use byleave_core::policy::Action;
use byleave_core::time::{Reading, Timestamp, Ttl};

use crate::authority::{readable, require_in_organization, require_in_project};
use crate::error::{StoreError, Thing};
use crate::facts::{self, Which};
use crate::grant;
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::tag::Tag;

pub use crate::node::{NodeReport, NodeRow};

/// Clusters of a project ($1), each in a row for every grant that can be in force at an instant ($2).
macro_rules! summaries {
    ($which:literal) => {
        concat!(
            "SELECT found.id AS cluster_id, found.organization, found.name, found.created_at,
                    grants.id, grants.cluster, grants.kind, grants.granted_by, grants.granted_at, grants.expires_at,
                    grants.ended_at, grants.end_reason, grants.inventory_revision, grants.case_number, grants.reason
             FROM (SELECT id, organization, name, created_at FROM clusters WHERE project = $1 AND removed = 0",
            $which,
            ") AS found
             LEFT JOIN grants ON grants.cluster = found.id AND grants.granted_at >= $2 - 86400000
                  AND grants.expires_at > $2 AND grants.ended_at IS NULL
             ORDER BY found.name, grants.number"
        )
    };
}

/// A cluster with what is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// The cluster with its nodes and logs; removed nodes included.
    pub cluster: Cluster,
    /// The name of its project.
    pub project_name: ProjectName,
    /// Whether the organization blocks support.
    pub blocked: bool,
    /// The longest grant of the organization.
    pub longest: Ttl,
    /// The grant in force, if any.
    pub grant: Option<Grant>,
    /// When it came into the inventory.
    pub created_at: Timestamp,
}

impl ClusterRow {
    /// The tag of what is granted.
    pub fn grant_tag(&self) -> Tag {
        Tag::of_grant(self.grant.as_ref().map(|grant| grant.id))
    }
}

/// A cluster without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSummary {
    /// Its id.
    pub id: ClusterId,
    /// Its organization.
    pub organization: OrgId,
    /// Its project.
    pub project: ProjectId,
    /// Its name.
    pub name: ClusterName,
    /// The grant in force, if any.
    pub grant: Option<Grant>,
    /// When it came into the inventory.
    pub created_at: Timestamp,
}

impl Store {
    /// One cluster of a project, without what is in it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn cluster_summary(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        name: &ClusterName,
    ) -> Result<ClusterSummary, StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let at = self.judged(&sql, now).at;
        let one = query(summaries!(" AND name = $3"));
        let one = one.bind(project.to_string()).bind(at.millis()).bind(name.as_str());
        summaries(&one.fetch_all(&mut sql)?, project, at)?.pop().ok_or(StoreError::NotFound(Thing::Cluster))
    }

    /// Clusters of a project without what is in them, by name: as many as asked for, after passing over so many; and how
    /// many there are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn cluster_summaries(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        skip: u64,
        take: u32,
    ) -> Result<(u64, Vec<ClusterSummary>), StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let at = self.judged(&sql, now).at;
        let all = query("SELECT COUNT(*) AS clusters FROM clusters WHERE project = $1 AND removed = 0");
        let total = row::count(&all.bind(project.to_string()).fetch_one(&mut sql)?, "clusters")?;
        let page = query(summaries!(" ORDER BY name LIMIT $3 OFFSET $4")).bind(project.to_string()).bind(at.millis());
        let page = page.bind(i64::from(take)).bind(i64::try_from(skip).unwrap_or(i64::MAX));
        Ok((total, summaries(&page.fetch_all(&mut sql)?, project, at)?))
    }

    /// The clusters of a project, by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn clusters(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
    ) -> Result<Vec<ClusterRow>, StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let at = self.judged(&sql, now).at;
        rows(&mut sql, Which::Project(project), at)
    }

    /// One cluster of a project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of it.
    pub async fn cluster(
        &self,
        actor: &Actor,
        now: &Reading,
        project: ProjectId,
        name: &ClusterName,
    ) -> Result<ClusterRow, StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let at = self.judged(&sql, now).at;
        let id = id_by_name(&mut sql, project, name)?;
        rows(&mut sql, Which::One(id), at)?.pop().ok_or(StoreError::NotFound(Thing::Cluster))
    }

    /// What the clusters of a project are or were called, removed ones included.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn cluster_names(
        &self,
        actor: &Actor,
        project: ProjectId,
    ) -> Result<Vec<(ClusterId, ClusterName)>, StoreError> {
        let mut sql = self.read()?;
        let (_, organization) = require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        // Only present clusters are found by their project.
        let rows =
            query("SELECT id, name FROM clusters WHERE organization = $1 AND project = $2 ORDER BY created_at, id")
                .bind(organization.to_string())
                .bind(project.to_string())
                .fetch_all(&mut sql)?;
        rows.iter().map(|row| Ok((row::text(row, "id")?, row::text(row, "name")?))).collect()
    }

    /// The clusters of an organization whose projects the actor can read, by project and name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn clusters_of_organization(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<ClusterRow>, StoreError> {
        let mut sql = self.read()?;
        let actor = require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        let at = self.judged(&sql, now).at;
        let readable = readable(&mut sql, &actor, organization)?;
        let mut found = rows(&mut sql, Which::Organization(organization), at)?;
        found.retain(|row| !row.cluster.removed && readable.contains(&row.cluster.project));
        found.sort_by(|a, b| (&a.project_name, &a.cluster.name).cmp(&(&b.project_name, &b.cluster.name)));
        Ok(found)
    }
}

fn summaries(rows: &[Row], project: ProjectId, at: Timestamp) -> Result<Vec<ClusterSummary>, StoreError> {
    let mut found = Vec::<(ClusterSummary, Vec<Grant>)>::new();
    for row in rows {
        let id = row::text(row, "cluster_id")?;
        if found.last().is_none_or(|(last, _)| last.id != id) {
            let summary = ClusterSummary {
                id,
                organization: row::text(row, "organization")?,
                project,
                name: row::text(row, "name")?,
                grant: None,
                created_at: row::instant(row, "created_at")?,
            };
            found.push((summary, Vec::new()));
        }
        if let (Some((_, grants)), Some(_)) = (found.last_mut(), row::raw::<Option<String>>(row, "id")?) {
            grants.push(facts::grant(row)?);
        }
    }
    let with_grant = |(summary, grants): (ClusterSummary, Vec<Grant>)| ClusterSummary {
        grant: in_force(&grants, at).cloned(),
        ..summary
    };
    Ok(found.into_iter().map(with_grant).collect())
}

/// The present cluster of this name.
pub(crate) fn by_name(sql: &mut Sql, project: ProjectId, name: &ClusterName) -> Result<Cluster, StoreError> {
    let id = id_by_name(sql, project, name)?;
    facts::cluster(sql, id)?.ok_or(StoreError::NotFound(Thing::Cluster))
}

fn id_by_name(sql: &mut Sql, project: ProjectId, name: &ClusterName) -> Result<ClusterId, StoreError> {
    let row = query("SELECT id FROM clusters WHERE project = $1 AND name = $2 AND removed = 0")
        .bind(project.to_string())
        .bind(name.as_str())
        .fetch_optional(sql)?;
    row::text(&row.ok_or(StoreError::NotFound(Thing::Cluster))?, "id")
}

/// Clusters with what is granted, by name.
fn rows(sql: &mut Sql, which: Which, at: Timestamp) -> Result<Vec<ClusterRow>, StoreError> {
    let grants = facts::grants_of(sql, which, at.millis() - GRANTS_FOR)?;
    let select = which.select(
        "SELECT clusters.id, clusters.created_at, projects.name AS project_name, organizations.longest_ms,
                organizations.blocked
         FROM clusters JOIN projects ON projects.id = clusters.project
         JOIN organizations ON organizations.id = clusters.organization",
    );
    let rows = select.build().fetch_all(sql)?;
    let beside: HashMap<ClusterId, &Row> =
        rows.iter().map(|row| Ok((row::text(row, "id")?, row))).collect::<Result<_, StoreError>>()?;
    let with_grant = |cluster: Cluster| {
        let row = beside.get(&cluster.id).ok_or_else(|| StoreError::corrupt("a cluster without its project"))?;
        Ok(ClusterRow {
            project_name: row::text(row, "project_name")?,
            blocked: row::flag(row, "blocked")?,
            longest: grant::ttl(row)?,
            grant: grants.get(&cluster.id).and_then(|grants| in_force(grants, at)).cloned(),
            created_at: row::instant(row, "created_at")?,
            cluster,
        })
    };
    facts::clusters(sql, which)?.into_iter().map(with_grant).collect()
}

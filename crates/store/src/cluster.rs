//! Clusters as customers see them.

use byleave_core::actor::Actor;
use byleave_core::grant::{Grant, in_force};
use byleave_core::id::{ClusterId, OrgId, ProjectId};
use byleave_core::inventory::Cluster;
use byleave_core::name::{ClusterName, ProjectName};
use byleave_core::policy::Action;
use byleave_core::time::{Reading, Timestamp, Ttl};
use sqlx::SqliteConnection;

use crate::authority::{readable, require_in_organization, require_in_project};
use crate::error::{StoreError, Thing};
use crate::facts;
use crate::grant;
use crate::row;
use crate::store::Store;

pub use crate::node::{NodeReport, NodeRow};

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

impl Store {
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
        let mut sql = self.read().await?;
        require_in_project(&mut sql, actor, Action::ReadProject, project).await?;
        let at = self.judged(&mut sql, now).await?.at;
        let mut found = Vec::new();
        for id in ids_of_project(&mut sql, project).await? {
            found.push(cluster_row(&mut sql, id, at).await?);
        }
        Ok(found)
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
        let mut sql = self.read().await?;
        require_in_project(&mut sql, actor, Action::ReadProject, project).await?;
        let at = self.judged(&mut sql, now).await?.at;
        let id = by_name(&mut sql, project, name).await?.id;
        cluster_row(&mut sql, id, at).await
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
        let mut sql = self.read().await?;
        require_in_project(&mut sql, actor, Action::ReadProject, project).await?;
        let rows = sqlx::query("SELECT id, name FROM clusters WHERE project = $1 ORDER BY created_at, id")
            .bind(project.to_string())
            .fetch_all(&mut *sql)
            .await?;
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
        let mut sql = self.read().await?;
        let actor = require_in_organization(&mut sql, actor, Action::ReadOrganization, organization).await?;
        let at = self.judged(&mut sql, now).await?.at;
        let mut found = Vec::new();
        for project in readable(&mut sql, &actor, organization).await? {
            for id in ids_of_project(&mut sql, project).await? {
                found.push(cluster_row(&mut sql, id, at).await?);
            }
        }
        found.sort_by(|a, b| (&a.project_name, &a.cluster.name).cmp(&(&b.project_name, &b.cluster.name)));
        Ok(found)
    }
}

/// The present cluster of this name.
pub(crate) async fn by_name(
    sql: &mut SqliteConnection,
    project: ProjectId,
    name: &ClusterName,
) -> Result<Cluster, StoreError> {
    let row = sqlx::query("SELECT id FROM clusters WHERE project = $1 AND name = $2 AND removed = 0")
        .bind(project.to_string())
        .bind(name.as_str())
        .fetch_optional(&mut *sql)
        .await?;
    let Some(row) = row else { return Err(StoreError::NotFound(Thing::Cluster)) };
    facts::cluster(sql, row::text(&row, "id")?).await?.ok_or(StoreError::NotFound(Thing::Cluster))
}

async fn ids_of_project(sql: &mut SqliteConnection, project: ProjectId) -> Result<Vec<ClusterId>, StoreError> {
    let rows = sqlx::query("SELECT id FROM clusters WHERE project = $1 AND removed = 0 ORDER BY name")
        .bind(project.to_string())
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| row::text(row, "id")).collect()
}

async fn cluster_row(sql: &mut SqliteConnection, id: ClusterId, at: Timestamp) -> Result<ClusterRow, StoreError> {
    let facts = facts::load(sql, id, at).await?.ok_or(StoreError::NotFound(Thing::Cluster))?;
    let row = sqlx::query(
        "SELECT clusters.created_at, projects.name AS project_name, organizations.longest_ms
         FROM clusters JOIN projects ON projects.id = clusters.project
         JOIN organizations ON organizations.id = clusters.organization WHERE clusters.id = $1",
    )
    .bind(id.to_string())
    .fetch_one(sql)
    .await?;
    Ok(ClusterRow {
        project_name: row::text(&row, "project_name")?,
        blocked: facts.blocked,
        longest: grant::ttl(&row)?,
        grant: in_force(&facts.grants, at).cloned(),
        created_at: row::instant(&row, "created_at")?,
        cluster: facts.cluster,
    })
}

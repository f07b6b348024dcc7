//! Projects: made by an owner or named by the inventory, with a name that is unique in the organization. A project that
//! an owner made is the one that the inventory means by its name.

use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, OrgId, ProjectId, UserId};
use byleave_core::name::{ClusterName, OrgName, ProjectName};
use byleave_core::policy::{Action, Refusal};
use byleave_core::role::ProjectRole;
use byleave_core::time::{Reading, Timestamp};

use crate::authority::{self, Holder, present, readable, require_in_organization, require_in_project};
use crate::error::{Conflict, StoreError, Thing};
use crate::organization;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};
use crate::user;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRow {
    /// Its id.
    pub id: ProjectId,
    /// Its organization.
    pub organization: OrgId,
    /// Its name.
    pub name: ProjectName,
    /// How many clusters it has, removed ones not counted.
    pub cluster_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project with its present clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstateRow {
    /// The project.
    pub project: ProjectRow,
    /// The name of its organization.
    pub organization_name: OrgName,
    /// Its clusters, by name.
    pub clusters: Vec<EstateCluster>,
}

/// A cluster at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstateCluster {
    /// Its id.
    pub id: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// How many nodes it has, removed ones not counted.
    pub nodes: u64,
}

impl Store {
    /// The projects that the actor can read, by name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for whoever is not a customer.
    pub async fn projects(&self, actor: &Actor) -> Result<Vec<ProjectRow>, StoreError> {
        let mut sql = self.read()?;
        let actor = present(&mut sql, actor)?;
        let Some((organization, _)) = actor.membership() else {
            return Err(StoreError::Forbidden(Refusal::Forbidden));
        };
        let mut found = Vec::new();
        for id in readable(&mut sql, &actor, organization)? {
            found.push(project_row(&mut sql, id)?);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// One project.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of it.
    pub async fn project(&self, actor: &Actor, id: ProjectId) -> Result<ProjectRow, StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, id)?;
        project_row(&mut sql, id)
    }

    /// The project of this name that the actor can read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none, [`StoreError::Forbidden`] for whoever is not a customer.
    pub async fn project_by_name(&self, actor: &Actor, name: &ProjectName) -> Result<ProjectRow, StoreError> {
        let projects = self.projects(actor).await?;
        projects.into_iter().find(|row| row.name == *name).ok_or(StoreError::NotFound(Thing::Project))
    }

    /// The projects that the actor can read with their clusters, by name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for whoever is not a customer.
    pub async fn estate(&self, actor: &Actor) -> Result<Vec<EstateRow>, StoreError> {
        let projects = self.projects(actor).await?;
        let mut sql = self.read()?;
        let mut estate = Vec::with_capacity(projects.len());
        for project in projects {
            let organization_name = organization::load(&mut sql, project.organization)?.name;
            estate.push(EstateRow { clusters: clusters(&mut sql, project.id)?, organization_name, project });
        }
        Ok(estate)
    }

    /// Makes a project, and a user its owner if one is named.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner of the organization, [`StoreError::Conflict`] if there
    /// is a project of this name, [`StoreError::NotFound`] for an unknown user.
    pub async fn create_project(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        name: ProjectName,
        owner: Option<UserId>,
    ) -> Result<Written<ProjectRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("create project", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::CreateProject, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
            let project = insert(tx, organization, &name)?;
            tx.append(organization, by.clone(), Event::ProjectAdded { project, name })?;
            if let Some(user) = owner {
                require_in_organization(tx.sql, &actor, Action::ManageUsers, organization)?;
                let roles = user::load(tx.sql, organization, user)?.roles;
                let roles = roles.with(project, ProjectRole::Owner);
                authority::set_roles(tx.sql, organization, Holder::User(user), &roles)?;
                tx.append(organization, by, Event::UserRolesChanged { user, roles })?;
            }
            project_row(tx.sql, project)
        });
        body.await
    }
}

fn insert(tx: &mut Transaction<'_>, organization: OrgId, name: &ProjectName) -> Result<ProjectId, StoreError> {
    let taken = query("SELECT id FROM projects WHERE organization = $1 AND name = $2")
        .bind(organization.to_string())
        .bind(name.as_str())
        .fetch_optional(tx.sql)?;
    if taken.is_some() {
        return Err(StoreError::Conflict(Conflict::ProjectNameTaken));
    }
    let id = ProjectId::from_bytes(tx.random());
    query("INSERT INTO projects (id, organization, name, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(organization.to_string())
        .bind(name.as_str())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    Ok(id)
}

fn clusters(sql: &mut Sql, project: ProjectId) -> Result<Vec<EstateCluster>, StoreError> {
    let rows = query(
        "SELECT id, name, (SELECT COUNT(*) FROM nodes WHERE cluster = clusters.id AND removed = 0) AS nodes
         FROM clusters WHERE project = $1 AND removed = 0 ORDER BY name",
    )
    .bind(project.to_string())
    .fetch_all(sql)?;
    let cluster = |row| {
        let (id, name) = (row::text(row, "id")?, row::text(row, "name")?);
        Ok(EstateCluster { id, name, nodes: row::count(row, "nodes")? })
    };
    rows.iter().map(cluster).collect()
}

fn project_row(sql: &mut Sql, id: ProjectId) -> Result<ProjectRow, StoreError> {
    let row = query(
        "SELECT organization, name, created_at,
                (SELECT COUNT(*) FROM clusters WHERE project = projects.id AND removed = 0) AS clusters
         FROM projects WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_one(sql)?;
    Ok(ProjectRow {
        id,
        organization: row::text(&row, "organization")?,
        name: row::text(&row, "name")?,
        cluster_count: row::count(&row, "clusters")?,
        created_at: row::instant(&row, "created_at")?,
    })
}

//! The inventory as the administrator plans and applies it. The rules are in [`byleave_core::inventory`].

use std::collections::BTreeSet;

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::GrantEnd;
use byleave_core::id::{ClusterId, OrgId};
use byleave_core::inventory::{Cluster, Inventory, Node, Plan, Project, Prune, WantedCluster, plan};
use byleave_core::policy::{Action, Resource};
use byleave_core::time::{Entropy, Reading};

use crate::authority::require;
use crate::error::{Rule, StoreError, Thing};
use crate::facts::{self, Which, check_columns};
use crate::grant;
use crate::row;
use crate::seal::random;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

impl Store {
    /// The whole inventory.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator.
    pub async fn inventory(&self, actor: &Actor) -> Result<Inventory, StoreError> {
        let mut sql = self.read()?;
        require(&mut sql, actor, Action::ReadInstallation, Resource::Installation, Thing::Installation)?;
        load(&mut sql)
    }

    /// What applying this inventory would do, and the tag of the inventory that it was planned for. The ids of new things are drawn anew by the apply.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Refused`] for an inventory that
    /// breaks a rule.
    pub async fn plan_inventory(
        &self,
        actor: &Actor,
        wanted: &[WantedCluster],
        prune: Prune,
    ) -> Result<(Plan, Tag), StoreError> {
        let mut sql = self.read()?;
        require(&mut sql, actor, Action::ApplyInventory, Resource::Installation, Thing::Installation)?;
        let current = load(&mut sql)?;
        Ok((planned(&current, wanted, prune, self.entropy())?, tag(&current)))
    }

    /// Applies this inventory: all of it or nothing. Grants of removed clusters end. What happens in an organization
    /// that nobody has claimed yet is not logged; it becomes part of the log when it is claimed.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Refused`] for an inventory that
    /// breaks a rule.
    pub async fn apply_inventory(
        &self,
        actor: &Actor,
        now: &Reading,
        wanted: &[WantedCluster],
        prune: Prune,
    ) -> Result<Written<Plan>, StoreError> {
        let (actor, wanted) = (actor.clone(), wanted.to_vec());
        let body = self.write("apply inventory", now, move |tx| {
            let resource = Resource::Installation;
            require(tx.sql, &actor, Action::ApplyInventory, resource, Thing::Installation)?;
            let current = load(tx.sql)?;
            tx.expect(|| tag(&current))?;
            let plan = planned(&current, &wanted, prune, tx.store.entropy())?;
            apply(tx, &plan)?;
            Ok(plan)
        });
        body.await
    }
}

/// The tag of an inventory: which clusters there are, in which form, and which projects.
fn tag(inventory: &Inventory) -> Tag {
    let cluster = |cluster: &Cluster| (cluster.id, cluster.revision, cluster.removed);
    let clusters: Vec<_> = inventory.clusters.iter().map(cluster).collect();
    Tag::of(&(&inventory.organizations, &inventory.projects, clusters))
}

fn planned(
    current: &Inventory,
    wanted: &[WantedCluster],
    prune: Prune,
    entropy: &dyn Entropy,
) -> Result<Plan, StoreError> {
    plan(current, wanted, prune, &mut || random(entropy)).map_err(|errors| StoreError::Refused(Rule::Inventory(errors)))
}

/// The whole inventory.
fn load(sql: &mut Sql) -> Result<Inventory, StoreError> {
    let organizations = query("SELECT id FROM organizations").fetch_all(&mut *sql)?;
    let projects = query("SELECT id, organization, name FROM projects ORDER BY created_at, id").fetch_all(&mut *sql)?;
    let project = |row| {
        let (id, organization) = (row::text(row, "id")?, row::text(row, "organization")?);
        Ok(Project { id, organization, name: row::text(row, "name")? })
    };
    Ok(Inventory {
        organizations: organizations.iter().map(|row| row::text(row, "id")).collect::<Result<_, _>>()?,
        projects: projects.iter().map(project).collect::<Result<_, StoreError>>()?,
        clusters: facts::clusters(sql, Which::All)?,
    })
}

fn apply(tx: &mut Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    if plan.events.is_empty() {
        return Ok(());
    }
    for project in &plan.projects {
        query("INSERT INTO projects (id, organization, name, created_at) VALUES ($1, $2, $3, $4)")
            .bind(project.id.to_string())
            .bind(project.organization.to_string())
            .bind(project.name.as_str())
            .bind(tx.at().millis())
            .execute(tx.sql)?;
    }
    // First what goes, then what comes: a host name may pass from one cluster to another of the same organization.
    let mut clusters: Vec<&Cluster> = plan.clusters.iter().collect();
    clusters.sort_by_key(|cluster| !cluster.removed);
    for cluster in clusters {
        write(tx, cluster)?;
        tx.touch(cluster.id);
    }
    let claimed = claimed(tx.sql)?;
    for (organization, event) in plan.events.iter().filter(|(organization, _)| claimed.contains(organization)) {
        tx.append(*organization, By::Administrator, event.clone())?;
        if let Event::ClusterRemoved { cluster, .. } = event {
            grant::end_of_cluster(tx, *cluster, GrantEnd::ClusterRemoved)?;
        }
    }
    let changes = i64::try_from(plan.events.len()).unwrap_or(i64::MAX);
    tx.append_installation(By::Administrator, Event::InventoryApplied { changes })?;
    Ok(())
}

fn claimed(sql: &mut Sql) -> Result<BTreeSet<OrgId>, StoreError> {
    let rows = query("SELECT id FROM organizations WHERE claimed_at IS NOT NULL").fetch_all(sql)?;
    rows.iter().map(|row| row::text(row, "id")).collect()
}

/// Writes a cluster as it is from now on. Its organization and project never change.
fn write(tx: &mut Transaction<'_>, cluster: &Cluster) -> Result<(), StoreError> {
    let (id, source) = (cluster.id.to_string(), cluster.sync_source.as_ref());
    query(
        "INSERT INTO clusters (id, organization, project, name, host, revision, removed, created_at, sync_servers,
                               sync_ca, sync_since, sync_member)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (id) DO UPDATE SET host = excluded.host, revision = excluded.revision, removed = excluded.removed,
             sync_servers = excluded.sync_servers, sync_ca = excluded.sync_ca, sync_since = excluded.sync_since,
             sync_member = excluded.sync_member",
    )
    .bind(&id)
    .bind(cluster.organization.to_string())
    .bind(cluster.project.to_string())
    .bind(cluster.name.as_str())
    .bind(cluster.host.as_str())
    .bind(cluster.revision.number())
    .bind(i64::from(cluster.removed))
    .bind(tx.at().millis())
    .bind(source.map(|source| source.servers.to_string()))
    .bind(source.map(|source| source.ca.to_string()))
    .bind(source.map(|source| source.since.number()))
    .bind(source.and_then(|source| source.member.as_ref()).map(ToString::to_string))
    .execute(tx.sql)?;
    query("DELETE FROM sync_databases WHERE cluster = $1").bind(&id).execute(tx.sql)?;
    for ((database, since), position) in cluster.sync_databases.iter().zip(0_i64..) {
        query("INSERT INTO sync_databases (cluster, name, position, since) VALUES ($1, $2, $3, $4)")
            .bind(&id)
            .bind(database.as_str())
            .bind(position)
            .bind(since.number())
            .execute(tx.sql)?;
    }
    for (node, position) in cluster.nodes.iter().zip(0_i64..) {
        write_node(tx, cluster.id, node, position)?;
    }
    Ok(())
}

fn write_node(tx: &mut Transaction<'_>, cluster: ClusterId, node: &Node, position: i64) -> Result<(), StoreError> {
    let id = node.id.to_string();
    let (outcome, revision) = check_columns(node.check);
    query(
        "INSERT INTO nodes (id, cluster, position, host, address, host_key, since, check_outcome, check_revision,
                            checked_at, check_passed, check_findings, check_report, removed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL, NULL, NULL, $10)
         ON CONFLICT (id) DO UPDATE SET host = excluded.host, address = excluded.address,
             host_key = excluded.host_key, since = excluded.since, check_outcome = excluded.check_outcome,
             check_revision = excluded.check_revision, removed = excluded.removed",
    )
    .bind(&id)
    .bind(cluster.to_string())
    .bind(position)
    .bind(node.host.as_str())
    .bind(node.address.as_str())
    .bind(node.host_key.as_str())
    .bind(node.since.number())
    .bind(outcome)
    .bind(revision)
    .bind(i64::from(node.removed))
    .execute(tx.sql)?;
    query("DELETE FROM node_logs WHERE node = $1").bind(&id).execute(tx.sql)?;
    for log in &node.logs {
        query("INSERT INTO node_logs (node, name, kind, path, since) VALUES ($1, $2, $3, $4, $5)")
            .bind(&id)
            .bind(log.name.as_str())
            .bind(log.kind.as_str())
            .bind(log.path.as_str())
            .bind(log.since.number())
            .execute(tx.sql)?;
    }
    Ok(())
}

/// The events that tell the inventory of an organization as it stands, for its claim.
pub(crate) fn snapshot(sql: &mut Sql, organization: OrgId) -> Result<Vec<Event>, StoreError> {
    let projects = query("SELECT id, name FROM projects WHERE organization = $1 ORDER BY created_at, id");
    let projects = projects.bind(organization.to_string()).fetch_all(&mut *sql)?;
    let project = |row| Ok(Event::ProjectAdded { project: row::text(row, "id")?, name: row::text(row, "name")? });
    let mut events = projects.iter().map(project).collect::<Result<Vec<_>, StoreError>>()?;
    events.extend(facts::clusters(sql, Which::Organization(organization))?.iter().flat_map(Cluster::snapshot));
    Ok(events)
}

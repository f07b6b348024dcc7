//! Handing back: an employee needs a cluster no longer. Their own sessions there end, their request is withdrawn, and
//! the customer sees that they may revoke; it never ends a grant.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::in_force;
use byleave_core::id::{ClusterId, EmployeeId, EmployeeKeyId, GrantId, ProjectId, SessionId};
use byleave_core::identifier::EmployeeIdentifier;
use byleave_core::name::HostName;
use byleave_core::policy::Action;
use byleave_core::time::{Reading, Timestamp};

use super::ask::{refuse_inactive, withdraw};
use crate::authority::require_in_project;
use crate::employee;
use crate::error::StoreError;
use crate::facts;
use crate::row;
use crate::session::find;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// An employee hands back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandBack {
    /// Who.
    pub employee: EmployeeId,
    /// By which key they came in.
    pub key: EmployeeKeyId,
    /// Which host.
    pub host: HostName,
    /// The session in which they say so: it ends by itself.
    pub session: SessionId,
}

/// What handing back did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// The employee's other live sessions on the cluster, which the caller ends.
    pub ending: Vec<SessionId>,
    /// Whether a request of theirs for this host waited and was withdrawn.
    pub withdrawn: bool,
}

/// Somebody of support who needs a grant no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedBack {
    /// Who, under the pseudonym of the time.
    pub identifier: EmployeeIdentifier,
    /// When they said so.
    pub at: Timestamp,
}

impl Store {
    /// Hands back. Whatever the host is, the employee learns the same. Works in clock doubt.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] for an employee who is disabled or whose key was removed.
    pub async fn hand_back(&self, now: &Reading, back: HandBack) -> Result<Written<GivenBack>, StoreError> {
        let body = self.write("hand back", now, move |tx| {
            refuse_inactive(tx.sql, back.employee, back.key)?;
            let withdrawn = withdraw(tx, back.employee, &back.host)?;
            let ending = match find(tx.sql, &back.host)? {
                Some((cluster, _)) => run(tx, &back, cluster)?,
                None => Vec::new(),
            };
            Ok(GivenBack { ending, withdrawn })
        });
        body.await
    }

    /// Who of support handed a grant back and has not come in since, the first of them first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the project.
    pub async fn handed_back(
        &self,
        actor: &Actor,
        project: ProjectId,
        grant: GrantId,
    ) -> Result<Vec<HandedBack>, StoreError> {
        let mut sql = self.read()?;
        require_in_project(&mut sql, actor, Action::ReadProject, project)?;
        let rows = query(
            "SELECT hand_backs.identifier, hand_backs.at FROM hand_backs
             JOIN grants ON grants.id = hand_backs.grant_id JOIN clusters ON clusters.id = grants.cluster
             WHERE hand_backs.grant_id = $1 AND clusters.project = $2 AND NOT EXISTS (
                 SELECT sessions.id FROM sessions WHERE sessions.cluster = clusters.id
                 AND sessions.employee = hand_backs.employee AND sessions.opened_at > hand_backs.at)
             ORDER BY hand_backs.at, hand_backs.identifier",
        )
        .bind(grant.to_string())
        .bind(project.to_string())
        .fetch_all(&mut sql)?;
        let read = |row| Ok(HandedBack { identifier: row::text(row, "identifier")?, at: row::instant(row, "at")? });
        rows.iter().map(read).collect()
    }
}

fn run(tx: &mut Transaction<'_>, back: &HandBack, cluster: ClusterId) -> Result<Vec<SessionId>, StoreError> {
    let at = tx.at();
    let facts = facts::load(tx.sql, cluster, at)?;
    let facts = facts.ok_or_else(|| StoreError::corrupt("a host without its cluster"))?;
    let grant = in_force(&facts.grants, at).map(|grant| grant.id);
    let live = live(tx.sql, back, cluster)?;
    // With nothing granted and nobody in there is nothing to tell; nor before there is a log.
    if !facts.claimed || grant.is_none() && live.is_empty() {
        return Ok(live);
    }
    let identifier = employee::identifier(tx, facts.organization, back.employee)?;
    if let Some(grant) = grant {
        query(
            "INSERT INTO hand_backs (grant_id, employee, identifier, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (grant_id, employee) DO UPDATE SET identifier = excluded.identifier, at = excluded.at",
        )
        .bind(grant.to_string())
        .bind(back.employee.to_string())
        .bind(identifier.as_str())
        .bind(at.millis())
        .execute(tx.sql)?;
    }
    let event = Event::AccessHandedBack { project: facts.cluster.project, cluster, grant };
    tx.append(facts.organization, By::Employee(identifier), event)?;
    Ok(live)
}

/// The employee's live sessions on the cluster, but for the one in which they hand back.
fn live(sql: &mut Sql, back: &HandBack, cluster: ClusterId) -> Result<Vec<SessionId>, StoreError> {
    let rows = query("SELECT id FROM sessions WHERE employee = $1 AND cluster = $2 AND id <> $3 AND ended_at IS NULL")
        .bind(back.employee.to_string())
        .bind(cluster.to_string())
        .bind(back.session.to_string())
        .fetch_all(sql)?;
    rows.iter().map(|row| row::text(row, "id")).collect()
}

//! What a session that is open asks for and is refused: folded like a session that is refused.

use byleave_core::access::Denial;
use byleave_core::event::Tried;
use byleave_core::id::{EmployeeId, NodeId, SessionId};
use byleave_core::time::Reading;

use super::record::live;
use crate::denial::{self, Try};
use crate::error::{StoreError, Thing};
use crate::facts;
use crate::row;
use crate::sql::query;
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// What a session was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeniedTry {
    /// The session.
    pub session: SessionId,
    /// What was tried.
    pub wanted: Tried,
    /// On which node, if on one.
    pub node: Option<NodeId>,
    /// Why not.
    pub denial: Denial,
    /// How often.
    pub tries: i64,
}

impl Store {
    /// Notes what an open session was refused: as `session.denied`, or for the one of its minute.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session or a node that its cluster never had, [`StoreError::Conflict`]
    /// if the session has ended.
    pub async fn session_denied(&self, now: &Reading, denied: DeniedTry) -> Result<Written<()>, StoreError> {
        self.write("session denied", now, move |tx| run(tx, denied)).await
    }
}

fn run(tx: &mut Transaction<'_>, denied: DeniedTry) -> Result<(), StoreError> {
    let DeniedTry { session, wanted, node, denial, tries } = denied;
    let row = live(tx.sql, session)?;
    if let Some(node) = node {
        let cluster = facts::cluster(tx.sql, row.cluster)?;
        if !cluster.is_some_and(|cluster| cluster.nodes.iter().any(|known| known.id == node)) {
            return Err(StoreError::NotFound(Thing::Node));
        }
    }
    let employee: EmployeeId = {
        let row = query("SELECT employee FROM sessions WHERE id = $1").bind(session.to_string()).fetch_one(tx.sql)?;
        row::text(&row, "employee")?
    };
    let (organization, project, cluster) = (row.organization, row.project, row.cluster);
    denial::record(tx, Try { employee, organization, project, cluster, wanted, node, denial, tries })
}

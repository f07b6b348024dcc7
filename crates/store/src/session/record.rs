//! The rows of sessions: read, ended, and the small forms in which they are stored.

use byleave_core::access::{Basis, Wanted};
use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, SessionId};
use byleave_core::policy::{Action, Resource};
use byleave_core::session::{Counters, SessionEnd};

use super::{CloseSession, SessionRow};
use crate::authority::require;
use crate::error::{Conflict, StoreError, Thing};
use crate::row;
use crate::sql::{Row, Sql, query};
use crate::transaction::Transaction;

/// The session, if the actor may do this to it.
pub(super) fn allowed(sql: &mut Sql, actor: &Actor, action: Action, id: SessionId) -> Result<SessionRow, StoreError> {
    let row = load(sql, id)?;
    let resource = Resource::Project(row.organization, row.project);
    require(sql, actor, action, resource, Thing::Session)?;
    Ok(row)
}

/// Ends a session that is open, with its event.
pub(super) fn end(tx: &mut Transaction<'_>, row: &SessionRow, close: &CloseSession) -> Result<(), StoreError> {
    let counters = close.counters;
    query(
        "UPDATE sessions SET ended_at = $2, end_reason = $3, shells = $4, commands = $5, transfers = $6, refused = $7,
                received_bytes = $8, sent_bytes = $9, recording_sha256 = $10, partly_recorded = $11
         WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(close.session.to_string())
    .bind(tx.at().millis())
    .bind(close.reason.as_str())
    .bind(counters.shells)
    .bind(counters.commands)
    .bind(counters.transfers)
    .bind(counters.refused)
    .bind(counters.received_bytes)
    .bind(counters.sent_bytes)
    .bind(close.recording_sha256.map(|hash| hash.to_vec()))
    .bind(i64::from(close.partly_recorded))
    .execute(tx.sql)?;
    let event = Event::SessionClosed {
        project: row.project,
        cluster: row.cluster,
        session: row.id,
        reason: close.reason,
        shells: counters.shells,
        commands: counters.commands,
        transfers: counters.transfers,
        refused: counters.refused,
        received_bytes: counters.received_bytes,
        sent_bytes: counters.sent_bytes,
        recording_sha256: close.recording_sha256,
        partly_recorded: close.partly_recorded,
    };
    let by = match (&close.by, close.reason == SessionEnd::ClosedByEmployee) {
        (Some(by), _) => by.clone(),
        (None, true) => By::Employee(row.identifier.clone()),
        (None, false) => By::System,
    };
    tx.append(row.organization, by, event)?;
    Ok(())
}

/// Ends every session that is open. Tells how many there were.
pub(crate) fn close_all(tx: &mut Transaction<'_>, reason: SessionEnd) -> Result<usize, StoreError> {
    let rows = query(
        "SELECT sessions.*, clusters.name AS cluster_name, clusters.removed AS cluster_removed
         FROM sessions JOIN clusters ON clusters.id = sessions.cluster
         WHERE sessions.ended_at IS NULL ORDER BY sessions.opened_at, sessions.id",
    )
    .fetch_all(tx.sql)?;
    for row in &rows {
        let row = read(row)?;
        let (session, counters) = (row.id, Counters::default());
        // What it recorded is on disk, perhaps without its last second.
        let close = CloseSession { session, reason, by: None, counters, recording_sha256: None, partly_recorded: true };
        end(tx, &row, &close)?;
    }
    Ok(rows.len())
}

/// One session.
pub(super) fn load(sql: &mut Sql, id: SessionId) -> Result<SessionRow, StoreError> {
    let row = query(
        "SELECT sessions.*, clusters.name AS cluster_name, clusters.removed AS cluster_removed
         FROM sessions JOIN clusters ON clusters.id = sessions.cluster
         WHERE sessions.id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(sql)?;
    read(&row.ok_or(StoreError::NotFound(Thing::Session))?)
}

/// One session that is open.
pub(super) fn live(sql: &mut Sql, id: SessionId) -> Result<SessionRow, StoreError> {
    let row = load(sql, id)?;
    if row.ended.is_none() { Ok(row) } else { Err(StoreError::Conflict(Conflict::SessionEnded)) }
}

/// The cluster of a session for sync data that is open.
pub(crate) fn sync_cluster(sql: &mut Sql, id: SessionId) -> Result<ClusterId, StoreError> {
    let row = live(sql, id)?;
    if row.wanted != Wanted::SyncLogin {
        return Err(StoreError::NotFound(Thing::Session));
    }
    Ok(row.cluster)
}

/// Reads a session.
pub(super) fn read(row: &Row) -> Result<SessionRow, StoreError> {
    let node = row::text_or_none(row, "node")?;
    let word: String = row::raw(row, "wanted")?;
    let wanted = match (word.as_str(), node) {
        ("logs", _) => Wanted::LogList,
        ("node", Some(node)) => Wanted::Node(node),
        ("sync data", None) => Wanted::SyncLogin,
        _ => return Err(StoreError::corrupt("a session that wants nothing known")),
    };
    let basis: String = row::raw(row, "basis")?;
    let basis = match (basis.as_str(), row::text_or_none(row, "grant_id")?) {
        ("grant", Some(id)) => Basis::Grant { id },
        ("standing", None) => Basis::Standing,
        _ => return Err(StoreError::corrupt("a session without a basis")),
    };
    let ended = match (row::instant_or_none(row, "ended_at")?, row::text_or_none(row, "end_reason")?) {
        (Some(at), Some(reason)) => Some((at, reason)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::corrupt("half an end of a session")),
    };
    Ok(SessionRow {
        id: row::text(row, "id")?,
        organization: row::text(row, "organization")?,
        project: row::text(row, "project")?,
        cluster: row::text(row, "cluster")?,
        cluster_name: row::text(row, "cluster_name")?,
        cluster_is_removed: row::flag(row, "cluster_removed")?,
        host: row::text(row, "host")?,
        node,
        wanted,
        identifier: row::text(row, "identifier")?,
        basis,
        opened_at: row::instant(row, "opened_at")?,
        until: row::instant(row, "until")?,
        ended,
        counters: counters(row)?,
        recording_sha256: row::bytes_or_none(row, "recording_sha256")?,
        partly_recorded: row::flag(row, "partly_recorded")?,
    })
}

fn counters(row: &Row) -> Result<Counters, StoreError> {
    Ok(Counters {
        shells: row::raw(row, "shells")?,
        commands: row::raw(row, "commands")?,
        transfers: row::raw(row, "transfers")?,
        refused: row::raw(row, "refused")?,
        received_bytes: row::raw(row, "received_bytes")?,
        sent_bytes: row::raw(row, "sent_bytes")?,
    })
}

/// How a basis is stored: the word and the grant.
pub(super) fn basis_columns(basis: Basis) -> (&'static str, Option<String>) {
    match basis {
        Basis::Grant { id } => ("grant", Some(id.to_string())),
        Basis::Standing => ("standing", None),
    }
}

/// Ids as one text in which a statement can look for one: `|a|b|`.
pub(crate) fn id_list<T: ToString>(ids: impl IntoIterator<Item = T>) -> String {
    ids.into_iter().fold("|".to_owned(), |list, id| format!("{list}{}|", id.to_string()))
}

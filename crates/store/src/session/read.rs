//! Reading a recording: told once for all that one reader takes of it within ten minutes.
//!
//! Looking at a recording and taking its parts are many requests and one act. This module must never count another
//! reader's or another session's entry, nor one that is not in the log.

use byleave_core::actor::By;
use byleave_core::event::{Event, LogId};
use byleave_core::time::MINUTE;
use byleave_log::leaf::log_text;

use super::SessionRow;
use crate::error::StoreError;
use crate::event::read_leaf;
use crate::row;
use crate::sql::query;
use crate::transaction::Transaction;

/// For how long one entry tells that a recording is being read, in milliseconds.
const TOLD_FOR: i64 = 10 * MINUTE;
/// How many entries back are looked at; if more has happened since, it is told again.
const LOOKED_BACK: i64 = 200;

/// Whether the log has just told that this reader reads this recording.
pub(super) fn is_told(tx: &mut Transaction<'_>, session: &SessionRow, by: &By) -> Result<bool, StoreError> {
    let since = tx.at().plus(-TOLD_FOR);
    let rows = query(
        "SELECT leaf FROM leaves
         WHERE log = $1 AND idx >= (SELECT size FROM logs WHERE log = $1) - $2 AND name = $3 AND at > $4",
    )
    .bind(log_text(LogId::Organization(session.organization)))
    .bind(LOOKED_BACK)
    .bind(Event::RecordingRead { project: session.project, cluster: session.cluster, session: session.id }.name())
    .bind(since.millis())
    .fetch_all(tx.sql)?;
    for row in &rows {
        let entry = read_leaf(&row::raw::<Vec<u8>>(row, "leaf")?)?;
        if entry.by == *by && entry.event.session() == Some(session.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

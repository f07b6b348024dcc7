//! Time: the high-water mark, doubt and how it is left, and what time alone makes happen.
//!
//! The rules are in [`byleave_core::time`]; here the mark is kept. Each write moves it.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::GrantEnd;
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::{ASTRAY_ALLOWED, BootId, HOUR, Now, Reading, SECOND, judge};

use crate::authority::require;
use crate::denial;
use crate::error::{Conflict, StoreError, Thing};
use crate::grant;
use crate::reader::Snapshot;
use crate::recovery;
use crate::repeat;
use crate::request;
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};

/// What a sweep wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Grants whose expiry was written to the feed.
    pub expired: usize,
    /// Folded entries of denied tries.
    pub denied: usize,
    /// Hourly time leaves.
    pub time: usize,
}

impl Store {
    /// Judges a reading against the mark without writing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the mark cannot be read.
    pub async fn now(&self, now: &Reading) -> Result<Now, StoreError> {
        Ok(self.judged(&self.read()?, now))
    }

    /// Records the high-water mark, which proves that the store can commit. The application calls it each second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn heartbeat(&self, now: &Reading) -> Result<Now, StoreError> {
        let written = self.write("heartbeat", now, |tx| Ok(tx.now));
        Ok(written.await?.value)
    }

    /// Writes what time alone makes happen: `grant.expired` once for each grant, denied tries folded by minute, a time
    /// leaf for each log that had no entry for an hour. Forgets requests that were remembered long enough. Nothing depends on
    /// it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn sweep(&self, now: &Reading) -> Result<Swept, StoreError> {
        let written = self.write("sweep", now, |tx| {
            repeat::forget(tx)?;
            Ok(Swept { expired: grant::log_expired(tx)?, denied: denial::log_folded(tx)?, time: log_time(tx)? })
        });
        Ok(written.await?.value)
    }

    /// Leaves clock doubt: the mark becomes the wall clock, and every grant in force and every request ends. An administrator's act.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the clock is not in doubt.
    pub async fn leave_doubt(&self, actor: &Actor, now: &Reading) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("leave doubt", now, move |tx| {
            let resource = Resource::Installation;
            require(tx.sql, &actor, Action::LeaveDoubt, resource, Thing::Installation)?;
            if tx.now.doubt.is_none() {
                return Err(StoreError::Conflict(Conflict::NotInDoubt));
            }
            let set_back_ms = tx.leave_doubt();
            for organization in claimed(tx.sql)? {
                tx.append(organization, By::Administrator, Event::ClockDoubtLeft { set_back_ms })?;
                tx.touch_organization(organization);
                recovery::end_with_doubt(tx, organization)?;
            }
            grant::end_all(tx, GrantEnd::ClockReset)?;
            request::end_all(tx)?;
            tx.append_installation(By::Administrator, Event::InstallationDoubtLeft { set_back_ms })?;
            Ok(())
        });
        body.await
    }
}

impl Store {
    /// What time it is, as of a transaction that reads.
    pub(crate) fn judged(&self, snapshot: &Snapshot<'_>, now: &Reading) -> Now {
        judge(snapshot.mark(), &fresh(snapshot.mark(), now.clone()))
    }
}

/// The mark; `None` before the first write.
pub(crate) fn mark(sql: &mut Sql) -> Result<Option<Reading>, StoreError> {
    let row = query("SELECT wall, boot, since_boot FROM clock").fetch_optional(sql)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Reading {
        wall: row::instant(&row, "wall")?,
        boot: BootId(row::raw(&row, "boot")?),
        since_boot: row::raw(&row, "since_boot")?,
    }))
}

/// Keeps the mark.
pub(crate) fn record(sql: &mut Sql, mark: &Reading) -> Result<(), StoreError> {
    query(
        "INSERT INTO clock (one, wall, boot, since_boot) VALUES (1, $1, $2, $3)
         ON CONFLICT (one) DO UPDATE SET wall = excluded.wall, boot = excluded.boot, since_boot = excluded.since_boot",
    )
    .bind(mark.wall.millis())
    .bind(&mark.boot.0)
    .bind(mark.since_boot)
    .execute(sql)?;
    Ok(())
}

/// How long a reading may have waited for the writes before it, in milliseconds.
const LATE_ALLOWED: i64 = 10 * SECOND;

/// A reading that waited in the queue while others moved the mark counts as made at the mark: it is late, not in doubt.
/// A wall clock that was set back is not taken for this, because its boot clock went on. Time is never set forward here.
pub(crate) fn fresh(mark: Option<&Reading>, reading: Reading) -> Reading {
    let Some(mark) = mark else { return reading };
    let late = mark.since_boot.saturating_sub(reading.since_boot);
    let behind = mark.wall.since(reading.wall);
    let waited = (1..=LATE_ALLOWED).contains(&late) && behind > 0 && (behind - late).abs() <= ASTRAY_ALLOWED;
    if mark.boot == reading.boot && waited { mark.clone() } else { reading }
}

fn claimed(sql: &mut Sql) -> Result<Vec<OrgId>, StoreError> {
    let rows = query("SELECT id FROM organizations WHERE claimed_at IS NOT NULL ORDER BY id").fetch_all(sql);
    rows?.iter().map(|row| row::text(row, "id")).collect()
}

fn log_time(tx: &mut Transaction<'_>) -> Result<usize, StoreError> {
    let rows = query(
        "SELECT organizations.id FROM organizations JOIN logs ON logs.log = organizations.id
         WHERE organizations.claimed_at IS NOT NULL AND logs.last_at <= $1 ORDER BY organizations.id",
    )
    .bind(tx.at().millis() - HOUR)
    .fetch_all(tx.sql)?;
    for row in &rows {
        tx.append(row::text(row, "id")?, By::System, Event::TimePassed {})?;
    }
    Ok(rows.len())
}

//! Time: the high-water mark, doubt and how it is left, and what time alone makes happen.
//!
//! The rules are in [`byleave_core::time`]; here the mark is kept. Each write moves it.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::grant::GrantEnd;
use byleave_core::id::OrgId;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::{ASTRAY_ALLOWED, BootId, HOUR, Now, Reading, SECOND, judge};
use sqlx::SqliteConnection;

use crate::authority::require;
use crate::denial;
use crate::error::{Conflict, StoreError, Thing};
use crate::grant;
use crate::row;
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
        self.judged(&mut *self.read().await?, now).await
    }

    /// Records the high-water mark, which proves that the store can commit. The application calls it each second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn heartbeat(&self, now: &Reading) -> Result<Now, StoreError> {
        let written = self.write("heartbeat", now, |tx| Box::pin(async move { Ok(tx.now) }));
        Ok(written.await?.value)
    }

    /// Writes what time alone makes happen: `grant.expired` once for each grant, denied tries folded by minute, a time
    /// leaf for each log that had no entry for an hour. Nothing depends on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot commit.
    pub async fn sweep(&self, now: &Reading) -> Result<Swept, StoreError> {
        let written = self.write("sweep", now, |tx| {
            Box::pin(async move {
                Ok(Swept {
                    expired: grant::log_expired(tx).await?,
                    denied: denial::log_folded(tx).await?,
                    time: log_time(tx).await?,
                })
            })
        });
        Ok(written.await?.value)
    }

    /// Leaves clock doubt: the mark becomes the wall clock, and every grant in force ends. An administrator's act.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the clock is not in doubt.
    pub async fn leave_doubt(&self, actor: &Actor, now: &Reading) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("leave doubt", now, |tx| {
            Box::pin(async move {
                let resource = Resource::Installation;
                require(&mut tx.sql, &actor, Action::LeaveDoubt, resource, Thing::Installation).await?;
                if tx.now.doubt.is_none() {
                    return Err(StoreError::Conflict(Conflict::NotInDoubt));
                }
                let set_back_ms = tx.leave_doubt();
                for organization in claimed(&mut tx.sql).await? {
                    tx.append(organization, By::Administrator, Event::ClockDoubtLeft { set_back_ms }).await?;
                    tx.touch_organization(organization);
                }
                grant::end_all(tx, GrantEnd::ClockReset).await?;
                tx.append_installation(By::Administrator, Event::InstallationDoubtLeft { set_back_ms }).await?;
                Ok(())
            })
        });
        body.await
    }
}

impl Store {
    /// What time it is, as of a transaction that reads.
    pub(crate) async fn judged(&self, sql: &mut SqliteConnection, now: &Reading) -> Result<Now, StoreError> {
        let mark = mark(sql).await?;
        Ok(judge(mark.as_ref(), &fresh(mark.as_ref(), now.clone())))
    }
}

/// The mark; `None` before the first write.
pub(crate) async fn mark(sql: &mut SqliteConnection) -> Result<Option<Reading>, StoreError> {
    let row = sqlx::query("SELECT wall, boot, since_boot FROM clock").fetch_optional(sql).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Reading {
        wall: row::instant(&row, "wall")?,
        boot: BootId(row::raw(&row, "boot")?),
        since_boot: row::raw(&row, "since_boot")?,
    }))
}

/// Keeps the mark.
pub(crate) async fn record(sql: &mut SqliteConnection, mark: &Reading) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO clock (one, wall, boot, since_boot) VALUES (1, $1, $2, $3)
         ON CONFLICT (one) DO UPDATE SET wall = excluded.wall, boot = excluded.boot, since_boot = excluded.since_boot",
    )
    .bind(mark.wall.millis())
    .bind(&mark.boot.0)
    .bind(mark.since_boot)
    .execute(sql)
    .await?;
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

async fn claimed(sql: &mut SqliteConnection) -> Result<Vec<OrgId>, StoreError> {
    let rows = sqlx::query("SELECT id FROM organizations WHERE claimed_at IS NOT NULL ORDER BY id").fetch_all(sql);
    rows.await?.iter().map(|row| row::text(row, "id")).collect()
}

async fn log_time(tx: &mut Transaction<'_>) -> Result<usize, StoreError> {
    let rows = sqlx::query(
        "SELECT organizations.id FROM organizations JOIN logs ON logs.log = organizations.id
         WHERE organizations.claimed_at IS NOT NULL AND logs.last_at <= $1 ORDER BY organizations.id",
    )
    .bind(tx.at().millis() - HOUR)
    .fetch_all(&mut *tx.sql)
    .await?;
    for row in &rows {
        tx.append(row::text(row, "id")?, By::System, Event::TimePassed {}).await?;
    }
    Ok(rows.len())
}

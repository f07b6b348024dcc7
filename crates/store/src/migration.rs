//! The schema, and how an older one becomes it: each step once, in order, in a transaction of its own.
//!
//! A step never changes after a release. This module must never run on a schema that this program does not know: steps
//! are known by the SHA-256 of their text.

use std::collections::BTreeMap;

use byleave_core::time::Reading;
use sha2::{Digest as _, Sha256};

use crate::error::{Fault, StoreError};
use crate::row;
use crate::sql::{Sql, query};

/// The steps; the first is number 1.
const STEPS: [(&str, &str); 13] = [
    ("begin", include_str!("../migrations/sqlite/0001_begin.sql")),
    ("feed", include_str!("../migrations/sqlite/0002_feed.sql")),
    ("accounts", include_str!("../migrations/sqlite/0003_accounts.sql")),
    ("surface", include_str!("../migrations/sqlite/0004_surface.sql")),
    ("feed blocks", include_str!("../migrations/sqlite/0005_feed_blocks.sql")),
    ("requests", include_str!("../migrations/sqlite/0006_requests.sql")),
    ("repeats", include_str!("../migrations/sqlite/0007_repeats.sql")),
    ("sync", include_str!("../migrations/sqlite/0008_sync.sql")),
    ("recoveries", include_str!("../migrations/sqlite/0009_recoveries.sql")),
    ("sync_member", include_str!("../migrations/sqlite/0010_sync_member.sql")),
    ("password_resets", include_str!("../migrations/sqlite/0011_password_resets.sql")),
    ("sync_ends", include_str!("../migrations/sqlite/0012_sync_ends.sql")),
    ("supplied", include_str!("../migrations/sqlite/0013_supplied.sql")),
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 BLOB NOT NULL, applied_at BIGINT NOT NULL)";

/// Takes the steps that are missing.
///
/// # Errors
/// [`StoreError::Unavailable`] if the schema is one that this program does not know, or a step cannot be taken.
pub(crate) fn migrate(sql: &mut Sql, now: &Reading) -> Result<(), StoreError> {
    sql.batch(TABLE)?;
    let taken = taken(sql)?;
    for (number, (name, text)) in (1..).zip(STEPS).skip(taken) {
        sql.run("BEGIN IMMEDIATE")?;
        let step = sql.batch(text).and_then(|()| {
            query("INSERT INTO migrations (number, name, sha256, applied_at) VALUES ($1, $2, $3, $4)")
                .bind(number)
                .bind(name)
                .bind(digest(text))
                .bind(now.wall.millis())
                .execute(sql)?;
            sql.run("COMMIT")
        });
        if let Err(error) = step {
            let _the_transaction_may_be_gone = sql.run("ROLLBACK");
            return Err(StoreError::Unavailable(Fault::of(format!("the schema cannot take the step `{name}`"), error)));
        }
    }
    Ok(())
}

/// Refuses a schema that is not the one of this program: that is for a start to change.
pub(crate) fn require_current(sql: &mut Sql) -> Result<(), StoreError> {
    match taken(sql).is_ok_and(|taken| taken == STEPS.len()) {
        true => Ok(()),
        false => Err(unknown()),
    }
}

/// What the schema has that one made anew has not, the other way round, or in other words.
///
/// # Errors
/// [`StoreError::Unavailable`] if a schema cannot be read, or is one that this program does not know.
pub(crate) fn differences(sql: &mut Sql, now: &Reading) -> Result<Vec<String>, StoreError> {
    require_current(sql)?;
    let mut fresh = Sql::beside()?;
    migrate(&mut fresh, now)?;
    let (there, due) = (parts(sql)?, parts(&mut fresh)?);
    let gone =
        due.keys().filter(|part| !there.contains_key(*part)).map(|(kind, name)| format!("{kind} `{name}` is gone"));
    let others = there.iter().filter_map(|(part @ (kind, name), text)| match due.get(part) {
        None => Some(format!("{kind} `{name}` is none of Byleave's")),
        Some(made) if made != text => Some(format!("{kind} `{name}` was altered")),
        Some(_) => None,
    });
    Ok(gone.chain(others).collect())
}

/// Tables, indexes, triggers and views by kind and name, as they were written.
fn parts(sql: &mut Sql) -> Result<BTreeMap<(String, String), String>, StoreError> {
    // What SQLite makes by itself has no text.
    let rows = query("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetch_all(sql)?;
    rows.iter().map(|row| Ok(((row::raw(row, "type")?, row::raw(row, "name")?), row::raw(row, "sql")?))).collect()
}

/// How many steps were taken.
fn taken(sql: &mut Sql) -> Result<usize, StoreError> {
    let rows = query("SELECT number, sha256 FROM migrations ORDER BY number").fetch_all(sql)?;
    let mut steps = (1_i64..).zip(STEPS);
    for row in &rows {
        let (number, (_, text)) = steps.next().ok_or_else(unknown)?;
        if row::raw::<i64>(row, "number")? != number || row::raw::<Vec<u8>>(row, "sha256")? != digest(text) {
            return Err(unknown());
        }
    }
    Ok(rows.len())
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

fn unknown() -> StoreError {
    StoreError::Unavailable(Fault::new("the schema of the database is not one that this program knows"))
}

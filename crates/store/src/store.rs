//! The store itself: opening it, and what it keeps in memory.
//!
//! One connection writes, a few read. This module must never open a database with a SQLite that can corrupt it, or
//! with a schema that this program does not know.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use byleave_core::actor::By;
use byleave_core::event::{Event, LogId};
use byleave_core::id::{InstallationId, StartId};
use byleave_core::name::{VendorName, VendorSlug};
use byleave_core::session::SessionEnd;
use byleave_core::time::{Entropy, Reading};
use byleave_log::key::SigningKey;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, SqlStr};
use tokio::sync::Mutex;

use crate::error::{Fault, StoreError};
use crate::facts;
use crate::hub::Hub;
use crate::row;
use crate::seal::{SealingKey, random};
use crate::session;

/// How long a statement waits for a database that somebody else locked.
const BUSY_FOR: Duration = Duration::from_secs(2);
/// How long a write waits for the writes before it.
pub(crate) const QUEUE_FOR: Duration = Duration::from_secs(5);
/// How many connections read.
const READERS: u32 = 4;
/// The first SQLite without the race of 3.7.0 to 3.51.2 that corrupts databases in WAL mode.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

const UNKNOWN_SCHEMA: &str = "the schema of the database is not one that this program knows";

/// What an installation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The vendor's name on pages.
    pub vendor: VendorName,
    /// The vendor's word in employee identifiers.
    pub slug: VendorSlug,
    /// The version of this program, for `server.started`.
    pub version: String,
}

/// The store. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.files.database).finish_non_exhaustive()
    }
}

struct Inner {
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    hub: Hub,
    sealing: SealingKey,
    entropy: Arc<dyn Entropy>,
    options: StoreOptions,
    installation: InstallationId,
    signing: SigningKey,
    files: Files,
}

/// Whether there must be an installation already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// There is one. A database without it lost it.
    Again,
    /// It is made, or what an earlier first start made of it is gone on with.
    First,
}

impl Store {
    /// The file name of the database in the data directory.
    pub const FILE: &'static str = "byleave.db";

    /// Makes the store of a new installation in a data directory, or goes on with one that was not finished.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be made or written, if SQLite is older than 3.51.3 or the schema is
    /// newer than this program; [`StoreError::Corrupt`] if there is one with another sealing key.
    pub async fn begin(
        dir: &Path,
        options: StoreOptions,
        sealing: SealingKey,
        entropy: Arc<dyn Entropy>,
        now: &Reading,
    ) -> Result<Self, StoreError> {
        let database = dir.join(Self::FILE);
        // SQLite gives its other files the mode of this one.
        let made = OpenOptions::new().append(true).create(true).mode(0o600).open(&database);
        made.map_err(|error| StoreError::Unavailable(Fault::of("the database file cannot be made", error)))?;
        Self::start_up(Start::First, database, options, sealing, entropy, now).await
    }

    /// Opens the store in a data directory; closes sessions that a crash left open. It must never make one: an
    /// installation whose database was lost would begin anew, and nobody would know.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be opened or written, if SQLite is older than 3.51.3 or the schema is
    /// newer than this program; [`StoreError::Corrupt`] if there is no installation in it or the sealing key is not the
    /// one it was made with.
    pub async fn open(
        dir: &Path,
        options: StoreOptions,
        sealing: SealingKey,
        entropy: Arc<dyn Entropy>,
        now: &Reading,
    ) -> Result<Self, StoreError> {
        Self::start_up(Start::Again, dir.join(Self::FILE), options, sealing, entropy, now).await
    }

    async fn start_up(
        start: Start,
        database: PathBuf,
        options: StoreOptions,
        sealing: SealingKey,
        entropy: Arc<dyn Entropy>,
        now: &Reading,
    ) -> Result<Self, StoreError> {
        if start == Start::Again {
            refuse_empty(&database).await?;
        }
        let mut writer = connect(&database).await?;
        refuse_old_sqlite(&mut writer).await?;
        migrator().run(&mut writer).await.map_err(|error| StoreError::Unavailable(Fault::of(UNKNOWN_SCHEMA, error)))?;
        if start == Start::First {
            make_identity(&mut writer, &options, &sealing, entropy.as_ref(), now).await?;
        }
        let (installation, signing) = identity(&mut writer, &sealing).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .acquire_timeout(QUEUE_FOR)
            .connect_with(settings(&database).read_only(true))
            .await?;
        let files = Files::of(database)?;
        let (hub, writer) = (Hub::default(), Mutex::new(writer));
        let inner = Inner { writer, readers, hub, sealing, entropy, options, installation, signing, files };
        let store = Self { inner: Arc::new(inner) };
        store.start(start, now).await?;
        Ok(store)
    }

    /// The key that verifies this installation's checkpoints, as C2SP note vkey text.
    pub fn verifying_key(&self) -> String {
        self.inner.signing.vkey()
    }

    /// The id of this installation.
    pub fn installation(&self) -> InstallationId {
        self.inner.installation
    }

    /// What the installation is called.
    pub fn options(&self) -> &StoreOptions {
        &self.inner.options
    }

    /// Waits until what is under way has finished, and moves all of it into the database file.
    pub async fn close(&self) {
        let mut writer = self.inner.writer.lock().await;
        self.inner.readers.close().await;
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *writer).await {
            tracing::warn!(error = ?error, "the write-ahead log stays beside the database");
        }
    }

    pub(crate) fn writer(&self) -> &Mutex<SqliteConnection> {
        &self.inner.writer
    }

    /// Takes a fresh connection for writing. SQLite ends a transaction by itself when the disk is full; the connection's
    /// library counts it as open for ever, and nothing could be written again.
    pub(crate) async fn renew(&self, writer: &mut SqliteConnection) -> Result<(), StoreError> {
        self.check_file()?;
        let fresh = connect(&self.inner.files.database).await?;
        // Closed after the other is open: the last connection to close removes the write-ahead log.
        drop(std::mem::replace(writer, fresh));
        tracing::warn!("a transaction could not be rolled back: the connection that writes was renewed");
        Ok(())
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.inner.entropy.as_ref()
    }

    pub(crate) fn sealing(&self) -> &SealingKey {
        &self.inner.sealing
    }

    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.inner.signing
    }

    /// A snapshot for several statements that read.
    pub(crate) async fn read(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, StoreError> {
        Ok(self.inner.readers.begin().await?)
    }

    /// Refuses to commit into files that were moved or removed: SQLite would write on, and nobody would find it.
    pub(crate) fn check_file(&self) -> Result<(), StoreError> {
        self.inner.files.check()
    }

    /// The first transaction of a start: what a crash left open is closed.
    async fn start(&self, start: Start, now: &Reading) -> Result<(), StoreError> {
        let written = self.write("start", now, move |tx| {
            Box::pin(async move {
                if facts::log_size(&mut tx.sql, LogId::Installation).await? == 0 {
                    if start == Start::Again {
                        return Err(lost());
                    }
                    let vendor = tx.store.options().vendor.to_string();
                    tx.append_installation(By::System, Event::InstallationCreated { vendor }).await?;
                }
                let (start, version) = (StartId::from_bytes(tx.random()), tx.store.options().version.clone());
                tx.append_installation(By::System, Event::ServerStarted { start, version }).await?;
                session::close_all(tx, SessionEnd::Restart).await
            })
        });
        let closed = written.await?.value;
        if closed > 0 {
            tracing::warn!(sessions = closed, "closed sessions that were open when the server stopped");
        }
        Ok(())
    }
}

fn settings(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_FOR)
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

async fn connect(database: &Path) -> Result<SqliteConnection, StoreError> {
    let settings = settings(database).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    Ok(settings.connect().await?)
}

async fn refuse_old_sqlite(sql: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT sqlite_version() AS version").fetch_one(sql).await?;
    let version: String = row::raw(&row, "version")?;
    if is_new_enough(&version) {
        Ok(())
    } else {
        let what = format!("SQLite {version} can corrupt a database; at least 3.51.3 is needed");
        Err(StoreError::Unavailable(Fault::new(what)))
    }
}

fn is_new_enough(version: &str) -> bool {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.as_slice() >= OLDEST_SQLITE.as_slice())
}

fn migrator() -> Migrator {
    let begin = SqlStr::from_static(include_str!("../migrations/sqlite/0001_begin.sql"));
    let feed = SqlStr::from_static(include_str!("../migrations/sqlite/0002_feed.sql"));
    let accounts = SqlStr::from_static(include_str!("../migrations/sqlite/0003_accounts.sql"));
    let surface = SqlStr::from_static(include_str!("../migrations/sqlite/0004_surface.sql"));
    Migrator::with_migrations(vec![
        Migration::new(1, "begin".into(), MigrationType::Simple, begin, false),
        Migration::new(2, "feed".into(), MigrationType::Simple, feed, false),
        Migration::new(3, "accounts".into(), MigrationType::Simple, accounts, false),
        Migration::new(4, "surface".into(), MigrationType::Simple, surface, false),
    ])
}

fn context(id: InstallationId) -> String {
    format!("installation {id} signing key")
}

fn lost() -> StoreError {
    StoreError::corrupt("there is no installation in the database")
}

/// Refuses a database in which nothing was ever made, and leaves it as it is.
async fn refuse_empty(database: &Path) -> Result<(), StoreError> {
    let mut sql = look(database).await?;
    let table = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'installation'");
    if table.fetch_optional(&mut sql).await?.is_some() { Ok(()) } else { Err(lost()) }
}

/// A connection that only looks.
pub(crate) async fn look(database: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(settings(database).read_only(true).connect().await?)
}

/// Refuses a schema that is not the one of this program: that is for a start to change.
pub(crate) async fn know_schema(sql: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations").fetch_one(sql).await?;
    let newest = migrator().iter().map(|migration| migration.version).max().unwrap_or(0);
    match row::raw::<i64>(&row, "version")? == newest {
        true => Ok(()),
        false => Err(StoreError::Unavailable(Fault::new(UNKNOWN_SCHEMA))),
    }
}

/// Reads who this installation is.
pub(crate) async fn identity(
    sql: &mut SqliteConnection,
    sealing: &SealingKey,
) -> Result<(InstallationId, SigningKey), StoreError> {
    let row = sqlx::query("SELECT id, signing_key_sealed FROM installation").fetch_optional(sql).await?;
    let row = row.ok_or_else(lost)?;
    let id: InstallationId = row::text(&row, "id")?;
    let seed = sealing.open(&context(id), &row::raw::<Vec<u8>>(&row, "signing_key_sealed")?)?;
    let seed = <&[u8; 32]>::try_from(seed.as_slice())
        .map_err(|_| StoreError::corrupt("the signing key must have 32 bytes"))?;
    Ok((id, SigningKey::from_bytes(seed, id)))
}

/// Makes the installation, if an earlier first start did not.
async fn make_identity(
    sql: &mut SqliteConnection,
    options: &StoreOptions,
    sealing: &SealingKey,
    entropy: &dyn Entropy,
    now: &Reading,
) -> Result<(), StoreError> {
    let id = InstallationId::from_bytes(random(entropy));
    let seed = zeroize::Zeroizing::new(random::<32>(entropy));
    sqlx::query(
        "INSERT INTO installation (one, id, vendor, signing_key_sealed, created_at) VALUES (1, $1, $2, $3, $4)
         ON CONFLICT (one) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(options.vendor.as_str())
    .bind(sealing.seal(entropy, &context(id), seed.as_slice())?)
    .bind(now.wall.millis())
    .execute(sql)
    .await?;
    Ok(())
}

/// The database file and its write-ahead log, as they were when the store was opened.
struct Files {
    database: PathBuf,
    database_id: (u64, u64),
    wal: PathBuf,
    wal_id: (u64, u64),
}

impl Files {
    fn of(database: PathBuf) -> Result<Self, StoreError> {
        let mut wal = database.clone().into_os_string();
        wal.push("-wal");
        let wal = PathBuf::from(wal);
        Ok(Self { database_id: file_id(&database)?, wal_id: file_id(&wal)?, database, wal })
    }

    fn check(&self) -> Result<(), StoreError> {
        if file_id(&self.database)? == self.database_id && file_id(&self.wal)? == self.wal_id {
            Ok(())
        } else {
            Err(StoreError::Unavailable(Fault::new("the database was moved or replaced while it was open")))
        }
    }
}

fn file_id(path: &Path) -> Result<(u64, u64), StoreError> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| StoreError::Unavailable(Fault::of("a file of the database cannot be found", error)))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_corrupts_databases_is_refused() {
        for old in ["3.40.1", "3.46.0", "3.51.2", "2.99.99", "", "3.51.x"] {
            assert!(!is_new_enough(old), "{old}");
        }
        for new in ["3.51.3", "3.52.0", "4.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
    }
}

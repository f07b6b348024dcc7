//! The store itself: opening it, and what it keeps in memory.
//!
//! One connection writes, a few read. This module must never open a database with a SQLite that can corrupt it, or
//! with a schema that this program does not know.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use byleave_core::actor::By;
use byleave_core::event::{Event, LogId};
use byleave_core::id::{GrantId, InstallationId, StartId};
use byleave_core::name::{VendorName, VendorSlug};
use byleave_core::session::SessionEnd;
use byleave_core::time::{Entropy, Reading};
use byleave_log::key::SigningKey;

use crate::error::{Fault, StoreError};
use crate::facts;
use crate::hub::Hub;
use crate::memory::Memory;
use crate::migration::migrate;
use crate::reader::{Files, Length, Lines, Readers, Snapshot};
use crate::repeat::Ticket;
use crate::row;
use crate::seal::{SealingKey, random};
use crate::session;
use crate::sql::{Access, Sql, query};
use crate::tag::Expectation;
use crate::transaction::Watch;
use crate::writer::Writer;

/// The first SQLite without the race of 3.7.0 to 3.51.2 that corrupts databases in WAL mode.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

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
    ticket: Option<Arc<Ticket>>,
    expectation: Option<Arc<Expectation>>,
    /// The id of its next grant, with which a credential was supplied.
    supplied: Option<GrantId>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.database).finish_non_exhaustive()
    }
}

struct Inner {
    writer: Writer,
    readers: Readers,
    lines: Lines,
    hub: Arc<Hub>,
    sealing: SealingKey,
    entropy: Arc<dyn Entropy>,
    options: StoreOptions,
    installation: InstallationId,
    signing: SigningKey,
    database: PathBuf,
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
            refuse_empty(&database)?;
        }
        let mut sql = Sql::open(&database, Access::Write)?;
        refuse_old_sqlite(&mut sql)?;
        migrate(&mut sql, now)?;
        if start == Start::First {
            make_identity(&mut sql, &options, &sealing, entropy.as_ref(), now)?;
        }
        let (installation, signing) = identity(&mut sql, &sealing)?;
        let (hub, memory) = (Arc::<Hub>::default(), Arc::<Memory>::default());
        let (readers, lines) = (Readers::open(&database, &memory)?, Lines::open(&database, &memory)?);
        let files = Files::of(database.clone())?;
        let writer = Writer::start(sql, Watch { hub: hub.clone(), files }, memory)?;
        let inner = Inner { writer, readers, lines, hub, sealing, entropy, options, installation, signing, database };
        let store = Self { inner: Arc::new(inner), ticket: None, expectation: None, supplied: None };
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
        let moved = self.between_writes(|sql| sql.batch("PRAGMA wal_checkpoint(TRUNCATE)"));
        if let Err(error) = moved.await {
            tracing::warn!(error = ?error, "the write-ahead log stays beside the database");
        }
    }

    /// The same store, writing for this request.
    pub(crate) fn with_ticket(&self, ticket: Option<Arc<Ticket>>) -> Self {
        Self { ticket, ..self.clone() }
    }

    /// The request for which it writes, while that has changed nothing yet.
    pub(crate) fn ticket(&self) -> Option<&Arc<Ticket>> {
        self.ticket.as_ref().filter(|ticket| !ticket.is_spent())
    }

    /// The same store, writing only what is as expected.
    pub(crate) fn with_expectation(&self, expectation: Arc<Expectation>) -> Self {
        Self { expectation: Some(expectation), ..self.clone() }
    }

    /// What its next write must find; `None` once one has found it.
    pub(crate) fn expectation(&self) -> Option<&Arc<Expectation>> {
        self.expectation.as_ref().filter(|expectation| !expectation.is_met())
    }

    /// The same store for one grant that comes with a credential for sync data of the customer's own. It gets this id, so that
    /// the credential can be kept under it before anybody hears of the grant; and no other one is used for it.
    #[must_use]
    pub fn supplying(&self, grant: GrantId) -> Self {
        Self { supplied: Some(grant), ..self.clone() }
    }

    /// The id of its next grant, if a credential was supplied with that.
    pub(crate) fn supplied(&self) -> Option<GrantId> {
        self.supplied
    }

    /// An id that no grant has.
    pub fn new_grant_id(&self) -> GrantId {
        GrantId::from_bytes(random(self.entropy()))
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// Does something between two commits, when all that was committed is published.
    pub(crate) async fn between_writes<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.between(work).await
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
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
    pub(crate) fn read(&self) -> Result<Snapshot<'_>, StoreError> {
        self.inner.readers.snapshot()
    }

    /// Reads what may take as long as a log is: in its turn, on a thread where nobody waits for another answer. Others
    /// are answered, the time is recorded and sessions go on meanwhile.
    pub(crate) async fn read_long<T: Send + 'static>(
        &self,
        length: Length,
        work: impl FnOnce(&Self, &mut Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let broken = |error: String| StoreError::Unavailable(Fault::of("a long read did not end in order", error));
        let turns = self.inner.lines.of(length).turns.clone();
        let turn = turns.acquire_owned().await.map_err(|error| broken(error.to_string()))?;
        let store = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut sql = store.inner.lines.of(length).readers.snapshot()?;
            let read = work(&store, &mut sql);
            // The turn ends after the snapshot.
            drop(sql);
            drop(turn);
            read
        });
        read.await.unwrap_or_else(|error| Err(broken(error.to_string())))
    }

    /// The first transaction of a start: what a crash left open is closed.
    async fn start(&self, start: Start, now: &Reading) -> Result<(), StoreError> {
        let written = self.write("start", now, move |tx| {
            if facts::log_size(tx.sql, LogId::Installation)? == 0 {
                if start == Start::Again {
                    return Err(lost());
                }
                let vendor = tx.store.options().vendor.to_string();
                tx.append_installation(By::System, Event::InstallationCreated { vendor })?;
            }
            let (start, version) = (StartId::from_bytes(tx.random()), tx.store.options().version.clone());
            tx.append_installation(By::System, Event::ServerStarted { start, version })?;
            session::close_all(tx, SessionEnd::Restart)
        });
        let closed = written.await?.value;
        if closed > 0 {
            tracing::warn!(sessions = closed, "closed sessions that were open when the server stopped");
        }
        Ok(())
    }
}

fn refuse_old_sqlite(sql: &mut Sql) -> Result<(), StoreError> {
    let row = query("SELECT sqlite_version() AS version").fetch_one(sql)?;
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

fn context(id: InstallationId) -> String {
    format!("installation {id} signing key")
}

fn lost() -> StoreError {
    StoreError::corrupt("there is no installation in the database")
}

/// Refuses a database in which nothing was ever made, and leaves it as it is.
fn refuse_empty(database: &Path) -> Result<(), StoreError> {
    let mut sql = Sql::open(database, Access::Read)?;
    let table = query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'installation'");
    if table.fetch_optional(&mut sql)?.is_some() { Ok(()) } else { Err(lost()) }
}

/// Reads who this installation is.
pub(crate) fn identity(sql: &mut Sql, sealing: &SealingKey) -> Result<(InstallationId, SigningKey), StoreError> {
    let row = query("SELECT id, signing_key_sealed FROM installation").fetch_optional(sql)?;
    let row = row.ok_or_else(lost)?;
    let id: InstallationId = row::text(&row, "id")?;
    let seed = sealing.open(&context(id), &row::raw::<Vec<u8>>(&row, "signing_key_sealed")?)?;
    let seed = <&[u8; 32]>::try_from(seed.as_slice())
        .map_err(|_| StoreError::corrupt("the signing key must have 32 bytes"))?;
    Ok((id, SigningKey::from_bytes(seed, id)))
}

/// Makes the installation, if an earlier first start did not.
fn make_identity(
    sql: &mut Sql,
    options: &StoreOptions,
    sealing: &SealingKey,
    entropy: &dyn Entropy,
    now: &Reading,
) -> Result<(), StoreError> {
    let id = InstallationId::from_bytes(random(entropy));
    let seed = zeroize::Zeroizing::new(random::<32>(entropy));
    query(
        "INSERT INTO installation (one, id, vendor, signing_key_sealed, created_at) VALUES (1, $1, $2, $3, $4)
         ON CONFLICT (one) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(options.vendor.as_str())
    .bind(sealing.seal(entropy, &context(id), seed.as_slice())?)
    .bind(now.wall.millis())
    .execute(sql)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use byleave_core::time::{BootId, Timestamp};

    use super::*;

    /// Bytes that do for a test.
    #[derive(Debug)]
    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(1);
        }
    }

    async fn made(dir: &Path) -> (Store, Reading) {
        let options = StoreOptions {
            vendor: "Acme".parse().unwrap(),
            slug: "acme".parse().unwrap(),
            version: "0.1.0".to_owned(),
        };
        let now = Reading { wall: Timestamp::from_millis(1), boot: BootId("one".to_owned()), since_boot: 1 };
        let sealing = SealingKey::from_bytes([7; 32]);
        (Store::begin(dir, options, sealing, Arc::new(Ones), &now).await.unwrap(), now)
    }

    #[tokio::test]
    async fn long_reads_keep_nobody_else_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let (store, now) = made(dir.path()).await;
        let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
        let (mut reads, mut held) = (tokio::task::JoinSet::new(), Vec::new());
        // More than there are turns, on the one thread of this test.
        for length in [Length::Log, Length::Page].into_iter().cycle().take(20) {
            let (hold, release) = channel::<()>();
            held.push(hold);
            let (store, started) = (store.clone(), started.clone());
            reads.spawn(async move {
                let read = store.read_long(length, move |_, sql| {
                    query("SELECT COUNT(*) AS leaves FROM leaves").fetch_one(sql)?;
                    started.send(length).unwrap();
                    Ok(release.recv_timeout(Duration::from_secs(20)))
                });
                read.await.unwrap()
            });
        }
        let mut under_way = Vec::new();
        while under_way.len() < 6 {
            under_way.push(starts.recv().await.unwrap());
        }
        assert_eq!(under_way.iter().filter(|length| **length == Length::Log).count(), 2);
        store.now(&now).await.unwrap();
        store.heartbeat(&now).await.unwrap();
        starts.try_recv().expect_err("the others wait for their turn");
        held.clear();
        let all = reads.join_all().await;
        assert!(all.iter().all(|held| *held == Err(RecvTimeoutError::Disconnected)), "{all:?}");
    }

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

//! Connections that read, and whether the files are still those that were opened.
//!
//! A snapshot is what one transaction sees. It cannot be held while its holder waits for anything: no future that holds
//! one across an await can be sent to another thread, and the compiler says so.

use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::time::Reading;
use tokio::sync::Semaphore;

use crate::clock;
use crate::error::{Fault, StoreError};
use crate::memory::{Memory, Recall};
use crate::sql::{Access, Sql};

/// How many connections read what is short.
const READERS: usize = 4;
/// How many read a page of what grows for ever.
const PAGES: usize = 4;
/// How many read a whole log.
const LOGS: usize = 2;

/// How much is read, where that is more than a few rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// A whole log.
    Log,
    /// A page, for which many rows may be passed over.
    Page,
}

/// Connections for what may take long, and whose turn it is to use them. They are apart from the others, so that nobody
/// who asks for a few rows waits for somebody who asks for millions.
#[derive(Debug)]
pub(crate) struct Line {
    /// The connections; who has a turn finds one of them free.
    pub(crate) readers: Readers,
    /// The turns.
    pub(crate) turns: Arc<Semaphore>,
}

/// The lines for what may take long.
#[derive(Debug)]
pub(crate) struct Lines {
    pages: Line,
    logs: Line,
}

impl Lines {
    /// Opens their connections.
    pub(crate) fn open(database: &Path, memory: &Arc<Memory>) -> Result<Self, StoreError> {
        Ok(Self { pages: Line::open(database, memory, PAGES)?, logs: Line::open(database, memory, LOGS)? })
    }

    /// The line for this length.
    pub(crate) const fn of(&self, length: Length) -> &Line {
        match length {
            Length::Log => &self.logs,
            Length::Page => &self.pages,
        }
    }
}

impl Line {
    fn open(database: &Path, memory: &Arc<Memory>, number: usize) -> Result<Self, StoreError> {
        Ok(Self { readers: Readers::of(database, memory, number)?, turns: Arc::new(Semaphore::new(number)) })
    }
}

/// The connections that read.
#[derive(Debug)]
pub(crate) struct Readers {
    database: PathBuf,
    connections: Vec<Mutex<Sql>>,
    memory: Arc<Memory>,
    turn: AtomicUsize,
}

impl Readers {
    /// Opens them.
    pub(crate) fn open(database: &Path, memory: &Arc<Memory>) -> Result<Self, StoreError> {
        Self::of(database, memory, READERS)
    }

    fn of(database: &Path, memory: &Arc<Memory>, number: usize) -> Result<Self, StoreError> {
        let one = |_| Sql::open(database, Access::Read).map(Mutex::new);
        let connections = (0..number).map(one).collect::<Result<_, _>>()?;
        Ok(Self { database: database.to_owned(), connections, memory: memory.clone(), turn: AtomicUsize::default() })
    }

    /// What there is now, for several statements.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let before = self.memory.era();
        let mut sql = self.connection()?;
        if sql.is_in_transaction() {
            *sql = Sql::open(&self.database, Access::Read)?;
        }
        sql.run("BEGIN")?;
        let mut snapshot = Snapshot { sql, mark: None };
        // The first statement that reads is what decides which data are seen.
        snapshot.mark = clock::mark(&mut snapshot)?;
        snapshot.set_recall(Recall::of(&self.memory, before));
        Ok(snapshot)
    }

    /// One that nobody uses, or the first that gets free among those in turn.
    fn connection(&self) -> Result<MutexGuard<'_, Sql>, StoreError> {
        if let Some(free) = self.connections.iter().find_map(|connection| connection.try_lock().ok()) {
            return Ok(free);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        let connection = self.connections.get(turn);
        let connection = connection.ok_or_else(|| StoreError::Unavailable(Fault::new("no connection reads")))?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A transaction that reads.
pub(crate) struct Snapshot<'a> {
    sql: MutexGuard<'a, Sql>,
    mark: Option<Reading>,
}

impl Snapshot<'_> {
    /// The high-water mark of time.
    pub(crate) const fn mark(&self) -> Option<&Reading> {
        self.mark.as_ref()
    }
}

impl Deref for Snapshot<'_> {
    type Target = Sql;

    fn deref(&self) -> &Sql {
        &self.sql
    }
}

impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut Sql {
        &mut self.sql
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.sql.set_recall(None);
        // The next who reads opens a fresh connection if this one is still in a transaction.
        let _the_next_snapshot_looks = self.sql.run("ROLLBACK");
    }
}

/// The database file and its write-ahead log, as they were when the store was opened.
#[derive(Debug)]
pub(crate) struct Files {
    database: PathBuf,
    database_id: (u64, u64),
    wal: PathBuf,
    wal_id: (u64, u64),
}

impl Files {
    /// Of this database.
    pub(crate) fn of(database: PathBuf) -> Result<Self, StoreError> {
        let mut wal = database.clone().into_os_string();
        wal.push("-wal");
        let wal = PathBuf::from(wal);
        Ok(Self { database_id: file_id(&database)?, wal_id: file_id(&wal)?, database, wal })
    }

    /// Refuses files that were moved or removed: SQLite would write on, and nobody would find it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
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

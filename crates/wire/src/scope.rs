//! What one session may reach, and what it holds: the state that the judge looks at.
//!
//! All connections of a session share one [`Scope`]. It must never hold a document, and it grows only within
//! [`Limits`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use byleave_core::name::SyncDatabase;

/// A database and a collection of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namespace {
    /// The database.
    pub database: String,
    /// The collection, as a cursor's `ns` names it.
    pub collection: String,
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

/// What support may load a production cluster with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest time of one command on the server, in milliseconds.
    pub max_time_ms: i32,
    /// The largest batch that a client may name, in documents. A batch is 16 MiB at most anyway.
    pub batch_size: i32,
    /// How many cursors a session may hold open.
    pub cursors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_time_ms: 30_000, batch_size: 10_000, cursors: 256 }
    }
}

/// A cursor that is open.
#[derive(Debug, Clone)]
struct Held {
    namespace: Namespace,
    /// When it was used last, by the count of uses.
    used: u64,
}

/// The state of one session.
#[derive(Debug, Clone)]
pub struct Scope {
    open: Vec<SyncDatabase>,
    lsid: [u8; 16],
    limits: Limits,
    cursors: BTreeMap<i64, Held>,
    uses: u64,
    collections: BTreeSet<Namespace>,
    databases: BTreeSet<String>,
}

/// How many names of collections, and of databases, a session remembers as looked up; beyond that each use looks again.
const REMEMBERED: usize = 4096;

impl Scope {
    /// The state of a new session: what is open, the id under which the server knows it (16 random bytes of the
    /// door's), and its limits.
    pub const fn new(open: Vec<SyncDatabase>, lsid: [u8; 16], limits: Limits) -> Self {
        Self {
            open,
            lsid,
            limits,
            cursors: BTreeMap::new(),
            uses: 0,
            collections: BTreeSet::new(),
            databases: BTreeSet::new(),
        }
    }

    /// What is open.
    pub fn open(&self) -> &[SyncDatabase] {
        &self.open
    }

    /// Whether this database is open.
    pub fn covers(&self, database: &str) -> bool {
        self.open.iter().any(|open| open.covers(database))
    }

    /// The id under which the server knows this session.
    pub const fn lsid(&self) -> &[u8; 16] {
        &self.lsid
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The namespace of a cursor of this session.
    pub fn cursor(&self, id: i64) -> Option<&Namespace> {
        self.cursors.get(&id).map(|held| &held.namespace)
    }

    /// Every open cursor, to kill them when the session ends.
    pub fn cursors(&self) -> impl Iterator<Item = (i64, &Namespace)> {
        self.cursors.iter().map(|(id, held)| (*id, &held.namespace))
    }

    /// Makes room for one more cursor: where there is none, the cursor that was not used for longest is forgotten and given
    /// out, to be killed on the server.
    pub fn make_room(&mut self) -> Option<(i64, Namespace)> {
        if self.cursors.len() < self.limits.cursors {
            return None;
        }
        let oldest = self.cursors.iter().min_by_key(|(_, held)| held.used).map(|(id, _)| *id)?;
        self.cursors.remove(&oldest).map(|held| (oldest, held.namespace))
    }

    /// Remembers a cursor that the server opened for this session, or that it was used.
    pub fn hold_cursor(&mut self, id: i64, namespace: Namespace) {
        self.uses = self.uses.saturating_add(1);
        self.cursors.insert(id, Held { namespace, used: self.uses });
    }

    /// Forgets every cursor: the server holds them for a user that the gateway no longer is.
    pub fn forget_cursors(&mut self) {
        self.cursors.clear();
    }

    /// Forgets a cursor that is used up or killed.
    pub fn drop_cursor(&mut self, id: i64) {
        self.cursors.remove(&id);
    }

    /// Whether the server said that this is a collection.
    pub fn knows(&self, namespace: &Namespace) -> bool {
        self.collections.contains(namespace)
    }

    /// Whether the server said that there is this database.
    pub fn knows_database(&self, database: &str) -> bool {
        self.databases.contains(database)
    }

    /// Remembers that the server said so.
    pub fn learn_database(&mut self, database: &str) {
        if self.databases.len() < REMEMBERED {
            self.databases.insert(database.to_owned());
        }
    }

    /// Remembers that the server said that this is a collection, and so that its database is there.
    pub fn learn(&mut self, namespace: Namespace) {
        self.learn_database(&namespace.database);
        if self.collections.len() < REMEMBERED {
            self.collections.insert(namespace);
        }
    }

    /// What is open, for the text of a refusal.
    pub fn says_open(&self) -> String {
        let names: Vec<&str> = self.open.iter().map(SyncDatabase::as_str).collect();
        names.join(", ")
    }
}

//! What those who read remember of who may do what, for as long as no commit changes it.
//!
//! The thread that writes ends an era before each commit that could matter to that, and begins the next one after it. A
//! snapshot belongs to an era if that one held before it began and still does once it sees its data: then no such commit
//! lies between it and anything else that was read in this era, and what one of them read is what the other would read.
//! So nothing is answered from memory that a commit changed, from the moment on that this commit could be seen. Time alone
//! never keeps or ends anything here: whoever asks compares instants themselves.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byleave_core::id::{OrgId, ProjectId};
use byleave_core::role::Roles;

use crate::access_token::IssuedToken;
use crate::authority::Holder;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::web_session::WebSession;

/// Tables that say nothing of who may do what. A commit that changes a row of any other one ends the era: a new table is
/// among those until somebody has thought about it.
const BESIDE: [&str; 14] = [
    "clock",
    "denials",
    "disclosures",
    "feed_blocks",
    "grants",
    "hand_backs",
    "identifiers",
    "leaves",
    "logs",
    "refused_forwardings",
    "repeats",
    "requests",
    "sessions",
    "tree_nodes",
];
/// The most that is remembered of a kind.
const MOST: usize = 10_000;

/// Whether a change of a table could matter to who may do what.
pub(crate) fn matters(table: &str) -> bool {
    !BESIDE.contains(&table)
}

/// The present era, and what is remembered of it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Odd between two eras.
    era: AtomicU64,
    kept: Mutex<Kept>,
}

/// What is remembered of one era. What is not there is not remembered: anybody can ask for what there is not.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    era: u64,
    /// The roles of those who were not removed.
    pub(crate) roles: HashMap<(Holder, OrgId), Roles>,
    /// Whose a project is.
    pub(crate) projects: HashMap<ProjectId, OrgId>,
    /// Web sessions by the hash of their token, over or not.
    pub(crate) web_sessions: HashMap<[u8; 32], WebSession>,
    /// Access tokens by their hash, over or not.
    pub(crate) tokens: HashMap<[u8; 32], IssuedToken>,
}

impl Memory {
    /// The era that holds; `None` between two.
    pub(crate) fn era(&self) -> Option<u64> {
        Some(self.era.load(Ordering::SeqCst)).filter(|era| era.is_multiple_of(2))
    }

    /// Does something between two eras.
    pub(crate) fn between<T>(&self, work: impl FnOnce() -> T) -> T {
        self.era.fetch_add(1, Ordering::SeqCst);
        let done = work();
        self.era.fetch_add(1, Ordering::SeqCst);
        done
    }

    /// What is remembered of an era; `None` of one that is over for those who remember.
    fn of(&self, era: u64) -> Option<MutexGuard<'_, Kept>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.era < era {
            *kept = Kept { era, ..Kept::default() };
        }
        (kept.era == era).then_some(kept)
    }
}

/// The memory of the era that a snapshot belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Recall {
    memory: Arc<Memory>,
    era: u64,
}

impl Recall {
    /// Of a snapshot that sees its data; `before` is the era that held before it began.
    pub(crate) fn of(memory: &Arc<Memory>, before: Option<u64>) -> Option<Self> {
        let era = before.filter(|_| memory.era() == before)?;
        Some(Self { memory: memory.clone(), era })
    }
}

/// Answers from memory, or reads and remembers what was found.
pub(crate) fn recall<K: Eq + Hash, V: Clone>(
    sql: &mut Sql,
    kind: fn(&mut Kept) -> &mut HashMap<K, V>,
    key: K,
    read: impl FnOnce(&mut Sql) -> Result<Option<V>, StoreError>,
) -> Result<Option<V>, StoreError> {
    let Some(Recall { memory, era }) = sql.recall().cloned() else { return read(sql) };
    if let Some(found) = memory.of(era).and_then(|mut kept| kind(&mut kept).get(&key).cloned()) {
        return Ok(Some(found));
    }
    let found = read(sql)?;
    if let (Some(found), Some(mut kept)) = (&found, memory.of(era)) {
        let kept = kind(&mut kept);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, found.clone());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::query;

    #[test]
    fn a_snapshot_belongs_to_an_era_only_if_none_ended_meanwhile() {
        let memory = Arc::<Memory>::default();
        let before = memory.era();
        assert!(Recall::of(&memory, before).is_some());
        memory.between(|| {
            assert!(Recall::of(&memory, before).is_none());
            assert!(Recall::of(&memory, memory.era()).is_none(), "it is not told what the commit is going to change");
        });
        assert!(Recall::of(&memory, before).is_none());
        assert!(Recall::of(&memory, memory.era()).is_some());
    }

    #[test]
    fn an_era_that_is_over_is_neither_asked_nor_kept() {
        let (memory, mut sql) = (Arc::<Memory>::default(), Sql::in_memory());
        let project = ProjectId::from_bytes([1; 12]);
        let organization = |number| OrgId::from_bytes([number; 12]);
        let ask = |sql: &mut Sql, number| {
            recall(sql, |kept| &mut kept.projects, project, |_| Ok(Some(organization(number)))).unwrap().unwrap()
        };
        let old = Recall::of(&memory, memory.era());
        sql.set_recall(old.clone());
        assert_eq!((ask(&mut sql, 1), ask(&mut sql, 2)), (organization(1), organization(1)));
        memory.between(|| ());
        sql.set_recall(Recall::of(&memory, memory.era()));
        assert_eq!(ask(&mut sql, 3), organization(3));
        sql.set_recall(old);
        assert_eq!(ask(&mut sql, 4), organization(4), "what is seen there is older than what is remembered now");
        sql.set_recall(Recall::of(&memory, memory.era()));
        assert_eq!(ask(&mut sql, 5), organization(3));
        sql.set_recall(None);
        assert_eq!(ask(&mut sql, 6), organization(6));
    }

    #[test]
    fn a_row_that_matters_is_noted_and_no_other() {
        let mut sql = Sql::in_memory();
        sql.batch("CREATE TABLE roles (role TEXT); CREATE TABLE grants (id TEXT); CREATE TABLE new_one (id TEXT)")
            .unwrap();
        let _what_the_schema_did = sql.take_changed();
        let mut noted = |text: &'static str| {
            query(text).execute(&mut sql).unwrap();
            sql.take_changed()
        };
        assert!(noted("INSERT INTO roles (role) VALUES ('ORG_OWNER')"));
        assert!(!noted("INSERT INTO grants (id) VALUES ('a')"));
        assert!(noted("INSERT INTO new_one (id) VALUES ('a')"), "a table that nobody has thought about");
        assert!(noted("UPDATE roles SET role = 'ORG_MEMBER' WHERE role = 'ORG_OWNER'"));
        assert!(noted("DELETE FROM roles WHERE role = 'ORG_MEMBER'"));
        assert!(!noted("DELETE FROM roles WHERE role = 'ORG_MEMBER'"), "nothing changed");
    }

    #[test]
    fn what_counts_for_nothing_is_the_name_of_a_table() {
        let schema = concat!(
            include_str!("../migrations/sqlite/0001_begin.sql"),
            include_str!("../migrations/sqlite/0005_feed_blocks.sql"),
            include_str!("../migrations/sqlite/0006_requests.sql"),
            include_str!("../migrations/sqlite/0007_repeats.sql"),
        );
        for table in BESIDE {
            assert!(schema.contains(&format!("CREATE TABLE {table} (")), "{table}");
        }
        for table in ["access_tokens", "api_keys", "organizations", "projects", "roles", "users", "web_sessions"] {
            assert!(matters(table));
        }
    }
}

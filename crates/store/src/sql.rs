//! One connection to SQLite: statements with numbered parameters, rows with named columns.
//!
//! Everything here is done when the call returns: a read of a page costs less than waking another thread. What may take
//! long, and every commit, happens on a thread that waits for nobody (see [`crate::writer`]). This module must never put
//! a value into the text of a statement, or open a database that is not there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, StoreError};
use crate::memory::{self, Recall};

/// How long a statement waits for a database that somebody else locked.
const BUSY_FOR: Duration = Duration::from_secs(2);
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// How many rows are written before the write-ahead log is moved into the database. A row takes a page or three, so the log
/// has some 20 MiB by then.
const UNMOVED: usize = 2000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read only.
    Read,
    /// To read and write, durably: a commit is on the disk when it returns.
    Write,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Sql {
    connection: Connection,
    /// The names of the columns of statements that were run, by where the statement's text lies.
    columns: HashMap<(usize, usize), Columns>,
    recall: Option<Recall>,
    changed: Arc<AtomicBool>,
    /// Rows written since the write-ahead log was last moved into the database.
    unmoved: Arc<AtomicUsize>,
}

type Columns = Arc<[Box<str>]>;

impl Sql {
    /// Connects to a database that is there.
    pub(crate) fn open(database: &Path, access: Access) -> Result<Self, StoreError> {
        let mode = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let connection = Connection::open_with_flags(database, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_FOR)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Otherwise a statement is prepared again for each value that could change its plan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        let mut sql = Self::around(connection);
        sql.batch("PRAGMA foreign_keys = ON")?;
        if access == Access::Write {
            // The write-ahead log is moved after a commit was answered, never by the commit itself.
            sql.batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")?;
            // What a savepoint could take back stays in memory: otherwise each one makes a file.
            sql.batch("PRAGMA temp_store = MEMORY")?;
            sql.watch()?;
        }
        Ok(sql)
    }

    fn around(connection: Connection) -> Self {
        let (changed, unmoved) = (Arc::default(), Arc::default());
        Self { connection, columns: HashMap::new(), recall: None, changed, unmoved }
    }

    /// A database of its own in memory, to compare with.
    pub(crate) fn beside() -> Result<Self, StoreError> {
        Ok(Self::around(Connection::open_in_memory()?))
    }

    /// The same for tests, watched.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        let mut sql = Self::beside().unwrap();
        sql.watch().unwrap();
        sql
    }

    /// Notes from now on when a row is written that matters to who may do what. SQLite tells of each row but those of a
    /// `DELETE` without a condition, of which there must be none.
    fn watch(&mut self) -> Result<(), StoreError> {
        let (changed, unmoved) = (self.changed.clone(), self.unmoved.clone());
        Ok(self.connection.update_hook(Some(move |_, _: &str, table: &str, _| {
            unmoved.fetch_add(1, Ordering::Relaxed);
            if memory::matters(table) {
                changed.store(true, Ordering::Relaxed);
            }
        }))?)
    }

    /// Whether something was written, since this was last asked, that matters to who may do what.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    /// Moves the write-ahead log into the database if it has grown. It takes a while and can be done at any time between
    /// two transactions; what cannot be moved yet, because somebody reads, is moved the next time.
    pub(crate) fn move_log(&mut self) -> Result<(), StoreError> {
        if self.unmoved.load(Ordering::Relaxed) < UNMOVED {
            return Ok(());
        }
        self.unmoved.store(0, Ordering::Relaxed);
        self.batch("PRAGMA wal_checkpoint(PASSIVE)")
    }

    /// What is remembered of the era of the snapshot that is read.
    pub(crate) const fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// Reads from now on in a snapshot of an era, or of none.
    pub(crate) fn set_recall(&mut self, recall: Option<Recall>) {
        self.recall = recall;
    }

    /// Runs statements without parameters and rows.
    pub(crate) fn batch(&mut self, statements: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(statements)?)
    }

    /// Begins or ends a transaction or a savepoint.
    pub(crate) fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        query(statement).execute(self).map(drop)
    }

    /// Whether a transaction is open. SQLite ends one by itself when, say, the disk is full.
    pub(crate) fn is_in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }
}

/// A statement; parameters are `$1`, `$2` and so on.
pub(crate) fn query(text: &'static str) -> Query {
    Query { text: Text::Written(text), values: Vec::new() }
}

enum Text {
    Assembled(String),
    Written(&'static str),
}

/// A statement and the values of its parameters.
pub(crate) struct Query {
    text: Text,
    values: Vec<Value>,
}

impl Query {
    /// The value of the next parameter.
    pub(crate) fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.to_sql());
        self
    }

    /// All rows.
    pub(crate) fn fetch_all(self, sql: &mut Sql) -> Result<Vec<Row>, StoreError> {
        self.rows(sql, usize::MAX)
    }

    /// The only row: one that is missing is damage.
    pub(crate) fn fetch_one(self, sql: &mut Sql) -> Result<Row, StoreError> {
        self.fetch_optional(sql)?.ok_or_else(|| StoreError::corrupt("a row that must be there is not"))
    }

    /// The first row, if there is one.
    pub(crate) fn fetch_optional(self, sql: &mut Sql) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, 1)?.pop())
    }

    /// Runs it and tells how many rows it changed.
    pub(crate) fn execute(self, sql: &mut Sql) -> Result<usize, StoreError> {
        let mut statement = sql.connection.prepare_cached(self.text.as_str())?;
        bind(&mut statement, &self.values)?;
        Ok(statement.raw_execute()?)
    }

    fn rows(self, sql: &mut Sql, most: usize) -> Result<Vec<Row>, StoreError> {
        let mut statement = sql.connection.prepare_cached(self.text.as_str())?;
        bind(&mut statement, &self.values)?;
        let named = || -> Columns { statement.column_names().map(Box::from).collect() };
        let columns = match self.text {
            Text::Assembled(_) => named(),
            Text::Written(text) => sql.columns.entry((text.as_ptr().addr(), text.len())).or_insert_with(named).clone(),
        };
        let (mut found, mut rows) = (Vec::new(), statement.raw_query());
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            let values = (0..columns.len()).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            found.push(Row { columns: columns.clone(), values });
        }
        Ok(found)
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Assembled(text) => text,
            Self::Written(text) => text,
        }
    }
}

/// SQLite numbers `$2` before `$1` if it stands first: values go by the number in the name.
fn bind(statement: &mut rusqlite::CachedStatement<'_>, values: &[Value]) -> Result<(), StoreError> {
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| StoreError::Unavailable(Fault::new("a parameter without a value")))?;
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

/// A statement that is put together from parts of our own and values.
#[derive(Debug)]
pub(crate) struct Assembly {
    text: String,
    values: Vec<Value>,
}

impl Assembly {
    /// Begins with a part.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Adds a part.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a parameter with its value.
    pub(crate) fn push_bind(&mut self, value: impl Bind) -> &mut Self {
        self.values.push(value.to_sql());
        self.text.push_str(&format!("${}", self.values.len()));
        self
    }

    /// The statement.
    pub(crate) fn build(self) -> Query {
        Query { text: Text::Assembled(self.text), values: self.values }
    }

    /// The statement that tells how this one would be run.
    #[cfg(test)]
    pub(crate) fn explain(mut self) -> Query {
        self.text.insert_str(0, "EXPLAIN QUERY PLAN ");
        self.build()
    }
}

/// What a parameter takes.
pub(crate) trait Bind {
    /// The value as the database holds it.
    fn to_sql(self) -> Value;
}

impl Bind for &str {
    fn to_sql(self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Bind for String {
    fn to_sql(self) -> Value {
        Value::Text(self)
    }
}

impl Bind for &String {
    fn to_sql(self) -> Value {
        Value::Text(self.clone())
    }
}

impl Bind for &[u8] {
    fn to_sql(self) -> Value {
        Value::Blob(self.to_vec())
    }
}

impl Bind for Vec<u8> {
    fn to_sql(self) -> Value {
        Value::Blob(self)
    }
}

impl Bind for i64 {
    fn to_sql(self) -> Value {
        Value::Integer(self)
    }
}

impl<T: Bind> Bind for Option<T> {
    fn to_sql(self) -> Value {
        self.map_or(Value::Null, Bind::to_sql)
    }
}

/// A row of a result.
#[derive(Debug)]
pub(crate) struct Row {
    columns: Columns,
    values: Vec<Value>,
}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is none or it is of another kind.
    pub(crate) fn get<T: Read>(&self, column: &'static str) -> Result<T, StoreError> {
        self.value(column).and_then(T::read).ok_or_else(|| other_kind(column))
    }

    /// The text of a column, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is no such column or it is of another kind.
    pub(crate) fn text(&self, column: &'static str) -> Result<Option<&str>, StoreError> {
        match self.value(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            Some(Value::Blob(_) | Value::Integer(_) | Value::Real(_)) | None => Err(other_kind(column)),
        }
    }

    fn value(&self, column: &'static str) -> Option<&Value> {
        let place = self.columns.iter().position(|name| **name == *column)?;
        self.values.get(place)
    }
}

fn other_kind(column: &'static str) -> StoreError {
    StoreError::corrupt(format!("column `{column}` is of another kind"))
}

/// What a column can be read as.
pub(crate) trait Read: Sized {
    /// The value, if it is of this kind.
    fn read(value: &Value) -> Option<Self>;
}

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl Read for i64 {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Integer(number) = value { Some(*number) } else { None }
    }
}

impl Read for Vec<u8> {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            // As SQLite itself has it.
            Value::Text(text) => Some(text.clone().into_bytes()),
            Value::Integer(_) | Value::Null | Value::Real(_) => None,
        }
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::read(value).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_by_their_number_wherever_they_stand() {
        let row =
            query("SELECT $2 AS second, $1 AS first, $2 AS again").bind("one").bind(2).fetch_one(&mut Sql::in_memory());
        let row = row.unwrap();
        assert_eq!(row.get::<String>("first").unwrap(), "one");
        assert_eq!(row.get::<i64>("second").unwrap(), 2);
        assert_eq!(row.get::<i64>("again").unwrap(), 2);
    }

    #[test]
    fn a_parameter_without_a_value_is_an_error_and_not_null() {
        assert!(query("SELECT $1 AS one").fetch_one(&mut Sql::in_memory()).is_err());
    }

    #[test]
    fn a_value_of_another_kind_is_damage() {
        let row = query("SELECT 'text' AS text, NULL AS none").fetch_one(&mut Sql::in_memory()).unwrap();
        assert!(matches!(row.get::<i64>("text"), Err(StoreError::Corrupt(_))));
        assert!(matches!(row.get::<String>("none"), Err(StoreError::Corrupt(_))));
        assert!(matches!(row.get::<String>("missing"), Err(StoreError::Corrupt(_))));
        assert_eq!(row.get::<Option<i64>>("none").unwrap(), None);
    }
    #[test]
    fn the_write_ahead_log_is_moved_once_it_has_grown_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("byleave.db");
        std::fs::File::create(&database).unwrap();
        let mut sql = Sql::open(&database, Access::Write).unwrap();
        sql.batch("CREATE TABLE rows (page BLOB NOT NULL)").unwrap();
        let length = || std::fs::metadata(&database).unwrap().len();
        // Each row takes a page. How much the database grows by the commit, and how much by the move.
        let mut write = |rows: usize| {
            let before = length();
            sql.run("BEGIN IMMEDIATE").unwrap();
            for _ in 0..rows {
                query("INSERT INTO rows (page) VALUES (zeroblob(4000))").execute(&mut sql).unwrap();
            }
            sql.run("COMMIT").unwrap();
            let committed = length();
            sql.move_log().unwrap();
            (committed - before, length() - committed)
        };
        assert_eq!(write(UNMOVED - 1), (0, 0), "a log that has not grown stays, and no commit moves it");
        let (by_commit, by_move) = write(1);
        assert!(by_commit == 0 && by_move > 1_000_000, "a log that has grown is moved: {by_commit} {by_move}");
        assert_eq!(write(1), (0, 0), "and is counted anew");
    }
}

//! The one named write transaction: begin immediate → body → append entries → commit → publish.
//!
//! It must never publish before the commit or return before it has published. It runs in a task of its own: a caller
//! who goes away neither stops a commit halfway nor keeps its followers from learning of it. The writer's lock is held
//! from the beginning to the publication, so that facts are published in the order of their commits.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use byleave_core::access::Facts;
use byleave_core::actor::By;
use byleave_core::event::{Entry, Event, LogId};
use byleave_core::field::{Erasable, Value};
use byleave_core::id::{ClusterId, OrgId};
use byleave_core::time::{Now, Reading, Timestamp, advance, judge};
use byleave_log::checkpoint::{Checkpoint, Origin};
use byleave_log::leaf;
use byleave_log::tree::Frontier;
use sqlx::{Connection as _, SqliteConnection};

pub use byleave_log::anchor::Anchor;

use crate::clock;
use crate::error::{Fault, StoreError};
use crate::facts;
use crate::row;
use crate::seal::random;
use crate::store::{QUEUE_FOR, Store};

/// What a write made, and where it stands in the logs. No anchors if nothing had to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The result.
    pub value: T,
    /// One anchor for each log that got an entry.
    pub anchors: Vec<Anchor>,
}

impl<T> Written<T> {
    /// The same anchors with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: change(self.value), anchors: self.anchors }
    }
}

/// What the body of a write transaction does.
pub(crate) type Body<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// An open write transaction.
pub(crate) struct Transaction<'c> {
    /// The connection, for statements.
    pub(crate) sql: sqlx::Transaction<'c, sqlx::Sqlite>,
    /// The store.
    pub(crate) store: Store,
    /// What time it is, and whether that can be trusted. `now.at` stands in every entry of this transaction.
    pub(crate) now: Now,
    reading: Reading,
    mark: Option<Reading>,
    trees: BTreeMap<LogId, Frontier>,
    touched: BTreeSet<ClusterId>,
    touched_organizations: BTreeSet<OrgId>,
}

impl Store {
    /// Runs `body` in the write transaction called `name`. An error of the body rolls everything back.
    pub(crate) async fn write<T, F>(&self, name: &'static str, now: &Reading, body: F) -> Result<Written<T>, StoreError>
    where
        T: Send + 'static,
        F: for<'a, 'c> FnOnce(&'a mut Transaction<'c>) -> Body<'a, T> + Send + 'static,
    {
        let (store, reading) = (self.clone(), now.clone());
        let task = tokio::spawn(async move { store.run(reading, body).await });
        let result = task.await.unwrap_or_else(|error| {
            Err(StoreError::Unavailable(Fault::of("the write transaction did not end in order", error)))
        });
        if let Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) = &result {
            tracing::error!(transaction = name, error = ?error, "write transaction failed");
        }
        result
    }

    async fn run<T, F>(&self, reading: Reading, body: F) -> Result<Written<T>, StoreError>
    where
        F: for<'a, 'c> FnOnce(&'a mut Transaction<'c>) -> Body<'a, T>,
    {
        let queue = tokio::time::timeout(QUEUE_FOR, self.writer().lock());
        let mut writer =
            queue.await.map_err(|_| StoreError::Unavailable(Fault::new("the queue of writes is stuck")))?;
        if writer.is_in_transaction() {
            self.renew(&mut writer).await?;
        }
        match self.attempt(&mut writer, reading, body).await {
            Ok((written, news)) => {
                for facts in news {
                    self.hub().publish(facts);
                }
                Ok(written)
            }
            Err(error) => {
                // Waits until the transaction is rolled back, so that the next write knows whether that succeeded.
                let _the_next_write_tells = writer.ping().await;
                Err(error)
            }
        }
    }

    async fn attempt<T, F>(
        &self,
        writer: &mut SqliteConnection,
        reading: Reading,
        body: F,
    ) -> Result<(Written<T>, Vec<Facts>), StoreError>
    where
        F: for<'a, 'c> FnOnce(&'a mut Transaction<'c>) -> Body<'a, T>,
    {
        let mut transaction = Transaction::begin(self.clone(), writer, reading).await?;
        let value = body(&mut transaction).await?;
        let (anchors, news) = transaction.finish().await?;
        Ok((Written { value, anchors }, news))
    }
}

impl<'c> Transaction<'c> {
    async fn begin(store: Store, writer: &'c mut SqliteConnection, reading: Reading) -> Result<Self, StoreError> {
        let mut sql = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mark = clock::mark(&mut sql).await?;
        let reading = clock::fresh(mark.as_ref(), reading);
        let now = judge(mark.as_ref(), &reading);
        Ok(Self {
            sql,
            store,
            now,
            reading,
            mark,
            trees: BTreeMap::new(),
            touched: BTreeSet::new(),
            touched_organizations: BTreeSet::new(),
        })
    }

    /// What time the entries of this transaction say.
    pub(crate) const fn at(&self) -> Timestamp {
        self.now.at
    }

    /// Random bytes, for a new id.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        random(self.store.entropy())
    }

    /// A text that can be erased later, with fresh salt.
    pub(crate) fn erasable(&self, text: &impl ToString) -> Erasable {
        Erasable::Kept { salt: self.random(), text: text.to_string() }
    }

    /// Appends an entry to the log of an organization and tells the log's new size.
    pub(crate) async fn append(&mut self, organization: OrgId, by: By, event: Event) -> Result<u64, StoreError> {
        if let Some(cluster) = event.cluster() {
            self.touched.insert(cluster);
        }
        self.append_to(LogId::Organization(organization), by, event).await
    }

    /// Appends an entry to the installation's own log.
    pub(crate) async fn append_installation(&mut self, by: By, event: Event) -> Result<u64, StoreError> {
        self.append_to(LogId::Installation, by, event).await
    }

    /// Notes that the facts of a cluster change.
    pub(crate) fn touch(&mut self, cluster: ClusterId) {
        self.touched.insert(cluster);
    }

    /// Notes that the facts of all clusters of an organization change.
    pub(crate) fn touch_organization(&mut self, organization: OrgId) {
        self.touched_organizations.insert(organization);
    }

    /// Takes the bare reading as the mark from now on, in spite of doubt. Returns how far time goes back, in
    /// milliseconds.
    pub(crate) fn leave_doubt(&mut self) -> i64 {
        let set_back = self.now.at.since(self.reading.wall).max(0);
        self.mark = None;
        self.now = judge(None, &self.reading);
        set_back
    }

    async fn append_to(&mut self, log: LogId, by: By, event: Event) -> Result<u64, StoreError> {
        let mut tree = match self.trees.remove(&log) {
            Some(tree) => tree,
            None => frontier(&mut self.sql, log).await?,
        };
        let entry = Entry { log, index: tree.size(), at: self.now.at, by, event };
        let (name, index) = (leaf::log_text(log), row::signed(entry.index)?);
        let bytes = leaf::encode(&entry);
        let hash = leaf::leaf_hash(&bytes);
        sqlx::query(
            "INSERT INTO leaves (log, idx, event, at, name, project, cluster, leaf, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&name)
        .bind(index)
        .bind(hash.event_id().to_string())
        .bind(entry.at.millis())
        .bind(entry.event.name())
        .bind(entry.event.project().map(|id| id.to_string()))
        .bind(entry.event.cluster().map(|id| id.to_string()))
        .bind(bytes)
        .bind(hash.as_bytes().as_slice())
        .execute(&mut *self.sql)
        .await?;
        for (subtree, hash) in tree.append(hash).into_iter().filter(|(subtree, _)| subtree.level > 0) {
            sqlx::query("INSERT INTO tree_nodes (log, level, idx, hash) VALUES ($1, $2, $3, $4)")
                .bind(&name)
                .bind(i64::from(subtree.level))
                .bind(row::signed(subtree.index)?)
                .bind(hash.as_bytes().as_slice())
                .execute(&mut *self.sql)
                .await?;
        }
        self.count(&name, &entry.event).await?;
        self.disclose(&name, index, &entry.event).await?;
        let size = tree.size();
        self.trees.insert(log, tree);
        Ok(size)
    }

    /// Counts the leaf for the pages of the feed.
    async fn count(&mut self, log: &str, event: &Event) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO feed_counts (log, project, cluster, name, leaves) VALUES ($1, $2, $3, $4, 1)
             ON CONFLICT (log, project, cluster, name) DO UPDATE SET leaves = feed_counts.leaves + 1",
        )
        .bind(log)
        .bind(event.project().map_or_else(String::new, |id| id.to_string()))
        .bind(event.cluster().map_or_else(String::new, |id| id.to_string()))
        .bind(event.name())
        .execute(&mut *self.sql)
        .await?;
        Ok(())
    }

    /// Keeps the texts whose hashes stand in the leaf.
    async fn disclose(&mut self, log: &str, index: i64, event: &Event) -> Result<(), StoreError> {
        for (field, value) in event.fields() {
            if let Value::Erasable(Erasable::Kept { salt, text }) = value {
                sqlx::query("INSERT INTO disclosures (log, idx, field, salt, text) VALUES ($1, $2, $3, $4, $5)")
                    .bind(log)
                    .bind(index)
                    .bind(field)
                    .bind(salt.as_slice())
                    .bind(text)
                    .execute(&mut *self.sql)
                    .await?;
            }
        }
        Ok(())
    }

    /// Writes checkpoints and the mark, computes what followers will see, and commits.
    async fn finish(mut self) -> Result<(Vec<Anchor>, Vec<Facts>), StoreError> {
        let mut anchors = Vec::new();
        for (log, tree) in std::mem::take(&mut self.trees) {
            let origin = Origin { installation: self.store.installation(), log };
            let checkpoint = Checkpoint::of(origin, &tree).sign(self.store.signing_key());
            sqlx::query(
                "INSERT INTO logs (log, size, frontier, checkpoint, last_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (log) DO UPDATE SET size = excluded.size, frontier = excluded.frontier,
                     checkpoint = excluded.checkpoint, last_at = excluded.last_at",
            )
            .bind(leaf::log_text(log))
            .bind(row::signed(tree.size())?)
            .bind(tree.to_bytes())
            .bind(&checkpoint)
            .bind(self.now.at.millis())
            .execute(&mut *self.sql)
            .await?;
            anchors.push(Anchor { log, index: tree.size() - 1, checkpoint });
        }
        clock::record(&mut self.sql, &advance(self.mark.as_ref(), &self.reading)).await?;
        let news = self.news().await?;
        self.store.check_file()?;
        self.sql.commit().await?;
        Ok((anchors, news))
    }

    async fn news(&mut self) -> Result<Vec<Facts>, StoreError> {
        let mut news = Vec::new();
        for cluster in self.store.hub().followed() {
            let touched = self.touched.contains(&cluster)
                || !self.touched_organizations.is_empty()
                    && facts::organization_of(&mut self.sql, cluster)
                        .await?
                        .is_some_and(|id| self.touched_organizations.contains(&id));
            if touched && let Some(facts) = facts::load(&mut self.sql, cluster, self.now.at).await? {
                news.push(facts);
            }
        }
        Ok(news)
    }
}

async fn frontier(sql: &mut SqliteConnection, log: LogId) -> Result<Frontier, StoreError> {
    let row = sqlx::query("SELECT size, frontier FROM logs WHERE log = $1")
        .bind(leaf::log_text(log))
        .fetch_optional(sql)
        .await?;
    let Some(row) = row else { return Ok(Frontier::new()) };
    let tree = Frontier::from_bytes(&row::raw::<Vec<u8>>(&row, "frontier")?)
        .map_err(|error| StoreError::Corrupt(Fault::of("the frontier of a log does not decode", error)))?;
    if tree.size() == row::count(&row, "size")? { Ok(tree) } else { Err(StoreError::corrupt("a log's size is wrong")) }
}

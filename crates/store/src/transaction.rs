//! The one named write transaction: body → append entries → checkpoints; [`crate::writer`] commits and publishes.
//!
//! It must never answer before the commit is published. It runs on the thread that writes: a caller who goes away neither
//! stops a commit halfway nor keeps its followers from learning of it, and facts are published in the order of their
//! commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use byleave_core::access::Facts;
use byleave_core::actor::By;
use byleave_core::event::{Entry, Event, LogId};
use byleave_core::field::{Erasable, Value};
use byleave_core::id::{ClusterId, OrgId};
use byleave_core::time::{Now, Reading, Timestamp, advance, judge};
use byleave_log::checkpoint::{Checkpoint, Origin};
use byleave_log::leaf;
use byleave_log::tree::Frontier;
use tokio::sync::oneshot;

pub use byleave_log::anchor::Anchor;

use crate::clock;
use crate::error::{Fault, StoreError};
use crate::facts;
use crate::feed;
use crate::hub::Hub;
use crate::reader::Files;
use crate::repeat;
use crate::row;
use crate::seal::random;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::writer::{Followers, Job, Touched};

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

/// An open write transaction.
pub(crate) struct Transaction<'c> {
    /// The connection, for statements.
    pub(crate) sql: &'c mut Sql,
    /// The store.
    pub(crate) store: Store,
    /// What time it is, and whether that can be trusted. `now.at` stands in every entry of this transaction.
    pub(crate) now: Now,
    reading: Reading,
    mark: Option<Reading>,
    trees: BTreeMap<LogId, Frontier>,
    touched: Touched,
}

impl Store {
    /// Runs `body` in the write transaction called `name`. An error of the body rolls everything back.
    pub(crate) async fn write<T, F>(&self, name: &'static str, now: &Reading, body: F) -> Result<Written<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (store, reading) = (self.clone(), now.clone());
        let result =
            self.writer().write(|answer| Box::new(Write { store, reading, body: Some(body), result: None, answer }));
        let result = result.await;
        if let Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) = &result {
            tracing::error!(transaction = name, error = ?error, "write transaction failed");
        }
        result
    }
}

/// A write transaction on its way.
struct Write<T, F> {
    store: Store,
    reading: Reading,
    body: Option<F>,
    result: Option<Result<Written<T>, StoreError>>,
    answer: oneshot::Sender<Result<Written<T>, StoreError>>,
}

impl<T, F> Write<T, F>
where
    F: FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
{
    fn attempt(&mut self, sql: &mut Sql) -> Result<(Written<T>, Touched), StoreError> {
        let body = self.body.take().ok_or_else(|| StoreError::Unavailable(Fault::new("a write runs once")))?;
        let mut transaction = Transaction::begin(self.store.clone(), sql, self.reading.clone())?;
        if let Some(ticket) = self.store.ticket() {
            repeat::write_down(&mut transaction, ticket)?;
        }
        let value = body(&mut transaction)?;
        if self.store.expectation().is_some() {
            return Err(StoreError::Stale);
        }
        let (anchors, touched) = transaction.finish()?;
        Ok((Written { value, anchors }, touched))
    }
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, sql: &mut Sql) -> Option<Touched> {
        let (result, touched) = match self.attempt(sql) {
            Ok((written, touched)) => (Ok(written), Some(touched)),
            Err(error) => (Err(error), None),
        };
        self.result = Some(result);
        touched
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.result, committed) {
            (Some(Err(error)), _) | (Some(Ok(_)) | None, Err(error)) => Err(error),
            (Some(Ok(written)), Ok(())) => {
                self.store.ticket().inspect(|ticket| ticket.spend());
                Ok(written)
            }
            (None, Ok(())) => Err(StoreError::Unavailable(Fault::new("the write did not end in order"))),
        };
        let _whoever_asked_may_be_gone = self.answer.send(answer);
    }
}

impl<'c> Transaction<'c> {
    fn begin(store: Store, sql: &'c mut Sql, reading: Reading) -> Result<Self, StoreError> {
        let mark = clock::mark(sql)?;
        let reading = clock::fresh(mark.as_ref(), reading);
        let now = judge(mark.as_ref(), &reading);
        Ok(Self { sql, store, now, reading, mark, trees: BTreeMap::new(), touched: Touched::default() })
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
    pub(crate) fn append(&mut self, organization: OrgId, by: By, event: Event) -> Result<u64, StoreError> {
        if let Some(cluster) = event.cluster() {
            self.touched.clusters.insert(cluster);
        }
        self.append_to(LogId::Organization(organization), by, event)
    }

    /// Appends an entry to the installation's own log.
    pub(crate) fn append_installation(&mut self, by: By, event: Event) -> Result<u64, StoreError> {
        self.append_to(LogId::Installation, by, event)
    }

    /// Notes that the facts of a cluster change.
    pub(crate) fn touch(&mut self, cluster: ClusterId) {
        self.touched.clusters.insert(cluster);
    }

    /// Notes that the facts of all clusters of an organization change.
    pub(crate) fn touch_organization(&mut self, organization: OrgId) {
        self.touched.organizations.insert(organization);
    }

    /// Takes the bare reading as the mark from now on, in spite of doubt. Returns how far time goes back, in
    /// milliseconds.
    pub(crate) fn leave_doubt(&mut self) -> i64 {
        let set_back = self.now.at.since(self.reading.wall).max(0);
        self.mark = None;
        self.now = judge(None, &self.reading);
        set_back
    }

    fn append_to(&mut self, log: LogId, by: By, event: Event) -> Result<u64, StoreError> {
        let mut tree = match self.trees.remove(&log) {
            Some(tree) => tree,
            None => frontier(self.sql, log)?,
        };
        let entry = Entry { log, index: tree.size(), at: self.now.at, by, event };
        let (name, index) = (leaf::log_text(log), row::signed(entry.index)?);
        let bytes = leaf::encode(&entry);
        let hash = leaf::leaf_hash(&bytes);
        query(
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
        .execute(self.sql)?;
        for (subtree, hash) in tree.append(hash).into_iter().filter(|(subtree, _)| subtree.level > 0) {
            query("INSERT INTO tree_nodes (log, level, idx, hash) VALUES ($1, $2, $3, $4)")
                .bind(&name)
                .bind(i64::from(subtree.level))
                .bind(row::signed(subtree.index)?)
                .bind(hash.as_bytes().as_slice())
                .execute(self.sql)?;
        }
        self.count(&name, index, &entry.event)?;
        self.disclose(&name, index, &entry.event)?;
        let size = tree.size();
        self.trees.insert(log, tree);
        Ok(size)
    }

    /// Counts the leaf for the pages of the feed.
    fn count(&mut self, log: &str, index: i64, event: &Event) -> Result<(), StoreError> {
        for scope in feed::scopes(event) {
            query(
                "INSERT INTO feed_blocks (log, scope, block, name, leaves) VALUES ($1, $2, $3, $4, 1)
                 ON CONFLICT (log, scope, block, name) DO UPDATE SET leaves = feed_blocks.leaves + 1",
            )
            .bind(log)
            .bind(scope)
            .bind(index / feed::BLOCK)
            .bind(event.name())
            .execute(self.sql)?;
        }
        Ok(())
    }

    /// Keeps the texts whose hashes stand in the leaf.
    fn disclose(&mut self, log: &str, index: i64, event: &Event) -> Result<(), StoreError> {
        for (field, value) in event.fields() {
            if let Value::Erasable(Erasable::Kept { salt, text }) = value {
                query("INSERT INTO disclosures (log, idx, field, salt, text) VALUES ($1, $2, $3, $4, $5)")
                    .bind(log)
                    .bind(index)
                    .bind(field)
                    .bind(salt.as_slice())
                    .bind(text)
                    .execute(self.sql)?;
            }
        }
        Ok(())
    }

    /// Writes checkpoints and the mark; tells whose facts changed.
    fn finish(mut self) -> Result<(Vec<Anchor>, Touched), StoreError> {
        let mut anchors = Vec::new();
        for (log, tree) in std::mem::take(&mut self.trees) {
            let origin = Origin { installation: self.store.installation(), log };
            let checkpoint = Checkpoint::of(origin, &tree).sign(self.store.signing_key());
            query(
                "INSERT INTO logs (log, size, frontier, checkpoint, last_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (log) DO UPDATE SET size = excluded.size, frontier = excluded.frontier,
                     checkpoint = excluded.checkpoint, last_at = excluded.last_at",
            )
            .bind(leaf::log_text(log))
            .bind(row::signed(tree.size())?)
            .bind(tree.to_bytes())
            .bind(&checkpoint)
            .bind(self.now.at.millis())
            .execute(self.sql)?;
            anchors.push(Anchor { log, index: tree.size() - 1, checkpoint });
        }
        clock::record(self.sql, &advance(self.mark.as_ref(), &self.reading))?;
        self.touched.at = Some(self.now.at);
        Ok((anchors, self.touched))
    }
}

/// Who is told of what a commit changed.
pub(crate) struct Watch {
    /// The followers.
    pub(crate) hub: Arc<Hub>,
    /// Where the database must still be.
    pub(crate) files: Files,
}

impl Followers for Watch {
    type News = Vec<Facts>;

    fn news(&self, sql: &mut Sql, touched: &Touched) -> Result<Vec<Facts>, StoreError> {
        let (mut news, Some(at)) = (Vec::new(), touched.at) else { return Ok(Vec::new()) };
        for cluster in self.hub.followed() {
            let is_touched = touched.clusters.contains(&cluster)
                || !touched.organizations.is_empty()
                    && facts::organization_of(sql, cluster)?.is_some_and(|id| touched.organizations.contains(&id));
            if is_touched && let Some(facts) = facts::load(sql, cluster, at)? {
                news.push(facts);
            }
        }
        Ok(news)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.files.check()
    }

    fn publish(&self, news: Vec<Facts>) {
        for facts in news {
            self.hub.publish(facts);
        }
    }
}

fn frontier(sql: &mut Sql, log: LogId) -> Result<Frontier, StoreError> {
    let row = query("SELECT size, frontier FROM logs WHERE log = $1").bind(leaf::log_text(log)).fetch_optional(sql)?;
    let Some(row) = row else { return Ok(Frontier::new()) };
    let tree = Frontier::from_bytes(&row::raw::<Vec<u8>>(&row, "frontier")?)
        .map_err(|error| StoreError::Corrupt(Fault::of("the frontier of a log does not decode", error)))?;
    if tree.size() == row::count(&row, "size")? { Ok(tree) } else { Err(StoreError::corrupt("a log's size is wrong")) }
}

//! The thread that writes: one connection, one transaction at a time, and all writes that wait for it in one commit.
//!
//! While a commit waits for the disk, others queue; the next transaction runs all of them, each in a savepoint of its
//! own unless it is the only one, so that one that fails takes nothing back of the others. Nobody is answered, and nothing
//! is published, before the commit. This module must never let a write begin whose caller was told that it waited too long.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use byleave_core::id::{ClusterId, OrgId};
use byleave_core::time::Timestamp;
use tokio::sync::oneshot;

use crate::error::{Fault, StoreError};
use crate::memory::Memory;
use crate::sql::Sql;

/// How long a write waits for the writes before it.
const QUEUE_FOR: Duration = Duration::from_secs(5);
/// How many writes share a commit.
const TOGETHER: usize = 64;

/// Whose facts a write changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// These clusters'.
    pub(crate) clusters: BTreeSet<ClusterId>,
    /// Those of all clusters of these organizations.
    pub(crate) organizations: BTreeSet<OrgId>,
    /// What time the latest of the writes says.
    pub(crate) at: Option<Timestamp>,
}

impl Touched {
    fn add(&mut self, other: Self) {
        self.clusters.extend(other.clusters);
        self.organizations.extend(other.organizations);
        self.at = self.at.max(other.at);
    }
}

/// A write that waits for its turn.
pub(crate) trait Job: Send {
    /// Runs it inside an open transaction and keeps its result; `None` if what it wrote must be taken back.
    fn run(&mut self, sql: &mut Sql) -> Option<Touched>;

    /// Answers the caller: with the result, or with why nothing was committed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Who is told of what a commit changed.
pub(crate) trait Followers: Send {
    /// What they will see.
    type News;

    /// Reads what they will see, inside the transaction.
    fn news(&self, sql: &mut Sql, touched: &Touched) -> Result<Self::News, StoreError>;

    /// Refuses to commit where nobody would find it.
    fn check(&self) -> Result<(), StoreError>;

    /// Tells them, after the commit.
    fn publish(&self, news: Self::News);
}

enum Message {
    Between(Box<dyn FnOnce(&mut Sql) + Send>),
    Write(Turn, Box<dyn Job>),
}

/// Whether a write has begun, or its caller stopped waiting for that: the first of the two holds.
#[derive(Debug, Clone, Default)]
struct Turn(Arc<AtomicBool>);

impl Turn {
    /// Whether this was the first.
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The queue of the thread that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Sender<Message>,
}

impl Writer {
    /// Starts the thread; it ends with the last handle of the queue.
    pub(crate) fn start<F: Followers + 'static>(
        sql: Sql,
        followers: F,
        memory: Arc<Memory>,
    ) -> Result<Self, StoreError> {
        let (queue, messages) = channel();
        std::thread::Builder::new()
            .name("byleave-writer".to_owned())
            .spawn(move || work(sql, &messages, &followers, &memory))
            .map_err(|error| StoreError::Unavailable(Fault::of("the thread that writes cannot be started", error)))?;
        Ok(Self { queue })
    }

    /// Queues a write and waits for its answer. The write goes on if the caller goes away.
    pub(crate) async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Box<dyn Job>,
    ) -> Result<T, StoreError> {
        let (turn, (sender, mut answer)) = (Turn::default(), oneshot::channel());
        self.send(Message::Write(turn.clone(), job(sender)))?;
        let answered = match tokio::time::timeout(QUEUE_FOR, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if turn.take() => return Err(stuck()),
            Err(_) => answer.await,
        };
        answered.unwrap_or_else(|_| Err(disorder()))
    }

    /// Does something on the connection between two commits, when all that was committed is published.
    pub(crate) async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sql) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.send(Message::Between(Box::new(move |sql| {
            let _whoever_asked_may_be_gone = sender.send(work(sql));
        })))?;
        let answered = tokio::time::timeout(QUEUE_FOR, answer).await.map_err(|_| stuck())?;
        answered.unwrap_or_else(|_| Err(disorder()))
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        self.queue.send(message).map_err(|_| disorder())
    }
}

fn stuck() -> StoreError {
    StoreError::Unavailable(Fault::new("the queue of writes is stuck"))
}

fn disorder() -> StoreError {
    StoreError::Unavailable(Fault::new("the write did not end in order"))
}

fn work<F: Followers>(mut sql: Sql, messages: &Receiver<Message>, followers: &F, memory: &Memory) {
    let mut held = None;
    while let Some(message) = held.take().or_else(|| messages.recv().ok()) {
        match message {
            Message::Between(work) => work(&mut sql),
            Message::Write(turn, job) => {
                let mut jobs = vec![(turn, job)];
                while jobs.len() < TOGETHER {
                    match messages.try_recv() {
                        Ok(Message::Write(turn, job)) => jobs.push((turn, job)),
                        Ok(between @ Message::Between(_)) => {
                            held = Some(between);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                together(&mut sql, jobs, followers, memory);
                if let Err(error) = sql.move_log() {
                    tracing::warn!(error = ?error, "the write-ahead log stays beside the database");
                }
            }
        }
    }
}

/// Runs writes in one transaction, commits, publishes and answers.
fn together<F: Followers>(sql: &mut Sql, jobs: Vec<(Turn, Box<dyn Job>)>, followers: &F, memory: &Memory) {
    let mut jobs = jobs.into_iter().filter_map(|(turn, job)| turn.take().then_some(job)).peekable();
    while jobs.peek().is_some() {
        if let Err(error) = sql.run("BEGIN IMMEDIATE") {
            jobs.by_ref().for_each(|job| job.answer(Err(error.again())));
            return;
        }
        let (mut done, mut touched) = (Vec::new(), Touched::default());
        while let Some(mut job) = jobs.next() {
            let is_only = done.is_empty() && jobs.peek().is_none();
            let ran = if is_only { only(sql, job.as_mut()) } else { beside_others(sql, job.as_mut()) };
            if let Some(changed) = ran {
                touched.add(changed);
            }
            done.push(job);
            if !sql.is_in_transaction() {
                break;
            }
        }
        let committed = commit(sql, &touched, followers, memory);
        for job in done {
            job.answer(committed.as_ref().copied().map_err(StoreError::again));
        }
    }
}

/// Runs a write. What panics is our bug; the others in the queue have no part in it.
fn run(sql: &mut Sql, job: &mut dyn Job) -> Option<Touched> {
    catch_unwind(AssertUnwindSafe(|| job.run(sql))).unwrap_or_default()
}

/// Runs the only write of a transaction, which ends if the write fails.
fn only(sql: &mut Sql, job: &mut dyn Job) -> Option<Touched> {
    let ran = run(sql, job);
    if ran.is_none() {
        let _the_transaction_may_be_gone = sql.run("ROLLBACK");
    }
    ran
}

/// Runs one of several writes, in a savepoint of its own.
fn beside_others(sql: &mut Sql, job: &mut dyn Job) -> Option<Touched> {
    sql.run("SAVEPOINT one").ok()?;
    let ran = run(sql, job);
    let back = if ran.is_some() { Ok(()) } else { sql.run("ROLLBACK TO one") };
    if back.and_then(|()| sql.run("RELEASE one")).is_ok() {
        return ran;
    }
    // The transaction is gone, or cannot be brought in order: then nothing of it is committed.
    let _the_transaction_may_be_gone = sql.run("ROLLBACK");
    None
}

fn commit<F: Followers>(sql: &mut Sql, touched: &Touched, followers: &F, memory: &Memory) -> Result<(), StoreError> {
    if !sql.is_in_transaction() {
        return Err(StoreError::Unavailable(Fault::new("the database ended the transaction by itself")));
    }
    let ready = followers.check().and_then(|()| followers.news(sql, touched));
    // What was remembered of who may do what ends before anybody can see the commit, whatever comes of it.
    let mut commit = || if sql.take_changed() { memory.between(|| sql.run("COMMIT")) } else { sql.run("COMMIT") };
    match ready.and_then(|news| commit().map(|()| news)) {
        Ok(news) => {
            followers.publish(news);
            Ok(())
        }
        Err(error) => {
            let _the_transaction_may_be_gone = sql.run("ROLLBACK");
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::query;

    /// What a write does, for a test.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Does {
        EndTheTransaction,
        Insert,
        InsertAndFail,
        InsertAndPanic,
    }

    type Answers = Arc<std::sync::Mutex<Vec<(i64, bool)>>>;

    struct One {
        number: i64,
        does: Does,
        answers: Answers,
    }

    impl Job for One {
        fn run(&mut self, sql: &mut Sql) -> Option<Touched> {
            query("INSERT INTO rows (number) VALUES ($1)").bind(self.number).execute(sql).unwrap();
            match self.does {
                Does::EndTheTransaction => sql.run("ROLLBACK").ok().map(|()| Touched::default()),
                Does::Insert => Some(Touched::default()),
                Does::InsertAndFail => None,
                Does::InsertAndPanic => panic!("a bug"),
            }
        }

        fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
            self.answers.lock().unwrap().push((self.number, committed.is_ok()));
        }
    }

    /// Followers who are told how many rows there are, and note how many writes were answered by then.
    #[derive(Default)]
    struct Told {
        told: std::sync::Mutex<Vec<(usize, usize)>>,
        answers: Answers,
        is_gone: bool,
    }

    impl Followers for Told {
        type News = usize;

        fn news(&self, sql: &mut Sql, _: &Touched) -> Result<usize, StoreError> {
            Ok(query("SELECT number FROM rows").fetch_all(sql)?.len())
        }

        fn check(&self) -> Result<(), StoreError> {
            if self.is_gone { Err(disorder()) } else { Ok(()) }
        }

        fn publish(&self, rows: usize) {
            self.told.lock().unwrap().push((rows, self.answers.lock().unwrap().len()));
        }
    }

    /// What came of writes.
    struct Outcome {
        published: Vec<(usize, usize)>,
        answers: Vec<(i64, bool)>,
        kept: Vec<i64>,
    }

    /// Runs writes as if they had queued.
    fn queued(does: &[Does], is_gone: bool) -> Outcome {
        let mut sql = Sql::in_memory();
        sql.batch("CREATE TABLE rows (number BIGINT NOT NULL)").unwrap();
        let told = Told { is_gone, ..Told::default() };
        let job = |(number, does): (i64, &Does)| {
            let job: Box<dyn Job> = Box::new(One { number, does: *does, answers: told.answers.clone() });
            (Turn::default(), job)
        };
        together(&mut sql, (1..).zip(does).map(job).collect(), &told, &Memory::default());
        assert!(!sql.is_in_transaction());
        let rows = query("SELECT number FROM rows ORDER BY number").fetch_all(&mut sql).unwrap();
        let kept = rows.iter().map(|row| row.get("number").unwrap()).collect();
        let answers = std::mem::take(&mut *told.answers.lock().unwrap());
        Outcome { published: told.told.into_inner().unwrap(), answers, kept }
    }

    #[test]
    fn what_queued_is_one_commit_and_published_before_anybody_is_answered() {
        let Outcome { published, answers, kept } = queued(&[Does::Insert, Does::Insert, Does::Insert], false);
        assert_eq!(published, [(3, 0)]);
        assert_eq!(answers, [(1, true), (2, true), (3, true)]);
        assert_eq!(kept, [1, 2, 3]);
    }

    #[test]
    fn a_write_that_fails_takes_nothing_of_the_others_back() {
        let Outcome { published, kept, .. } =
            queued(&[Does::Insert, Does::InsertAndFail, Does::InsertAndPanic, Does::Insert], false);
        assert_eq!(published, [(2, 0)]);
        assert_eq!(kept, [1, 4]);
    }

    #[test]
    fn a_write_that_fails_alone_is_taken_back_and_nobody_is_told() {
        for does in [Does::InsertAndFail, Does::InsertAndPanic] {
            let Outcome { published, answers, kept } = queued(&[does], false);
            assert_eq!((published, answers, kept), (vec![], vec![(1, false)], vec![]));
        }
    }

    #[test]
    fn nobody_whose_write_was_lost_is_told_that_it_is_kept() {
        let Outcome { published, answers, kept } =
            queued(&[Does::Insert, Does::EndTheTransaction, Does::Insert], false);
        assert_eq!(answers, [(1, false), (2, false), (3, true)], "what queued behind it has a commit of its own");
        assert_eq!((published, kept), (vec![(1, 2)], vec![3]));
        let Outcome { published, answers, kept } = queued(&[Does::Insert, Does::Insert], true);
        assert_eq!(answers, [(1, false), (2, false)]);
        assert!(published.is_empty() && kept.is_empty());
    }

    #[test]
    fn a_write_whose_caller_gave_up_does_not_begin() {
        let turn = Turn::default();
        assert!(turn.clone().take());
        assert!(!turn.take(), "whoever comes second must not");
    }
}

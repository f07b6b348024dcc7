//! Requests that may be sent again: one that was carried out under a key is not carried out twice.
//!
//! A store that carries a [`Ticket`] writes down the request in the transaction of the first thing that it changes, so
//! that a crash at any moment leaves both or neither. The answer follows in a transaction of its own, sealed, before
//! anybody hears it; if a crash comes between the two, the next one hears that it was done and that the answer is lost.
//! This module must never run a write a second time, or keep an answer for longer than [`REMEMBERED_FOR`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use byleave_core::actor::By;
use byleave_core::name::RequestKey;
use byleave_core::time::{HOUR, Reading, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::row;
use crate::sql::{Row, query};
use crate::store::Store;
use crate::transaction::Transaction;

/// How long a request is remembered, in milliseconds.
pub const REMEMBERED_FOR: i64 = 24 * HOUR;
/// How many requests of one caller are remembered at once.
pub const MOST_OF_ONE: i64 = 10_000;
/// The longest answer that is kept, in bytes.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// A request that may be sent again: who sent it, under which key, and what it asks for.
#[derive(Debug)]
pub struct Ticket {
    caller: String,
    key: RequestKey,
    head: String,
    body: OnceLock<[u8; 32]>,
    is_spent: AtomicBool,
}

impl Ticket {
    /// A ticket for one request. `head` is all that the request asks for besides its body: method, path and query.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the caller has no name, which all have.
    pub fn new(caller: &By, key: RequestKey, head: String) -> Result<Self, StoreError> {
        let caller = row::field_text(caller)?;
        Ok(Self { caller, key, head, body: OnceLock::new(), is_spent: AtomicBool::new(false) })
    }

    /// Who sent it, and under which key: what no two requests may share that run at the same time.
    pub fn place(&self) -> (String, RequestKey) {
        (self.caller.clone(), self.key.clone())
    }

    /// Notes the body. The first one counts; a request has only one.
    pub fn bring(&self, body: &[u8]) {
        self.body.get_or_init(|| Sha256::digest(body).into());
    }

    /// Whether the request changed something, which is committed.
    pub fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Acquire)
    }

    /// Notes that it is.
    pub(crate) fn spend(&self) {
        self.is_spent.store(true, Ordering::Release);
    }

    fn sha256(&self) -> Vec<u8> {
        let body = self.body.get().copied().unwrap_or_else(|| Sha256::digest([]).into());
        Sha256::new().chain_update(body).chain_update(self.head.as_bytes()).finalize().to_vec()
    }

    fn context(&self) -> String {
        format!("answer to {} {}", self.caller, self.key)
    }
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub media_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a request is not carried out under its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Repeat {
    /// It was carried out, and answered like this.
    #[error("the request was carried out before")]
    Answered(Answer),
    /// It was carried out at this time; the answer was not kept.
    #[error("the request was carried out at {0}, but its answer is not kept")]
    NotKept(Timestamp),
    /// Another request was carried out under this key.
    #[error("another request was carried out under this key")]
    Other,
    /// The caller used too many keys.
    #[error("at most {MOST_OF_ONE} requests of one caller are remembered at once; send this one without a key")]
    TooMany,
}

impl Store {
    /// The same store for one request: what it writes first writes down the request, or finds it written down.
    #[must_use]
    pub fn once(&self, ticket: std::sync::Arc<Ticket>) -> Self {
        self.with_ticket(Some(ticket))
    }

    /// Keeps the answer to a request that was carried out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be kept; what the request did stays done.
    pub async fn keep_answer(&self, ticket: &Ticket, answer: &Answer, now: &Reading) -> Result<(), StoreError> {
        let sealed = self.sealing().seal(self.entropy(), &ticket.context(), &answer.body)?;
        let (status, media_type, hash) = (i64::from(answer.status), answer.media_type.clone(), ticket.sha256());
        let (caller, key) = ticket.place();
        let store = self.with_ticket(None);
        let body = store.write("keep answer", now, move |tx| {
            query(
                "UPDATE repeats SET status = $4, media_type = $5, answer_sealed = $6
                 WHERE caller = $1 AND key = $2 AND sha256 = $3 AND status IS NULL",
            )
            .bind(&caller)
            .bind(key.as_str())
            .bind(hash)
            .bind(status)
            .bind(&media_type)
            .bind(sealed)
            .execute(tx.sql)
            .map(drop)
        });
        body.await.map(|written| written.value)
    }
}

/// Writes down a request inside the transaction of what it does.
///
/// # Errors
/// [`StoreError::Repeated`] if the key was used; then nothing else may be written.
pub(crate) fn write_down(tx: &mut Transaction<'_>, ticket: &Ticket) -> Result<(), StoreError> {
    let (caller, key) = ticket.place();
    let found = query(
        "SELECT sha256, at, status, media_type, answer_sealed FROM repeats
         WHERE caller = $1 AND key = $2 AND at > $3",
    )
    .bind(&caller)
    .bind(key.as_str())
    .bind(oldest(tx))
    .fetch_optional(tx.sql)?;
    if let Some(row) = found {
        return Err(StoreError::Repeated(before(tx, ticket, &row)?));
    }
    let row = query("SELECT COUNT(*) AS kept FROM repeats WHERE caller = $1").bind(&caller).fetch_one(tx.sql)?;
    if row::raw::<i64>(&row, "kept")? >= MOST_OF_ONE {
        return Err(StoreError::Repeated(Repeat::TooMany));
    }
    query(
        "INSERT INTO repeats (caller, key, sha256, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (caller, key) DO UPDATE SET sha256 = excluded.sha256, at = excluded.at, status = NULL,
             media_type = NULL, answer_sealed = NULL",
    )
    .bind(&caller)
    .bind(key.as_str())
    .bind(ticket.sha256())
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    Ok(())
}

/// What is known of the request that was carried out under this key.
fn before(tx: &Transaction<'_>, ticket: &Ticket, row: &Row) -> Result<Repeat, StoreError> {
    if row::raw::<Vec<u8>>(row, "sha256")? != ticket.sha256() {
        return Ok(Repeat::Other);
    }
    let Some(sealed) = row::raw::<Option<Vec<u8>>>(row, "answer_sealed")? else {
        return Ok(Repeat::NotKept(row::instant(row, "at")?));
    };
    let status = u16::try_from(row::raw::<i64>(row, "status")?);
    Ok(Repeat::Answered(Answer {
        status: status.map_err(|_| StoreError::corrupt("column `status` must be an HTTP status"))?,
        media_type: row::raw(row, "media_type")?,
        body: tx.store.sealing().open(&ticket.context(), &sealed)?.to_vec(),
    }))
}

/// Forgets requests whose time is over.
pub(crate) fn forget(tx: &mut Transaction<'_>) -> Result<(), StoreError> {
    query("DELETE FROM repeats WHERE at <= $1").bind(oldest(tx)).execute(tx.sql).map(drop)
}

fn oldest(tx: &Transaction<'_>) -> i64 {
    tx.at().millis() - REMEMBERED_FOR
}

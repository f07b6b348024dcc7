//! Closing the door when the store cannot record it: cut first, hold it shut, and say so.
//!
//! Revoke and block work on in the background when the caller goes away or the store is slow. If the store has not
//! committed within [`Limits::commit_for`](crate::Limits), the door cuts by itself and stays shut until the store
//! succeeds. The rules must have been asked before: nothing here knows who may.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use byleave_api::error::ErrorCode;
use byleave_store::{StoreError, Written};

use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::app::App;
use crate::door::Scope;

/// Why the door was not closed in the orderly way.
#[derive(Debug)]
pub enum Shut {
    /// This many sessions were cut and the door is held shut, but nothing is recorded.
    CutOnly(usize),
    /// The store refused.
    Refused(StoreError),
}

/// Runs a write that closes the door. `what` completes the sentence “… is not recorded”.
///
/// # Errors
/// [`Failure`] for what the store refuses; `CUT_BUT_NOT_RECORDED` if it cannot commit.
pub async fn shut<T: Send + 'static>(
    caller: &Caller,
    scope: Scope,
    what: &str,
    write: impl Future<Output = Result<Written<T>, StoreError>> + Send + 'static,
) -> Result<Written<T>, Failure> {
    match close(caller.app.app(), scope, write).await {
        Ok(written) => Ok(written),
        Err(Shut::Refused(error)) => Err(caller.failure(error)),
        Err(Shut::CutOnly(cut)) => Err(Failure::new(
            ErrorCode::CutButNotRecorded,
            format!(
                "{cut} live sessions were ended and support is kept out in the meantime, but {what} is not recorded: \
                 the server cannot write now. Send the request again until it succeeds."
            ),
        )),
    }
}

/// The same for callers who have words of their own.
///
/// # Errors
/// [`Shut`].
pub async fn close<T: Send + 'static>(
    app: &Arc<App>,
    scope: Scope,
    write: impl Future<Output = Result<Written<T>, StoreError>> + Send + 'static,
) -> Result<Written<T>, Shut> {
    let latch = Arc::new(Mutex::new(Latch::Open));
    let (door, shared) = (app.door.clone(), latch.clone());
    let write = tokio::spawn(async move {
        let result = write.await;
        // Under the lock, so that a late success never meets a latch that is just being set.
        let mut latch = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() {
            door.unlatch(scope);
            *latch = Latch::Recorded;
        }
        result
    });
    let waited = tokio::time::timeout(app.limits.commit_for, write).await;
    match waited {
        Ok(Ok(Ok(written))) => return Ok(written),
        Ok(Ok(Err(StoreError::Unavailable(error)))) => {
            tracing::error!(%error, "the door cannot be closed in the store")
        }
        Ok(Ok(Err(error))) => return Err(Shut::Refused(error)),
        Ok(Err(error)) => tracing::error!(%error, "the write that closes the door broke off"),
        Err(_) => tracing::error!("the store takes too long to close the door"),
    }
    let latch = latch.lock().unwrap_or_else(PoisonError::into_inner);
    match *latch {
        // It succeeded in this very moment; the published facts cut. The caller asks again and learns so.
        Latch::Recorded => Err(Shut::CutOnly(0)),
        Latch::Open => Err(Shut::CutOnly(app.door.cut_and_latch(scope))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latch {
    Open,
    Recorded,
}

//! Followers: who watches a cluster's facts.
//!
//! What a follower gets is never older than what was committed when [`Store::follow`] returned, and each later commit
//! that touches the cluster is published before the writing method returns. A receiver that lags sees the latest
//! facts only.

use std::sync::Arc;

use byleave_core::access::Facts;
use byleave_core::id::ClusterId;
use tokio::sync::watch;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// The cluster's facts from now on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown cluster, [`StoreError::Unavailable`] if the facts cannot be read.
    pub async fn follow(&self, cluster: ClusterId) -> Result<watch::Receiver<Arc<Facts>>, StoreError> {
        let _ = cluster;
        Err(StoreError::unwritten())
    }
}

//! Followers: who watches a cluster's facts.
//!
//! What a follower gets is never older than what was committed when [`Store::follow`] returned, and each later commit
//! that touches the cluster is published before the writing method returns. A receiver that lags sees the latest
//! facts only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use byleave_core::access::{Facts, Published};
use byleave_core::id::ClusterId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{StoreError, Thing};
use crate::facts;
use crate::store::Store;

/// Who follows which cluster.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    clusters: Mutex<HashMap<ClusterId, watch::Sender<Arc<Published>>>>,
}

impl Hub {
    /// The clusters that somebody follows.
    pub(crate) fn followed(&self) -> Vec<ClusterId> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.retain(|_, sender| sender.receiver_count() > 0);
        clusters.keys().copied().collect()
    }

    /// Tells the followers of a cluster its facts. Between two commits only.
    pub(crate) fn publish(&self, facts: Facts) {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = clusters.get(&facts.cluster.id) {
            sender.send_replace(published(facts));
        }
    }

    fn join(&self, cluster: ClusterId) -> Option<watch::Receiver<Arc<Published>>> {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = clusters.get(&cluster)?;
        // A sender that nobody listened to was not told of every commit.
        (sender.receiver_count() > 0).then(|| sender.subscribe())
    }

    fn begin(&self, facts: Facts) -> watch::Receiver<Arc<Published>> {
        let (cluster, (sender, receiver)) = (facts.cluster.id, watch::channel(published(facts)));
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster, sender);
        receiver
    }
}

fn published(facts: Facts) -> Arc<Published> {
    Arc::new(Published { facts, at: Instant::now().into_std() })
}

impl Store {
    /// The cluster's facts from now on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown cluster, [`StoreError::Unavailable`] if the facts cannot be read.
    pub async fn follow(&self, cluster: ClusterId) -> Result<watch::Receiver<Arc<Published>>, StoreError> {
        let hub = self.hub().clone();
        // Where the writes are made nothing lies between a commit and its publication.
        self.between_writes(move |sql| {
            if let Some(receiver) = hub.join(cluster) {
                return Ok(receiver);
            }
            let mark = crate::clock::mark(sql)?;
            let at = mark.map_or(byleave_core::time::Timestamp::EPOCH, |mark| mark.wall);
            let facts = facts::load(sql, cluster, at)?.ok_or(StoreError::NotFound(Thing::Cluster))?;
            Ok(hub.begin(facts))
        })
        .await
    }
}

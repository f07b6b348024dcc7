//! What the gateway signs in to a cluster's databases with: sealed, set by an administrator, handed to a session that
//! is open and to nobody else.
//!
//! It opens nothing by itself: without a grant of sync data there is no session to hand it to.

use byleave_core::access::Basis;
use byleave_core::actor::Actor;
use byleave_core::event::Event;
use byleave_core::id::{ClusterId, GrantId, SessionId};
use byleave_core::inventory::SyncMechanism;
use byleave_core::name::HostName;
use byleave_core::policy::{Action, Resource};
use byleave_core::time::Reading;
use zeroize::Zeroizing;

use crate::authority::require;
use crate::error::{Conflict, StoreError, Thing};
use crate::facts;
use crate::row;
use crate::session;
use crate::sql::query;
use crate::store::Store;
use crate::transaction::Written;

/// What the gateway signs in with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SyncCredential {
    /// A user name and its password.
    Scram {
        /// The user name, without line breaks.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A certificate chain and its private key, in PEM.
    X509 {
        /// Both, in one text.
        pem: Zeroizing<String>,
    },
}

impl std::fmt::Debug for SyncCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SyncCredential").field(&self.mechanism()).finish()
    }
}

impl SyncCredential {
    /// How it signs in.
    pub const fn mechanism(&self) -> SyncMechanism {
        match self {
            Self::Scram { .. } => SyncMechanism::Scram,
            Self::X509 { .. } => SyncMechanism::X509,
        }
    }

    fn plain(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Scram { user, password } => [user.as_bytes(), b"\n", password.as_bytes()].concat(),
            Self::X509 { pem } => pem.as_bytes().to_vec(),
        })
    }

    fn read(mechanism: SyncMechanism, plain: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(plain).ok()?;
        match mechanism {
            SyncMechanism::Scram => {
                let (user, password) = text.split_once('\n')?;
                Some(Self::Scram { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
            }
            SyncMechanism::X509 => Some(Self::X509 { pem: Zeroizing::new(text.to_owned()) }),
        }
    }
}

/// What a session for sync data signs in to its cluster with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSignIn {
    /// The grant that the session is based on.
    pub grant: Option<GrantId>,
    /// The credential that an administrator set for the cluster; none where that grant came with another one.
    pub credential: Option<SyncCredential>,
}

impl Store {
    /// Sets the credential of the cluster with this host name, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::NotFound`] if there is no such
    /// cluster, [`StoreError::Conflict`] while nobody has claimed the organization.
    pub async fn set_sync_credential(
        &self,
        actor: &Actor,
        now: &Reading,
        host: HostName,
        credential: SyncCredential,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("set sync credential", now, move |tx| {
            require(tx.sql, &actor, Action::ApplyInventory, Resource::Installation, Thing::Cluster)?;
            let found = query("SELECT id FROM clusters WHERE host = $1 AND removed = 0").bind(host.as_str());
            let found = found.fetch_optional(tx.sql)?.ok_or(StoreError::NotFound(Thing::Cluster))?;
            let facts = facts::load(tx.sql, row::text(&found, "id")?, tx.at())?;
            let facts = facts.ok_or(StoreError::NotFound(Thing::Cluster))?;
            // Without a log nobody would see it.
            if !facts.claimed {
                return Err(StoreError::Conflict(Conflict::NotClaimed));
            }
            let (cluster, project) = (facts.cluster.id, facts.cluster.project);
            let mechanism = credential.mechanism();
            let sealed = tx.store.sealing().seal(tx.store.entropy(), &context(cluster), &credential.plain())?;
            query(
                "INSERT INTO sync_credentials (cluster, mechanism, sealed, set_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (cluster) DO UPDATE SET mechanism = excluded.mechanism, sealed = excluded.sealed,
                     set_at = excluded.set_at",
            )
            .bind(cluster.to_string())
            .bind(mechanism.as_str())
            .bind(sealed)
            .bind(tx.at().millis())
            .execute(tx.sql)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Cluster))?;
            tx.append(facts.organization, by, Event::SyncCredentialSet { project, cluster, mechanism })?;
            Ok(())
        });
        body.await
    }

    /// Whether a grant is in force: what was supplied with one that is not is wiped. `None` where there is no such grant, or
    /// not yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store does not answer.
    pub async fn is_in_force(&self, grant: GrantId, now: &Reading) -> Result<Option<bool>, StoreError> {
        let mut sql = self.read()?;
        let at = self.judged(&sql, now).at;
        let row = query("SELECT ended_at IS NULL AND expires_at > $2 AS in_force FROM grants WHERE id = $1")
            .bind(grant.to_string())
            .bind(at.millis());
        row.fetch_optional(&mut sql)?.map(|row| row::flag(&row, "in_force")).transpose()
    }

    /// What an open session for sync data signs in with on this basis, which it may go on before that is written down.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown session, one for something else, or a grant that is not of its cluster,
    /// [`StoreError::Conflict`] if the session has ended.
    pub async fn sync_sign_in(&self, id: SessionId, basis: Basis) -> Result<SyncSignIn, StoreError> {
        let mut sql = self.read()?;
        let cluster = session::sync_cluster(&mut sql, id)?;
        let grant = match basis {
            Basis::Grant { id } => {
                let row = query("SELECT supplied FROM grants WHERE id = $1 AND cluster = $2").bind(id.to_string());
                let row = row.bind(cluster.to_string()).fetch_optional(&mut sql)?;
                let row = row.ok_or(StoreError::NotFound(Thing::Cluster))?;
                if row::flag(&row, "supplied")? {
                    return Ok(SyncSignIn { grant: Some(id), credential: None });
                }
                Some(id)
            }
            Basis::Standing => None,
        };
        let row = query("SELECT mechanism, sealed FROM sync_credentials WHERE cluster = $1").bind(cluster.to_string());
        let credential = match row.fetch_optional(&mut sql)? {
            Some(row) => {
                let plain = self.sealing().open(&context(cluster), &row::raw::<Vec<u8>>(&row, "sealed")?)?;
                let read = SyncCredential::read(row::field(&row, "mechanism")?, &plain);
                Some(read.ok_or_else(|| StoreError::corrupt("a sync credential cannot be read"))?)
            }
            None => None,
        };
        Ok(SyncSignIn { grant, credential })
    }
}

fn context(cluster: ClusterId) -> String {
    format!("cluster {cluster} sync credential")
}

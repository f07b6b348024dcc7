//! The condition of a store on disk, seen from outside: for `byleave doctor`, whether a server runs on it or not.
//!
//! It must never change anything, and tells nothing of what customers decided.

use std::path::Path;

use byleave_core::event::Event;
use byleave_core::id::SessionId;
use byleave_core::inventory::NodeCheck;
use byleave_core::name::{HostName, OrgName};
use byleave_core::time::{Now, Reading, Timestamp, judge};

use crate::audit::Audit;
use crate::clock;
use crate::error::StoreError;
use crate::event;
use crate::facts::{self, Which};
use crate::migration;
use crate::row;
use crate::seal::SealingKey;
use crate::sql::{Access, Sql, query};
use crate::store::{self, Store};

/// The condition of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether state and logs agree.
    pub audit: Audit,
    /// The version of SQLite that this program brings.
    pub sqlite: String,
    /// What the time that is kept says of the clock.
    pub now: Now,
    /// Nodes whose last check failed.
    pub failed: Vec<HostName>,
    /// Nodes that were never checked in their present form.
    pub unchecked: Vec<HostName>,
    /// Invitations of first owners that nobody claimed, and until when they can be.
    pub invitations: Vec<(OrgName, Timestamp)>,
    /// The recordings that the logs name, newest first.
    pub recordings: Vec<Recorded>,
}

/// A recording, as the end of its session stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The session.
    pub session: SessionId,
    /// The hash of its table of contents, which names every part with a hash.
    pub sha256: [u8; 32],
}

impl Store {
    /// Looks at the store in a data directory. Changes nothing in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read, [`StoreError::Corrupt`] if a row does not decode or the
    /// sealing key is not the one that it was made with.
    pub async fn examine(dir: &Path, sealing: &SealingKey, reading: &Reading) -> Result<Condition, StoreError> {
        let mut sql = Sql::open(&dir.join(Self::FILE), Access::Read)?;
        sql.run("BEGIN")?;
        migration::require_current(&mut sql)?;
        let (installation, signing) = store::identity(&mut sql, sealing)?;
        let mark = clock::mark(&mut sql)?;
        let now = judge(mark.as_ref(), &clock::fresh(mark.as_ref(), reading.clone()));
        let (failed, unchecked) = nodes(&mut sql)?;
        Ok(Condition {
            sqlite: row::raw(&query("SELECT sqlite_version() AS version").fetch_one(&mut sql)?, "version")?,
            now,
            failed,
            unchecked,
            invitations: invitations(&mut sql)?,
            recordings: recordings(&mut sql)?,
            audit: Audit::of(&mut sql, installation, &signing)?,
        })
    }
}

impl Store {
    /// Where the schema in a data directory differs from one made anew: what somebody dropped, altered or added past
    /// Byleave. Changes nothing in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read, or is not the schema of this version.
    pub async fn schema_differences(dir: &Path, reading: &Reading) -> Result<Vec<String>, StoreError> {
        migration::differences(&mut Sql::open(&dir.join(Self::FILE), Access::Read)?, reading)
    }
}

/// The recordings that the logs name.
fn recordings(sql: &mut Sql) -> Result<Vec<Recorded>, StoreError> {
    let rows = query("SELECT leaf FROM leaves WHERE name = 'session.closed' ORDER BY at DESC, log, idx DESC");
    let mut recordings = Vec::new();
    for row in rows.fetch_all(sql)? {
        let entry = event::read_leaf(&row::raw::<Vec<u8>>(&row, "leaf")?)?;
        if let Event::SessionClosed { session, recording_sha256: Some(sha256), .. } = entry.event {
            recordings.push(Recorded { session, sha256 });
        }
    }
    Ok(recordings)
}

/// The nodes whose check failed, and those without a verdict on their present form.
fn nodes(sql: &mut Sql) -> Result<(Vec<HostName>, Vec<HostName>), StoreError> {
    let mut clusters = facts::clusters(sql, Which::All)?;
    clusters.retain(|cluster| !cluster.removed);
    clusters.sort_by(|a, b| a.host.cmp(&b.host));
    let (mut failed, mut unchecked) = (Vec::new(), Vec::new());
    for cluster in clusters {
        for node in cluster.nodes.into_iter().filter(|node| !node.removed) {
            match node.check {
                NodeCheck::Passed { revision } | NodeCheck::RiskAccepted { revision } if revision >= node.since => {}
                NodeCheck::Failed => failed.push(node.host),
                NodeCheck::None | NodeCheck::Passed { .. } | NodeCheck::RiskAccepted { .. } => {
                    unchecked.push(node.host);
                }
            }
        }
    }
    Ok((failed, unchecked))
}

fn invitations(sql: &mut Sql) -> Result<Vec<(OrgName, Timestamp)>, StoreError> {
    let rows = query(
        "SELECT organizations.name, invitations.expires_at FROM invitations
         JOIN organizations ON organizations.id = invitations.organization
         WHERE invitations.first_owner = 1 AND invitations.closed_at IS NULL AND organizations.claimed_at IS NULL
         ORDER BY invitations.expires_at",
    );
    let rows = rows.fetch_all(sql)?;
    rows.iter().map(|row| Ok((row::text(row, "name")?, row::instant(row, "expires_at")?))).collect()
}

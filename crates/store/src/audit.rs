//! The check that the tables say what the logs say: for `byleave doctor`, and for the tests that kill the server.
//!
//! Everything is computed anew from the leaves: hashes, tree, checkpoint, and by replay who holds which role, what is
//! blocked, granted, in the inventory and open. It must never repair anything.

use std::collections::{BTreeMap, BTreeSet};

use byleave_core::access::{Facts, GRANTS_FOR};
use byleave_core::event::LogId;
use byleave_core::grant::Grant;
use byleave_core::id::{ApiKeyId, EmployeeId, GrantId, InstallationId, OrgId, ServiceAccountId, SessionId, UserId};
use byleave_core::inventory::Cluster;
use byleave_core::recovery::Recovery;
use byleave_core::role::Roles;
use byleave_core::time::Timestamp;
use byleave_log::checkpoint::{Checkpoint, Origin};
use byleave_log::hash::Hash;
use byleave_log::key::SigningKey;
use byleave_log::leaf::{disclose, leaf_hash, log_text, parse_log};
use byleave_log::replay::{self, Account, Replay};
use byleave_log::tree::Frontier;

use crate::account::AccountId;
use crate::authority::{self, Holder};
use crate::error::StoreError;
use crate::event;
use crate::facts::{self, Which};
use crate::feed;
use crate::network;
use crate::organization;
use crate::recovery;
use crate::request;
use crate::row;
use crate::secret;
use crate::sql::{Assembly, Sql, query};
use crate::store::Store;

/// What an audit of the state found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many logs were replayed.
    pub logs: u64,
    /// How many entries they hold.
    pub entries: u64,
    /// Where the tables and the logs differ, or a log breaks a rule. Empty if all is well.
    pub findings: Vec<String>,
    /// What only deserves a look: an honest installation that was down can have it.
    pub notices: Vec<String>,
}

impl Store {
    /// Replays all logs and compares what they say with the tables.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store cannot be read, [`StoreError::Corrupt`] for a row that does not decode.
    pub async fn audit_state(&self) -> Result<Audit, StoreError> {
        let mut sql = self.read()?;
        Audit::of(&mut sql, self.installation(), self.signing_key())
    }
}

impl Audit {
    /// Looks at everything, as of one transaction.
    pub(crate) fn of(sql: &mut Sql, installation: InstallationId, signing: &SigningKey) -> Result<Self, StoreError> {
        let mut audit = Self::default();
        audit.integrity(&mut *sql)?;
        let rows = query("SELECT log FROM logs ORDER BY log").fetch_all(&mut *sql)?;
        let mut logged = BTreeSet::new();
        for row in &rows {
            let name: String = row::raw(row, "log")?;
            let log = parse_log(&name).ok_or_else(|| StoreError::corrupt("a log without a name"))?;
            let (tree, replay) = audit.log(&mut *sql, log)?;
            audit.checkpoint(&mut *sql, Origin { installation, log }, signing, &tree)?;
            audit.counts(&mut *sql, log)?;
            match (log, replay.organization(), replay.installation()) {
                (LogId::Organization(id), Some(replayed), _) => {
                    logged.insert(id);
                    audit.organization(&mut *sql, id, replayed, replay.span().map(|(_, last)| last))?;
                }
                (LogId::Installation, _, Some(replayed)) => audit.employees(&mut *sql, replayed)?,
                (LogId::Organization(_) | LogId::Installation, _, _) => audit.find(log, "was not replayed"),
            }
        }
        audit.claims(&mut *sql, &logged)?;
        Ok(audit)
    }
}

impl Audit {
    fn find(&mut self, log: LogId, what: impl std::fmt::Display) {
        self.findings.push(format!("log {}: {what}", log_text(log)));
    }

    /// What SQLite itself finds.
    fn integrity(&mut self, sql: &mut Sql) -> Result<(), StoreError> {
        for row in query("PRAGMA quick_check").fetch_all(&mut *sql)? {
            let text: String = row::raw(&row, "quick_check")?;
            if text != "ok" {
                self.findings.push(format!("database: {text}"));
            }
        }
        let strays = query("PRAGMA foreign_key_check").fetch_all(sql)?.len();
        if strays > 0 {
            self.findings.push(format!("database: {strays} rows refer to rows that are not there"));
        }
        Ok(())
    }

    /// Replays a log and grows its tree.
    fn log(&mut self, sql: &mut Sql, log: LogId) -> Result<(Frontier, Replay), StoreError> {
        let (mut tree, mut replay) = (Frontier::new(), Replay::new(log));
        let rows = query("SELECT idx, event, name, at, leaf, hash FROM leaves WHERE log = $1 ORDER BY idx")
            .bind(log_text(log))
            .fetch_all(&mut *sql)?;
        for row in &rows {
            let (index, leaf) = (row::count(row, "idx")?, row::raw::<Vec<u8>>(row, "leaf")?);
            let (entry, hash) = (event::read_leaf(&leaf)?, leaf_hash(&leaf));
            let texts = event::disclosures(sql, &log_text(log), row::signed(index)?)?;
            let columns = hash == Hash::from_bytes(row::bytes(row, "hash")?)
                && hash.event_id() == row::text(row, "event")?
                && entry.event.name() == row::raw::<String>(row, "name")?
                && entry.at == row::instant(row, "at")?
                && index == tree.size();
            if !columns {
                self.find(log, format_args!("entry {index} is not the one that its columns tell"));
            }
            if let Err(error) = disclose(&entry.event, &texts) {
                self.find(log, format_args!("entry {index}: {error}"));
            }
            for problem in replay.apply(&entry) {
                self.problem(log, index, &problem);
            }
            tree.append(hash);
        }
        for (index, problem) in replay.finish() {
            self.problem(log, index, &problem);
        }
        self.logs += 1;
        self.entries += tree.size();
        Ok((tree, replay))
    }

    fn problem(&mut self, log: LogId, index: u64, problem: &replay::Problem) {
        if problem.is_notice() {
            self.notices.push(format!("log {}: entry {index}: {problem}", log_text(log)));
        } else {
            self.find(log, format_args!("entry {index}: {problem}"));
        }
    }

    /// What pages of the feed are counted by.
    fn counts(&mut self, sql: &mut Sql, log: LogId) -> Result<(), StoreError> {
        let mut select =
            Assembly::new("WITH counted AS (SELECT COALESCE(project, '-') AS project, cluster, name, idx / ");
        select.push_bind(feed::BLOCK).push(" AS block FROM leaves WHERE log = ").push_bind(log_text(log)).push(
            ") SELECT scope, block, name FROM (
                SELECT '' AS scope, block, name, 0 AS kept, 1 AS there FROM counted
                UNION ALL SELECT project, block, name, 0, 1 FROM counted
                UNION ALL SELECT cluster, block, name, 0, 1 FROM counted WHERE cluster IS NOT NULL
                UNION ALL SELECT scope, block, name, leaves, 0 FROM feed_blocks WHERE log = ",
        );
        select
            .push_bind(log_text(log))
            .push(") AS compared GROUP BY scope, block, name HAVING SUM(kept) <> SUM(there)");
        if !select.build().fetch_all(sql)?.is_empty() {
            self.find(log, "the counts for the pages of the feed differ from its entries");
        }
        Ok(())
    }

    fn checkpoint(
        &mut self,
        sql: &mut Sql,
        origin: Origin,
        signing: &SigningKey,
        tree: &Frontier,
    ) -> Result<(), StoreError> {
        let log = origin.log;
        let row = query("SELECT frontier, checkpoint FROM logs WHERE log = $1").bind(log_text(log));
        let row = row.fetch_one(sql)?;
        if row::raw::<Vec<u8>>(&row, "frontier")? != tree.to_bytes() {
            self.find(log, "the kept frontier is not that of its leaves");
        }
        let expected = Checkpoint::of(origin, tree);
        match Checkpoint::open(&row::raw::<String>(&row, "checkpoint")?, signing.verifying_key()) {
            Ok(checkpoint) if checkpoint == expected => {}
            Ok(_) => self.find(log, "the kept checkpoint is of another state"),
            Err(error) => self.find(log, format_args!("the kept checkpoint {error}")),
        }
        Ok(())
    }

    /// Organizations with a log are claimed, others are not.
    fn claims(&mut self, sql: &mut Sql, logged: &BTreeSet<OrgId>) -> Result<(), StoreError> {
        for row in query("SELECT id, claimed_at FROM organizations").fetch_all(sql)? {
            let id = row::text(&row, "id")?;
            if logged.contains(&id) != row::instant_or_none(&row, "claimed_at")?.is_some() {
                self.find(LogId::Organization(id), "the table and the log disagree on whether it was claimed");
            }
        }
        Ok(())
    }

    fn employees(&mut self, sql: &mut Sql, replayed: &replay::Installation) -> Result<(), StoreError> {
        let mut stored = BTreeMap::new();
        for row in query("SELECT id, enabled FROM employees").fetch_all(&mut *sql)? {
            let id: EmployeeId = row::text(&row, "id")?;
            stored.insert(id, BTreeSet::new());
            if row::flag(&row, "enabled")? == replayed.is_disabled(id) {
                self.find(LogId::Installation, format_args!("employee {id} is enabled in one, disabled in the other"));
            }
        }
        let keys = query("SELECT id, employee FROM employee_keys WHERE removed_at IS NULL").fetch_all(sql);
        for row in keys? {
            stored.entry(row::text(&row, "employee")?).or_default().insert(row::text(&row, "id")?);
        }
        if stored != *replayed.employees() {
            self.find(LogId::Installation, "the employees and their keys differ");
        }
        Ok(())
    }

    fn organization(
        &mut self,
        sql: &mut Sql,
        id: OrgId,
        replayed: &replay::Organization,
        last: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let log = LogId::Organization(id);
        let stored = organization::load(sql, id)?;
        if stored.blocked != replayed.blocked() {
            self.find(log, "the block differs");
        }
        if stored.longest != replayed.longest() {
            self.find(log, "the longest grant differs");
        }
        if stored.longest_secret != replayed.longest_secret() {
            self.find(log, "the longest life of a service account's secret differs");
        }
        if users(sql, id)? != *replayed.users() {
            self.find(log, "the users or their roles differ");
        }
        if api_keys(sql, id)? != *replayed.api_keys() {
            self.find(log, "the API keys, their roles or access lists differ");
        }
        if service_accounts(sql, id)? != *replayed.service_accounts() {
            self.find(log, "the service accounts, their roles, secrets or access lists differ");
        }
        if live(sql, id)? != replayed.live_sessions().collect() {
            self.find(log, "the open sessions differ");
        }
        let at = last.unwrap_or(Timestamp::EPOCH);
        let waiting: BTreeSet<_> = request::waiting(sql, id, at)?.into_iter().collect();
        if waiting != replayed.waiting_requests(at).collect() {
            self.find(log, "the access requests that wait for an answer differ");
        }
        let open = |recovery: &Recovery| recovery.ended.is_none() && recovery.invited.is_none();
        if recovery::latest(sql, id)?.filter(open).map(|recovery| recovery.id) != replayed.recovery() {
            self.find(log, "the recovery of a lost last owner differs");
        }
        let told: BTreeMap<_, _> = replayed.facts().map(|facts| (facts.cluster.id, facts)).collect();
        for stored in facts::all(sql, Which::Organization(id), last.unwrap_or(Timestamp::EPOCH))? {
            let cluster = stored.cluster.id;
            match told.get(&cluster) {
                Some(told) => self.cluster(log, &stored, told, last),
                None if stored.cluster.removed => {}
                None => self.find(log, format_args!("cluster {cluster} is only in the table")),
            }
        }
        Ok(())
    }

    fn cluster(&mut self, log: LogId, stored: &Facts, told: &Facts, last: Option<Timestamp>) {
        let id = stored.cluster.id;
        if without_tombstones(&stored.cluster) != without_tombstones(&told.cluster) {
            self.find(log, format_args!("the inventory of cluster {id} differs"));
        }
        // The replay keeps grants until the next one is given; what is older than the facts reach is no matter.
        let horizon = last.map_or(0, |last| last.millis() - GRANTS_FOR);
        let recent = |facts: &Facts| -> BTreeMap<GrantId, Grant> {
            let grants = facts.grants.iter().filter(|grant| grant.granted_at.millis() > horizon);
            grants.map(|grant| (grant.id, Grant { case: None, reason: None, ..grant.clone() })).collect()
        };
        if recent(stored) != recent(told) {
            self.find(log, format_args!("the grants of cluster {id} differ"));
        }
    }
}

/// What was removed before the claim is in no log.
fn without_tombstones(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone();
    cluster.nodes.retain(|node| !node.removed);
    cluster
}

fn users(sql: &mut Sql, id: OrgId) -> Result<BTreeMap<UserId, Roles>, StoreError> {
    let rows = query("SELECT id FROM users WHERE organization = $1 AND removed_at IS NULL").bind(id.to_string());
    let mut found = BTreeMap::new();
    for row in rows.fetch_all(&mut *sql)? {
        let id = row::text(&row, "id")?;
        found.insert(id, authority::roles(sql, Holder::User(id))?);
    }
    Ok(found)
}

fn api_keys(sql: &mut Sql, id: OrgId) -> Result<BTreeMap<ApiKeyId, Account>, StoreError> {
    let rows = query("SELECT id FROM api_keys WHERE organization = $1 AND removed_at IS NULL");
    let mut found = BTreeMap::new();
    for row in rows.bind(id.to_string()).fetch_all(&mut *sql)? {
        let id = row::text(&row, "id")?;
        let networks = network::all(sql, AccountId::ApiKey(id))?;
        let roles = authority::roles(sql, Holder::ApiKey(id))?;
        let networks = networks.into_iter().map(|row| row.network).collect();
        found.insert(id, Account { roles, secrets: BTreeSet::new(), networks });
    }
    Ok(found)
}

fn service_accounts(sql: &mut Sql, id: OrgId) -> Result<BTreeMap<ServiceAccountId, Account>, StoreError> {
    let rows = query("SELECT id FROM service_accounts WHERE organization = $1 AND removed_at IS NULL");
    let mut found = BTreeMap::new();
    for row in rows.bind(id.to_string()).fetch_all(&mut *sql)? {
        let id = row::text(&row, "id")?;
        let networks = network::all(sql, AccountId::ServiceAccount(id))?;
        let secrets = secret::all(sql, id)?;
        let roles = authority::roles(sql, Holder::ServiceAccount(id))?;
        let networks = networks.into_iter().map(|row| row.network).collect();
        found.insert(id, Account { roles, secrets: secrets.into_iter().map(|row| row.id).collect(), networks });
    }
    Ok(found)
}

fn live(sql: &mut Sql, id: OrgId) -> Result<BTreeSet<SessionId>, StoreError> {
    let rows = query("SELECT id FROM sessions WHERE organization = $1 AND ended_at IS NULL");
    let rows = rows.bind(id.to_string()).fetch_all(sql)?;
    rows.iter().map(|row| row::text(row, "id")).collect()
}

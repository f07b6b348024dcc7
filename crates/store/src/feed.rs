//! The statements of the feed: which leaves are on a page, and how many there are on all pages.
//!
//! A page must never cost more because the log is longer or the page is far: leaves are taken in the order of an index,
//! from a place that is found by adding up the counts of blocks, which each write keeps. Only dates, of which the log
//! keeps no order (a clock can be set back), are looked for one by one.

use byleave_core::event::{Event, LogId};
use byleave_log::leaf::log_text;

use crate::error::StoreError;
use crate::event::EventQuery;
use crate::row;
use crate::sql::{Assembly, Bind, Row};

/// How many clusters are merged one by one; SQLite takes at most 500 parts of a statement.
const MERGED: usize = 100;

/// How many indices of a log a block has.
pub(crate) const BLOCK: i64 = 16_384;
/// What all leaves of a log are counted under.
const ALL: &str = "";
/// What leaves of no project are counted under.
const NO_PROJECT: &str = "-";

/// What a leaf is counted under.
pub(crate) fn scopes(event: &Event) -> impl Iterator<Item = String> {
    let project = event.project().map_or_else(|| NO_PROJECT.to_owned(), |id| id.to_string());
    [ALL.to_owned(), project].into_iter().chain(event.cluster().map(|id| id.to_string()))
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The page is before this index,
    pub(crate) before: i64,
    /// after passing over so many leaves.
    pub(crate) offset: i64,
}

impl Place {
    /// How many leaves the blocks, newest first, have in all, and the place after so many of them; `None` if there are
    /// not so many.
    pub(crate) fn of(blocks: &[Row], offset: i64) -> Result<(u64, Option<Self>), StoreError> {
        let (mut total, mut found) = (0_u64, None);
        for row in blocks {
            let (block, leaves) = (row::raw::<i64>(row, "block")?, row::count(row, "leaves")?);
            let passed = row::signed(total)?;
            total = total.saturating_add(leaves);
            if found.is_none() && row::signed(total)? > offset {
                found = Some((block.saturating_add(1).saturating_mul(BLOCK), offset - passed));
            }
        }
        Ok((total, found.map(|(before, offset)| Self { before, offset })))
    }
}

/// Which leaves somebody may see.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// Of this log.
    pub(crate) log: LogId,
    /// Only those of this project.
    pub(crate) project: Option<String>,
    /// Only those of no project or of one of these; `None` for all.
    pub(crate) readable: Option<Vec<String>>,
    /// Whether they may know the organization's service accounts, which no leaf names.
    pub(crate) service_accounts: bool,
}

impl Sight {
    /// Whether a leaf of this project, or of none, is among them.
    pub(crate) fn shows(&self, project: Option<&str>) -> bool {
        match (&self.project, &self.readable, project) {
            (Some(only), _, project) => project == Some(only.as_str()),
            (None, Some(readable), Some(project)) => readable.iter().any(|known| known == project),
            (None, _, _) => true,
        }
    }
}

/// A filter as the database sees it.
pub(crate) struct Filter {
    log: String,
    project: Option<String>,
    readable: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    names: Option<Vec<&'static str>>,
    from: Option<i64>,
    before: Option<i64>,
    after: Option<i64>,
}

impl Filter {
    pub(crate) fn of(sight: Sight, query: &EventQuery) -> Result<Self, StoreError> {
        Ok(Self {
            log: log_text(sight.log),
            project: sight.project,
            readable: sight.readable,
            clusters: query.clusters.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect()),
            names: query.names.clone(),
            from: query.from.map(byleave_core::time::Timestamp::millis),
            before: query.before.map(byleave_core::time::Timestamp::millis),
            after: query.after.map(row::signed).transpose()?,
        })
    }

    /// Whether nothing is left out but what came before an index: then places on pages are indices.
    pub(crate) const fn is_dense(&self) -> bool {
        self.project.is_none()
            && self.readable.is_none()
            && self.clusters.is_none()
            && self.names.is_none()
            && self.from.is_none()
            && self.before.is_none()
    }

    /// The first index that is not left out for having come before.
    pub(crate) const fn first(&self) -> i64 {
        match self.after {
            Some(after) => after.saturating_add(1),
            None => 0,
        }
    }

    /// The leaves from one index to before another, newest first.
    pub(crate) fn range(&self, from: i64, to: i64) -> Assembly {
        let mut sql = Assembly::new("SELECT log, idx, leaf FROM leaves WHERE log = ");
        sql.push_bind(self.log.clone()).push(" AND idx >= ").push_bind(from).push(" AND idx < ").push_bind(to);
        sql.push(" ORDER BY idx DESC");
        sql
    }

    /// A page of the leaves that pass, newest first, from before an index and after passing over so many.
    /// INVARIANT: names and clusters are none at all or at least one.
    pub(crate) fn page(&self, per_page: i64, before: i64, offset: i64) -> Assembly {
        let mut sql = Assembly::new("");
        let names = self.names.as_deref().unwrap_or(&[]);
        match self.each() {
            None => {
                sql.push("SELECT log, idx, leaf FROM leaves WHERE TRUE");
                self.conditions(&mut sql, names, self.clusters.as_deref().unwrap_or(&[]));
                sql.push(" AND idx < ").push_bind(before);
            }
            Some((column, each)) => {
                let names = if column == "name" { &[] } else { names };
                for (number, one) in each.iter().enumerate() {
                    sql.push(if number == 0 { "SELECT log, idx, leaf" } else { " UNION ALL SELECT log, idx, leaf" });
                    sql.push(" FROM leaves WHERE ").push(column).push(" = ").push_bind(one.clone());
                    self.conditions(&mut sql, names, &[]);
                    sql.push(" AND idx < ").push_bind(before);
                }
            }
        }
        sql.push(" ORDER BY idx DESC LIMIT ").push_bind(per_page).push(" OFFSET ").push_bind(offset);
        sql
    }

    /// The oldest leaves that pass, oldest first.
    pub(crate) fn oldest(&self, most: i64) -> Assembly {
        let mut sql = Assembly::new("SELECT log, idx, leaf FROM leaves WHERE TRUE");
        self.conditions(&mut sql, self.names.as_deref().unwrap_or(&[]), self.clusters.as_deref().unwrap_or(&[]));
        sql.push(" ORDER BY idx LIMIT ").push_bind(most);
        sql
    }

    /// One name or one cluster at a time is in the order of an index; SQLite merges them as far as the page needs.
    fn each(&self) -> Option<(&'static str, Vec<String>)> {
        match (&self.clusters, &self.names) {
            (Some(clusters), _) if clusters.len() <= MERGED => Some(("cluster", clusters.clone())),
            (None, Some(names)) if self.project.is_none() => {
                Some(("name", names.iter().map(|name| (*name).to_owned()).collect()))
            }
            (Some(_) | None, _) => None,
        }
    }

    /// Whether leaves are passed over by their dates or their index, of which blocks keep no counts.
    pub(crate) const fn is_by_date(&self) -> bool {
        self.from.is_some() || self.before.is_some() || self.after.is_some()
    }

    /// How many leaves pass, as `total`, counted one by one.
    pub(crate) fn total(&self) -> Assembly {
        let mut sql = Assembly::new("SELECT COUNT(*) AS total FROM leaves WHERE TRUE");
        let clusters = self.clusters.as_deref().unwrap_or(&[]);
        self.conditions(&mut sql, self.names.as_deref().unwrap_or(&[]), clusters);
        sql
    }

    /// How many leaves pass in each block that has some, as `block` and `leaves`, newest first.
    pub(crate) fn blocks(&self) -> Assembly {
        let mut sql =
            Assembly::new("SELECT block, CAST(SUM(leaves) AS BIGINT) AS leaves FROM feed_blocks WHERE log = ");
        sql.push_bind(self.log.clone());
        let scopes = match (&self.clusters, &self.project, &self.readable) {
            (Some(clusters), _, _) => clusters.clone(),
            (None, Some(project), _) => vec![project.clone()],
            (None, None, Some(readable)) => readable.iter().cloned().chain([NO_PROJECT.to_owned()]).collect(),
            (None, None, None) => vec![ALL.to_owned()],
        };
        one_of(sql.push(" AND "), "scope", scopes.into_iter());
        if let Some(names) = &self.names {
            one_of(sql.push(" AND "), "name", names.iter().copied());
        }
        sql.push(" GROUP BY block ORDER BY block DESC");
        sql
    }

    fn conditions(&self, sql: &mut Assembly, names: &[&'static str], clusters: &[String]) {
        sql.push(" AND log = ").push_bind(self.log.clone());
        if let Some(project) = &self.project {
            // A cluster is of one project: its own index finds less.
            sql.push(if self.clusters.is_some() { " AND +project = " } else { " AND project = " });
            sql.push_bind(project.clone());
        }
        if let Some(readable) = &self.readable {
            one_of(sql.push(" AND (project IS NULL OR "), "project", readable.iter().cloned());
            sql.push(")");
        }
        if !clusters.is_empty() {
            one_of(sql.push(" AND "), "+cluster", clusters.iter().cloned());
        }
        if !names.is_empty() {
            // No index by name here: it would bring the leaves in another order.
            one_of(sql.push(" AND "), "+name", names.iter().copied());
        }
        if let Some(from) = self.from {
            sql.push(" AND at >= ").push_bind(from);
        }
        if let Some(before) = self.before {
            sql.push(" AND at < ").push_bind(before);
        }
        if let Some(after) = self.after {
            sql.push(" AND idx > ").push_bind(after);
        }
    }
}

/// `column IN (…)`; false for nothing.
fn one_of(sql: &mut Assembly, column: &'static str, values: impl Iterator<Item = impl Bind>) {
    sql.push(column).push(" IN (");
    for (number, value) in values.enumerate() {
        sql.push(if number == 0 { "" } else { ", " }).push_bind(value);
    }
    sql.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Sql;

    fn filter() -> Filter {
        let log = LogId::Installation;
        let query = EventQuery::newest(crate::event::EventsOf::Installation);
        Filter::of(Sight { log, project: None, readable: None, service_accounts: false }, &query).unwrap()
    }

    fn plan(sql: &mut Sql, query: Assembly) -> Vec<String> {
        query.explain().fetch_all(sql).unwrap().iter().map(|row| row.get("detail").unwrap()).collect()
    }

    const BLOCKS: &str = include_str!("../migrations/sqlite/0005_feed_blocks.sql");

    #[test]
    fn the_schema_has_blocks_of_the_same_size() {
        assert_eq!(BLOCKS.matches(&format!("idx / {BLOCK}")).count(), BLOCKS.matches("idx / ").count());
    }

    #[test]
    fn no_page_reads_the_whole_log() {
        let mut sql = Sql::in_memory();
        for text in [
            include_str!("../migrations/sqlite/0001_begin.sql"),
            include_str!("../migrations/sqlite/0002_feed.sql"),
            BLOCKS,
        ] {
            sql.batch(text).unwrap();
        }
        let project = Some("p".to_owned());
        let clusters = Some(vec!["c".to_owned(), "d".to_owned()]);
        let some = Some(vec!["p".to_owned(), "q".to_owned()]);
        let names = Some(vec!["grant.given", "grant.revoked", "session.opened"]);
        let filters = [
            filter(),
            Filter { readable: some.clone(), ..filter() },
            Filter { project: project.clone(), ..filter() },
            Filter { clusters: clusters.clone(), ..filter() },
            Filter { clusters: clusters.clone(), project: project.clone(), ..filter() },
            Filter { names: names.clone(), ..filter() },
            Filter { names: names.clone(), readable: some.clone(), ..filter() },
            Filter { names: names.clone(), project: project.clone(), ..filter() },
            Filter { names: names.clone(), clusters, project, ..filter() },
        ];
        for filter in filters {
            let page = plan(&mut sql, filter.page(10, i64::MAX, 0));
            let reads: Vec<&String> = page.iter().filter(|line| line.contains(" leaves")).collect();
            assert!(!reads.is_empty(), "{page:?}");
            assert!(reads.iter().all(|line| line.starts_with("SEARCH leaves USING INDEX")), "{page:?}");
            assert!(!page.iter().any(|line| line.contains("TEMP B-TREE")), "nothing is sorted: {page:?}");
            let by_cluster = filter.clusters.is_none() || reads.iter().all(|line| line.contains("leaves_cluster"));
            assert!(by_cluster, "{page:?}");
            let blocks = plan(&mut sql, filter.blocks());
            assert!(blocks.iter().any(|line| line.starts_with("SEARCH feed_blocks USING INDEX")), "{blocks:?}");
        }
        let range = plan(&mut sql, filter().range(5, 9));
        assert!(matches!(&range[..], [one] if one.ends_with("(log=? AND idx>? AND idx<?)")), "{range:?}");
        let next = plan(&mut sql, Filter { after: Some(5), readable: some.clone(), ..filter() }.oldest(9));
        assert!(matches!(&next[..], [one] if one.ends_with("(log=? AND idx>?)")), "{next:?}");
        let after = plan(&mut sql, Filter { after: Some(5), ..filter() }.total());
        assert!(matches!(&after[..], [one] if one.ends_with("(log=? AND idx>?)")), "{after:?}");
        let dates = plan(&mut sql, Filter { from: Some(5), ..filter() }.total());
        assert!(matches!(&dates[..], [one] if one.contains("leaves_at")), "{dates:?}");
    }
}

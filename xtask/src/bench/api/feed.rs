//! Pages of an event feed with millions of entries, near its beginning and far from it.
//!
//! The entries are copies of some that the server wrote itself, put into the database while it is stopped: making ten
//! million by calls would take a day. Their tree does not fit them, which reading a page never looks at.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::estate::Estate;
use super::wire::Wire;
use crate::bench::numbers::{median, percentile};
use crate::step;

/// Events on a page.
const PAGE: usize = 100;
/// How many times a page is asked for.
const TRIES: usize = 30;

/// Copies entries of a log until there are as many as wanted, and keeps what is counted of them.
const SCRIPT: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
log, wanted = sys.argv[2], int(sys.argv[3])
size, = db.execute('SELECT size FROM logs WHERE log = ?', (log,)).fetchone()
if size >= wanted: sys.exit()
db.execute('PRAGMA journal_mode=OFF'); db.execute('PRAGMA synchronous=OFF'); db.execute('PRAGMA cache_size=-200000')
db.execute('CREATE TEMP TABLE kind AS SELECT * FROM leaves WHERE log = ? AND cluster IS NOT NULL ORDER BY idx DESC LIMIT 997', (log,))
kinds, = db.execute('SELECT COUNT(*) FROM kind').fetchone()
db.execute('BEGIN')
db.execute('''
    WITH RECURSIVE n (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?2)
    INSERT INTO leaves (log, idx, event, at, name, project, cluster, leaf, hash)
    SELECT ?3, n, printf('%024x', n), kind.at, kind.name, kind.project, kind.cluster, kind.leaf, kind.hash
    FROM n CROSS JOIN kind ON kind.rowid = 1 + n % ?4''', (size, wanted, log, kinds))
db.execute('DELETE FROM feed_blocks WHERE log = ?', (log,))
for scope in ("''", "COALESCE(project, '-')", 'cluster'):
    db.execute(f'''
        INSERT INTO feed_blocks (log, scope, block, name, leaves)
        SELECT log, {scope}, idx / 16384, name, COUNT(*) FROM leaves WHERE log = ? AND {scope} IS NOT NULL
        GROUP BY 1, 2, 3, 4''', (log,))
db.execute('UPDATE logs SET size = ? WHERE log = ?', (wanted, log))
db.execute('COMMIT')
db.execute('PRAGMA journal_mode=WAL')
"#;

/// Fills the feed of the largest organization. The server must be stopped.
pub(super) fn fill(database: &Path, organization: &str, events: usize) -> Result<()> {
    let begin = step::now();
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT]).arg(database).args([organization, &events.to_string()]);
    let ran = python.output().context("cannot run python3")?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    eprintln!("a feed of {events} events made in {}", step::Span(begin.elapsed()));
    Ok(())
}

/// Asks for pages; tells what each kind took.
pub(super) fn pages(estate: &Estate, events: usize) -> Result<Vec<(String, String)>> {
    let largest = estate.largest();
    let organization = format!("/api/atlas/v2/orgs/{}/events?itemsPerPage={PAGE}", largest.organization);
    let project = format!("/api/atlas/v2/groups/{}/events?itemsPerPage={PAGE}", largest.project);
    let feeds = [
        ("of the organization", organization.clone(), events),
        ("of a project", project.clone(), events),
        ("of a project, grants only", format!("{project}&eventType=EMPLOYEE_ACCESS_GRANTED"), events / 4),
    ];
    let mut told = Vec::new();
    let mut wire = Wire::connect(estate.address())?;
    for (what, path, entries) in feeds {
        for (place, page) in [("first", 1), ("middle", entries / PAGE / 2), ("far", entries / PAGE * 9 / 10)] {
            let mut delays = Vec::new();
            for _ in 0..TRIES {
                let begin = step::now();
                wire.get(&format!("{path}&pageNum={page}"), &largest.token)?;
                delays.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            let measured = format!("{:.1} ms, p99 {:.1} ms", median(&delays), percentile(&delays, 0.99));
            told.push((format!("events {what}, {place} page"), measured));
        }
    }
    Ok(told)
}

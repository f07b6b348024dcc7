//! What SQLite by itself takes for the rows of a grant and a revoke: the same tables, triggers, pragmas and disk.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Copies the rows of the latest grants and revokes under new ids, one transaction each, for five seconds.
const SCRIPT: &str = r"
import secrets, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode=WAL'); db.execute('PRAGMA synchronous=FULL'); db.execute('PRAGMA foreign_keys=ON')
def columns(table): return [row[1] for row in db.execute(f'PRAGMA table_info({table})')]
leaf_columns, grant_columns = columns('leaves'), columns('grants')
marks = lambda names: ','.join('?' * len(names))
grants = db.execute('SELECT * FROM grants ORDER BY granted_at DESC LIMIT 500').fetchall()
def leaf(log, name):
    row = dict(zip(leaf_columns, db.execute('SELECT * FROM leaves WHERE log = ? AND name = ? ORDER BY idx DESC LIMIT 1', (log, name)).fetchone()))
    size, = db.execute('SELECT size FROM logs WHERE log = ?', (log,)).fetchone()
    row.update(idx=size, event=secrets.token_hex(12))
    db.execute(f'INSERT INTO leaves VALUES ({marks(leaf_columns)})', list(row.values()))
    level, index = 1, size
    while index % 2 == 1:
        index //= 2
        db.execute('INSERT INTO tree_nodes VALUES (?,?,?,?)', (log, level, index, secrets.token_bytes(32)))
        level += 1
    db.execute('UPDATE logs SET size = size + 1, frontier = frontier, checkpoint = checkpoint, last_at = last_at WHERE log = ?', (log,))
    for scope in ('', row['project'] or '-', row['cluster']):
        db.execute('UPDATE feed_blocks SET leaves = leaves + 1 WHERE log = ? AND scope = ? AND block = ? AND name = ?', (log, scope, size // 16384, name))
    db.execute('UPDATE clock SET wall = wall, since_boot = since_boot')
begin, pairs = time.monotonic(), 0
while time.monotonic() - begin < 5:
    row = dict(zip(grant_columns, grants[pairs % len(grants)]))
    log, = db.execute('SELECT projects.organization FROM clusters JOIN projects ON projects.id = project WHERE clusters.id = ?', (row['cluster'],)).fetchone()
    number, = db.execute('SELECT MAX(number) + 1 FROM grants WHERE cluster = ?', (row['cluster'],)).fetchone()
    row.update(id=secrets.token_hex(12), number=number, ended_at=None, end_reason=None)
    db.execute('BEGIN IMMEDIATE')
    db.execute(f'INSERT INTO grants VALUES ({marks(grant_columns)})', list(row.values()))
    leaf(log, 'grant.given')
    db.execute('COMMIT')
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE grants SET ended_at = granted_at, end_reason = ? WHERE id = ?', ('revoked', row['id']))
    leaf(log, 'grant.revoked')
    db.execute('COMMIT')
    pairs += 1
print(pairs / (time.monotonic() - begin))
";

/// How many pairs a second.
pub(super) fn pairs(database: &Path) -> Result<f64> {
    let ran = Command::new("python3").args(["-c", SCRIPT]).arg(database).output().context("cannot run python3")?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?.trim().parse()?)
}

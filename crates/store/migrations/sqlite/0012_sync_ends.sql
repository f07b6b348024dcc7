-- Why a session for sync data ended: two more words, as SQLite changes no CHECK in place.

CREATE TABLE forwardings_before AS SELECT * FROM refused_forwardings;
DROP TABLE refused_forwardings;
CREATE TABLE sessions_before AS SELECT * FROM sessions;
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    project TEXT NOT NULL REFERENCES projects (id),
    cluster TEXT NOT NULL REFERENCES clusters (id),
    node TEXT REFERENCES nodes (id),
    host TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('node', 'logs', 'sync data')),
    employee TEXT NOT NULL REFERENCES employees (id),
    employee_key TEXT NOT NULL REFERENCES employee_keys (id),
    identifier TEXT NOT NULL,
    from_address TEXT NOT NULL,
    basis TEXT NOT NULL CHECK (basis IN ('grant', 'standing')),
    grant_id TEXT REFERENCES grants (id),
    opened_at BIGINT NOT NULL CHECK (opened_at >= 0),
    until BIGINT NOT NULL CHECK (until >= 0),
    ended_at BIGINT CHECK (ended_at >= 0),
    end_reason TEXT CHECK (end_reason IN (
        'blocked', 'closed by employee', 'closed by node', 'clock doubt', 'cluster removed', 'credential refused',
        'databases untrusted', 'employee disabled', 'ended by administrator', 'ended by customer', 'expired',
        'key removed', 'lease ran out', 'node changed', 'node unreachable', 'recording failed', 'replaced', 'restart',
        'revoked', 'standing limit', 'stopped')),
    shells BIGINT NOT NULL CHECK (shells >= 0),
    commands BIGINT NOT NULL CHECK (commands >= 0),
    transfers BIGINT NOT NULL CHECK (transfers >= 0),
    refused BIGINT NOT NULL CHECK (refused >= 0),
    received_bytes BIGINT NOT NULL CHECK (received_bytes >= 0),
    sent_bytes BIGINT NOT NULL CHECK (sent_bytes >= 0),
    recording_sha256 BLOB CHECK (length(recording_sha256) = 32),
    partly_recorded BIGINT NOT NULL CHECK (partly_recorded IN (0, 1)),
    since BIGINT NOT NULL DEFAULT 1 CHECK (since >= 1),
    CHECK ((basis = 'grant') = (grant_id IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK (wanted <> 'node' OR node IS NOT NULL),
    CHECK (wanted <> 'sync data' OR node IS NULL)
);
INSERT INTO sessions (id, organization, project, cluster, node, host, wanted, employee, employee_key, identifier,
                      from_address, basis, grant_id, opened_at, until, ended_at, end_reason, shells, commands, transfers,
                      refused, received_bytes, sent_bytes, recording_sha256, partly_recorded, since)
SELECT id, organization, project, cluster, node, host, wanted, employee, employee_key, identifier, from_address, basis,
       grant_id, opened_at, until, ended_at, end_reason, shells, commands, transfers, refused, received_bytes,
       sent_bytes, recording_sha256, partly_recorded, since
FROM sessions_before;
DROP TABLE sessions_before;
CREATE INDEX sessions_organization ON sessions (organization, opened_at);
CREATE INDEX sessions_project ON sessions (project, opened_at);
CREATE INDEX sessions_live ON sessions (opened_at) WHERE ended_at IS NULL;

CREATE TABLE refused_forwardings (
    session TEXT NOT NULL REFERENCES sessions (id),
    forwarding TEXT NOT NULL CHECK (forwarding IN (
        'agent', 'other', 'remote tcp', 'remote socket', 'socket', 'tcp', 'tunnel', 'x11')),
    side TEXT NOT NULL CHECK (side IN ('employee', 'node')),
    PRIMARY KEY (session, forwarding, side)
);
INSERT INTO refused_forwardings (session, forwarding, side) SELECT session, forwarding, side FROM forwardings_before;
DROP TABLE forwardings_before;

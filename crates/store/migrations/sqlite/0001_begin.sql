-- The first schema. Text ids made by us, BIGINT milliseconds, booleans as 0 and 1, and every rule that a row can break
-- on its own as a CHECK. Rows are facts: what ended keeps its row.

CREATE TABLE installation (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL CHECK (length(id) = 24),
    vendor TEXT NOT NULL,
    signing_key_sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL CHECK (created_at >= 0)
);

-- The high-water mark of time: the latest instant that was ever used, and what the boot clock says at it.
CREATE TABLE clock (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    wall BIGINT NOT NULL CHECK (wall >= 0),
    boot TEXT NOT NULL,
    since_boot BIGINT NOT NULL
);

-- One row a log: its tree's frontier and its latest checkpoint. `log` is `installation` or an organization's id.
CREATE TABLE logs (
    log TEXT PRIMARY KEY,
    size BIGINT NOT NULL CHECK (size > 0),
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    last_at BIGINT NOT NULL CHECK (last_at >= 0)
);

CREATE TABLE leaves (
    log TEXT NOT NULL,
    idx BIGINT NOT NULL CHECK (idx >= 0),
    event TEXT NOT NULL CHECK (length(event) = 24),
    at BIGINT NOT NULL CHECK (at >= 0),
    name TEXT NOT NULL,
    project TEXT,
    cluster TEXT,
    leaf BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, idx),
    UNIQUE (log, event)
);
CREATE INDEX leaves_project ON leaves (log, project, idx);

CREATE TRIGGER leaves_no_update BEFORE UPDATE ON leaves
BEGIN
    SELECT RAISE(ABORT, 'a leaf never changes');
END;
CREATE TRIGGER leaves_no_delete BEFORE DELETE ON leaves
BEGIN
    SELECT RAISE(ABORT, 'a leaf is never removed');
END;

-- The texts whose salted hashes stand in leaves, until they are erased.
CREATE TABLE disclosures (
    log TEXT NOT NULL,
    idx BIGINT NOT NULL,
    field TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    text TEXT NOT NULL,
    PRIMARY KEY (log, idx, field),
    FOREIGN KEY (log, idx) REFERENCES leaves (log, idx)
);

-- The perfect subtrees above the leaves, for proofs.
CREATE TABLE tree_nodes (
    log TEXT NOT NULL,
    level BIGINT NOT NULL CHECK (level BETWEEN 1 AND 63),
    idx BIGINT NOT NULL CHECK (idx >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, level, idx)
);

CREATE TRIGGER tree_nodes_no_update BEFORE UPDATE ON tree_nodes
BEGIN
    SELECT RAISE(ABORT, 'a tree node never changes');
END;
CREATE TRIGGER tree_nodes_no_delete BEFORE DELETE ON tree_nodes
BEGIN
    SELECT RAISE(ABORT, 'a tree node is never removed');
END;

CREATE TABLE organizations (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    name TEXT NOT NULL,
    blocked BIGINT NOT NULL CHECK (blocked IN (0, 1)),
    longest_ms BIGINT NOT NULL CHECK (longest_ms BETWEEN 1 AND 86400000),
    ssh_ca TEXT NOT NULL,
    ssh_ca_sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL CHECK (created_at >= 0),
    claimed_at BIGINT CHECK (claimed_at >= 0)
);

CREATE TABLE projects (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL CHECK (created_at >= 0),
    UNIQUE (organization, name)
);

CREATE TABLE clusters (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    revision BIGINT NOT NULL CHECK (revision >= 1),
    removed BIGINT NOT NULL CHECK (removed IN (0, 1)),
    created_at BIGINT NOT NULL CHECK (created_at >= 0)
);
CREATE UNIQUE INDEX clusters_name ON clusters (project, name) WHERE removed = 0;
CREATE UNIQUE INDEX clusters_host ON clusters (host) WHERE removed = 0;
CREATE INDEX clusters_organization ON clusters (organization);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    cluster TEXT NOT NULL REFERENCES clusters (id),
    position BIGINT NOT NULL CHECK (position >= 0),
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    host_key TEXT NOT NULL,
    since BIGINT NOT NULL CHECK (since >= 1),
    check_outcome TEXT NOT NULL CHECK (check_outcome IN ('none', 'failed', 'passed', 'risk accepted')),
    check_revision BIGINT CHECK (check_revision >= 1),
    checked_at BIGINT CHECK (checked_at >= 0),
    check_passed BIGINT CHECK (check_passed IN (0, 1)),
    check_findings BIGINT CHECK (check_findings >= 0),
    check_report TEXT,
    removed BIGINT NOT NULL CHECK (removed IN (0, 1)),
    CHECK ((check_outcome IN ('passed', 'risk accepted')) = (check_revision IS NOT NULL)),
    CHECK ((checked_at IS NULL) = (check_passed IS NULL)),
    CHECK ((checked_at IS NULL) = (check_findings IS NULL)),
    CHECK ((checked_at IS NULL) = (check_report IS NULL))
);
CREATE INDEX nodes_cluster ON nodes (cluster, position);
CREATE INDEX nodes_host ON nodes (host);

CREATE TABLE node_logs (
    node TEXT NOT NULL REFERENCES nodes (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('audit', 'database', 'other')),
    path TEXT NOT NULL,
    since BIGINT NOT NULL CHECK (since >= 1),
    PRIMARY KEY (node, name)
);

CREATE TABLE sync_databases (
    cluster TEXT NOT NULL REFERENCES clusters (id),
    name TEXT NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    since BIGINT NOT NULL CHECK (since >= 1),
    PRIMARY KEY (cluster, name)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    removed_at BIGINT CHECK (removed_at >= 0)
);
CREATE UNIQUE INDEX users_name ON users (name) WHERE removed_at IS NULL;
CREATE INDEX users_organization ON users (organization);

CREATE TABLE invitations (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    user_name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    first_owner BIGINT NOT NULL CHECK (first_owner IN (0, 1)),
    created_at BIGINT NOT NULL CHECK (created_at >= 0),
    expires_at BIGINT NOT NULL CHECK (expires_at >= 0),
    closed_at BIGINT CHECK (closed_at >= 0),
    closed TEXT CHECK (closed IN ('claimed', 'replaced')),
    CHECK ((closed_at IS NULL) = (closed IS NULL))
);
CREATE INDEX invitations_organization ON invitations (organization);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    public_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    ha1_sealed BLOB NOT NULL,
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    removed_at BIGINT CHECK (removed_at >= 0)
);
CREATE INDEX api_keys_organization ON api_keys (organization);

-- The roles of a user, API key or invitation: in the organization, or in one project.
CREATE TABLE roles (
    user_id TEXT REFERENCES users (id),
    api_key TEXT REFERENCES api_keys (id),
    invitation TEXT REFERENCES invitations (id),
    project TEXT REFERENCES projects (id),
    role TEXT NOT NULL CHECK (role IN (
        'ORG_OWNER', 'ORG_MEMBER', 'ORG_READ_ONLY', 'GROUP_OWNER', 'GROUP_READ_ONLY', 'GROUP_SUPPORT_ACCESS_MANAGER')),
    CHECK ((project IS NULL) = (role IN ('ORG_OWNER', 'ORG_MEMBER', 'ORG_READ_ONLY'))),
    CHECK ((user_id IS NOT NULL AND api_key IS NULL AND invitation IS NULL)
        OR (user_id IS NULL AND api_key IS NOT NULL AND invitation IS NULL)
        OR (user_id IS NULL AND api_key IS NULL AND invitation IS NOT NULL))
);
CREATE INDEX roles_user ON roles (user_id);
CREATE INDEX roles_api_key ON roles (api_key);
CREATE INDEX roles_invitation ON roles (invitation);

CREATE TABLE web_sessions (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id TEXT NOT NULL REFERENCES users (id),
    signed_in_at BIGINT NOT NULL CHECK (signed_in_at >= 0),
    fresh_at BIGINT NOT NULL CHECK (fresh_at >= 0),
    expires_at BIGINT NOT NULL CHECK (expires_at >= 0)
);
CREATE INDEX web_sessions_user ON web_sessions (user_id);

-- `number` counts the grants of a cluster, so that two of one millisecond keep their order.
CREATE TABLE grants (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    number BIGINT NOT NULL CHECK (number >= 1),
    cluster TEXT NOT NULL REFERENCES clusters (id),
    kind TEXT NOT NULL CHECK (kind IN (
        'CLUSTER_DATABASE_LOGS', 'CLUSTER_INFRASTRUCTURE', 'CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA')),
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL CHECK (granted_at >= 0),
    expires_at BIGINT NOT NULL CHECK (expires_at > granted_at AND expires_at <= granted_at + 86400000),
    ended_at BIGINT CHECK (ended_at >= 0),
    end_reason TEXT CHECK (end_reason IN ('clock reset', 'cluster removed', 'replaced', 'revoked')),
    inventory_revision BIGINT NOT NULL CHECK (inventory_revision >= 1),
    case_number TEXT,
    reason TEXT,
    expiry_logged BIGINT NOT NULL CHECK (expiry_logged IN (0, 1)),
    UNIQUE (cluster, number),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX grants_cluster ON grants (cluster, granted_at);
CREATE INDEX grants_open ON grants (expires_at) WHERE ended_at IS NULL AND expiry_logged = 0;

-- A grant never comes back to life and never gets longer.
CREATE TRIGGER grants_no_revival BEFORE UPDATE ON grants
WHEN OLD.ended_at IS NOT NULL AND (NEW.ended_at IS NULL OR NEW.ended_at <> OLD.ended_at)
  OR NEW.expires_at <> OLD.expires_at OR NEW.granted_at <> OLD.granted_at OR NEW.kind <> OLD.kind
  OR NEW.cluster <> OLD.cluster OR NEW.inventory_revision <> OLD.inventory_revision
BEGIN
    SELECT RAISE(ABORT, 'a grant never changes but by ending once');
END;
CREATE TRIGGER grants_no_delete BEFORE DELETE ON grants
BEGIN
    SELECT RAISE(ABORT, 'a grant is never removed');
END;

CREATE TABLE employees (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    name TEXT NOT NULL UNIQUE,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    added_at BIGINT NOT NULL CHECK (added_at >= 0)
);

CREATE TABLE employee_keys (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    employee TEXT NOT NULL REFERENCES employees (id),
    public_key TEXT NOT NULL,
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    removed_at BIGINT CHECK (removed_at >= 0)
);
CREATE UNIQUE INDEX employee_keys_public_key ON employee_keys (public_key) WHERE removed_at IS NULL;
CREATE INDEX employee_keys_any ON employee_keys (public_key);
CREATE INDEX employee_keys_employee ON employee_keys (employee);

-- The pseudonyms that were given, with their times.
CREATE TABLE identifiers (
    organization TEXT NOT NULL REFERENCES organizations (id),
    identifier TEXT NOT NULL,
    employee TEXT NOT NULL REFERENCES employees (id),
    assigned_at BIGINT NOT NULL CHECK (assigned_at >= 0),
    PRIMARY KEY (organization, identifier, assigned_at)
);
CREATE INDEX identifiers_employee ON identifiers (organization, employee, assigned_at);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    project TEXT NOT NULL REFERENCES projects (id),
    cluster TEXT NOT NULL REFERENCES clusters (id),
    node TEXT REFERENCES nodes (id),
    host TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('node', 'logs')),
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
        'blocked', 'closed by employee', 'closed by node', 'clock doubt', 'cluster removed', 'employee disabled',
        'ended by administrator', 'ended by customer', 'expired', 'key removed', 'lease ran out', 'node changed',
        'node unreachable', 'recording failed', 'replaced', 'restart', 'revoked', 'standing limit', 'stopped')),
    shells BIGINT NOT NULL CHECK (shells >= 0),
    commands BIGINT NOT NULL CHECK (commands >= 0),
    transfers BIGINT NOT NULL CHECK (transfers >= 0),
    refused BIGINT NOT NULL CHECK (refused >= 0),
    received_bytes BIGINT NOT NULL CHECK (received_bytes >= 0),
    sent_bytes BIGINT NOT NULL CHECK (sent_bytes >= 0),
    recording_sha256 BLOB CHECK (length(recording_sha256) = 32),
    partly_recorded BIGINT NOT NULL CHECK (partly_recorded IN (0, 1)),
    CHECK ((basis = 'grant') = (grant_id IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK (wanted <> 'node' OR node IS NOT NULL)
);
CREATE INDEX sessions_organization ON sessions (organization, opened_at);
CREATE INDEX sessions_project ON sessions (project, opened_at);
CREATE INDEX sessions_live ON sessions (opened_at) WHERE ended_at IS NULL;

-- What was written once for a session.
CREATE TABLE refused_forwardings (
    session TEXT NOT NULL REFERENCES sessions (id),
    forwarding TEXT NOT NULL CHECK (forwarding IN (
        'agent', 'other', 'remote tcp', 'remote socket', 'socket', 'tcp', 'tunnel', 'x11')),
    side TEXT NOT NULL CHECK (side IN ('employee', 'node')),
    PRIMARY KEY (session, forwarding, side)
);

-- Denied tries of the present minute that are not written to the log yet. `node` is empty if none was named.
CREATE TABLE denials (
    employee TEXT NOT NULL REFERENCES employees (id),
    cluster TEXT NOT NULL REFERENCES clusters (id),
    wanted TEXT NOT NULL CHECK (wanted IN ('audit log', 'database log', 'log', 'logs', 'node', 'other log')),
    node TEXT NOT NULL,
    denial TEXT NOT NULL CHECK (denial IN (
        'added after grant', 'blocked', 'clock doubt', 'cluster removed', 'database never', 'employee disabled',
        'key removed', 'not claimed', 'not covered', 'node unchecked', 'sync data not granted', 'unknown')),
    since BIGINT NOT NULL CHECK (since >= 0),
    tries BIGINT NOT NULL CHECK (tries >= 0),
    PRIMARY KEY (employee, cluster, wanted, node, denial)
);

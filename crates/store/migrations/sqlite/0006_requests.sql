-- What employees ask customers for, and that they need a cluster no longer.

-- `cluster` is empty where nobody can be asked, because there is no such host: whoever asked sees no difference.
CREATE TABLE requests (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    employee TEXT NOT NULL REFERENCES employees (id),
    host TEXT NOT NULL,
    cluster TEXT REFERENCES clusters (id),
    identifier TEXT,
    kind TEXT NOT NULL CHECK (kind IN (
        'CLUSTER_DATABASE_LOGS', 'CLUSTER_INFRASTRUCTURE', 'CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA')),
    duration_ms BIGINT NOT NULL CHECK (duration_ms BETWEEN 1 AND 86400000),
    case_number TEXT,
    reason TEXT NOT NULL,
    asked_at BIGINT NOT NULL CHECK (asked_at >= 0),
    dies_at BIGINT NOT NULL CHECK (dies_at = asked_at + 345600000),
    ended_at BIGINT CHECK (ended_at >= 0),
    end_reason TEXT CHECK (end_reason IN ('approved', 'clock reset', 'declined', 'withdrawn')),
    grant_id TEXT REFERENCES grants (id),
    answered_by TEXT,
    answer TEXT,
    CHECK ((cluster IS NULL) = (identifier IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK ((COALESCE(end_reason, '') = 'approved') = (grant_id IS NOT NULL)),
    CHECK ((COALESCE(end_reason, '') IN ('approved', 'declined')) = (answered_by IS NOT NULL)),
    CHECK (answer IS NULL OR end_reason = 'declined')
);
CREATE INDEX requests_cluster ON requests (cluster, asked_at);
CREATE INDEX requests_employee ON requests (employee, asked_at);
CREATE INDEX requests_waiting ON requests (dies_at) WHERE ended_at IS NULL;

-- A request never comes back to life, lives no longer and asks for nothing else.
CREATE TRIGGER requests_no_revival BEFORE UPDATE ON requests
WHEN OLD.ended_at IS NOT NULL OR NEW.dies_at <> OLD.dies_at OR NEW.asked_at <> OLD.asked_at OR NEW.kind <> OLD.kind
  OR NEW.duration_ms <> OLD.duration_ms OR NEW.cluster IS NOT OLD.cluster OR NEW.employee <> OLD.employee
BEGIN
    SELECT RAISE(ABORT, 'a request never changes but by ending once');
END;
CREATE TRIGGER requests_no_delete BEFORE DELETE ON requests
BEGIN
    SELECT RAISE(ABORT, 'a request is never removed');
END;

-- Who of support said that they need the grant no longer, and when they said so last.
CREATE TABLE hand_backs (
    grant_id TEXT NOT NULL REFERENCES grants (id),
    employee TEXT NOT NULL REFERENCES employees (id),
    identifier TEXT NOT NULL,
    at BIGINT NOT NULL CHECK (at >= 0),
    PRIMARY KEY (grant_id, employee)
);

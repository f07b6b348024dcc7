-- Pages of the feed cost what is on them, however long the log is; a session keeps what it is decided again by.

-- How many leaves there are of each project, cluster and name; empty where a leaf has none. Derivable from the leaves.
CREATE TABLE feed_counts (
    log TEXT NOT NULL,
    project TEXT NOT NULL,
    cluster TEXT NOT NULL,
    name TEXT NOT NULL,
    leaves BIGINT NOT NULL CHECK (leaves > 0),
    PRIMARY KEY (log, project, cluster, name)
);
INSERT INTO feed_counts (log, project, cluster, name, leaves)
SELECT log, COALESCE(project, ''), COALESCE(cluster, ''), name, COUNT(*) FROM leaves GROUP BY 1, 2, 3, 4;

CREATE INDEX leaves_cluster ON leaves (log, cluster, idx);
CREATE INDEX leaves_name ON leaves (log, name, idx);
CREATE INDEX leaves_at ON leaves (log, at);

-- The revision that brought what the session has open in its present form.
ALTER TABLE sessions ADD COLUMN since BIGINT NOT NULL DEFAULT 1 CHECK (since >= 1);

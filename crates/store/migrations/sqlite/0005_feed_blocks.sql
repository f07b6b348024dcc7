-- A page far from the newest entries costs what the first one costs: leaves are counted by blocks of the log.

-- How many leaves of a name there are in each block of 16384 indices: of the whole log (scope ''), of no project ('-'),
-- of a project, of a cluster. Derivable from the leaves.
CREATE TABLE feed_blocks (
    log TEXT NOT NULL,
    scope TEXT NOT NULL,
    block BIGINT NOT NULL CHECK (block >= 0),
    name TEXT NOT NULL,
    leaves BIGINT NOT NULL CHECK (leaves > 0),
    PRIMARY KEY (log, scope, block, name)
);
INSERT INTO feed_blocks (log, scope, block, name, leaves)
SELECT log, '', idx / 16384, name, COUNT(*) FROM leaves GROUP BY 1, 3, 4;
INSERT INTO feed_blocks (log, scope, block, name, leaves)
SELECT log, COALESCE(project, '-'), idx / 16384, name, COUNT(*) FROM leaves GROUP BY 1, 2, 3, 4;
INSERT INTO feed_blocks (log, scope, block, name, leaves)
SELECT log, cluster, idx / 16384, name, COUNT(*) FROM leaves WHERE cluster IS NOT NULL GROUP BY 1, 2, 3, 4;
DROP TABLE feed_counts;

-- With the name, so that leaves that are passed over are not looked at.
DROP INDEX leaves_project;
CREATE INDEX leaves_project ON leaves (log, project, idx, name);
DROP INDEX leaves_cluster;
CREATE INDEX leaves_cluster ON leaves (log, cluster, idx, name);

//! The closed list of commands, and for each the closed list of its fields.
//!
//! A field that is not here does not pass. [`Field`] says how a value is judged and whether it goes on.

use super::{expression, query};

/// How the value of a field is judged, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A whole number up to the limit, lowered to it.
    BatchSize,
    /// Collation: a document of plain values.
    Collation,
    /// `{batchSize}`.
    Cursor,
    /// Judged as a whole and left out: the gateway writes its own, or the answer does not need it.
    LeftOut,
    /// A document of query operators.
    Filter,
    /// A boolean.
    Flag,
    /// The name of an index or its keys.
    Hint,
    /// A document of plain values.
    Literals,
    /// Must be false if it is there, and is left out.
    Never,
    /// A list of stages.
    Pipeline,
    /// What is shown of each document.
    Projection,
    /// The level of reading: local, available or majority.
    ReadConcern,
    /// A document of sort keys.
    Sort,
    /// A string without a zero byte.
    Text,
    /// A document of expressions.
    Variables,
    /// A whole number that is not negative.
    Whole,
}

/// What a command is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A collection, named by the first element.
    Collection,
    /// The whole database; the first element is a number.
    Database,
}

/// What the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// A cursor.
    Cursor,
    /// The names of collections, by a cursor of its own namespace.
    Collections,
    /// A count.
    Number,
    /// Figures.
    Statistics,
    /// Values of a field.
    Values,
}

/// Whether the gateway says that nothing may be written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// The command knows `allowDiskUse`, which is sent as false.
    Forbidden,
    /// The command does not know it.
    Unknown,
}

/// One command of the list.
#[derive(Debug)]
pub(super) struct Command {
    /// Its name, as it goes on.
    pub name: &'static str,
    /// Another spelling that servers take.
    pub alias: &'static str,
    pub target: Target,
    pub gives: Gives,
    pub disk: Disk,
    /// Fields without which it is refused.
    pub needs: &'static [&'static str],
    pub fields: &'static [(&'static str, Field)],
}

/// What every command may carry.
pub(super) const COMMON: &[(&str, Field)] = &[
    ("comment", Field::LeftOut),
    ("maxTimeMS", Field::LeftOut),
    ("$clusterTime", Field::LeftOut),
    ("$db", Field::LeftOut),
    ("$readPreference", Field::LeftOut),
    ("apiDeprecationErrors", Field::LeftOut),
    ("apiStrict", Field::LeftOut),
    ("apiVersion", Field::LeftOut),
    ("lsid", Field::LeftOut),
];

/// What opens a transaction or a write that can be repeated.
pub(super) const TRANSACTION: &[&str] = &["autocommit", "startTransaction", "stmtId", "txnNumber", "txnRetryCounter"];

/// The commands that go to the server, besides `getMore`, `killCursors`, `explain` and `listDatabases`.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "find",
        alias: "find",
        target: Target::Collection,
        gives: Gives::Cursor,
        disk: Disk::Forbidden,
        needs: &[],
        fields: &[
            ("filter", Field::Filter),
            ("sort", Field::Sort),
            ("projection", Field::Projection),
            ("hint", Field::Hint),
            ("skip", Field::Whole),
            ("limit", Field::Whole),
            ("batchSize", Field::BatchSize),
            ("singleBatch", Field::Flag),
            ("max", Field::Literals),
            ("min", Field::Literals),
            ("returnKey", Field::Flag),
            ("showRecordId", Field::Flag),
            ("collation", Field::Collation),
            ("readConcern", Field::ReadConcern),
            ("let", Field::Variables),
            ("allowDiskUse", Field::Never),
            ("allowPartialResults", Field::Never),
            ("awaitData", Field::Never),
            ("noCursorTimeout", Field::Never),
            ("oplogReplay", Field::Never),
            ("tailable", Field::Never),
        ],
    },
    Command {
        name: "aggregate",
        alias: "aggregate",
        target: Target::Collection,
        gives: Gives::Cursor,
        disk: Disk::Forbidden,
        needs: &["pipeline", "cursor"],
        fields: &[
            ("pipeline", Field::Pipeline),
            ("cursor", Field::Cursor),
            ("hint", Field::Hint),
            ("collation", Field::Collation),
            ("readConcern", Field::ReadConcern),
            ("let", Field::Variables),
            ("allowDiskUse", Field::Never),
            ("bypassDocumentValidation", Field::Never),
            ("explain", Field::Never),
        ],
    },
    Command {
        name: "count",
        alias: "count",
        target: Target::Collection,
        gives: Gives::Number,
        disk: Disk::Unknown,
        needs: &[],
        fields: &[
            ("query", Field::Filter),
            ("limit", Field::Whole),
            ("skip", Field::Whole),
            ("hint", Field::Hint),
            ("collation", Field::Collation),
            ("readConcern", Field::ReadConcern),
        ],
    },
    Command {
        name: "distinct",
        alias: "distinct",
        target: Target::Collection,
        gives: Gives::Values,
        disk: Disk::Unknown,
        needs: &["key"],
        fields: &[
            ("key", Field::Text),
            ("query", Field::Filter),
            ("hint", Field::Hint),
            ("collation", Field::Collation),
            ("readConcern", Field::ReadConcern),
        ],
    },
    Command {
        name: "listCollections",
        alias: "listCollections",
        target: Target::Database,
        gives: Gives::Collections,
        disk: Disk::Unknown,
        needs: &[],
        fields: &[
            ("filter", Field::Filter),
            ("nameOnly", Field::Flag),
            ("authorizedCollections", Field::Flag),
            ("cursor", Field::Cursor),
        ],
    },
    Command {
        name: "listIndexes",
        alias: "listIndexes",
        target: Target::Collection,
        gives: Gives::Cursor,
        disk: Disk::Unknown,
        needs: &[],
        fields: &[("cursor", Field::Cursor)],
    },
    Command {
        name: "collStats",
        alias: "collstats",
        target: Target::Collection,
        gives: Gives::Statistics,
        disk: Disk::Unknown,
        needs: &[],
        fields: &[("scale", Field::Whole)],
    },
    Command {
        name: "dbStats",
        alias: "dbstats",
        target: Target::Database,
        gives: Gives::Statistics,
        disk: Disk::Unknown,
        needs: &[],
        fields: &[("scale", Field::Whole), ("freeStorage", Field::Whole)],
    },
];

/// The commands of which an explanation may be asked.
pub(super) const EXPLAINED: &[&str] = &["aggregate", "count", "distinct", "find"];

/// How much an explanation may try.
pub(super) const VERBOSITIES: &[&str] = &["allPlansExecution", "executionStats", "queryPlanner"];

/// What is open, for the text of a refusal.
pub(super) const OPEN: &str =
    "aggregate, collStats, count, dbStats, distinct, explain, find, listCollections, listDatabases, listIndexes";

/// Closed commands whose first value is the name of a collection, which is recorded with the try.
pub(super) const NAMING: &[&str] = &[
    "collMod",
    "compact",
    "create",
    "createIndexes",
    "delete",
    "drop",
    "dropIndexes",
    "findAndModify",
    "findandmodify",
    "insert",
    "mapReduce",
    "mapreduce",
    "reIndex",
    "update",
    "validate",
];

/// Closed commands that drivers, shells and their windows ask by themselves when they connect, before anybody has typed a
/// word: what a server is and how it runs, never what is in it.
pub(super) const BY_THEMSELVES: &[&str] = &[
    "getCmdLineOpts",
    "getDefaultRWConcern",
    "getLastError",
    "getParameter",
    "hostInfo",
    "logout",
    "replSetGetStatus",
    "whatsmyuri",
];

/// What a shell looks for when it starts, as command, database and collection: mongosh 2 asks for how a local server of
/// Atlas was made.
pub(super) const LOOKS: &[(&str, &str, &str)] = &[("aggregate", "admin", "atlascli")];

/// Fields by which servers of a cluster speak for somebody else.
pub(super) const FORGED: &[&str] =
    &["$audit", "$client", "$configServerState", "$impersonatedRoles", "$impersonatedUsers", "impersonatedUsers"];

/// Operators, stages and variables that are closed and that everybody knows, so that a record may name them.
const NOTORIOUS: &[&str] = &[
    "$accumulator",
    "$changeStream",
    "$currentOp",
    "$documents",
    "$function",
    "$geoNear",
    "$graphLookup",
    "$listClusterCatalog",
    "$listLocalSessions",
    "$listSessions",
    "$lookup",
    "$merge",
    "$out",
    "$queryStats",
    "$search",
    "$setWindowFields",
    "$unionWith",
    "$where",
    "CLUSTER_TIME",
    "JS_SCOPE",
    "SEARCH_META",
    "USER_ROLES",
];

/// Whether a name is one of ours or of MongoDB's, and not something that a client made up.
pub(super) fn is_known(name: &str) -> bool {
    const OTHERS: &[&str] = &["collection", "command", "cursors", "getMore", "killCursors", "explain", "listDatabases"];
    let of_command = |command: &Command| {
        let fields = command.fields.iter().map(|(field, _)| *field);
        [command.name, command.alias].into_iter().chain(fields).any(|known| known == name)
    };
    let lists = [CLOSED, FORGED, NOTORIOUS, OTHERS, TRANSACTION, query::KNOWN, expression::OPERATORS];
    lists.iter().any(|list| list.contains(&name))
        || COMMON.iter().any(|(known, _)| *known == name)
        || COMMANDS.iter().any(of_command)
}

/// Commands of MongoDB that are closed: their refusal is that of a server to a user without the right. Any other name
/// is answered as unknown.
#[rustfmt::skip]
pub(super) const CLOSED: &[&str] = &[
    "_configsvrAddShard", "_mergeAuthzCollections", "abortTransaction", "addShard", "analyze", "appendOplogNote",
    "applyOps", "authenticate", "balancerStart", "balancerStop", "bulkWrite", "cleanupOrphaned", "clearJumboFlag",
    "clone", "cloneCollectionAsCapped", "collMod", "commitTransaction", "compact", "configureFailPoint",
    "connPoolStats", "convertToCapped", "copydb", "create", "createIndexes", "createRole", "createSearchIndexes",
    "createUser", "currentOp", "dataSize", "dbHash", "delete", "deleteIndexes", "doTxn", "driverOIDTest", "drop",
    "dropAllRolesFromDatabase", "dropAllUsersFromDatabase", "dropConnections", "dropDatabase", "dropIndexes",
    "dropRole", "dropSearchIndex", "dropUser", "enableSharding", "eval", "filemd5", "findAndModify", "findandmodify",
    "flushRouterConfig", "forceerror", "fsync", "fsyncUnlock", "geoNear", "geoSearch", "getAuditConfig",
    "getClusterParameter", "getCmdLineOpts", "getDefaultRWConcern", "getLastError", "getLog", "getnonce",
    "getParameter", "getPrevError", "getShardMap", "getShardVersion", "grantPrivilegesToRole", "grantRolesToRole",
    "grantRolesToUser", "group", "hostInfo", "insert", "internalRenameIfOptionsAndIndexesMatch",
    "invalidateUserCache", "killAllSessions", "killAllSessionsByPattern", "killOp", "killSessions", "listCommands",
    "listSearchIndexes", "listShards", "lockInfo", "logout", "logRotate", "mapReduce", "mapreduce", "moveChunk",
    "movePrimary", "netstat", "parallelCollectionScan", "planCacheClear", "planCacheClearFilters",
    "planCacheListFilters", "planCacheSetFilter", "profile", "refineCollectionShardKey", "reIndex", "removeShard",
    "renameCollection", "replSetFreeze", "replSetGetConfig", "replSetGetStatus", "replSetInitiate",
    "replSetMaintenance", "replSetReconfig", "replSetResizeOplog", "replSetStepDown", "replSetSyncFrom", "resetError",
    "reshardCollection", "revokePrivilegesFromRole", "revokeRolesFromRole", "revokeRolesFromUser", "rolesInfo",
    "rotateCertificates", "serverStatus", "setAuditConfig", "setClusterParameter", "setDefaultRWConcern",
    "setFeatureCompatibilityVersion", "setIndexCommitQuorum", "setParameter", "setQuerySettings",
    "setUserWriteBlockMode", "shardCollection", "shardingState", "shutdown", "split", "splitChunk", "splitVector",
    "startSession", "top", "update", "updateRole", "updateSearchIndex", "updateUser", "usersInfo", "validate",
    "validateDBMetadata", "whatsmyuri",
];

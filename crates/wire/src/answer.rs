//! What the gateway answers by itself: errors as a server words them, the hello of one direct server, and the small
//! questions that programs ask at the start.
//!
//! It must never name a member of the cluster, a host, or a database that is not open.

use crate::builder::Builder;
use crate::frame::LONGEST_DOCUMENT;
use crate::scope::Namespace;

/// The largest document that is taken.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "it is less than 2^31")]
const LARGEST: i32 = LONGEST_DOCUMENT as i32;

/// The error codes that the gateway uses, with the names that MongoDB gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Signing in failed.
    AuthenticationFailed,
    /// A value that is not taken.
    BadValue,
    /// No such command.
    CommandNotFound,
    /// No such cursor in this session.
    CursorNotFound,
    /// A command that is understood in another form only. Shells take it as a sign to ask in the older form.
    FailedToParse,
    /// The gateway has no connection to the cluster.
    HostUnreachable,
    /// A document that cannot be read.
    InvalidBson,
    /// No such collection or database.
    NamespaceNotFound,
    /// The session ended.
    InterruptedAtShutdown,
    /// Nested too deep.
    Overflow,
    /// Longer than a request may be.
    TooLarge,
    /// A value of another type than expected.
    TypeMismatch,
    /// Not open.
    Unauthorized,
    /// A field whose meaning is not known.
    UnknownField,
    /// Too many at once.
    TooMany,
}

impl Code {
    /// The number.
    pub const fn number(self) -> i32 {
        match self {
            Self::AuthenticationFailed => 18,
            Self::BadValue => 2,
            Self::CommandNotFound => 59,
            Self::CursorNotFound => 43,
            Self::FailedToParse => 9,
            Self::HostUnreachable => 6,
            Self::InterruptedAtShutdown => 11600,
            Self::InvalidBson => 22,
            Self::NamespaceNotFound => 26,
            Self::Overflow => 15,
            Self::TooLarge => 10334,
            Self::TooMany => 365,
            Self::TypeMismatch => 14,
            Self::Unauthorized => 13,
            Self::UnknownField => 40415,
        }
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::BadValue => "BadValue",
            Self::CommandNotFound => "CommandNotFound",
            Self::CursorNotFound => "CursorNotFound",
            Self::FailedToParse => "FailedToParse",
            Self::HostUnreachable => "HostUnreachable",
            Self::InterruptedAtShutdown => "InterruptedAtShutdown",
            Self::InvalidBson => "InvalidBSON",
            Self::NamespaceNotFound => "NamespaceNotFound",
            Self::Overflow => "Overflow",
            Self::TooLarge => "BSONObjectTooLarge",
            Self::TooMany => "TemporarilyUnavailable",
            Self::TypeMismatch => "TypeMismatch",
            Self::Unauthorized => "Unauthorized",
            Self::UnknownField => "IDLUnknownField",
        }
    }
}

/// An error document.
pub fn error(code: Code, text: &str) -> Vec<u8> {
    Builder::new()
        .double("ok", 0.0)
        .string("errmsg", text)
        .int32("code", code.number())
        .string("codeName", code.name())
        .finish()
}

/// `{ok: 1}`.
pub fn done() -> Vec<u8> {
    Builder::new().double("ok", 1.0).finish()
}

/// What the gateway learned of the server behind it, as far as clients need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The newest wire version that the server speaks.
    pub max_wire_version: i32,
    /// Its release, such as `7.0.12`.
    pub version: String,
}

/// Whether a hello used its old name, whose answer has an old field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloName {
    /// `hello`.
    Hello,
    /// `isMaster` or `ismaster`.
    Legacy,
}

/// Whether a hello asked which mechanisms a user can sign in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanisms {
    /// It asked. Everybody is told the same, so that nobody learns who exists.
    Asked,
    /// It did not.
    NotAsked,
}

/// The answer to a hello: one server that stands alone, takes no writes, no compression, and hides its members.
pub fn hello(name: HelloName, mechanisms: Mechanisms, server: &Server, connection: i32, now_ms: i64) -> Vec<u8> {
    let primary = match name {
        HelloName::Hello => "isWritablePrimary",
        HelloName::Legacy => "ismaster",
    };
    let answer = Builder::new()
        .flag("helloOk", true)
        .flag(primary, true)
        .int32("maxBsonObjectSize", LARGEST)
        // Drivers hold answers against it, too, and those may be as long.
        .int32("maxMessageSizeBytes", 48_000_000)
        .int32("maxWriteBatchSize", 1)
        .datetime("localTime", now_ms)
        .int32("logicalSessionTimeoutMinutes", 30)
        .int32("connectionId", connection)
        .int32("minWireVersion", 0)
        .int32("maxWireVersion", server.max_wire_version)
        .flag("readOnly", true);
    let answer = match mechanisms {
        Mechanisms::Asked => answer.strings("saslSupportedMechs", &["SCRAM-SHA-256"]),
        Mechanisms::NotAsked => answer,
    };
    answer.double("ok", 1.0).finish()
}

/// The answer to `buildInfo`.
pub fn build_info(server: &Server) -> Vec<u8> {
    let parts = server.version.split(['.', '-', '+']).take(3).map(|part| part.parse::<i32>().unwrap_or_default());
    let numbers = parts.chain(std::iter::repeat(0)).take(4).enumerate();
    let version = numbers.fold(Builder::new(), |array, (index, part)| array.int32(&index.to_string(), part));
    Builder::new()
        .string("version", &server.version)
        .string("gitVersion", "")
        .strings("modules", &[])
        .array("versionArray", version)
        .int32("bits", 64)
        .flag("debug", false)
        .int32("maxBsonObjectSize", LARGEST)
        .double("ok", 1.0)
        .finish()
}

/// The answer to `connectionStatus`: the session's own user, nothing else.
pub fn connection_status(user: &str) -> Vec<u8> {
    let user = Builder::new().string("user", user).string("db", "admin");
    let info = Builder::new()
        .array("authenticatedUsers", Builder::new().document("0", user))
        .strings("authenticatedUserRoles", &[])
        .strings("authenticatedUserPrivileges", &[]);
    Builder::new().document("authInfo", info).double("ok", 1.0).finish()
}

/// The answer to `getLog: "startupWarnings"`: none.
pub fn no_log() -> Vec<u8> {
    Builder::new().int32("totalLinesWritten", 0).strings("log", &[]).double("ok", 1.0).finish()
}

/// An empty first batch: the answer to what reads a collection that is not there.
pub(crate) fn no_documents(database: &str, collection: &str) -> Vec<u8> {
    let namespace = format!("{database}.{collection}");
    let cursor = Builder::new().array("firstBatch", Builder::new()).int64("id", 0).string("ns", &namespace);
    Builder::new().document("cursor", cursor).double("ok", 1.0).finish()
}

/// The count of nothing.
pub(crate) fn no_number() -> Vec<u8> {
    Builder::new().int32("n", 0).double("ok", 1.0).finish()
}

/// The values of nothing.
pub(crate) fn no_values() -> Vec<u8> {
    Builder::new().array("values", Builder::new()).double("ok", 1.0).finish()
}

/// The figures of a collection that is not there.
pub(crate) fn no_statistics(namespace: &Namespace) -> Vec<u8> {
    const ZEROS: &[&str] =
        &["size", "count", "numOrphanDocs", "storageSize", "totalSize", "nindexes", "totalIndexSize"];
    let body = Builder::new().string("ns", &namespace.to_string());
    let body = ZEROS.iter().fold(body, |body, name| body.int32(name, 0));
    body.document("indexSizes", Builder::new()).int32("scaleFactor", 1).double("ok", 1.0).finish()
}

/// The figures of a database that is not there.
pub(crate) fn no_database(database: &str) -> Vec<u8> {
    const ZEROS: &[&str] = &[
        "collections",
        "views",
        "objects",
        "avgObjSize",
        "dataSize",
        "storageSize",
        "indexes",
        "indexSize",
        "totalSize",
    ];
    let body = ZEROS.iter().fold(Builder::new().string("db", database), |body, name| body.int32(name, 0));
    body.int32("scaleFactor", 1).double("ok", 1.0).finish()
}

/// The explanation of what reads nothing.
pub(crate) fn nothing_explained(namespace: &Namespace) -> Vec<u8> {
    let end = || Builder::new().string("stage", "EOF");
    let planner = Builder::new()
        .string("namespace", &namespace.to_string())
        .flag("indexFilterSet", false)
        .document("winningPlan", end())
        .array("rejectedPlans", Builder::new());
    let figures = ["nReturned", "executionTimeMillis", "totalKeysExamined", "totalDocsExamined"];
    let executed = figures.iter().fold(Builder::new().flag("executionSuccess", true), |out, name| out.int32(name, 0));
    let executed = executed.document("executionStages", end().int32("nReturned", 0));
    Builder::new().document("queryPlanner", planner).document("executionStats", executed).double("ok", 1.0).finish()
}

/// The answer to a step of signing in.
pub(crate) fn sasl(conversation: i32, done: Done, payload: &[u8]) -> Vec<u8> {
    Builder::new()
        .int32("conversationId", conversation)
        .flag("done", matches!(done, Done::Yes))
        .binary("payload", 0, payload)
        .double("ok", 1.0)
        .finish()
}

/// Whether signing in is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// One more step.
    No,
    /// Signed in.
    Yes,
}

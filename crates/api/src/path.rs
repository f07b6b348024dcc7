//! The paths of the API, built in one place for those who call it.

/// Where Atlas's paths begin.
pub const ATLAS: &str = "/api/atlas/v2";

/// Where Byleave's own paths begin.
pub const BYLEAVE: &str = "/api/byleave/v1";

/// Whether a path ends access: a verb that takes no body, and that may be sent twice as well as once.
pub fn ends_access(path: &str) -> bool {
    [":end", ":revoke", ":revokeMongoDBEmployeeAccess", ":stopRecovery"].iter().any(|verb| path.ends_with(verb))
}

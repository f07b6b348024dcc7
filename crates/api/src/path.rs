//! The paths of the API, built in one place for those who call it.

/// Where Atlas's paths begin.
pub const ATLAS: &str = "/api/atlas/v2";

/// Where Byleave's own paths begin.
pub const BYLEAVE: &str = "/api/byleave/v1";

/// The header under whose value a POST is carried out once, however often it is sent.
pub const REQUEST_KEY: &str = "idempotency-key";

/// Whether a POST to this path heeds its [`REQUEST_KEY`], and any change at it an `If-Match`: what ends access is carried
/// out each time, and signing in is about nothing that others change.
pub fn takes_key(path: &str) -> bool {
    let is_ours = path.starts_with(ATLAS) || path.starts_with(BYLEAVE);
    let own = path.strip_prefix(BYLEAVE).unwrap_or_default();
    let is_sign_in = own == "/session" || own.starts_with("/session/") || own.ends_with(":claim");
    is_ours && !is_sign_in && !is_always_done(path)
}

/// Whether a POST to this path is carried out each time that it is sent: somebody may have opened again what it closes.
pub fn is_always_done(path: &str) -> bool {
    ends_access(path) || path.ends_with(":disable")
}

/// Whether a path ends access: a verb that takes no body, and that may be sent twice as well as once.
pub fn ends_access(path: &str) -> bool {
    [":end", ":revoke", ":revokeMongoDBEmployeeAccess", ":stopRecovery"].iter().any(|verb| path.ends_with(verb))
}

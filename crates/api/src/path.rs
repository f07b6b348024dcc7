//! The paths of the API, built in one place for those who call it.

/// Where Atlas's paths begin.
pub const ATLAS: &str = "/api/atlas/v2";

/// Where Byleave's own paths begin.
pub const BYLEAVE: &str = "/api/byleave/v1";

/// The header under whose value a POST is carried out once, however often it is sent.
pub const REQUEST_KEY: &str = "idempotency-key";

/// The verbs that end access: they take no body, and are carried out each time that they are sent, as somebody may have
/// opened again what they close.
const ENDS: [&str; 5] = ["disable", "end", "revoke", "revokeMongoDBEmployeeAccess", "stopRecovery"];

/// Whether a POST to this path heeds its [`REQUEST_KEY`], and any change at it an `If-Match`: what ends access is carried
/// out each time, and signing in is about nothing that others change.
pub fn takes_key(method: &str, path: &str) -> bool {
    let is_ours = path.starts_with(ATLAS) || path.starts_with(BYLEAVE);
    let own = own(path).unwrap_or_default();
    let is_sign_in = own == "/session" || own.starts_with("/session/") || verb(own).as_deref() == Some("claim");
    is_ours && !is_sign_in && !ends_access(method, path)
}

/// Whether a request ends access, whatever stands in its headers: it may be sent twice as well as once, and nothing but
/// the rules may keep it away.
pub fn ends_access(method: &str, path: &str) -> bool {
    match method {
        "POST" => verb(path).is_some_and(|verb| ENDS.contains(&verb.as_str())),
        "DELETE" => is_key_of_an_employee(path),
        _ => false,
    }
}

/// Whether a path is that of the settings of an organization, among them the block.
pub fn is_settings(path: &str) -> bool {
    let of = |root: &str| without_query(path).strip_prefix(root).and_then(|rest| rest.strip_suffix("/settings"));
    let id = of(ATLAS).and_then(|rest| rest.strip_prefix("/orgs/"));
    let id = id.or(of(BYLEAVE).and_then(|rest| rest.strip_prefix("/organizations/")));
    id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

/// What follows the last colon of a path, decoded once, as the server does with the parts of a path. Clients that encode
/// whole names send `%3A` for the colon.
fn verb(path: &str) -> Option<String> {
    let last = without_query(path).rsplit('/').next()?;
    let last = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
    last.rsplit_once(':').map(|(_, verb)| verb.to_owned())
}

fn is_key_of_an_employee(path: &str) -> bool {
    let parts = own(path).and_then(|own| own.strip_prefix("/employees/"));
    let keys = parts.and_then(|rest| rest.split_once("/keys/"));
    keys.is_some_and(|(employee, key)| !employee.contains('/') && !key.is_empty() && !key.contains('/'))
}

/// What of a path follows Byleave's own root.
fn own(path: &str) -> Option<&str> {
    without_query(path).strip_prefix(BYLEAVE)
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_the_same_however_it_is_written() {
        for path in [
            "/api/byleave/v1/sessions/1:end",
            "/api/byleave/v1/sessions/1%3Aend",
            "/api/byleave/v1/sessions/1%3a%65nd?pretty=true",
            "/api/atlas/v2/groups/1/clusters/a:revoke%4DongoDBEmployeeAccess",
            "/api/atlas/v2/groups/1/clusters/a%3Ab:revoke",
            "/api/byleave/v1/organizations/1%3AstopRecovery",
            "/api/byleave/v1/employees/1:disabl%65",
        ] {
            assert!(ends_access("POST", path) && !takes_key("POST", path), "{path}");
            assert!(!ends_access("GET", path), "{path}");
        }
        for path in [
            "/api/byleave/v1/groups/1/clusters/a:grant",
            "/api/byleave/v1/groups/1/clusters/a%253Arevoke",
            "/api/byleave/v1/groups/1/clusters/revoke",
            "/api/byleave/v1/groups/1%3Arevoke/clusters",
            "/api/byleave/v1/employees/1%3Aenable",
        ] {
            assert!(!ends_access("POST", path) && takes_key("POST", path), "{path}");
        }
        assert!(!takes_key("POST", "/api/byleave/v1/invitations/t%3Aclaim"));
        assert!(!takes_key("POST", "/api/byleave/v1/session?pretty=true"));
    }

    #[test]
    fn a_key_of_an_employee_is_access_too() {
        assert!(ends_access("DELETE", "/api/byleave/v1/employees/1/keys/2"));
        for path in
            ["/api/byleave/v1/employees/1/keys/", "/api/byleave/v1/organizations/1/apiKeys/2", "/employees/1/keys/2"]
        {
            assert!(!ends_access("DELETE", path), "{path}");
        }
    }

    #[test]
    fn settings_are_those_of_an_organization() {
        assert!(
            is_settings("/api/atlas/v2/orgs/1/settings") && is_settings("/api/byleave/v1/organizations/1/settings")
        );
        for path in ["/api/atlas/v2/orgs/1/users/settings", "/api/atlas/v2/orgs//settings", "/settings"] {
            assert!(!is_settings(path), "{path}");
        }
    }
}

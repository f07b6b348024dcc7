//! Whoever bears the token of an invitation or of a link for a new password is let through whatever was sent from their
//! address before: 256 random bits are not guessed, and behind one address many people can be. Wrong ones stay counted by
//! address.
//!
//! What this may cost a server that turns others away is one hash and one indexed read, and nothing for what does not
//! look like a token. It must never tell more of a wrong token than that there were too many requests.

use byleave_api::path::BYLEAVE;

use crate::app::App;
use crate::rate::TooMany;

/// How many hexadecimal digits a token has.
const DIGITS: usize = 64;

/// Whether a request that was counted by its address is taken: also past the limit if its path has a right token, which
/// then has a limit of its own.
///
/// # Errors
/// [`TooMany`] if it must not be looked at.
pub(crate) async fn admit(app: &App, counted: Result<(), TooMany>, path: &str) -> Result<(), TooMany> {
    let (Err(too_many), Some(token)) = (counted, token(path)) else { return counted };
    match app.store.invitation(token, &app.read_clock()).await {
        Ok(facts) => app.counters.bearer(&facts),
        Err(_) => Err(too_many),
    }
}

/// The token in the path of a page or of the API, if there can be one.
fn token(path: &str) -> Option<&str> {
    let after = path.strip_prefix(BYLEAVE).unwrap_or(path).strip_prefix("/invitations/")?;
    let (token, verb) = after.split_at_checked(DIGITS)?;
    let is_claim = matches!(verb, "" | ":claim" | "%3Aclaim" | "%3aclaim");
    (is_claim && token.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_token_is_one() {
        let right = "0a".repeat(32);
        for (before, after) in [
            ("/invitations/", ""),
            ("/api/byleave/v1/invitations/", ""),
            ("/api/byleave/v1/invitations/", ":claim"),
            ("/api/byleave/v1/invitations/", "%3Aclaim"),
        ] {
            assert_eq!(token(&format!("{before}{right}{after}")), Some(right.as_str()), "{before} {after}");
        }
        let long = format!("/invitations/{right}0");
        let other = format!("/users/invitations/{right}");
        for path in ["/invitations/", "/invitations/0a", "/invitations/ä", &long, &other, "/"] {
            assert_eq!(token(path), None, "{path}");
        }
        assert_eq!(token(&format!("/invitations/{}", "x".repeat(64))), None);
    }
}

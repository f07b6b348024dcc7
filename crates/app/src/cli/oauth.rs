//! A service account on the command line: its client id and secret, and the token that it gets for them.
//!
//! The token lasts an hour and is kept nowhere: each command gets its own.

use reqwest::{Url, header};
use serde::Deserialize;

use super::fault::{Exit, Fault, Outcome};

/// A service account's credentials.
pub(crate) struct Account {
    /// The client id.
    pub(crate) id: String,
    /// The secret.
    pub(crate) secret: String,
}

/// What the server answers: a token, or why there is none.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    access_token: String,
    error_description: Option<String>,
    detail: Option<String>,
}

/// Gets a token.
///
/// # Errors
/// If the server cannot be reached, or does not take the secret.
pub(super) async fn token(http: &reqwest::Client, server: &Url, account: &Account) -> Outcome<String> {
    let url = server.join("/api/oauth/token").map_err(|error| Fault::usage(error.to_string()))?;
    let asked = http.post(url).basic_auth(&account.id, Some(&account.secret));
    let asked = asked.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let unreachable = |error: reqwest::Error| {
        let error = anyhow::Error::new(error.without_url()).context(format!("no answer from `{server}`"));
        Fault { exit: Exit::Unavailable, ..Fault::from(error) }
    };
    let answer = asked.body("grant_type=client_credentials").send().await.map_err(unreachable)?;
    let status = answer.status();
    let said: Said = serde_json::from_slice(&answer.bytes().await.map_err(unreachable)?).unwrap_or_default();
    if status.is_success() && !said.access_token.is_empty() {
        return Ok(said.access_token);
    }
    let exit = match status.as_u16() {
        429 | 502..=504 => Exit::Unavailable,
        _ => Exit::Denied,
    };
    let why = said.error_description.or(said.detail).unwrap_or_else(|| format!("the server answered {status}"));
    Err(Fault::new(exit, format!("there is no token for the service account `{}`: {why}", account.id)))
}

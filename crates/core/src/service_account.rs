//! Service accounts: what programs of a customer sign in with by OAuth 2.0 client credentials.
//!
//! An account has at most two secrets, so that one can take the place of the other without a gap. Texts of secrets and
//! tokens are never here; they are drawn at the edge and kept as hashes.

use crate::id::ServiceAccountId;
use crate::setting::SecretHours;
use crate::time::{HOUR, Timestamp};

/// What every client id begins with.
const CLIENT_ID: &str = "mdb_sa_id_";

/// The most secrets of one account.
pub const SECRETS: usize = 2;

/// How long an access token lasts, in milliseconds, unless its secret ends before.
pub const TOKEN_FOR: i64 = HOUR;

/// The text is no client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be mdb_sa_id_ followed by 24 lower-case hexadecimal digits")]
pub struct ClientIdError;

impl ServiceAccountId {
    /// The id as clients know it.
    pub fn client_id(&self) -> String {
        format!("{CLIENT_ID}{self}")
    }

    /// Reads the id as clients know it.
    ///
    /// # Errors
    /// [`ClientIdError`] for any other text.
    pub fn from_client_id(text: &str) -> Result<Self, ClientIdError> {
        text.strip_prefix(CLIENT_ID).and_then(|digits| digits.parse().ok()).ok_or(ClientIdError)
    }
}

/// Why an account gets no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It would last longer than the organization allows.
    #[error("must be at most {} hours, the longest that the organization's settings allow", .0.hours())]
    TooLong(SecretHours),
    /// The account has as many as it can have.
    #[error("a service account has at most 2 secrets; remove one first")]
    TooMany,
}

/// Makes a secret of an account that has `present` ones (those that ran out count until they are removed), and says when
/// it ends. It lasts at most as long as the organization allows.
///
/// # Errors
/// [`SecretError`].
pub fn add_secret(
    present: usize,
    wanted: SecretHours,
    longest: SecretHours,
    now: Timestamp,
) -> Result<Timestamp, SecretError> {
    if present >= SECRETS {
        return Err(SecretError::TooMany);
    }
    if wanted > longest {
        return Err(SecretError::TooLong(longest));
    }
    Ok(wanted.until(now))
}

/// When an access token ends that is issued at `now` for a secret that ends at `secret_until`; `None` if the secret is
/// over.
pub fn token_until(secret_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (secret_until > now).then(|| now.plus(TOKEN_FOR).min(secret_until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_has_exactly_one_spelling() {
        let id = ServiceAccountId::from_bytes([0xab; 12]);
        let text = id.client_id();
        assert_eq!(text, format!("mdb_sa_id_{}", "ab".repeat(12)));
        assert_eq!(ServiceAccountId::from_client_id(&text), Ok(id));
        for bad in ["", "mdb_sa_id_", &"ab".repeat(12), &text.to_uppercase(), &format!("{text}0"), &format!(" {text}")]
        {
            assert_eq!(ServiceAccountId::from_client_id(bad), Err(ClientIdError), "{bad}");
        }
    }

    #[test]
    fn a_secret_lasts_no_longer_than_the_organization_allows_and_there_are_two() {
        let (at, hours) = (Timestamp::from_millis(1_000), |hours| SecretHours::new(hours).unwrap());
        assert_eq!(add_secret(1, hours(8), hours(8), at), Ok(at.plus(8 * HOUR)));
        assert_eq!(add_secret(1, hours(8760), SecretHours::MAX, at), Ok(at.plus(8760 * HOUR)));
        assert_eq!(add_secret(1, hours(25), hours(24), at), Err(SecretError::TooLong(hours(24))));
        assert_eq!(add_secret(2, hours(8), hours(24), at), Err(SecretError::TooMany));
    }

    #[test]
    fn a_token_never_outlives_its_secret() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(token_until(now.plus(8 * HOUR), now), Some(now.plus(TOKEN_FOR)));
        assert_eq!(token_until(now.plus(1), now), Some(now.plus(1)));
        assert_eq!(token_until(now, now), None);
    }
}

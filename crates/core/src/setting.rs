//! Settings of an organization that are numbers with limits. The block and the longest grant are facts of their own.
//!
//! This module must never hold a setting that nothing enforces.

use crate::time::{HOUR, Timestamp};

/// How long a secret of a service account is valid, or may be at the longest: 8 hours to a year, in whole hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHours(i64);

/// The number of hours is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number of hours from {} to {}", SecretHours::LEAST, SecretHours::MOST)]
pub struct SecretHoursError;

impl SecretHours {
    const LEAST: i64 = 8;
    const MOST: i64 = 8760;

    /// A year: what holds unless an owner sets less.
    pub const MAX: Self = Self(Self::MOST);

    /// This many hours.
    ///
    /// # Errors
    /// [`SecretHoursError`] for less than 8 or more than 8760.
    pub const fn new(hours: i64) -> Result<Self, SecretHoursError> {
        if hours >= Self::LEAST && hours <= Self::MOST { Ok(Self(hours)) } else { Err(SecretHoursError) }
    }

    /// The number.
    pub const fn hours(self) -> i64 {
        self.0
    }

    /// When a secret ends that was made at `at`.
    pub const fn until(self, at: Timestamp) -> Timestamp {
        at.plus(self.0 * HOUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_lives_eight_hours_to_a_year() {
        for bad in [i64::MIN, -1, 0, 7, 8761, i64::MAX] {
            assert_eq!(SecretHours::new(bad), Err(SecretHoursError), "{bad}");
        }
        assert_eq!(SecretHours::new(8).map(SecretHours::hours), Ok(8));
        assert_eq!(SecretHours::new(8760), Ok(SecretHours::MAX));
        assert_eq!(SecretHoursError.to_string(), "must be a whole number of hours from 8 to 8760");
    }
}

//! Employee identifiers: the pseudonyms under which customers see support engineers.
//!
//! `<vendor>-employee-<digits>`: at least 8 random digits, unique per organization and employee, replaced after 30
//! days, not used again for at least 365 days. Nothing here can be traced back to a person without the store.

use std::fmt;
use std::str::FromStr;

use crate::name::{NameError, VendorSlug};
use crate::time::{DAY, Timestamp};

/// How long one identifier is used, in milliseconds.
pub const USED_FOR: i64 = 30 * DAY;
/// How long a value is not given to anybody else, counted from its creation, in milliseconds.
pub const RESERVED_FOR: i64 = 365 * DAY;

/// A pseudonym such as `acme-employee-40718236`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmployeeIdentifier(String);

impl EmployeeIdentifier {
    /// Makes an identifier of eight digits from random bytes.
    pub fn new(vendor: &VendorSlug, random: [u8; 8]) -> Self {
        Self(format!("{vendor}-employee-{:08}", u64::from_be_bytes(random) % 100_000_000))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmployeeIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmployeeIdentifier {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let sound = text.split_once("-employee-").is_some_and(|(vendor, digits)| {
            vendor.parse::<VendorSlug>().is_ok()
                && (8..=20).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
        });
        if sound { Ok(Self(text.to_owned())) } else { Err(NameError("must be <vendor>-employee-<at least 8 digits>")) }
    }
}

/// One identifier as it was assigned to an employee in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The pseudonym.
    pub identifier: EmployeeIdentifier,
    /// When it was assigned.
    pub assigned_at: Timestamp,
}

impl Assignment {
    /// Whether the employee still goes by this identifier.
    pub fn is_current(&self, now: Timestamp) -> bool {
        now < self.assigned_at.plus(USED_FOR)
    }

    /// Whether nobody else may get this value yet.
    pub fn is_reserved(&self, now: Timestamp) -> bool {
        now < self.assigned_at.plus(RESERVED_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_lives_30_days_and_is_reserved_365() {
        let vendor: VendorSlug = "acme".parse().unwrap();
        let identifier = EmployeeIdentifier::new(&vendor, [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(identifier.as_str(), "acme-employee-00000007");
        assert_eq!(identifier.as_str().parse(), Ok(identifier.clone()));
        let assigned_at = Timestamp::from_millis(1_000);
        let assignment = Assignment { identifier, assigned_at };
        assert!(assignment.is_current(assigned_at.plus(USED_FOR - 1)));
        assert!(!assignment.is_current(assigned_at.plus(USED_FOR)));
        assert!(assignment.is_reserved(assigned_at.plus(RESERVED_FOR - 1)));
        assert!(!assignment.is_reserved(assigned_at.plus(RESERVED_FOR)));
        for bad in ["", "acme-employee-1234567", "Acme-employee-12345678", "acme-employee-1234567x", "mia@acme"] {
            assert!(bad.parse::<EmployeeIdentifier>().is_err(), "{bad}");
        }
    }
}

//! Identifiers: 12 random bytes each, written as 24 lower-case hexadecimal digits (the shape Atlas clients expect).
//! One kind cannot be passed for another. Where to read next: [`crate::name`] for what people call things.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The text was not 24 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 24 lower-case hexadecimal digits")]
pub struct IdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// Makes the identifier of these 12 bytes (random ones, for a new thing).
            pub const fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(bytes)
            }

            /// The 12 bytes.
            pub const fn as_bytes(&self) -> &[u8; 12] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                write_hex(&self.0, f)?;
                f.write_str(")")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                read_hex(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// An organization.
    OrgId
    /// A project (`group` in API paths).
    ProjectId
    /// A cluster.
    ClusterId
    /// A node, one host of a cluster.
    NodeId
    /// A customer's person.
    UserId
    /// A digest key of a customer.
    ApiKeyId
    /// A service account of a customer. Clients know it as `mdb_sa_id_` and these digits.
    ServiceAccountId
    /// A secret of a service account.
    SecretId
    /// A single-use invitation of a customer's person.
    InvitationId
    /// A support engineer of the vendor. Never shown to a customer.
    EmployeeId
    /// A public key of an employee.
    EmployeeKeyId
    /// A grant.
    GrantId
    /// An access request.
    RequestId
    /// A recovery of a lost last owner.
    RecoveryId
    /// A session.
    SessionId
    /// An event: the first 12 bytes of its leaf hash.
    EventId
    /// One start of the installation's server.
    StartId
    /// An installation of Byleave: names the origin of its logs.
    InstallationId
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().try_for_each(|byte| f.write_char(digit(byte >> 4)).and_then(|()| f.write_char(digit(byte & 0xf))))
}

/// Reads `2 * N` lower-case hexadecimal digits.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(IdError),
    };
    if text.len() != 2 * N {
        return Err(IdError);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return Err(IdError) };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_exactly_one_spelling() {
        let text = "00ff0123456789abcdef0011";
        let id: OrgId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        for bad in [
            "",
            "00FF0123456789abcdef0011",
            "00ff0123456789abcdef001",
            "00ff0123456789abcdef00112",
            "zz",
            "é0ff0123456789abcdef001",
        ] {
            assert_eq!(bad.parse::<OrgId>(), Err(IdError), "{bad}");
        }
    }
}

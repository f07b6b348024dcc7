//! The plain values that events are made of, so that the log and the store can write and read every event without
//! knowing it.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::access::{Basis, Denial};
use crate::actor::By;
use crate::grant::{GrantEnd, GrantType};
use crate::id::{
    ApiKeyId, ClusterId, EmployeeId, EmployeeKeyId, GrantId, InvitationId, NodeId, OrgId, ProjectId, RecoveryId,
    RequestId, SecretId, ServiceAccountId, SessionId, StartId, UserId, read_hex,
};
use crate::identifier::EmployeeIdentifier;
use crate::inventory::{LogKind, Revision, SyncMechanism};
use crate::name::{
    Address, ClusterName, HostName, LogName, LogPath, OrgName, ProjectName, PublicKey, SyncCa, SyncDatabase,
    SyncServers,
};
use crate::network::Network;
use crate::role::Roles;
use crate::session::SessionEnd;
use crate::setting::SecretHours;
use crate::time::{Timestamp, Ttl};

/// A text that may have to be erased later. The log holds only SHA-256(salt ‖ text); the text and its salt stand
/// beside it until they are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasable {
    /// Only the hash is left, or was handed out.
    Erased {
        /// SHA-256(salt ‖ text).
        digest: [u8; 32],
    },
    /// The text is at hand.
    Kept {
        /// 16 random bytes.
        salt: [u8; 16],
        /// The text.
        text: String,
    },
}

impl Erasable {
    /// The text, if it is at hand.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Erased { .. } => None,
            Self::Kept { text, .. } => Some(text),
        }
    }
}

/// A plain value of an event's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Absent,
    /// Yes or no.
    Bool(bool),
    /// A text that may be erased.
    Erasable(Erasable),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Several texts, in order.
    Texts(Vec<String>),
}

/// The value does not fit the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {rule}")]
pub struct FieldError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub rule: String,
}

/// A type that can stand in a field of an event.
pub trait Field: Sized {
    /// The plain value.
    fn to_value(&self) -> Value;

    /// Reads the plain value; the error is the rule it breaks.
    ///
    /// # Errors
    /// The rule that the value breaks.
    fn from_value(value: Value) -> Result<Self, String>;
}

/// The fields of an event by name.
pub type Fields = BTreeMap<&'static str, Value>;

macro_rules! text_fields {
    ($($name:ty),* $(,)?) => {$(
        impl Field for $name {
            fn to_value(&self) -> Value {
                Value::Text(self.to_string())
            }

            fn from_value(value: Value) -> Result<Self, String> {
                parse(value)
            }
        }
    )*};
}

text_fields!(
    Address,
    ApiKeyId,
    ClusterId,
    ClusterName,
    EmployeeId,
    EmployeeIdentifier,
    EmployeeKeyId,
    GrantId,
    GrantType,
    HostName,
    InvitationId,
    LogName,
    LogPath,
    Network,
    NodeId,
    OrgId,
    OrgName,
    ProjectId,
    ProjectName,
    PublicKey,
    RecoveryId,
    RequestId,
    SecretId,
    ServiceAccountId,
    SessionEnd,
    SessionId,
    StartId,
    String,
    SyncCa,
    SyncDatabase,
    SyncServers,
    Timestamp,
    UserId,
);

fn parse<T: FromStr<Err: ToString>>(value: Value) -> Result<T, String> {
    match value {
        Value::Text(text) => text.parse().map_err(|error: T::Err| error.to_string()),
        Value::Absent | Value::Bool(_) | Value::Erasable(_) | Value::Int(_) | Value::Texts(_) => {
            Err("must be a text".into())
        }
    }
}

fn one_of<T: Copy>(value: Value, all: &[T], text: fn(T) -> &'static str) -> Result<T, String> {
    let given: String = parse(value)?;
    all.iter().copied().find(|item| text(*item) == given).ok_or_else(|| "is not a known word".into())
}

macro_rules! word_fields {
    ($($name:ty),* $(,)?) => {$(
        impl Field for $name {
            fn to_value(&self) -> Value {
                Value::Text(self.as_str().to_owned())
            }

            fn from_value(value: Value) -> Result<Self, String> {
                one_of(value, Self::ALL, Self::as_str)
            }
        }
    )*};
}

word_fields!(
    Denial,
    GrantEnd,
    LogKind,
    SyncMechanism,
    crate::event::Forwarding,
    crate::event::Side,
    crate::event::Tried
);

impl Field for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(bool) => Ok(bool),
            Value::Absent | Value::Erasable(_) | Value::Int(_) | Value::Text(_) | Value::Texts(_) => {
                Err("must be true or false".into())
            }
        }
    }
}

impl Field for i64 {
    fn to_value(&self) -> Value {
        Value::Int(*self)
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Int(int) => Ok(int),
            Value::Absent | Value::Bool(_) | Value::Erasable(_) | Value::Text(_) | Value::Texts(_) => {
                Err("must be a whole number".into())
            }
        }
    }
}

impl Field for Revision {
    fn to_value(&self) -> Value {
        Value::Int(self.number())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        Self::new(i64::from_value(value)?).ok_or_else(|| "must be a positive number".into())
    }
}

impl Field for SecretHours {
    fn to_value(&self) -> Value {
        Value::Int(self.hours())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        Self::new(i64::from_value(value)?).map_err(|error| error.to_string())
    }
}

impl Field for Ttl {
    fn to_value(&self) -> Value {
        Value::Int(self.millis())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        Self::from_millis(i64::from_value(value)?).map_err(|error| error.to_string())
    }
}

impl Field for Erasable {
    fn to_value(&self) -> Value {
        Value::Erasable(self.clone())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Erasable(erasable) => Ok(erasable),
            Value::Absent | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Texts(_) => {
                Err("must be a hash of an erasable text".into())
            }
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Absent, Field::to_value)
    }

    fn from_value(value: Value) -> Result<Self, String> {
        if value == Value::Absent { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl Field for [u8; 32] {
    fn to_value(&self) -> Value {
        Value::Text(self.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        read_hex(&parse::<String>(value)?).map_err(|_| "must be 64 lower-case hexadecimal digits".into())
    }
}

impl Field for Basis {
    fn to_value(&self) -> Value {
        Value::Text(match self {
            Self::Grant { id } => format!("grant:{id}"),
            Self::Standing => "standing".into(),
        })
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let text: String = parse(value)?;
        match text.strip_prefix("grant:") {
            Some(id) => id.parse().map(|id| Self::Grant { id }).map_err(|error| error.to_string()),
            None if text == "standing" => Ok(Self::Standing),
            None => Err("must be standing or grant:<id>".into()),
        }
    }
}

impl Field for By {
    fn to_value(&self) -> Value {
        Value::Text(match self {
            Self::Administrator => "administrator".into(),
            Self::ApiKey(id) => format!("api-key:{id}"),
            Self::Employee(identifier) => format!("employee:{identifier}"),
            Self::ServiceAccount(id) => format!("service-account:{id}"),
            Self::System => "system".into(),
            Self::User(id) => format!("user:{id}"),
        })
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let text: String = parse(value)?;
        match text.split_once(':') {
            None if text == "administrator" => Ok(Self::Administrator),
            None if text == "system" => Ok(Self::System),
            Some(("api-key", id)) => id.parse().map(Self::ApiKey).map_err(|error| error.to_string()),
            Some(("employee", name)) => name.parse().map(Self::Employee).map_err(|error| error.to_string()),
            Some(("service-account", id)) => id.parse().map(Self::ServiceAccount).map_err(|error| error.to_string()),
            Some(("user", id)) => id.parse().map(Self::User).map_err(|error| error.to_string()),
            None | Some(_) => Err(
                "must be administrator, system, api-key:<id>, employee:<identifier>, service-account:<id> or user:<id>"
                    .into(),
            ),
        }
    }
}

/// Roles as `ORG_OWNER` or `GROUP_OWNER:<project id>`, in order.
impl Field for Roles {
    fn to_value(&self) -> Value {
        let organization = self.organization.iter().map(ToString::to_string);
        let projects =
            self.projects.iter().flat_map(|(project, roles)| roles.iter().map(move |role| format!("{role}:{project}")));
        Value::Texts(organization.chain(projects).collect())
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let Value::Texts(texts) = value else { return Err("must be a list of roles".into()) };
        let mut roles = Self::default();
        for text in texts {
            match text.split_once(':') {
                None => {
                    roles.organization.insert(text.parse().map_err(|error: crate::role::RoleError| error.to_string())?);
                }
                Some((role, project)) => {
                    let role = role.parse().map_err(|error: crate::role::RoleError| error.to_string())?;
                    let project = project.parse().map_err(|error: crate::id::IdError| error.to_string())?;
                    roles.projects.entry(project).or_default().insert(role);
                }
            }
        }
        Ok(roles)
    }
}

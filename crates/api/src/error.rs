//! The one shape of an error, on every path: Atlas's `ApiError`, with a closed list of codes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// An error as the API answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// The HTTP status.
    pub error: u16,
    /// The HTTP status in words.
    pub reason: String,
    /// What is wrong, for people.
    pub detail: String,
    /// What is wrong, for programs.
    pub error_code: ErrorCode,
    /// The values that `detail` names.
    #[serde(default)]
    #[schema(required)]
    pub parameters: Option<Vec<String>>,
    /// The fields of the request that broke a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_request_detail: Option<BadRequestDetail>,
}

/// The fields of a request that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BadRequestDetail {
    /// Field by field.
    pub fields: Vec<FieldViolation>,
}

/// A field and the rule it broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldViolation {
    /// The rule.
    pub description: String,
    /// The field, with dots and indexes where it is nested.
    pub field: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// What is wrong, for programs. The list is closed; `docs/errors.md` explains each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it travels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

codes! {
    /// The request was carried out before under its key; the answer is not kept.
    AnswerNotKept = "ANSWER_NOT_KEPT", 409;
    /// The clock is in doubt, so nothing new opens.
    ClockInDoubt = "CLOCK_IN_DOUBT", 409;
    /// No such cluster.
    ClusterNotFound = "CLUSTER_NOT_FOUND", 404;
    /// What is asked does not fit what is there.
    Conflict = "CONFLICT", 409;
    /// The organization has a project of this name.
    GroupAlreadyExists = "GROUP_ALREADY_EXISTS", 409;
    /// No such project.
    GroupNotFound = "GROUP_NOT_FOUND", 404;
    /// A value has a form that it must not have.
    InvalidAttribute = "INVALID_ATTRIBUTE", 400;
    /// Another request was carried out under this key.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 422;
    /// A value is none of the allowed ones.
    InvalidEnumValue = "INVALID_ENUM_VALUE", 400;
    /// Any other id does not have its form.
    InvalidId = "INVALID_ID", 400;
    /// The id of a project is not 24 lower-case hexadecimal digits.
    InvalidGroupId = "INVALID_GROUP_ID", 400;
    /// The id of an organization is not 24 lower-case hexadecimal digits.
    InvalidOrgId = "INVALID_ORG_ID", 400;
    /// The body is no JSON, or JSON of another form.
    InvalidJson = "INVALID_JSON", 400;
    /// A parameter of the query breaks a rule.
    InvalidQueryParameter = "INVALID_QUERY_PARAMETER", 400;
    /// The `Accept` header names no version that exists.
    InvalidVersionDate = "INVALID_VERSION_DATE", 406;
    /// The access list of the API key or service account does not hold the caller's address.
    IpAddressNotOnAccessList = "IP_ADDRESS_NOT_ON_ACCESS_LIST", 403;
    /// The inventory breaks a rule.
    InventoryRefused = "INVENTORY_REFUSED", 400;
    /// An organization keeps at least one user with `ORG_OWNER`.
    LastOwner = "LAST_OWNER", 409;
    /// The path exists, the method does not.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405;
    /// A required field is missing.
    MissingAttribute = "MISSING_ATTRIBUTE", 400;
    /// No such API key.
    ApiKeyNotFound = "API_KEY_NOT_FOUND", 404;
    /// The change was carried out at the door but is not recorded.
    CutButNotRecorded = "CUT_BUT_NOT_RECORDED", 503;
    /// No such organization.
    OrgNotFound = "ORG_NOT_FOUND", 404;
    /// The password breaks a rule.
    PasswordRefused = "PASSWORD_REFUSED", 400;
    /// The body is larger than 1 MiB.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413;
    /// Somebody else changed this since it was read.
    PreconditionFailed = "PRECONDITION_FAILED", 412;
    /// Too many requests at once.
    RateLimited = "RATE_LIMITED", 429;
    /// A request with this key is being carried out.
    RequestRunning = "REQUEST_RUNNING", 409;
    /// No such thing.
    ResourceNotFound = "RESOURCE_NOT_FOUND", 404;
    /// The store or the door cannot be reached.
    ServiceUnavailable = "SERVICE_UNAVAILABLE", 503;
    /// The setting exists in Atlas but is not enforced here, so it is not stored either.
    SettingNotEnforced = "SETTING_NOT_ENFORCED", 400;
    /// The password must be given again: the last time is more than 5 minutes ago.
    SignInAgain = "SIGN_IN_AGAIN", 403;
    /// Nobody is signed in, or not with these credentials.
    Unauthorized = "UNEXPECTED_ERROR", 401;
    /// Something is wrong on the server's side.
    InternalError = "INTERNAL_ERROR", 500;
    /// The body's media type is none that is taken here.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415;
    /// The role for this is missing.
    UserUnauthorized = "USER_UNAUTHORIZED", 403;
    /// A value breaks a rule.
    ValidationError = "VALIDATION_ERROR", 400;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no code of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCodeError(String);

impl fmt::Display for ErrorCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown error code `{}`", self.0)
    }
}

impl std::error::Error for ErrorCodeError {}

impl FromStr for ErrorCode {
    type Err = ErrorCodeError;

    fn from_str(text: &str) -> Result<Self, ErrorCodeError> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| ErrorCodeError(text.to_owned()))
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|code| code.as_str());
        let says = Some("What is wrong, for programs. The list is closed.");
        ObjectBuilder::new().schema_type(Type::String).description(says).enum_values(Some(words)).into()
    }
}

impl ToSchema for ErrorCode {}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_one_spelling_and_an_error_status() {
        let mut seen = BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((400..600).contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn every_code_is_explained_in_the_documentation() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let page = std::fs::read_to_string(path).unwrap();
        let rows: BTreeSet<String> = page.lines().filter(|line| line.starts_with("| `")).map(row).collect();
        let codes: BTreeSet<String> = ErrorCode::ALL.iter().map(|code| format!("{code} {}", code.status())).collect();
        assert_eq!(rows, codes);
    }

    /// Code and status of a line such as "| `CODE` | 404 | text |".
    fn row(line: &str) -> String {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let code = cells.next().unwrap().trim_matches('`');
        format!("{code} {}", cells.next().unwrap())
    }
}

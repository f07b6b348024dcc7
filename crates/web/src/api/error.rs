//! Why a request is not done: the one [`Failure`], which becomes Atlas's `ApiError` on every path.
//!
//! Two texts never mix: what the caller reads stands in the failure, what went wrong inside goes to the server's log.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use byleave_api::error::{ApiError, BadRequestDetail, ErrorCode, FieldViolation};
use byleave_core::grant::GiveError;
use byleave_core::recovery::RecoveryError;
use byleave_core::request::ApproveError;
use byleave_core::service_account::SecretError;
use byleave_store::StoreError;
use byleave_store::error::{Conflict, Rule, Thing};
use byleave_store::repeat::Answer;

use crate::api::repeat;
use crate::auth::password::HashError;
use crate::auth::sign_in::SignInError;
use crate::door::DoorError;
use crate::rate::{LIMIT, REMAINING, TooMany};

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: ErrorCode,
    detail: String,
    parameters: Option<Vec<String>>,
    fields: Vec<FieldViolation>,
    headers: Vec<(HeaderName, String)>,
    answered: Option<Box<Answer>>,
}

impl Failure {
    /// A failure with a text for the caller.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), parameters: None, fields: Vec::new(), headers: Vec::new(), answered: None }
    }

    /// No failure: the request was carried out before and answered like this. It ends a handler as a failure does.
    pub(crate) fn answered(answer: Answer) -> Self {
        let failure = Self::new(ErrorCode::AnswerNotKept, "");
        Self { answered: Some(Box::new(answer)), ..failure }
    }

    /// A field of the request broke a rule.
    pub fn field(code: ErrorCode, field: impl Into<String>, rule: impl Into<String>) -> Self {
        let (field, rule) = (field.into(), rule.into());
        let mut failure = Self::new(code, format!("field `{field}` {rule}"));
        failure.fields.push(FieldViolation { description: rule, field });
        failure
    }

    /// The role for this is missing.
    pub fn forbidden() -> Self {
        Self::new(ErrorCode::UserUnauthorized, "Current user is not authorized to perform this action.")
    }

    /// Nobody is signed in with these credentials; `challenge` says how to.
    pub fn unauthorized(challenge: String) -> Self {
        Self::new(ErrorCode::Unauthorized, "You are not authorized for this resource.")
            .with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Nothing is here.
    pub fn not_found(path: &str) -> Self {
        let mut failure = Self::new(ErrorCode::ResourceNotFound, format!("Cannot find resource {path}."));
        failure.parameters = Some(vec![path.to_owned()]);
        failure
    }

    /// The same with another text.
    #[must_use]
    pub fn saying(mut self, detail: String, parameters: Vec<String>) -> Self {
        self.detail = detail;
        self.parameters = Some(parameters);
        self
    }

    /// A header that goes with it.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names the things of the path that the code is about, as Atlas does.
    #[must_use]
    pub fn naming(mut self, names: &Names) -> Self {
        let get = |name: &Option<String>| name.clone().unwrap_or_default();
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these codes name something of the path")]
        let (detail, parameters) = match self.code {
            // Where the path names none, there is nothing to add.
            ErrorCode::ClusterNotFound if names.cluster.is_some() => {
                let (name, group) = (get(&names.cluster), get(&names.group));
                (format!("No cluster named {name} exists in group {group}."), vec![name, group])
            }
            ErrorCode::GroupNotFound => {
                (format!("No group with ID {} exists.", get(&names.group)), vec![get(&names.group)])
            }
            ErrorCode::OrgNotFound => (
                format!("No organization with ID {} exists.", get(&names.organization)),
                vec![get(&names.organization)],
            ),
            ErrorCode::ApiKeyNotFound => {
                (format!("No API Key with ID {} exists.", get(&names.other)), vec![get(&names.other)])
            }
            _ => return self,
        };
        self.detail = detail;
        self.parameters = Some(parameters);
        self
    }

    /// The code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    fn body(self) -> ApiError {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        ApiError {
            error: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default().to_owned(),
            detail: self.detail,
            error_code: self.code,
            parameters: self.parameters,
            bad_request_detail: (!self.fields.is_empty()).then_some(BadRequestDetail { fields: self.fields }),
        }
    }
}

/// The things that a path names, for the texts of failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The organization's id.
    pub organization: Option<String>,
    /// The project's id.
    pub group: Option<String>,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// Any other id.
    pub other: Option<String>,
}

impl IntoResponse for Failure {
    fn into_response(mut self) -> Response {
        if let Some(answer) = self.answered.take() {
            return repeat::replay(*answer);
        }
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = std::mem::take(&mut self.headers);
        let code = self.code;
        let mut response = (status, Json(self.body())).into_response();
        let map = response.headers_mut();
        map.insert(HeaderName::from_static("x-error-code"), HeaderValue::from_static(code.as_str()));
        map.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                map.append(name, value);
            }
        }
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => Self::new(code_of(conflict), conflict.to_string()),
            StoreError::Corrupt(_) => {
                log(&error);
                internal()
            }
            StoreError::Forbidden(_) => Self::forbidden(),
            StoreError::NotFound(thing) => {
                Self::new(not_found(thing), format!("there is no such {}, or you may not know of it", thing.as_str()))
            }
            StoreError::Refused(rule) => rule.into(),
            StoreError::Repeated(again) => repeat::again(again),
            StoreError::Stale => Self::new(
                ErrorCode::PreconditionFailed,
                "somebody else changed this since you read it; nothing was changed now: read it again",
            ),
            StoreError::Unavailable(_) => {
                log(&error);
                Self::new(
                    ErrorCode::ServiceUnavailable,
                    "the server cannot read or record anything now; nothing was changed",
                )
                .with_header(header::RETRY_AFTER, "5".to_owned())
            }
        }
    }
}

const fn code_of(conflict: Conflict) -> ErrorCode {
    match conflict {
        Conflict::ClockInDoubt => ErrorCode::ClockInDoubt,
        Conflict::LastOwner => ErrorCode::LastOwner,
        Conflict::ProjectNameTaken => ErrorCode::GroupAlreadyExists,
        Conflict::ApiKeyTaken
        | Conflict::BasisEnded
        | Conflict::Claimed
        | Conflict::EmployeeKeyTaken
        | Conflict::EmployeeNameTaken
        | Conflict::NetworkTaken
        | Conflict::NotClaimed
        | Conflict::NotInDoubt
        | Conflict::OrganizationNameTaken
        | Conflict::PasswordChanged
        | Conflict::RequestOver
        | Conflict::SessionEnded
        | Conflict::SessionTaken
        | Conflict::UserNameTaken => ErrorCode::Conflict,
    }
}

const fn not_found(thing: Thing) -> ErrorCode {
    match thing {
        Thing::ApiKey => ErrorCode::ApiKeyNotFound,
        Thing::Cluster => ErrorCode::ClusterNotFound,
        Thing::Organization => ErrorCode::OrgNotFound,
        Thing::Project => ErrorCode::GroupNotFound,
        Thing::Employee
        | Thing::EmployeeKey
        | Thing::Event
        | Thing::Identifier
        | Thing::Installation
        | Thing::Invitation
        | Thing::PasswordReset
        | Thing::Network
        | Thing::Node
        | Thing::Request
        | Thing::Secret
        | Thing::ServiceAccount
        | Thing::Session
        | Thing::User => ErrorCode::ResourceNotFound,
    }
}

impl From<Rule> for Failure {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Approve(error @ (ApproveError::Longer { .. } | ApproveError::Over)) => {
                Self::field(ErrorCode::ValidationError, "duration", error.to_string())
            }
            Rule::Approve(error @ ApproveError::Wider { .. }) => {
                Self::field(ErrorCode::ValidationError, "grantType", error.to_string())
            }
            Rule::Recovery(error @ RecoveryError::ClockDoubt) => Self::new(ErrorCode::ClockInDoubt, error.to_string()),
            Rule::Recovery(error) => Self::new(ErrorCode::Conflict, error.to_string()),
            // Only employees ask, and not here.
            Rule::Ask(error) => Self::new(ErrorCode::Conflict, error.to_string()),
            Rule::Give(GiveError::ClockDoubt) => Self::new(ErrorCode::ClockInDoubt, GiveError::ClockDoubt.to_string()),
            Rule::Give(GiveError::Duration(error)) => {
                Self::field(ErrorCode::ValidationError, "duration", error.to_string())
            }
            Rule::Give(GiveError::NoSyncData) => Self::field(
                ErrorCode::ValidationError,
                "grantType",
                format!("cannot be granted: {}", GiveError::NoSyncData),
            ),
            Rule::Inventory(errors) => {
                let mut failure = Self::new(ErrorCode::InventoryRefused, Rule::Inventory(errors.clone()).to_string());
                failure.fields = errors
                    .iter()
                    .map(|error| FieldViolation { description: error.to_string(), field: "clusters".to_owned() })
                    .collect();
                failure
            }
            Rule::Secret(SecretError::TooMany) => {
                Self::field(ErrorCode::ValidationError, "secrets", "can be at most 2 secrets; remove one first")
            }
            Rule::Secret(error @ SecretError::TooLong(_)) => {
                Self::field(ErrorCode::ValidationError, "secretExpiresAfterHours", error.to_string())
            }
            Rule::TooManyNetworks => Self::field(ErrorCode::ValidationError, "body", Rule::TooManyNetworks.to_string()),
            Rule::NoRole => Self::field(ErrorCode::ValidationError, "roles", "must name at least one role"),
            Rule::ForeignProject => {
                Self::field(ErrorCode::ValidationError, "roles", "must name projects of the organization only")
            }
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        log(&error);
        internal()
    }
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Hash(error) => error.into(),
            SignInError::Store(error) => error.into(),
            SignInError::TooEarly(early) => {
                let seconds = early.seconds();
                Self::new(ErrorCode::RateLimited, SignInError::TooEarly(early).to_string())
                    .with_header(header::RETRY_AFTER, seconds.to_string())
            }
            SignInError::Wrong => Self::new(ErrorCode::Unauthorized, SignInError::Wrong.to_string()),
        }
    }
}

impl From<TooMany> for Failure {
    fn from(too_many: TooMany) -> Self {
        let seconds = too_many.retry_after;
        let failure =
            Self::new(ErrorCode::RateLimited, format!("too many requests; the next one is taken in {seconds} seconds"))
                .with_header(header::RETRY_AFTER, seconds.to_string());
        let left = too_many.left();
        failure.with_header(LIMIT, left.limit.to_string()).with_header(REMAINING, left.remaining.to_string())
    }
}

impl From<DoorError> for Failure {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::NotFound => Self::new(ErrorCode::ResourceNotFound, error.to_string()),
            DoorError::Unavailable(text) => Self::new(ErrorCode::ServiceUnavailable, text),
        }
    }
}

/// The caller learns nothing of what went wrong inside.
pub fn internal() -> Failure {
    Failure::new(ErrorCode::InternalError, "something is wrong on the server; its log says what")
}

/// Writes an error with its whole chain to the server's log, once.
fn log(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    tracing::error!(error = text, "request failed");
}

#[cfg(test)]
impl Failure {
    /// The body, for tests.
    pub(crate) fn clone_body(&self) -> ApiError {
        self.clone().body()
    }
}

//! When a request is sent again: after 429 always, since nothing was done; after 503 or a lost connection only if doing
//! it twice is the same as once.

use std::time::Duration;

use byleave_api::byleave::Done;
use byleave_api::error::ErrorCode;
use byleave_api::path::{BYLEAVE, ends_access};
use reqwest::{Method, StatusCode};

use super::client::{Answer, Request};

/// The waits before the second, third and fourth try, if the server names none.
const WAITS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];
/// The longest wait that a server may ask for; whoever asks for more is told of the refusal instead.
const LONGEST: Duration = Duration::from_secs(30);

/// The tries that are left of one request.
pub(super) struct Retries {
    /// Whether twice is the same as once.
    is_idempotent: bool,
    /// Whether the server carries it out once under its key.
    has_key: bool,
    /// What a removal is answered that was done in an earlier try; `None` for all else.
    removed: Option<Answer>,
    was_lost: bool,
    waits: std::array::IntoIter<Duration, 3>,
}

impl Retries {
    pub(super) fn new(request: &Request<'_>) -> Self {
        Self {
            is_idempotent: is_idempotent(request),
            has_key: request.takes_key(),
            removed: (request.method == Method::DELETE).then(|| removed(&request.path)),
            was_lost: false,
            waits: WAITS.into_iter(),
        }
    }

    /// How long to wait after an answer before the request is sent again; `None` if the answer stands.
    pub(super) fn after_answer(&mut self, answer: &Answer) -> Option<Duration> {
        let again = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            // It was carried out at the door: whoever asked must hear so at once, and sends it again.
            StatusCode::SERVICE_UNAVAILABLE if is_cut(answer) => false,
            // Without a wait it may be what was asked for, such as a check of a node, that cannot be done.
            StatusCode::SERVICE_UNAVAILABLE => self.is_idempotent || self.has_key && answer.retry_after.is_some(),
            // A conflict with a wait is an earlier try of ours that is still being carried out.
            StatusCode::CONFLICT => (self.is_idempotent || self.has_key) && answer.retry_after.is_some(),
            _ => false,
        };
        let wait = self.waits.next().filter(|_| again)?;
        Some(answer.retry_after.unwrap_or(wait)).filter(|wait| *wait <= LONGEST)
    }

    /// The same after a lost connection; `was_sent` if the server may have had the request.
    pub(super) fn after_loss(&mut self, was_sent: bool) -> Option<Duration> {
        self.was_lost |= was_sent;
        self.waits.next().filter(|_| self.is_idempotent || self.has_key)
    }

    /// The answer that stands. What a try removed whose answer was lost is not there for the next one: that is success.
    pub(super) fn settle(&mut self, answer: Answer) -> Answer {
        let is_gone = self.was_lost && answer.status == StatusCode::NOT_FOUND;
        self.removed.take().filter(|_| is_gone).unwrap_or(answer)
    }
}

/// Whether the door was cut while nothing could be recorded.
fn is_cut(answer: &Answer) -> bool {
    let said = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    said.get("errorCode").and_then(serde_json::Value::as_str) == Some(ErrorCode::CutButNotRecorded.as_str())
}

/// Whether the request may be carried out twice, by what it asks for.
fn is_idempotent(request: &Request<'_>) -> bool {
    matches!(request.method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE)
        || ends_access(request.method.as_str(), &request.path)
        || request.blocks()
}

/// The answer to a removal: ours tell what was recorded, which only the lost one knew.
fn removed(path: &str) -> Answer {
    let body = if path.starts_with(BYLEAVE) { serde_json::to_vec(&Done::default()) } else { Ok(Vec::new()) };
    Answer { status: StatusCode::OK, body: body.unwrap_or_default(), retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(method: Method, path: &str, status: u16, retry_after: Option<u64>) -> usize {
        let request = Request { method, path: path.to_owned(), accept: "", body: None, tag: None };
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, body: Vec::new(), retry_after: retry_after.map(Duration::from_secs) };
        let mut retries = Retries::new(&request);
        1 + std::iter::from_fn(|| retries.after_answer(&answer)).count()
    }

    #[test]
    fn what_was_not_done_or_may_be_done_twice_is_tried_again() {
        for (method, path, status, retry_after, expected) in [
            (Method::GET, "/x", 200, None, 1),
            (Method::GET, "/x", 404, None, 1),
            (Method::GET, "/x", 429, Some(2), 4),
            (Method::POST, "/x", 429, Some(2), 4),
            (Method::POST, "/x", 429, Some(31), 1),
            (Method::GET, "/x", 503, Some(5), 4),
            (Method::GET, "/x", 503, None, 4),
            (Method::POST, "/clusters/a:grant", 503, Some(5), 1),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 503, Some(5), 4),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 409, Some(1), 4),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 409, None, 1),
            (Method::POST, "/api/byleave/v1/session", 503, Some(5), 1),
            (Method::POST, "/clusters/a:revoke", 503, Some(5), 4),
            (Method::POST, "/clusters/a:revoke", 503, None, 4),
            (Method::POST, "/api/byleave/v1/nodes/1:check", 503, None, 1),
            (Method::PATCH, "/settings", 503, Some(5), 1),
        ] {
            assert_eq!(tries(method.clone(), path, status, retry_after), expected, "{method} {path} {status}");
        }
    }

    #[test]
    fn a_lost_connection_is_tried_again_only_if_twice_is_once() {
        let losses = |method, path: &str| {
            let request = Request { method, path: path.to_owned(), accept: "", body: None, tag: None };
            let mut retries = Retries::new(&request);
            std::iter::from_fn(|| retries.after_loss(true)).count()
        };
        assert_eq!(losses(Method::GET, "/x"), 3);
        assert_eq!(losses(Method::POST, "/api/byleave/v1/sessions/1:end"), 3);
        assert_eq!(losses(Method::POST, "/groups/1/clusters/a%3Arevoke?pretty=true"), 3, "as the server reads it");
        assert_eq!(losses(Method::POST, "/api/atlas/v2/orgs/1/apiKeys?pretty=true"), 3, "it has a key");
        assert_eq!(losses(Method::POST, "/api/byleave/v1/invitations/t:claim"), 0, "nobody has keys yet");
        assert_eq!(losses(Method::POST, "/x"), 0);
        assert_eq!(losses(Method::PATCH, "/x"), 0);
    }

    #[test]
    fn a_block_gets_through_and_nothing_else_of_settings_is_sent_twice() {
        for (path, body, expected) in [
            ("/api/byleave/v1/organizations/1/settings", r#"{"restrictEmployeeAccess":true}"#, 3),
            ("/api/atlas/v2/orgs/1/settings?pretty=true", r#"{ "restrictEmployeeAccess": true }"#, 3),
            ("/api/atlas/v2/orgs/1/settings", r#"{"restrictEmployeeAccess":false}"#, 0),
            ("/api/atlas/v2/orgs/1/settings", r#"{"restrictEmployeeAccess":true,"securityContact":"a@b.c"}"#, 0),
            ("/api/atlas/v2/orgs/1/users/2", r#"{"restrictEmployeeAccess":true}"#, 0),
        ] {
            let body = Some(body.as_bytes().to_vec());
            let request = Request { method: Method::PATCH, path: path.to_owned(), accept: "", body, tag: None };
            let mut retries = Retries::new(&request);
            assert_eq!(std::iter::from_fn(|| retries.after_loss(true)).count(), expected, "{path}");
        }
    }

    #[test]
    fn what_a_lost_try_removed_is_a_success_and_what_was_never_there_is_not() {
        let settled = |method: Method, was_sent: Option<bool>| {
            let path = "/api/byleave/v1/organizations/1/apiKeys/2".to_owned();
            let mut retries = Retries::new(&Request { method, path, accept: "", body: None, tag: None });
            was_sent.map(|was_sent| retries.after_loss(was_sent));
            retries.settle(Answer { status: StatusCode::NOT_FOUND, body: Vec::new(), retry_after: None }).status
        };
        assert_eq!(settled(Method::DELETE, Some(true)), StatusCode::OK);
        assert_eq!(settled(Method::DELETE, Some(false)), StatusCode::NOT_FOUND, "no server had it");
        assert_eq!(settled(Method::DELETE, None), StatusCode::NOT_FOUND);
        assert_eq!(settled(Method::GET, Some(true)), StatusCode::NOT_FOUND);
    }
}

//! When a request is sent again: after 429 always, since nothing was done; after 503 or a lost connection only if doing
//! it twice is the same as once.

use std::time::Duration;

use byleave_api::path::ends_access;
use reqwest::{Method, StatusCode};

use super::client::{Answer, Request};

/// The waits before the second, third and fourth try, if the server names none.
const WAITS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];
/// The longest wait that a server may ask for; whoever asks for more is told of the refusal instead.
const LONGEST: Duration = Duration::from_secs(30);

/// The tries that are left of one request.
pub(super) struct Retries {
    is_repeatable: bool,
    waits: std::array::IntoIter<Duration, 3>,
}

impl Retries {
    pub(super) fn new(request: &Request<'_>) -> Self {
        Self {
            is_repeatable: request.takes_key() || is_repeatable(&request.method, &request.path),
            waits: WAITS.into_iter(),
        }
    }

    /// How long to wait after an answer before the request is sent again; `None` if the answer stands.
    pub(super) fn after_answer(&mut self, answer: &Answer) -> Option<Duration> {
        let again = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            // A conflict with a wait is an earlier try of ours that is still being carried out.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT => {
                self.is_repeatable && answer.retry_after.is_some()
            }
            _ => false,
        };
        let wait = self.waits.next().filter(|_| again)?;
        Some(answer.retry_after.unwrap_or(wait)).filter(|wait| *wait <= LONGEST)
    }

    /// The same after a lost connection.
    pub(super) fn after_loss(&mut self) -> Option<Duration> {
        self.waits.next().filter(|_| self.is_repeatable)
    }
}

/// Whether the request may be carried out twice. One with a key is carried out once anyway.
fn is_repeatable(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE) || ends_access(method.as_str(), path)
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
            (Method::GET, "/x", 503, None, 1),
            (Method::POST, "/clusters/a:grant", 503, Some(5), 1),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 503, Some(5), 4),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 409, Some(1), 4),
            (Method::POST, "/api/byleave/v1/groups/1/clusters/a:grant", 409, None, 1),
            (Method::POST, "/api/byleave/v1/session", 503, Some(5), 1),
            (Method::POST, "/clusters/a:revoke", 503, Some(5), 4),
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
            std::iter::from_fn(|| retries.after_loss()).count()
        };
        assert_eq!(losses(Method::GET, "/x"), 3);
        assert_eq!(losses(Method::POST, "/api/byleave/v1/sessions/1:end"), 3);
        assert_eq!(losses(Method::POST, "/groups/1/clusters/a%3Arevoke?pretty=true"), 3, "as the server reads it");
        assert_eq!(losses(Method::POST, "/api/atlas/v2/orgs/1/apiKeys?pretty=true"), 3, "it has a key");
        assert_eq!(losses(Method::POST, "/api/byleave/v1/invitations/t:claim"), 0, "nobody has keys yet");
        assert_eq!(losses(Method::POST, "/x"), 0);
        assert_eq!(losses(Method::PATCH, "/x"), 0);
    }
}

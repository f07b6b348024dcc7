//! What employees say to customers, passed on to the store: asking, looking, handing back.
//!
//! The gateway learns no more of a host than the store tells the employee.

use byleave_core::id::SessionId;
use byleave_core::request::Wish;
use byleave_core::time::Reading;
use byleave_gateway::control::{OwnRequest, Reply, SayError, Saying, What};
use byleave_store::error::Rule;
use byleave_store::request::{self, Ask, GivenBack, HandBack};
use byleave_store::{Store, StoreError};

use super::unanswered;

/// What came of it.
pub(super) struct Said {
    /// What the employee is answered.
    pub(super) reply: Reply,
    /// The sessions that are to be ended.
    pub(super) ending: Vec<SessionId>,
}

impl From<Reply> for Said {
    fn from(reply: Reply) -> Self {
        Self { reply, ending: Vec::new() }
    }
}

/// Passes it on.
pub(super) async fn pass_on(store: &Store, now: &Reading, saying: Saying) -> Result<Said, SayError> {
    let Saying { session, employee, key, host, what } = saying;
    match what {
        What::HandBack => {
            let back = HandBack { employee, key, host, session };
            let GivenBack { ending, withdrawn } = store.hand_back(now, back).await.map_err(refused)?.value;
            Ok(Said { reply: Reply::HandedBack { withdrawn }, ending })
        }
        What::Request(wish) => {
            let made = store.make_request(now, Ask { employee, key, host, wish }).await.map_err(refused)?;
            Ok(Reply::Requested { replaced: made.value }.into())
        }
        What::Requests => {
            let requests = store.own_requests(now, employee, key).await.map_err(refused)?;
            Ok(Reply::Requests(requests.into_iter().map(shown).collect()).into())
        }
    }
}

fn shown(request: request::OwnRequest) -> OwnRequest {
    let request::OwnRequest { host, wish: Wish { kind, ttl, case, reason }, asked_at, status, answer } = request;
    OwnRequest { host, kind, ttl, case, reason, asked_at, status, answer }
}

fn refused(error: StoreError) -> SayError {
    match error {
        StoreError::Refused(Rule::Ask(error)) => SayError::Ask(error),
        StoreError::Conflict(_)
        | StoreError::Forbidden(_)
        | StoreError::NotFound(_)
        | StoreError::Refused(_)
        | StoreError::Repeated(_)
        | StoreError::Stale => SayError::NotOpen,
        StoreError::Corrupt(_) | StoreError::Unavailable(_) => {
            unanswered(&error);
            SayError::Unavailable
        }
    }
}

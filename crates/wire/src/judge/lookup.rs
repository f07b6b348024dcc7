//! Whether a name is that of a collection: asked of the server before a session's first use of it.
//!
//! It must never give out an [`Allowed`] for a view, or on an answer that is not understood.

use super::{Allowed, Objection, Refusal, Verdict};
use crate::answer::Code;
use crate::reply::{self, ReplyError};
use crate::scope::{Namespace, Scope};

/// A request that waits for the server to say what its collection is.
#[derive(Clone, PartialEq, Eq)]
pub struct Lookup {
    pub(super) body: Vec<u8>,
    pub(super) namespace: Namespace,
    pub(super) then: Allowed,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("then", &self.then).finish_non_exhaustive()
    }
}

impl Lookup {
    /// The question to the server, to be framed by [`crate::frame::message`].
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What is asked about.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Takes the server's answer to the question that was sent under the id `asked`: a collection is remembered and the
    /// request goes on; a name that does not exist goes on and is not remembered; all else is refused.
    ///
    /// # Errors
    /// [`ReplyError`] if the answer is not understood; the connection to the server cannot go on.
    pub fn settle(self, frame: &[u8], asked: i32, scope: &mut Scope) -> Result<Verdict<'static>, ReplyError> {
        let refuse = |text: String, then: Allowed| {
            let Objection { code, text } = Objection::new(Code::Unauthorized, text);
            Verdict::Refused(Refusal { code, text, record: then.record })
        };
        Ok(match reply::kind(frame, asked, &self.namespace)? {
            reply::Kind::Collection => {
                scope.learn(self.namespace);
                Verdict::Allowed(self.then)
            }
            reply::Kind::Missing => Verdict::Allowed(self.then),
            reply::Kind::Other(kind) => {
                let text = format!("`{}` is a {kind}; only collections are open to support", self.namespace);
                refuse(text, self.then)
            }
            reply::Kind::Refused => {
                let text = format!("the server does not say what `{}` is, so it is not open", self.namespace);
                refuse(text, self.then)
            }
        })
    }
}

//! Whether a database is there and whether a name is that of a collection: asked of the server before a session's first use
//! of either.
//!
//! It must never give out an [`Allowed`] for a view, for what is not there (some servers make what is asked about), or on
//! an answer that is not understood. What is not there is answered here, as a server would.

use super::command::finish;
use super::list::Target;
use super::{Allowed, Empty, Expect, Objection, Verdict, refusal};
use crate::answer::{self, Code};
use crate::builder::Builder;
use crate::reply::{self, ReplyError};
use crate::scope::{Namespace, Scope};

/// What the server is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Collection,
    Database,
}

/// A request that waits for the server to say whether its database is there, or what its collection is.
#[derive(Clone, PartialEq, Eq)]
pub struct Lookup {
    question: Question,
    body: Vec<u8>,
    namespace: Namespace,
    then: Allowed,
    target: Target,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("then", &self.then).finish_non_exhaustive()
    }
}

/// Lets a request go on if its database is known to be there and its collection to be one, else asks first.
pub(super) fn looked_up(target: Target, namespace: Namespace, then: Allowed, scope: &Scope) -> Verdict<'static> {
    let limit = scope.limits().max_time_ms;
    let (question, body) = if !scope.knows_database(&namespace.database) {
        let filter = Builder::new().string("name", &namespace.database);
        let body = Builder::new()
            .int32("listDatabases", 1)
            .document("filter", filter)
            .flag("nameOnly", true)
            .flag("authorizedDatabases", true)
            .int32("maxTimeMS", limit);
        (Question::Database, finish(body, "admin", scope))
    } else if target == Target::Collection && !scope.knows(&namespace) {
        let filter = Builder::new().string("name", &namespace.collection);
        let body = Builder::new()
            .int32("listCollections", 1)
            .document("filter", filter)
            .document("cursor", Builder::new())
            .int32("maxTimeMS", limit);
        (Question::Collection, finish(body, &namespace.database, scope))
    } else {
        return Verdict::Allowed(then);
    };
    Verdict::Lookup(Lookup { question, body, namespace, then, target })
}

/// The answer of a server that has no such collection or database.
fn nothing(then: Allowed, namespace: &Namespace) -> Verdict<'static> {
    let Namespace { database, collection } = namespace;
    let (code, body) = match (then.expect(), then.record().command.as_str()) {
        (_, "listIndexes") => {
            let text = format!("ns does not exist: {namespace}");
            (Some(Code::NamespaceNotFound), answer::error(Code::NamespaceNotFound, &text))
        }
        (Expect::Number, _) => (None, answer::no_number()),
        (Expect::Values, _) => (None, answer::no_values()),
        (Expect::Explanation(_), _) => (None, answer::nothing_explained(namespace)),
        (Expect::Statistics(_), "dbStats") => (None, answer::no_database(database)),
        (Expect::Statistics(_), _) => (None, answer::no_statistics(namespace)),
        (Expect::Cursor(_) | Expect::Databases | Expect::Killed(_) | Expect::Next(..), _) => {
            (None, answer::no_documents(database, collection))
        }
    };
    Verdict::Empty(Empty { code, body, record: then.record })
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

    /// Takes the server's answer to the question that was sent under the id `asked`. What is there is remembered: the request
    /// goes on, or waits for one more question. What is not there is not remembered, and answered; all else is refused.
    ///
    /// # Errors
    /// [`ReplyError`] if the answer is not understood; the connection to the server cannot go on.
    pub fn settle(self, frame: &[u8], asked: i32, scope: &mut Scope) -> Result<Verdict<'static>, ReplyError> {
        let refuse = |text: String, then: Allowed| {
            let objection =
                Objection::about(Code::Unauthorized, text, "it is no collection, or the server does not say so");
            Verdict::Refused(refusal(objection, then.record))
        };
        let kind = match self.question {
            Question::Collection => reply::kind(frame, asked, &self.namespace)?,
            Question::Database => reply::database(frame, asked, &self.namespace.database)?,
        };
        Ok(match kind {
            reply::Kind::Collection => {
                scope.learn(self.namespace);
                Verdict::Allowed(self.then)
            }
            reply::Kind::Database => {
                scope.learn_database(&self.namespace.database);
                looked_up(self.target, self.namespace, self.then, scope)
            }
            reply::Kind::Missing => nothing(self.then, &self.namespace),
            reply::Kind::Other(kind) => {
                let text = format!("`{}` is a {kind}; only collections are open to support", self.namespace);
                refuse(text, self.then)
            }
            reply::Kind::Refused => {
                let name = match self.question {
                    Question::Collection => self.namespace.to_string(),
                    Question::Database => self.namespace.database.clone(),
                };
                let text = format!("the server does not say what `{name}` is, so it is not open");
                refuse(text, self.then)
            }
        })
    }
}

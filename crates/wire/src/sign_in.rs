//! Signing in at the gateway: the conversation of `saslStart` and `saslContinue` on one connection.
//!
//! It must never say why it failed: every failure is one answer, and starts over from nothing.

use crate::answer::{self, Code, Done};
use crate::judge::{Ending, SaslContinue, SaslStart};
use crate::scram::server::{self, Challenged};
use crate::scram::{ScramError, Verifier};

/// The number of the one conversation of a connection.
const CONVERSATION: i32 = 1;

/// How far a connection is with signing in.
#[derive(Debug, Default)]
pub enum SignIn {
    /// Nothing was said.
    #[default]
    Nobody,
    /// A challenge was sent.
    Challenged(Box<Challenged>, Ending),
    /// The proof was right; the client still sends an empty message.
    Proved(String),
    /// Signed in.
    Done(String),
}

impl SignIn {
    /// Who signed in.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Done(user) => Some(user),
            Self::Nobody | Self::Challenged(..) | Self::Proved(_) => None,
        }
    }

    /// Who was challenged, whoever it is.
    pub fn tried(&self) -> Option<&str> {
        match self {
            Self::Challenged(challenged, _) => Some(challenged.user()),
            Self::Proved(user) | Self::Done(user) => Some(user),
            Self::Nobody => None,
        }
    }

    /// Takes the first step and gives the answer; the arguments are those of [`server::challenge`].
    ///
    /// # Errors
    /// [`ScramError`], for our own log; the client gets [`failed`].
    pub fn start(
        &mut self,
        step: SaslStart<'_>,
        nonce: &str,
        find: impl FnOnce(&str) -> Option<Verifier>,
        mock_key: &[u8; 32],
    ) -> Result<Vec<u8>, ScramError> {
        *self = Self::Nobody;
        let (challenged, message) = server::challenge(step.payload, nonce, find, mock_key)?;
        *self = Self::Challenged(Box::new(challenged), step.ending);
        Ok(answer::sasl(CONVERSATION, Done::No, &message))
    }

    /// Takes a further step and gives the answer.
    ///
    /// # Errors
    /// [`ScramError`], for our own log; the client gets [`failed`].
    pub fn go_on(&mut self, step: SaslContinue<'_>) -> Result<Vec<u8>, ScramError> {
        let before = std::mem::take(self);
        if step.conversation != i64::from(CONVERSATION) {
            return Err(ScramError::Message);
        }
        match before {
            Self::Challenged(challenged, ending) => {
                let proved = challenged.verify(step.payload)?;
                let done = match ending {
                    Ending::EmptyExchange => Done::No,
                    Ending::Short => Done::Yes,
                };
                *self = match done {
                    Done::No => Self::Proved(proved.user),
                    Done::Yes => Self::Done(proved.user),
                };
                Ok(answer::sasl(CONVERSATION, done, &proved.message))
            }
            Self::Proved(user) if step.payload.is_empty() => {
                *self = Self::Done(user);
                Ok(answer::sasl(CONVERSATION, Done::Yes, &[]))
            }
            Self::Proved(_) | Self::Nobody | Self::Done(_) => Err(ScramError::Message),
        }
    }
}

/// The one answer to every failure.
pub fn failed() -> Vec<u8> {
    answer::error(Code::AuthenticationFailed, "signing in failed")
}

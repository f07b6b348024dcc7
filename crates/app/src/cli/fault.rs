//! Why a command failed: an exit code for scripts, the chain of causes, and what to do next.

use anyhow::anyhow;

use super::output::ReaderGone;

/// The exit codes. 0 is success, and clap's own 2 is [`Exit::Usage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work.
    Failure = 1,
    /// It was asked for in a way that cannot work.
    Usage = 2,
    /// Whoever asked may not.
    Denied = 3,
    /// There is no such thing, or whoever asked may not know of it.
    NotFound = 4,
    /// The server cannot be reached, or cannot record.
    Unavailable = 5,
    /// Nobody reads the output any more: what shells say of a program that SIGPIPE ended.
    ReaderGone = 141,
}

/// A command failed.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What went wrong, outermost first.
    pub(crate) error: anyhow::Error,
    /// What to do next.
    pub(crate) advice: Option<String>,
}

/// What a command comes to.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A fault with this exit code and text.
    pub(crate) fn new(exit: Exit, text: impl std::fmt::Display) -> Self {
        Self { exit, error: anyhow!("{text}"), advice: None }
    }

    /// A fault that more care with the command line avoids.
    pub(crate) fn usage(text: impl std::fmt::Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The whole chain in one line.
    pub(crate) fn text(&self) -> String {
        format!("{:#}", self.error)
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        let exit = if error.is::<ReaderGone>() { Exit::ReaderGone } else { Exit::Failure };
        Self { exit, error, advice: None }
    }
}

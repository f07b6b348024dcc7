//! A request as a whole: one frame of a client, walked from the first byte to the last before anything looks at it.

use crate::bson::{self, BsonError, Document};
use crate::frame::{self, FrameError, Header, Message, Operation, Sequence};

/// How a request came, which is how its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// `OP_MSG`; answered in kind.
    Message,
    /// `OP_MSG` whose sender does not wait for an answer, and gets none, whatever the verdict. Only the end of a driver's
    /// own sessions passes so.
    Unanswered,
    /// The legacy first hello, answered by `OP_REPLY`.
    Legacy,
}

/// A request whose every byte was walked, up to the first fault.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The client's number, which the answer names.
    pub id: i32,
    /// How it came.
    pub manner: Manner,
    /// The command.
    pub body: Document<'a>,
    /// Documents beside the command. No command that is open has any.
    pub sequences: Vec<Sequence<'a>>,
    /// What is wrong with the command, if anything is. It is never let through then: what could be read of it is for the
    /// record.
    pub fault: Option<BsonError>,
}

impl<'a> Request<'a> {
    /// Reads a whole frame of a client. A frame that is sound around a command that is not has a [`Request::fault`], and can
    /// be answered.
    ///
    /// # Errors
    /// [`FrameError`] if the frame is not understood; the connection cannot go on.
    pub fn read(frame: &'a [u8], longest: usize) -> Result<Self, FrameError> {
        let (header, _) = Header::split(frame, longest)?;
        let request = match header.operation {
            Operation::Message => {
                let Message { header, flags, body, sequences } = Message::read(frame, longest)?;
                let manner = if flags.has_more_to_come() { Manner::Unanswered } else { Manner::Message };
                Self { id: header.id, manner, body, sequences, fault: None }
            }
            Operation::Query => {
                let (header, body) = frame::legacy_query(frame, longest)?;
                Self { id: header.id, manner: Manner::Legacy, body, sequences: Vec::new(), fault: None }
            }
            Operation::Reply => return Err(FrameError::Operation(1)),
        };
        let fault = bson::check(request.body).err();
        let name = request.command().unwrap_or_default();
        match request.manner {
            Manner::Legacy if !matches!(name, "hello" | "isMaster" | "ismaster") => Err(FrameError::Legacy),
            Manner::Legacy | Manner::Message | Manner::Unanswered => Ok(Self { fault, ..request }),
        }
    }

    /// Reads what a message of a client begins with that is longer than a request may be: enough to answer and record it.
    ///
    /// # Errors
    /// As [`Request::read`].
    pub fn begun(head: &'a [u8]) -> Result<Self, FrameError> {
        let (header, flags, body) = frame::begun(head)?;
        let manner = if flags.has_more_to_come() { Manner::Unanswered } else { Manner::Message };
        let (body, fault) = (Document::begun(body), Some(BsonError::Size));
        Ok(Self { id: header.id, manner, body, sequences: Vec::new(), fault })
    }

    /// The name of the command, which is that of the first element; empty if there is none.
    ///
    /// # Errors
    /// [`FrameError`] if it cannot be read.
    pub fn command(&self) -> Result<&'a str, FrameError> {
        Ok(self.body.head()?.map_or("", |element| element.name))
    }

    /// The answer to this request as it goes on the wire: no byte if the sender waits for none.
    pub fn answer(&self, id: i32, body: &[u8]) -> Vec<u8> {
        match self.manner {
            Manner::Message => frame::message(id, self.id, body),
            Manner::Unanswered => Vec::new(),
            Manner::Legacy => frame::legacy_reply(id, self.id, body),
        }
    }
}

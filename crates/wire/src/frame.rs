//! Frames: the header that every message begins with, `OP_MSG`, and the legacy pair that a first hello may use.
//!
//! This file must never believe a length before it is compared with a limit, and never pass over a byte it does not
//! understand: compressed frames, unknown operations, unknown flags, a wrong checksum and what follows the last
//! section are errors, after which a connection cannot be read any further and is closed.
//!
//! A door reads [`HEADER`] bytes, lets [`Header::read`] say how long the frame is, reads the rest, and hands the whole
//! to [`crate::request::Request::read`] or, for what the cluster sends, to [`crate::reply`].

use crate::bson::{BsonError, Document};
use crate::builder::length;
use crate::crc::crc32c;

/// How many bytes a header has.
pub const HEADER: usize = 16;

/// The longest frame of a client that has not signed in.
pub const LONGEST_BEFORE_SIGN_IN: usize = 16 * 1024;

/// The longest request: reading needs no more, whatever a hello says about documents.
pub const LONGEST_REQUEST: usize = 1024 * 1024;

/// The longest document that a hello promises to take: beside it there is room for what drivers add to a command.
pub const LONGEST_DOCUMENT: usize = LONGEST_REQUEST - 16 * 1024;

/// The longest frame of a server, as MongoDB has it. A longer one of a client closes its connection; one up to here is read
/// to its end, so that it can be answered.
pub const LONGEST_REPLY: usize = 48_000_000;

/// How many document sequences a frame may have.
const SECTIONS: usize = 8;

/// What is wrong with a frame. The connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A document in the frame cannot be read.
    #[error(transparent)]
    Bson(#[from] BsonError),
    /// Not one body.
    #[error("a message must have exactly one body")]
    Body,
    /// A checksum that is not that of the bytes.
    #[error("the checksum must be that of the message")]
    Checksum,
    /// A compressed frame, although compression is never negotiated.
    #[error("compression was not negotiated")]
    Compressed,
    /// A flag that we do not know.
    #[error("the flags {0:#010x} are not all known")]
    Flags(u32),
    /// A length outside its bounds.
    #[error("a message must have {HEADER} to {longest} bytes, not {length}")]
    Length {
        /// The length that was sent.
        length: i32,
        /// The limit.
        longest: usize,
    },
    /// A legacy query that is no first hello.
    #[error("a legacy query must be a hello on admin.$cmd")]
    Legacy,
    /// An operation that we do not take.
    #[error("the operation {0} is not taken")]
    Operation(i32),
    /// A section of unknown kind, or too many.
    #[error("a message must have a body and at most {SECTIONS} document sequences")]
    Section,
    /// Bytes are missing or left over.
    #[error("a message must end where its header says")]
    Truncated,
}

/// The operations that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `OP_MSG`, of today's clients and servers.
    Message,
    /// `OP_QUERY`, for a first hello.
    Query,
    /// `OP_REPLY`, the answer to it.
    Reply,
}

impl Operation {
    const fn number(self) -> i32 {
        match self {
            Self::Message => 2013,
            Self::Query => 2004,
            Self::Reply => 1,
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The length of the whole frame, these 16 bytes included.
    pub length: usize,
    /// The sender's number of this frame.
    pub id: i32,
    /// The number of the frame that this one answers.
    pub answers: i32,
    /// What follows.
    pub operation: Operation,
}

impl Header {
    /// Reads a header and compares the length with the longest frame that is taken here.
    ///
    /// # Errors
    /// [`FrameError`] if the length is outside its bounds or the operation is not taken.
    pub fn read(bytes: &[u8; HEADER], longest: usize) -> Result<Self, FrameError> {
        let mut reader = Reader { rest: bytes };
        let (length, id, answers, operation) = (reader.i32()?, reader.i32()?, reader.i32()?, reader.i32()?);
        let bounded = usize::try_from(length).ok().filter(|bytes| (HEADER..=longest).contains(bytes));
        let bounded = bounded.ok_or(FrameError::Length { length, longest })?;
        let operation = match operation {
            2013 => Operation::Message,
            2004 => Operation::Query,
            1 => Operation::Reply,
            2012 => return Err(FrameError::Compressed),
            other => return Err(FrameError::Operation(other)),
        };
        Ok(Self { length: bounded, id, answers, operation })
    }

    /// Takes the header off a whole frame.
    pub(crate) fn split(frame: &[u8], longest: usize) -> Result<(Self, &[u8]), FrameError> {
        let (head, rest) = frame.split_first_chunk().ok_or(FrameError::Truncated)?;
        let header = Self::read(head, longest)?;
        if header.length == frame.len() { Ok((header, rest)) } else { Err(FrameError::Truncated) }
    }

    pub(crate) fn write(self) -> [u8; HEADER] {
        let parts = [
            length(self.length),
            self.id.to_le_bytes(),
            self.answers.to_le_bytes(),
            self.operation.number().to_le_bytes(),
        ];
        let mut bytes = [0; HEADER];
        for (place, byte) in bytes.iter_mut().zip(parts.as_flattened()) {
            *place = *byte;
        }
        bytes
    }
}

/// The flags of `OP_MSG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    const CHECKSUM: u32 = 1;
    const MORE_TO_COME: u32 = 1 << 1;
    const EXHAUST_ALLOWED: u32 = 1 << 16;

    fn read(bits: u32) -> Result<Self, FrameError> {
        let known = Self::CHECKSUM | Self::MORE_TO_COME | Self::EXHAUST_ALLOWED;
        if bits & !known == 0 { Ok(Self(bits)) } else { Err(FrameError::Flags(bits)) }
    }

    /// Whether the frame ends with a checksum.
    pub const fn has_checksum(self) -> bool {
        self.0 & Self::CHECKSUM != 0
    }

    /// Whether the sender goes on without waiting for an answer.
    pub const fn has_more_to_come(self) -> bool {
        self.0 & Self::MORE_TO_COME != 0
    }

    /// Whether the sender would take several answers; we give one.
    pub const fn allows_exhaust(self) -> bool {
        self.0 & Self::EXHAUST_ALLOWED != 0
    }
}

/// The documents that a message carries beside its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence<'a> {
    /// The field of the command that they belong to.
    pub name: &'a str,
    /// How many they are.
    pub documents: usize,
}

/// What an `OP_MSG` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// The flags.
    pub flags: Flags,
    /// The one body.
    pub body: Document<'a>,
    /// The document sequences.
    pub sequences: Vec<Sequence<'a>>,
}

impl<'a> Message<'a> {
    /// Reads a whole `OP_MSG`; the documents in it are bounded, not walked.
    ///
    /// # Errors
    /// [`FrameError`] if anything in it is not understood.
    pub fn read(frame: &'a [u8], longest: usize) -> Result<Self, FrameError> {
        let (header, rest) = Header::split(frame, longest)?;
        match header.operation {
            Operation::Message => {}
            Operation::Query | Operation::Reply => return Err(FrameError::Operation(header.operation.number())),
        }
        let mut reader = Reader { rest };
        let flags = Flags::read(reader.u32()?)?;
        if flags.has_checksum() {
            let (sections, checksum) = reader.rest.split_last_chunk().ok_or(FrameError::Truncated)?;
            let (summed, _) = frame.split_last_chunk::<4>().ok_or(FrameError::Truncated)?;
            if u32::from_le_bytes(*checksum) != crc32c(summed) {
                return Err(FrameError::Checksum);
            }
            reader.rest = sections;
        }
        let (mut body, mut sequences) = (None, Vec::new());
        while !reader.rest.is_empty() {
            match reader.array()? {
                [0] if body.is_none() => body = Some(reader.document()?),
                [0] => return Err(FrameError::Body),
                [1] if sequences.len() < SECTIONS => sequences.push(reader.sequence()?),
                [_] => return Err(FrameError::Section),
            }
        }
        let body = body.ok_or(FrameError::Body)?;
        Ok(Self { header, flags, body, sequences })
    }
}

/// What an `OP_MSG` begins with: the header, the flags, and as much of the body as there is.
pub(crate) fn begun(head: &[u8]) -> Result<(Header, Flags, &[u8]), FrameError> {
    let (header, rest) = head.split_first_chunk().ok_or(FrameError::Truncated)?;
    let header = Header::read(header, LONGEST_REPLY)?;
    match header.operation {
        Operation::Message => {}
        Operation::Query | Operation::Reply => return Err(FrameError::Operation(header.operation.number())),
    }
    let mut reader = Reader { rest };
    let flags = Flags::read(reader.u32()?)?;
    match reader.array()? {
        [0] => Ok((header, flags, reader.rest)),
        [_] => Err(FrameError::Section),
    }
}

/// An `OP_MSG` with this body and nothing else, as it goes on the wire.
pub fn message(id: i32, answers: i32, body: &[u8]) -> Vec<u8> {
    const BEFORE_BODY: usize = HEADER + 4 + 1;
    let length = BEFORE_BODY.saturating_add(body.len());
    let mut frame = Vec::with_capacity(length);
    frame.extend(Header { length, id, answers, operation: Operation::Message }.write());
    frame.extend([0; 5]);
    frame.extend(body);
    frame
}

/// An `OP_REPLY` with this one document: the answer to a legacy hello.
pub fn legacy_reply(id: i32, answers: i32, body: &[u8]) -> Vec<u8> {
    const BEFORE_BODY: usize = HEADER + 4 + 8 + 4 + 4;
    /// The server can wait for data; every server of ten years says so.
    const AWAIT_CAPABLE: u32 = 1 << 3;
    let length = BEFORE_BODY.saturating_add(body.len());
    let mut frame = Vec::with_capacity(length);
    frame.extend(Header { length, id, answers, operation: Operation::Reply }.write());
    frame.extend(AWAIT_CAPABLE.to_le_bytes());
    frame.extend([0; 12]);
    frame.extend(1_i32.to_le_bytes());
    frame.extend(body);
    frame
}

/// Reads the one document of a legacy query on `admin.$cmd`.
pub(crate) fn legacy_query(frame: &[u8], longest: usize) -> Result<(Header, Document<'_>), FrameError> {
    /// Drivers ask so that members which are not primary answer, too.
    const SECONDARY_OK: u32 = 1 << 2;
    let (header, rest) = Header::split(frame, longest)?;
    match header.operation {
        Operation::Query => {}
        Operation::Message | Operation::Reply => return Err(FrameError::Operation(header.operation.number())),
    }
    let mut reader = Reader { rest };
    let flags = reader.u32()?;
    if flags & !SECONDARY_OK != 0 {
        return Err(FrameError::Flags(flags));
    }
    let namespace = reader.cstring()?;
    let (skip, wanted) = (reader.i32()?, reader.i32()?);
    let body = reader.document()?;
    if namespace != "admin.$cmd" || skip != 0 || !matches!(wanted, -1 | 1) {
        return Err(FrameError::Legacy);
    }
    if reader.rest.is_empty() { Ok((header, body)) } else { Err(FrameError::Truncated) }
}

#[derive(Clone)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn i32(&mut self) -> Result<i32, FrameError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn cstring(&mut self) -> Result<&'a str, FrameError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(FrameError::Truncated)?;
        let (text, rest) = self.rest.split_at_checked(end).ok_or(FrameError::Truncated)?;
        self.rest = rest;
        let [_zero] = self.array()?;
        std::str::from_utf8(text).map_err(|_| BsonError::Utf8.into())
    }

    fn document(&mut self) -> Result<Document<'a>, FrameError> {
        let (document, rest) = Document::first(self.rest)?;
        self.rest = rest;
        Ok(document)
    }

    /// A document sequence: its size (these four bytes included), its name, its documents.
    fn sequence(&mut self) -> Result<Sequence<'a>, FrameError> {
        let size = usize::try_from(self.i32()?).ok().and_then(|size| size.checked_sub(4));
        let (inner, rest) =
            self.rest.split_at_checked(size.ok_or(FrameError::Section)?).ok_or(FrameError::Truncated)?;
        self.rest = rest;
        let mut inner = Reader { rest: inner };
        let name = inner.cstring()?;
        let mut documents = 0_usize;
        while !inner.rest.is_empty() {
            inner.document()?;
            documents = documents.saturating_add(1);
        }
        Ok(Sequence { name, documents })
    }
}

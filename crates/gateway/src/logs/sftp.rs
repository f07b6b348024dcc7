//! Just enough of an SFTP client to read one file from its beginning to its end, with many reads on their way.
//!
//! It opens the one path it is given for reading and knows no other request. What a node answers is not trusted:
//! packets have a largest size, answers must be asked for, and no more is taken than was asked.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};

/// How much one request asks for.
const CHUNK: u32 = 32 * 1024;
/// How many requests are on their way at once.
const AHEAD: usize = 32;
/// The largest packet taken.
const LARGEST: usize = 256 * 1024;

/// Why a file cannot be read. The text is for the employee.
#[derive(Debug, thiserror::Error)]
pub(super) enum SftpError {
    #[error("the node closed the connection while the log was read")]
    Gone,
    #[error("the node's connection failed while the log was read")]
    Library(#[source] russh::Error),
    #[error("the node's file server does not keep to its protocol")]
    Protocol,
    #[error("the log is not there, or the node's account for logs may not read it")]
    Refused,
}

/// A file that is being read.
pub(super) struct Reader {
    out: ChannelWriteHalf<client::Msg>,
    messages: ChannelReadHalf,
    buffer: BytesMut,
    handle: Bytes,
    /// What was asked for, in order: request, place and length.
    asked: VecDeque<Asked>,
    answers: BTreeMap<u32, Answer>,
    next_request: u32,
    next_offset: u64,
    is_at_end: bool,
}

struct Asked {
    id: u32,
    offset: u64,
    length: u32,
}

enum Answer {
    Data(Bytes),
    End,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SftpError`] says why not.
    pub(super) async fn open(channel: Channel<client::Msg>, path: &str) -> Result<Self, SftpError> {
        let (messages, out) = channel.split();
        out.request_subsystem(false, "sftp").await.map_err(SftpError::Library)?;
        let mut reader = Self {
            out,
            messages,
            buffer: BytesMut::new(),
            handle: Bytes::new(),
            asked: VecDeque::new(),
            answers: BTreeMap::new(),
            next_request: 1,
            next_offset: 0,
            is_at_end: false,
        };
        reader.send(1, &[&3_u32.to_be_bytes()]).await?;
        if reader.packet().await?.0 != 2 {
            return Err(SftpError::Protocol);
        }
        let length = u32::try_from(path.len()).map_err(|_| SftpError::Protocol)?;
        let read_only = [1_u32.to_be_bytes(), 0_u32.to_be_bytes()].concat();
        reader.send(3, &[&0_u32.to_be_bytes(), &length.to_be_bytes(), path.as_bytes(), &read_only]).await?;
        let (kind, mut body) = reader.packet().await?;
        match (kind, body.try_get_u32().ok(), take_string(&mut body)) {
            (102, Some(0), Some(handle)) if handle.len() <= 256 => reader.handle = handle,
            (101, Some(0), _) => return Err(SftpError::Refused),
            _ => return Err(SftpError::Protocol),
        }
        Ok(reader)
    }

    /// The next bytes of the file; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SftpError> {
        loop {
            self.ask().await?;
            let Some(Asked { id, offset, length }) = self.asked.pop_front() else { return Ok(None) };
            let answer = loop {
                match self.answers.remove(&id) {
                    Some(answer) => break answer,
                    None => self.answer().await?,
                }
            };
            match answer {
                Answer::End => self.is_at_end = true,
                Answer::Data(data) => {
                    let got = u32::try_from(data.len()).ok().filter(|got| (1..=length).contains(got));
                    let got = got.ok_or(SftpError::Protocol)?;
                    if got < length {
                        self.ask_for(offset + u64::from(got), length - got).await?;
                    }
                    return Ok(Some(data));
                }
            }
        }
    }

    /// Keeps requests on their way, until the end was seen.
    async fn ask(&mut self) -> Result<(), SftpError> {
        while !self.is_at_end && self.asked.len() < AHEAD {
            let offset = self.next_offset;
            self.next_offset += u64::from(CHUNK);
            let asked = self.request(offset, CHUNK).await?;
            self.asked.push_back(asked);
        }
        Ok(())
    }

    /// Asks for the rest of an answer that was short, before all that comes after it.
    async fn ask_for(&mut self, offset: u64, length: u32) -> Result<(), SftpError> {
        let asked = self.request(offset, length).await?;
        self.asked.push_front(asked);
        Ok(())
    }

    async fn request(&mut self, offset: u64, length: u32) -> Result<Asked, SftpError> {
        let id = self.next_request;
        self.next_request = self.next_request.wrapping_add(1);
        let handle = self.handle.clone();
        let handle_length = u32::try_from(handle.len()).map_err(|_| SftpError::Protocol)?;
        let fields: [&[u8]; 5] =
            [&id.to_be_bytes(), &handle_length.to_be_bytes(), &handle, &offset.to_be_bytes(), &length.to_be_bytes()];
        self.send(5, &fields).await?;
        Ok(Asked { id, offset, length })
    }

    /// Takes in one answer.
    async fn answer(&mut self) -> Result<(), SftpError> {
        let (kind, mut body) = self.packet().await?;
        let id = body.try_get_u32().map_err(|_| SftpError::Protocol)?;
        let answer = match kind {
            103 => Answer::Data(take_string(&mut body).ok_or(SftpError::Protocol)?),
            101 => match body.try_get_u32() {
                Ok(1) => Answer::End,
                Ok(_) => return Err(SftpError::Refused),
                Err(_) => return Err(SftpError::Protocol),
            },
            _ => return Err(SftpError::Protocol),
        };
        if self.answers.len() > AHEAD * 2 {
            return Err(SftpError::Protocol);
        }
        self.answers.insert(id, answer);
        Ok(())
    }

    async fn send(&self, kind: u8, fields: &[&[u8]]) -> Result<(), SftpError> {
        let length: usize = fields.iter().map(|field| field.len()).sum();
        let length = u32::try_from(length + 1).map_err(|_| SftpError::Protocol)?;
        let mut packet = length.to_be_bytes().to_vec();
        packet.push(kind);
        fields.iter().for_each(|field| packet.extend_from_slice(field));
        self.out.data_bytes(packet).await.map_err(SftpError::Library)
    }

    async fn packet(&mut self) -> Result<(u8, Bytes), SftpError> {
        loop {
            if let Some(length) = self.buffer.first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                if length == 0 || length > LARGEST {
                    return Err(SftpError::Protocol);
                }
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    let mut packet = self.buffer.split_to(length).freeze();
                    let kind = packet.get_u8();
                    return Ok((kind, packet));
                }
            }
            match self.messages.wait().await {
                Some(ChannelMsg::Data { data }) => self.buffer.extend_from_slice(&data),
                Some(ChannelMsg::Close | ChannelMsg::Eof | ChannelMsg::Failure) | None => return Err(SftpError::Gone),
                Some(_) => {}
            }
        }
    }
}

fn take_string(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
    (length <= body.len()).then(|| body.split_to(length))
}
